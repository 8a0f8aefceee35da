//! Pictures and pages as people have them, and as they should not be.

use std::io::Cursor;
use std::io::Write;

use image::{DynamicImage, GenericImageView, ImageFormat, Rgb, RgbImage, Rgba, RgbaImage};

use super::*;
use crate::extract::tests::made;

const EDGE: u32 = 400;
const MEMORY: u64 = 512 << 20;

const RED: [u8; 3] = [200, 0, 0];
const GREEN: [u8; 3] = [0, 200, 0];
const BLUE: [u8; 3] = [0, 0, 200];
const GREY: [u8; 3] = [120, 120, 120];

fn outcome(bytes: &[u8], media_type: &str) -> Result<Picture, String> {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    let wish = Wish::Thumbnail { edge: EDGE };
    let drawn = draw(&mut file, bytes.len() as u64, media_type, wish, MEMORY);
    drawn.unwrap()
}

fn made_of(bytes: &[u8], media_type: &str) -> (Coding, DynamicImage) {
    let picture = outcome(bytes, media_type).unwrap();
    let format = match picture.coding {
        Coding::Jpeg => ImageFormat::Jpeg,
        Coding::Png => ImageFormat::Png,
    };
    let decoded = image::load_from_memory_with_format(&picture.bytes, format).unwrap();
    (picture.coding, decoded)
}

