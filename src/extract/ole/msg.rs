//! Messages of Outlook (MS-OXMSG): properties as streams, attachments as folders.

use std::io::{Read, Seek};

use encoding_rs::{Encoding, UTF_8, WINDOWS_1252};

use super::{Storage, summary, u16_at, u32_at, u64_at, wide};
use crate::extract::flow::Flow;
use crate::extract::sink::{Sink, Unreadable};
use crate::extract::{MAX_TEXT_BYTES, attachment, html, rtf};

/// Properties (MS-OXPROPS) by their number.
const SUBJECT: u16 = 0x0037;
const SENT: u16 = 0x0039;
const SENDER_NAME: u16 = 0x0c1a;
const SENDER_ADDRESS: u16 = 0x0c1f;
const SENDER_SMTP: u16 = 0x5d01;
const TO: u16 = 0x0e04;
const CC: u16 = 0x0e03;
const DELIVERED: u16 = 0x0e06;
const BODY: u16 = 0x1000;
const RTF: u16 = 0x1009;
const HTML: u16 = 0x1013;
const DATA: u16 = 0x3701;
const NAME: u16 = 0x3704;
const LONG_NAME: u16 = 0x3707;
const CODE_PAGE: u16 = 0x3fde;
const LOCALE: u16 = 0x3ff1;
const MESSAGE_CODE_PAGE: u16 = 0x3ffd;

/// A message holds messages, and they others; nobody reads deeper.
const MOST_NESTING: usize = 4;

pub fn read<R: Read + Seek>(
    storage: &mut Storage<R>,
    out: &mut Sink<'_>,
) -> Result<(), Unreadable> {
    message(storage, "", &[], out);
    Ok(())
}

/// `encodings` are those of the message around it.
fn message<R: Read + Seek>(
    storage: &mut Storage<R>,
    folder: &str,
    encodings: &[&'static Encoding],
    out: &mut Sink<'_>,
) {
    let nesting = folder.matches("/__attach").count();
    let header = if nesting == 0 { 32 } else { 24 };
    let mut properties = Properties::of(storage, folder, header, encodings);
    let encodings = properties.encodings.clone();
    let subject = properties.text(SUBJECT);
    let sender = properties.text(SENDER_NAME);
    let address = properties
        .text(SENDER_SMTP)
        .or_else(|| properties.text(SENDER_ADDRESS));
    let sent = properties.time(SENT).or_else(|| properties.time(DELIVERED));
    if nesting == 0 {
        out.details.title = subject.clone();
        out.details.author = sender.clone().or_else(|| address.clone());
        out.details.date = sent;
        out.tell();
    }
    // Inside of an organisation an address is a path in its directory.
    let address =
        address.filter(|address| address.contains('@') && Some(address) != sender.as_ref());
    let from: Vec<String> = [sender, address].into_iter().flatten().collect();
    for (name, value) in [
        ("From", Some(from.join(" "))),
        ("To", properties.text(TO)),
        ("Cc", properties.text(CC)),
        ("Subject", subject),
    ] {
        attachment::field(name, value, out);
    }
    out.line();
    properties.body(out);
    let attachments: Vec<String> = storage
        .names(if folder.is_empty() { "/" } else { folder })
        .into_iter()
        .filter(|name| name.starts_with("__attach_version1.0_"))
        .collect();
    for name in attachments {
        if out.is_full() {
            return;
        }
        let inside = format!("{folder}/{name}");
        let mut properties = Properties::of(storage, &inside, 8, &encodings);
        let name = properties.text(LONG_NAME).or_else(|| properties.text(NAME));
        let name = name.unwrap_or_default();
        attachment::announce(&name, out);
        let embedded = format!("{inside}/__substg1.0_3701000D");
        if let Some(bytes) = properties.binary(DATA) {
            attachment::read(&name, &bytes, out);
        } else if !storage.has(&format!("{embedded}/__properties_version1.0")) {
            super::object(storage, &embedded, out);
        } else if nesting < MOST_NESTING {
            message(storage, &embedded, &encodings, out);
        }
    }
}

/// What is kept of a message, or of an attachment.
struct Properties<'a, R> {
    storage: &'a mut Storage<R>,
    folder: String,
    /// Those of fixed length: sixteen bytes each.
    fixed: Vec<u8>,
    /// What its text of 8 bits can be in, the likeliest first.
    encodings: Vec<&'static Encoding>,
    /// What it says that its page is in.
    page_encoding: Option<&'static Encoding>,
}

impl<'a, R: Read + Seek> Properties<'a, R> {
    fn of(
        storage: &'a mut Storage<R>,
        folder: &str,
        header: usize,
        around: &[&'static Encoding],
    ) -> Self {
        let mut fixed = storage
            .stream(&format!("{folder}/__properties_version1.0"))
            .unwrap_or_default();
        fixed.drain(..header.min(fixed.len()));
        let mut properties = Self {
            storage,
            folder: folder.to_owned(),
            fixed,
            encodings: Vec::new(),
            page_encoding: None,
        };
        properties.page_encoding = properties.encoding(CODE_PAGE);
        properties.encodings = properties.all_encodings();
        if properties.encodings.is_empty() {
            properties.encodings = around.to_vec();
        }
        properties
    }

    fn encoding(&self, property: u16) -> Option<&'static Encoding> {
        let page = u16::try_from(self.value(property)? & 0xffff_ffff).ok()?;
        summary::code_page(page)
    }

