//! Fonts, as far as text needs them: what each code stands for, and how far it takes the pen.

use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

use hayro_font::{CMapResolverFn, Font, FontCache, FontGlyph, FontResolverFn, StandardFont};
use hayro_interpret::InterpreterSettings;
use hayro_interpret::hayro_cmap::BfString;
use hayro_interpret::hayro_syntax::object::dict::keys::{
    FONT_MATRIX, SUBTYPE, TO_UNICODE, TYPE3, WIDTHS,
};
use hayro_interpret::hayro_syntax::object::{Array, Dict, Name, ObjectIdentifier};
use hayro_interpret::hayro_syntax::page::Resources;
use hayro_interpret::kurbo::Vec2;

use super::character_map::{CharacterMap, CharacterMaps};
use super::letters;

/// Fonts measure their signs in thousandths of their size.
const EM: f64 = 1000.0;
/// How wide a sign is that nobody says it of.
const WIDTH: f32 = 500.0;
/// A code that is asked for again is nearly always among the last so many.
const SIGNS: usize = 512;
/// Letters are about half as wide as a font is large.
const WIDTHS_PER_EM: f64 = 2.0;
/// An estimate within this factor of the size is no better than the size itself.
const MAX_DEVIATION: f64 = 2.5;
/// A font with one-byte codes has no more widths.
const MAX_WIDTHS: usize = 256;

/// The fonts of a document.
pub struct Faces<'a> {
    fonts: FontCache<'a>,
    fonts_of_others: FontResolverFn,
    encodings: CMapResolverFn,
    maps: CharacterMaps,
    known: HashMap<ObjectIdentifier, Option<Rc<Face<'a>>>>,
    /// Most documents need none.
    stand_in: OnceCell<Option<Rc<Face<'a>>>>,
}

impl Default for Faces<'_> {
    fn default() -> Self {
        let InterpreterSettings {
            font_resolver,
            cmap_resolver,
            ..
        } = InterpreterSettings::default();
        Self {
            fonts: FontCache::new(),
            fonts_of_others: font_resolver,
            maps: CharacterMaps::new(cmap_resolver.clone()),
            encodings: cmap_resolver,
            known: HashMap::new(),
            stand_in: OnceCell::new(),
        }
    }
}

impl<'a> Faces<'a> {
    /// The font that a page calls by a name, or what stands in for it.
    pub fn named(&mut self, resources: &Resources<'a>, name: &Name<'_>) -> Option<Rc<Face<'a>>> {
        let id = resources.fonts.get_ref(name).map(ObjectIdentifier::from);
        if let Some(known) = id.and_then(|id| self.known.get(&id)) {
            return known.clone();
        }
        let face = match resources.get_font(name) {
            Some(font) => self.of(&font),
            None => self.stand_in(),
        };
        if let Some(id) = id {
            self.known.insert(id, face.clone());
        }
        face
    }

    pub fn of(&mut self, dict: &Dict<'a>) -> Option<Rc<Face<'a>>> {
        let font = self
            .fonts
            .font(dict, &self.fonts_of_others, &self.encodings);
        let Some(font) = font else {
            return self.stand_in();
        };
        let named = dict.get::<Name<'_>>(TO_UNICODE);
        let signs = Signs {
            is_identity: named.is_some_and(|name| name.starts_with(b"Identity")),
            map: self.maps.for_font(dict),
            ..Signs::default()
        };
        Some(Rc::new(Face {
            font,
            em: em(dict),
            is_stand_in: false,
            signs: RefCell::new(signs),
        }))
    }

    pub fn stand_in(&self) -> Option<Rc<Face<'a>>> {
        let load = || {
            let helvetica = StandardFont::Helvetica;
            let font = self.fonts.standard_font(helvetica, &self.fonts_of_others)?;
            Some(Rc::new(Face {
                font,
                em: 1.0,
                is_stand_in: true,
                signs: RefCell::default(),
            }))
        };
        self.stand_in.get_or_init(load).clone()
    }
}

