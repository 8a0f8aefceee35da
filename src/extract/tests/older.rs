//! Documents of the Office before 2007, and messages of its Outlook.

use std::fmt::Write as _;
use std::io::{Cursor, Write as _};

use encoding_rs::{WINDOWS_1251, WINDOWS_1252};
use flate2::{Compression, write::ZlibEncoder};

use super::{encoded, extracted, made};

fn text(name: &str, content: &[u8]) -> String {
    extracted(name, content).text
}

#[test]
fn a_box_in_a_workbook_is_as_long_as_it_says() {
    let text_object = |length: u16| {
        let mut content = [0; 18];
        content[10..12].copy_from_slice(&length.to_le_bytes());
        made::biff(0x1b6, &content)
    };
    let read = |records: &[Vec<u8>]| {
        let book = made::workbook(b"", &records.concat());
        text("a.xls", &made::compound(&[("/Workbook", &book)]))
    };
    let drawing = made::biff(0x3c, b"\x0f\0\x04\xf0drawn");
    let runs = made::biff(0x3c, &[0; 16]);
    let empty = [text_object(0), drawing.clone()];
    assert_eq!(read(&empty), "Tons");
    let narrow = made::biff(0x3c, b"\0peli");
    let wide = made::biff(0x3c, &[&b"\x01"[..], &made::utf16("ćan")].concat());
    let long = [
        text_object(7),
        narrow,
        wide,
        runs,
        drawing.clone(),
        text_object(3),
        made::biff(0x3c, b"\0auk\0\0\0"),
    ];
    assert_eq!(read(&long), "Tons\npelićan\nauk");
    // Something else came in place of the text.
    let lost = [text_object(4), made::biff(0x5d, b""), drawing];
    assert_eq!(read(&lost), "Tons");
    // A formula's text goes on in the same way.
    let formula = [
        made::biff(0x06, &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff]),
        made::biff(0x207, b"\x06\0\0gan"),
        made::biff(0x3c, b"\0net"),
        made::biff(0x3c, b"\0drawn"),
    ];
    assert_eq!(read(&formula), "Tons\ngannet");
}

#[test]
fn messages_of_8_bits_are_in_one_of_the_code_pages_they_name() {
    let property = |number: u16, value: u32| {
        let number = number.to_le_bytes();
        let value = value.to_le_bytes();
        [&[3, 0], &number[..], &[0; 4], &value, &[0; 4]].concat()
    };
    let attachment = "/__attach_version1.0_#00000000";
    let read = |pages: &[(u16, u32)], written: &[u8]| {
        let mut properties = vec![0; 32];
        for (number, value) in pages {
            properties.extend(property(*number, *value));
        }
        let file = made::compound(&[
            ("/__properties_version1.0", &properties),
            ("/__substg1.0_0037001E", written),
            (&format!("{attachment}/__properties_version1.0"), &[0; 8]),
            (&format!("{attachment}/__substg1.0_3707001E"), written),
        ]);
        let found = text("a.msg", &file);
        let found = found.lines().map(str::to_owned).collect::<Vec<_>>();
        found[found.len() - 2..].join("|")
    };
    let (german, russian) = ("öäü", "пирс");
    let latin = encoded(german, WINDOWS_1252);
    let cyrillic = encoded(russian, WINDOWS_1251);
    let (internet, message, locale) = (0x3fde, 0x3ffd, 0x3ff1);
    for (pages, written, expected) in [
        (
            &[(internet, 65001), (message, 1252)][..],
            &latin[..],
            german,
        ),
        (&[(internet, 1252), (message, 1251)], &cyrillic, russian),
        (&[(internet, 65001), (message, 1251)], &cyrillic, russian),
        (&[(internet, 65001), (locale, 0x407)], &latin, german),
        (&[(internet, 65001), (locale, 0x419)], &cyrillic, russian),
        (&[(message, 65001), (locale, 0x419)], &cyrillic, russian),
        (
            &[(internet, 65001), (locale, 0x419)],
            russian.as_bytes(),
            russian,
        ),
        (&[(internet, 28595)], b"\xdf\xd8\xe0\xe1", russian),
        (&[(locale, 0x419)], &cyrillic, russian),
        (&[(locale, 0x419)], russian.as_bytes(), russian),
        (&[], german.as_bytes(), german),
    ] {
        let found = read(pages, written);
        let expected = format!("Subject: {expected}|Attachment: {expected}");
        assert_eq!(found, expected, "{pages:?}");
    }
}