    /// The code page of the message, then of the Internet, which says what was sent, not what is
    /// stored; and where neither fits, that of the sender's language.
    fn all_encodings(&self) -> Vec<&'static Encoding> {
        let named = [MESSAGE_CODE_PAGE, CODE_PAGE].map(|property| self.encoding(property));
        let mut encodings: Vec<_> = named.into_iter().flatten().collect();
        let locale = self.value(LOCALE).filter(|locale| *locale & 0xffff != 0);
        let locale = locale.map(|locale| summary::encoding_of(locale as u16, None));
        if encodings.is_empty() {
            // Of a Western language nothing is known that a guess would not find.
            let locale = locale.filter(|locale| *locale != WINDOWS_1252);
            encodings.extend(locale.into_iter().flat_map(|locale| [UTF_8, locale]));
        } else {
            encodings.extend(locale);
        }
        encodings
    }

    fn value(&self, property: u16) -> Option<u64> {
        self.fixed
            .chunks_exact(16)
            .find(|entry| u16_at(entry, 2) == Some(property))
            .and_then(|entry| u64_at(entry, 8))
    }

    fn time(&self, property: u16) -> Option<String> {
        self.value(property).and_then(summary::file_time)
    }

    fn stream(&mut self, property: u16, kind: &str) -> Option<Vec<u8>> {
        self.storage
            .stream(&format!("{}/__substg1.0_{property:04X}{kind}", self.folder))
    }

    fn binary(&mut self, property: u16) -> Option<Vec<u8>> {
        self.stream(property, "0102")
    }

    fn text(&mut self, property: u16) -> Option<String> {
        let text = match self.stream(property, "001F") {
            Some(text) => wide(&text),
            None => {
                let text = self.stream(property, "001E")?;
                self.narrow(&text)
            }
        };
        let text = text.trim_matches(|c: char| c.is_whitespace() || c == '\0');
        (!text.is_empty()).then(|| text.to_owned())
    }

    fn narrow(&self, bytes: &[u8]) -> String {
        let known = match self.encodings.as_slice() {
            [] => &[UTF_8],
            known => known,
        };
        let decode = |encoding: &&'static Encoding| {
            encoding.decode_without_bom_handling_and_without_replacement(bytes)
        };
        match known.iter().find_map(decode) {
            Some(text) => text.into_owned(),
            None => summary::narrow(bytes, u16::MAX),
        }
    }

    fn body(&mut self, out: &mut Sink<'_>) {
        if let Some(text) = self.text(BODY) {
            out.paragraph(&text);
            return;
        }
        let page = match self.binary(HTML) {
            Some(page) => {
                let encoding = html::declared_encoding(&page).or(self.page_encoding);
                let decoded = encoding.map(|encoding| encoding.decode(&page).0.into_owned());
                Some(decoded.unwrap_or_else(|| self.narrow(&page)))
            }
            None => self.text(HTML),
        };
        if let Some(page) = page {
            let mut flow = Flow::new(MAX_TEXT_BYTES);
            html::text(&page, &mut flow);
            out.paragraph(&flow.into_text());
        } else if let Some(packed) = self.binary(RTF) {
            let _ = rtf::read(&unpack(&packed), out);
        }
    }
}

/// Inflates RTF as messages keep it (MS-OXRTFCP).
pub fn unpack(packed: &[u8]) -> Vec<u8> {
    const UNCOMPRESSED: u32 = 0x414c_454d;
    /// What every text is likely to begin with.
    const BEGINNING: &[u8] = b"{\\rtf1\\ansi\\mac\\deff0\\deftab720{\\fonttbl;}{\\f0\\fnil \\froman \\fswiss \
        \\fmodern \\fscript \\fdecor MS Sans SerifSymbolArialTimes New RomanCourier{\\colortbl\\red0\\green0\\blue0\r\n\
        \\par \\pard\\plain\\f0\\fs20\\b\\i\\u\\tab\\tx";
    const WINDOW: usize = 4096;
    let Some(content) = packed.get(16..) else {
        return Vec::new();
    };
    if u32_at(packed, 8) == Some(UNCOMPRESSED) {
        return content.to_owned();
    }
    let mut window = [b' '; WINDOW];
    window[..BEGINNING.len()].copy_from_slice(BEGINNING);
    let mut at = BEGINNING.len();
    let mut out = Vec::new();
    let mut bytes = content.iter().copied();
    let mut put = |byte: u8, window: &mut [u8; WINDOW], at: &mut usize| {
        window[*at] = byte;
        *at = (*at + 1) % WINDOW;
        out.push(byte);
    };
    'packed: while let Some(control) = bytes.next() {
        for bit in 0..8 {
            let Some(first) = bytes.next() else {
                break 'packed;
            };
            if control >> bit & 1 == 0 {
                put(first, &mut window, &mut at);
                continue;
            }
            let Some(second) = bytes.next() else {
                break 'packed;
            };
            let offset = usize::from(first) << 4 | usize::from(second >> 4);
            if offset == at {
                break 'packed;
            }
            for step in 0..usize::from(second & 0xf) + 2 {
                let byte = window[(offset + step) % WINDOW];
                put(byte, &mut window, &mut at);
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::unpack;

    #[test]
    fn rtf_is_unpacked() {
        // The example of MS-OXRTFCP, 3.2.1.
        let packed = b"\x2d\0\0\0\x2b\0\0\0LZFu\xf1\xc5\xc7\xa7\x03\0\x0a\0rcpg125\x42\x32\x0a\xf3 hel\x09\0\x20bw\x05\xb0ld}\x0a\x80\x0f\xa0";
        assert_eq!(
            unpack(packed),
            b"{\\rtf1\\ansi\\ansicpg1252\\pard hello world}\r\n"
        );
        for length in 0..packed.len() {
            unpack(&packed[..length]);
        }
    }
}
