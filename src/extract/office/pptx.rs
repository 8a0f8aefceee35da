//! Presentations (PresentationML): a page for each slide, its notes at its end.

use std::io::{Read, Seek};

use super::{attribute, drawing, local, relations};
use crate::extract::markup::{Language, Token, Tokens};
use crate::extract::package::Package;
use crate::extract::sink::Sink;

/// What belongs to a slide and has text.
const OF_SLIDE: [&str; 4] = ["diagramData", "chart", "notesSlide", "comments"];

pub fn read<R: Read + Seek>(
    package: &mut Package<R>,
    main: &str,
    presentation: &str,
    out: &mut Sink<'_>,
) {
    let relations_of_all = relations(package, main);
    // Slides in the order in which they are shown.
    let slides: Vec<&str> = Tokens::new(presentation, Language::Xml)
        .filter_map(|token| match token {
            Token::Start {
                name, attributes, ..
            } if local(name) == "sldId" => {
                // The element also has an `id` of its own.
                let mut all = attributes;
                let id = all.find(|(name, _)| name.ends_with(":id"));
                let id = id
                    .map(|(_, id)| id)
                    .or_else(|| attribute(attributes, "id"))?;
                let relation = relations_of_all.iter().find(|relation| relation.id == id)?;
                Some(relation.target.as_str())
            }
            _ => None,
        })
        .collect();
    out.details.pages = u32::try_from(slides.len()).ok();
    out.tell();
    for slide in slides {
        if out.is_full() {
            break;
        }
        if let Some(document) = package.part(slide) {
            out.line();
            drawing(&document, out);
        }
        let relations = relations(package, slide);
        let parts = OF_SLIDE
            .iter()
            .flat_map(|kind| relations.iter().filter(|relation| relation.is(kind)));
        for relation in parts {
            if let Some(part) = package.part(&relation.target) {
                out.line();
                drawing(&part, out);
            }
        }
        out.end_page();
    }
}
