//! What stands on a page beside its content: notes, stamps, fields of forms (ISO 32000-2, 12.5).

use hayro_interpret::hayro_syntax::object::dict::keys::{ANNOTS, AP, AS, BBOX, F, MATRIX, N, RECT};
use hayro_interpret::hayro_syntax::object::{Array, Dict, Name, Object, Rect as PdfRect, Stream};
use hayro_interpret::hayro_syntax::page::Page;
use hayro_interpret::kurbo::{Affine, Rect};

const HIDDEN: u32 = 1 << 1;
const NOT_VIEWED: u32 = 1 << 5;

/// The forms that draw the annotations of a page, and where they are drawn.
pub fn shown<'a>(page: &Page<'a>) -> Vec<(Stream<'a>, Affine)> {
    let annotations = page.raw().get::<Array<'_>>(ANNOTS).unwrap_or_default();
    let annotations = annotations.iter::<Dict<'_>>();
    annotations
        .filter_map(|annotation| drawn(&annotation))
        .collect()
}

fn drawn<'a>(annotation: &Dict<'a>) -> Option<(Stream<'a>, Affine)> {
    if annotation.get::<u32>(F).unwrap_or(0) & (HIDDEN | NOT_VIEWED) != 0 {
        return None;
    }
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
