//! Documents of Word 6 to 2003 (MS-DOC): the text lies in pieces, which a table puts in order.

use std::io::{Read, Seek};

use encoding_rs::{Encoding, MACINTOSH};

use super::{Storage, size_at, slice, summary, u16_at, u32_at, wide};
use crate::extract::sink::{Sink, Unreadable};

/// The first version whose text may be Unicode (Word 97).
const WORD_97: u16 = 0xc1;

/// Where it says on what a document was written; before Word 97, a Macintosh wrote its own letters.
const ENVIRONMENT: usize = 0x12;
const MACINTOSH_MADE: u8 = 1;

const COMPLEX: u16 = 0x0004;
const ENCRYPTED: u16 = 0x0100;
const SECOND_TABLE: u16 = 0x0200;
/// Word 95 wrote two bytes for each character where 8 bits were too few.
const EXTENDED_CHARACTERS: u16 = 0x1000;
/// Where it says how many characters the text, its notes and all other parts of it have.
const LENGTHS: usize = 0x34;
const PARTS: usize = 8;

/// How the pieces of a text are written.
#[derive(Clone, Copy, PartialEq)]
enum Units {
    /// Each says whether it is compressed.
    Declared,
    Narrow,
    Wide,
}

pub fn read<R: Read + Seek>(
    document: &[u8],
    page: Option<u16>,
    storage: &mut Storage<R>,
    out: &mut Sink<'_>,
) -> Result<(), Unreadable> {
    let incomplete = || Unreadable::Broken("it is damaged or not complete".into());
    let version = u16_at(document, 2).ok_or_else(incomplete)?;
    let flags = u16_at(document, 10).ok_or_else(incomplete)?;
    if flags & ENCRYPTED != 0 {
        return Err(Unreadable::Encrypted);
    }
    out.tell();
    let encoding = encoding_in(document, version, page);
    let mut writer = Writer::default();
    if version >= WORD_97 {
        let table = match flags & SECOND_TABLE != 0 {
            true => "/1Table",
            false => "/0Table",
        };
        let table = storage.stream(table).unwrap_or_default();
        let pieces = slice(
            &table,
            size_at(document, 0x1a2).ok_or_else(incomplete)?,
            size_at(document, 0x1a6).unwrap_or(0),
        );
        writer.pieces(document, pieces, Units::Declared, encoding, out);
    } else {
        let start = size_at(document, 0x18).ok_or_else(incomplete)?;
        let end = size_at(document, 0x1c).ok_or_else(incomplete)?;
        let units = units(document, flags, start, end);
        if flags & COMPLEX != 0 {
            let at = size_at(document, 0x160).ok_or_else(incomplete)?;
            let pieces = slice(document, at, size_at(document, 0x164).unwrap_or(0));
            writer.pieces(document, pieces, units, encoding, out);
        } else if units == Units::Wide {
            // Some count its end in characters.
            let characters = (0..PARTS).filter_map(|part| size_at(document, LENGTHS + 4 * part));
            let characters = characters.fold(0, usize::saturating_add);
            let length = end.saturating_sub(start);
            let length = length.max(characters.saturating_mul(2));
            writer.write(&wide(slice(document, start, length)), out);
        } else {
            let text = slice(document, start, end.saturating_sub(start));
            writer.write(&encoding.decode_without_bom_handling(text).0, out);
        }
    }
    Ok(())
}

/// How the text is written before Word 97. In two bytes its line ends have zeros.
fn units(document: &[u8], flags: u16, start: usize, end: usize) -> Units {
    let text = slice(document, start, end.saturating_sub(start));
    let is_wide = flags & EXTENDED_CHARACTERS != 0 && memchr::memchr(0, text).is_some();
    match is_wide {
        true => Units::Wide,
        false => Units::Narrow,
    }
}

fn encoding_in(document: &[u8], version: u16, page: Option<u16>) -> &'static Encoding {
    match version < WORD_97 && document.get(ENVIRONMENT) == Some(&MACINTOSH_MADE) {
        true => MACINTOSH,
        false => summary::encoding_of(u16_at(document, 6).unwrap_or(0), page),
    }
}

/// A field that is open: what it is made from is not shown, what came out of it is.
#[derive(Clone, Copy, PartialEq)]
enum Field {
    Instruction,
    Result,
}

#[derive(Default)]
struct Writer {
    fields: Vec<Field>,
}

impl Writer {
    /// Reads the pieces that a table (MS-DOC 2.9.38, `Clx`) lists.
    fn pieces(
        &mut self,
        document: &[u8],
        mut table: &[u8],
        units: Units,
        encoding: &'static Encoding,
        out: &mut Sink<'_>,
    ) {
        // Formatting comes before the pieces.
        while let [1, rest @ ..] = table {
            let length = u16_at(rest, 0).map_or(rest.len(), usize::from);
            table = slice(rest, 2 + length, usize::MAX);
        }
        let Some([2, length @ ..]) = table.get(..5) else {
            return;
        };
        let length = u32_at(length, 0).unwrap_or(0) as usize;
        let list = slice(table, 5, length);
        let count = list.len().saturating_sub(4) / 12;
        for number in 0..count {
            let (Some(start), Some(end)) =
                (size_at(list, 4 * number), size_at(list, 4 * number + 4))
            else {
                return;
            };
            let Some(place) = u32_at(list, 4 * (count + 1) + 8 * number + 2) else {
                return;
            };
            let characters = end.saturating_sub(start);
            let (at, is_wide) = match units {
                Units::Declared if place & 0x4000_0000 != 0 => {
                    ((place & 0x3fff_ffff) as usize / 2, false)
                }
                Units::Declared | Units::Wide => (place as usize, true),
                Units::Narrow => (place as usize, false),
            };
            let text = match is_wide {
                true => wide(slice(document, at, characters.saturating_mul(2))),
                false => {
                    let bytes = slice(document, at, characters);
                    encoding.decode_without_bom_handling(bytes).0.into_owned()
                }
            };
            self.write(&text, out);
            if out.is_full() {
                return;
            }
        }
    }

    fn write(&mut self, text: &str, out: &mut Sink<'_>) {
        let mut rest = text;
        while let Some(at) = rest.find(|c: char| c < ' ') {
            self.shown(&rest[..at], out);
            let mut chars = rest[at..].chars();
            match chars.next() {
                Some('\u{13}') => self.fields.push(Field::Instruction),
                Some('\u{14}') => {
                    if let Some(field) = self.fields.last_mut() {
                        *field = Field::Result;
                    }
                }
                Some('\u{15}') => {
                    self.fields.pop();
                }
                Some('\u{1e}') => self.shown("-", out),
                Some('\t' | '\u{7}') => out.cell(),
                Some('\r' | '\n' | '\u{b}' | '\u{c}' | '\u{e}') => out.line(),
                _ => {}
            }
            rest = chars.as_str();
        }
        self.shown(rest, out);
    }

    fn shown(&self, text: &str, out: &mut Sink<'_>) {
        if !self.fields.contains(&Field::Instruction) {
            out.text(text);
        }
    }
}

#[cfg(test)]
mod tests {
    use encoding_rs::WINDOWS_1252;

    use super::*;

    #[test]
    fn before_word_97_a_macintosh_wrote_its_own_letters() {
        let mut document = [0; 32];
        assert_eq!(encoding_in(&document, 0x65, None), WINDOWS_1252);
        document[ENVIRONMENT] = MACINTOSH_MADE;
        assert_eq!(encoding_in(&document, 0x65, None), MACINTOSH);
        assert_eq!(encoding_in(&document, WORD_97, None), WINDOWS_1252);
    }
}
