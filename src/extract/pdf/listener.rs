//! Listens to a page as it is drawn, and hears only its letters.

use hayro_interpret::font::{Glyph, GlyphRun};
use hayro_interpret::hayro_cmap::{BfString, WritingMode};
use hayro_interpret::hayro_syntax::object::{Dict, String as PdfString};
use hayro_interpret::kurbo::{Affine, BezPath, Point, Rect, Vec2};
use hayro_interpret::{
    BlendMode, ClipPath, Device, DrawMode, DrawProps, Image, ImageDrawProps, SoftMask,
};

use super::letters;
use super::page::{Letter, Page};

/// Glyphs measure themselves in thousandths of the font's size.
const EM: f64 = 1000.0;
/// How wide a glyph is that does not say it.
const WIDTH: f32 = 500.0;
/// Of a run, so many codes are remembered at a time: all there are, in most fonts.
const SIGNS: usize = 256;

/// Marked content that says what it stands for, whatever is drawn.
struct Spoken {
    /// How deep the content is nested that it holds for.
    depth: usize,
    /// Until the first glyph has taken its place.
    text: Option<String>,
}

/// What a code stands for in the font of a run, and how wide its glyph is.
#[derive(Clone, Default)]
struct Sign {
    run: u64,
    code: u32,
    text: String,
    advance: f32,
}

/// What was learned of the codes of a run. All of a run has one font, and asking that takes longer
/// than all else that is done with a letter.
struct Signs {
    run: u64,
    known: Vec<Sign>,
}

impl Signs {
    fn new() -> Self {
        Self {
            run: 0,
            known: vec![Sign::default(); SIGNS],
        }
    }

    /// Forgets all: another run may have another font.
    fn begin_run(&mut self) {
        self.run += 1;
    }

    fn get(&mut self, glyph: &Glyph<'_>) -> &Sign {
        let code = glyph.char_code();
        let sign = &mut self.known[code as usize % SIGNS];
        if sign.run != self.run || sign.code != code {
            sign.run = self.run;
            sign.code = code;
            sign.advance = advance(glyph);
            sign.text.clear();
            read(glyph, &mut sign.text);
        }
        sign
    }
}

/// A drawing device that keeps the text of one page.
pub struct Listener {
    page: Page,
    signs: Signs,
    /// Where something can be seen.
    area: Rect,
    depth: usize,
    spoken: Option<Spoken>,
    /// The last run that was filled: the same one again is only its outline.
    filled: Option<(Affine, usize)>,
}

impl Listener {
    pub fn new(area: Rect) -> Self {
        Self {
            page: Page::default(),
            signs: Signs::new(),
            area,
            depth: 0,
            spoken: None,
            filled: None,
        }
    }

    pub fn into_text(self) -> String {
        self.page.into_text()
    }

    fn hear(&mut self, glyph: &Glyph<'_>, to_page: Affine, vertical: bool) {
        let sign = self.signs.get(glyph);
        let origin = to_page * Point::ZERO;
        let (along, advance) = match vertical {
            true => (Vec2::new(0.0, -1.0), EM),
            false => (Vec2::new(1.0, 0.0), f64::from(sign.advance)),
        };
        let end = to_page * (along * advance).to_point();
        if !holds(self.area, origin) && !holds(self.area, end) {
            return;
        }
        let along = to_page * (along * EM).to_point() - origin;
        let up = to_page * Point::new(0.0, EM) - origin;
        let letter = Letter {
            start: origin,
            end,
            along,
            length: along.hypot(),
            em: up.hypot(),
        };
        match &mut self.spoken {
            Some(spoken) => {
                let text = spoken.text.take().unwrap_or_default();
                self.page.add(&text, letter);
            }
            None => self.page.add(&sign.text, letter),
        }
    }
}

fn holds(area: Rect, point: Point) -> bool {
    let Rect { x0, y0, x1, y1 } = area;
    (x0..=x1).contains(&point.x) && (y0..=y1).contains(&point.y)
}

fn advance(glyph: &Glyph<'_>) -> f32 {
    let advance = match glyph {
        Glyph::Outline(glyph) => glyph.advance_width(),
        Glyph::Type3(glyph) => glyph.advance_width(),
    };
    advance.unwrap_or(WIDTH)
}

fn read(glyph: &Glyph<'_>, text: &mut String) {
    match glyph.as_unicode() {
        Some(BfString::Char('\0')) | None => letters::push_code(glyph.char_code(), text),
        Some(BfString::Char(character)) => letters::push_plain(character, text),
        Some(BfString::String(characters)) => {
            for character in characters.chars() {
                letters::push_plain(character, text);
            }
        }
    }
}

impl<'a> Device<'a> for Listener {
    fn draw_glyph_run(&mut self, run: &GlyphRun<'_, 'a>, props: DrawProps<'a>, mode: &DrawMode) {
        let place = run
            .glyphs()
            .first()
            .map(|glyph| (props.transform * glyph.transform(), run.glyphs().len()));
        match mode {
            DrawMode::Stroke(_) if place.is_some() && self.filled == place => return,
            DrawMode::Fill(_) => self.filled = place,
            _ => self.filled = None,
        }
        self.signs.begin_run();
        let vertical = run.writing_mode() == WritingMode::Vertical;
        for glyph in run.glyphs() {
            self.hear(glyph, props.transform * glyph.transform(), vertical);
        }
    }

    fn begin_marked_content(&mut self, _: &[u8], properties: Option<&Dict<'_>>) {
        self.depth += 1;
        if self.spoken.is_some() {
            return;
        }
        let text = properties.and_then(|said| said.get::<PdfString<'_>>("ActualText"));
        self.spoken = text.map(|text| Spoken {
            depth: self.depth,
            text: letters::text_string(text.as_bytes()).map(|text| {
                let mut plain = String::with_capacity(text.len());
                text.chars()
                    .for_each(|character| letters::push_plain(character, &mut plain));
                plain
            }),
        });
    }

    fn end_marked_content(&mut self) {
        if self
            .spoken
            .as_ref()
            .is_some_and(|spoken| spoken.depth >= self.depth)
        {
            self.spoken = None;
        }
        self.depth = self.depth.saturating_sub(1);
    }

    fn draw_path(&mut self, _: &BezPath, _: DrawProps<'a>, _: &DrawMode) {}
    fn push_clip_path(&mut self, _: &ClipPath) {}
    fn push_clip_rect(&mut self, _: &Rect) {}
    fn push_transparency_group(&mut self, _: f32, _: Option<SoftMask<'a>>, _: BlendMode) {}
    fn draw_image(&mut self, _: Image<'a, '_>, _: ImageDrawProps<'a>) {}
    fn draw_rect(&mut self, _: &Rect, _: DrawProps<'a>, _: &DrawMode) {}
    fn pop_clip(&mut self) {}
    fn pop_transparency_group(&mut self) {}
}
