//! What stands on a page beside its content: notes, stamps, links, fields of forms (ISO 32000-2,
//! 12.5), and what those say that are not drawn.

use hayro_interpret::hayro_syntax::object::dict::keys::{
    A, ANNOTS, AP, AS, BBOX, CONTENTS, F, FS, MATRIX, N, PARENT, RECT, SUBTYPE, URI, V,
};
use hayro_interpret::hayro_syntax::object::{
    Array, Dict, Name, Object, Rect as PdfRect, Stream, String as PdfString,
};
use hayro_interpret::hayro_syntax::page::Page;
use hayro_interpret::kurbo::{Affine, Rect};

use super::letters;

const HIDDEN: u32 = 1 << 1;
const NOT_VIEWED: u32 = 1 << 5;
/// A field is a part of another, and that of another.
const MAX_NESTING: usize = 16;

/// The annotations of a page that can be seen.
#[derive(Default)]
pub struct Annotations<'a> {
    /// The forms that draw them, and where they are drawn.
    pub drawn: Vec<(Stream<'a>, Affine)>,
    /// What the others say: notes, values of fields, addresses of links.
    pub said: Vec<String>,
    /// The files that hang on the page.
    pub files: Vec<Dict<'a>>,
}

impl<'a> Annotations<'a> {
    pub fn of(page: &Page<'a>) -> Self {
        let mut found = Self::default();
        let annotations = page.raw().get::<Array<'_>>(ANNOTS).unwrap_or_default();
        // One that is damaged hides none of the others.
        for annotation in annotations
            .iter::<Object<'_>>()
            .filter_map(Object::into_dict)
        {
            if annotation.get::<u32>(F).unwrap_or(0) & (HIDDEN | NOT_VIEWED) == 0 {
                found.add(&annotation);
            }
        }
        found
    }

    fn add(&mut self, annotation: &Dict<'a>) {
        let drawn = drawn(annotation);
        let kind = annotation.get::<Name<'_>>(SUBTYPE);
        let said = match kind.as_deref() {
            Some(b"Link") => address(annotation),
            // What pops up is what another annotation says.
            Some(b"Popup") => None,
            Some(b"Widget") if drawn.is_none() => value(annotation),
            Some(b"Widget") => None,
            Some(b"FreeText") if drawn.is_some() => None,
            _ => text(annotation, CONTENTS),
        };
        self.said
            .extend(said.filter(|said| !self.said.contains(said)));
        self.drawn.extend(drawn);
        self.files.extend(annotation.get::<Dict<'_>>(FS));
    }
}

fn text(dict: &Dict<'_>, key: &[u8]) -> Option<String> {
    letters::text_string(&dict.get::<PdfString<'_>>(key)?)
}

/// Where a link leads outside of the document.
fn address(link: &Dict<'_>) -> Option<String> {
    text(&link.get::<Dict<'_>>(A)?, URI)
}

/// What was filled in or chosen.
fn value(field: &Dict<'_>) -> Option<String> {
    let mut field = field.clone();
    for _ in 0..MAX_NESTING {
        if let Some(value) = field.get::<Object<'_>>(V) {
            return match value {
                Object::String(text) => letters::text_string(&text),
                Object::Stream(text) => letters::text_string(&text.decoded_data().ok()?),
                Object::Array(chosen) => {
                    let chosen = chosen.iter::<PdfString<'_>>();
                    let chosen: Vec<_> = chosen
                        .filter_map(|one| letters::text_string(&one))
                        .collect();
                    Some(chosen.join(", "))
                }
                _ => None,
            };
        }
        field = field.get::<Dict<'_>>(PARENT)?;
    }
    None
}

fn drawn<'a>(annotation: &Dict<'a>) -> Option<(Stream<'a>, Affine)> {
    let form = appearance(annotation)?;
    let place = annotation.get::<PdfRect>(RECT)?;
    let matrix = form.dict().get::<[f64; 6]>(MATRIX).map(Affine::new);
    let [x0, y0, x1, y1] = form.dict().get::<[f64; 4]>(BBOX)?;
    let drawn = matrix
        .unwrap_or_default()
        .transform_rect_bbox(Rect::new(x0, y0, x1, y1));
    // What is drawn fills the rectangle (12.5.5).
    let (right, up) = (
        (place.x1 - place.x0) / drawn.width(),
        (place.y1 - place.y0) / drawn.height(),
    );
    let (x, y) = (place.x0 - right * drawn.x0, place.y0 - up * drawn.y0);
    Some((form, Affine::new([right, 0.0, 0.0, up, x, y])))
}

/// How it looks in its state, if it has several.
fn appearance<'a>(annotation: &Dict<'a>) -> Option<Stream<'a>> {
    match annotation.get::<Dict<'_>>(AP)?.get::<Object<'_>>(N)? {
        Object::Stream(form) => Some(form),
        Object::Dict(states) => {
            let state = annotation.get::<Name<'_>>(AS);
            let form = state.and_then(|state| states.get::<Stream<'_>>(state));
            form.or_else(|| states.get::<Stream<'_>>(b"Off"))
        }
        _ => None,
    }
}
