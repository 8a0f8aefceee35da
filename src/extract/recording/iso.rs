//! MP4, QuickTime and their kin (ISO/IEC 14496-12): boxes in boxes.

use std::io::{Read, Seek, SeekFrom};

use super::super::sink::Details;
use super::{kept, read_at};

/// A description is a few kilobytes; most of it are tables that are not read.
const MOST_OF_BOX: u64 = 64 << 10;
/// Boxes looked at in one file.
const MOST_BOXES: usize = 10_000;

/// Boxes that hold boxes on the way to what is read.
const FOLDERS: [&[u8; 4]; 5] = [b"moov", b"trak", b"udta", b"ilst", b"meta"];

/// Where a box's content lies.
struct Part {
    kind: [u8; 4],
    start: u64,
    end: u64,
}

pub fn read<R: Read + Seek>(reader: &mut R, details: &mut Details) -> Option<()> {
    let length = reader.seek(SeekFrom::End(0)).ok()?;
    let mut walk = Walk {
        reader,
        left: MOST_BOXES,
        found: false,
        details,
    };
    walk.boxes(0, length, &[]);
    walk.found.then_some(())
}

struct Walk<'a, R> {
    reader: &'a mut R,
    left: usize,
    found: bool,
    details: &'a mut Details,
}

impl<R: Read + Seek> Walk<'_, R> {
    fn boxes(&mut self, mut at: u64, end: u64, path: &[[u8; 4]]) {
        while at + 8 <= end && self.left > 0 {
            self.left -= 1;
            let Some(part) = self.part(at, end) else {
                return;
            };
            at = part.end;
            if FOLDERS.contains(&&part.kind) && path.len() < FOLDERS.len() {
                let path = [path, &[part.kind]].concat();
                let start = self.inside(&part);
                self.boxes(start, part.end, &path);
            } else if path.last() == Some(b"ilst") {
                self.tag(&part);
            } else {
                self.fact(&part);
            }
        }
    }

    fn part(&mut self, at: u64, end: u64) -> Option<Part> {
        let head = read_at(self.reader, at, 16)?;
        let size = u64::from(u32_at(&head, 0)?);
        let (header, size) = match size {
            0 => (8, end - at),
            1 => (
                16,
                u64::from(u32_at(&head, 8)?) << 32 | u64::from(u32_at(&head, 12)?),
            ),
            size => (8, size),
        };
        let ends = at.checked_add(size)?.min(end);
        (size >= header).then_some(Part {
            kind: head.get(4..8)?.try_into().ok()?,
            start: at + header,
            end: ends,
        })
    }

    /// Where a folder's boxes begin: `meta` has a version before them in one of two standards.
    fn inside(&mut self, part: &Part) -> u64 {
        let is_full = part.kind == *b"meta"
            && read_at(self.reader, part.start, 8)
                .is_some_and(|head| head.get(4..8) != Some(b"hdlr"));
        part.start + if is_full { 4 } else { 0 }
    }

    fn content(&mut self, part: &Part) -> Vec<u8> {
        let length = part.end.saturating_sub(part.start).min(MOST_OF_BOX);
        read_at(self.reader, part.start, length as usize).unwrap_or_default()
    }

    fn fact(&mut self, part: &Part) {
        match &part.kind {
            b"mvhd" => {
                let content = self.content(part);
                self.found = true;
                self.details.milliseconds = duration(&content);
                self.details.date = self.details.date.take().or_else(|| created(&content));
            }
            b"tkhd" => {
                let content = self.content(part);
                if let Some((width, height)) = dimensions(&content) {
                    (self.details.width, self.details.height) = (Some(width), Some(height));
                }
            }
            // Tags of QuickTime, and where a phone was.
            b"\xa9nam" => self.details.title = quicktime(&self.content(part)),
            b"\xa9xyz" => {
                let place = quicktime(&self.content(part));
                if let Some((latitude, longitude)) = place.as_deref().and_then(position) {
                    (self.details.latitude, self.details.longitude) =
                        (Some(latitude), Some(longitude));
                }
            }
            _ => {}
        }
    }

    /// A tag holds a `data` box: type and language, then text.
    fn tag(&mut self, part: &Part) {
        let into = match &part.kind {
            b"\xa9nam" => &mut self.details.title,
            b"\xa9ART" => &mut self.details.author,
            b"\xa9alb" => &mut self.details.album,
            b"\xa9day" => &mut self.details.date,
            _ => return,
        };
        let length = part.end.saturating_sub(part.start).min(MOST_OF_BOX);
        let content = read_at(self.reader, part.start, length as usize).unwrap_or_default();
        let text = content.get(16..).map(String::from_utf8_lossy);
        if let Some(text) = text.filter(|_| content.get(4..8) == Some(b"data")) {
            *into = kept(&text).map(|text| text.trim_end_matches('Z').to_owned());
        }
    }
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_be_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
}

