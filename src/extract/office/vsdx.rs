//! Drawings of Visio (MS-VSDX): the texts of their shapes, page by page.

use std::io::{Read, Seek};

use super::{links, local};
use crate::extract::entity;
use crate::extract::markup::{Language, Token, Tokens};
use crate::extract::package::Package;
use crate::extract::sink::Sink;

pub fn read<R: Read + Seek>(package: &mut Package<R>, out: &mut Sink<'_>) {
    let pages = package.names_in("visio/pages/page");
    let pages: Vec<String> = pages
        .into_iter()
        .filter(|name| name != "visio/pages/pages.xml")
        .collect();
    out.details.pages = u32::try_from(pages.len()).ok();
    out.tell();
    for page in pages {
        if out.is_full() {
            break;
        }
        text(&package.part(&page).unwrap_or_default(), out);
        for link in links(package, &page) {
            out.paragraph(&link);
        }
        out.end_page();
    }
}

fn text(page: &str, out: &mut Sink<'_>) {
    let mut in_text = false;
    for token in Tokens::new(page, Language::Xml) {
        match token {
            Token::Start { name, empty, .. } if local(name) == "Text" => in_text = !empty,
            Token::End { name } if local(name) == "Text" => {
                in_text = false;
                out.line();
            }
            Token::Text(text) if in_text => out.text(&entity::decode(text)),
            _ => {}
        }
    }
}
