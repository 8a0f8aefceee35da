//! The records of a ZIP archive, as its specification has them (PKWARE, APPNOTE 6.3.10); numbers
//! in parentheses name its sections. Contents are stored and not compressed.
//!
//! Size and checksum stand in the local header, for readers that meet an archive from its beginning.
//! Where a checksum is known only once its content has gone by, it follows in a data descriptor
//! (4.3.9), which many of them do not take. ZIP64 (4.5.3) is used where a number needs it and nowhere else.

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// Stands for a number that is in the ZIP64 field, and is itself too large (4.4.1.4).
const FULL_32: u64 = 0xFFFF_FFFF;
const FULL_16: u64 = 0xFFFF;
/// 4.4.4: a data descriptor follows (bit 3), names are UTF-8 (bit 11).
const DESCRIPTOR_FOLLOWS: u16 = 1 << 3;
const NAMES_ARE_UTF8: u16 = 1 << 11;
/// 4.4.3: what a reader must know.
const NEEDS_FOLDERS: u16 = 20;
const NEEDS_ZIP64: u16 = 45;
/// 4.4.2: by version 6.3 of the specification, with attributes as Unix has them.
const MADE_BY: u16 = 3 << 8 | 63;
/// 4.4.15: an ordinary file that its owner writes and everybody reads.
const MODE: u32 = 0o100_644 << 16;
const ZIP64_FIELD: u16 = 0x0001;
/// Info-ZIP's extended timestamp (4.5.2 lists it): a time in UTC, which the header's own is not.
const TIME_FIELD: u16 = 0x5455;

/// One file of an archive.
pub struct Entry<'a> {
    pub name: &'a str,
    pub size: u64,
    /// Since the Unix epoch.
    pub seconds: i64,
    pub crc32: Crc32,
    /// Where its local header begins.
    pub offset: u64,
}

/// The checksum of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Crc32 {
    /// Before the entry is written.
    Stated(u32),
    /// Not before its content has gone by: 0 until then.
    Following(u32),
}

impl Crc32 {
    fn value(self) -> u32 {
        match self {
            Self::Stated(value) | Self::Following(value) => value,
        }
    }
}

impl Entry<'_> {
    /// Bytes from the beginning of its local header to the end of its content or data descriptor.
    pub fn span(&self) -> u64 {
        self.head_len() + self.size + self.descriptor_len()
    }

    /// Bytes of the local header.
    pub fn head_len(&self) -> u64 {
        let zip64 = if self.is_large() { 20 } else { 0 };
        30 + self.name.len() as u64 + self.time_len() + zip64
    }

    fn descriptor_len(&self) -> u64 {
        match (self.crc32, self.is_large()) {
            (Crc32::Stated(_), _) => 0,
            (Crc32::Following(_), false) => 16,
            (Crc32::Following(_), true) => 24,
        }
    }

    /// Bytes in the central directory.
    pub fn central_len(&self) -> u64 {
        let zip64 = self.zip64().len() as u64;
        46 + self.name.len() as u64 + self.time_len() + zip64
    }

    /// 4.3.7
    pub fn write_local(&self, out: &mut Vec<u8>) {
        out.extend(b"PK\x03\x04");
        let mut zip64 = Vec::new();
        if self.is_large() {
            // Here both sizes must be there (4.5.3).
            field(&mut zip64, ZIP64_FIELD, &[self.size, self.size]);
        }
        self.write_shared(zip64.len(), out);
        out.extend(self.name.as_bytes());
        self.write_time(out);
        out.extend(zip64);
    }

    /// 4.3.9; nothing for an entry whose checksum was stated.
    pub fn write_descriptor(&self, out: &mut Vec<u8>) {
        let Crc32::Following(crc32) = self.crc32 else {
            return;
        };
        out.extend(b"PK\x07\x08");
        u32(out, crc32);
        for size in [self.size, self.size] {
            match self.is_large() {
                true => out.extend(size.to_le_bytes()),
                false => capped_32(out, size),
            }
        }
    }

    /// 4.3.12
    pub fn write_central(&self, out: &mut Vec<u8>) {
        out.extend(b"PK\x01\x02");
        u16(out, MADE_BY);
        let zip64 = self.zip64();
        self.write_shared(zip64.len(), out);
        // No comment, on the first disk, of no particular kind.
        out.extend([0; 6]);
        u32(out, MODE);
        capped_32(out, self.offset);
        out.extend(self.name.as_bytes());
        self.write_time(out);
        out.extend(zip64);
    }

    /// What both headers have, from the version that is needed to the length of the extra field.
    fn write_shared(&self, zip64: usize, out: &mut Vec<u8>) {
        let needs = if zip64 > 0 {
            NEEDS_ZIP64
        } else {
            NEEDS_FOLDERS
        };
        u16(out, needs);
        let follows = match self.crc32 {
            Crc32::Stated(_) => 0,
            Crc32::Following(_) => DESCRIPTOR_FOLLOWS,
        };
        u16(out, follows | NAMES_ARE_UTF8);
        // Stored (4.4.5).
        u16(out, 0);
        let (date, time) = dos_time(self.seconds);
        u16(out, time);
        u16(out, date);
        u32(out, self.crc32.value());
        capped_32(out, self.size);
        capped_32(out, self.size);
        capped_16(out, self.name.len() as u64);
        capped_16(out, self.time_len() + zip64 as u64);
    }

    fn is_large(&self) -> bool {
        self.size >= FULL_32
    }

    /// The ZIP64 field of the central directory: only what has no room elsewhere, in this order.
    fn zip64(&self) -> Vec<u8> {
        let mut values = Vec::new();
        if self.is_large() {
            values.extend([self.size, self.size]);
        }
        if self.offset >= FULL_32 {
            values.push(self.offset);
        }
        let mut out = Vec::new();
        if !values.is_empty() {
            field(&mut out, ZIP64_FIELD, &values);
        }
        out
    }

    /// From 2038 on the field has no room for the time; the header's own remains.
    fn time_len(&self) -> u64 {
        match i32::try_from(self.seconds) {
            Ok(_) => 9,
            Err(_) => 0,
        }
    }

    fn write_time(&self, out: &mut Vec<u8>) {
        if let Ok(seconds) = i32::try_from(self.seconds) {
            u16(out, TIME_FIELD);
            u16(out, 5);
            // Of the times that there could be, that of the last change.
            out.push(1);
            out.extend(seconds.to_le_bytes());
        }
    }
}

