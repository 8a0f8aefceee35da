//! Word processing documents (WordprocessingML), also as one XML file: the flat package, and what
//! Word 2003 wrote.

use std::collections::HashSet;
use std::io::{Read, Seek};

use super::{attached, attribute, descriptions, links, local, relations, skip};
use crate::extract::asides::Asides;
use crate::extract::entity;
use crate::extract::field::Field;
use crate::extract::markup::{Attributes, Language, Token, Tokens};
use crate::extract::package::Package;
use crate::extract::sink::Sink;

/// Parts beside the document that people read, in the order they are appended in.
const BESIDE: [&str; 6] = [
    "header",
    "footnotes",
    "endnotes",
    "comments",
    "footer",
    "glossaryDocument",
];

pub fn read<R: Read + Seek>(
    package: &mut Package<R>,
    main: &str,
    document: &str,
    out: &mut Sink<'_>,
) {
    out.tell();
    text(document, out);
    let relations = relations(package, main);
    let mut read = HashSet::new();
    attached(package, main, &mut read, out);
    let beside = BESIDE.iter();
    for relation in beside.flat_map(|kind| relations.iter().filter(|relation| relation.is(kind))) {
        if out.is_full() {
            break;
        }
        if let Some(part) = package.part(&relation.target) {
            out.line();
            text(&part, out);
            attached(package, &relation.target, &mut read, out);
        }
    }
    for part in [main]
        .into_iter()
        .chain(relations.iter().map(|part| part.target.as_str()))
    {
        for link in links(package, part) {
            out.paragraph(&link);
        }
    }
}

/// Appends the text of a document, or of a part beside it.
pub fn text(document: &str, out: &mut Sink<'_>) {
    let mut out = Asides::new(out);
    let mut tokens = Tokens::new(document, Language::Xml);
    let mut in_text = false;
    let mut in_instruction = false;
    // The field at hand refers to a note: its number belongs to no word.
    let mut in_reference = false;
    // Whether the annotations that are open are comments.
    let mut annotations = Vec::new();
    while let Some(token) = tokens.next().filter(|_| !out.is_full()) {
        match token {
            Token::Start {
                name,
                attributes,
                empty,
            } => match local(name) {
                "t" => in_text = !empty,
                "instrText" => in_instruction = !empty,
                "fldSimple" => {
                    let instruction = attribute(attributes, "instr").unwrap_or_default();
                    in_reference |= instruct(&entity::decode(instruction), &mut out) && !empty;
                }
                "fldChar"
                    if attribute(attributes, "fldCharType") == Some("end")
                        && std::mem::take(&mut in_reference) =>
                {
                    out.mark();
                }
                "tab" | "ptab" => out.cell(),
                "br" | "cr" => out.line(),
                "noBreakHyphen" => out.text("-"),
                "sym" => symbol(attributes, &mut out),
                "footnoteReference" | "endnoteReference" | "commentReference" => out.mark(),
                // Boxes of text, how words are pronounced, and notes that stand in the text.
                "txbxContent" | "rt" | "footnote" | "endnote" if !empty => out.begin(),
                // Of Word 2003, where insertions and bookmarks are annotations, too.
                "annotation" if !empty => {
                    let is_comment = attribute(attributes, "type") == Some("Word.Comment");
                    annotations.push(is_comment);
                    if is_comment {
                        out.begin();
                    }
                }
                "docPr" | "cNvPr" | "shape" | "imagedata" => {
                    for description in descriptions(attributes) {
                        out.add(&description);
                    }
                }
                // What is shown twice for readers that know less, and what was moved or replaced.
                "Fallback" | "moveFrom" if !empty => skip(&mut tokens, name),
                // A list of tab stops, not tabs.
                "pPr" | "rPr" | "sectPr" | "tblPr" | "tcPr" | "trPr" | "binData" if !empty => {
                    skip(&mut tokens, name);
                }
                _ => {}
            },
            Token::End { name } => {
                match local(name) {
                    "p" | "tr" => out.end_paragraph(),
                    "tc" => out.cell(),
                    "fldSimple" if std::mem::take(&mut in_reference) => out.mark(),
                    "txbxContent" | "rt" | "footnote" | "endnote" => out.end(),
                    "annotation" if annotations.pop() == Some(true) => out.end(),
                    _ => {}
                }
                (in_text, in_instruction) = (false, false);
            }
            Token::Text(text) if in_instruction => {
                in_reference |= instruct(&entity::decode(text), &mut out);
            }
            Token::Text(text) if in_text => out.text(&entity::decode(text)),
            Token::Literal(text) if in_text => out.text(text),
            _ => {}
        }
    }
    out.flush();
}

/// Follows the instruction of a field: the address of a link stands behind the paragraph. Answers
/// whether the field refers to a note.
fn instruct(instruction: &str, out: &mut Asides<'_, '_>) -> bool {
    match Field::from_instruction(instruction) {
        Field::Link(address) => out.add(address),
        Field::NoteReference => {
            out.mark();
            return true;
        }
        Field::Other => {}
    }
    false
}

/// A character of a symbol font: in the font Symbol a letter or a sign; of others, only those outside
/// of Unicode's private area say what they are.
fn symbol(attributes: Attributes<'_>, out: &mut Asides<'_, '_>) {
    let code = attribute(attributes, "char");
    let code = code.and_then(|code| u32::from_str_radix(code, 16).ok());
    let is_greek = attribute(attributes, "font").is_some_and(|font| font == "Symbol");
    let character = match code {
        Some(code @ (0x00..=0xff | 0xf000..=0xf0ff)) if is_greek => in_symbol(code as u8),
        Some(0xe000..0xf900) | None => None,
        Some(code) => char::from_u32(code),
    };
    if let Some(character) = character {
        out.text(character.encode_utf8(&mut [0; 4]));
    }
}

/// The letters of the font Symbol from A and from a on, and its signs that are in texts.
fn in_symbol(code: u8) -> Option<char> {
    const CAPITALS: &str = "ΑΒΧΔΕΦΓΗΙϑΚΛΜΝΟΠΘΡΣΤΥςΩΞΨΖ";
    const SMALL: &str = "αβχδεφγηιϕκλμνοπθρστυϖωξψζ";
    match code {
        b'A'..=b'Z' => CAPITALS.chars().nth(usize::from(code - b'A')),
        b'a'..=b'z' => SMALL.chars().nth(usize::from(code - b'a')),
        b'0'..=b'9' | b'%' | b'(' | b')' | b'+' | b',' | b'.' | b'/' | b':' | b';' | b'=' => {
            Some(char::from(code))
        }
        0xa3 => Some('≤'),
        0xa5 => Some('∞'),
        0xae => Some('→'),
        0xb0 => Some('°'),
        0xb1 => Some('±'),
        0xb3 => Some('≥'),
        0xb4 => Some('×'),
        0xb9 => Some('≠'),
        0xbb => Some('≈'),
        _ => None,
    }
}
