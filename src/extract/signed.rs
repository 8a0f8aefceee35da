//! Signed files (CMS, RFC 5652; `.p7m`): what is inside of the signature. The signature itself is not
//! checked.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::sink::{Sink, Unreadable};
use super::{attachment, mail};

/// Tags of BER (X.690).
const END_OF_CONTENTS: u8 = 0x00;
const OCTET_STRING: u8 = 0x04;
const OBJECT_IDENTIFIER: u8 = 0x06;
const OCTET_STRINGS: u8 = 0x24;
const SEQUENCE: u8 = 0x30;
const EXPLICIT: u8 = 0xa0;

/// Object identifiers of contents: 1.2.840.113549.1.7, and what follows for each kind.
const PKCS7: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x07";
const SIGNED: &[u8] = b"\x02";
const ENCRYPTED: [&[u8]; 3] = [b"\x03", b"\x04", b"\x06"];
/// The same with authentication: 1.2.840.113549.1.9.16.1.23.
const AUTHENTICATED: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x01\x17";

/// Whether content begins as such a file does: a sequence, and the identifier of what it holds.
pub fn begins(head: &[u8]) -> bool {
    let inside = enter(head, SEQUENCE);
    let kind = inside.and_then(|inside| enter(inside, OBJECT_IDENTIFIER));
    kind.is_some_and(|kind| kind.starts_with(PKCS7) || kind.starts_with(AUTHENTICATED))
}

pub fn read(bytes: &[u8], out: &mut Sink<'_>) -> Result<(), Unreadable> {
    out.tell();
    if is_message(bytes) {
        return mail::read(bytes, out);
    }
    let unpacked = match begins(bytes) {
        true => None,
        false => decode_base64(bytes),
    };
    let content = content(unpacked.as_deref().unwrap_or(bytes))?;
    let mut outcome = Ok(());
    out.inside(|out| {
        outcome = match is_message(&content) {
            true => mail::read(&content, out),
            false => attachment::append("", &content, None, out),
        };
    });
    outcome
}

/// Whether this is a message, or a part of one, that begins with its head.
fn is_message(bytes: &[u8]) -> bool {
    ["MIME-Version:", "Content-"].iter().any(|name| {
        let start = bytes.get(..name.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(name.as_bytes()))
    })
}

/// Some are kept as text (RFC 7468), with or without the lines around it.
fn decode_base64(bytes: &[u8]) -> Option<Vec<u8>> {
    let lines = bytes.split(|byte| *byte == b'\n');
    let lines = lines.filter(|line| !line.starts_with(b"-----"));
    let digits: Vec<u8> = lines
        .flatten()
        .copied()
        .filter(|byte| !byte.is_ascii_whitespace())
        .collect();
    STANDARD.decode(digits).ok()
}

/// What was signed.
fn content(bytes: &[u8]) -> Result<Vec<u8>, Unreadable> {
    let broken = |why: &str| Unreadable::Broken(why.into());
    let damaged = || broken("it is damaged or not complete");
    let inside = enter(bytes, SEQUENCE).ok_or_else(damaged)?;
    let kind = enter(inside, OBJECT_IDENTIFIER).ok_or_else(damaged)?;
    let is_encrypted = kind.starts_with(AUTHENTICATED)
        || kind.strip_prefix(PKCS7).is_some_and(|kind| {
            ENCRYPTED
                .iter()
                .any(|encrypted| kind.starts_with(encrypted))
        });
    if is_encrypted {
        return Err(broken("it is encrypted for those it was sent to"));
    }
    if kind.strip_prefix(PKCS7) != Some(SIGNED) {
        return Err(broken("it is of a kind that this release does not know"));
    }
    let encapsulated = skip(inside)
        .and_then(|rest| enter(rest, EXPLICIT))
        .and_then(|signed| enter(signed, SEQUENCE))
        // The version, and how digests are made.
        .and_then(skip)
        .and_then(skip)
        .and_then(|rest| enter(rest, SEQUENCE))
        .and_then(skip)
        .ok_or_else(damaged)?;
    let Some(content) = enter(encapsulated, EXPLICIT) else {
        return Err(broken("it holds a signature, but not what was signed"));
    };
    octets(content).ok_or_else(damaged)
}

