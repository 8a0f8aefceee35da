//! Binary workbooks (MS-XLSB): the same parts as those in XML, as records.

use std::collections::HashSet;
use std::io::{Read, Seek};

use super::{attached, links, relations};
use crate::extract::cells::{self, Shown};
use crate::extract::package::Package;
use crate::extract::sink::Sink;

/// Types of records (2.3.2).
const ROW: u32 = 0;
const RK: u32 = 2;
const BOOLEAN: u32 = 4;
const REAL: u32 = 5;
const TEXT: u32 = 6;
const SHARED_TEXT: u32 = 7;
const FORMULA_TEXT: u32 = 8;
const FORMULA_NUMBER: u32 = 9;
const FORMULA_BOOLEAN: u32 = 10;
const STRING_ITEM: u32 = 19;
const FORMAT: u32 = 44;
const STYLE: u32 = 47;
const RICH_TEXT: u32 = 62;
const BOOK_PROPERTIES: u32 = 153;
const SHEET: u32 = 156;
const BEGIN_CELL_STYLES: u32 = 617;
const END_CELL_STYLES: u32 = 618;

/// Bytes of a cell before its value: its column and its style.
const CELL: usize = 8;

/// The records of a part, as far as they go.
struct Records<'a>(&'a [u8]);

impl<'a> Iterator for Records<'a> {
    type Item = (u32, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let kind = self.number(2)?;
        let length = (self.number(4)? as usize).min(self.0.len());
        let (content, rest) = self.0.split_at(length);
        self.0 = rest;
        Some((kind, content))
    }
}

impl Records<'_> {
    /// A number of seven bits a byte, and at most so many bytes.
    fn number(&mut self, most: u32) -> Option<u32> {
        let mut number = 0;
        for place in 0..most {
            let (byte, rest) = self.0.split_first()?;
            self.0 = rest;
            number |= u32::from(byte & 0x7f) << (7 * place);
            if byte & 0x80 == 0 {
                break;
            }
        }
        Some(number)
    }
}

/// What cells refer to.
#[derive(Default)]
struct Book {
    strings: Vec<String>,
    styles: Vec<Shown>,
    from_1904: bool,
}

pub fn read<R: Read + Seek>(package: &mut Package<R>, main: &str, out: &mut Sink<'_>) {
    let relations = relations(package, main);
    let part = |package: &mut Package<R>, kind: &str| {
        let found = relations.iter().find(|relation| relation.is(kind));
        found
            .and_then(|relation| package.bytes(&relation.target))
            .unwrap_or_default()
    };
    let mut book = Book {
        strings: Records(&part(package, "sharedStrings"))
            .filter(|(kind, _)| *kind == STRING_ITEM)
            .map(|(_, item)| text(item, 1).map_or_else(String::new, |(text, _)| text))
            .collect(),
        styles: styles(&part(package, "styles")),
        from_1904: false,
    };
    let mut sheets = Vec::new();
    for (kind, content) in Records(&package.bytes(main).unwrap_or_default()) {
        match kind {
            BOOK_PROPERTIES => book.from_1904 = content.first().is_some_and(|flags| flags & 1 != 0),
            SHEET => {
                let id = text(content, 8);
                let name = id.as_ref().and_then(|(_, end)| text(content, *end));
                sheets.extend(id.zip(name).map(|((id, _), (name, _))| (id, name)));
            }
            _ => {}
        }
    }
    out.details.pages = u32::try_from(sheets.len()).ok();
    out.tell();
    for (id, name) in sheets {
        if out.is_full() {
            break;
        }
        out.paragraph(&name);
        if let Some(sheet) = relations.iter().find(|relation| relation.id == id) {
            book.cells(&package.bytes(&sheet.target).unwrap_or_default(), out);
            attached(package, &sheet.target, &mut HashSet::new(), out);
            for link in links(package, &sheet.target) {
                out.paragraph(&link);
            }
        }
        out.end_page();
    }
}

fn styles(part: &[u8]) -> Vec<Shown> {
    let (mut formats, mut styles, mut in_cells) = (Vec::new(), Vec::new(), false);
    for (kind, content) in Records(part) {
        match kind {
            FORMAT => {
                let code = text(content, 2).map(|(code, _)| Shown::from_code(&code));
                formats.extend(u16_at(content, 0).zip(code));
            }
            BEGIN_CELL_STYLES => in_cells = true,
            END_CELL_STYLES => in_cells = false,
            STYLE if in_cells => {
                let format = u16_at(content, 2).unwrap_or(0);
                let own = formats.iter().find(|(number, _)| *number == format);
                styles.push(
                    own.map_or_else(|| cells::built_in(format.into()), |(_, own)| own.clone()),
                );
            }
            _ => {}
        }
    }
    styles
}

impl Book {
    fn cells(&self, sheet: &[u8], out: &mut Sink<'_>) {
        for (kind, content) in Records(sheet) {
            if out.is_full() {
                return;
            }
            if kind == ROW {
                out.line();
                continue;
            }
            let number = match kind {
                RK => u32_at(content, CELL).map(rk),
                REAL | FORMULA_NUMBER => f64_at(content, CELL),
                _ => None,
            };
            let shown = match kind {
                RK | REAL | FORMULA_NUMBER => number.map(|number| self.number(content, number)),
                TEXT | FORMULA_TEXT => text(content, CELL).map(|(text, _)| text),
                RICH_TEXT => text(content, CELL + 1).map(|(text, _)| text),
                SHARED_TEXT => {
                    let string = u32_at(content, CELL).and_then(|at| self.strings.get(at as usize));
                    string.cloned()
                }
                BOOLEAN | FORMULA_BOOLEAN => {
                    let value = content
                        .get(CELL)
                        .map(|value| if *value != 0 { "TRUE" } else { "FALSE" });
                    value.map(str::to_owned)
                }
                _ => continue,
            };
            out.cell();
            out.text(&shown.unwrap_or_default());
        }
    }

    fn number(&self, cell: &[u8], number: f64) -> String {
        let style = u32_at(cell, 4).map_or(0, |style| style & 0xff_ffff);
        match self.styles.get(style as usize) {
            Some(shown) => shown.text(number, self.from_1904),
            None => Shown::General.text(number, self.from_1904),
        }
    }
}

/// A number in 30 bits (2.5.122).
fn rk(packed: u32) -> f64 {
    let number = match packed & 2 != 0 {
        true => f64::from(packed as i32 >> 2),
        false => f64::from_bits(u64::from(packed & !3) << 32),
    };
    if packed & 1 != 0 {
        number / 100.0
    } else {
        number
    }
}

/// A text behind its length, and where it ends (2.5.168).
fn text(bytes: &[u8], at: usize) -> Option<(String, usize)> {
    let length = match u32_at(bytes, at)? {
        u32::MAX => 0,
        length => (length as usize).checked_mul(2)?,
    };
    let start = at + 4;
    let end = start.checked_add(length)?.min(bytes.len());
    Some((crate::extract::ole::wide(bytes.get(start..end)?), end))
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..)?.first_chunk().copied()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..)?.first_chunk().copied()?))
}

fn f64_at(bytes: &[u8], at: usize) -> Option<f64> {
    Some(f64::from_le_bytes(bytes.get(at..)?.first_chunk().copied()?))
}
