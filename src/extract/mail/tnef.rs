//! What Outlook sends instead of a message's text and attachments: `winmail.dat` (MS-OXTNEF).

use super::super::flow::Flow;
use super::super::ole::{narrow, unpack_rtf, wide};
use super::super::sink::{Sink, Unreadable};
use super::super::{MAX_TEXT_BYTES, attachment, html, rtf};

/// Attributes by their number (2.1.3.2).
const SUBJECT: u32 = 0x0001_8004;
const BODY: u32 = 0x0002_800c;
const PROPERTIES: u32 = 0x0006_9003;
const CODE_PAGE: u32 = 0x0006_9007;
const NEW_ATTACHMENT: u32 = 0x0006_9002;
const ATTACHMENT_DATA: u32 = 0x0006_800f;
const ATTACHMENT_TITLE: u32 = 0x0001_8010;
const ATTACHMENT_PROPERTIES: u32 = 0x0006_9005;

/// Properties (MS-OXPROPS) by theirs.
const BODY_TEXT: u16 = 0x1000;
const BODY_RTF: u16 = 0x1009;
const BODY_HTML: u16 = 0x1013;
const LONG_NAME: u16 = 0x3707;

/// Bytes before the first attribute: the signature and a key.
const HEADER: usize = 6;
/// Properties of one list that are read.
const MAX_PROPERTIES: usize = 10_000;

#[derive(Default)]
struct Attachment<'a> {
    name: String,
    data: &'a [u8],
}

pub fn read(bytes: &[u8], out: &mut Sink<'_>) -> Result<(), Unreadable> {
    let mut rest = bytes
        .get(HEADER..)
        .ok_or_else(|| Unreadable::Broken("it is damaged or not complete".into()))?;
    let mut page = 1252;
    let (mut body, mut properties) = (&[][..], Vec::new());
    let mut attachments: Vec<Attachment<'_>> = Vec::new();
    while let Some((id, data, after)) = attribute(rest) {
        rest = after;
        match id {
            CODE_PAGE => {
                page = number(data, 0)
                    .and_then(|page| u16::try_from(page).ok())
                    .unwrap_or(page)
            }
            SUBJECT => out.details.title = Some(text(data, page)).filter(|title| !title.is_empty()),
            BODY => body = data,
            PROPERTIES => properties = list(data),
            NEW_ATTACHMENT => attachments.push(Attachment::default()),
            ATTACHMENT_TITLE | ATTACHMENT_DATA | ATTACHMENT_PROPERTIES => {
                if let Some(attachment) = attachments.last_mut() {
                    attachment.set(id, data, page);
                }
            }
            _ => {}
        }
    }
    out.tell();
    match body {
        [] => write_body(&properties, page, out),
        body => out.paragraph(&text(body, page)),
    }
    for attachment in attachments {
        if out.is_full() {
            break;
        }
        attachment::announce(&attachment.name, out);
        attachment::read(&attachment.name, attachment.data, out);
    }
    Ok(())
}

impl<'a> Attachment<'a> {
    fn set(&mut self, id: u32, data: &'a [u8], page: u16) {
        match id {
            ATTACHMENT_DATA => self.data = data,
            ATTACHMENT_TITLE if self.name.is_empty() => self.name = text(data, page),
            ATTACHMENT_PROPERTIES => {
                let names = list(data)
                    .into_iter()
                    .filter(|property| property.id == LONG_NAME);
                if let Some(name) = names.map(|name| name.text(page)).next_back() {
                    self.name = name;
                }
            }
            _ => {}
        }
    }
}

/// Appends the text in the form that tells most.
fn write_body(properties: &[Property<'_>], page: u16, out: &mut Sink<'_>) {
    let find = |id: u16| properties.iter().find(|property| property.id == id);
    if let Some(text) = find(BODY_TEXT) {
        out.paragraph(&text.text(page));
    } else if let Some(content) = find(BODY_HTML) {
        let mut flow = Flow::new(MAX_TEXT_BYTES);
        html::text(&content.text(page), &mut flow);
        out.paragraph(&flow.into_text());
    } else if let Some(packed) = find(BODY_RTF) {
        let _ = rtf::read(&unpack_rtf(packed.value), out);
    }
}

/// The attribute that `bytes` begins with: its number, its data, and what follows its sum.
fn attribute(bytes: &[u8]) -> Option<(u32, &[u8], &[u8])> {
    let (id, length) = (number(bytes, 1)?, number(bytes, 5)? as usize);
    let data = bytes.get(9..)?;
    let length = length.min(data.len());
    let (data, rest) = data.split_at(length);
    Some((id, data, rest.get(2..).unwrap_or_default()))
}

struct Property<'a> {
    kind: u16,
    id: u16,
    value: &'a [u8],
}

impl Property<'_> {
    fn text(&self, page: u16) -> String {
        match self.kind {
            0x1f => wide(self.value).trim_end_matches('\0').to_owned(),
            _ => text(self.value, page),
        }
    }
}

/// A list of properties (2.1.3.4), as far as it can be followed; those that have a name instead of a
/// number are left out.
fn list(bytes: &[u8]) -> Vec<Property<'_>> {
    let mut found = Vec::new();
    let count = number(bytes, 0).unwrap_or(0) as usize;
    let mut rest = bytes.get(4..).unwrap_or_default();
    for _ in 0..count.min(MAX_PROPERTIES) {
        let Some((property, after)) = property(rest) else {
            break;
        };
        rest = after;
        if property.id < 0x8000 {
            found.push(property);
        }
    }
    found
}

fn property(bytes: &[u8]) -> Option<(Property<'_>, &[u8])> {
    let [a, b, c, d, rest @ ..] = bytes else {
        return None;
    };
    let (kind, id) = (u16::from_le_bytes([*a, *b]), u16::from_le_bytes([*c, *d]));
    let mut rest = rest;
    if id >= 0x8000 {
        // A set, and a number or a name in it.
        let length = match number(rest, 16)? {
            0 => 4,
            _ => 4 + padded(number(rest, 20)? as usize),
        };
        rest = rest.get(20 + length..)?;
    }
    let (base, is_many) = (kind & 0x0fff, kind & 0x1000 != 0);
    let fixed = match base {
        0x02 | 0x03 | 0x04 | 0x0a | 0x0b => Some(4),
        0x05 | 0x06 | 0x07 | 0x14 | 0x40 => Some(8),
        0x48 => Some(16),
        0x0d | 0x1e | 0x1f | 0x102 => None,
        _ => return None,
    };
    let mut count = 1;
    if is_many || fixed.is_none() {
        count = number(rest, 0)? as usize;
        rest = rest.get(4..)?;
    }
    let mut value = &[][..];
    for index in 0..count {
        let (start, length) = match fixed {
            Some(length) => (0, length),
            None => (4, number(rest, 0)? as usize),
        };
        let one = rest.get(start..)?.get(..length)?;
        if index == 0 {
            value = one;
        }
        let end = start.checked_add(padded(length))?;
        rest = rest.get(end..).unwrap_or_default();
    }
    Some((
        Property {
            kind: base,
            id,
            value,
        },
        rest,
    ))
}

fn padded(length: usize) -> usize {
    length.saturating_add(3) & !3
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..)?.first_chunk().copied()?))
}

fn text(bytes: &[u8], page: u16) -> String {
    let end = memchr::memchr(0, bytes).unwrap_or(bytes.len());
    narrow(&bytes[..end], page)
}
