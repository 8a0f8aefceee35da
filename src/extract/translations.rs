//! Words of a program with their translations: gettext's catalogues (`.po`) and Apple's `.strings`,
//! without the escapes of their strings.

use encoding_rs::Encoding;

/// Whether a text begins as such a file does: with an entry of the one or the other kind, behind
/// comments.
pub fn begins(head: &[u8]) -> bool {
    // Apple's were in UTF-16.
    let ascii: Vec<u8> = head
        .iter()
        .copied()
        .filter(u8::is_ascii)
        .filter(|byte| *byte != 0)
        .collect();
    let text = String::from_utf8(ascii).unwrap_or_default();
    is_catalogue(&text) || begins_with_pair(&text)
}

fn is_catalogue(text: &str) -> bool {
    let mut lines = text.lines().map(str::trim_start);
    lines.any(|line| line.starts_with("msgid \"")) && lines.any(|line| line.starts_with("msgstr"))
}

/// Whether the first thing is `"key" = "value";`.
fn begins_with_pair(text: &str) -> bool {
    let after = |text| after_string(after_comments(text));
    let value = after(text).and_then(|rest| after_comments(rest).strip_prefix('='));
    let end = value.and_then(after);
    end.is_some_and(|rest| after_comments(rest).starts_with(';'))
}

fn after_comments(mut text: &str) -> &str {
    loop {
        text = text.trim_start();
        let rest = match text.get(..2) {
            Some("/*") => text.split_once("*/").map(|(_, rest)| rest),
            Some("//") => text.split_once('\n').map(|(_, rest)| rest),
            _ => return text,
        };
        match rest {
            Some(rest) => text = rest,
            None => return "",
        }
    }
}

fn after_string(text: &str) -> Option<&str> {
    let inside = text.strip_prefix('"')?;
    let mut is_escaped = false;
    let end = inside.find(|c: char| {
        let ends = c == '"' && !is_escaped;
        is_escaped = c == '\\' && !is_escaped;
        ends
    })?;
    inside.get(end + 1..)
}

/// The encoding that a catalogue's first entry names.
pub fn declared_encoding(head: &[u8]) -> Option<&'static Encoding> {
    let at = memchr::memmem::find(head, b"charset=")? + b"charset=".len();
    let is_label = |byte: &&u8| byte.is_ascii_alphanumeric() || b"-_".contains(byte);
    let length = head[at..].iter().take_while(is_label).count();
    Encoding::for_label_no_replacement(&head[at..at + length])
}

/// The text with each string as it is shown; those that go on in the next line are one.
pub fn text(document: &str) -> String {
    let mut out = String::with_capacity(document.len());
    let mut rest = document;
    let mut line_start = 0;
    let mut in_string = false;
    while let Some(at) = rest.find(|c| c == '"' || (in_string && c == '\\')) {
        let comment = rest[..at].find("/*").filter(|_| !in_string);
        if let Some(comment) = comment {
            let end = rest[comment..]
                .find("*/")
                .map_or(rest.len(), |end| comment + end);
            if let Some(line) = rest[..end].rfind('\n') {
                line_start = out.len() + line + 1;
            }
            out.push_str(&rest[..end]);
            rest = &rest[end..];
            continue;
        }
        let (before, here) = rest.split_at(at);
        if let Some(line) = before.rfind('\n') {
            line_start = out.len() + line + 1;
        }
        out.push_str(before);
        if !in_string && begins_comment(&out[line_start..]) {
            let end = here.find('\n').unwrap_or(here.len());
            out.push_str(&here[..end]);
            rest = &here[end..];
            continue;
        }
        rest = &here[1..];
        if here.starts_with('"') {
            let next = rest.trim_start();
            let goes_on = in_string
                && next.starts_with('"')
                && rest[..rest.len() - next.len()].contains('\n');
            if goes_on {
                rest = &next[1..];
            } else {
                out.push('"');
                in_string = !in_string;
            }
        } else {
            rest = unescape(rest, &mut out);
        }
    }
    out.push_str(rest);
    out
}