fn duration(header: &[u8]) -> Option<u64> {
    let (scale, duration) = match header.first()? {
        1 => (u32_at(header, 20)?, u64_at(header, 24)?),
        _ => (u32_at(header, 12)?, u32_at(header, 16)?.into()),
    };
    duration
        .checked_mul(1000)?
        .checked_div(scale.into())
        .filter(|length| *length > 0)
}

/// Seconds since 1904; clocks that were never set are at its beginning.
fn created(header: &[u8]) -> Option<String> {
    const UNIX_EPOCH: i64 = 2_082_844_800;
    let seconds = match header.first()? {
        1 => i64::try_from(u64_at(header, 4)?).ok()?,
        _ => u32_at(header, 4)?.into(),
    };
    let moment = jiff::Timestamp::from_second(seconds.checked_sub(UNIX_EPOCH)?).ok()?;
    (seconds > UNIX_EPOCH).then(|| moment.strftime("%Y-%m-%dT%H:%M:%S").to_string())
}

/// Width and height of a track's picture after its matrix has turned it.
fn dimensions(header: &[u8]) -> Option<(u32, u32)> {
    let matrix = if *header.first()? == 1 { 52 } else { 40 };
    let (width, height) = (
        u32_at(header, matrix + 36)? >> 16,
        u32_at(header, matrix + 40)? >> 16,
    );
    let is_turned = u32_at(header, matrix)? == 0 && u32_at(header, matrix + 4)? != 0;
    match (width, height) {
        (0, _) | (_, 0) => None,
        (width, height) if is_turned => Some((height, width)),
        sizes => Some(sizes),
    }
}

/// Text behind its length and language.
fn quicktime(content: &[u8]) -> Option<String> {
    let length = usize::from(u16::from_be_bytes(content.get(..2)?.try_into().ok()?));
    let text = content.get(4..)?;
    kept(&String::from_utf8_lossy(&text[..length.min(text.len())]))
}

/// `+52.5200+013.4050/` (ISO 6709).
fn position(text: &str) -> Option<(f64, f64)> {
    let second = text.get(1..)?.find(['+', '-'])? + 1;
    let (latitude, rest) = text.split_at(second);
    let end = rest
        .get(1..)?
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .map_or(rest.len(), |at| at + 1);
    let (latitude, longitude) = (latitude.parse().ok()?, rest[..end].parse().ok()?);
    let is_there = (-90.0..=90.0).contains(&latitude) && (-180.0..=180.0).contains(&longitude);
    is_there.then_some((latitude, longitude))
}

#[cfg(test)]
mod tests {
    use super::position;

    #[test]
    fn places() {
        assert_eq!(position("+52.5200+013.4050/"), Some((52.52, 13.405)));
        assert_eq!(position("-33.8+151.2+058.0/"), Some((-33.8, 151.2)));
        assert_eq!(position("+95+10/"), None);
        assert_eq!(position(""), None);
    }
}
