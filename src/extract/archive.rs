//! Archives: the names of what is in them.

use std::io::{Read, Seek};

use flate2::read::MultiGzDecoder;
use tar::Archive;
use zip::ZipArchive;

use super::format::Format;
use super::package::{names, why};
use super::sink::{Sink, Unreadable};
use super::{HEAD_BYTES, charset, read_text};

/// More entries than people look through.
const MOST_ENTRIES: usize = 100_000;
/// The most that is inflated to find the entries of a compressed archive.
const MOST_INFLATED: u64 = 1 << 30;

pub fn zip<R: Read + Seek>(reader: R, out: &mut Sink<'_>) -> Result<(), Unreadable> {
    let archive = ZipArchive::new(reader).map_err(|error| Unreadable::Broken(why(&error)))?;
    out.tell();
    for name in names(&archive).take(MOST_ENTRIES) {
        out.paragraph(&name);
        if out.is_full() {
            break;
        }
    }
    Ok(())
}

pub fn tar<R: Read>(reader: R, out: &mut Sink<'_>) -> Result<(), Unreadable> {
    out.tell();
    let broken = |_| Unreadable::Broken("it is damaged or not complete".into());
    let mut archive = Archive::new(reader.take(MOST_INFLATED));
    for entry in archive.entries().map_err(broken)?.take(MOST_ENTRIES) {
        let entry = entry.map_err(broken)?;
        out.paragraph(&String::from_utf8_lossy(&entry.path_bytes()));
        if out.is_full() {
            break;
        }
    }
    Ok(())
}

/// What is compressed by itself: an archive's names, or a single file's.
pub fn gzip<R: Read>(reader: R, out: &mut Sink<'_>) -> Result<(), Unreadable> {
    compressed(MultiGzDecoder::new(reader), out)
}

pub fn zstd<R: Read>(reader: R, out: &mut Sink<'_>) -> Result<(), Unreadable> {
    let broken = |_| Unreadable::Broken("it is damaged or not complete".into());
    compressed(zstd::Decoder::new(reader).map_err(broken)?, out)
}

fn compressed<R: Read>(mut inflated: R, out: &mut Sink<'_>) -> Result<(), Unreadable> {
    const HEAD: u64 = 512;
    let mut head = Vec::new();
    let broken = |_| Unreadable::Broken("it is damaged or not complete".into());
    inflated
        .by_ref()
        .take(HEAD)
        .read_to_end(&mut head)
        .map_err(broken)?;
    let is_archive = head.get(257..262) == Some(b"ustar");
    match is_archive {
        true => tar(head.as_slice().chain(inflated), out),
        false => text(head.as_slice().chain(inflated), out),
    }
}

/// A compressed text is read like any.
fn text<R: Read>(mut reader: R, out: &mut Sink<'_>) -> Result<(), Unreadable> {
    let broken = |_| Unreadable::Broken("it is damaged or not complete".into());
    let mut head = Vec::new();
    reader
        .by_ref()
        .take(HEAD_BYTES as u64)
        .read_to_end(&mut head)
        .map_err(broken)?;
    out.tell();
    if !charset::is_text(&head) {
        return Ok(());
    }
    let reader = head.as_slice().chain(reader);
    read_text(reader, 0, Format::Plain, out).map_err(broken)?;
    Ok(())
}
