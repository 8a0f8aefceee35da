//! Opening a document: bytes before its header, and encryption (ISO 32000-2, 7.5.2 and 7.6).

use hayro_interpret::hayro_syntax::object::dict::keys::{STM_F, STR_F, V};
use hayro_interpret::hayro_syntax::object::{Dict, Name, ObjectIdentifier};
use hayro_interpret::hayro_syntax::{DecryptionError, LoadPdfError, Pdf, PdfData};
use memchr::memmem;

use super::super::sink::Unreadable;

/// Readers look for the beginning of a document in so many bytes (ISO 32000-1, annex H.3).
const HEADER_BYTES: usize = 1024;
/// The key of the encryption dictionary in a trailer, and a key of the same length without a meaning.
const ENCRYPT: &[u8] = b"/Encrypt";
const UNUSED: &[u8] = b"/encrypt";
/// A document has one trailer for each time it was saved.
const MAX_TRAILERS: usize = 1000;

/// An open document.
pub struct Opened {
    pub pdf: Pdf,
    /// Its attachments are encrypted, and nothing else.
    pub are_files_locked: bool,
}

/// Opens a document. Fails if a password protects more of it than its attachments, or if it is damaged.
pub fn open(bytes: Vec<u8>) -> Result<Opened, Unreadable> {
    let data = PdfData::from(from_header(bytes));
    let error = match Pdf::new(data.clone()) {
        Ok(pdf) => {
            return Ok(Opened {
                pdf,
                are_files_locked: false,
            });
        }
        Err(error) => error,
    };
    let bytes = data.as_ref();
    let names = encryption_names(bytes);
    if let Some(pdf) = without_files(bytes, &names) {
        return Ok(Opened {
            pdf,
            are_files_locked: true,
        });
    }
    Err(match error {
        LoadPdfError::Decryption(DecryptionError::PasswordProtected) => Unreadable::Encrypted,
        LoadPdfError::Decryption(_) => {
            Unreadable::Broken("it is encrypted in a way that this release does not know".into())
        }
        LoadPdfError::Invalid if !names.is_empty() => Unreadable::Encrypted,
        LoadPdfError::Invalid => Unreadable::Broken("it is not a complete PDF document".into()),
    })
}

/// The document without what stands before it, such as the head of a mail.
fn from_header(mut bytes: Vec<u8>) -> Vec<u8> {
    let head = &bytes[..bytes.len().min(HEADER_BYTES)];
    if let Some(at @ 1..) = memmem::find(head, b"%PDF-") {
        bytes.drain(..at);
    }
    bytes
}

/// The offsets of keys that refer to an encryption dictionary.
fn encryption_names(bytes: &[u8]) -> Vec<usize> {
    let ends = |at: &usize| {
        let next = bytes.get(at + ENCRYPT.len());
        next.is_some_and(|next| !next.is_ascii_alphanumeric())
    };
    let names = memmem::find_iter(bytes, ENCRYPT).filter(ends);
    names.take(MAX_TRAILERS).collect()
}

/// Opens a document that encrypts its attachments alone: the rest is plain, so it opens once its trailers
/// no longer refer to an encryption dictionary.
fn without_files(bytes: &[u8], names: &[usize]) -> Option<Pdf> {
    if names.is_empty() {
        return None;
    }
    let mut plain = bytes.to_vec();
    for at in names {
        plain[*at..at + UNUSED.len()].copy_from_slice(UNUSED);
    }
    let pdf = Pdf::new(plain).ok()?;
    let are_files = names.iter().all(|at| {
        let id = reference(&bytes[at + ENCRYPT.len()..]);
        let how = id.and_then(|id| pdf.xref().get::<Dict<'_>>(id));
        how.is_some_and(|how| is_for_files(&how))
    });
    are_files.then_some(pdf)
}

/// Whether strings and streams are plain by default. Before version 4 all of them are encrypted.
fn is_for_files(encryption: &Dict<'_>) -> bool {
    let is_plain = |key: &[u8]| {
        let filter = encryption.get::<Name<'_>>(key);
        filter.is_none_or(|filter| *filter == *b"Identity")
    };
    encryption.get::<u8>(V).is_some_and(|version| version >= 4)
        && is_plain(STM_F)
        && is_plain(STR_F)
}

/// The object that text such as `12 0 R` refers to.
fn reference(text: &[u8]) -> Option<ObjectIdentifier> {
    let text = &text[..text.len().min(32)];
    let mut words = text
        .split(|byte| !byte.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty());
    let mut word = || std::str::from_utf8(words.next()?).ok();
    let object = word()?.parse().ok()?;
    let generation = word()?.parse().ok()?;
    let is_reference = word()?.starts_with('R');
    is_reference.then(|| ObjectIdentifier::new(object, generation))
}
