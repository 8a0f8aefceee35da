//! Summary information (MS-OLEPS): what a document of the older Office says about itself.

use encoding_rs::{Encoding, WINDOWS_1252};
use jiff::Timestamp;

use super::{size_at, slice, u16_at, u32_at, u64_at, wide};
use crate::extract::charset;
use crate::extract::sink::Details;

const CODE_PAGE: u32 = 1;
const TITLE: u32 = 2;
const AUTHOR: u32 = 4;
const CREATED: u32 = 12;

/// More properties than this no document has.
const MOST_PROPERTIES: usize = 256;

/// Types of values (MS-OLEPS 2.15).
const NARROW_STRING: u32 = 30;
const WIDE_STRING: u32 = 31;
const FILE_TIME: u32 = 64;

/// Takes over title, author and date of a property set's first section.
pub fn describe(set: &[u8], details: &mut Details) {
    let Some(section) = size_at(set, 44).and_then(|start| set.get(start..)) else {
        return;
    };
    let property = |wanted: u32| property(section, wanted);
    let page = page(set);
    let text = |wanted: u32| property(wanted).and_then(|value| text(value, page));
    details.title = text(TITLE);
    details.author = text(AUTHOR);
    details.date = property(CREATED)
        .filter(|value| u32_at(value, 0) == Some(FILE_TIME))
        .and_then(|value| u64_at(value, 4))
        .and_then(file_time);
}

/// The code page that a document's narrow text is in.
pub fn page(set: &[u8]) -> Option<u16> {
    let section = set.get(size_at(set, 44)?..)?;
    u16_at(property(section, CODE_PAGE)?, 4)
}

fn property(section: &[u8], wanted: u32) -> Option<&[u8]> {
    let count = size_at(section, 4).unwrap_or(0).min(MOST_PROPERTIES);
    (0..count).find_map(|number| {
        let at = 8 + 8 * number;
        (u32_at(section, at)? == wanted).then_some(())?;
        section.get(size_at(section, at + 4)?..)
    })
}

fn text(value: &[u8], page: Option<u16>) -> Option<String> {
    let length = size_at(value, 4)?;
    let text = match u32_at(value, 0)? {
        NARROW_STRING => narrow(slice(value, 8, length), page.unwrap_or(1252)),
        WIDE_STRING => wide(slice(value, 8, length.saturating_mul(2))),
        _ => return None,
    };
    let text = text.trim_matches(|c: char| c.is_whitespace() || c.is_control());
    (!text.is_empty()).then(|| text.to_owned())
}

/// Text in one of Windows' code pages.
pub fn narrow(bytes: &[u8], page: u16) -> String {
    match code_page(page) {
        _ if matches!(page, 437 | 850 | 858) => charset::decode_dos(bytes),
        Some(encoding) => encoding.decode_without_bom_handling(bytes).0.into_owned(),
        None if page == 1200 => wide(bytes),
        None => {
            let guessed = charset::guess(bytes);
            guessed.decode_without_bom_handling(bytes).0.into_owned()
        }
    }
}

pub fn code_page(page: u16) -> Option<&'static Encoding> {
    let label = match page {
        874 => "windows-874",
        932 => "shift_jis",
        936 => "gbk",
        949 => "euc-kr",
        950 => "big5",
        1250..=1258 => return Encoding::for_label(format!("windows-{page}").as_bytes()),
        10000 => "macintosh",
        10007 => "x-mac-cyrillic",
        28591..=28599 => {
            return Encoding::for_label(format!("iso-8859-{}", page - 28590).as_bytes());
        }
        20866 => "koi8-r",
        21866 => "koi8-u",
        51932 => "euc-jp",
        54936 => "gb18030",
        866 => "ibm866",
        65000 | 65001 => "utf-8",
        // Of the United States and Western Europe before Windows: ASCII for what counts.
        0 | 437 | 850 => "windows-1252",
        _ => return None,
    };
    Encoding::for_label(label.as_bytes())
}

/// The encoding of the language (MS-LCID) that a document is in, or else of the code page that it names.
pub fn encoding_of(language: u16, page: Option<u16>) -> &'static Encoding {
    let page = match language & 0x3ff {
        0x01 => 1256,
        0x04 if language == 0x0404 => 950,
        0x04 => 936,
        0x02 | 0x19 | 0x22 | 0x23 => 1251,
        0x05 | 0x0e | 0x15 | 0x18 | 0x1a | 0x1b | 0x24 => 1250,
        0x08 => 1253,
        0x0d => 1255,
        0x11 => 932,
        0x12 => 949,
        0x1e => 874,
        0x1f => 1254,
        _ => page
            .filter(|page| (1250..=1258).contains(page))
            .unwrap_or(1252),
    };
    code_page(page).unwrap_or(WINDOWS_1252)
}

/// A time as Windows counts it: tenths of a microsecond since 1601, in UTC.
pub fn file_time(ticks: u64) -> Option<String> {
    const UNIX_EPOCH: i64 = 11_644_473_600;
    let seconds = i64::try_from(ticks / 10_000_000).ok()? - UNIX_EPOCH;
    let moment = Timestamp::from_second(seconds).ok().filter(|_| ticks > 0)?;
    // An empty document's editing time is kept in the same way.
    (seconds > -UNIX_EPOCH + 86_400).then(|| moment.strftime("%Y-%m-%dT%H:%M:%S").to_string())
}

#[cfg(test)]
mod tests {
    use super::{describe, file_time, narrow};
    use crate::extract::sink::Details;

    #[test]
    fn times_of_windows() {
        assert_eq!(
            file_time(132_000_000_000_000_000).as_deref(),
            Some("2019-04-17T18:40:00")
        );
        assert_eq!(file_time(0), None);
        assert_eq!(file_time(u64::MAX), None);
    }

    #[test]
    fn text_from_before_windows() {
        assert_eq!(narrow(b"H\x84fen", 437), "Häfen");
        assert_eq!(narrow(b"H\x84fen", 850), "Häfen");
    }

    #[test]
    fn any_bytes_are_read() {
        for length in 0..200 {
            describe(&vec![1; length], &mut Details::default());
            describe(&vec![0xff; length], &mut Details::default());
        }
    }
}
