//! Documents of layout programs that are archives of parts: iWork and InDesign's markup (IDML).

use std::io::{Read, Seek};

use super::entity;
use super::markup::{Language, Token, Tokens};
use super::package::Package;
use super::pdf;
use super::sink::{Sink, Unreadable};

/// Pages, Numbers and Keynote keep their text in a way that this release does not read; some files have
/// a PDF beside it for those that only look.
pub fn iwork<R: Read + Seek>(reader: R, out: &mut Sink<'_>) -> Result<(), Unreadable> {
    let mut package = Package::open(reader)?;
    match package.bytes("QuickLook/Preview.pdf") {
        Some(preview) => pdf::read(preview, out),
        None => Err(Unreadable::Broken(
            "it is of a kind that this release does not know (iWork)".into(),
        )),
    }
}

/// The stories of a layout, one after the other.
pub fn idml<R: Read + Seek>(reader: R, out: &mut Sink<'_>) -> Result<(), Unreadable> {
    let mut package = Package::open(reader)?;
    out.tell();
    for story in package.names_in("stories/") {
        if out.is_full() {
            break;
        }
        story_text(&package.part(&story).unwrap_or_default(), out);
        out.line();
    }
    Ok(())
}

fn story_text(story: &str, out: &mut Sink<'_>) {
    let mut in_content = false;
    for token in Tokens::new(story, Language::Xml) {
        match token {
            Token::Start { name: "Br", .. } => out.line(),
            Token::Start { name, empty, .. } => in_content = name == "Content" && !empty,
            Token::End { name } => {
                in_content = false;
                if name == "ParagraphStyleRange" || name == "Cell" {
                    out.line();
                }
            }
            Token::Text(text) if in_content => out.text(&entity::decode(text)),
            Token::Literal(text) if in_content => out.text(text),
            _ => {}
        }
    }
}
