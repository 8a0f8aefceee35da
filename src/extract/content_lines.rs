//! Cards and calendars (vCard, RFC 6350 and its elders; iCalendar, RFC 5545): the fields as they
//! were meant before they were folded and escaped.

use std::borrow::Cow;

use encoding_rs::{Encoding, UTF_8};

use super::charset;

/// Parameters of one field; more are not read.
const MAX_PARAMETERS: usize = 256;

/// Joins lines that go on: those that a blank follows, and, of quoted-printable values, those that end
/// in `=`.
pub fn unfold(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut is_quoted = false;
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        let content = line.strip_suffix(b"\n").unwrap_or(line);
        let content = content.strip_suffix(b"\r").unwrap_or(content);
        match content {
            // A blank behind such an end is a part of the value.
            content if is_quoted && out.ends_with(b"=\n") => {
                out.truncate(out.len() - 2);
                out.extend_from_slice(content);
            }
            [b' ' | b'\t', rest @ ..] if !out.is_empty() => {
                trim_line_end(&mut out);
                out.extend_from_slice(rest);
            }
            content => {
                let name = &content[..value_separator(content).unwrap_or(0)];
                is_quoted = contains(name, b"QUOTED-PRINTABLE");
                out.extend_from_slice(content);
            }
        }
        if line.ends_with(b"\n") {
            out.push(b'\n');
        }
    }
    out
}

fn trim_line_end(out: &mut Vec<u8>) {
    if out.ends_with(b"\n") {
        out.pop();
    }
}

fn contains(name: &[u8], what: &[u8]) -> bool {
    memchr::memmem::find(&name.to_ascii_uppercase(), what).is_some()
}

/// The fields, each on a line, of lines that are unfolded.
pub fn text(document: &str) -> String {
    let mut out = String::with_capacity(document.len());
    let mut is_after_binary = false;
    for line in document.lines() {
        // vCard 2.1 goes on with base64 at the beginning of a line.
        if is_after_binary && is_base64(line) {
            continue;
        }
        is_after_binary = false;
        let Some(field) = Field::parse(line) else {
            push_plain(line, &mut out);
            out.push('\n');
            continue;
        };
        let labels: Vec<&str> = field.labels().collect();
        // Pictures and keys.
        is_after_binary = field.is_binary();
        if is_after_binary && labels.is_empty() {
            continue;
        }
        out.push_str(field.name);
        out.push_str(": ");
        if !is_after_binary {
            push_plain(&field.decoded(), &mut out);
        }
        // A name in a parameter is found nowhere else.
        for label in labels {
            if !out.ends_with(' ') {
                out.push(' ');
            }
            push_plain(&without_carets(label), &mut out);
        }
        out.push('\n');
    }
    out
}

fn is_base64(line: &str) -> bool {
    let line = line.trim();
    let is_sign = |byte: u8| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte);
    !line.is_empty() && line.bytes().all(is_sign)
}

/// A content line (RFC 5545, 3.1).
struct Field<'a> {
    /// Without the group it is in.
    name: &'a str,
    /// Names and values; in vCard 2.1 some stand without a name, and are taken for one.
    parameters: Vec<(&'a str, &'a str)>,
    value: &'a str,
}

impl<'a> Field<'a> {
    /// Nothing if a line is no field: text that goes on without a blank before it.
    fn parse(line: &'a str) -> Option<Self> {
        let (head, value) = line.split_at_checked(value_separator(line.as_bytes())?)?;
        let mut parts = split(head);
        let name = parts.next().filter(|name| is_name(name))?;
        let mut parameters = Vec::new();
        let mut start = name.len() + 1;
        for part in parts.take(MAX_PARAMETERS) {
            let end = start + part.len();
            let (key, content) = part.split_once('=').unwrap_or((part, ""));
            match (is_name(key.trim()), parameters.last_mut()) {
                (true, _) => parameters.push((key.trim(), content)),
                // A semicolon that should have been in quotes.
                (false, Some((_, before))) => {
                    let begin = start - 1 - before.len();
                    *before = head.get(begin..end).unwrap_or(before);
                }
                (false, None) => return None,
            }
            start = end + 1;
        }
        for (_, content) in &mut parameters {
            *content = content.trim().trim_matches('"');
        }
        Some(Self {
            name: name.rsplit('.').next().unwrap_or(name),
            parameters,
            value: &value[1..],
        })
    }

