//! A compound file as long as its table of sectors says it is: some programs leave out the last ones,
//! and some files were cut off. Where a header contradicts itself, it is read as what comes after it is.

use std::io::{self, Read, Seek, SeekFrom};

/// More sectors than these are not made up.
const MAX_PADDING: u64 = 64 << 20;
/// Where the header says which version it is of, and the version that has sectors of 4,096 bytes. Some
/// programs write those, and the version before.
const VERSION: u64 = 26;
const LARGE_SECTORS: (u16, [u8; 2]) = (12, [4, 0]);
/// Where the header says in which sector the directory begins, and its first entry how much room all
/// small streams take: a multiple of so many bytes, which some programs do not round up to.
const DIRECTORY: usize = 48;
const SMALL_STREAMS: u64 = 120;
const SMALL_SECTOR: u32 = 64;
/// Where the header says how large sectors are (as a power of two), and how many hold the table.
const SECTOR_SHIFT: usize = 30;
const TABLE_SECTORS: usize = 44;
const HEADER: usize = 52;

/// A reader with zeros behind its end.
pub struct Padded<R> {
    inner: R,
    /// Bytes that are there, and with those that are made up.
    actual: u64,
    length: u64,
    position: u64,
    /// Bytes that are read instead of those at a position.
    corrections: Vec<(u64, u8)>,
}

impl<R: Read + Seek> Padded<R> {
    pub fn new(mut inner: R) -> io::Result<Self> {
        let actual = inner.seek(SeekFrom::End(0))?;
        inner.rewind()?;
        let mut header = [0; HEADER];
        let length = match inner.read_exact(&mut header) {
            Ok(()) => listed_length(&header, actual).clamp(actual, actual + MAX_PADDING),
            Err(_) => actual,
        };
        let corrections = corrections(&header, &mut inner);
        inner.rewind()?;
        Ok(Self {
            inner,
            corrections,
            actual,
            length,
            position: 0,
        })
    }
}

/// How long a file is with all sectors that its table has entries for.
fn listed_length(header: &[u8; HEADER], actual: u64) -> u64 {
    let shift = u16::from_le_bytes([header[SECTOR_SHIFT], header[SECTOR_SHIFT + 1]]);
    let table = header[TABLE_SECTORS..].first_chunk().copied();
    let table = u64::from(table.map_or(0, u32::from_le_bytes));
    if !(9..=12).contains(&shift) || table > actual >> shift {
        return actual;
    }
    let sector = 1u64 << shift;
    sector + table * (sector / 4) * sector
}

/// What is put in place of what the header and the directory say.
fn corrections<R: Read + Seek>(header: &[u8; HEADER], inner: &mut R) -> Vec<(u64, u8)> {
    let shift = u16::from_le_bytes([header[SECTOR_SHIFT], header[SECTOR_SHIFT + 1]]);
    let mut corrections = Vec::new();
    if shift == LARGE_SECTORS.0 {
        corrections.extend((VERSION..).zip(LARGE_SECTORS.1));
    }
    let directory = header[DIRECTORY..].first_chunk().copied();
    let directory = u64::from(directory.map_or(0, u32::from_le_bytes));
    if (9..=12).contains(&shift) {
        let place = ((directory + 1) << shift) + SMALL_STREAMS;
        let mut length = [0; 4];
        let read = inner.seek(SeekFrom::Start(place));
        let read = read.and_then(|_| inner.read_exact(&mut length));
        let rounded = u32::from_le_bytes(length).checked_next_multiple_of(SMALL_SECTOR);
        if let Some(rounded) = rounded.filter(|_| read.is_ok()) {
            corrections.extend((place..).zip(rounded.to_le_bytes()));
        }
    }
    corrections
}

impl<R> Padded<R> {
    /// Corrects what was read at the current position.
    fn correct(&self, read: &mut [u8]) {
        for (place, byte) in &self.corrections {
            let at = place.checked_sub(self.position);
            let at = at.and_then(|at| usize::try_from(at).ok());
            if let Some(found) = at.and_then(|at| read.get_mut(at)) {
                *found = *byte;
            }
        }
    }
}

impl<R: Read + Seek> Read for Padded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = |end: u64, position: u64| usize::try_from(end.saturating_sub(position));
        let there = left(self.actual, self.position).unwrap_or(usize::MAX);
        let read = match there {
            0 => {
                let padding = left(self.length, self.position).unwrap_or(usize::MAX);
                let length = padding.min(buffer.len());
                buffer[..length].fill(0);
                length
            }
            there => {
                let length = there.min(buffer.len());
                let read = self.inner.read(&mut buffer[..length])?;
                self.correct(&mut buffer[..read]);
                read
            }
        };
        self.position += read as u64;
        Ok(read)
    }
}

impl<R: Read + Seek> Seek for Padded<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.length.checked_add_signed(by),
            SeekFrom::Current(by) => self.position.checked_add_signed(by),
        };
        self.position = position.ok_or(io::ErrorKind::InvalidInput)?;
        self.inner
            .seek(SeekFrom::Start(self.position.min(self.actual)))?;
        Ok(self.position)
    }
}
