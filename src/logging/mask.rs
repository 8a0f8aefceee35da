//! Secrets in log lines: what looks like one of ours is masked, in whatever field and spelling.
//!
//! Handlers name routes with a secret by their pattern. This is for all that nobody thought of:
//! addresses that match no route, referers, queries, messages of errors. It works on the finished
//! line, so that no field and no format is left out.

use std::borrow::Cow;
use std::io::{self, Write};

use tracing::Metadata;
use tracing_subscriber::fmt::MakeWriter;

use crate::auth::PREFIXES;

/// Shortest rest after a prefix that counts as a secret where a word begins.
const MIN_REST: usize = 8;
/// The same in the middle of a word, where a prefix may be the end of a name.
const MIN_REST_INSIDE: usize = 32;

/// Shortest run without a prefix that is taken for a secret.
const MIN_RANDOM: usize = 24;

/// Standard error, masked.
pub(super) struct Masked;

/// Writes whole lines.
pub(super) enum LineWriter {
    Masking,
    /// For the lines whose purpose is to show a secret.
    Showing,
}

impl<'a> MakeWriter<'a> for Masked {
    type Writer = LineWriter;

    fn make_writer(&'a self) -> LineWriter {
        LineWriter::Masking
    }

    fn make_writer_for(&'a self, metadata: &Metadata<'_>) -> LineWriter {
        match metadata.target() == super::SHOWS_SECRET {
            true => LineWriter::Showing,
            false => LineWriter::Masking,
        }
    }
}

impl Write for LineWriter {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let masked = match self {
            Self::Masking => mask(line),
            Self::Showing => Cow::Borrowed(line),
        };
        io::stderr().write_all(&masked)?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

/// One character of a line, however often it is percent-encoded, and where it stands.
#[derive(Clone, Copy)]
struct Unit {
    byte: u8,
    start: usize,
    end: usize,
}

/// The line with `***` in place of secrets, behind what says of which kind they were.
pub(super) fn mask(line: &[u8]) -> Cow<'_, [u8]> {
    let is_plain =
        !memchr::memchr2_iter(b'_', b'%', line).any(|at| line[at] == b'%' || begins(line, at));
    if is_plain && !line.split(|byte| !is_of_a_secret(*byte)).any(is_random) {
        return Cow::Borrowed(line);
    }
    let units = decode(line);
    let mut masked = Vec::new();
    let (mut done, mut at) = (0, 0);
    while let Some(secret) = next(&units, at) {
        masked.extend_from_slice(&line[done..units[secret.rest].start]);
        masked.extend_from_slice(b"***");
        done = units[secret.end - 1].end;
        at = secret.end;
    }
    if done == 0 {
        return Cow::Borrowed(line);
    }
    masked.extend_from_slice(&line[done..]);
    Cow::Owned(masked)
}

/// Whether a prefix ends with the underscore at this place.
fn begins(line: &[u8], underscore: usize) -> bool {
    let prefix = underscore
        .checked_sub(2)
        .map(|start| &line[start..=underscore]);
    prefix.is_some_and(is_prefix)
}

fn is_prefix(text: &[u8]) -> bool {
    let mut prefixes = PREFIXES.iter();
    prefixes.any(|prefix| prefix.as_bytes().eq_ignore_ascii_case(text))
}

/// Undoes percent-encoding, also of percent signs, in one pass: each byte is read once, and each
/// unit is put together of three at most once.
fn decode(line: &[u8]) -> Vec<Unit> {
    let mut units: Vec<Unit> = Vec::with_capacity(line.len());
    for (at, byte) in line.iter().enumerate() {
        units.push(Unit {
            byte: *byte,
            start: at,
            end: at + 1,
        });
        while let [.., percent, high, low] = units[..]
            && percent.byte == b'%'
            && let Some(byte) = hex(high.byte, low.byte)
        {
            units.truncate(units.len() - 3);
            units.push(Unit {
                byte,
                start: percent.start,
                end: low.end,
            });
        }
    }
    units
}

