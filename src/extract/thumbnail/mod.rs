//! A small picture by which a person knows a document: a picture made smaller, or the first page. Or a
//! large one of any page, for [recognition](super::ocr) to read.
//!
//! Whatever a document is, what is made of it is a JPEG, or a PNG where something shines through:
//! decoded, turned upright and encoded anew, so nothing of the document's own bytes is in it.

mod page;
mod raster;

use std::fs::File;
use std::io::{BufReader, Read, Seek};
use std::path::Path;

use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{DynamicImage, GrayImage, ImageResult, Luma, Pixel, RgbaImage};
use serde::{Deserialize, Serialize};

use super::sink::Unreadable;
use super::source::Source;
use super::{PDF, whole};
use crate::error::{Error, Result};

/// Stored with what was made; raised when a release makes more of them, or better ones.
pub const MAKER: u32 = 1;

/// The most bytes of a thumbnail; at some hundred pixels none comes near it.
const MOST_BYTES: usize = 4 << 20;
/// The most bytes of a scan: twice those of one in which no two pixels are alike.
const MOST_BYTES_OF_SCAN: usize = 32 << 20;

/// Pixels of a scan at most, in width and height.
const SCAN_EDGE: u32 = 4_000;
/// Dots to the inch in which a page is drawn to be read.
const SCAN_RESOLUTION: f32 = 300.0;
/// Of 256 shades; a page on which they differ by less is empty.
const LEAST_CONTRAST: u8 = 32;

/// From 0 to 100, as JPEG counts.
const QUALITY: u8 = 82;

/// Types of which a picture can be made; of others a browser shows what it can by itself.
const DRAWABLE: [&str; 9] = [
    PDF,
    "image/bmp",
    "image/gif",
    "image/jpeg",
    "image/png",
    "image/tiff",
    "image/vnd.microsoft.icon",
    "image/webp",
    "image/x-icon",
];

/// What a picture is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Wish {
    /// To know the document by: its first page, at most so many pixels wide and high.
    Thumbnail { edge: u32 },
    /// To read a page of it, from 0: in shades of grey, and as large as reading needs.
    Scan { page: u32 },
}

impl Wish {
    /// The most bytes that the picture may have.
    pub fn most_bytes(self) -> usize {
        match self {
            Self::Thumbnail { .. } => MOST_BYTES,
            Self::Scan { .. } => MOST_BYTES_OF_SCAN,
        }
    }
}

/// A picture that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    pub coding: Coding,
    pub bytes: Vec<u8>,
}

/// How a picture is encoded. There is no third way: whoever takes over a child can choose between
/// these two, and browsers are told to believe it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Coding {
    Jpeg,
    Png,
}

impl Coding {
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
        }
    }
}

/// Whether a picture can be made of contents of this type.
pub fn is_drawable(media_type: &str) -> bool {
    DRAWABLE.contains(&media_type)
}

/// Makes a picture of a document of a [drawable](is_drawable) type. Pictures that would take more than `memory` bytes, decoded, are refused.
///
/// # Errors
/// Only when reading fails. Why nothing can be made of the document is an answer, in words that
/// follow a colon.
pub fn draw(
    file: &mut File,
    size: u64,
    media_type: &str,
    wish: Wish,
    memory: u64,
) -> Result<Result<Picture, String>> {
    let mut source = Source::new(file);
    let drawn = drawn(&mut source, size, media_type, wish, memory);
    if let Some(error) = source.into_error() {
        return Err(Error::io("reading", Path::new("a document"), error));
    }
    Ok(drawn.map_err(|unreadable| unreadable.why().to_owned()))
}

fn drawn<R: Read + Seek>(
    source: &mut R,
    size: u64,
    media_type: &str,
    wish: Wish,
    memory: u64,
) -> Result<Picture, Unreadable> {
    let broken = |_| Unreadable::Broken("it cannot be read to its end".into());
    source.rewind().map_err(broken)?;
    let edge = match wish {
        Wish::Thumbnail { edge } => edge,
        Wish::Scan { .. } => SCAN_EDGE,
    };
    let picture = match media_type {
        PDF => page::drawn(whole(source, size)?, wish)?,
        _ => raster::shrunk(BufReader::new(source), edge, memory)?,
    };
    let encoded = match wish {
        Wish::Thumbnail { .. } => encoded(picture),
        Wish::Scan { .. } => to_read(picture)?,
    };
    encoded.map_err(|error| Unreadable::Broken(format!("it cannot be encoded ({error})")))
}

/// As PNG where something shines through.
fn encoded(small: DynamicImage) -> ImageResult<Picture> {
    let mut bytes = Vec::new();
    let coding = match small.color().has_alpha() {
        true => {
            small
                .into_rgba8()
                .write_with_encoder(PngEncoder::new(&mut bytes))?;
            Coding::Png
        }
        false => {
            let encoder = JpegEncoder::new_with_quality(&mut bytes, QUALITY);
            small.into_rgb8().write_with_encoder(encoder)?;
            Coding::Jpeg
        }
    };
    Ok(Picture { coding, bytes })
}

/// On white, in shades of grey, without loss.
fn to_read(picture: DynamicImage) -> Result<ImageResult<Picture>, Unreadable> {
    let grey = match picture.color().has_alpha() {
        true => on_white(&picture.into_rgba8()),
        false => picture.into_luma8(),
    };
    let shades = grey.pixels().map(|pixel| pixel.0[0]);
    let (darkest, lightest) = shades.fold((u8::MAX, 0), |(darkest, lightest), shade| {
        (shade.min(darkest), shade.max(lightest))
    });
    if lightest.saturating_sub(darkest) < LEAST_CONTRAST {
        return Err(Unreadable::Broken("there is nothing on it".into()));
    }
    let mut bytes = Vec::new();
    let (speed, filter) = (CompressionType::Fast, FilterType::Up);
    let encoder = PngEncoder::new_with_quality(&mut bytes, speed, filter);
    let written = grey.write_with_encoder(encoder);
    Ok(written.map(|()| Picture {
        coding: Coding::Png,
        bytes,
    }))
}

fn on_white(picture: &RgbaImage) -> GrayImage {
    GrayImage::from_fn(picture.width(), picture.height(), |x, y| {
        let pixel = picture.get_pixel(x, y);
        let (shade, alpha) = (u16::from(pixel.to_luma().0[0]), u16::from(pixel.0[3]));
        Luma([((shade * alpha + 255 * (255 - alpha)) / 255) as u8])
    })
}

/// Width and height that fit into a square, in proportion, and are never nothing.
fn fitted(width: f64, height: f64, edge: u32) -> (u32, u32) {
    let scale = f64::from(edge) / width.max(height);
    let pixels = |length: f64| ((length * scale).round() as u32).clamp(1, edge);
    (pixels(width), pixels(height))
}

#[cfg(test)]
pub(super) mod tests;
