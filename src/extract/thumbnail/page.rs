//! PDF: a page, drawn on white.

use hayro::vello_cpu::color::palette::css::WHITE;
use hayro::{PixmapSettings, RenderCache, RenderSettings, render};
use hayro_interpret::InterpreterSettings;
use image::{DynamicImage, RgbaImage};

use super::{SCAN_EDGE, SCAN_RESOLUTION, Wish, fitted};
use crate::extract::pdf;
use crate::extract::sink::Unreadable;

/// To the inch; pages are measured in them.
const POINTS: f32 = 72.0;
/// Lengths are multiplied and cut off: a little more, and none is a pixel short.
const LITTLE: f32 = 0.01;

/// A page: as a thumbnail `edge` wide or high, whatever size it says it has; as a scan in the size
/// that it has on paper.
pub fn drawn(bytes: Vec<u8>, wish: Wish) -> Result<DynamicImage, Unreadable> {
    let document = pdf::open(bytes)?.pdf;
    let number = match wish {
        Wish::Thumbnail { .. } => 0,
        Wish::Scan { page } => page as usize,
    };
    let page = document
        .pages()
        .get(number)
        .ok_or_else(|| Unreadable::Broken("it has no pages".into()))?;
    let (width, height) = page.render_dimensions();
    if !(width > 0.0 && height > 0.0 && width.is_finite() && height.is_finite()) {
        return Err(Unreadable::Broken("its page has no size".into()));
    }
    let edge = match wish {
        Wish::Thumbnail { edge } => edge,
        Wish::Scan { .. } => {
            let pixels = width.max(height) / POINTS * SCAN_RESOLUTION;
            (pixels as u32).clamp(1, SCAN_EDGE)
        }
    };
    let (across, down) = fitted(width.into(), height.into(), edge);
    let drawn = render(
        page,
        &RenderCache::new(),
        &InterpreterSettings::default(),
        &RenderSettings::default(),
        &PixmapSettings {
            x_scale: (across as f32 + LITTLE) / width,
            y_scale: (down as f32 + LITTLE) / height,
            bg_color: WHITE,
        },
    );
    let (across, down) = (drawn.width().into(), drawn.height().into());
    let pixels = drawn.data_as_u8_slice().to_vec();
    // On white nothing shines through.
    RgbaImage::from_raw(across, down, pixels)
        .map(|drawn| DynamicImage::ImageRgba8(drawn).into_rgb8().into())
        .ok_or_else(|| Unreadable::Broken("its page cannot be drawn".into()))
}
