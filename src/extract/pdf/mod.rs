//! PDF (ISO 32000-2): the text of each page in the order it is drawn in.
//!
//! A library interprets the pages; what is drawn arrives at a [`device`](self) of our own that
//! listens to text alone.

mod letters;
mod listener;
mod page;
mod scripts;

use hayro_interpret::hayro_syntax::object::DateTime;
use hayro_interpret::hayro_syntax::{DecryptionError, LoadPdfError, Pdf};
use hayro_interpret::kurbo::{Affine, Rect};
use hayro_interpret::{Context, InterpreterCache, InterpreterSettings, interpret_page};

use super::sink::{Details, Sink, Unreadable};
use listener::Listener;

/// Reads page by page: what was read before a page that takes too long is passed on.
pub fn read(bytes: Vec<u8>, out: &mut Sink<'_>) -> Result<(), Unreadable> {
    let pdf = Pdf::new(bytes).map_err(unreadable)?;
    describe(&pdf, &mut out.details);
    out.details.scripts = Some(scripts::has_scripts(&pdf));
    out.tell();
    let cache = InterpreterCache::new();
    for page in pdf.pages().iter() {
        let media = page.media_box();
        let area = Rect::new(media.x0, media.y0, media.x1, media.y1);
        // Nothing is drawn, so units and orientation stay those of the page.
        let settings = InterpreterSettings::default();
        let mut context = Context::new(Affine::IDENTITY, area, &cache, pdf.xref(), settings);
        let mut listener = Listener::new(area);
        interpret_page(page, &mut context, &mut listener);
        out.text(&listener.into_text());
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
