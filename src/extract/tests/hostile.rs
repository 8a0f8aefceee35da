//! Documents that are damaged, or made to cost more than they are worth.

use super::super::{MAX_TEXT_BYTES, PAGE_BREAK};
use super::{extracted, made};

/// Cheap enough to be tried at hundreds of places.
fn is_sound(name: &str, content: &[u8]) {
    let found = extracted(name, content);
    let is_clean = |c: char| !c.is_control() || matches!(c, '\n' | '\t' | PAGE_BREAK);
    assert!(found.text.chars().all(is_clean), "{name}");
    assert!(found.name_only.is_none() || found.text.is_empty(), "{name}");
}

#[test]
fn documents_that_end_anywhere() {
    for (name, content) in made::all() {
        let step = (content.len() / 60).max(1);
        for end in (0..content.len()).step_by(step) {
            is_sound(name, &content[..end]);
        }
    }
}

#[test]
fn documents_with_a_wrong_byte_anywhere() {
    for (name, content) in made::all() {
        let step = (content.len() / 120).max(1);
        for at in (0..content.len()).step_by(step) {
            for wrong in [0xff, 0x00, content[at] ^ 0x10] {
                let mut damaged = content.clone();
                damaged[at] = wrong;
                is_sound(name, &damaged);
            }
        }
    }
}

#[test]
fn bombs_are_over_soon() {
    let zeros = "0".repeat(200 << 20);
    let sheet = "<worksheet><row><c t='inlineStr'><is><t>".to_owned() + &zeros;
    let bomb = made::zip(&[
        ("[Content_Types].xml", "<Types/>"),
        (
            "xl/workbook.xml",
            "<workbook><sheet name='a' r:id='1'/></workbook>",
        ),
        (
            "xl/_rels/workbook.xml.rels",
            "<Relationship Id='1' Type='x/worksheet' Target='a.xml'/>",
        ),
        ("xl/a.xml", &sheet),
    ]);
    assert!(bomb.len() < 1 << 20);
    let found = extracted("a.xlsx", &bomb);
    assert!(found.truncated && found.text.len() <= MAX_TEXT_BYTES);

    let zeros = &zeros.as_bytes()[..40 << 20];
    let packed = [made::gzip(zeros), made::bzip2(zeros), made::xz(zeros)];
    for bomb in packed {
        assert!(bomb.len() < 1 << 20);
        let found = extracted("a", &bomb);
        assert_eq!((found.text.len(), found.note), (MAX_TEXT_BYTES, None));
        assert!(found.truncated);
    }

    // One long string in a hundred thousand cells.
    let cells = "<c t='s'><v>0</v></c>".repeat(100_000);
    let shared = made::zip(&[
        (
            "xl/workbook.xml",
            "<workbook><sheet name='a' r:id='1'/></workbook>",
        ),
        (
            "xl/_rels/workbook.xml.rels",
            "<Relationship Id='1' Type='x/worksheet' Target='a.xml'/><Relationship Type='x/sharedStrings' Target='s.xml'/>",
        ),
        ("xl/a.xml", &cells),
        (
            "xl/s.xml",
            &format!("<sst><si><t>{}</t></si></sst>", "long ".repeat(100_000)),
        ),
    ]);
    let found = extracted("a.xlsx", &shared);
    assert!(found.truncated && found.text.len() <= MAX_TEXT_BYTES);
}

/// What was whole before the damage is found.
#[test]
fn compressed_files_that_end_too_early() {
    let mut number = 1_u64;
    let digits = (0..200_000).map(|_| {
        number = number
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        format!("{}\n", number >> 40)
    });
    let text: String = digits.collect();
    let content = text.as_bytes();
    let packed = [
        made::gzip(content),
        made::bzip2(content),
        made::xz(content),
        zstd::encode_all(content, 1).unwrap(),
    ];
    for whole in packed {
        let found = extracted("a", &whole[..whole.len() / 2]);
        assert!(!found.text.is_empty() && text.starts_with(&found.text));
        let note = "Contents readable in part only: it is damaged or not complete.";
        assert_eq!(found.note.as_deref(), Some(note), "{}", found.media_type);
    }
    let mut tar = made::tar();
    tar.truncate(2 * 512 + 512);
    let found = extracted("a", &tar);
    assert_eq!(found.text, "pier/a.txt\npier/b.pdf");
    assert!(found.note.is_some());
}

/// Each claims more than there is room for.
#[test]
fn archives_that_ask_for_too_much() {
    let mut xz = made::xz(b"abc");
    // A dictionary of four gigabytes: the filter, how long its properties are, and they.
    let at = 12
        + xz[12..]
            .windows(2)
            .position(|pair| pair == [0x21, 1])
            .unwrap();
    xz[at + 2] = 40;
    let end = 12 + 4 * usize::from(xz[12]);
    let sum = crc32fast::hash(&xz[12..end]);
    xz[end..end + 4].copy_from_slice(&sum.to_le_bytes());
    let entries = [&[1, 5][..], &[0xff; 9]].concat();
    let mut lzma = vec![
        0x17, 6, 0, 1, 9, 16, 0, 7, 0x0b, 1, 0, 1, 0x23, 3, 1, 1, 5, 0x5d,
    ];
    lzma.extend([0xff; 4]);
    lzma.extend([0x0c, 0xff]);
    lzma.extend((1_u64 << 47).to_le_bytes());
    lzma.extend([0, 0]);
    for (name, content) in [
        ("a.xz", xz),
        ("a.7z", made::seven_zip_of(&entries)),
        ("a.7z", [made::seven_zip_of(&lzma), vec![0; 64]].concat()),
    ] {
        let found = extracted(name, &content);
        let why = found.name_only.unwrap_or_default();
        assert!(
            why.starts_with("Contents not readable: it"),
            "{name}: {why}"
        );
    }
}

#[test]
fn nesting_is_bounded() {
    let mut message = "Subject: innermost\r\n\r\ndeep\r\n".to_owned();
    for level in 0..20 {
        message = format!(
            "From: a@example.org\r\nSubject: level {level}\r\nTo: b@example.org\r\nDate: Sun, 17 May 2026 09:30:00 +0200\r\nMIME-Version: 1.0\r\n\
             Content-Type: multipart/mixed; boundary=b{level}\r\n\r\n--b{level}\r\nContent-Type: message/rfc822\r\n\r\n{message}\r\n--b{level}--\r\n"
        );
    }
    let found = extracted("a.eml", message.as_bytes());
    assert!(found.text.contains("level 19") && !found.text.contains("deep"));
    is_sound(
        "a.rtf",
        format!("{{\\rtf1 {}", "{".repeat(1 << 20)).as_bytes(),
    );
    is_sound(
        "a.rtf",
        format!("{{\\rtf1 {}", "}".repeat(1 << 20)).as_bytes(),
    );
    is_sound(
        "a.docx",
        &made::zip(&[("word/document.xml", &"<w:document>".repeat(1 << 16))]),
    );
}
