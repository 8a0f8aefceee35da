//! A small picture by which a person knows a document: a picture made smaller, or the first page.
//!
//! Whatever a document is, what is made of it is a JPEG, or a PNG where something shines through:
//! decoded, turned upright and encoded anew, so nothing of the document's own bytes is in it.

mod page;
mod raster;

use std::fs::File;
use std::io::{BufReader, Read, Seek};
use std::path::Path;

use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::PngEncoder;
use image::{DynamicImage, ImageResult};
use serde::{Deserialize, Serialize};

use super::sink::Unreadable;
use super::source::Source;
use super::whole;
use crate::error::{Error, Result};

/// Stored with what was made; raised when a release makes more of them, or better ones.
pub const MAKER: u32 = 1;

/// The most bytes that a picture may have; at some hundred pixels none comes near it.
pub const MOST_BYTES: usize = 4 << 20;

/// From 0 to 100, as JPEG counts.
const QUALITY: u8 = 82;

const DOCUMENT: &str = "application/pdf";

/// Types of which a picture can be made; of others a browser shows what it can by itself.
const DRAWABLE: [&str; 9] = [
    DOCUMENT,
    "image/bmp",
    "image/gif",
    "image/jpeg",
    "image/png",
    "image/tiff",
    "image/vnd.microsoft.icon",
    "image/webp",
    "image/x-icon",
];

/// A small picture.
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

/// Makes the picture of a document of a [drawable](is_drawable) type, at most `edge` pixels wide and
/// high. Pictures that would take more than `memory` bytes, decoded, are refused.
///
/// # Errors
/// Only when reading fails. Why nothing can be made of the document is an answer, in words that
/// follow a colon.
pub fn draw(
    file: &mut File,
    size: u64,
    media_type: &str,
    edge: u32,
    memory: u64,
) -> Result<Result<Picture, String>> {
    let mut source = Source::new(file);
    let drawn = drawn(&mut source, size, media_type, edge, memory);
    if let Some(error) = source.into_error() {
        return Err(Error::io("reading", Path::new("a document"), error));
    }
    Ok(drawn.map_err(|unreadable| unreadable.why().to_owned()))
}

fn drawn<R: Read + Seek>(
    source: &mut R,
    size: u64,
    media_type: &str,
    edge: u32,
    memory: u64,
) -> Result<Picture, Unreadable> {
    let broken = |_| Unreadable::Broken("it cannot be read to its end".into());
    source.rewind().map_err(broken)?;
    let small = match media_type {
        DOCUMENT => page::first(whole(source, size)?, edge)?,
        _ => raster::shrunk(BufReader::new(source), edge, memory)?,
    };
    encoded(small).map_err(|error| Unreadable::Broken(format!("it cannot be encoded ({error})")))
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

/// Width and height that fit into a square, in proportion, and are never nothing.
fn fitted(width: f64, height: f64, edge: u32) -> (u32, u32) {
    let scale = f64::from(edge) / width.max(height);
    let pixels = |length: f64| ((length * scale).round() as u32).clamp(1, edge);
    (pixels(width), pixels(height))
}

#[cfg(test)]
pub(super) mod tests;
