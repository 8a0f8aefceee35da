//! Workbooks of Excel 5 to 2003 (MS-XLS): a page for each sheet, a line for each row, numbers as
//! they are shown.

mod strings;

use std::io::{Read, Seek};

use encoding_rs::{Encoding, WINDOWS_1252};

use super::{Storage, size_at, slice, summary, u16_at, u32_at, u64_at};
use crate::extract::cells::{self, Shown};
use crate::extract::sink::{Sink, Unreadable};
use strings::Strings;

/// Types of records.
const FORMULA: u16 = 0x06;
const EOF: u16 = 0x0a;
const DATE_MODE: u16 = 0x22;
const FILE_PASS: u16 = 0x2f;
const CONTINUE: u16 = 0x3c;
const CODE_PAGE: u16 = 0x42;
const BOUND_SHEET: u16 = 0x85;
const MUL_RK: u16 = 0xbd;
const RICH_STRING: u16 = 0xd6;
const STYLE: u16 = 0xe0;
const SHARED_STRINGS: u16 = 0xfc;
const SHARED_LABEL: u16 = 0xfd;
const TEXT_OBJECT: u16 = 0x1b6;
const NUMBER: u16 = 0x203;
const LABEL: u16 = 0x204;
const BOOL_OR_ERROR: u16 = 0x205;
const STRING: u16 = 0x207;
const RK: u16 = 0x27e;
const FORMAT: u16 = 0x41e;
const BEGIN: u16 = 0x809;
const SERIES_TEXT: u16 = 0x100d;

/// The version whose strings are Unicode (Excel 97).
const BIFF8: u16 = 0x600;

/// The records from an offset on: type, content and where the next one starts.
struct Records<'a> {
    stream: &'a [u8],
    at: usize,
}

impl<'a> Iterator for Records<'a> {
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let kind = u16_at(self.stream, self.at)?;
        let length = usize::from(u16_at(self.stream, self.at + 2)?);
        let content = slice(self.stream, self.at + 4, length);
        self.at += 4 + length;
        Some((kind, content))
    }
}

/// What the cells of all sheets refer to.
struct Book {
    unicode: bool,
    encoding: &'static Encoding,
    from_1904: bool,
    strings: Strings,
    formats: Vec<(u16, Shown)>,
    /// The format's number, by style.
    styles: Vec<u16>,
    sheets: Vec<(String, usize)>,
}

pub fn read<R: Read + Seek>(
    stream: &[u8],
    storage: &mut Storage<R>,
    out: &mut Sink<'_>,
) -> Result<(), Unreadable> {
    let book = Book::read(stream)?;
    out.details.pages = u32::try_from(book.sheets.len()).ok();
    out.tell();
    for (number, (name, start)) in book.sheets.iter().enumerate() {
        if out.is_full() {
            break;
        }
        out.paragraph(name);
        book.sheet(Records { stream, at: *start }, out);
        // On which sheet each is shown is not known.
        if number + 1 == book.sheets.len() {
            super::objects(storage, out);
        }
        out.end_page();
    }
    Ok(())
}

impl Book {
    fn read(stream: &[u8]) -> Result<Self, Unreadable> {
        let mut records = Records { stream, at: 0 };
        let version = match records.next() {
            Some((BEGIN, content)) => u16_at(content, 0).unwrap_or(0),
            _ => return Err(Unreadable::Broken("it is damaged or not complete".into())),
        };
        let mut book = Self {
            unicode: version == BIFF8,
            encoding: WINDOWS_1252,
            from_1904: false,
            strings: Strings::default(),
            formats: Vec::new(),
            styles: Vec::new(),
            sheets: Vec::new(),
        };
        while let Some((kind, content)) = records.next() {
            match kind {
                EOF => break,
                FILE_PASS => return Err(Unreadable::Encrypted),
                CODE_PAGE => {
                    let page = u16_at(content, 0).unwrap_or(1252);
                    book.encoding = summary::code_page(page).unwrap_or(WINDOWS_1252);
                }
                DATE_MODE => book.from_1904 = u16_at(content, 0) == Some(1),
                FORMAT => {
                    let number = u16_at(content, 0).unwrap_or(0);
                    let code = match book.unicode {
                        true => book.long_string(slice(content, 2, usize::MAX)),
                        false => book.short_string(slice(content, 2, usize::MAX)),
                    };
                    book.formats.push((number, Shown::from_code(&code)));
                }
                STYLE => book.styles.push(u16_at(content, 2).unwrap_or(0)),
                BOUND_SHEET => {
                    let name = book.short_string(slice(content, 6, usize::MAX));
                    // Macros and scripts are no sheets.
                    if let (Some(start), Some(0 | 2)) = (size_at(content, 0), content.get(5)) {
                        book.sheets.push((name, start));
                    }
                }
                SHARED_STRINGS => {
                    let mut pieces = vec![content];
                    let mut ahead = Records {
                        stream,
                        at: records.at,
                    };
                    while let Some((CONTINUE, content)) = ahead.next() {
                        pieces.push(content);
                        records.at = ahead.at;
                    }
                    book.strings = Strings::read(&pieces);
                }
                _ => {}
            }
        }
        Ok(book)
    }