#[test]
fn word_95_wrote_two_bytes_where_one_was_too_few() {
    let (start, written) = (0x400u32, "Many thanks, żuraw\r");
    let count = written.chars().count() as u32;
    let document = |flags: u16, end: u32, text: &[u8]| {
        let mut document = vec![0; start as usize];
        document[..2].copy_from_slice(&0xa5dcu16.to_le_bytes());
        document[2..4].copy_from_slice(&0x68u16.to_le_bytes());
        document[10..12].copy_from_slice(&flags.to_le_bytes());
        let mut put = |at: usize, number: u32| {
            document[at..at + 4].copy_from_slice(&number.to_le_bytes());
        };
        put(0x18, start);
        put(0x1c, end);
        put(0x34, count);
        put(0x160, start + text.len() as u32);
        put(0x164, 5 + 16);
        document.extend(text);
        document.extend([2, 16, 0, 0, 0, 0, 0, 0, 0]);
        document.extend(count.to_le_bytes());
        document.extend([0, 0]);
        document.extend(start.to_le_bytes());
        document.extend([0, 0]);
        extracted("a.doc", &made::compound(&[("/WordDocument", &document)])).text
    };
    let wide = made::utf16(written);
    for flags in [0x1000, 0x1004] {
        for end in [start + 2 * count, start + count] {
            let found = document(flags, end, &wide);
            assert_eq!(found, written.trim(), "{flags:x} {end:x}");
        }
    }
    for flags in [0, 4, 0x1000, 0x1004] {
        let found = document(flags, start + count, b"Many thanks, pelic\r");
        assert_eq!(found, "Many thanks, pelic", "{flags:x}");
    }
}

/// A compound file with another one in a folder of it.
fn with_object(outer: Vec<u8>, folder: &str, inner: Vec<u8>) -> Vec<u8> {
    let mut outer = cfb::CompoundFile::open(Cursor::new(outer)).unwrap();
    let mut inner = cfb::CompoundFile::open(Cursor::new(inner)).unwrap();
    outer.create_storage_all(folder).unwrap();
    let streams: Vec<_> = inner.walk().filter(|entry| entry.is_stream()).collect();
    for entry in streams {
        let mut content = Vec::new();
        let mut stream = inner.open_stream(entry.path()).unwrap();
        std::io::Read::read_to_end(&mut stream, &mut content).unwrap();
        let path = format!("{folder}{}", entry.path().display());
        let (parent, _) = path.rsplit_once('/').unwrap();
        outer.create_storage_all(parent).unwrap();
        let mut copy = outer.create_stream(&path).unwrap();
        copy.write_all(&content).unwrap();
    }
    outer.flush().unwrap();
    outer.into_inner().into_inner()
}

/// A file that a document shows as an icon.
fn native(name: &str, content: &[u8]) -> Vec<u8> {
    let name = [name.as_bytes(), b"\0"].concat();
    let length = |bytes: &[u8]| (bytes.len() as u32).to_le_bytes();
    let mut object = [&[2, 0], &name[..], &name, &[0, 0, 3, 0]].concat();
    object.extend(length(&name));
    object.extend(&name);
    object.extend(length(content));
    object.extend(content);
    object
}

