//! From a file to a string: bounded reading, then decoding.

use std::io::{self, Read};

use encoding_rs::{CoderResult, Encoding, ISO_2022_JP, UTF_8};

use super::charset::{self, Charset};

/// The bytes that are read of one text, without its byte order mark.
pub struct Bytes {
    pub bytes: Vec<u8>,
    evident: Option<Charset>,
    /// The file goes on.
    cut: bool,
}

/// A text as far as it was read.
pub struct Decoded {
    pub text: String,
    /// The encoding's name.
    pub encoding: &'static str,
    pub truncated: bool,
    /// It was cut where something begins that is not text.
    pub is_before_binary: bool,
}

/// Reads on after `head` until there is enough for `limit` bytes of UTF-8. `size` is a hint.
pub fn rest(file: impl Read, size: u64, head: Vec<u8>, limit: usize) -> io::Result<Bytes> {
    let evident = charset::evident(&head);
    // Markup in UTF-32 is not worth more memory than plain text in UTF-32.
    let unit = evident.map_or(1, |(charset, _)| charset.unit());
    let most = (limit * unit).min(limit.max(4 * super::MAX_TEXT_BYTES));

    let mut bytes = head;
    let known = usize::try_from(size).unwrap_or(most).min(most);
    // One byte more shows whether the file goes on, another lets the last read find its end.
    bytes.reserve_exact((known + 2).saturating_sub(bytes.len()));
    let missing = (most + 1).saturating_sub(bytes.len());
    file.take(missing as u64).read_to_end(&mut bytes)?;
    let cut = bytes.len() > most;
    bytes.truncate(most);
    if let Some((_, mark @ 1..)) = evident {
        bytes.drain(..mark);
    }
    Ok(Bytes {
        bytes,
        evident: evident.map(|(charset, _)| charset),
        cut,
    })
}

impl Bytes {
    /// All of a text that is in memory.
    pub fn whole(mut bytes: Vec<u8>) -> Self {
        let evident = charset::evident(&bytes[..bytes.len().min(super::HEAD_BYTES)]);
        bytes.drain(..evident.map_or(0, |(_, mark)| mark));
        Self {
            bytes,
            evident: evident.map(|(charset, _)| charset),
            cut: false,
        }
    }

    /// At most about `limit` bytes of UTF-8; what is malformed becomes U+FFFD.
    pub fn decode(self, declared: Option<&'static Encoding>, limit: usize) -> Decoded {
        match self.evident {
            Some(Charset::Utf32Le) => self.utf32("UTF-32LE", limit, u32::from_le_bytes),
            Some(Charset::Utf32Be) => self.utf32("UTF-32BE", limit, u32::from_be_bytes),
            Some(Charset::Web(encoding)) if encoding != UTF_8 => self.web(encoding, limit),
            marked => self.eight_bit(declared.filter(|_| marked.is_none()), limit),
        }
    }

    fn eight_bit(mut self, declared: Option<&'static Encoding>, limit: usize) -> Decoded {
        if self.cut {
            self.drop_half_character();
        }
        match String::from_utf8(std::mem::take(&mut self.bytes)) {
            Ok(text) => match despite_valid_utf8(text.as_bytes(), declared) {
                None => Decoded {
                    text,
                    encoding: UTF_8.name(),
                    truncated: self.cut,
                    is_before_binary: false,
                },
                Some(encoding) => {
                    self.bytes = text.into_bytes();
                    self.web(encoding, limit)
                }
            },
            Err(error) => {
                self.bytes = error.into_bytes();
                let charset = match declared {
                    Some(encoding) if encoding != UTF_8 => Charset::Web(encoding),
                    _ if charset::is_damaged_utf8(&self.bytes) => Charset::Web(UTF_8),
                    _ => charset::guess_any(&self.bytes),
                };
                let is_before_binary = self.cut_before_binary();
                let decoded = match charset {
                    Charset::Web(encoding) => self.web(encoding, limit),
                    _ => self.dos(limit),
                };
                Decoded {
                    is_before_binary,
                    ..decoded
                }
            }
        }
    }

    /// Where we cut a file, its last character of several bytes may not be whole.
    fn drop_half_character(&mut self) {
        let lead = self
            .bytes
            .iter()
            .rev()
            .take(3)
            .position(|byte| *byte >= 0xc0);
        let dropped = lead.map_or(0, |at| at + 1);
        self.bytes.truncate(self.bytes.len() - dropped);
    }

    /// A script with an archive behind it is text up to the archive.
    fn cut_before_binary(&mut self) -> bool {
        let zero = memchr::memchr(0, &self.bytes);
        if let Some(zero) = zero {
            self.bytes.truncate(zero);
            self.cut = true;
        }
        zero.is_some()
    }

    /// Puts lines together that go on in the next one, which may be inside of a character (RFC 5545,
    /// 3.1).
    pub fn unfold(&mut self) {
        let is_wide = self.evident.is_some_and(|charset| charset.unit() > 1);
        if !is_wide {
            self.bytes = super::content_lines::unfold(&self.bytes);
        }
    }

    fn web(self, encoding: &'static Encoding, limit: usize) -> Decoded {
        let mut decoder = encoding.new_decoder_without_bom_handling();
        let most = decoder.max_utf8_buffer_length(self.bytes.len());
        let mut text = String::with_capacity(most.unwrap_or(limit).min(limit));
        let (result, _, _) = decoder.decode_to_string(&self.bytes, &mut text, !self.cut);
        Decoded {
            text,
            encoding: encoding.name(),
            truncated: self.cut || result == CoderResult::OutputFull,
            is_before_binary: false,
        }
    }

    fn dos(self, limit: usize) -> Decoded {
        let mut text = charset::decode_dos(&self.bytes);
        let is_longer = text.len() > limit;
        text.truncate(text.floor_char_boundary(limit));
        Decoded {
            text,
            encoding: "IBM850",
            truncated: self.cut || is_longer,
            is_before_binary: false,
        }
    }

    fn utf32(self, encoding: &'static str, limit: usize, unit: fn([u8; 4]) -> u32) -> Decoded {
        let mut text = String::with_capacity((self.bytes.len() / 2).min(limit));
        let units = self.bytes.chunks(4).map(|bytes| match bytes.try_into() {
            Ok(whole) => char::from_u32(unit(whole)),
            Err(_) => None,
        });
        let mut truncated = self.cut;
        for character in units {
            if text.len() + 4 > limit {
                truncated = true;
                break;
            }
            text.push(character.unwrap_or(char::REPLACEMENT_CHARACTER));
        }
        Decoded {
            text,
            encoding,
            truncated,
            is_before_binary: false,
        }
    }
}

/// The encoding of a text that is valid UTF-8, if it is another. Pages that claim a Western
/// encoding by habit are common; texts in one that happen to be valid UTF-8 are not.
fn despite_valid_utf8(
    bytes: &[u8],
    declared: Option<&'static Encoding>,
) -> Option<&'static Encoding> {
    match declared {
        Some(encoding) if encoding != UTF_8 && !encoding.is_single_byte() => Some(encoding),
        _ if charset::is_iso_2022_jp(bytes) => Some(ISO_2022_JP),
        _ => None,
    }
}
