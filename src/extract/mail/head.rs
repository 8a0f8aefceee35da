//! The heads of a message and its parts, made readable where they do not keep to RFC 2047: letters
//! beyond ASCII as they stand, and encoded words that end in the middle of a letter.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use encoding_rs::{Encoding, UTF_8};
use mail_parser::decoders::base64::base64_decode;
use memchr::memmem;

use super::super::charset;
use super::seven_bit;

/// Bytes of an encoded word; by the standard it has 75.
const MAX_WORD_BYTES: usize = 4096;

/// A message whose heads are in UTF-8 and in words that can be decoded one by one.
pub fn readable(message: &[u8]) -> Cow<'_, [u8]> {
    let mut out = Vec::new();
    let mut copied = 0;
    let mut at = 0;
    let mut is_head = true;
    while at < message.len() {
        if is_head {
            let end = at + head_length(&message[at..]);
            let head = &message[at..end];
            if let Some(changed) = changed(head) {
                out.extend_from_slice(&message[copied..at]);
                out.extend_from_slice(&changed);
                copied = end;
            }
            // A message in a message begins with its own head.
            let is_message = memmem::find(&head.to_ascii_lowercase(), b"message/rfc822").is_some();
            at = end + blank_length(&message[end..]);
            is_head = is_message && at > end && begins_head(&message[at..]);
            if is_head {
                continue;
            }
        }
        // Behind the line of a boundary stands the head of a part.
        let Some(boundary) = memmem::find(&message[at..], b"\n--") else {
            break;
        };
        at += boundary + 1;
        let line = memchr::memchr(b'\n', &message[at..]);
        at = line.map_or(message.len(), |end| at + end + 1);
        is_head = begins_head(&message[at..]);
        // The next boundary may follow at once.
        at -= usize::from(!is_head);
    }
    match copied {
        0 => Cow::Borrowed(message),
        _ => {
            out.extend_from_slice(&message[copied..]);
            Cow::Owned(out)
        }
    }
}

/// Whether a field's name stands here.
fn begins_head(bytes: &[u8]) -> bool {
    let is_name = |byte: &&u8| byte.is_ascii_alphanumeric() || **byte == b'-';
    let name = bytes.iter().take(80).take_while(is_name).count();
    name > 1 && bytes.get(name) == Some(&b':')
}

/// The bytes up to the empty line, or to the end.
fn head_length(bytes: &[u8]) -> usize {
    let mut ends = memchr::memchr_iter(b'\n', bytes);
    let last = ends.find(|at| matches!(bytes[at + 1..], [b'\n', ..] | [b'\r', b'\n', ..]));
    last.map_or(bytes.len(), |at| at + 1)
}

fn blank_length(bytes: &[u8]) -> usize {
    match bytes {
        [b'\r', b'\n', ..] => 2,
        [b'\n', ..] => 1,
        _ => 0,
    }
}

/// The head in UTF-8 with its words put together, if that changes it.
fn changed(head: &[u8]) -> Option<Vec<u8>> {
    let text = match std::str::from_utf8(head) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => {
            let encoding = declared(head).unwrap_or_else(|| charset::guess(head));
            encoding.decode_without_bom_handling(head).0
        }
    };
    let joined = join_words(&text);
    match (joined, text) {
        (Some(joined), _) => Some(joined.into_bytes()),
        (None, Cow::Owned(text)) => Some(text.into_bytes()),
        (None, Cow::Borrowed(_)) => None,
    }
}

/// The encoding that the same head says the text is in.
fn declared(head: &[u8]) -> Option<&'static Encoding> {
    let head = head.to_ascii_lowercase();
    let at = memmem::find(&head, b"charset=")? + b"charset=".len();
    let is_label = |byte: &&u8| byte.is_ascii_alphanumeric() || b"-_".contains(byte);
    let label = head[at..].strip_prefix(b"\"").unwrap_or(&head[at..]);
    let length = label.iter().take_while(is_label).count();
    let label = std::str::from_utf8(&label[..length]).ok()?;
    let encoding = super::encoding_called(label)?;
    (!super::is_unknown(label) && encoding != UTF_8).then_some(encoding)
}

/// An encoded word (RFC 2047): its encoding, its bytes, and what follows it.
fn word(text: &str) -> Option<(&str, Vec<u8>, &str)> {
    // Longer ones are not looked for, so that words without an end cost little.
    let near = &text[..text.floor_char_boundary(MAX_WORD_BYTES)];
    let inside = near.strip_prefix("=?")?;
    let (label, inside) = inside.split_once('?')?;
    let (kind, inside) = inside.split_once('?')?;
    let end = inside.find("?=")?;
    let content = &inside[..end];
    let rest = &text[near.len() - inside.len() + end + 2..];
    if label.is_empty() || label.len() > 40 || content.contains(['\n', '\r']) {
        return None;
    }
    let bytes = match kind {
        "B" | "b" => base64_decode(content.as_bytes())?,
        "Q" | "q" => quoted(content.as_bytes()),
        _ => return None,
    };
    // A language may stand behind the name (RFC 2231).
    let label = label.split('*').next().unwrap_or(label);
    Some((label, bytes, rest))
}

fn quoted(content: &[u8]) -> Vec<u8> {
    let digit = |byte: Option<&u8>| char::from(*byte?).to_digit(16);
    let mut bytes = Vec::with_capacity(content.len());
    let mut at = 0;
    while let Some(byte) = content.get(at) {
        let hex = digit(content.get(at + 1)).zip(digit(content.get(at + 2)));
        match (byte, hex) {
            (b'=', Some((high, low))) => {
                bytes.extend(u8::try_from(high * 16 + low));
                at += 2;
            }
            (b'_', _) => bytes.push(b' '),
            (byte, _) => bytes.push(*byte),
        }
        at += 1;
    }
    bytes
}

