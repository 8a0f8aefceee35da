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
mod open;
mod page;
mod scripts;
mod state;
#[cfg(test)]
mod tests;

use hayro_interpret::hayro_syntax::Pdf;
use hayro_interpret::hayro_syntax::object::DateTime;

use super::sink::{Sink, Unreadable};
use annotation::Annotations;
use face::Faces;
use layers::Layers;
use open::Opened;
pub use open::open;

/// A page with fewer letters and digits than this may be a scan with a stamp: a number, or where and when it
/// was filed.
const MAX_SCAN_LETTERS: usize = 200;
/// Lines that a stamp has at most.
const MAX_STAMP_LINES: usize = 3;
/// The share of a scanned page that its picture covers at least.
const MIN_SCAN_AREA: f64 = 0.5;

/// Reads page by page: what was read before a page that takes too long is passed on.
pub fn read(bytes: Vec<u8>, out: &mut Sink<'_>) -> Result<(), Unreadable> {
    let Opened {
        pdf,
        are_files_locked,
    } = open(bytes)?;
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
            catalog::read(&pdf, &files, are_files_locked, out);
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
    let lines = page.text.lines().filter(|line| !line.trim().is_empty());
    match letters.take(MAX_SCAN_LETTERS).count() {
        0 => true,
        MAX_SCAN_LETTERS => false,
        _ => page.pictures >= MIN_SCAN_AREA && lines.count() <= MAX_STAMP_LINES,
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