    fn sheet(&self, records: Records<'_>, out: &mut Sink<'_>) {
        let mut depth = 0usize;
        let mut row = None;
        let mut is_string_next = false;
        // Characters of a text that the next record goes on with.
        let mut missing = 0usize;
        let mut is_object = false;
        for (kind, content) in records {
            if out.is_full() {
                return;
            }
            if kind != CONTINUE {
                missing = 0;
            }
            match kind {
                BEGIN => depth += 1,
                EOF if depth <= 1 => return,
                EOF => depth -= 1,
                FORMULA | SHARED_LABEL | LABEL | RICH_STRING | NUMBER | RK | MUL_RK
                | BOOL_OR_ERROR => {
                    match row == u16_at(content, 0) {
                        true => out.cell(),
                        false => out.line(),
                    }
                    row = u16_at(content, 0);
                    is_string_next = self.cell(kind, content, out);
                }
                STRING if std::mem::take(&mut is_string_next) => {
                    let text = self.long_string(content);
                    let length = usize::from(u16_at(content, 0).unwrap_or(0));
                    missing = length.saturating_sub(text.encode_utf16().count());
                    is_object = false;
                    out.text(&text);
                }
                TEXT_OBJECT => {
                    out.line();
                    is_object = true;
                    missing = usize::from(u16_at(content, 10).unwrap_or(0));
                }
                // Behind the text stands how it looks, or a drawing.
                CONTINUE if missing > 0 => {
                    let flags = content.first().copied();
                    let text = self.characters(flags, slice(content, 1, usize::MAX), missing);
                    missing = missing.saturating_sub(text.encode_utf16().count());
                    out.text(&text);
                    if is_object && missing == 0 {
                        out.line();
                    }
                }
                SERIES_TEXT => {
                    out.line();
                    out.text(&self.short_string(slice(content, 2, usize::MAX)));
                    out.line();
                }
                _ => {}
            }
        }
    }

    /// Answers whether the cell's text is in the next record.
    fn cell(&self, kind: u16, content: &[u8], out: &mut Sink<'_>) -> bool {
        let style = u16_at(content, 4).unwrap_or(0);
        match kind {
            SHARED_LABEL => out.text(self.strings.get(size_at(content, 6).unwrap_or(usize::MAX))),
            LABEL | RICH_STRING => out.text(&self.long_string(slice(content, 6, usize::MAX))),
            NUMBER => self.number(style, u64_at(content, 6).map(f64::from_bits), out),
            RK => self.number(style, u32_at(content, 6).map(rk), out),
            MUL_RK => {
                let cells = slice(content, 4, content.len().saturating_sub(6));
                for cell in cells.chunks_exact(6) {
                    out.cell();
                    self.number(u16_at(cell, 0).unwrap_or(0), u32_at(cell, 2).map(rk), out);
                }
            }
            BOOL_OR_ERROR => truth(content.get(6), content.get(7) == Some(&1), out),
            FORMULA => match u64_at(content, 6) {
                Some(result) if result >> 48 == 0xffff => match content.get(6) {
                    Some(0) => return true,
                    Some(1) => truth(content.get(8), false, out),
                    Some(2) => truth(content.get(8), true, out),
                    _ => {}
                },
                result => self.number(style, result.map(f64::from_bits), out),
            },
            _ => {}
        }
        false
    }

    fn number(&self, style: u16, number: Option<f64>, out: &mut Sink<'_>) {
        let Some(number) = number else {
            return;
        };
        let format = self.styles.get(usize::from(style)).copied().unwrap_or(0);
        let own = self.formats.iter().find(|(own, _)| *own == format);
        let text = match own {
            Some((_, shown)) => shown.text(number, self.from_1904),
            None => cells::built_in(format.into()).text(number, self.from_1904),
        };
        out.text(&text);
    }

    /// A string behind its length in two bytes.
    fn long_string(&self, bytes: &[u8]) -> String {
        let length = usize::from(u16_at(bytes, 0).unwrap_or(0));
        self.string(slice(bytes, 2, usize::MAX), length)
    }

    /// A string behind its length in one byte.
    fn short_string(&self, bytes: &[u8]) -> String {
        let length = usize::from(bytes.first().copied().unwrap_or(0));
        self.string(slice(bytes, 1, usize::MAX), length)
    }

    fn string(&self, bytes: &[u8], length: usize) -> String {
        match self.unicode {
            false => self.characters(None, bytes, length),
            true => {
                let flags = bytes.first().copied().unwrap_or(0);
                let header = 1 + strings::header_length(flags);
                self.characters(Some(flags), slice(bytes, header, usize::MAX), length)
            }
        }
    }

    fn characters(&self, flags: Option<u8>, bytes: &[u8], length: usize) -> String {
        match flags {
            Some(flags) if self.unicode => {
                let width = strings::width(flags);
                strings::characters(slice(bytes, 0, length.saturating_mul(width)), width)
            }
            _ => {
                let bytes = slice(bytes, 0, length);
                self.encoding
                    .decode_without_bom_handling(bytes)
                    .0
                    .into_owned()
            }
        }
    }
}

/// A number in four bytes (MS-XLS 2.5.217).
fn rk(packed: u32) -> f64 {
    let number = match packed & 2 != 0 {
        true => f64::from((packed as i32) >> 2),
        false => f64::from_bits(u64::from(packed & !3) << 32),
    };
    match packed & 1 != 0 {
        true => number / 100.0,
        false => number,
    }
}

fn truth(value: Option<&u8>, is_error: bool, out: &mut Sink<'_>) {
    out.text(match (is_error, value) {
        (false, Some(0)) => "FALSE",
        (false, Some(_)) => "TRUE",
        (true, Some(0x00)) => "#NULL!",
        (true, Some(0x07)) => "#DIV/0!",
        (true, Some(0x0f)) => "#VALUE!",
        (true, Some(0x17)) => "#REF!",
        (true, Some(0x1d)) => "#NAME?",
        (true, Some(0x24)) => "#NUM!",
        (true, Some(0x2a)) => "#N/A",
        _ => "",
    });
}
