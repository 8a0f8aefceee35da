//! Office documents that are encrypted with the password that programs try by themselves (MS-OFFCRYPTO):
//! workbooks that are only meant to be read.

use aes::cipher::array::Array;
use aes::cipher::{BlockCipherDecrypt, KeyInit};
use aes::{Aes128, Aes192, Aes256, Block};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha384, Sha512};

use super::local;
use crate::extract::markup::{Attributes, Language, Token, Tokens};

/// What spreadsheets try before they ask.
const PASSWORD: &str = "VelvetSweatshop";
/// More rounds than any program asks for.
const MAX_ROUNDS: u32 = 1_000_000;
/// Rounds of the elder way (2.3.4.7).
const ROUNDS: u32 = 50_000;
const BLOCK: usize = 16;
/// Bytes that are encrypted by themselves (2.3.4.15).
const SEGMENT: usize = 4096;
const SHA1_BYTES: usize = 20;

/// What keys are made for (2.3.4.11).
const FOR_KEY: [u8; 8] = [0x14, 0x6e, 0x0b, 0xe7, 0xab, 0xac, 0xd0, 0xd6];
const FOR_INPUT: [u8; 8] = [0xfe, 0xa7, 0xd2, 0x76, 0x3b, 0x4b, 0x9e, 0x79];
const FOR_VALUE: [u8; 8] = [0xd7, 0xaa, 0x0f, 0x6d, 0x30, 0x61, 0x34, 0x4e];

/// The document in a package, if that password opens it.
pub fn opened(info: &[u8], package: &[u8]) -> Option<Vec<u8>> {
    let length = usize::try_from(u64::from_le_bytes(*package.first_chunk()?)).ok()?;
    let encrypted = package.get(8..)?;
    let mut document = match info.get(..4)? {
        [4, 0, 4, 0] => agile(info.get(8..)?, encrypted)?,
        [2..=4, 0, 2, 0] => standard(info, encrypted)?,
        _ => return None,
    };
    document.truncate(length);
    Some(document)
}

#[derive(Clone, Copy)]
enum Hash {
    Sha1,
    Sha256,
    Sha384,
    Sha512,
}

impl Hash {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "SHA1" | "SHA-1" => Self::Sha1,
            "SHA256" | "SHA-256" => Self::Sha256,
            "SHA384" | "SHA-384" => Self::Sha384,
            "SHA512" | "SHA-512" => Self::Sha512,
            _ => return None,
        })
    }

    fn of(self, parts: &[&[u8]]) -> Vec<u8> {
        let bytes = parts.concat();
        match self {
            Self::Sha1 => Sha1::digest(&bytes).to_vec(),
            Self::Sha256 => Sha256::digest(&bytes).to_vec(),
            Self::Sha384 => Sha384::digest(&bytes).to_vec(),
            Self::Sha512 => Sha512::digest(&bytes).to_vec(),
        }
    }

    /// The password, hashed so often that guessing takes long.
    fn rounds(self, salt: &[u8], rounds: u32) -> Vec<u8> {
        let password: Vec<u8> = PASSWORD.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let mut hash = self.of(&[salt, &password]);
        for round in 0..rounds {
            hash = self.of(&[&round.to_le_bytes(), &hash]);
        }
        hash
    }
}

/// Deciphers whole blocks, each by itself, or chained to the one before where there is a first vector.
fn deciphered(key: &[u8], vector: Option<&[u8]>, bytes: &[u8]) -> Option<Vec<u8>> {
    let mut before = vector.map(|vector| padded(vector, BLOCK));
    let mut out = Vec::with_capacity(bytes.len());
    let decrypt: Box<dyn Fn(&mut Block)> = match key.len() {
        16 => {
            let cipher = Aes128::new_from_slice(key).ok()?;
            Box::new(move |block| cipher.decrypt_block(block))
        }
        24 => {
            let cipher = Aes192::new_from_slice(key).ok()?;
            Box::new(move |block| cipher.decrypt_block(block))
        }
        32 => {
            let cipher = Aes256::new_from_slice(key).ok()?;
            Box::new(move |block| cipher.decrypt_block(block))
        }
        _ => return None,
    };
    for encrypted in bytes.as_chunks::<BLOCK>().0 {
        let mut block = Array::from(*encrypted);
        decrypt(&mut block);
        if let Some(before) = &mut before {
            block
                .iter_mut()
                .zip(before.iter())
                .for_each(|(byte, other)| *byte ^= other);
            before.copy_from_slice(encrypted);
        }
        out.extend_from_slice(&block);
    }
    Some(out)
}