/// Whether a line is one for translators; of a long one only its beginning tells.
fn begins_comment(line: &str) -> bool {
    let line = line[..line.floor_char_boundary(64)].trim_start();
    line.starts_with('#') || line.starts_with("//")
}

/// Writes what is meant by what follows a backslash, and returns what follows that.
fn unescape<'a>(text: &'a str, out: &mut String) -> &'a str {
    let mut chars = text.chars();
    let meant = match chars.next() {
        Some('n' | 'r') => '\n',
        Some('t') => '\t',
        Some(sign @ ('"' | '\'' | '\\')) => sign,
        Some('u' | 'U') => {
            let digits = text
                .get(1..5)
                .filter(|it| it.bytes().all(|byte| byte.is_ascii_hexdigit()));
            let number = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
            match number.and_then(char::from_u32) {
                Some(character) => {
                    out.push(character);
                    return &text[5..];
                }
                None => return text,
            }
        }
        _ => {
            out.push('\\');
            return text;
        }
    };
    out.push(meant);
    chars.as_str()
}

#[cfg(test)]
mod tests {
    use super::{begins, text};
    use crate::extract::tests::extracted;

    #[test]
    fn strings_are_read_as_they_are_shown() {
        assert_eq!(
            text(r#"msgid "Heron\nline\t\"q\" \\n \d \U00e9""#),
            "msgid \"Heron\nline\t\"q\" \\n \\d é\""
        );
        assert_eq!(
            text("msgstr \"\"\n\"peli\"\n  \"can\"\nmsgid \"\\"),
            "msgstr \"pelican\"\nmsgid \"\\"
        );
        for comment in [
            "# a \" \\n",
            "  // a \" \\n",
            "/* \" \\n\n\" \" */",
            "# x\n/* a \n b */",
        ] {
            let document = format!("{comment}\n\"b\\tc\"");
            assert_eq!(text(&document), format!("{comment}\n\"b\tc\""));
        }
        assert_eq!(text(r#"a\nb "c" "d" x"#), r#"a\nb "c" "d" x"#);
        for odd in ["\"\\", "\"\\u", "\"\\u12", "\"", "\"\\Ud800\"", "\"\\é"] {
            text(odd);
        }
    }

    #[test]
    fn catalogues_are_known_by_their_entries() {
        let strings = "/* Title\n\"no\" */\n// one\n\"t\" = \"Heron\\nline\";\n";
        let wide: Vec<u8> = format!("\u{feff}{strings}")
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        let po = "# Übersetzung\nmsgid \"\"\nmsgstr \"Content-Type: text/plain; charset=UTF-8\\n\"\n\nmsgid \"Heron\\nline\"\nmsgstr \"\"\n";
        for (name, content) in [
            ("a.strings", strings.as_bytes()),
            ("a.strings", &wide),
            ("a.po", po.as_bytes()),
            ("a.pot", po.as_bytes()),
            ("a.po", &po.replace("Ü", "").into_bytes()),
        ] {
            assert!(begins(content), "{name}");
            let found = extracted(name, content).text;
            assert!(found.contains("Heron\nline"), "{name}: {found:?}");
        }
        let latin = [
            &b"msgid \"\"\nmsgstr \"charset=ISO-8859-2\\n\"\nmsgid \""[..],
            b"\xb3\xf3d\xbc\"\n",
        ]
        .concat();
        assert!(extracted("a.po", &latin).text.contains("łódź"));
        for other in [
            "\"a\" = 1;",
            "\"a\": \"b\";",
            "see msgid \"x\"\n",
            "",
            "/*",
            "\"a\\n\" = \"b",
            "{\"a\" = \"b\";}",
        ] {
            assert!(!begins(other.as_bytes()), "{other}");
        }
        assert_eq!(
            extracted("a.txt", br#""a\nb" and c"#).text,
            r#""a\nb" and c"#
        );
    }
}