fn hex(high: u8, low: u8) -> Option<u8> {
    let digit = |byte| char::from(byte).to_digit(16);
    u8::try_from(digit(high)? << 4 | digit(low)?).ok()
}

/// A secret among the units: where what has to be masked begins and ends.
struct Found {
    rest: usize,
    end: usize,
}

/// The next secret, or what is as random as one and has lost its prefix to a strange spelling.
fn next(units: &[Unit], from: usize) -> Option<Found> {
    let known = find(units, from);
    let end = known.as_ref().map_or(units.len(), |known| known.rest);
    random(&units[..end], from).or(known)
}

fn random(units: &[Unit], from: usize) -> Option<Found> {
    let mut start = from;
    while start < units.len() {
        let rest = units[start..].iter();
        let run = rest.take_while(|unit| is_of_a_secret(unit.byte));
        let run: Vec<u8> = run.map(|unit| unit.byte).collect();
        let end = start + run.len();
        if is_random(&run) {
            return Some(Found { rest: start, end });
        }
        start = end + 1;
    }
    None
}

/// Whether a run of characters looks drawn by chance: long, and between upper case, lower case and digits
/// to and fro, as no name and no digest in hexadecimal goes.
fn is_random(run: &[u8]) -> bool {
    let class = |byte: &u8| match byte {
        b'A'..=b'Z' => 0,
        b'a'..=b'z' => 1,
        b'0'..=b'9' => 2,
        _ => 3,
    };
    let has = |wanted| run.iter().any(|byte| class(byte) == wanted);
    let turns = run.windows(2).filter(|pair| {
        let (one, next) = (class(&pair[0]), class(&pair[1]));
        // Words in a name are told apart by what is no letter, and are no more random for it.
        one != next && one != 3 && next != 3
    });
    run.len() >= MIN_RANDOM && has(0) && has(1) && has(2) && turns.count() * 3 >= run.len()
}

fn find(units: &[Unit], from: usize) -> Option<Found> {
    (from + 2..units.len()).find_map(|underscore| {
        let start = underscore - 2;
        let prefix = [start, start + 1, underscore].map(|at| units[at].byte);
        if !is_prefix(&prefix) {
            return None;
        }
        let rest = underscore + 1;
        let length = units[rest..]
            .iter()
            .take_while(|unit| is_of_a_secret(unit.byte))
            .count();
        let inside = start > 0 && units[start - 1].byte.is_ascii_alphanumeric();
        let least = if inside { MIN_REST_INSIDE } else { MIN_REST };
        (length >= least).then_some(Found {
            rest,
            end: rest + length,
        })
    })
}

