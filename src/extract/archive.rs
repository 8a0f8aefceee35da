//! Archives: the names of what is in them. Files that are compressed by themselves: what they say.

use std::io::{self, Read, Seek, SeekFrom};

use bzip2::read::MultiBzDecoder;
use flate2::read::MultiGzDecoder;
use lzma_rust2::XzReader;
use sevenz_rust2::{EncoderMethod, Error, Password};
use tar::{Archive, Entries};
use zip::ZipArchive;

use super::format::Format;
use super::package::{names, why};
use super::sink::{Sink, Unreadable};
use super::{HEAD_BYTES, MEDIA_TYPE_BYTES, charset, magic, media_type, read_text};

/// More entries than people look through.
const MOST_ENTRIES: usize = 100_000;
const TOO_MANY: &str = "it holds more files than the 100,000 whose names this release reads";
/// The most that is inflated to find the entries of a compressed archive.
const MOST_INFLATED: u64 = 1 << 30;
/// The most memory that is spent to inflate, in KiB: the strongest settings of what packs take
/// half of it, and zstd's own bound is the same.
const MOST_WINDOW_KIB: u32 = 128 << 10;

const TAR_BLOCK: u64 = 512;

pub fn zip<R: Read + Seek>(mut reader: R, out: &mut Sink<'_>) -> Result<(), Unreadable> {
    if has_masked_names(&mut reader) {
        return Err(Unreadable::Encrypted);
    }
    let archive = ZipArchive::new(reader).map_err(|error| Unreadable::Broken(why(&error)))?;
    out.tell();
    // A password protects no more than what is not read of archives anyway.
    list(names(&archive), out);
    Ok(())
}

/// Whether an archive's list of its entries is encrypted: then the headers of its entries are masked
/// (APPNOTE.TXT, 4.4.4, bits 0 and 13).
fn has_masked_names<R: Read + Seek>(reader: &mut R) -> bool {
    const ENCRYPTED_AND_MASKED: u16 = 1 << 13 | 1;
    let mut header = [0; 8];
    let read = reader
        .rewind()
        .and_then(|()| reader.read_exact(&mut header));
    let flags = u16::from_le_bytes([header[6], header[7]]);
    let is_entry = read.is_ok() && header.starts_with(magic::ZIP);
    is_entry && flags & ENCRYPTED_AND_MASKED == ENCRYPTED_AND_MASKED
}

/// The names stand together, apart from what they name.
pub fn seven_zip<R: Read + Seek>(mut reader: R, out: &mut Sink<'_>) -> Result<(), Unreadable> {
    let (no_password, most) = (Password::empty(), MOST_WINDOW_KIB as usize);
    let archive = sevenz_rust2::Archive::read_with_memory_limit(&mut reader, &no_password, most);
    let archive = archive.map_err(|error| match error {
        Error::PasswordRequired => Unreadable::Encrypted,
        Error::UnsupportedCompressionMethod(method)
            if method == EncoderMethod::AES256_SHA256.name() =>
        {
            Unreadable::Encrypted
        }
        Error::UnsupportedCompressionMethod(_) => {
            Unreadable::Broken("its list is packed in a way that this release does not know".into())
        }
        Error::MaxMemLimited { .. } => {
            Unreadable::Broken("its list takes too much memory to unpack".into())
        }
        _ => damaged(),
    })?;
    out.tell();
    list(archive.files.into_iter().map(|file| file.name), out);
    Ok(())
}

fn list(names: impl Iterator<Item = String>, out: &mut Sink<'_>) {
    for (number, name) in names.enumerate() {
        if number == MOST_ENTRIES {
            out.cut_because(TOO_MANY);
        }
        if out.is_full() || number == MOST_ENTRIES {
            break;
        }
        out.paragraph(&name);
    }
}

/// Goes from name to name without reading what is between them.
pub fn tar<R: Read + Seek>(mut reader: R, out: &mut Sink<'_>) -> Result<(), Unreadable> {
    let broken = |_: io::Error| damaged();
    let length = reader.seek(SeekFrom::End(0)).map_err(broken)?;
    reader.rewind().map_err(broken)?;
    let mut archive = Archive::new(&mut reader);
    entries(archive.entries_with_seek(), out)?;
    // The content of the last entry may be missing: then its end was sought where nothing is.
    match reader.stream_position() {
        Ok(end) if end < length + TAR_BLOCK => Ok(()),
        _ => Err(damaged()),
    }
}

