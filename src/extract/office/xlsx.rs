//! Workbooks (SpreadsheetML): a page for each sheet, a line for each row, numbers as they are shown.

use std::collections::HashSet;
use std::io::{Read, Seek};

use super::{Relation, attached, attribute, drawing, links, local, relations, skip};
use crate::extract::cells::{self, Shown};
use crate::extract::entity;
use crate::extract::markup::{Language, Token, Tokens};
use crate::extract::package::Package;
use crate::extract::sink::Sink;

/// What belongs to a sheet and has text.
const OF_SHEET: [&str; 2] = ["comments", "threadedComment"];

/// What cells refer to.
struct Book {
    /// All strings that cells share, one after the other, and where each ends.
    strings: String,
    ends: Vec<usize>,
    styles: Vec<Shown>,
    from_1904: bool,
}

pub fn read<R: Read + Seek>(
    package: &mut Package<R>,
    main: &str,
    workbook: &str,
    out: &mut Sink<'_>,
) {
    let relations_of_all = relations(package, main);
    let part = |package: &mut Package<R>, kind: &str| {
        let found = relations_of_all.iter().find(|relation| relation.is(kind));
        found.and_then(|relation| package.part(&relation.target))
    };
    let (strings, ends) = strings(&part(package, "sharedStrings").unwrap_or_default());
    let styles = styles(&part(package, "styles").unwrap_or_default());
    let (sheets, from_1904) = sheets(workbook);
    let book = Book {
        strings,
        ends,
        styles,
        from_1904,
    };
    out.details.pages = u32::try_from(sheets.len()).ok();
    out.tell();
    for (name, id) in sheets {
        if out.is_full() {
            break;
        }
        out.paragraph(&name);
        let sheet = relations_of_all.iter().find(|relation| relation.id == id);
        if let Some(relation) = sheet {
            read_sheet(package, relation, &book, out);
        }
        out.end_page();
    }
}

/// Names of the sheets and what they are referred to by, and which day is day 0.
fn sheets(workbook: &str) -> (Vec<(String, String)>, bool) {
    let (mut sheets, mut from_1904) = (Vec::new(), false);
    for token in Tokens::new(workbook, Language::Xml) {
        let Token::Start {
            name, attributes, ..
        } = token
        else {
            continue;
        };
        match local(name) {
            "workbookPr" => {
                from_1904 = matches!(attributes.value("date1904"), Some("1" | "true"));
            }
            "sheet" => sheets.push((
                entity::decode(attributes.value("name").unwrap_or_default()).into_owned(),
                attribute(attributes, "id").unwrap_or_default().to_owned(),
            )),
            _ => {}
        }
    }
    (sheets, from_1904)
}

fn strings(document: &str) -> (String, Vec<usize>) {
    let (mut strings, mut ends) = (String::new(), Vec::new());
    let mut tokens = Tokens::new(document, Language::Xml);
    let mut in_text = false;
    while let Some(token) = tokens.next() {
        match token {
            Token::Start { name, empty, .. } => match local(name) {
                "t" => in_text = !empty,
                "si" if empty => ends.push(strings.len()),
                // How it is pronounced.
                "rPh" if !empty => skip(&mut tokens, name),
                _ => {}
            },
            Token::End { name } => {
                in_text = false;
                if local(name) == "si" {
                    ends.push(strings.len());
                }
            }
            Token::Text(text) if in_text => strings.push_str(&entity::decode(text)),
            _ => {}
        }
    }
    (strings, ends)
}

/// How each style shows numbers.
fn styles(document: &str) -> Vec<Shown> {
    let mut codes: Vec<(u32, Shown)> = Vec::new();
    let mut styles = Vec::new();
    let mut in_cells = false;
    for token in Tokens::new(document, Language::Xml) {
        match token {
            Token::Start {
                name, attributes, ..
            } => match local(name) {
                "numFmt" => {
                    let number = attributes.value("numFmtId").and_then(|id| id.parse().ok());
                    let code = attributes.value("formatCode").unwrap_or_default();
                    if let Some(number) = number {
                        codes.push((number, Shown::from_code(&entity::decode(code))));
                    }
                }
                "cellXfs" => in_cells = true,
                "xf" if in_cells => {
                    let number = attributes.value("numFmtId").and_then(|id| id.parse().ok());
                    let own = codes.iter().find(|(own, _)| Some(*own) == number);
                    styles.push(match own {
                        Some((_, shown)) => shown.clone(),
                        None => cells::built_in(number.unwrap_or(0)),
                    });
                }
                _ => {}
            },
            Token::End { name } if local(name) == "cellXfs" => in_cells = false,
            _ => {}
        }
    }
    styles
}

