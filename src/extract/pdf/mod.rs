//! PDF (ISO 32000-2): the text of each page in the order it is drawn in.
//!
//! Libraries take the document and its fonts apart. What a page draws is gone through here, for its
//! text alone: most of what drawing takes is not for whoever reads.

mod annotation;
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
use hayro_interpret::hayro_syntax::{DecryptionError, LoadPdfError, Pdf};

use super::sink::{Details, Sink, Unreadable};
use face::Faces;
use layers::Layers;

/// Reads page by page: what was read before a page that takes too long is passed on.
pub fn read(bytes: Vec<u8>, out: &mut Sink<'_>) -> Result<(), Unreadable> {
    let pdf = Pdf::new(bytes).map_err(unreadable)?;
    describe(&pdf, &mut out.details);
    out.details.scripts = Some(scripts::has_scripts(&pdf));
    out.tell();
    let layers = Layers::of(&pdf);
    let mut faces = Faces::default();
    for page in pdf.pages().iter() {
        out.text(&content::text(page, &mut faces, &layers));
        out.end_page();
        if out.is_full() {
            break;
        }
    }
    Ok(())
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

fn describe(pdf: &Pdf, details: &mut Details) {
    let said = pdf.metadata();
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
