//! JSON as text: as written, with the escapes of its strings resolved so that words are words.

/// Resolves every escape. Backslashes stand only in strings, so nothing needs to be parsed, and
/// broken JSON or lines of it read as well as valid JSON.
pub fn text(json: String) -> String {
    let Some(first) = memchr::memchr(b'\\', json.as_bytes()) else {
        return json;
    };
    let mut out = String::with_capacity(json.len());
    out.push_str(&json[..first]);
    let mut rest = &json[first..];
    while let Some(at) = memchr::memchr(b'\\', rest.as_bytes()) {
        out.push_str(&rest[..at]);
        rest = unescape(&rest[at + 1..], &mut out);
    }
    out.push_str(rest);
    out
}

/// Appends what an escape stands for, and returns what follows it. `text` begins after the
/// backslash.
fn unescape<'a>(text: &'a str, out: &mut String) -> &'a str {
    let mut chars = text.chars();
    match chars.next() {
        Some('n' | 'r') => out.push('\n'),
        Some('t') => out.push('\t'),
        Some('b' | 'f') => out.push(' '),
        Some('u') => return unicode(chars.as_str(), out),
        Some(other) => out.push(other),
        None => {}
    }
    chars.as_str()
}

/// `\uXXXX`, or two of them for one character beyond the basic plane (RFC 8259, section 7). Half of
/// such a pair becomes U+FFFD.
fn unicode<'a>(text: &'a str, out: &mut String) -> &'a str {
    let Some((high, rest)) = hex(text) else {
        out.push_str("\\u");
        return text;
    };
    if let Some(character) = char::from_u32(high) {
        out.push(character);
        return rest;
    }
    let low = rest.strip_prefix("\\u").and_then(hex);
    let pair = low.and_then(|(low, rest)| {
        let units = [u16::try_from(high).ok()?, u16::try_from(low).ok()?];
        let character = char::decode_utf16(units).next()?.ok()?;
        Some((character, rest))
    });
    let (character, rest) = pair.unwrap_or((char::REPLACEMENT_CHARACTER, rest));
    out.push(character);
    rest
}

fn hex(text: &str) -> Option<(u32, &str)> {
    let digits = text.get(..4)?;
    let all_hex = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    let value = u32::from_str_radix(digits, 16).ok()?;
    all_hex.then_some((value, &text[4..]))
}

#[cfg(test)]
mod tests {
    use super::text;

    fn read(json: &str) -> String {
        text(json.to_owned())
    }

    #[test]
    fn escapes_become_characters() {
        let json = r#"{"caf\u00e9":"a\/b \"c\" \\n","d":"one\ntwo\tthree"}"#;
        let expected = "{\"café\":\"a/b \"c\" \\n\",\"d\":\"one\ntwo\tthree\"}";
        assert_eq!(read(json), expected);
    }

    #[test]
    fn surrogates_pair_up() {
        assert_eq!(read(r"\ud83d\ude00 \u65e5\u672c"), "😀 日本");
        assert_eq!(read(r"\ud83d x \ude00"), "\u{fffd} x \u{fffd}");
        assert_eq!(read(r"\ud83d\u0041"), "\u{fffd}A");
    }

    #[test]
    fn broken_escapes_lose_nothing() {
        assert_eq!(read(r"\u12 \u+123 \uééé \"), r"\u12 \u+123 \uééé ");
    }
}
