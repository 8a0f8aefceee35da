//! Scans: pages of which only a picture tells what they say, recognised behind everything else.

use std::time::Duration;

use crate::error::{Kind, Result};
use crate::extract::child::Document;
use crate::extract::ocr::{MOST_PAGES, insert};
use crate::library::{Entry, Library, Read};

/// Until a page is tried again, after somebody else could not wait.
const REST: Duration = Duration::from_millis(250);

/// What was read in a content, with what its scans say, if this host recognises text.
///
/// # Errors
/// Those of reading: it is to be tried again.
pub(super) fn recognised(
    library: &Library,
    entry: &Entry,
    read: Read,
    stop: &dyn Fn() -> bool,
) -> Result<Read> {
    if !read.is_whole || !library.readers().recognises() {
        return Ok(read);
    }
    let mut extraction = read.extraction.clone();
    let mut count = 0;
    for page in read.scans().into_iter().take(MOST_PAGES) {
        let text = recognise(library, entry, &extraction.media_type, page, stop)?;
        if !text.is_empty() {
            extraction.text = insert(&extraction.text, page, &text);
            count += 1;
        }
    }
    Ok(Read {
        extraction,
        recognised: Some(count),
        ..read
    })
}

fn recognise(
    library: &Library,
    entry: &Entry,
    media_type: &str,
    page: u32,
    stop: &dyn Fn() -> bool,
) -> Result<String> {
    let file = library.store().blobs.open_blob(&entry.sha256)?;
    let document = Document {
        file: &file,
        size: entry.size,
        name: entry.path.name(),
        media_type,
    };
    loop {
        match library.readers().recognise(&document, page, stop) {
            Err(error) if error.kind() == Kind::Busy && !stop() => std::thread::sleep(REST),
            other => return other,
        }
    }
}