/// One font, and what is known of its signs.
pub struct Face<'a> {
    pub font: Font<'a>,
    /// How large an em is, in parts of the font's size.
    pub em: f64,
    /// For a font that is not there; only what is ASCII in most of them can be read.
    pub is_stand_in: bool,
    pub signs: RefCell<Signs>,
}

/// How large an em is, in parts of the font's size. Type 3 fonts can measure in any unit, such as pixels
/// (ISO 32000-2, 9.6.4), so it is estimated from the widths of their glyphs.
fn em(font: &Dict<'_>) -> f64 {
    let kind = font.get::<Name<'_>>(SUBTYPE);
    let is_type3 = kind.is_some_and(|kind| *kind == *TYPE3);
    let (Some(matrix), Some(widths)) = (
        font.get::<[f64; 6]>(FONT_MATRIX).filter(|_| is_type3),
        font.get::<Array<'_>>(WIDTHS),
    ) else {
        return 1.0;
    };
    let widths: Vec<f64> = widths
        .iter::<f64>()
        .take(MAX_WIDTHS)
        .map(f64::abs)
        .filter(|width| *width > 0.0)
        .collect();
    let mean = widths.iter().sum::<f64>() / widths.len() as f64;
    let em = WIDTHS_PER_EM * mean * matrix[0].abs();
    match em.is_finite() && em > 0.0 {
        true if !(1.0 / MAX_DEVIATION..MAX_DEVIATION).contains(&em) => em,
        _ => 1.0,
    }
}

/// What a code of a font stands for. All lengths are in parts of the font's size.
#[derive(Clone, Default)]
pub struct Sign {
    code: Option<u32>,
    pub text: String,
    /// From where the pen is to where the sign starts.
    pub shift: Vec2,
    /// How wide it is.
    pub width: f64,
    /// How far it takes the pen.
    pub advance: Vec2,
}

/// Signs that were asked for: a font takes longer to ask than a page to read.
#[derive(Default)]
pub struct Signs {
    known: Vec<Sign>,
    /// Codes are the characters themselves: the font names a map for that instead of having one.
    is_identity: bool,
    map: CharacterMap,
}

impl Signs {
    pub fn get(&mut self, font: &Font<'_>, code: u32) -> &Sign {
        self.known.resize_with(SIGNS, Sign::default);
        let sign = &mut self.known[code as usize % SIGNS];
        if sign.code != Some(code) {
            *sign = Sign::of(font, code, self.is_identity, &self.map);
        }
        sign
    }
}

impl Sign {
    fn of(font: &Font<'_>, code: u32, is_identity: bool, map: &CharacterMap) -> Self {
        let id = font.map_code(code);
        let (unicode, width) = match font.glyph(id, code) {
            FontGlyph::Outline(glyph) => (glyph.as_unicode(), glyph.advance_width()),
            FontGlyph::Type3(glyph) => (glyph.as_unicode(), Some(glyph.advance_width())),
        };
        let character = char::from_u32(code).filter(|_| is_identity);
        let unicode = character
            .map(BfString::Char)
            .or_else(|| map.in_damaged_map(code))
            .or(unicode.filter(|unicode| *unicode != BfString::Char('\0')))
            .or_else(|| map.in_collection(code));
        Self {
            code: Some(code),
            text: read(unicode, code),
            shift: font.origin_displacement(code) / EM,
            width: f64::from(width.unwrap_or(WIDTH)) / EM,
            advance: font.code_advance(code) / EM,
        }
    }
}

fn read(unicode: Option<BfString>, code: u32) -> String {
    let mut text = String::new();
    match unicode {
        Some(BfString::Char('\0')) | None => letters::push_code(code, &mut text),
        Some(BfString::Char(character)) => letters::push_plain(character, &mut text),
        Some(BfString::String(characters)) => return letters::plain(&characters),
    }
    text
}