fn read_sheet<R: Read + Seek>(
    package: &mut Package<R>,
    sheet: &Relation,
    book: &Book,
    out: &mut Sink<'_>,
) {
    if let Some(document) = package.part(&sheet.target) {
        book.cells(&document, out);
    }
    let relations = relations(package, &sheet.target);
    for kind in OF_SHEET {
        for relation in relations.iter().filter(|relation| relation.is(kind)) {
            if out.is_full() {
                continue;
            }
            if let Some(part) = package.part(&relation.target) {
                out.line();
                drawing(&part, out);
            }
        }
    }
    attached(package, &sheet.target, &mut HashSet::new(), out);
    for link in links(package, &sheet.target) {
        out.paragraph(&link);
    }
}

/// The text of a sheet's header or footer, without its codes (18.3.1.39): sections, fonts, fields.
fn header(code: &str) -> String {
    let mut text = String::new();
    let mut chars = code.chars().peekable();
    while let Some(character) = chars.next() {
        if character != '&' {
            text.push(character);
            continue;
        }
        match chars.next() {
            Some('&') => text.push('&'),
            Some('"') => {
                chars.by_ref().find(|c| *c == '"');
            }
            Some('L' | 'C' | 'R' | 'P' | 'N' | 'D' | 'T' | 'F' | 'A' | 'Z') => text.push(' '),
            Some('K') => {
                for _ in 0..6 {
                    chars.next_if(char::is_ascii_hexdigit);
                }
            }
            Some('0'..='9') => while chars.next_if(char::is_ascii_digit).is_some() {},
            _ => {}
        }
    }
    text
}

/// The cell that is being read.
#[derive(Default)]
struct Cell<'a> {
    kind: &'a str,
    style: usize,
    /// What of it is text: its value, or a string of its own.
    reads: bool,
}

impl Book {
    fn cells(&self, sheet: &str, out: &mut Sink<'_>) {
        let mut tokens = Tokens::new(sheet, Language::Xml);
        let mut cell = Cell::default();
        while let Some(token) = tokens.next().filter(|_| !out.is_full()) {
            match token {
                Token::Start {
                    name,
                    attributes,
                    empty,
                } => match local(name) {
                    "row" => out.line(),
                    "c" => {
                        out.cell();
                        let style = attributes.value("s").and_then(|style| style.parse().ok());
                        cell = Cell {
                            kind: attributes.value("t").unwrap_or("n"),
                            style: style.unwrap_or(0),
                            reads: false,
                        };
                    }
                    "v" | "t" => cell.reads = !empty,
                    "f" | "rPh" if !empty => skip(&mut tokens, name),
                    "oddHeader" | "evenHeader" | "firstHeader" | "oddFooter" | "evenFooter"
                    | "firstFooter"
                        if !empty =>
                    {
                        let code = tokens.raw_text(name);
                        out.paragraph(&header(&entity::decode(code)));
                    }
                    _ => {}
                },
                Token::End { .. } => cell.reads = false,
                Token::Text(text) if cell.reads => self.value(&cell, &entity::decode(text), out),
                _ => {}
            }
        }
    }

    fn value(&self, cell: &Cell<'_>, text: &str, out: &mut Sink<'_>) {
        match cell.kind {
            "s" => out.text(text.trim().parse().map_or("", |number| self.string(number))),
            "b" => out.text(if text.trim() == "1" { "TRUE" } else { "FALSE" }),
            "n" => match (text.trim().parse(), self.styles.get(cell.style)) {
                (Ok(number), Some(shown)) => out.text(&shown.text(number, self.from_1904)),
                (Ok(number), None) => out.text(&Shown::General.text(number, self.from_1904)),
                (Err(_), _) => out.text(text),
            },
            _ => out.text(text),
        }
    }

    fn string(&self, number: usize) -> &str {
        let start = match number {
            0 => Some(&0),
            _ => self.ends.get(number - 1),
        };
        match (start, self.ends.get(number)) {
            (Some(start), Some(end)) => &self.strings[*start..*end],
            _ => "",
        }
    }
}
