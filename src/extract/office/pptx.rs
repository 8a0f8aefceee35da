//! Presentations (PresentationML): a page for each slide, with what is shown on it, and its notes
//! at its end.

use std::collections::HashSet;
use std::io::{Read, Seek};

use super::{Relation, attached, attribute, drawing, links, local, relations, shapes};
use crate::extract::markup::{Language, Token, Tokens};
use crate::extract::package::Package;
use crate::extract::sink::Sink;

/// What belongs to a slide and has text.
const OF_SLIDE: [&str; 2] = ["notesSlide", "comments"];

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
    let mut shown = HashSet::new();
    for slide in slides {
        if out.is_full() {
            break;
        }
        if let Some(document) = package.part(slide) {
            out.line();
            drawing(&document, out);
        }
        let relations = relations(package, slide);
        background(package, &relations, &mut shown, out);
        attached(package, slide, &mut shown, out);
        let parts = OF_SLIDE
            .iter()
            .flat_map(|kind| relations.iter().filter(|relation| relation.is(kind)));
        for relation in parts {
            if let Some(part) = package.part(&relation.target) {
                out.line();
                drawing(&part, out);
            }
        }
        for link in links(package, slide) {
            out.paragraph(&link);
        }
        out.end_page();
    }
}

/// What a slide shows that stands on its layout and its master. All slides of a kind show it; it
/// is found on the first.
fn background<R: Read + Seek>(
    package: &mut Package<R>,
    of_slide: &[Relation],
    shown: &mut HashSet<String>,
    out: &mut Sink<'_>,
) {
    let Some(layout) = of_slide.iter().find(|relation| relation.is("slideLayout")) else {
        return;
    };
    if !shown.insert(layout.target.clone()) {
        return;
    }
    let of_layout = relations(package, &layout.target);
    let master = of_layout.iter().find(|relation| relation.is("slideMaster"));
    let master = master.filter(|master| shown.insert(master.target.clone()));
    for relation in master.into_iter().chain([layout]) {
        if let Some(part) = package.part(&relation.target) {
            out.line();
            shapes(&part, false, out);
        }
    }
}
