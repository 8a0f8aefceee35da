//! Encodings of Korean and Chinese in 7 bits, which the Web gave up and old mail has: ISO-2022-KR
//! (RFC 1557), ISO-2022-CN (RFC 1922) and HZ (RFC 1843).

use encoding_rs::{EUC_KR, Encoding, GBK};

const SHIFT_OUT: u8 = 0x0e;
const SHIFT_IN: u8 = 0x0f;
const ESCAPE: u8 = 0x1b;

/// The encoding with the same characters in 8 bits, if the label is that of such an encoding.
pub fn wider(label: &str) -> Option<&'static Encoding> {
    match label.trim().to_ascii_lowercase().as_str() {
        "iso-2022-kr" | "csiso2022kr" => Some(EUC_KR),
        "iso-2022-cn" | "iso-2022-cn-ext" | "hz-gb-2312" | "hz" => Some(GBK),
        _ => None,
    }
}

/// The text, if the label is that of such an encoding.
pub fn decode(label: &str, bytes: &[u8]) -> Option<String> {
    let encoding = wider(label)?;
    let is_hz = label.trim_start().starts_with(['h', 'H']);
    let eight_bits = match is_hz {
        true => from_hz(bytes),
        false => from_shifts(bytes),
    };
    let (text, _) = encoding.decode_without_bom_handling(&eight_bits);
    Some(text.into_owned())
}

/// What is between two shifts has the upper bit instead. An escape only names the set of characters.
fn from_shifts(mut bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut is_shifted = false;
    while let Some((byte, rest)) = bytes.split_first() {
        bytes = rest;
        match *byte {
            SHIFT_OUT => is_shifted = true,
            SHIFT_IN => is_shifted = false,
            ESCAPE if rest.starts_with(b"$") => bytes = rest.get(3..).unwrap_or_default(),
            b'\n' => {
                is_shifted = false;
                out.push(b'\n');
            }
            byte if is_shifted && byte > b' ' => out.push(byte | 0x80),
            byte => out.push(byte),
        }
    }
    out
}

/// The same with signs in place of the shifts.
fn from_hz(mut bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut is_shifted = false;
    loop {
        bytes = match bytes {
            [b'~', b'{', rest @ ..] if !is_shifted => {
                is_shifted = true;
                rest
            }
            [b'~', b'}', rest @ ..] if is_shifted => {
                is_shifted = false;
                rest
            }
            [b'~', b'\r', b'\n', rest @ ..] | [b'~', b'\n', rest @ ..] if !is_shifted => rest,
            [b'~', b'~', rest @ ..] if !is_shifted => {
                out.push(b'~');
                rest
            }
            [b'\n', rest @ ..] => {
                is_shifted = false;
                out.push(b'\n');
                rest
            }
            [first, second, rest @ ..] if is_shifted && *first > b' ' && *second > b' ' => {
                out.extend([first | 0x80, second | 0x80]);
                rest
            }
            [byte, rest @ ..] => {
                out.push(*byte);
                rest
            }
            [] => return out,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::decode;

    #[test]
    fn shifts_and_escapes_are_followed() {
        for (label, bytes, expected) in [
            (
                "ISO-2022-KR",
                &b"\x1b$)CBusan: \x0e:N;j\x0f.\n\x0e:N;j\n:N"[..],
                "Busan: 부산.\n부산\n:N",
            ),
            ("iso-2022-cn", b"\x1b$)A\x0e8[?Z\x0f ok", "港口 ok"),
            (
                "hz-gb-2312",
                b"a~~ ~{8[?Z~} b~\nc\n~{8[\n8[",
                "a~ 港口 bc\n港\n8[",
            ),
        ] {
            assert_eq!(decode(label, bytes).as_deref(), Some(expected), "{label}");
            for end in 0..bytes.len() {
                let _ = decode(label, &bytes[..end]);
            }
        }
        assert_eq!(decode("euc-kr", b"a"), None);
    }
}
