//! Delimited tables (CSV, TSV and what spreadsheets export) as rows of cells.

use memchr::{memchr, memchr2};

/// What programs put between cells, the most likely first.
const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];

/// The table with a tab between cells, and without the quotes around them (RFC 4180); a line that
/// goes on within quotes is one row all the same. A quote that is never closed loses no text.
pub fn text(table: &str) -> String {
    let delimiter = delimiter(table);
    let mut out = String::with_capacity(table.len());
    let mut rest = table;
    while !rest.is_empty() {
        rest = match rest.strip_prefix('"') {
            Some(quoted) => quoted_cell(quoted, delimiter, &mut out),
            None => rest,
        };
        let end = memchr2(delimiter, b'\n', rest.as_bytes());
        let (cell, after) = rest.split_at(end.unwrap_or(rest.len()));
        out.push_str(cell);
        let mut chars = after.chars();
        match chars.next() {
            Some('\n') => out.push('\n'),
            Some(_) => out.push('\t'),
            None => {}
        }
        rest = chars.as_str();
    }
    out
}

/// Appends a cell that `text` begins with (after the opening quote), and returns what follows
/// the closing quote.
fn quoted_cell<'a>(mut text: &'a str, delimiter: u8, out: &mut String) -> &'a str {
    let begin = out.len();
    while let Some(quote) = memchr(b'"', text.as_bytes()) {
        out.push_str(&text[..quote]);
        text = &text[quote + 1..];
        match text.as_bytes().first() {
            None | Some(b'\n') => {
                in_one_line(out, begin);
                return text;
            }
            Some(next) if *next == delimiter => {
                in_one_line(out, begin);
                return text;
            }
            Some(b'"') => text = &text[1..],
            Some(_) => {}
        }
        out.push('"');
    }
    out.push_str(text);
    ""
}

/// What would end a row, or a cell of it, is a space inside of a cell.
fn in_one_line(out: &mut String, begin: usize) {
    if memchr2(b'\n', b'\t', &out.as_bytes()[begin..]).is_some() {
        let cell = out[begin..].replace(['\n', '\t'], " ");
        out.truncate(begin);
        out.push_str(&cell);
    }
}

/// The delimiter that the first line has most of.
fn delimiter(table: &str) -> u8 {
    let line = table.lines().next().unwrap_or_default().as_bytes();
    let count = |delimiter: u8| line.iter().filter(|byte| **byte == delimiter).count();
    let mut best = DELIMITERS[0];
    for candidate in DELIMITERS {
        if count(candidate) > count(best) {
            best = candidate;
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::text;

    #[test]
    fn cells_are_separated() {
        let table = "name,harbour\n\"Doe, Jane\",\"said \"\"aye\"\"\"\nplain,\"two\nlines\"\n";
        let expected = "name\tharbour\nDoe, Jane\tsaid \"aye\"\nplain\ttwo lines\n";
        assert_eq!(text(table), expected);
    }

    #[test]
    fn the_delimiter_is_found() {
        assert_eq!(text("a;b;c\n1,5;2;é"), "a\tb\tc\n1,5\t2\té");
        assert_eq!(text("a\tb, c\td"), "a\tb, c\td");
        assert_eq!(text("a|b\n\"c|d\"|e"), "a\tb\nc|d\te");
    }

    #[test]
    fn broken_quotes_lose_nothing() {
        assert_eq!(text("a,\"b\"c,d\"\ne"), "a\tb\"c,d\ne");
        assert_eq!(text("a,\"b,c\nd"), "a\tb,c\nd");
        assert_eq!(text("5\" pipe,\""), "5\" pipe\t");
        assert_eq!(text(""), "");
    }
}