fn entries<R: Read>(
    entries: io::Result<Entries<'_, R>>,
    out: &mut Sink<'_>,
) -> Result<(), Unreadable> {
    let broken = |_| damaged();
    out.tell();
    for (number, entry) in entries.map_err(broken)?.enumerate() {
        let entry = entry.map_err(broken)?;
        if number == MOST_ENTRIES {
            out.cut_because(TOO_MANY);
        }
        if out.is_full() || number == MOST_ENTRIES {
            break;
        }
        out.paragraph(&String::from_utf8_lossy(&entry.path_bytes()));
    }
    Ok(())
}

pub fn gzip<R: Read>(reader: R, out: &mut Sink<'_>) -> Result<(), Unreadable> {
    compressed(MultiGzDecoder::new(reader), out)
}

pub fn bzip2<R: Read>(reader: R, out: &mut Sink<'_>) -> Result<(), Unreadable> {
    compressed(MultiBzDecoder::new(reader), out)
}

pub fn xz<R: Read>(reader: R, out: &mut Sink<'_>) -> Result<(), Unreadable> {
    compressed(XzReader::new_mem_limit(reader, true, MOST_WINDOW_KIB), out)
}

pub fn zstd<R: Read>(reader: R, out: &mut Sink<'_>) -> Result<(), Unreadable> {
    compressed(zstd::Decoder::new(reader).map_err(|_| damaged())?, out)
}

/// What is compressed by itself: an archive, of which the names are taken, or a single file.
fn compressed(decoder: impl Read, out: &mut Sink<'_>) -> Result<(), Unreadable> {
    let mut inflated = Inflated {
        decoder,
        room: MOST_INFLATED,
        is_damaged: false,
    };
    let mut head = Vec::new();
    let read = inflated.by_ref().take(TAR_BLOCK).read_to_end(&mut head);
    read.map_err(|_| damaged())?;
    let is_archive = head.get(257..262) == Some(b"ustar");
    let whole = head.as_slice().chain(&mut inflated);
    let outcome = match is_archive {
        true => entries(Archive::new(whole).entries(), out),
        false => text(whole, out),
    };
    if inflated.is_damaged {
        return Err(damaged());
    }
    if inflated.room == 0 {
        out.cut_because("unpacked it is larger than the 1 GiB that this release reads");
        return Ok(());
    }
    outcome
}

/// A compressed text is read like any.
fn text<R: Read>(mut reader: R, out: &mut Sink<'_>) -> Result<(), Unreadable> {
    let mut head = Vec::new();
    let read = reader
        .by_ref()
        .take(HEAD_BYTES as u64)
        .read_to_end(&mut head);
    read.map_err(|_| damaged())?;
    out.tell();
    if !charset::is_text(&head) {
        return Ok(());
    }
    // A page, or other markup, that says so itself.
    let media_type = media_type("", &head[..head.len().min(MEDIA_TYPE_BYTES)]);
    let format = Format::of(&media_type, &head)
        .ok()
        .filter(|format| format.is_text());
    let reader = head.as_slice().chain(reader);
    read_text(reader, 0, format.unwrap_or(Format::Plain), out).map_err(|_| damaged())?;
    Ok(())
}

/// What a decoder gives until it fails or has given enough: what came before damage is kept.
struct Inflated<R> {
    decoder: R,
    /// Bytes that may still come.
    room: u64,
    is_damaged: bool,
}

impl<R: Read> Read for Inflated<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.room).map_or(buffer.len(), |room| room.min(buffer.len()));
        if most == 0 || self.is_damaged {
            return Ok(0);
        }
        match self.decoder.read(&mut buffer[..most]) {
            Ok(read) => {
                self.room -= read as u64;
                Ok(read)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Err(error),
            Err(_) => {
                self.is_damaged = true;
                Ok(0)
            }
        }
    }
}

fn damaged() -> Unreadable {
    Unreadable::Broken("it is damaged or not complete".into())
}
