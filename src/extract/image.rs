//! Pictures: how large they are as they are looked at, and when, where and with what they were taken.

use std::io::{BufRead, Seek};

use exif::{Exif, Field, In, Reader, Tag, Value};
use imagesize::ImageError;

use super::sink::{Details, Sink, Unreadable};

/// Orientations in which width and height change places (Exif 2.32, tag 274).
const TURNED: std::ops::RangeInclusive<u32> = 5..=8;

pub fn read<R: BufRead + Seek>(mut reader: R, out: &mut Sink<'_>) -> Result<(), Unreadable> {
    let size = imagesize::reader_size(&mut reader);
    let is_unknown = matches!(size, Err(ImageError::NotSupported));
    let size = size.ok();
    let start = reader.rewind().ok();
    let mut container = Reader::new();
    container.continue_on_error(true);
    let exif = start.and_then(|()| match container.read_from_container(&mut reader) {
        Ok(exif) => Some(exif),
        Err(error) => error.distill_partial_result(|_| ()).ok(),
    });
    if let Some(exif) = &exif {
        describe(exif, &mut out.details);
    }
    if let Some(size) = &size {
        let width = u32::try_from(size.width).ok();
        let height = u32::try_from(size.height).ok();
        let orientation = exif
            .as_ref()
            .and_then(|exif| number(exif, Tag::Orientation));
        let turned = orientation.is_some_and(|orientation| TURNED.contains(&orientation));
        (out.details.width, out.details.height) = match turned {
            true => (height, width),
            false => (width, height),
        };
    }
    out.tell();
    match (size, exif) {
        (None, None) if is_unknown => Err(Unreadable::Broken(
            "it is of a kind that this release does not know".into(),
        )),
        (None, None) => Err(Unreadable::Broken("it is damaged or not complete".into())),
        _ => Ok(()),
    }
}

fn describe(exif: &Exif, details: &mut Details) {
    details.title = text(exif, Tag::ImageDescription);
    details.author = text(exif, Tag::Artist);
    let taken = [Tag::DateTimeOriginal, Tag::DateTimeDigitized, Tag::DateTime];
    details.date = taken.into_iter().find_map(|tag| date(&text(exif, tag)?));
    details.camera = camera(text(exif, Tag::Make), text(exif, Tag::Model));
    details.latitude = degrees(exif, Tag::GPSLatitude, Tag::GPSLatitudeRef, 90.0);
    details.longitude = degrees(exif, Tag::GPSLongitude, Tag::GPSLongitudeRef, 180.0);
    if details.latitude.is_none() || details.longitude.is_none() {
        (details.latitude, details.longitude) = (None, None);
    }
}

/// Many models begin with the name of their maker.
fn camera(maker: Option<String>, model: Option<String>) -> Option<String> {
    let (Some(maker), Some(model)) = (&maker, &model) else {
        return model.or(maker);
    };
    let first = maker.split_whitespace().next().unwrap_or_default();
    let is_named = model.to_lowercase().starts_with(&first.to_lowercase());
    Some(match is_named {
        true => model.clone(),
        false => format!("{maker} {model}"),
    })
}

fn field(exif: &Exif, tag: Tag) -> Option<&Field> {
    exif.get_field(tag, In::PRIMARY)
}

fn number(exif: &Exif, tag: Tag) -> Option<u32> {
    field(exif, tag)?.value.get_uint(0)
}

fn text(exif: &Exif, tag: Tag) -> Option<String> {
    let Value::Ascii(parts) = &field(exif, tag)?.value else {
        return None;
    };
    let text = String::from_utf8_lossy(parts.first()?);
    let text = text.trim_matches(|c: char| c.is_whitespace() || c.is_control());
    (!text.is_empty()).then(|| text.to_owned())
}

/// `2026:05:17 09:30:00` as other dates are written; nothing if it is blank or zero.
fn date(text: &str) -> Option<String> {
    let (day, time) = text.split_once(' ').unwrap_or((text, "00:00:00"));
    let day = day.replace(':', "-");
    let is_date = day.starts_with(|c: char| c.is_ascii_digit()) && !day.starts_with("0000");
    (is_date && day.len() == 10 && time.len() == 8).then(|| format!("{day}T{time}"))
}

fn degrees(exif: &Exif, tag: Tag, reference: Tag, most: f64) -> Option<f64> {
    let Value::Rational(parts) = &field(exif, tag)?.value else {
        return None;
    };
    let sixtieths = parts
        .iter()
        .take(3)
        .rev()
        .fold(0.0, |sum, part| sum / 60.0 + part.to_f64());
    let opposite = matches!(
        text(exif, reference).as_deref(),
        Some("S" | "W" | "s" | "w")
    );
    let degrees = if opposite { -sixtieths } else { sixtieths };
    // Five decimals are a metre.
    (degrees.abs() <= most).then(|| (degrees * 1e5).round() / 1e5)
}

#[cfg(test)]
mod tests {
    use super::{camera, date};

    #[test]
    fn dates_and_cameras() {
        assert_eq!(
            date("2026:05:17 09:30:00").as_deref(),
            Some("2026-05-17T09:30:00")
        );
        assert_eq!(date("    :  :     :  :  "), None);
        assert_eq!(date("0000:00:00 00:00:00"), None);
        let named = |maker: &str, model: &str| camera(Some(maker.into()), Some(model.into()));
        assert_eq!(
            named("Canon", "Canon EOS 5D").as_deref(),
            Some("Canon EOS 5D")
        );
        assert_eq!(
            named("NIKON CORPORATION", "NIKON D80").as_deref(),
            Some("NIKON D80")
        );
        assert_eq!(
            named("Apple", "iPhone 15").as_deref(),
            Some("Apple iPhone 15")
        );
    }
}
