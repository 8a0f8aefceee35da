//! Cards and calendars (vCard, RFC 6350 and its elders; iCalendar, RFC 5545): the fields as they
//! were meant before they were folded and escaped.

use std::borrow::Cow;

use encoding_rs::{Encoding, UTF_8};

use super::charset;

/// Joins lines that go on: those that a blank follows, and, of quoted-printable values, those that end
/// in `=`.
pub fn unfold(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut is_quoted = false;
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        let content = line.strip_suffix(b"\n").unwrap_or(line);
        let content = content.strip_suffix(b"\r").unwrap_or(content);
        match content {
            [b' ' | b'\t', rest @ ..] if !out.is_empty() => {
                trim_line_end(&mut out);
                out.extend_from_slice(rest);
            }
            content if is_quoted && out.ends_with(b"=\n") => {
                out.truncate(out.len() - 2);
                out.extend_from_slice(content);
            }
            content => {
                let name = content
                    .split(|byte| *byte == b':')
                    .next()
                    .unwrap_or_default();
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
    for line in document.lines() {
        let Some((name, value)) = field(line) else {
            out.push_str(line);
            out.push('\n');
            continue;
        };
        let parameters = name.to_ascii_uppercase();
        let is_base64 = ["ENCODING=B", "ENCODING=BASE64", ";BASE64"];
        let is_binary = parameters.ends_with("BASE64")
            || is_base64.iter().any(|mark| {
                parameters
                    .split_inclusive(';')
                    .any(|part| part.trim_end_matches(';') == mark.trim_start_matches(';'))
            });
        // Pictures and keys.
        if is_binary || value.starts_with("data:") {
            continue;
        }
        let value = match parameters.contains("QUOTED-PRINTABLE") {
            true => Cow::Owned(quoted(value, &parameters)),
            false => Cow::Borrowed(value),
        };
        let kind = name.split(';').next().unwrap_or_default();
        let kind = kind.rsplit('.').next().unwrap_or_default();
        out.push_str(kind);
        out.push_str(": ");
        push_plain(&value, &mut out);
        // A name in a parameter is found nowhere else.
        if let Some(common) = parameter(name, "CN=") {
            out.push(' ');
            out.push_str(common);
        }
        out.push('\n');
    }
    out
}

/// The name with its parameters, and the value: a colon in quotes separates nothing.
fn field(line: &str) -> Option<(&str, &str)> {
    let mut is_quoted = false;
    let at = line.find(|c: char| {
        is_quoted ^= c == '"';
        c == ':' && !is_quoted
    })?;
    let (name, value) = line.split_at(at);
    let is_name =
        |c: char| c.is_ascii_alphanumeric() || "-._;=,\" /@+:'*".contains(c) || !c.is_ascii();
    (!name.is_empty() && name.chars().all(is_name)).then_some((name, &value[1..]))
}

fn parameter<'a>(name: &'a str, key: &str) -> Option<&'a str> {
    let mut parameters = name.split(';').skip(1);
    let found = parameters.find(|parameter| {
        parameter
            .get(..key.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(key))
    })?;
    Some(found[key.len()..].trim_matches('"'))
}

/// A quoted-printable value (RFC 2045, 6.7) in the encoding that the field names.
fn quoted(value: &str, parameters: &str) -> String {
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
    let label = parameter(parameters, "CHARSET=").unwrap_or_default();
    let encoding = match (
        std::str::from_utf8(&bytes),
        Encoding::for_label(label.as_bytes()),
    ) {
        (Ok(_), None) => UTF_8,
        (_, Some(encoding)) => encoding,
        (Err(_), None) => charset::guess(&bytes),
    };
    encoding.decode_without_bom_handling(&bytes).0.into_owned()
}

/// Without escapes (RFC 6350, 3.4), and with gaps between the parts of a value.
fn push_plain(value: &str, out: &mut String) {
    let mut chars = value.chars();
    while let Some(character) = chars.next() {
        match character {
            '\\' => match chars.next() {
                Some('n' | 'N') => out.push('\n'),
                Some(escaped) => out.push(escaped),
                None => {}
            },
            ';' => out.push_str("; "),
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
            "ATTENDEE: mailto:bo@example.org Bo\n"
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
}
