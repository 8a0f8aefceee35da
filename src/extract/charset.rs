//! Which characters the bytes of a text stand for.
//!
//! In this order: a byte order mark; the zero bytes of unmarked UTF-16 and UTF-32; valid UTF-8; what
//! the document declares; mostly valid UTF-8; a guess from the statistics of languages.

mod plausibility;

use std::ops::Range;

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{
    Encoding, GB18030, ISO_2022_JP, MACINTOSH, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252,
};

use self::plausibility::plausibility;

/// How much of a text, from its first non-ASCII character on, a guess looks at.
const GUESS_BYTES: usize = 128 << 10;

/// Bytes to characters: one of WHATWG's encodings, or UTF-32, which the Web gave up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Charset {
    Web(&'static Encoding),
    Utf32Le,
    Utf32Be,
    /// Code page 850, of Western Europe before Windows.
    Dos,
}

impl Charset {
    /// Bytes of the smallest character.
    pub fn unit(self) -> usize {
        match self {
            Self::Web(encoding) if encoding == UTF_16LE || encoding == UTF_16BE => 2,
            Self::Web(_) | Self::Dos => 1,
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
    japanese(head).or_else(|| with_zeros(head))
}

/// Japanese has no zero bytes where it has neither spaces nor line ends. It is told by its kana and
/// its punctuation, which are all in one row of the table, and by being no text in 8 bits.
fn japanese(head: &[u8]) -> Option<Charset> {
    let is_text = is_utf8_so_far(head) && !is_binary(head);
    if head.len() < 4 || is_text {
        return None;
    }
    let pairs = || head.chunks_exact(2).map(|pair| [pair[0], pair[1]]);
    let is_japanese = |unit: fn([u8; 2]) -> u16| {
        let (mut all, mut kana, mut ordinary) = (0, 0, 0);
        for unit in pairs().map(unit) {
            all += 1;
            kana +=
                usize::from(matches!(unit, 0x3001..=0x3002 | 0x300c..=0x300d | 0x3041..=0x30ff));
            ordinary += usize::from(matches!(
                unit,
                0x09 | 0x0a | 0x0d | 0x20..=0x7e | 0x3000..=0x30ff | 0x4e00..=0x9fff | 0xff01..=0xff9f
            ));
        }
        5 * kana >= all && 50 * ordinary >= 49 * all
    };
    if is_japanese(u16::from_le_bytes) {
        Some(Charset::Web(UTF_16LE))
    } else if is_japanese(u16::from_be_bytes) {
        Some(Charset::Web(UTF_16BE))
    } else {
        None
    }
}

/// The last character may be cut off.
fn is_utf8_so_far(head: &[u8]) -> bool {
    std::str::from_utf8(head).map_or_else(|fault| fault.error_len().is_none(), |_| true)
}

/// The same where there are spaces or line ends.
fn with_zeros(head: &[u8]) -> Option<Charset> {
    if memchr::memchr(0, head).is_none() || has_stray_zeros(head) {
        return None;
    }
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

/// Whether it is text of 8 bits in which some zero bytes stand, as logs have after they were cut while
/// they were written. Wide text is not: even that of scripts whose letters have ASCII bytes has others
/// for half of them.
fn has_stray_zeros(head: &[u8]) -> bool {
    let count = |is: fn(&u8) -> bool| head.iter().filter(|byte| is(byte)).count();
    let zeros = count(|byte| *byte == 0);
    let rest = head.len() - zeros;
    let controls = count(|byte| matches!(byte, 0x01..=0x07 | 0x0e..=0x19 | 0x1c..=0x1f | 0x7f));
    let ascii = count(|byte| matches!(byte, b'\n' | b'\r' | 0x20..=0x7e));
    let tabs = count(|byte| *byte == b'\t');
    let is_mostly_ascii = 10 * (ascii + tabs) >= 9 * rest && 3 * tabs < rest;
    let is_ordinary = is_mostly_ascii || !head.is_ascii() && is_utf8_so_far(head);
    zeros > 0 && 10 * zeros < rest && 200 * controls <= rest && is_ordinary
}

/// A zero byte, or more control characters than any text has, in text that is not wide.
fn is_binary(head: &[u8]) -> bool {
    if has_stray_zeros(head) {
        return false;
    }
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
    let sample = sample(bytes);
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Allow);
    detector.feed(&bytes[sample.clone()], sample.end == bytes.len());
    detector.guess(None, Utf8Detection::Deny)
}

/// The upper half of code page 850.
const DOS: &str = "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜø£Ø×ƒáíóúñÑªº¿®¬½¼¡«»░▒▓│┤ÁÂÀ©╣║╗╝¢¥┐└┴┬├─┼ãÃ╚╔╩╦╠═╬¤ðÐÊËÈıÍÎÏ┘┌█▄¦Ì▀ÓßÔÒõÕµþÞÚÛÙýÝ¯´\u{ad}±‗¾¶§÷¸°¨·¹³²■\u{a0}";

/// Text of Western Europe from before Windows.
pub fn decode_dos(bytes: &[u8]) -> String {
    let upper: Vec<char> = DOS.chars().collect();
    let character = |byte: &u8| match byte {
        0..0x80 => char::from(*byte),
        byte => upper
            .get(usize::from(byte - 0x80))
            .copied()
            .unwrap_or('\u{fffd}'),
    };
    bytes.iter().map(character).collect()
}

/// The same as [`guess`], with the encodings of Western Europe that the Web never had: DOS (code page
/// 850) and the Macintosh. Those of Windows count unless there is something against them.
pub fn guess_any(bytes: &[u8]) -> Charset {
    let sample = &bytes[sample(bytes)];
    match candidates(bytes) {
        Err(certain) => Charset::Web(certain),
        Ok(candidates) => {
            let as_dos = plausibility(&decode_dos(sample));
            let as_mac = plausibility(&MACINTOSH.decode_without_bom_handling(sample).0);
            let (likely, as_likely) = likeliest(&candidates, sample);
            if as_dos > as_likely && as_dos >= as_mac {
                Charset::Dos
            } else if as_mac > as_likely {
                Charset::Web(MACINTOSH)
            } else {
                Charset::Web(likely)
            }
        }
    }
}

/// The same for names of files in an archive that says nothing of them: what writes those without
/// saying is DOS, or Windows, which counts itself as DOS there. The Macintosh always says it.
pub fn guess_names(bytes: &[u8]) -> Charset {
    match candidates(bytes) {
        Err(certain) => Charset::Web(certain),
        Ok(candidates) => {
            let sample = &bytes[sample(bytes)];
            let (likely, as_likely) = likeliest(&candidates, sample);
            match plausibility(&decode_dos(sample)) >= as_likely {
                true => Charset::Dos,
                false => Charset::Web(likely),
            }
        }
    }
}

/// Encodings between which the statistics of languages cannot be trusted, the likelier first; or the
/// one that is certain.
fn candidates(bytes: &[u8]) -> Result<[&'static Encoding; 2], &'static Encoding> {
    const LATIN: [&str; 4] = [
        "windows-1252",
        "windows-1250",
        "windows-1254",
        "windows-1257",
    ];
    // Guessed for want of anything that fits, too.
    const DOUBTFUL: [&str; 7] = [
        "ISO-8859-2",
        "ISO-8859-4",
        "macintosh",
        "windows-1258",
        "IBM866",
        "windows-1251",
        "KOI8-U",
    ];
    let guessed = guess(bytes);
    if LATIN.contains(&guessed.name()) {
        Ok([guessed, WINDOWS_1252])
    } else if DOUBTFUL.contains(&guessed.name()) {
        Ok([WINDOWS_1252, guessed])
    } else {
        Err(guessed)
    }
}

/// The first of those under which the text is most plausible, and how much it is.
fn likeliest(candidates: &[&'static Encoding], sample: &[u8]) -> (&'static Encoding, i64) {
    let score = |encoding: &'static Encoding| {
        let (text, _) = encoding.decode_without_bom_handling(sample);
        (encoding, plausibility(&text))
    };
    let mut scored = candidates.iter().copied().map(score);
    let first = scored.next().unwrap_or((WINDOWS_1252, 0));
    scored.fold(
        first,
        |best, next| if next.1 > best.1 { next } else { best },
    )
}

/// What a guess looks at.
fn sample(bytes: &[u8]) -> Range<usize> {
    let first = Encoding::ascii_valid_up_to(bytes);
    let start = first.saturating_sub(GUESS_BYTES / 8);
    start..bytes.len().min(first + GUESS_BYTES)
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
