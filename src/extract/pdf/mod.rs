//! PDF (ISO 32000-2): the text of each page in the order it is drawn in.
//!
//! Libraries take the document and its fonts apart. What a page draws is gone through here, for its
//! text alone: most of what drawing takes is not for whoever reads.

mod annotation;
mod catalog;
mod character_map;
mod content;
mod face;
mod layers;
mod letters;
mod marks;
mod page;
mod scripts;
mod state;
#[cfg(test)]
mod tests;

use hayro_interpret::hayro_syntax::object::DateTime;
use hayro_interpret::hayro_syntax::{DecryptionError, LoadPdfError, Pdf, PdfData};

use super::sink::{Sink, Unreadable};
use annotation::Annotations;
use face::Faces;
use layers::Layers;

/// A page with fewer letters and digits than this may be a scan that somebody typed a number on.
const MAX_SCAN_LETTERS: usize = 40;
/// The share of a scanned page that its picture covers at least.
const MIN_SCAN_AREA: f64 = 0.5;
/// Readers look for the beginning of a document in so many bytes (ISO 32000-1, annex H.3).
const HEADER_BYTES: usize = 1024;

/// Reads page by page: what was read before a page that takes too long is passed on.
pub fn read(bytes: Vec<u8>, out: &mut Sink<'_>) -> Result<(), Unreadable> {
    let data = PdfData::from(from_header(bytes));
    let pdf = Pdf::new(data.clone()).map_err(|error| match error {
        LoadPdfError::Invalid if is_encrypted(data.as_ref()) => Unreadable::Encrypted,
        error => unreadable(error),
    })?;
    describe(&pdf, out);
    out.details.scripts = Some(scripts::has_scripts(&pdf));
    out.tell();
    let layers = Layers::of(&pdf);
    let mut faces = Faces::default();
    let mut files = Vec::new();
    let count = pdf.pages().len();
    for (number, page) in pdf.pages().iter().enumerate() {
        let annotations = Annotations::of(page);
        let drawn = content::read(page, &annotations.drawn, &mut faces, &layers);
        if is_scan(&drawn) {
            out.scan(number);
        }
        out.text(&drawn.text);
        for said in annotations.said {
            if !drawn.text.contains(&said) {
                out.paragraph(&said);
            }
        }
        files.extend(annotations.files);
        if number + 1 == count {
            out.line();
            catalog::read(&pdf, &files, out);
        }
        out.end_page();
        if out.is_full() {
            break;
        }
    }
    Ok(())
}

/// Whether only a picture tells what a page says, apart from a few words on it.
fn is_scan(page: &content::Drawn) -> bool {
    let letters = page.text.chars().filter(|c| c.is_alphanumeric());
    match letters.take(MAX_SCAN_LETTERS).count() {
        0 => true,
        MAX_SCAN_LETTERS => false,
        _ => page.pictures >= MIN_SCAN_AREA,
    }
}

/// The document without what stands before it, such as the head of a mail.
fn from_header(mut bytes: Vec<u8>) -> Vec<u8> {
    let head = &bytes[..bytes.len().min(HEADER_BYTES)];
    if let Some(at @ 1..) = memchr::memmem::find(head, b"%PDF-") {
        bytes.drain(..at);
    }
    bytes
}

/// Whether a document that cannot be opened says that it is encrypted.
fn is_encrypted(bytes: &[u8]) -> bool {
    memchr::memmem::find_iter(bytes, b"/Encrypt").any(|at| {
        let next = bytes.get(at + b"/Encrypt".len());
        next.is_some_and(|next| !next.is_ascii_alphanumeric())
    })
}

pub(super) fn unreadable(error: LoadPdfError) -> Unreadable {
    match error {
        LoadPdfError::Decryption(DecryptionError::PasswordProtected) => Unreadable::Encrypted,
        LoadPdfError::Decryption(_) => {
            Unreadable::Broken("it is encrypted in a way that this release does not know".into())
        }
        LoadPdfError::Invalid => Unreadable::Broken("it is not a complete PDF document".into()),
    }
}

fn describe(pdf: &Pdf, out: &mut Sink<'_>) {
    let said = pdf.metadata();
    for about in [&said.subject, &said.keywords].into_iter().flatten() {
        if let Some(text) = letters::text_string(about) {
            out.about(&text);
        }
    }
    let details = &mut out.details;
    details.pages = u32::try_from(pdf.pages().len()).ok();
    details.title = said.title.as_deref().and_then(letters::text_string);
    details.author = said.author.as_deref().and_then(letters::text_string);
    details.date = said.creation_date.as_ref().map(date);
}

fn date(date: &DateTime) -> String {
    let DateTime {
        year,
        month,
        day,
        hour,
        minute,
        second,
        ..
    } = date;
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")
}
