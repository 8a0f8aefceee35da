//! What a page draws, as far as it is text (ISO 32000-2, 7.8 and 9).
//!
//! Nothing is drawn: paths, colours, pictures and clipping are passed over. So a page is read in a
//! fraction of the time, and what a hostile one does with them is never done.

use hayro_interpret::hayro_syntax::content::TypedIter;
use hayro_interpret::hayro_syntax::content::ops::TypedInstruction as Op;
use hayro_interpret::hayro_syntax::object::dict::keys::{
    ACTUAL_TEXT, CONTENTS, FONT, FORM, IMAGE, MATRIX, OC, RESOURCES, SUBTYPE,
};
use hayro_interpret::hayro_syntax::object::{
    Array, Dict, MaybeRef, Name, Number, Object, Stream, String as PdfString, dict_or_stream,
};
use hayro_interpret::hayro_syntax::page::{Page, Resources};
use hayro_interpret::kurbo::{Affine, Point, Rect};

use super::face::{Face, Faces};
use super::layers::Layers;
use super::marks::Marks;
use super::page::{Letter, Page as Text};
use super::state::{Mode, State};

/// Forms draw forms.
const MOST_NESTING: usize = 50;
/// States that are kept; what saves more of them has them mixed up.
const MOST_SAVED: usize = 10_000;

/// What is read on a page.
pub struct Drawn {
    /// Its text, with that of the annotations that are drawn.
    pub text: String,
    /// How much of it pictures cover, from 0 to 1 and more.
    pub pictures: f64,
}

pub fn read<'a>(
    page: &Page<'a>,
    annotations: &[(Stream<'a>, Affine)],
    faces: &mut Faces<'a>,
    layers: &Layers,
) -> Drawn {
    let media = page.media_box();
    let mut content = Content {
        faces,
        layers,
        area: Rect::new(media.x0, media.y0, media.x1, media.y1),
        text: Text::default(),
        pictures: 0.0,
        state: State::default(),
        saved: Vec::new(),
        floor: 0,
        nesting: 0,
        marks: Marks::default(),
        inside: None,
    };
    let resources = page.resources();
    content.read(&decoded(page), resources, Affine::IDENTITY);
    for (form, place) in annotations {
        content.draw(form, resources, *place);
    }
    Drawn {
        pictures: content.pictures / content.area.area().max(1.0),
        text: content.text.into_text(),
    }
}

/// The content of a page, which the page itself would keep for as long as its document is open.
fn decoded(page: &Page<'_>) -> Vec<u8> {
    let decoded = |stream: Stream<'_>| Some(stream.decoded_data().ok()?.into_owned());
    if let Some(stream) = page.raw().get::<Stream<'_>>(CONTENTS) {
        return decoded(stream).unwrap_or_default();
    }
    let streams = page.raw().get::<Array<'_>>(CONTENTS).unwrap_or_default();
    let streams = streams.raw_iter().filter_map(|stream| match stream {
        MaybeRef::Ref(reference) => page.xref().get::<Stream<'_>>(reference.into()),
        MaybeRef::NotRef(object) => object.into_stream(),
    });
    // Each ends where a word does.
    streams.filter_map(decoded).collect::<Vec<_>>().join(&b' ')
}

/// Where a run of signs starts, and how many bytes it has.
type Place = (Affine, usize);

struct Content<'a, 'd> {
    faces: &'d mut Faces<'a>,
    layers: &'d Layers,
    /// Where something can be seen.
    area: Rect,
    text: Text,
    /// The area of all pictures, in units of the page.
    pictures: f64,
    state: State<'a>,
    saved: Vec<State<'a>>,
    /// How many of these the content at hand did not save, and must not restore.
    floor: usize,
    /// How many forms are being drawn, one in the other.
    nesting: usize,
    marks: Marks,
    /// The last run whose inside was drawn: the same one again is only its outline.
    inside: Option<Place>,
}