    fn parameter(&self, wanted: &str) -> Option<&'a str> {
        let mut parameters = self.parameters.iter();
        let found = parameters.find(|(name, _)| name.eq_ignore_ascii_case(wanted));
        found.map(|(_, content)| *content)
    }

    /// Whether it is encoded so, which vCard 2.1 also says without the parameter's name.
    fn is_encoded(&self, names: &[&str]) -> bool {
        let encoding = self.parameter("ENCODING").unwrap_or_default();
        names.iter().any(|name| {
            encoding.eq_ignore_ascii_case(name) || self.parameter(name).is_some_and(str::is_empty)
        })
    }

    fn is_binary(&self) -> bool {
        let scheme = self.value.get(..5).unwrap_or_default();
        let head = self.value.split(',').next().unwrap_or_default();
        let is_data = scheme.eq_ignore_ascii_case("data:")
            && head.len() < self.value.len()
            && !head.contains(char::is_whitespace);
        is_data || self.is_encoded(&["B", "BASE64"])
    }

    /// Parameters that are words for people.
    fn labels(&self) -> impl Iterator<Item = &'a str> {
        const LABELS: [&str; 7] = [
            "CN", "EMAIL", "LABEL", "NAME", "TITLE", "ADDRESS", "FILENAME",
        ];
        let is_label = |name: &str| {
            let end = name.rsplit('-').next().unwrap_or(name).to_ascii_uppercase();
            LABELS.contains(&end.as_str())
        };
        let labels = self.parameters.iter();
        let labels = labels.filter(move |(name, content)| is_label(name) && !content.is_empty());
        labels.map(|(_, content)| *content)
    }

    fn decoded(&self) -> Cow<'a, str> {
        match self.is_encoded(&["Q", "QUOTED-PRINTABLE"]) {
            true => Cow::Owned(quoted(self.value, self.parameter("CHARSET"))),
            false => Cow::Borrowed(self.value),
        }
    }
}

/// Where the colon before the value is: one in quotes separates nothing, unless they never end.
fn value_separator(line: &[u8]) -> Option<usize> {
    let mut is_quoted = false;
    let separator = line.iter().position(|byte| {
        is_quoted ^= *byte == b'"';
        *byte == b':' && !is_quoted
    });
    separator.or_else(|| memchr::memchr(b':', line))
}

/// The parts between semicolons that are not in quotes.
fn split(head: &str) -> impl Iterator<Item = &str> {
    let mut is_quoted = false;
    head.split(move |c: char| {
        is_quoted ^= c == '"';
        c == ';' && !is_quoted
    })
}

fn is_name(name: &str) -> bool {
    let is_sign = |byte: u8| byte.is_ascii_alphanumeric() || b"-._/".contains(&byte);
    !name.is_empty() && name.bytes().all(is_sign)
}

/// A quoted-printable value (RFC 2045, 6.7) in the encoding that the field names.
fn quoted(value: &str, label: Option<&str>) -> String {
    let digit = |byte: Option<&u8>| char::from(*byte?).to_digit(16);
    let content = value.as_bytes();
    let mut bytes = Vec::with_capacity(content.len());
    let mut at = 0;
    while let Some(byte) = content.get(at) {
        let hex = digit(content.get(at + 1)).zip(digit(content.get(at + 2)));
        match hex.filter(|_| *byte == b'=') {
            Some((high, low)) => {
                bytes.extend(u8::try_from(high * 16 + low));
                at += 3;
            }
            None => {
                bytes.push(*byte);
                at += 1;
            }
        }
    }
    let encoding = match (
        std::str::from_utf8(&bytes),
        Encoding::for_label(label.unwrap_or_default().as_bytes()),
    ) {
        (Ok(_), None) => UTF_8,
        (_, Some(encoding)) => encoding,
        (Err(_), None) => charset::guess(&bytes),
    };
    encoding.decode_without_bom_handling(&bytes).0.into_owned()
}

/// A parameter without the escapes of RFC 6868.
fn without_carets(value: &str) -> Cow<'_, str> {
    if !value.contains('^') {
        return Cow::Borrowed(value);
    }
    let mut out = String::with_capacity(value.len());
    let mut chars = value.chars().peekable();
    while let Some(character) = chars.next() {
        let meant = match (character, chars.peek()) {
            ('^', Some('n')) => '\n',
            ('^', Some('\'')) => '"',
            ('^', Some('^')) => '^',
            (character, _) => {
                out.push(character);
                continue;
            }
        };
        out.push(meant);
        chars.next();
    }
    Cow::Owned(out)
}

