//! Encodings that say nothing of themselves, and the names of files in archives.

use encoding_rs::{
    Encoding, GBK, IBM866, MACINTOSH, SHIFT_JIS, WINDOWS_1250, WINDOWS_1251, WINDOWS_1252,
    WINDOWS_1254, WINDOWS_1257,
};

use super::{FRENCH, JAPANESE, encoded, extracted, made, reads, wide};
use crate::extract::charset::decode_dos;

const GERMAN: &str =
    "Größere Schiffe dürfen nur bei Flut über die Schwelle, für Äpfel gilt das Übliche.\n";
const SPANISH: &str = "El niño compró pescado en el muelle; después llovió toda la mañana.\n";

/// In code page 850.
fn dos(text: &str) -> Vec<u8> {
    let upper: Vec<char> = decode_dos(&(0x80..=0xff).collect::<Vec<u8>>())
        .chars()
        .collect();
    let byte = |c: char| match c.is_ascii() {
        true => c as u8,
        false => 0x80 + upper.iter().position(|found| *found == c).unwrap() as u8,
    };
    text.chars().map(byte).collect()
}

#[test]
fn texts_of_dos_and_of_the_macintosh_are_told() {
    for text in [GERMAN, FRENCH, SPANISH] {
        reads("a.txt", &dos(text), text, "IBM850");
        let lines = "Plain lines of a log come first.\n".repeat(100) + text;
        reads("a.log", &dos(&lines), &lines, "IBM850");
        reads("a.txt", &encoded(text, MACINTOSH), text, "macintosh");
    }
}

#[test]
fn what_windows_wrote_is_told_from_them() {
    for text in [
        "He said “harbour” and left… the tender’s late",
        "The harbour’s gate wasn’t open",
        "‘harbour’",
        "«bonjour»",
        "„Hafen“ – 10\u{a0}EUR, 12 € und 20\u{a0}°",
        "10\u{a0}EUR",
        "“windows”",
        "It’s a résumé…",
    ] {
        for text in [text.to_owned(), format!("{text}\n").repeat(50)] {
            let found = extracted("a.txt", &encoded(&text, WINDOWS_1252));
            assert_eq!(found.text.trim(), text.trim());
        }
    }
    for (text, encoding) in [
        (
            "Može li mi netko reći gdje je moja šalica? Neće da izađe.",
            WINDOWS_1250,
        ),
        (
            "Zażółć gęślą jaźń, powiedział rybak na nabrzeżu.",
            WINDOWS_1250,
        ),
        (
            "Ladja bo prišla ob šestih zjutraj; čakamo v pristanišču.",
            WINDOWS_1250,
        ),
        (
            "Kuģis ienāks ostā rīt no rīta, jūrnieki gaida krastā.",
            WINDOWS_1257,
        ),
        (
            "Gemi yarın sabah limana girecek, balıkçılar rıhtımda bekliyor; ışık söndü.",
            WINDOWS_1254,
        ),
        ("Файлът има разширение „.source“ и се чете.", WINDOWS_1251),
        (
            "Корабът „Вихрен“ влиза в пристанището – утре.",
            WINDOWS_1251,
        ),
    ] {
        for text in [text.to_owned(), format!("{text}\n").repeat(60)] {
            let found = extracted("a.txt", &encoded(&text, encoding));
            assert_eq!(found.text.trim(), text.trim());
        }
    }
}

#[test]
fn stray_zero_bytes_cost_no_word() {
    for text in [
        "harbour log 2026-11-05 ok\n",
        "Größe: 7 grüne Boote am Kai und 12 Fässer\n",
    ] {
        let mut bytes = text.repeat(5).into_bytes();
        bytes.insert(text.find(' ').unwrap(), 0);
        bytes.extend([0; 3]);
        for name in ["a.log", "a.csv", "a.md", "a.txt"] {
            let found = extracted(name, &bytes);
            assert_eq!(found.text.trim(), text.repeat(5).trim(), "{name}");
            assert_eq!(found.encoding.as_deref(), Some("UTF-8"), "{name}");
        }
    }
    // Letters of which half the bytes are ASCII.
    for text in [
        FRENCH,
        "Корабль у причала ждёт прилива.\n",
        "जहाज़ घाट पर ज्वार की प्रतीक्षा कर रहा है।\n",
        "船在碼頭等待漲潮。\n燈塔 守\n",
    ] {
        reads("a.txt", &wide(text, u16::to_le_bytes), text, "UTF-16LE");
        reads("a.txt", &wide(text, u16::to_be_bytes), text, "UTF-16BE");
    }
}

#[test]
fn japanese_without_marks_and_spaces_is_wide_text() {
    let text = JAPANESE.trim();
    for text in [
        text,
        &text.repeat(40),
        "灯台守のうた",
        "テストです。\n次の行",
        "港の\u{3000}朝",
    ] {
        reads("a.txt", &wide(text, u16::to_le_bytes), text, "UTF-16LE");
        reads("a.txt", &wide(text, u16::to_be_bytes), text, "UTF-16BE");
    }
}

/// An archive whose names are in an encoding that it does not name.
fn archive(names: &[&str], encoding: &'static Encoding) -> Vec<u8> {
    let names: Vec<Vec<u8>> = names.iter().map(|name| encoded(name, encoding)).collect();
    foreign(&names)
}

fn foreign(names: &[Vec<u8>]) -> Vec<u8> {
    let stand_ins: Vec<String> = names
        .iter()
        .enumerate()
        .map(|(number, name)| format!("{}{number:02}", "#".repeat(name.len() - 2)))
        .collect();
    let entries: Vec<(&str, &str)> = stand_ins.iter().map(|name| (name.as_str(), "x")).collect();
    let mut file = made::zip(&entries);
    for (stand_in, name) in stand_ins.iter().zip(names) {
        for at in 0..file.len() - name.len() {
            if file[at..].starts_with(stand_in.as_bytes()) {
                file[at..at + name.len()].copy_from_slice(name);
            }
        }
    }
    file
}

#[test]
fn names_in_archives_are_decoded() {
    for (names, encoding) in [
        (
            &["報告書.txt", "写真/港の朝.jpg", "議事録.docx"][..],
            SHIFT_JIS,
        ),
        (&["年度报告.txt", "港口照片.jpg", "会议记录.docx"], GBK),
        (
            &["Отчет о причале.txt", "Фото/Утро.jpg", "корабли.doc"],
            IBM866,
        ),
    ] {
        let found = extracted("a.zip", &archive(names, encoding));
        assert_eq!(found.text, names.join("\n"), "{}", encoding.name());
    }
    let names = ["Résumé für Änderungen.txt", "Größe.doc"];
    let latin = names.map(|name| encoded(name, encoding_rs::WINDOWS_1252));
    assert_eq!(extracted("a.zip", &foreign(&latin)).text, names.join("\n"));
    let names = ["Größe.txt", "Übersicht für Änderungen.doc", "plain.txt"];
    let found = extracted("a.zip", &foreign(&names.map(dos)));
    assert_eq!(found.text, names.join("\n"));
    for name in [
        "Übersicht.pdf",
        "Änderung",
        "Straße.txt",
        "Öffnung.doc",
        "Ångström.txt",
        "café.txt",
    ] {
        let found = extracted("a.zip", &foreign(&[dos(name)]));
        assert_eq!(found.text, name);
    }
}