/// A tag, the length if it is said before, and what follows both.
fn header(bytes: &[u8]) -> Option<(u8, Option<usize>, &[u8])> {
    let (tag, rest) = bytes.split_first()?;
    let (first, rest) = rest.split_first()?;
    match first {
        0x00..=0x7f => Some((*tag, Some(usize::from(*first)), rest)),
        0x80 => Some((*tag, None, rest)),
        0x81..=0x84 => {
            let (length, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            let length = length
                .iter()
                .fold(0, |length, byte| length << 8 | usize::from(*byte));
            Some((*tag, Some(length), rest))
        }
        _ => None,
    }
}

/// What is in an element with this tag, as far as it is there.
fn enter(bytes: &[u8], wanted: u8) -> Option<&[u8]> {
    let (tag, length, rest) = header(bytes)?;
    let length = length.unwrap_or(rest.len()).min(rest.len());
    (tag == wanted).then(|| &rest[..length])
}

/// What follows an element.
fn skip(mut bytes: &[u8]) -> Option<&[u8]> {
    let mut open = 0usize;
    loop {
        let (tag, length, rest) = header(bytes)?;
        bytes = match length {
            Some(length) => rest.get(length..)?,
            None => rest,
        };
        match (tag, length) {
            (END_OF_CONTENTS, Some(0)) => open = open.checked_sub(1)?,
            (_, None) => open += 1,
            _ => {}
        }
        if open == 0 {
            return Some(bytes);
        }
    }
}

/// The bytes of a string that may be in pieces; of one that is cut what is there.
fn octets(bytes: &[u8]) -> Option<Vec<u8>> {
    if let Some(whole) = enter(bytes, OCTET_STRING) {
        return Some(whole.to_vec());
    }
    let mut pieces = enter(bytes, OCTET_STRINGS)?;
    let mut out = Vec::new();
    let mut open = 1usize;
    while let Some((tag, length, rest)) = header(pieces) {
        pieces = rest;
        match (tag, length) {
            (OCTET_STRING, Some(length)) => {
                let (piece, rest) = rest.split_at(length.min(rest.len()));
                out.extend_from_slice(piece);
                pieces = rest;
            }
            (OCTET_STRINGS, None) => open += 1,
            (OCTET_STRINGS, Some(_)) => {}
            (END_OF_CONTENTS, Some(0)) if open > 1 => open -= 1,
            _ => break,
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::{AUTHENTICATED, OCTET_STRINGS, PKCS7, SEQUENCE, begins, content};
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;

    fn element(tag: u8, content: &[u8]) -> Vec<u8> {
        let length = (content.len() as u32).to_be_bytes();
        [&[tag, 0x84], &length[..], content].concat()
    }

    fn endless(tag: u8, content: &[u8]) -> Vec<u8> {
        [&[tag, 0x80], content, &[0, 0]].concat()
    }

    type Element = fn(u8, &[u8]) -> Vec<u8>;

    fn around(kind: &[u8], inside: &[u8], element: Element) -> Vec<u8> {
        let kind = self::element(0x06, kind);
        element(SEQUENCE, &[kind, element(0xa0, inside)].concat())
    }

    /// A signed file; nothing was signed if there are no octets.
    fn signed(octets: &[u8], element: Element) -> Vec<u8> {
        let mut content = self::element(0x06, &[PKCS7, &[1]].concat());
        if !octets.is_empty() {
            content.extend(element(0xa0, octets));
        }
        let parts = [
            self::element(2, &[1]),
            element(0x31, &self::element(SEQUENCE, b"how")),
            element(SEQUENCE, &content),
            self::element(0x31, b"who"),
        ];
        let parts = element(SEQUENCE, &parts.concat());
        around(&[PKCS7, &[2]].concat(), &parts, element)
    }

    /// A file that is signed.
    fn file(what: &[u8]) -> Vec<u8> {
        signed(&element(4, what), element)
    }

    #[test]
    fn what_is_signed_is_found_however_it_is_written() {
        let whole = element(4, b"peregrine");
        let halves = [element(4, b"pere"), element(4, b"grine")].concat();
        let nested = [
            endless(OCTET_STRINGS, &element(4, b"pere")),
            element(4, b"grine"),
        ]
        .concat();
        for octets in [
            whole,
            element(OCTET_STRINGS, &halves),
            endless(OCTET_STRINGS, &halves),
            endless(OCTET_STRINGS, &nested),
            element(OCTET_STRINGS, &nested),
        ] {
            for written in [element, endless] {
                let file = signed(&octets, written);
                assert!(begins(&file));
                assert_eq!(content(&file).unwrap(), b"peregrine");
                for end in 0..file.len() {
                    let _ = content(&file[..end]);
                }
            }
        }
        let why = |file: &[u8]| content(file).unwrap_err().sentence();
        assert!(why(&signed(b"", element)).contains("not what was signed"));
        for kind in [&[PKCS7, &[3]].concat()[..], AUTHENTICATED] {
            assert!(why(&around(kind, b"", element)).contains("encrypted"));
        }
        assert!(why(&around(&[PKCS7, &[5]].concat(), b"", element)).contains("kind"));
        assert!(why(b"\x30\x80\x30").contains("damaged"));
    }

    #[test]
    fn signed_files_are_read() {
        use crate::extract::tests::extracted;
        let invoice = "<?xml version='1.0' encoding='UTF-8'?><n:Invoice><Name>Häfen &amp; Co</Name></n:Invoice>";
        let file = file(invoice.as_bytes());
        let text = STANDARD.encode(&file);
        let lines = format!("-----BEGIN PKCS7-----\r\n{text}\r\n-----END PKCS7-----\r\n");
        for content in [
            &file[..],
            text.as_bytes(),
            lines.as_bytes(),
            &self::file(&file),
        ] {
            let found = extracted("invoice.xml.p7m", content);
            assert_eq!(found.media_type, "application/pkcs7-mime");
            assert_eq!(
                (found.name_only, found.note, found.encoding),
                (None, None, None)
            );
            assert_eq!(found.text, "Häfen & Co");
        }
        assert_eq!(extracted("invoice", &file).text, "Häfen & Co");
        let entity = b"Content-Type: text/plain; charset=iso-8859-1\r\n\r\nH\xe4fen";
        let part = STANDARD.encode(self::file(entity));
        let mail = format!(
            "MIME-Version: 1.0\r\nContent-Type: application/pkcs7-mime; smime-type=signed-data; name=smime.p7m\r\n\
             Content-Transfer-Encoding: base64\r\nContent-Disposition: attachment; filename=smime.p7m\r\n\r\n{part}\r\n"
        );
        for name in ["a.eml", "smime.p7m"] {
            let found = extracted(name, mail.as_bytes()).text;
            assert_eq!(found, "Attachment: smime.p7m\nHäfen", "{name}");
        }
        let secret = around(&[PKCS7, &[3]].concat(), b"", element);
        for content in [secret.as_slice(), b"words", &[0x30, 0x82]] {
            let found = extracted("a.p7m", content);
            assert!(
                found
                    .name_only
                    .unwrap_or_default()
                    .starts_with("Contents not readable")
            );
        }
        let alone = signed(b"", element);
        let why = |name: &str| extracted(name, &alone).name_only.unwrap_or_default();
        assert!(why("a.p7m").contains("not what was signed"));
        assert!(why("a.p7s").contains("signature holds no text"));
    }
}