impl<'a> Content<'a, '_> {
    /// Reads a content that begins with a state of its own.
    fn read(&mut self, content: &[u8], resources: &Resources<'a>, place: Affine) {
        let (state, marks) = (self.state.clone(), self.marks.open());
        let floor = std::mem::replace(&mut self.floor, self.saved.len());
        self.state.to_page *= place;
        let mut operations = TypedIter::new(content);
        while let Some(operation) = operations.next() {
            self.perform(&operation, resources);
        }
        self.saved.truncate(self.floor);
        self.floor = floor;
        self.state = state;
        self.marks.close_all_but(marks);
    }

    fn perform(&mut self, operation: &Op<'_, '_>, resources: &Resources<'a>) {
        let state = &mut self.state;
        match operation {
            Op::SaveState(_) => self.save(),
            Op::RestoreState(_) => self.restore(),
            Op::Transform(m) => {
                state.to_page *= matrix([m.0, m.1, m.2, m.3, m.4, m.5]);
            }
            Op::SetGraphicsState(name) => self.set(resources, name.0),
            Op::InlineImage(_) => self.picture(),
            Op::XObject(name) => self.draw_named(resources, name.0),
            Op::BeginMarkedContent(_) => self.marks.begin(true, None),
            Op::BeginMarkedContentWithProperties(mark) => self.mark(resources, mark.1),
            Op::EndMarkedContent(_) => self.marks.end(),
            Op::BeginText(_) => state.begin_line(Affine::IDENTITY),
            Op::SetTextMatrix(m) => {
                state.begin_line(matrix([m.0, m.1, m.2, m.3, m.4, m.5]));
            }
            Op::TextFont(font) => {
                state.face = self.faces.named(resources, font.0);
                state.size = font.1.as_f64();
            }
            Op::TextRenderingMode(mode) => state.mode = Mode::numbered(mode.0.as_i64()),
            Op::CharacterSpacing(space) => state.behind_sign = space.0.as_f64(),
            Op::WordSpacing(space) => state.behind_space = space.0.as_f64(),
            Op::HorizontalScaling(percent) => state.stretch = percent.0.as_f64() / 100.0,
            Op::TextLeading(leading) => state.leading = leading.0.as_f64(),
            Op::TextRise(rise) => state.rise = rise.0.as_f64(),
            Op::NextLine(way) => state.next_line(way.0.as_f64(), way.1.as_f64()),
            Op::NextLineAndSetLeading(way) => {
                state.leading = -way.1.as_f64();
                state.next_line(way.0.as_f64(), way.1.as_f64());
            }
            Op::NextLineUsingLeading(_) => state.next_line(0.0, -state.leading),
            Op::ShowText(text) => self.show(|| one(text.0)),
            Op::NextLineAndShowText(text) => {
                state.next_line(0.0, -state.leading);
                self.show(|| one(text.0));
            }
            Op::ShowTextWithParameters(text) => {
                state.behind_space = text.0.as_f64();
                state.behind_sign = text.1.as_f64();
                state.next_line(0.0, -state.leading);
                self.show(|| one(text.2));
            }
            Op::ShowTexts(texts) => self.show(|| texts.0.iter::<Object<'_>>()),
            _ => {}
        }
    }

    fn save(&mut self) {
        if self.saved.len() < MOST_SAVED {
            self.saved.push(self.state.clone());
        }
    }

    fn restore(&mut self) {
        if self.saved.len() > self.floor
            && let Some(state) = self.saved.pop()
        {
            self.state = state;
        }
    }

    fn set(&mut self, resources: &Resources<'a>, name: &Name<'_>) {
        let set = resources.get_ext_g_state(name);
        let Some(font) = set.and_then(|set| set.get::<Array<'_>>(FONT)) else {
            return;
        };
        let mut font = font.iter::<Object<'_>>();
        if let (Some(Object::Dict(font)), Some(Object::Number(size))) = (font.next(), font.next()) {
            self.state.face = self.faces.of(&font);
            self.state.size = size.as_f64();
        }
    }

    fn draw_named(&mut self, resources: &Resources<'a>, name: &Name<'_>) {
        let Some(drawn) = resources.get_x_object(name) else {
            return;
        };
        match drawn.dict().get::<Name<'_>>(SUBTYPE).as_deref() {
            Some(FORM) => self.draw(&drawn, resources, Affine::IDENTITY),
            Some(IMAGE) => self.picture(),
            _ => {}
        }
    }

    /// A picture fills the unit square.
    fn picture(&mut self) {
        if self.marks.are_seen() {
            let place = self
                .state
                .to_page
                .transform_rect_bbox(Rect::new(0.0, 0.0, 1.0, 1.0));
            self.pictures += place.intersect(self.area).area().max(0.0);
        }
    }

    /// Draws a form, which may have resources of its own.
    fn draw(&mut self, form: &Stream<'a>, resources: &Resources<'a>, place: Affine) {
        let (dict, marks) = (form.dict(), self.marks.open());
        if let Some(layer) = dict.get::<Dict<'_>>(OC) {
            let id = dict.get_ref(OC).map(Into::into);
            self.marks.begin(self.layers.shows(id, &layer), None);
        }
        if self.marks.are_seen()
            && self.nesting < MOST_NESTING
            && let Ok(content) = form.decoded_data()
        {
            let own = dict.get::<Dict<'_>>(RESOURCES).map(Resources::new);
            let matrix = dict.get::<[f64; 6]>(MATRIX).map(Affine::new);
            let place = place * matrix.unwrap_or_default();
            self.nesting += 1;
            self.read(&content, own.as_ref().unwrap_or(resources), place);
            self.nesting -= 1;
        }
        self.marks.close_all_but(marks);
    }

    /// Begins marked content, with properties that stand there or have a name.
    fn mark(&mut self, resources: &Resources<'a>, properties: &Object<'_>) {
        let name = properties.clone().into_name();
        let (said, layer) = match &name {
            Some(name) => {
                let said = resources.properties.get::<Dict<'_>>(name);
                let id = resources.properties.get_ref(name);
                (said.clone(), id.map(|id| (id, said)))
            }
            None => {
                let said = dict_or_stream(properties).map(|(said, _)| said.clone());
                let id = said.as_ref().and_then(|said| said.get_ref(OC));
                let layer = said.as_ref().and_then(|said| said.get::<Dict<'_>>(OC));
                (said, id.map(|id| (id, layer)))
            }
        };
        let is_seen = layer.is_none_or(|(id, layer)| {
            self.layers
                .shows(Some(id.into()), &layer.unwrap_or_default())
        });
        let said = said.and_then(|said| said.get::<PdfString<'_>>(ACTUAL_TEXT));
        self.marks.begin(is_seen, said.as_deref());
    }

    /// Writes texts, with ways back between them.
    fn show<'o, I: Iterator<Item = Object<'o>>>(&mut self, parts: impl Fn() -> I) {
        let face = self.state.face.clone();
        let Some(face) = face.or_else(|| self.faces.stand_in()) else {
            return;
        };
        self.state.face = Some(face.clone());
        let length = |part: &Object<'_>| match part {
            Object::String(text) => text.len(),
            _ => 0,
        };
        let place = self.state.place();
        let is_outline_of = |(inside, bytes): Place| {
            let all: usize = parts().map(|part| length(&part)).sum();
            inside == place && bytes == all
        };
        let is_known = self.state.mode == Mode::Outline && self.inside.is_some_and(is_outline_of);
        let mut bytes = 0;
        for part in parts() {
            bytes += length(&part);
            match part {
                Object::Number(thousandths) => self.state.go_back(thousandths.as_f64()),
                Object::String(text) => self.write(&face, &text, !is_known),
                _ => {}
            }
        }
        if !is_known && bytes > 0 {
            let is_inside = self.state.mode == Mode::Inside;
            self.inside = is_inside.then_some((place, bytes));
        }
    }

    fn write(&mut self, face: &Face<'_>, text: &[u8], is_new: bool) {
        let is_readable = !face.is_stand_in || text.is_ascii();
        let is_read = is_new && is_readable && self.marks.are_seen();
        let mut signs = face.signs.borrow_mut();
        let mut writing = self.state.writing();
        let mut at = 0;
        while at < text.len() {
            let (code, length) = face.font.read_code(text, at);
            let sign = signs.get(&face.font, code);
            if is_read {
                self.hear(&sign.text, writing.letter(sign));
            }
            writing.go_on(sign, &self.state, code == u32::from(b' ') && length == 1);
            at += length.max(1);
        }
        self.state.pen *= Affine::translate(writing.way);
    }

    fn hear(&mut self, sign: &str, letter: Letter) {
        if self.holds(letter.start) || self.holds(letter.end) {
            self.text.add(&self.marks.heard(sign), letter);
        }
    }

    /// Points on the edge of the page are in it.
    fn holds(&self, point: Point) -> bool {
        let Rect { x0, y0, x1, y1 } = self.area;
        (x0..=x1).contains(&point.x) && (y0..=y1).contains(&point.y)
    }
}

fn one<'o>(text: &PdfString<'o>) -> impl Iterator<Item = Object<'o>> + use<'o> {
    std::iter::once(Object::String(text.clone()))
}

fn matrix(numbers: [Number; 6]) -> Affine {
    Affine::new(numbers.map(|number| number.as_f64()))
}