/// As long as it has to be: cut, or with this byte behind it (2.3.4.11).
fn padded(bytes: &[u8], length: usize) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes.resize(length, 0x36);
    bytes
}

/// One of the two descriptions of how something is encrypted.
struct Described<'a> {
    attributes: Attributes<'a>,
    hash: Hash,
    salt: Vec<u8>,
    key_bytes: usize,
}

impl<'a> Described<'a> {
    fn of(info: &'a str, element: &str) -> Option<Self> {
        let attributes = Tokens::new(info, Language::Xml).find_map(|token| match token {
            Token::Start {
                name, attributes, ..
            } if local(name) == element => Some(attributes),
            _ => None,
        })?;
        let is_known = attributes.value("cipherAlgorithm") == Some("AES")
            && attributes.value("cipherChaining") == Some("ChainingModeCBC");
        let key_bits: usize = attributes.value("keyBits")?.parse().ok()?;
        let described = Self {
            attributes,
            hash: Hash::named(attributes.value("hashAlgorithm")?)?,
            salt: STANDARD.decode(attributes.value("saltValue")?).ok()?,
            key_bytes: key_bits / 8,
        };
        (is_known && matches!(key_bits, 128 | 192 | 256)).then_some(described)
    }

    fn decoded(&self, name: &str) -> Option<Vec<u8>> {
        STANDARD.decode(self.attributes.value(name)?).ok()
    }
}

fn agile(info: &[u8], encrypted: &[u8]) -> Option<Vec<u8>> {
    let info = std::str::from_utf8(info).ok()?;
    let data = Described::of(info, "keyData")?;
    let locked = Described::of(info, "encryptedKey")?;
    let rounds = locked.attributes.value("spinCount")?.parse().ok()?;
    if rounds > MAX_ROUNDS {
        return None;
    }
    let password = locked.hash.rounds(&locked.salt, rounds);
    let open = |purpose: &[u8], name: &str| {
        let key = padded(&locked.hash.of(&[&password, purpose]), locked.key_bytes);
        deciphered(&key, Some(&locked.salt), &locked.decoded(name)?)
    };
    let input = open(&FOR_INPUT, "encryptedVerifierHashInput")?;
    let value = open(&FOR_VALUE, "encryptedVerifierHashValue")?;
    if !value.starts_with(&locked.hash.of(&[&input])) {
        return None;
    }
    let mut key = open(&FOR_KEY, "encryptedKeyValue")?;
    key.truncate(data.key_bytes);
    let mut document = Vec::with_capacity(encrypted.len());
    for (number, segment) in (0_u32..).zip(encrypted.chunks(SEGMENT)) {
        let vector = data.hash.of(&[&data.salt, &number.to_le_bytes()]);
        document.extend(deciphered(&key, Some(&vector), segment)?);
    }
    Some(document)
}

fn standard(info: &[u8], encrypted: &[u8]) -> Option<Vec<u8>> {
    let number = |bytes: &[u8], at: usize| {
        let bytes = bytes.get(at..)?.first_chunk().copied()?;
        usize::try_from(u32::from_le_bytes(bytes)).ok()
    };
    let (header, verifier) = info.get(12..)?.split_at_checked(number(info, 8)?)?;
    let key_bytes = match number(header, 16)? {
        0 => 16,
        bits => bits / 8,
    };
    let salt = verifier.get(4..20)?;
    let password = Hash::Sha1.rounds(salt, ROUNDS);
    let hash = Hash::Sha1.of(&[&password, &[0; 4]]);
    let half = |pad: u8| {
        let mut bytes = vec![pad; 64];
        bytes
            .iter_mut()
            .zip(&hash)
            .for_each(|(byte, other)| *byte ^= other);
        Hash::Sha1.of(&[&bytes])
    };
    let mut key = [half(0x36), half(0x5c)].concat();
    key.truncate(key_bytes);
    let input = deciphered(&key, None, verifier.get(20..36)?)?;
    let value = deciphered(&key, None, verifier.get(40..72)?)?;
    if value.get(..SHA1_BYTES)? != Hash::Sha1.of(&[&input]) {
        return None;
    }
    deciphered(&key, None, encrypted)
}

#[cfg(test)]
pub mod tests;
