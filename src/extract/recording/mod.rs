//! Sound and video: their tags, how long they play, and how large the picture is.

mod iso;
mod matroska;
mod tags;

use std::io::{Read, Seek, SeekFrom};

use super::sink::{Sink, Unreadable};

/// Strings in tags are short; longer ones are cut.
const MOST_OF_TAG: usize = 1024;

/// Reads what the file's first bytes say it is.
pub fn read<R: Read + Seek>(mut reader: R, out: &mut Sink<'_>) -> Result<(), Unreadable> {
    let mut head = [0; 12];
    let length = fill(&mut reader, &mut head);
    let found = match &head[..length] {
        [_, _, _, _, b'f', b't', b'y', b'p', ..] | [_, _, _, _, b'm', b'o', b'o', b'v', ..] => {
            iso::read(&mut reader, &mut out.details)
        }
        [0x1a, 0x45, 0xdf, 0xa3, ..] => matroska::read(&mut reader, &mut out.details),
        _ => tags::read(&mut reader, &mut out.details),
    };
    out.tell();
    found.ok_or_else(|| {
        Unreadable::Broken("it is damaged or of a kind this release does not know".into())
    })
}

/// Reads from the start as much as there is.
fn fill<R: Read + Seek>(reader: &mut R, buffer: &mut [u8]) -> usize {
    let _ = reader.rewind();
    read_at(reader, 0, buffer.len())
        .map(|bytes| {
            buffer[..bytes.len()].copy_from_slice(&bytes);
            bytes.len()
        })
        .unwrap_or(0)
}

/// At most `length` bytes from a place on.
fn read_at<R: Read + Seek>(reader: &mut R, at: u64, length: usize) -> Option<Vec<u8>> {
    reader.seek(SeekFrom::Start(at)).ok()?;
    let mut bytes = Vec::with_capacity(length.min(64 << 10));
    reader
        .by_ref()
        .take(length as u64)
        .read_to_end(&mut bytes)
        .ok()?;
    Some(bytes)
}

/// A tag's text as it is kept; nothing when it is blank.
fn kept(text: &str) -> Option<String> {
    let text = text.trim_matches(|c: char| c.is_whitespace() || c.is_control());
    let end = text.floor_char_boundary(MOST_OF_TAG);
    (end > 0).then(|| text[..end].to_owned())
}
