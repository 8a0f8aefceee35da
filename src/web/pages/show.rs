//! How pages write sizes, times, counts, types and addresses.

use std::fmt;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::library::{FileId, FolderPath, Millis};

/// Everything but the unreserved characters of RFC 3986, section 2.3, and the slash.
const PATH: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'/');

/// The address of a folder's page.
pub fn folder_url(folder: &FolderPath) -> String {
    if folder.is_root() {
        return "/".to_owned();
    }
    format!("/browse/{}", encode(folder.as_str()))
}

/// The address of a search.
pub fn search_url(query: &str) -> String {
    format!("/search?q={}", encode(query))
}

/// A value as it stands in an address.
pub fn encode(value: &str) -> String {
    utf8_percent_encode(value, PATH).to_string()
}

/// The address of a file's page.
pub fn file_url(id: FileId) -> String {
    format!("/files/{id}")
}

/// A name as it may be shown: characters that turn the direction of what follows, and make
/// `exe.pdf` of `fdp.exe`, become visible replacement characters.
pub fn name(name: &str) -> String {
    let turns = |c| matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    name.replace(turns, "\u{fffd}")
}

/// Bytes in decimal units, as disks and browsers count them: `532 B`, `4.1 KB`, `12 MB`.
pub struct Size(pub u64);

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [&str; 6] = ["KB", "MB", "GB", "TB", "PB", "EB"];
        if self.0 < 1000 {
            return write!(f, "{}\u{a0}B", self.0);
        }
        let mut value = self.0 as f64 / 1000.0;
        let mut unit = 0;
        // 999.5 would be written as "1000".
        while value >= 999.5 && unit + 1 < UNITS.len() {
            value /= 1000.0;
            unit += 1;
        }
        let decimals = usize::from(value < 9.95);
        write!(f, "{value:.decimals$}\u{a0}{}", UNITS[unit])
    }
}

/// A number with its thousands set apart: `12,345`.
pub struct Count(pub u64);

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.0.to_string();
        for (at, digit) in digits.chars().enumerate() {
            if at > 0 && (digits.len() - at).is_multiple_of(3) {
                f.write_str(",")?;
            }
            write!(f, "{digit}")?;
        }
        Ok(())
    }
}

/// A count and its noun: `1 file`, `2,000 files`.
pub struct Counted(pub u64, pub &'static str);

impl fmt::Display for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.0 == 1 { "" } else { "s" };
        write!(f, "{}\u{a0}{}{plural}", Count(self.0), self.1)
    }
}

/// A point in time, in UTC.
#[derive(Clone, Copy)]
pub struct Moment(pub Millis);

impl Moment {
    fn write(self, pattern: &str) -> String {
        Timestamp::from_millisecond(self.0).map_or_else(
            |_| "unknown".to_owned(),
            |time| time.to_zoned(TimeZone::UTC).strftime(pattern).to_string(),
        )
    }

    /// For the `datetime` attribute: RFC 3339.
    pub fn machine(self) -> String {
        self.write("%Y-%m-%dT%H:%M:%SZ")
    }

    /// For what is over soon: `01:20:07`.
    pub fn exact(self) -> String {
        self.write("%H:%M:%S")
    }

    /// For reading: `23 Nov 2026, 01:20`.
    pub fn human(self) -> String {
        self.write("%-d %b %Y, %H:%M")
    }
}

/// A span of time in its largest sensible unit: `41 days`, `3 hours`, `20 seconds`.
pub struct Span(pub Millis);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.max(0).unsigned_abs() / 1000;
        let counted = match seconds {
            0..120 => Counted(seconds, "second"),
            120..7_200 => Counted(seconds / 60, "minute"),
            7_200..172_800 => Counted(seconds / 3_600, "hour"),
            _ => Counted(seconds / 86_400, "day"),
        };
        counted.fmt(f)
    }
}

/// How long something took, told more closely the shorter it was: `81 ms`, `1.4 seconds`, then
/// as a [`Span`].
pub struct Took(pub Millis);

impl fmt::Display for Took {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.max(0) {
            ms @ 0..1_000 => write!(f, "{ms}\u{a0}ms"),
            ms @ 1_000..10_000 => write!(f, "{:.1}\u{a0}seconds", ms as f64 / 1000.0),
            ms => Span(ms).fmt(f),
        }
    }
}

