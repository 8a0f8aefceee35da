//! Files inside of other files: read as they would be by themselves, into the text around them.

use std::io::Cursor;

use super::format::Format;
use super::sink::Sink;
use super::{HEAD_BYTES, MEDIA_TYPE_BYTES, read_from};

/// Appends an attachment's name, and its text if it has any that this release reads.
pub fn read(name: &str, bytes: &[u8], out: &mut Sink<'_>) {
    announce(name, out);
    if bytes.is_empty() {
        return;
    }
    out.inside(|out| {
        let head = &bytes[..bytes.len().min(HEAD_BYTES)];
        let media_type = super::media_type(name, &head[..head.len().min(MEDIA_TYPE_BYTES)]);
        if let Ok(format) = Format::of(&media_type, head) {
            // What cannot be read of it is no fault of the document around it.
            let read = read_from(Cursor::new(bytes), bytes.len() as u64, format, out);
            if let Err(unreadable) = read {
                out.paragraph(&format!("({})", unreadable.sentence()));
            }
        }
    });
}

/// Says where an attachment begins.
pub fn announce(name: &str, out: &mut Sink<'_>) {
    out.paragraph("");
    out.paragraph(&format!("Attachment: {name}"));
}