#[test]
fn documents_inside_of_older_documents_are_read() {
    let book = || made::xls(false);
    let pdf = made::pdf(&["a page"], "");
    let icon = native("tern.txt", b"arctic tern");
    let icon = [&(icon.len() as u32).to_le_bytes()[..], &icon].concat();
    let icon = made::compound(&[("/\u{1}Ole10Native", &icon)]);
    for (inner, expected) in [
        (book(), "herring"),
        (made::doc(), "żuraw"),
        (made::ppt(), "box"),
        (icon, "tern.txt\narctic tern"),
        (made::compound(&[("/CONTENTS", &pdf)]), "a page"),
        (
            made::compound(&[("/Package", &made::docx())]),
            "Harbour dues",
        ),
        (
            made::compound(&[("/EmbeddedOdf", &made::odt())]),
            "Tide tables",
        ),
        (
            with_object(made::doc(), "/ObjectPool/_7", book()),
            "herring",
        ),
    ] {
        for (name, outer, folder) in [
            ("a.doc", made::doc(), "/ObjectPool/_1234"),
            ("a.xls", made::xls(false), "/MBD00AB"),
            (
                "a.msg",
                made::msg(),
                "/__attach_version1.0_#00000001/__substg1.0_3701000D",
            ),
        ] {
            let before = extracted(name, &outer);
            let found = extracted(name, &with_object(outer, folder, inner.clone()));
            assert_eq!((found.name_only, found.note), (None, None));
            assert_eq!(found.details, before.details, "{name}");
            let added = found.text.strip_prefix(&before.text);
            let added = added.unwrap_or_else(|| panic!("{name}: {:?}", found.text));
            assert!(added.contains(expected), "{name}: {expected} in {added:?}");
        }
    }
    // What nobody knows is passed over.
    let unknown = made::compound(&[("/CONTENTS", b"\x07words"), ("/Equation Native", b"x")]);
    let found = with_object(made::doc(), "/ObjectPool/_1", unknown);
    assert_eq!(text("a.doc", &found), text("a.doc", &made::doc()));
    // Nor is there an end to what is inside of itself.
    let mut nested = made::doc();
    for _ in 0..20 {
        nested = with_object(made::doc(), "/ObjectPool/_1", nested);
    }
    assert!(text("a.doc", &nested).matches("żuraw").count() <= 5);
}

#[test]
fn objects_on_slides_are_read() {
    let book = made::xls(false);
    let mut packed = ZlibEncoder::new(
        (book.len() as u32).to_le_bytes().to_vec(),
        Compression::default(),
    );
    packed.write_all(&book).unwrap();
    let packed = packed.finish().unwrap();
    for (instance, content) in [(0, &book), (1, &packed)] {
        let file = made::ppt_with(&made::record(0, instance, 4113, content));
        let pages = text("a.ppt", &file);
        let pages: Vec<&str> = pages.split('\u{c}').collect();
        assert!(
            pages[0].starts_with("Title\nline\nbox\nTons\nherring"),
            "{pages:?}"
        );
        assert_eq!(pages[1], "last");
    }
    for object in [made::record(0, 1, 4113, b"\xff\xff\xff\xffx"), vec![1]] {
        assert_eq!(
            text("a.ppt", &made::ppt_with(&object)),
            text("a.ppt", &made::ppt())
        );
    }
}

#[test]
fn objects_of_rtf_are_read_behind_their_paragraph() {
    let object = |class: &str, content: &[u8]| {
        let class = [class.as_bytes(), b"\0"].concat();
        let length = |bytes: &[u8]| (bytes.len() as u32).to_le_bytes();
        [
            &[1, 5, 0, 0, 2, 0, 0, 0][..],
            &length(&class),
            &class,
            &[0; 8],
            &length(content),
            content,
        ]
        .concat()
    };
    let rtf = |data: &[u8], binary: bool| {
        let mut digits = String::new();
        for (number, byte) in data.iter().enumerate() {
            let end = if number % 32 == 31 { "\r\n" } else { "" };
            write!(digits, "{byte:02X}{end}").unwrap();
        }
        let mut file =
            b"{\\rtf1{\\info{\\title Dues}}peli{\\object\\objemb{\\*\\objclass x}{\\*\\objdata "
                .to_vec();
        match binary {
            true => {
                file.extend(format!("\\bin{} ", data.len()).bytes());
                file.extend(data);
            }
            false => file.extend(digits.bytes()),
        }
        file.extend(b"}{\\result }}can\\par end}");
        extracted("a.rtf", &file)
    };
    for (data, expected) in [
        (object("Excel.Sheet.8", &made::xls(false)), "herring"),
        (
            object("Package", &native("a.txt", b"arctic tern")),
            "a.txt\narctic tern",
        ),
        ([&[9; 5][..], &made::xls(false)].concat(), "herring"),
    ] {
        for binary in [false, true] {
            let found = rtf(&data, binary);
            let text = &found.text;
            assert!(text.starts_with("Dues\npelican\n"), "{text:?}");
            assert!(
                text.contains(expected) && text.ends_with("\nend"),
                "{text:?}"
            );
            assert_eq!(found.details.title.as_deref(), Some("Dues"));
        }
    }
    let whole = object("Package", &native("a.txt", b"arctic tern"));
    for end in 0..whole.len() {
        assert!(rtf(&whole[..end], false).text.ends_with("pelican\nend") || end > 40);
    }
}