/// The alphabet of base64url.
fn is_of_a_secret(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::auth::{Purpose, Secret};

    fn masked(line: &str) -> String {
        String::from_utf8(mask(line.as_bytes()).into_owned()).unwrap()
    }

    #[test]
    fn what_is_no_secret_stays() {
        for line in [
            "",
            "%",
            "%%%2",
            "100%_done",
            "wl_short",
            "/browse/rows_of_windows_in_the_harbour",
            "/api/v1/files/growl_at_the_moon.txt",
            "{\"elapsed_ms\":3,\"request_id\":\"0192\"}",
            "wx_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        ] {
            assert_eq!(masked(line), line);
        }
    }

    #[test]
    fn each_spelling_is_masked_and_the_rest_is_kept() {
        let rest = "A".repeat(43);
        for (line, expected) in [
            (format!("GET //s/wl_{rest}/get"), "GET //s/wl_***/get"),
            (format!("/%73/wl_{rest}"), "/%73/wl_***"),
            (format!("\"/s/WL_{rest}\""), "\"/s/WL_***\""),
            (format!("/s/%77l_{rest}?a=b"), "/s/%77l_***?a=b"),
            (format!("/s/%2577l%255f{rest}."), "/s/%2577l%255f***."),
            (format!("/s/wl_{}", "%41".repeat(43)), "/s/wl_***"),
            (
                format!("referer=http://a/welcome/wo_{rest}"),
                "referer=http://a/welcome/wo_***",
            ),
            (format!("a wt_{rest} b ws_{rest} c"), "a wt_*** b ws_*** c"),
            (format!("xwc_{rest}"), "xwc_***"),
            ("cut short: wl_AAAAAAAAAA".to_owned(), "cut short: wl_***"),
        ] {
            assert_eq!(masked(&line), expected);
        }
    }

    #[test]
    fn what_looks_random_is_masked_without_its_prefix() {
        let random = "q7RkV3x9TzB2mWn5LcYd8HsJ4gFp6AeU1oXiKbZtQ0E";
        for (line, expected) in [
            (
                format!("/s/w\u{f6}l_{random} 404"),
                "/s/w\u{f6}*** 404".to_owned(),
            ),
            (format!("/s/{random}?q={random}"), "/s/***?q=***".to_owned()),
            (format!("/s/%71{}", &random[1..]), "/s/***".to_owned()),
        ] {
            assert_eq!(masked(&line), expected);
        }
        for line in [
            "6ba7b8109dad11d180b400c04fd430c8",
            "release=4F2A9C01D77B4E12A0B3C4D5E6F70819",
            "/browse/Quarterly-Reports_2026-Final-Version-From-Accounting",
            "IMG_20260314_101112_Harbour-Lighthouse.jpeg",
        ] {
            assert_eq!(masked(line), line);
        }
    }

    #[test]
    fn deeply_encoded_lines_take_no_time() {
        let line = format!("%{}", "25".repeat(1 << 20));
        let began = std::time::Instant::now();
        assert_eq!(mask(line.as_bytes()), line.as_bytes());
        assert!(began.elapsed().as_secs() < 5);
    }

    /// Writes one character as it is, in the other case, or percent-encoded that often.
    fn spell(byte: u8, how: u8) -> String {
        let mut text = match how & 1 {
            0 => char::from(byte).to_string(),
            _ if byte.is_ascii_alphabetic() => char::from(byte ^ 0x20).to_string(),
            _ => char::from(byte).to_string(),
        };
        for round in 0..(how >> 1) {
            let first = text.as_bytes()[0];
            let encoded = match round % 2 {
                0 => format!("%{first:02X}"),
                _ => format!("%{first:02x}"),
            };
            text.replace_range(..1, &encoded);
        }
        text
    }

    fn unspell(line: &str) -> String {
        let bytes: Vec<u8> = decode(line.as_bytes())
            .iter()
            .map(|unit| unit.byte)
            .collect();
        String::from_utf8_lossy(&bytes).to_ascii_lowercase()
    }

    proptest! {
        #[test]
        fn no_spelling_of_a_secret_comes_through(
            purpose in 0..5usize,
            how in proptest::collection::vec(0u8..8, 46),
            before in "[ -~]{0,20}",
            after in "[ -~]{0,20}",
        ) {
            let secret = Secret::new(Purpose::ALL[purpose]).unwrap().text();
            let spelled: String = secret.bytes().zip(how).map(|(byte, how)| spell(byte, how)).collect();
            let shown = unspell(&masked(&format!("{before}{spelled}{after}")));
            let secret = secret.to_ascii_lowercase();
            for at in 3..secret.len() - 8 {
                let part = &secret[at..at + 8];
                prop_assert!(!shown.contains(part), "{spelled} shows {part}: {shown}");
            }
        }

        #[test]
        fn any_bytes_are_masked_without_harm(line in proptest::collection::vec(any::<u8>(), 0..200)) {
            let once = mask(&line).into_owned();
            prop_assert_eq!(mask(&once).into_owned(), once.clone());
            prop_assert!(once.len() <= line.len().max(1) + 3);
        }
    }
}