/// Appends the bytes of a word to those before it. In ISO-2022-JP each word ends in ASCII and the next
/// one leaves it at once; between the two there is nothing to decode, which decoders take for an error.
fn join(bytes: &mut Vec<u8>, more: &[u8]) {
    const TO_ASCII: &[u8] = b"\x1b(B";
    let is_switched = more.starts_with(b"\x1b$") || more.starts_with(b"\x1b(");
    if bytes.ends_with(TO_ASCII) && is_switched {
        bytes.truncate(bytes.len() - TO_ASCII.len());
    }
    bytes.extend_from_slice(more);
}

/// The text with words of one encoding that follow each other as one word in UTF-8; nothing if there
/// are none.
fn join_words(text: &str) -> Option<String> {
    let mut rest = text;
    let mut out: Option<String> = None;
    while let Some(at) = rest.find("=?") {
        let (before, here) = rest.split_at(at);
        let Some((label, mut bytes, mut after)) = word(here) else {
            let (mark, behind) = here.split_at(2);
            let out = out.get_or_insert_default();
            out.push_str(before);
            out.push_str(mark);
            rest = behind;
            continue;
        };
        while let Some((next, more, behind)) =
            word(after.trim_start_matches([' ', '\t', '\r', '\n']))
            && next.eq_ignore_ascii_case(label)
        {
            join(&mut bytes, &more);
            after = behind;
        }
        let known = super::encoding_called(label).filter(|_| !super::is_unknown(label));
        let encoding = match (known, std::str::from_utf8(&bytes)) {
            (_, Ok(_)) if super::is_unknown(label) => Some(UTF_8),
            (None, Err(_)) if super::is_unknown(label) => Some(charset::guess(&bytes)),
            (known, _) => known,
        };
        let out = out.get_or_insert_default();
        out.push_str(before);
        let decoded = seven_bit::decode(label, &bytes).or_else(|| {
            let encoding = encoding?;
            Some(encoding.decode_without_bom_handling(&bytes).0.into_owned())
        });
        match decoded {
            Some(decoded) => {
                out.push_str("=?utf-8?B?");
                out.push_str(&STANDARD.encode(&decoded));
                out.push_str("?=");
            }
            // Nobody knows this one; the parser may.
            None => {
                let written = here.len() - after.len();
                out.push_str(&here[..written]);
            }
        }
        rest = after;
    }
    let mut out = out?;
    out.push_str(rest);
    Some(out)
}

#[cfg(test)]
mod tests {
    use base64::Engine;

    use super::{STANDARD, join_words, readable};

    #[test]
    fn words_that_end_inside_a_letter_are_joined() {
        let joined = |text: &str| join_words(text).unwrap_or_default();
        assert_eq!(
            joined("a =?utf-8?Q?H=C3?=\r\n =?UTF-8?B?pGZlbg==?= b"),
            "a =?utf-8?B?SMOkZmVu?= b"
        );
        assert_eq!(joined("=?x-nothing?Q?a?= =?"), "=?utf-8?B?YQ==?= =?");
        // The parser knows this one.
        assert_eq!(joined("=?utf-7?Q?a?= =?"), "=?utf-7?Q?a?= =?");
        assert_eq!(joined("=?us-ascii?Q?=C3=A4?="), "=?utf-8?B?w6Q=?=");
        // Two words of ISO-2022-JP, each of which ends in ASCII.
        let [harbour, lamp] = ["港湾の灯台", "守について"];
        let word = |text: &str| {
            let (bytes, _, _) = encoding_rs::ISO_2022_JP.encode(text);
            format!("=?ISO-2022-JP?B?{}?=", STANDARD.encode(&bytes))
        };
        assert_eq!(
            joined(&format!("{} {}", word(harbour), word(lamp))),
            format!(
                "=?utf-8?B?{}?=",
                STANDARD.encode(format!("{harbour}{lamp}"))
            )
        );
        // Korean in 7 bits, between shifts.
        assert_eq!(
            joined("=?iso-2022-kr?B?GyQpQw4wIQ8=?="),
            format!("=?utf-8?B?{}?=", STANDARD.encode("가"))
        );
        assert_eq!(join_words("plain"), None);
    }

    #[test]
    fn only_heads_are_changed() {
        let plain = b"Subject: a\r\n\r\n=?utf-8?Q?a?=\r\n-- \r\n\xe4\r\n";
        assert_eq!(readable(plain).as_ref(), plain);
        let head = b"Subject: \xd0\xd2\xc9\xd7\xc5\xd4 \xcb\xcf\xd2\xc1\xc2\xcc\xc9\nContent-Type: text/plain; charset=koi8-r\n\n\xe4";
        let expected = "Subject: привет корабли\nContent-Type: text/plain; charset=koi8-r\n\n";
        assert_eq!(
            readable(head).as_ref(),
            [expected.as_bytes(), b"\xe4"].concat()
        );
        for bytes in [
            &b""[..],
            b"\n\n",
            b"--",
            b"a\n--\n--\nb:",
            b"=?",
            b"=?a?b?c?=",
            b"\n--x\nA-b: =?utf-8?Q?=?=",
        ] {
            readable(bytes);
        }
        // Each would take minutes of a reader that looks to the end for each of them.
        for part in ["\n--\na-b: c", "=?a?q?", "=?"] {
            readable(part.repeat((4 << 20) / part.len()).as_bytes());
        }
    }
}
