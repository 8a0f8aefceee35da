//! Character references of HTML and XML.

use std::borrow::Cow;

use web_atoms::{C1_REPLACEMENTS, NAMED_ENTITIES};

/// The longest name in HTML's table, `CounterClockwiseContourIntegral`, has 31 letters.
const MAX_NAME: usize = 31;

/// Replaces the references in `text` by their characters. Unknown ones stay as they are, so
/// entities that a document defines for itself are never expanded.
pub fn decode(text: &str) -> Cow<'_, str> {
    if memchr::memchr(b'&', text.as_bytes()).is_none() {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = memchr::memchr(b'&', rest.as_bytes()) {
        out.push_str(&rest[..at]);
        let reference = &rest[at + 1..];
        let length = push_reference(reference, &mut out);
        if length == 0 {
            out.push('&');
        }
        rest = &reference[length..];
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// Appends what the reference at the beginning of `text` (after its `&`) stands for, and returns its
/// length; 0 when it is none.
fn push_reference(text: &str, out: &mut String) -> usize {
    match text.strip_prefix('#') {
        Some(number) => numeric(number, out).map_or(0, |length| length + 1),
        None => named(text, out),
    }
}

fn numeric(text: &str, out: &mut String) -> Option<usize> {
    let (digits, radix, marker) = match text.strip_prefix(['x', 'X']) {
        Some(digits) => (digits, 16, 1),
        None => (text, 10, 0),
    };
    let length = digits
        .bytes()
        .take_while(|byte| char::from(*byte).is_digit(radix))
        .count();
    if length == 0 {
        return None;
    }
    // More digits than fit are beyond Unicode in any case.
    let code = u32::from_str_radix(&digits[..length], radix).unwrap_or(u32::MAX);
    out.push(character(code));
    let semicolon = usize::from(digits[length..].starts_with(';'));
    Some(marker + length + semicolon)
}

/// Numbers in the C1 range mean windows-1252 (HTML standard, "numeric character reference end
/// state").
fn character(code: u32) -> char {
    let replaced = match code {
        0 => None,
        0x80..=0x9f => C1_REPLACEMENTS[(code - 0x80) as usize].or(char::from_u32(code)),
        _ => char::from_u32(code),
    };
    replaced.unwrap_or(char::REPLACEMENT_CHARACTER)
}

/// The longest name in the table wins: `&notit;` is `¬it;`, `&notin;` is `∉`.
fn named(text: &str, out: &mut String) -> usize {
    let letters = text
        .bytes()
        .take(MAX_NAME)
        .take_while(u8::is_ascii_alphanumeric)
        .count();
    let longest = letters + usize::from(text[letters..].starts_with(';'));
    for length in (2..=longest).rev() {
        // The table also lists the beginnings of names, with no characters.
        if let Some((first @ 1.., second)) = NAMED_ENTITIES.get(&text[..length]).copied() {
            out.extend(char::from_u32(first));
            out.extend(char::from_u32(second).filter(|second| *second != '\0'));
            return length;
        }
    }
    0
}

#[cfg(test)]
mod tests {
    use super::decode;

    #[test]
    fn names_and_numbers() {
        assert_eq!(
            decode("caf&eacute; &amp; cr&#232;me &#x2014;"),
            "café & crème —"
        );
        assert_eq!(decode("&lt;b&gt; &euro;5 &#128;"), "<b> €5 €");
        assert_eq!(decode("&nvlt;"), "<\u{20d2}");
    }

    #[test]
    fn longest_name_wins() {
        assert_eq!(decode("&notit; &notin; &copy2026"), "¬it; ∉ ©2026");
    }

    #[test]
    fn what_is_none_stays() {
        assert_eq!(
            decode("AT&T & co &; &#; &#x; &lol9; &"),
            "AT&T & co &; &#; &#x; &lol9; &"
        );
        assert_eq!(decode("&é &#99999999999; &#xd800;"), "&é \u{fffd} \u{fffd}");
    }
}
