//! Settings of Java programs (`.properties`): with characters for their escapes, and lines that go on.

/// The text with its escapes resolved.
pub fn text(document: &str) -> String {
    let mut out = String::with_capacity(document.len());
    let mut chars = document.chars().peekable();
    let mut units: Vec<u16> = Vec::new();
    while let Some(character) = chars.next() {
        if character != '\\' {
            flush(&mut units, &mut out);
            out.push(character);
            continue;
        }
        let escaped = chars.next();
        if escaped == Some('u') {
            let mut digits = chars.clone();
            let code: String = digits.by_ref().take(4).collect();
            let is_hex = code.len() == 4 && code.chars().all(|c| c.is_ascii_hexdigit());
            if let Some(unit) = u16::from_str_radix(&code, 16).ok().filter(|_| is_hex) {
                units.push(unit);
                chars = digits;
                continue;
            }
        }
        flush(&mut units, &mut out);
        match escaped {
            Some('t') => out.push('\t'),
            Some('n' | 'r' | 'f') => out.push('\n'),
            // A line that goes on in the next one, without its indent.
            Some('\n' | '\r') => {
                while chars
                    .next_if(|c| matches!(c, ' ' | '\t' | '\n' | '\r'))
                    .is_some()
                {}
            }
            Some(other) => out.push(other),
            None => {}
        }
    }
    flush(&mut units, &mut out);
    out
}

/// Writes the characters that UTF-16 was written for.
fn flush(units: &mut Vec<u16>, out: &mut String) {
    let characters = char::decode_utf16(units.drain(..));
    out.extend(characters.map(|found| found.unwrap_or(char::REPLACEMENT_CHARACTER)));
}

#[cfg(test)]
mod tests {
    use super::text;

    #[test]
    fn escapes_are_characters() {
        assert_eq!(
            text("a=Gr\\u00fc\\u00DFe\nb=\\uD83D\\uDE00\\:x"),
            "a=Grüße\nb=😀:x"
        );
        assert_eq!(text("a=one \\\n    two\\ttabs"), "a=one two\ttabs");
        assert_eq!(text("c:\\users \\u12 \\ud800 \\"), "c:users u12 \u{fffd} ");
    }
}
