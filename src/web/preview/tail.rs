//! Bytes of a text, as they come from any place of it.

use crate::library::decoded;

/// How much of a file's end is shown.
pub const MOST_BYTES: u64 = 32 << 10;

/// The whole lines of a file's end.
pub fn lines(bytes: &[u8], is_cut: bool, encoding: Option<&str>) -> String {
    let text = decoded(bytes, encoding);
    match text.split_once('\n') {
        // What is left of the first one may begin within a character.
        Some((_, rest)) if is_cut && !rest.is_empty() => rest.to_owned(),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_begins_with_a_whole_line() {
        assert_eq!(lines("ü one\ntwo\n".as_bytes(), true, None), "two\n");
        assert_eq!(lines(b"one\ntwo\n", false, None), "one\ntwo\n");
        assert_eq!(lines(b"only a line", true, None), "only a line");
        assert_eq!(lines(b"\xbcber\r\nuns", true, Some("windows-1252")), "uns");
    }
}