/// Without escapes (RFC 6350, 3.4), and with gaps between the parts of a value.
fn push_plain(value: &str, out: &mut String) {
    let mut chars = value.chars().peekable();
    while let Some(character) = chars.next() {
        match character {
            '\\' => match chars.next() {
                Some('n' | 'N') => out.push('\n'),
                Some(escaped) => out.push(escaped),
                None => {}
            },
            ';' if chars.peek() != Some(&' ') => out.push_str("; "),
            character => out.push(character),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{text, unfold};

    fn read(document: &str) -> String {
        text(&String::from_utf8(unfold(document.as_bytes())).unwrap())
    }

    #[test]
    fn cards_are_read_as_meant() {
        let card = "BEGIN:VCARD\r\nFN:Ada Qu\r\n ay\r\nitem1.NOTE;X=\"a:b\":one\\ntwo\\, three\\;\r\nN:Quay;Ada;;;\r\n\
            NOTE;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:H=C3=A4fen=\r\n und Meer=0D=0A=\r\nEnde\r\nPHOTO;ENCODING=b:AAAA\r\n BBBB\r\nPHOTO;BASE64:CCCC\r\n";
        let found = read(card);
        for line in [
            "FN: Ada Quay",
            "NOTE: one",
            "two, three;",
            "N: Quay; Ada; ; ; ",
            "Ende",
        ] {
            assert!(
                found.lines().any(|found| found == line),
                "{line:?} in {found:?}"
            );
        }
        assert!(
            found.contains("Häfen") && found.contains("und Meer"),
            "{found:?}"
        );
        assert!(!found.contains("AAAA") && !found.contains("BBBB") && !found.contains("CCCC"));
    }

    #[test]
    fn a_line_is_folded_inside_of_a_letter() {
        let folded = b"SUMMARY:Sch\xc3\r\n \xb6n\n\tes";
        assert_eq!(unfold(folded), "SUMMARY:Schönes".as_bytes());
        let latin = "NOTE;ENCODING=QUOTED-PRINTABLE;CHARSET=ISO-8859-1:H=E4fen";
        assert_eq!(read(latin), "NOTE: Häfen\n");
        assert_eq!(
            read("ATTENDEE;CN=\"Bo; Lee\":mailto:bo@example.org"),
            "ATTENDEE: mailto:bo@example.org Bo; Lee\n"
        );
        for odd in [
            "",
            ":",
            "\n ",
            "=",
            "A;ENCODING=QUOTED-PRINTABLE:=",
            "A:\\",
            " a",
        ] {
            read(odd);
        }
    }

    #[test]
    fn parameters_hold_any_sign() {
        for sign in "?&\\^()#%!$~<>{}[]|`=@;,:*'+ é".chars() {
            let lines = format!("DESCRIPTION;ALTREP=\"a{sign}b\":First\\nHeron");
            assert_eq!(read(&lines), "DESCRIPTION: First\nHeron\n", "{sign:?}");
        }
        for (line, expected) in [
            ("A;X=\"open:one\\ntwo", "A: one\ntwo\n"),
            ("A;X=1;y z;w:one", "A: one\n"),
            ("A;CN=tern; gull (2);ROLE=CHAIR:b", "A: b tern; gull (2)\n"),
            (
                "A;LABEL=\"Pier 1^nQuay ^'9^'\":b",
                "A: b Pier 1\nQuay \"9\"\n",
            ),
            (
                "A;X-ADDRESS=\"Pier\\n2\";X-TITLE=Quay:geo:1",
                "A: geo:1 Pier\n2 Quay\n",
            ),
            // Text that goes on without a blank before it is no field.
            (
                "Berth (two): one\\ntwo\\, three",
                "Berth (two): one\ntwo, three\n",
            ),
            ("Berth; see there: one", "Berth; see there: one\n"),
            ("NOTE:data: one, two", "NOTE: data: one, two\n"),
        ] {
            assert_eq!(read(line), expected, "{line}");
        }
    }

    #[test]
    fn what_is_packed_is_no_text() {
        for line in [
            "ATTACH;FILENAME=\"minutes (1).pdf\";ENCODING=BASE64:QUFB",
            "ATTACH;X-FILENAME=minutes (1).pdf;VALUE=BINARY;ENCODING=\"b\":QUFB\r\n QkJC",
            "ATTACH;FILENAME=minutes (1).pdf;BASE64:QUFB\r\nQkJC\r\nQQ==",
        ] {
            assert_eq!(read(line), "ATTACH: minutes (1).pdf\n", "{line}");
        }
        let card = "PHOTO;ENCODING=BASE64;TYPE=JPEG:\r\nQUFB\r\nQUFB+/==\r\n\r\nQUAY\r\nFN:Ada";
        assert_eq!(read(card), "\nQUAY\nFN: Ada\n");
        let many = format!("A{}:b", ";x=1".repeat(1 << 20));
        assert_eq!(read(&many), "A: b\n");
        assert_eq!(read("KEY:DATA:a/b;base64,QUFB\r\nFN:Ada"), "FN: Ada\n");
        let quoted = "NOTE;X=\"a:b\";QUOTED-PRINTABLE:Pier=\r\n nine and=\r\nhalf";
        assert_eq!(read(quoted), "NOTE: Pier nine andhalf\n");
    }
}
