//! Envelopes as programs make them, and what opens none.

use aes::cipher::BlockCipherEncrypt;

use super::*;

fn ciphered(key: &[u8], vector: Option<&[u8]>, bytes: &[u8]) -> Vec<u8> {
    let cipher = Aes256::new_from_slice(key).unwrap();
    let mut bytes = bytes.to_vec();
    bytes.resize(bytes.len().next_multiple_of(BLOCK), 0);
    let mut before = vector.map(|vector| padded(vector, BLOCK));
    let mut out = Vec::new();
    for block in bytes.as_chunks::<BLOCK>().0 {
        let mut block = Array::from(*block);
        if let Some(before) = &before {
            block
                .iter_mut()
                .zip(before)
                .for_each(|(byte, other)| *byte ^= other);
        }
        cipher.encrypt_block(&mut block);
        before = before.map(|_| block.to_vec());
        out.extend_from_slice(&block);
    }
    out
}

/// The two streams of a document in this envelope.
pub fn envelope(document: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let (salt, secret, hash) = ([7; 16], [9; 32], Hash::Sha512);
    let password = hash.rounds(&salt, 10);
    let lock = |purpose: &[u8], bytes: &[u8]| {
        let key = hash.of(&[&password, purpose]);
        STANDARD.encode(ciphered(&key[..32], Some(&salt), bytes))
    };
    let common = format!(
        "saltSize='16' blockSize='16' keyBits='256' hashSize='64' cipherAlgorithm='AES' cipherChaining='ChainingModeCBC' hashAlgorithm='SHA512' saltValue='{}'",
        STANDARD.encode(salt)
    );
    let info = format!(
        "<encryption><keyData {common}/><p:encryptedKey spinCount='10' {common} encryptedVerifierHashInput='{}' encryptedVerifierHashValue='{}' encryptedKeyValue='{}'/></encryption>",
        lock(&FOR_INPUT, &[1; 16]),
        lock(&FOR_VALUE, &hash.of(&[&[1; 16]])),
        lock(&FOR_KEY, &secret)
    );
    let mut package = (document.len() as u64).to_le_bytes().to_vec();
    for (number, segment) in (0_u32..).zip(document.chunks(SEGMENT)) {
        let vector = hash.of(&[&salt, &number.to_le_bytes()]);
        package.extend(ciphered(&secret, Some(&vector), segment));
    }
    (
        [b"\x04\0\x04\0\x40\0\0\0", info.as_bytes()].concat(),
        package,
    )
}

#[test]
fn the_usual_password_opens_a_document() {
    let document: Vec<u8> = (0..10_000u32).map(|number| number as u8).collect();
    let (info, package) = envelope(&document);
    assert_eq!(opened(&info, &package), Some(document));
    let text = String::from_utf8(info.clone()).unwrap();
    for (from, to) in [
        ("'AES'", "'RC2'"),
        ("spinCount='10'", "spinCount='11'"),
        ("spinCount='10'", "spinCount='99999999'"),
        ("keyBits='256'", "keyBits='8000000000'"),
    ] {
        assert_eq!(
            opened(text.replace(from, to).as_bytes(), &package),
            None,
            "{to}"
        );
    }
    for length in [0, 4, 8, 40, info.len() / 2] {
        assert_eq!(opened(&info[..length], &package), None);
    }
    assert_eq!(opened(&info, &[0; 7]), None);
}

#[test]
fn the_elder_way_is_known() {
    // A key that is made as MS-OFFCRYPTO 2.3.4.7 says, and what it locks.
    let salt = [3; 16];
    let hash = Hash::Sha1.of(&[&Hash::Sha1.rounds(&salt, ROUNDS), &[0; 4]]);
    let (mut first, mut second) = ([0x36; 64], [0x5c; 64]);
    for (at, byte) in hash.iter().enumerate() {
        first[at] ^= byte;
        second[at] ^= byte;
    }
    let key = [Hash::Sha1.of(&[&first]), Hash::Sha1.of(&[&second])].concat();
    let key = &key[..32];
    let mut header = vec![0; 32];
    header[16..20].copy_from_slice(&256u32.to_le_bytes());
    let info = [
        &b"\x03\0\x02\0\x24\0\0\0"[..],
        &32u32.to_le_bytes(),
        &header,
        &16u32.to_le_bytes(),
        &salt,
        &ciphered(key, None, &[1; 16]),
        &20u32.to_le_bytes(),
        &ciphered(key, None, &Hash::Sha1.of(&[&[1; 16]])),
    ]
    .concat();
    let package = [&5u64.to_le_bytes()[..], &ciphered(key, None, b"quays")].concat();
    assert_eq!(opened(&info, &package).as_deref(), Some(&b"quays"[..]));
}