fn encoded_as(picture: impl Into<DynamicImage>, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    picture.into().write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

/// Four quarters of different colours; which one lies where a point does.
fn quarters(width: u32, height: u32) -> impl Fn(u32, u32) -> [u8; 3] {
    move |x, y| match (x < width / 2, y < height / 2) {
        (true, true) => RED,
        (false, true) => GREEN,
        (true, false) => BLUE,
        (false, false) => GREY,
    }
}

fn picture(width: u32, height: u32) -> RgbImage {
    let colour = quarters(width, height);
    RgbImage::from_fn(width, height, |x, y| Rgb(colour(x, y)))
}

#[track_caller]
fn has_its_quarters(picture: &DynamicImage) {
    let (width, height) = picture.dimensions();
    let colour = quarters(width, height);
    for (x, y) in [(1, 1), (3, 1), (1, 3), (3, 3)] {
        let (x, y) = (width * x / 4, height * y / 4);
        let Rgba([found @ .., _]) = picture.get_pixel(x, y);
        let wanted = colour(x, y);
        let off = found.iter().zip(wanted).map(|(a, b)| a.abs_diff(b)).max();
        assert!(off < Some(24), "{found:?} at {x}, {y} is not {wanted:?}");
    }
}

/// One picture of each type that can be drawn, 600 by 300 pixels where the type allows that.
pub(in crate::extract) fn all() -> Vec<(&'static str, Vec<u8>)> {
    let encoded = |format| encoded_as(picture(600, 300), format);
    // An icon has an alpha channel, whether anything shines through or not.
    let icon = DynamicImage::from(picture(200, 100)).into_rgba8();
    let icon = encoded_as(icon, ImageFormat::Ico);
    vec![
        ("image/bmp", encoded(ImageFormat::Bmp)),
        ("image/gif", encoded(ImageFormat::Gif)),
        ("image/jpeg", encoded(ImageFormat::Jpeg)),
        ("image/png", encoded(ImageFormat::Png)),
        ("image/tiff", encoded(ImageFormat::Tiff)),
        ("image/webp", encoded(ImageFormat::WebP)),
        ("image/x-icon", icon),
        ("application/pdf", made::pdf(&["one", "two"], "")),
    ]
}

#[test]
fn pictures_become_small_ones_in_proportion() {
    for (media_type, bytes) in all() {
        let (coding, small) = made_of(&bytes, media_type);
        assert_eq!(coding, Coding::Jpeg, "{media_type}");
        let size = match media_type {
            "image/x-icon" => (200, 100),
            "application/pdf" => (400, 400),
            _ => (400, 200),
        };
        assert_eq!(small.dimensions(), size, "{media_type}");
        if media_type != "application/pdf" {
            has_its_quarters(&small);
        }
    }
    for (width, height, small) in [
        (5000, 2500, (400, 200)),
        (3, 2, (3, 2)),
        (4000, 2, (400, 1)),
    ] {
        let png = encoded_as(RgbImage::new(width, height), ImageFormat::Png);
        assert_eq!(made_of(&png, "image/png").1.dimensions(), small);
    }
}

/// With the orientation that a camera would note.
fn taken_so(stored: RgbImage, orientation: u8) -> Vec<u8> {
    let jpeg = encoded_as(stored, ImageFormat::Jpeg);
    let mut noted = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0".to_vec();
    noted.extend([orientation, 0, 0, 0, 0, 0, 0, 0]);
    let mut bytes = jpeg[..2].to_vec();
    bytes.extend([0xff, 0xe1]);
    bytes.extend((noted.len() as u16 + 2).to_be_bytes());
    bytes.extend(noted);
    bytes.extend(&jpeg[2..]);
    bytes
}

/// What each orientation means is written down here as Exif 2.32 does (tag 274): at which side of
/// the scene the first row of the picture lies, and at which one its first column.
#[test]
fn pictures_are_turned_upright() {
    let (width, height) = (600, 300);
    let colour = quarters(width, height);
    for orientation in 1..=8 {
        let is_turned = orientation >= 5;
        let (rows, columns) = match is_turned {
            true => (width, height),
            false => (height, width),
        };
        let stored = RgbImage::from_fn(columns, rows, |column, row| {
            let (from_end_of_rows, from_end_of_columns) = (rows - 1 - row, columns - 1 - column);
            let (x, y) = match orientation {
                1 => (column, row),
                2 => (from_end_of_columns, row),
                3 => (from_end_of_columns, from_end_of_rows),
                4 => (column, from_end_of_rows),
                5 => (row, column),
                6 => (from_end_of_rows, column),
                7 => (from_end_of_rows, from_end_of_columns),
                _ => (row, from_end_of_columns),
            };
            Rgb(colour(x, y))
        });
        let (_, upright) = made_of(&taken_so(stored, orientation), "image/jpeg");
        assert_eq!(upright.dimensions(), (400, 200), "{orientation}");
        has_its_quarters(&upright);
    }
    let (_, untold) = made_of(&taken_so(picture(600, 300), 77), "image/jpeg");
    has_its_quarters(&untold);
}

#[test]
fn what_shines_through_goes_on_doing_so() {
    // A red disc on nothing, whose colour is a glaring green.
    let disc = |solid: u8| {
        RgbaImage::from_fn(800, 800, |x, y| {
            let (x, y) = (i64::from(x) - 400, i64::from(y) - 400);
            match x * x + y * y < 300 * 300 {
                true => Rgba([200, 0, 0, 255]),
                false => Rgba([0, 255, 0, solid]),
            }
        })
    };
    for format in [ImageFormat::Png, ImageFormat::WebP, ImageFormat::Tiff] {
        let media_type = format.to_mime_type();
        let (coding, small) = made_of(&encoded_as(disc(0), format), media_type);
        assert_eq!(coding, Coding::Png, "{media_type}");
        assert_eq!(small.get_pixel(2, 2).0[3], 0, "{media_type}");
        assert_eq!(
            small.get_pixel(200, 200).0,
            [200, 0, 0, 255],
            "{media_type}"
        );
        let tinged = small
            .pixels()
            .filter(|(_, _, pixel)| pixel.0[3] > 30 && pixel.0[1] > 30);
        assert_eq!(tinged.count(), 0, "{media_type}");
    }
    // An alpha channel that hides nothing costs nothing.
    let (coding, _) = made_of(&encoded_as(disc(255), ImageFormat::Png), "image/png");
    assert_eq!(coding, Coding::Jpeg);
}

#[test]
fn of_an_animation_the_first_picture_is_taken() {
    let mut gif = Vec::new();
    {
        let mut encoder = image::codecs::gif::GifEncoder::new(&mut gif);
        for colour in [RED, BLUE] {
            let frame = DynamicImage::from(RgbImage::from_pixel(500, 250, Rgb(colour)));
            encoder
                .encode_frame(image::Frame::new(frame.into_rgba8()))
                .unwrap();
        }
    }
    let (_, small) = made_of(&gif, "image/gif");
    let [red, _, blue, _] = small.get_pixel(100, 100).0;
    assert!(red > 180 && blue < 30, "{red} {blue}");
}

/// As large as it says, with nothing in it.
fn claiming(width: u32, height: u32) -> Vec<u8> {
    let chunk = |kind: &[u8; 4], data: &[u8]| {
        let mut checked = kind.to_vec();
        checked.extend(data);
        let mut bytes = (data.len() as u32).to_be_bytes().to_vec();
        bytes.extend(&checked);
        bytes.extend(crc32fast::hash(&checked).to_be_bytes());
        bytes
    };
    let mut header = width.to_be_bytes().to_vec();
    header.extend(height.to_be_bytes());
    header.extend([8, 6, 0, 0, 0]);
    let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
    bytes.extend(chunk(b"IHDR", &header));
    bytes.extend(chunk(b"IDAT", b"\x78\x9c\x03\0\0\0\0\x01"));
    bytes.extend(chunk(b"IEND", b""));
    bytes
}

#[test]
fn bombs_are_refused_before_they_go_off() {
    let too_large = "it is larger than may be drawn";
    let png = claiming(60_000, 60_000);
    assert_eq!(outcome(&png, "image/png").unwrap_err(), too_large);
    // The same inside an icon.
    let mut icon = vec![0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 1, 0, 32, 0];
    icon.extend((png.len() as u32).to_le_bytes());
    icon.extend(22_u32.to_le_bytes());
    icon.extend(&png);
    outcome(&icon, "image/x-icon").unwrap_err();
    let mut gif = b"GIF89a\xff\xff\xff\xff\x80\0\0\0\0\0\xff\xff\xff".to_vec();
    gif.extend(b",\0\0\0\0\xff\xff\xff\xff\0\x02\x02\x44\x01\0;");
    assert_eq!(outcome(&gif, "image/gif").unwrap_err(), too_large);
    let mut bitmap = b"BM\0\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0".to_vec();
    bitmap.extend(30_000_u32.to_le_bytes());
    bitmap.extend(30_000_u32.to_le_bytes());
    bitmap.extend(b"\x01\0\x18\0");
    bitmap.resize(100, 0);
    assert_eq!(outcome(&bitmap, "image/bmp").unwrap_err(), too_large);
}

#[test]
fn what_is_no_picture_says_so() {
    let damaged = "it is damaged or not complete";
    let jpeg = encoded_as(picture(600, 300), ImageFormat::Jpeg);
    for (bytes, media_type, why) in [
        (&jpeg[..150], "image/jpeg", damaged),
        (
            b"GIF89a\x10\0\x10\0\x80\0\0\0\0\0\xff\xff\xff;",
            "image/gif",
            damaged,
        ),
        (b"", "image/png", "it is of a kind that is not drawn"),
        (b"a text", "image/png", "it is of a kind that is not drawn"),
        (
            b"%PDF-1.7",
            "application/pdf",
            "it is not a complete PDF document",
        ),
        (
            &made::encrypted_pdf(),
            "application/pdf",
            "a password protects it",
        ),
        (&made::pdf(&[], ""), "application/pdf", "it has no pages"),
    ] {
        let found = outcome(bytes, media_type).unwrap_err();
        assert_eq!(found, why, "{media_type}");
    }
}

/// As browsers do: what is there of it is shown.
#[test]
fn a_picture_that_was_cut_off_is_drawn_as_far_as_it_goes() {
    let jpeg = encoded_as(picture(600, 300), ImageFormat::Jpeg);
    let (_, small) = made_of(&jpeg[..jpeg.len() / 2], "image/jpeg");
    let [red, green, ..] = small.get_pixel(20, 20).0;
    assert!(red > 150 && green < 50, "{red} {green}");
}

#[test]
fn documents_that_are_damaged_anywhere_give_a_picture_or_a_reason() {
    for (media_type, bytes) in all() {
        let step = (bytes.len() / 25).max(1);
        for at in (0..bytes.len()).step_by(step) {
            let _ = outcome(&bytes[..at], media_type);
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x55;
            let _ = outcome(&damaged, media_type);
        }
    }
}

#[test]
fn scans_are_as_large_as_reading_needs_and_grey() {
    let scan = |bytes: &[u8], media_type, page| {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        let wish = Wish::Scan { page };
        let drawn = draw(&mut file, bytes.len() as u64, media_type, wish, MEMORY).unwrap();
        drawn.map(|picture| {
            assert_eq!(picture.coding, Coding::Png);
            image::load_from_memory(&picture.bytes).unwrap()
        })
    };
    let document = made::pdf(&["", "a line", ""], "");
    let page = scan(&document, PDF, 1).unwrap();
    assert_eq!(page.color(), image::ColorType::L8);
    // 300 points at 300 dots to the inch.
    assert_eq!(page.dimensions(), (1_250, 1_250));
    let empty = scan(&document, PDF, 2).unwrap_err();
    assert_eq!(empty, "there is nothing on it");
    assert_eq!(scan(&document, PDF, 3).unwrap_err(), "it has no pages");
    let photo = encoded_as(picture(5_000, 1_000), ImageFormat::Jpeg);
    let photo = scan(&photo, "image/jpeg", 0).unwrap();
    assert_eq!(photo.dimensions(), (4_000, 800));
    // Ink on glass is read as on paper.
    let ink = RgbaImage::from_fn(600, 600, |x, _| match x < 300 {
        true => Rgba([0, 0, 0, 255]),
        false => Rgba([0, 0, 0, 0]),
    });
    let ink = encoded_as(ink, ImageFormat::Png);
    let ink = scan(&ink, "image/png", 0).unwrap().into_luma8();
    assert_eq!(
        (ink.get_pixel(10, 9).0, ink.get_pixel(500, 9).0),
        ([0], [255])
    );
}

#[test]
fn of_a_document_the_first_page_is_drawn() {
    let dark = |document: &[u8]| {
        let (coding, page) = made_of(document, "application/pdf");
        assert_eq!((coding, page.dimensions()), (Coding::Jpeg, (400, 400)));
        assert!(page.get_pixel(5, 5).0[0] > 250, "paper is white");
        let written = page.pixels().filter(|(_, _, pixel)| pixel.0[0] < 120);
        written.count()
    };
    assert_eq!(dark(&made::pdf(&["", "a line of the second page"], "")), 0);
    let line = dark(&made::pdf(&["a line of the first page", ""], ""));
    assert!(line > 100, "{line} dark pixels are no line of text");
}
