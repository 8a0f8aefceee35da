//! Matroska and WebM (RFC 9559): elements in elements.

use std::io::{Read, Seek, SeekFrom};

use super::super::sink::Details;
use super::{kept, read_at};

/// Elements looked at in one file.
const MOST_ELEMENTS: usize = 10_000;
const MOST_OF_VALUE: u64 = 4 << 10;
const MOST_NESTING: usize = 8;

/// Elements by their identifier.
const SEGMENT: u32 = 0x1853_8067;
const CLUSTER: u32 = 0x1f43_b675;
const INFO: u32 = 0x1549_a966;
const SCALE: u32 = 0x2a_d7b1;
const DURATION: u32 = 0x4489;
const DATE: u32 = 0x4461;
const TITLE: u32 = 0x7ba9;
const TRACKS: u32 = 0x1654_ae6b;
const TRACK: u32 = 0xae;
const VIDEO: u32 = 0xe0;
const WIDTH: u32 = 0xb0;
const HEIGHT: u32 = 0xba;
const TAGS: u32 = 0x1254_c367;
const TAG: u32 = 0x7373;
const SIMPLE_TAG: u32 = 0x67c8;
const TAG_NAME: u32 = 0x45a3;
const TAG_TEXT: u32 = 0x4487;

const FOLDERS: [u32; 8] = [SEGMENT, INFO, TRACKS, TRACK, VIDEO, TAGS, TAG, SIMPLE_TAG];

pub fn read<R: Read + Seek>(reader: &mut R, details: &mut Details) -> Option<()> {
    let length = reader.seek(SeekFrom::End(0)).ok()?;
    let mut walk = Walk {
        reader,
        left: MOST_ELEMENTS,
        details,
        scale: 1_000_000,
        duration: None,
        tag: String::new(),
        found: false,
    };
    walk.elements(0, length, 0);
    let nanoseconds = walk.duration.map(|duration| duration * walk.scale as f64);
    let found = walk.found;
    details.milliseconds = nanoseconds
        .map(|nanoseconds| (nanoseconds / 1e6) as u64)
        .filter(|length| *length > 0);
    found.then_some(())
}

struct Walk<'a, R> {
    reader: &'a mut R,
    left: usize,
    details: &'a mut Details,
    /// Nanoseconds of a unit of time.
    scale: u64,
    duration: Option<f64>,
    /// The name of the tag whose text comes next.
    tag: String,
    found: bool,
}

impl<R: Read + Seek> Walk<'_, R> {
    fn elements(&mut self, mut at: u64, end: u64, depth: usize) {
        while at < end && self.left > 0 {
            self.left -= 1;
            let Some((identifier, start, size)) = self.head(at) else {
                return;
            };
            let ends = size
                .and_then(|size| start.checked_add(size))
                .unwrap_or(end)
                .min(end);
            at = ends;
            if identifier == CLUSTER && size.is_none() {
                // Of unknown length: what comes behind it cannot be found without reading it.
                return;
            }
            match FOLDERS.contains(&identifier) && depth < MOST_NESTING {
                true => self.elements(start, ends, depth + 1),
                false => self.value(identifier, start, ends),
            }
        }
    }

    /// Identifier, where the content starts, and its length if it is known.
    fn head(&mut self, at: u64) -> Option<(u32, u64, Option<u64>)> {
        let head = read_at(self.reader, at, 12)?;
        let width = head.first()?.leading_zeros() as usize + 1;
        let identifier = head.get(..width).filter(|_| width <= 4)?;
        let identifier = identifier
            .iter()
            .fold(0, |all, byte| all << 8 | u32::from(*byte));
        let size = &head[width..];
        let length = size.first()?.leading_zeros() as usize + 1;
        let first = u64::from(*size.first()?) & (0xff >> length.min(8));
        let size = size.get(1..length).filter(|_| length <= 8)?;
        let value = size
            .iter()
            .fold(first, |all, byte| all << 8 | u64::from(*byte));
        let unknown = value == (1u64 << (7 * length)) - 1;
        Some((
            identifier,
            at + (width + length) as u64,
            (!unknown).then_some(value),
        ))
    }

    fn value(&mut self, identifier: u32, start: u64, end: u64) {
        let is_read = [
            SCALE, DURATION, DATE, TITLE, WIDTH, HEIGHT, TAG_NAME, TAG_TEXT,
        ];
        if !is_read.contains(&identifier) {
            return;
        }
        let length = end.saturating_sub(start).min(MOST_OF_VALUE) as usize;
        let Some(content) = read_at(self.reader, start, length) else {
            return;
        };
        let number = || {
            content
                .iter()
                .take(8)
                .fold(0u64, |all, byte| all << 8 | u64::from(*byte))
        };
        let text = || kept(&String::from_utf8_lossy(&content));
        match identifier {
            SCALE => self.scale = number(),
            DURATION => {
                self.found = true;
                self.duration = match content.len() {
                    4 => Some(f32::from_bits(number() as u32).into()),
                    8 => Some(f64::from_bits(number())),
                    _ => None,
                };
            }
            DATE => self.details.date = date(number() as i64),
            TITLE => self.details.title = text(),
            WIDTH => (self.found, self.details.width) = (true, u32::try_from(number()).ok()),
            HEIGHT => self.details.height = u32::try_from(number()).ok(),
            TAG_NAME => self.tag = text().unwrap_or_default().to_uppercase(),
            _ => match self.tag.as_str() {
                "ARTIST" => self.details.author = text(),
                "ALBUM" => self.details.album = text(),
                "TITLE" if self.details.title.is_none() => self.details.title = text(),
                _ => {}
            },
        }
    }
}

/// Nanoseconds since the beginning of 2001.
fn date(nanoseconds: i64) -> Option<String> {
    const UNIX_EPOCH: i64 = 978_307_200;
    let moment = jiff::Timestamp::from_second(UNIX_EPOCH + nanoseconds / 1_000_000_000).ok()?;
    Some(moment.strftime("%Y-%m-%dT%H:%M:%S").to_string())
}
