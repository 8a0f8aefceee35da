//! Pictures: decoded within bounds, made smaller, turned upright.

use std::io::{BufRead, Seek};

use image::error::LimitErrorKind;
use image::imageops::FilterType;
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageError, ImageReader, Limits, RgbaImage};

use super::fitted;
use crate::extract::sink::Unreadable;

/// A decoder takes as much again as the picture that it makes.
const SHARE: u64 = 2;
/// Averaged over whole pixels down to this many times the size, then weighed: quick, and smooth.
const COARSE: u32 = 2;

/// The first picture of a file, no larger than `edge`; one that is smaller keeps its size.
pub fn shrunk<R: BufRead + Seek>(
    reader: R,
    edge: u32,
    memory: u64,
) -> Result<DynamicImage, Unreadable> {
    let (picture, orientation) = decoded(reader, memory / SHARE).map_err(unreadable)?;
    let (width, height) = (picture.width(), picture.height());
    if width == 0 || height == 0 {
        return Err(Unreadable::Broken("it has no picture in it".into()));
    }
    let mut small = match width.max(height) > edge {
        true => shrink(picture, fitted(width.into(), height.into(), edge)),
        false => opaque_where_it_can_be(picture),
    };
    small.apply_orientation(orientation);
    Ok(small)
}

fn decoded<R: BufRead + Seek>(
    reader: R,
    most: u64,
) -> Result<(DynamicImage, Orientation), ImageError> {
    let mut limits = Limits::default();
    limits.max_alloc = Some(most);
    let mut reader = ImageReader::new(reader).with_guessed_format()?;
    reader.limits(limits.clone());
    let mut decoder = reader.into_decoder()?;
    limits.reserve(decoder.total_bytes())?;
    decoder.set_limits(limits)?;
    // What is no orientation turns nothing.
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    Ok((DynamicImage::from_decoder(decoder)?, orientation))
}

fn shrink(picture: DynamicImage, (width, height): (u32, u32)) -> DynamicImage {
    let picture = match opaque_where_it_can_be(picture) {
        DynamicImage::ImageRgba8(mut seen_through) => {
            premultiply(&mut seen_through);
            DynamicImage::ImageRgba8(seen_through)
        }
        opaque => opaque,
    };
    let is_much_larger = |length: u32, to: u32| length > COARSE * to;
    let coarse =
        match is_much_larger(picture.width(), width) && is_much_larger(picture.height(), height) {
            true => picture.thumbnail_exact(COARSE * width, COARSE * height),
            false => picture,
        };
    match coarse.resize_exact(width, height, FilterType::CatmullRom) {
        DynamicImage::ImageRgba8(mut small) => {
            divide(&mut small);
            DynamicImage::ImageRgba8(small)
        }
        small => small,
    }
}

/// As RGBA only if something shines through.
fn opaque_where_it_can_be(picture: DynamicImage) -> DynamicImage {
    if !picture.color().has_alpha() {
        return picture;
    }
    let picture = picture.into_rgba8();
    match picture.pixels().all(|pixel| pixel.0[3] == u8::MAX) {
        true => DynamicImage::ImageRgba8(picture).into_rgb8().into(),
        false => picture.into(),
    }
}

/// So that the colour of what cannot be seen does not tinge what lies beside it.
fn premultiply(picture: &mut RgbaImage) {
    for pixel in picture.pixels_mut() {
        let [colours @ .., alpha] = &mut pixel.0;
        for colour in colours {
            *colour = (u16::from(*colour) * u16::from(*alpha) / 255) as u8;
        }
    }
}

fn divide(picture: &mut RgbaImage) {
    for pixel in picture.pixels_mut() {
        let [colours @ .., alpha] = &mut pixel.0;
        for colour in colours {
            let whole = u16::from(*colour) * 255 / u16::from(*alpha).max(1);
            *colour = whole.min(255) as u8;
        }
    }
}

/// In words of ours: those of decoders are for programmers.
fn unreadable(error: ImageError) -> Unreadable {
    Unreadable::Broken(
        match error {
            ImageError::Limits(limit) => match limit.kind() {
                LimitErrorKind::Unsupported { .. } => "it is of a kind that is not drawn",
                _ => "it is larger than may be drawn",
            },
            ImageError::Unsupported(_) => "it is of a kind that is not drawn",
            _ => "it is damaged or not complete",
        }
        .to_owned(),
    )
}
