//! What a page has set before it writes: where the pen is, and with what it writes (ISO 32000-2,
//! 8.4 and 9.3).

use std::rc::Rc;

use hayro_interpret::kurbo::{Affine, Point, Vec2};

use super::face::{Face, Sign};
use super::page::Letter;

/// What of a sign is drawn.
#[derive(Clone, Copy, Default, PartialEq)]
pub enum Mode {
    #[default]
    Inside,
    Outline,
    Nothing,
}

impl Mode {
    pub fn numbered(number: i64) -> Self {
        match number {
            1 | 5 => Self::Outline,
            3 | 7 => Self::Nothing,
            _ => Self::Inside,
        }
    }
}

#[derive(Clone)]
pub struct State<'a> {
    /// From the units of what is drawn to those of the page.
    pub to_page: Affine,
    /// Where the pen is, and which way it writes.
    pub pen: Affine,
    /// Where the line began.
    pub line: Affine,
    pub face: Option<Rc<Face<'a>>>,
    pub size: f64,
    /// Of the width of everything that is written.
    pub stretch: f64,
    pub rise: f64,
    pub leading: f64,
    /// Added behind each sign, and behind each space.
    pub behind_sign: f64,
    pub behind_space: f64,
    pub mode: Mode,
}

impl Default for State<'_> {
    fn default() -> Self {
        Self {
            to_page: Affine::IDENTITY,
            pen: Affine::IDENTITY,
            line: Affine::IDENTITY,
            face: None,
            size: 1.0,
            stretch: 1.0,
            rise: 0.0,
            leading: 0.0,
            behind_sign: 0.0,
            behind_space: 0.0,
            mode: Mode::default(),
        }
    }
}

impl State<'_> {
    pub fn begin_line(&mut self, line: Affine) {
        self.line = line;
        self.pen = line;
    }

    pub fn next_line(&mut self, x: f64, y: f64) {
        self.begin_line(self.line * Affine::translate((x, y)));
    }

    fn is_horizontal(&self) -> bool {
        self.face
            .as_ref()
            .is_some_and(|face| face.font.is_horizontal())
    }

    /// Takes the pen back by thousandths of the size.
    pub fn go_back(&mut self, thousandths: f64) {
        let way = -thousandths / 1000.0 * self.size;
        let way = match self.is_horizontal() {
            true => Vec2::new(way * self.stretch, 0.0),
            false => Vec2::new(0.0, way),
        };
        self.pen *= Affine::translate(way);
    }

    /// From units of the font's size, at the pen, to those of the page.
    pub fn place(&self) -> Affine {
        let size = [
            self.size * self.stretch,
            0.0,
            0.0,
            self.size,
            0.0,
            self.rise,
        ];
        self.to_page * self.pen * Affine::new(size)
    }

    /// How signs are written from here on.
    pub fn writing(&self) -> Writing {
        let is_horizontal = self.is_horizontal();
        let [right, up] = directions(self.to_page * self.pen);
        let place = self.place();
        let [width, height] = directions(place);
        let along = if is_horizontal { width } else { -height };
        let em = self.face.as_ref().map_or(1.0, |face| face.em);
        Writing {
            is_horizontal,
            right,
            up,
            width,
            height,
            along: along / along.hypot(),
            em: height.hypot() * em,
            pen: place * Point::ZERO,
            way: Vec2::ZERO,
        }
    }
}

/// Where a unit to the right leads, and one upwards.
fn directions(matrix: Affine) -> [Vec2; 2] {
    let [a, b, c, d, ..] = matrix.as_coeffs();
    [Vec2::new(a, b), Vec2::new(c, d)]
}

/// Signs written one behind the other, in the units of the page.
pub struct Writing {
    is_horizontal: bool,
    /// The directions of the text, one of its units long.
    right: Vec2,
    up: Vec2,
    /// The same, as long as the font's size.
    width: Vec2,
    height: Vec2,
    /// The direction of the line, of length one.
    along: Vec2,
    em: f64,
    pen: Point,
    /// How far the pen went, in units of the text.
    pub way: Vec2,
}

impl Writing {
    /// Where a sign stands that is written now.
    pub fn letter(&self, sign: &Sign) -> Letter {
        let start = self.pen
            + self.right * self.way.x
            + self.up * self.way.y
            + self.width * sign.shift.x
            + self.height * sign.shift.y;
        let end = match self.is_horizontal {
            true => start + self.width * sign.width,
            false => start - self.height,
        };
        Letter {
            start,
            end,
            along: self.along,
            em: self.em,
        }
    }

    /// Takes the pen behind a sign.
    pub fn go_on(&mut self, sign: &Sign, state: &State<'_>, is_space: bool) {
        let space = if is_space { state.behind_space } else { 0.0 };
        let behind = state.behind_sign + space;
        match self.is_horizontal {
            true => self.way.x += (sign.advance.x * state.size + behind) * state.stretch,
            false => self.way.y += sign.advance.y * state.size + behind,
        }
    }
}
