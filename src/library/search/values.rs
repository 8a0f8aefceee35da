//! The values of filters: dates, spans of time and sizes as people write them.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use crate::library::Millis;

/// The beginning (UTC) of what `text` names: a year, a month (`2026-03`), a day (`2026-03-09`),
/// `today`, `yesterday`, or a time ago: `7d`, `2w`, `3m`, `1y` (days, weeks, months, years).
pub fn instant(text: &str, now: Millis) -> Option<Millis> {
    let now = Timestamp::from_millisecond(now)
        .ok()?
        .to_zoned(TimeZone::UTC);
    let zoned = match text {
        "today" => now.start_of_day().ok()?,
        "yesterday" => now.yesterday().ok()?.start_of_day().ok()?,
        _ if text.ends_with(|c: char| "dwmy".contains(c)) => {
            let (number, unit) = text.split_at(text.len() - 1);
            let number: i64 = number
                .parse()
                .ok()
                .filter(|number| (0..=10_000).contains(number))?;
            let span = match unit {
                "d" => number.days(),
                "w" => number.weeks(),
                "m" => number.months(),
                _ => number.years(),
            };
            now.checked_sub(span).ok()?
        }
        _ => day(text)?.to_zoned(TimeZone::UTC).ok()?,
    };
    Some(zoned.timestamp().as_millisecond())
}

fn day(text: &str) -> Option<Date> {
    let mut parts = text.split('-').map(|part| {
        part.bytes()
            .all(|byte| byte.is_ascii_digit())
            .then(|| part.parse().ok())
            .flatten()
    });
    let year = parts
        .next()?
        .filter(|_| text.split('-').next().is_some_and(|y| y.len() == 4))?;
    let month = parts.next().unwrap_or(Some(1))?;
    let day = parts.next().unwrap_or(Some(1))?;
    match parts.next() {
        None => Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok(),
        Some(_) => None,
    }
}

/// The day of an instant, `2026-03-09`.
pub fn date(instant: Millis) -> String {
    Timestamp::from_millisecond(instant)
        .map(|time| time.to_zoned(TimeZone::UTC).date().to_string())
        .unwrap_or_default()
}

/// Bytes: `500`, `500KB`, `1.5 MB`, `2MiB`; decimal units are powers of 1000, binary of 1024.
pub fn size(text: &str) -> Option<u64> {
    let digits = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let number: f64 = text[..digits].parse().ok()?;
    let unit = match text[digits..].trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1.0,
        "k" | "kb" => 1e3,
        "m" | "mb" => 1e6,
        "g" | "gb" => 1e9,
        "t" | "tb" => 1e12,
        "kib" => 1024.0,
        "mib" => 1024.0 * 1024.0,
        "gib" => 1024.0 * 1024.0 * 1024.0,
        "tib" => 1024.0 * 1024.0 * 1024.0 * 1024.0,
        _ => return None,
    };
    let bytes = number * unit;
    (bytes.is_finite() && bytes < 9e18).then_some(bytes as u64)
}

/// Bytes in words: `2 MB`, `1.5 MiB`, in the unit that needs the fewest digits.
pub fn in_words(bytes: u64) -> String {
    const UNITS: [(&str, u64); 8] = [
        ("TiB", 1 << 40),
        ("TB", 1_000_000_000_000),
        ("GiB", 1 << 30),
        ("GB", 1_000_000_000),
        ("MiB", 1 << 20),
        ("MB", 1_000_000),
        ("KiB", 1 << 10),
        ("KB", 1_000),
    ];
    let tenths = |unit: u64| u128::from(bytes) * 10 % u128::from(unit) == 0;
    match UNITS
        .iter()
        .find(|&&(_, unit)| bytes >= unit && tenths(unit))
    {
        Some(&(name, unit)) => format!("{} {name}", bytes as f64 / unit as f64),
        None => format!("{bytes} bytes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-03-09T12:00:00Z.
    const NOW: Millis = 1_773_057_600_000;

    #[test]
    fn dates_name_their_beginning() {
        for (text, day) in [
            ("2026", "2026-01-01"),
            ("2026-03", "2026-03-01"),
            ("2026-3-9", "2026-03-09"),
            ("today", "2026-03-09"),
            ("yesterday", "2026-03-08"),
            ("7d", "2026-03-02"),
            ("1w", "2026-03-02"),
            ("2m", "2026-01-09"),
            ("1y", "2025-03-09"),
        ] {
            assert_eq!(instant(text, NOW).map(date).as_deref(), Some(day), "{text}");
        }
        for bad in [
            "",
            "d",
            "26",
            "2026-13",
            "2026-02-30",
            "2026-1-1-1",
            "-7d",
            "99999999d",
            "+026",
            "2026-",
        ] {
            assert_eq!(instant(bad, NOW), None, "{bad}");
        }
    }

    #[test]
    fn sizes_are_read_and_said() {
        for (text, bytes, words) in [
            ("500", 500, "500 bytes"),
            ("500KB", 500_000, "500 KB"),
            ("1.5 mb", 1_500_000, "1.5 MB"),
            ("2MiB", 2 << 20, "2 MiB"),
            ("1g", 1_000_000_000, "1 GB"),
        ] {
            assert_eq!(size(text), Some(bytes), "{text}");
            assert_eq!(in_words(bytes), words);
        }
        for bad in ["", "MB", "1.2.3", "-1", "9e99", "99999999999TB", "1 parsec"] {
            assert_eq!(size(bad), None, "{bad}");
        }
    }
}
