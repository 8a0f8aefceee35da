//! Which characters the bytes of a text stand for.
//!
//! In this order: a byte order mark; the zero bytes of unmarked UTF-16 and UTF-32; valid UTF-8; what
//! the document declares; mostly valid UTF-8; a guess from the statistics of languages.

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Encoding, GB18030, ISO_2022_JP, UTF_8, UTF_16BE, UTF_16LE};

/// How much of a text, from its first non-ASCII character on, a guess looks at.
const GUESS_BYTES: usize = 128 << 10;

/// Bytes to characters: one of WHATWG's encodings, or UTF-32, which the Web gave up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Charset {
    Web(&'static Encoding),
    Utf32Le,
    Utf32Be,
}

impl Charset {
    /// Bytes of the smallest character.
    pub fn unit(self) -> usize {
        match self {
            Self::Web(encoding) if encoding == UTF_16LE || encoding == UTF_16BE => 2,
            Self::Web(_) => 1,
            Self::Utf32Le | Self::Utf32Be => 4,
        }
    }
}

/// Whether content that begins so is text in some encoding. Nothing is text.
pub fn is_text(head: &[u8]) -> bool {
    evident(head).is_some() || !is_binary(head)
}

/// What a byte order mark or the pattern of zero bytes proves, and how long the mark is.
pub fn evident(head: &[u8]) -> Option<(Charset, usize)> {
    marked(head).or_else(|| unmarked(head).map(|charset| (charset, 0)))
}

fn marked(head: &[u8]) -> Option<(Charset, usize)> {
    // UTF-32LE before UTF-16LE: the mark of the one begins with the mark of the other, and no
    // UTF-16 text begins with U+0000.
    const MARKS: [(&[u8], Charset); 6] = [
        (b"\xef\xbb\xbf", Charset::Web(UTF_8)),
        (b"\xff\xfe\0\0", Charset::Utf32Le),
        (b"\0\0\xfe\xff", Charset::Utf32Be),
        (b"\xff\xfe", Charset::Web(UTF_16LE)),
        (b"\xfe\xff", Charset::Web(UTF_16BE)),
        (b"\x84\x31\x95\x33", Charset::Web(GB18030)),
    ];
    MARKS
        .into_iter()
        .find(|(mark, _)| head.starts_with(mark))
        .map(|(mark, charset)| (charset, mark.len()))
}

/// Wide text without a mark. It always has zero bytes, for it has spaces or line ends; read in
/// the right order nearly all its units are ordinary characters, and more of them ASCII than in
/// any wrong order.
fn unmarked(head: &[u8]) -> Option<Charset> {
    memchr::memchr(0, head)?;
    let quads = || head.chunks_exact(4).map(|q| [q[0], q[1], q[2], q[3]]);
    let pairs = || head.chunks_exact(2).map(|p| [p[0], p[1]]);
    let u32_le = plausible(quads().map(u32::from_le_bytes));
    let u32_be = plausible(quads().map(u32::from_be_bytes));
    let u16_le = plausible(pairs().map(|pair| u16::from_le_bytes(pair).into()));
    let u16_be = plausible(pairs().map(|pair| u16::from_be_bytes(pair).into()));
    [
        (u32_le, Charset::Utf32Le),
        (u32_be, Charset::Utf32Be),
        (u16_le, Charset::Web(UTF_16LE)),
        (u16_be, Charset::Web(UTF_16BE)),
    ]
    .into_iter()
    .filter_map(|(ascii, charset)| Some((ascii?, charset)))
    .max_by_key(|(ascii, _)| *ascii)
    .map(|(_, charset)| charset)
}

/// How many ASCII characters there are among units that make sense as text; `None` when fewer
/// than 19 in 20 do, or none is ASCII.
fn plausible(units: impl Iterator<Item = u32>) -> Option<usize> {
    let (mut all, mut ordinary, mut ascii) = (0, 0, 0);
    for unit in units {
        all += 1;
        match unit {
            0 => return None,
            0x09 | 0x0a | 0x0d | 0x20..=0x7e => {
                ascii += 1;
                ordinary += 1;
            }
            // Latin to Georgian, extended Latin to CJK, Hangul, surrogates, presentation forms,
            // and emoji: wide scripts in the order of Unicode's blocks.
            0xa0..=0x10ff | 0x1e00..=0x9fff | 0xac00..=0xdfff | 0xf900..=0xfffd => ordinary += 1,
            0x1_f000..=0x3_ffff => ordinary += 1,
            _ => {}
        }
    }
    (ascii > 0 && ordinary * 20 >= all * 19).then_some(ascii)
}

/// A zero byte, or more control characters than any text has, in text that is not wide.
fn is_binary(head: &[u8]) -> bool {
    let controls = head
        .iter()
        .filter(|byte| matches!(byte, 0x00..=0x07 | 0x0e..=0x19 | 0x1c..=0x1f | 0x7f))
        .count();
    memchr::memchr(0, head).is_some() || controls * 20 > head.len()
}

/// Whether bytes that are not valid UTF-8 are nevertheless more likely damaged UTF-8 than any other
/// encoding: in those, valid sequences of several bytes happen only by chance.
pub fn is_damaged_utf8(bytes: &[u8]) -> bool {
    let (mut sequences, mut faults) = (0usize, 0usize);
    for chunk in bytes.utf8_chunks() {
        let leads = chunk.valid().bytes().filter(|byte| *byte >= 0xc0);
        sequences += leads.count();
        faults += usize::from(!chunk.invalid().is_empty());
    }
    sequences > 2 * faults
}

/// Guesses an 8-bit encoding from the language of its text.
pub fn guess(bytes: &[u8]) -> &'static Encoding {
    let first = Encoding::ascii_valid_up_to(bytes);
    let start = first.saturating_sub(GUESS_BYTES / 8);
    let end = bytes.len().min(first + GUESS_BYTES);
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Allow);
    detector.feed(&bytes[start..end], end == bytes.len());
    detector.guess(None, Utf8Detection::Deny)
}

/// ISO-2022-JP is ASCII with escape sequences, and so valid UTF-8: this finds those that
/// switch to Japanese.
pub fn is_iso_2022_jp(bytes: &[u8]) -> bool {
    let switches = memchr::memmem::find(bytes, b"\x1b$B").is_some()
        || memchr::memmem::find(bytes, b"\x1b$@").is_some();
    switches && bytes.is_ascii() && {
        let (_, malformed) = ISO_2022_JP.decode_without_bom_handling(bytes);
        !malformed
    }
}