/// What closes an archive.
pub struct End {
    pub entries: u64,
    /// Bytes of the central directory, and where it begins.
    pub directory: u64,
    pub offset: u64,
}

impl End {
    pub fn len(&self) -> u64 {
        if self.is_zip64() { 56 + 20 + 22 } else { 22 }
    }

    pub fn write(&self, out: &mut Vec<u8>) {
        if self.is_zip64() {
            self.write_zip64(out);
        }
        // 4.3.16
        out.extend(b"PK\x05\x06");
        out.extend([0; 4]);
        capped_16(out, self.entries);
        capped_16(out, self.entries);
        capped_32(out, self.directory);
        capped_32(out, self.offset);
        u16(out, 0);
    }

    /// 4.3.14, and 4.3.15 to find it by.
    fn write_zip64(&self, out: &mut Vec<u8>) {
        out.extend(b"PK\x06\x06");
        out.extend(44_u64.to_le_bytes());
        u16(out, MADE_BY);
        u16(out, NEEDS_ZIP64);
        out.extend([0; 8]);
        for value in [self.entries, self.entries, self.directory, self.offset] {
            out.extend(value.to_le_bytes());
        }
        out.extend(b"PK\x06\x07");
        u32(out, 0);
        out.extend((self.offset + self.directory).to_le_bytes());
        u32(out, 1);
    }

    fn is_zip64(&self) -> bool {
        self.entries >= FULL_16 || self.directory >= FULL_32 || self.offset >= FULL_32
    }
}

/// An extra field of 64-bit values (4.5.1).
fn field(out: &mut Vec<u8>, id: u16, values: &[u64]) {
    u16(out, id);
    capped_16(out, values.len() as u64 * 8);
    out.extend(values.iter().flat_map(|value| value.to_le_bytes()));
}

/// Date and time (4.4.6): from 1980 to 2107, in steps of two seconds.
fn dos_time(seconds: i64) -> (u16, u16) {
    const FIRST: (u16, u16) = (1 << 5 | 1, 0);
    const LAST: (u16, u16) = (127 << 9 | 12 << 5 | 31, 23 << 11 | 59 << 5 | 29);
    let Ok(time) = Timestamp::from_second(seconds) else {
        return if seconds < 0 { FIRST } else { LAST };
    };
    let at = time.to_zoned(TimeZone::UTC);
    let part = |value: i8| u16::from(value.unsigned_abs());
    match u16::try_from(at.year() - 1980) {
        Err(_) => FIRST,
        Ok(128..) => LAST,
        Ok(years) => (
            years << 9 | part(at.month()) << 5 | part(at.day()),
            part(at.hour()) << 11 | part(at.minute()) << 5 | (part(at.second()) / 2),
        ),
    }
}

fn u16(out: &mut Vec<u8>, value: u16) {
    out.extend(value.to_le_bytes());
}

fn u32(out: &mut Vec<u8>, value: u32) {
    out.extend(value.to_le_bytes());
}

fn capped_16(out: &mut Vec<u8>, value: u64) {
    u16(out, u16::try_from(value).unwrap_or(u16::MAX));
}

fn capped_32(out: &mut Vec<u8>, value: u64) {
    u32(out, u32::try_from(value).unwrap_or(u32::MAX));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_kept_within_what_the_format_knows() {
        assert_eq!(dos_time(0), (1 << 5 | 1, 0));
        assert_eq!(dos_time(i64::MIN), (1 << 5 | 1, 0));
        // 2026-11-23 01:20:41
        assert_eq!(
            dos_time(1_795_396_841),
            (46 << 9 | 11 << 5 | 23, 1 << 11 | 20 << 5 | 20)
        );
        assert_eq!(dos_time(i64::MAX).0 >> 9, 127);
        assert_eq!(dos_time(4_500_000_000).0 >> 9, 127);
    }
}