/// A media type in a word or two where people have one: `PDF`, `plain text`, `PNG image`.
pub fn kind(media_type: &str) -> String {
    let essence = media_type.split(';').next().unwrap_or_default().trim();
    let known = match essence {
        "application/pdf" => "PDF",
        "application/epub+zip" => "EPUB book",
        "application/json" => "JSON",
        "application/msword" => "Word document",
        "application/rtf" | "text/rtf" => "RTF document",
        "application/vnd.ms-excel" => "Excel workbook",
        "application/vnd.ms-outlook" => "Outlook message",
        "application/vnd.ms-powerpoint" => "PowerPoint slides",
        "application/vnd.oasis.opendocument.presentation" => "OpenDocument slides",
        "application/vnd.oasis.opendocument.spreadsheet" => "OpenDocument table",
        "application/vnd.oasis.opendocument.text" => "OpenDocument text",
        "application/vnd.openxmlformats-officedocument.presentationml.presentation" => {
            "PowerPoint slides"
        }
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet" => "Excel workbook",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document" => {
            "Word document"
        }
        "application/x-7z-compressed" => "7z archive",
        "application/x-bzip2" => "bzip2 archive",
        "application/x-ole-storage" => "Office document",
        "application/x-tar" => "tar archive",
        "application/x-tex" => "TeX source",
        "application/x-xz" => "xz archive",
        "application/zstd" => "zstd archive",
        "message/rfc822" => "e-mail",
        "application/xml" | "text/xml" => "XML",
        "application/zip" => "ZIP archive",
        "application/gzip" => "gzip archive",
        "application/octet-stream" => "binary",
        "text/plain" => "plain text",
        "text/markdown" => "Markdown",
        "text/html" => "HTML",
        "text/csv" => "CSV",
        "text/tab-separated-values" => "TSV",
        "image/svg+xml" => "SVG image",
        _ => "",
    };
    if !known.is_empty() {
        return known.to_owned();
    }
    match essence.split_once('/') {
        Some((group @ ("image" | "audio" | "video"), name)) => {
            format!("{} {group}", name.trim_start_matches("x-").to_uppercase())
        }
        Some(("text", name)) => name.trim_start_matches("x-").to_owned(),
        _ => essence.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_round_without_ever_saying_a_thousand() {
        for (bytes, text) in [
            (0, "0 B"),
            (999, "999 B"),
            (1_000, "1.0 KB"),
            (9_949, "9.9 KB"),
            (9_960, "10 KB"),
            (999_499, "999 KB"),
            (999_500, "1.0 MB"),
            (1_073_741_824, "1.1 GB"),
            (u64::MAX, "18 EB"),
        ] {
            assert_eq!(Size(bytes).to_string().replace('\u{a0}', " "), text);
        }
    }

    #[test]
    fn counts_set_thousands_apart() {
        assert_eq!(Count(0).to_string(), "0");
        assert_eq!(Count(1_234_567).to_string(), "1,234,567");
        assert_eq!(Counted(1, "file").to_string(), "1\u{a0}file");
        assert_eq!(Counted(1_000, "file").to_string(), "1,000\u{a0}files");
    }

    #[test]
    fn times_are_utc_and_survive_absurd_values() {
        let moment = Moment(1_795_396_841_000);
        assert_eq!(moment.machine().to_string(), "2026-11-23T01:20:41Z");
        assert_eq!(moment.human().to_string(), "23 Nov 2026, 01:20");
        assert_eq!(Moment(i64::MAX).human().to_string(), "unknown");
        assert_eq!(Span(41 * 86_400_000).to_string(), "41\u{a0}days");
        assert_eq!(Span(-5).to_string(), "0\u{a0}seconds");
    }

    #[test]
    fn what_is_short_is_told_closely() {
        for (ms, text) in [
            (-3, "0 ms"),
            (999, "999 ms"),
            (1_000, "1.0 seconds"),
            (9_949, "9.9 seconds"),
            (42_600, "42 seconds"),
            (3 * 3_600_000, "3 hours"),
        ] {
            assert_eq!(Took(ms).to_string().replace('\u{a0}', " "), text);
        }
    }

    #[test]
    fn addresses_encode_everything_that_a_name_may_hold() {
        let folder = FolderPath::parse("50% off?/a#b & \"c\"/ü").unwrap();
        assert_eq!(
            folder_url(&folder),
            "/browse/50%25%20off%3F/a%23b%20%26%20%22c%22/%C3%BC"
        );
        assert_eq!(folder_url(&FolderPath::default()), "/");
    }

    #[test]
    fn a_name_cannot_turn_its_own_ending_round() {
        assert_eq!(name("invoice\u{202e}fdp.exe"), "invoice\u{fffd}fdp.exe");
        assert_eq!(name("فاتورة\u{200f}.pdf"), "فاتورة\u{200f}.pdf");
    }

    #[test]
    fn types_are_named_as_people_name_them() {
        assert_eq!(kind("text/plain; charset=utf-8"), "plain text");
        assert_eq!(kind("image/png"), "PNG image");
        assert_eq!(kind("text/x-rust"), "rust");
        assert_eq!(kind("application/vnd.example"), "application/vnd.example");
    }
}
