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

    let found = extracted("a.gz", &made::gzip(zeros.as_bytes()));
    assert!(found.truncated && found.text.len() <= MAX_TEXT_BYTES);

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
