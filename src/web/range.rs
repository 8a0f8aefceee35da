//! Byte ranges (RFC 9110, section 14): which parts of a file a client asks for.

use std::ops::Range;

/// More parts than this, once merged, are answered with the whole file.
const MAX_PARTS: usize = 32;
/// Longest header that is read, in bytes.
const MAX_HEADER_BYTES: usize = 4096;
/// Parts with at most this many bytes between them are sent as one: the part's own head would
/// be longer than the gap.
const MERGED_GAP: u64 = 128;

/// What a `Range` header comes to for a file of a certain size.
#[derive(Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Everything: the header is absent, is not understood, or asks for too many parts.
    Whole,
    /// At least one part, in order, none empty, none overlapping.
    Parts(Vec<Range<u64>>),
    /// Well-formed, but beyond the file's end.
    Unsatisfiable,
}

/// Reads a `Range` header for a file of `size` bytes.
pub fn wanted(header: &str, size: u64) -> Wanted {
    let Some(specs) = header
        .split_once('=')
        .filter(|(unit, _)| unit.trim().eq_ignore_ascii_case("bytes"))
        .map(|(_, specs)| specs)
        .filter(|specs| specs.len() <= MAX_HEADER_BYTES)
    else {
        return Wanted::Whole;
    };
    let mut parts = Vec::new();
    let mut is_all_of_nothing = false;
    for spec in specs
        .split(',')
        .map(str::trim)
        .filter(|spec| !spec.is_empty())
    {
        match part(spec, size) {
            // An empty file is all of what begins at 0 or ends at its end.
            Some(_) if size == 0 => is_all_of_nothing |= begins_with_all(spec),
            Some(part) if part.is_empty() => {}
            Some(part) => parts.push(part),
            None => return Wanted::Whole,
        }
    }
    if is_all_of_nothing {
        return Wanted::Whole;
    }
    if parts.is_empty() {
        return Wanted::Unsatisfiable;
    }
    let parts = merge(parts);
    if parts.len() > MAX_PARTS {
        Wanted::Whole
    } else {
        Wanted::Parts(parts)
    }
}

/// One `first-last`, `first-` or `-suffix`; empty if it lies beyond the end, nothing if it is malformed.
fn part(spec: &str, size: u64) -> Option<Range<u64>> {
    let (first, last) = spec.split_once('-')?;
    if first.is_empty() {
        return Some(size.saturating_sub(number(last)?)..size);
    }
    let first = number(first)?;
    let end = match last {
        "" => size,
        last => {
            let last = number(last)?;
            if last < first {
                return None;
            }
            last.saturating_add(1).min(size)
        }
    };
    Some(first.min(end)..end)
}

/// Whether a well-formed part of a file without bytes is the whole of it.
fn begins_with_all(spec: &str) -> bool {
    match spec.split_once('-') {
        Some(("", last)) => number(last).is_some_and(|last| last > 0),
        Some((first, _)) => number(first) == Some(0),
        None => false,
    }
}

/// Digits only; more than fit count as the largest number.
fn number(digits: &str) -> Option<u64> {
    let all_digits = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    all_digits.then(|| digits.parse().unwrap_or(u64::MAX))
}

fn merge(mut parts: Vec<Range<u64>>) -> Vec<Range<u64>> {
    parts.sort_by_key(|part| part.start);
    let mut merged: Vec<Range<u64>> = Vec::with_capacity(parts.len());
    for part in parts {
        match merged.last_mut() {
            Some(before) if part.start <= before.end.saturating_add(MERGED_GAP) => {
                before.end = before.end.max(part.end);
            }
            _ => merged.push(part),
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::Wanted::{Parts, Unsatisfiable, Whole};
    use super::*;

    #[test]
    fn an_empty_file_is_sent_whole() {
        for (header, wants) in [
            ("bytes=-5", Whole),
            ("bytes=0-", Whole),
            ("bytes=0-1", Whole),
            ("bytes=5-, -1", Whole),
            ("bytes=5-", Unsatisfiable),
            ("bytes=-0", Unsatisfiable),
        ] {
            assert_eq!(wanted(header, 0), wants, "{header}");
        }
    }

    #[test]
    #[expect(
        clippy::single_range_in_vec_init,
        reason = "a list of one range is meant"
    )]
    fn single_ranges() {
        for (header, wants) in [
            ("bytes=0-99", Parts(vec![0..100])),
            ("bytes=990-", Parts(vec![990..1000])),
            ("bytes=-10", Parts(vec![990..1000])),
            ("bytes=-5000", Parts(vec![0..1000])),
            ("bytes=999-5000", Parts(vec![999..1000])),
            ("BYTES = 0-0", Parts(vec![0..1])),
            ("bytes=0-99999999999999999999999", Parts(vec![0..1000])),
            ("bytes=1000-", Unsatisfiable),
            ("bytes=5000-6000", Unsatisfiable),
            ("bytes=-0", Unsatisfiable),
            ("bytes=", Unsatisfiable),
            ("bytes=9-3", Whole),
            ("bytes=a-b", Whole),
            ("bytes=+1-2", Whole),
            ("bytes=--1", Whole),
            ("bytes=5", Whole),
            ("lines=0-1", Whole),
            ("nonsense", Whole),
        ] {
            assert_eq!(wanted(header, 1000), wants, "{header}");
        }
    }

    #[test]
    #[expect(
        clippy::single_range_in_vec_init,
        reason = "a list of one range is meant"
    )]
    fn several_ranges_are_ordered_and_merged() {
        assert_eq!(
            wanted("bytes=5000-5999, 0-9", 10_000),
            Parts(vec![0..10, 5000..6000])
        );
        assert_eq!(
            wanted("bytes=0-99,50-149,200-299", 10_000),
            Parts(vec![0..300])
        );
        assert_eq!(wanted("bytes=0-9,20000-", 10_000), Parts(vec![0..10]));
        assert_eq!(wanted("bytes=0-9,x", 10_000), Whole);
    }

    #[test]
    fn abuse_gets_the_whole_file_once() {
        let many: Vec<String> = (0..100)
            .map(|n| format!("{}-{}", n * 1000, n * 1000))
            .collect();
        assert_eq!(
            wanted(&format!("bytes={}", many.join(",")), 1_000_000),
            Whole
        );
        let long = vec!["0-"; 2000].join(",");
        assert_eq!(wanted(&format!("bytes={long}"), 1_000_000), Whole);
    }
}
