//! Whole files, as the world writes them and as it should not.

use std::io::{Seek, SeekFrom, Write};

use encoding_rs::{
    BIG5, EUC_JP, EUC_KR, Encoding, GB18030, ISO_2022_JP, KOI8_R, SHIFT_JIS, UTF_8, WINDOWS_1251,
    WINDOWS_1252,
};
use proptest::prelude::*;

use super::Lost;
use super::{Extraction, MAX_TEXT_BYTES, extract};

mod beside;
mod documents;
mod encodings;
mod hostile;
mod kinds;
pub(super) mod made;
mod mail;
mod older;

const ENGLISH: &str = "The harbour master keeps the ledger.\nShips come and go; the goods stay.\n";
const FRENCH: &str =
    "Où est passé le garçon de café ? Déjà l'été s'achève à la forêt, près du château.\n";
const RUSSIAN: &str = "Корабли приходят и уходят, а товары остаются на причале до самого вечера.\n";
const JAPANESE: &str = "船は港に入り、荷物は岸壁に残ります。今日は天気がとても良いですね。\n";
const KOREAN: &str = "배는 항구에 들어오고 짐은 부두에 남습니다. 오늘은 날씨가 아주 좋습니다.\n";
const SIMPLIFIED: &str = "船只来来往往，货物留在码头上。今天天气很好，我们去港口看船。\n";
const TRADITIONAL: &str = "船隻來來往往，貨物留在碼頭上。今天天氣很好，我們去港口看船。\n";

pub(super) fn extracted(name: &str, content: &[u8]) -> Extraction {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(content).unwrap();
    extract(&mut file, content.len() as u64, name).unwrap()
}

fn encoded(text: &str, encoding: &'static Encoding) -> Vec<u8> {
    let (bytes, _, unmappable) = encoding.encode(text);
    assert!(!unmappable, "{text} in {}", encoding.name());
    bytes.into_owned()
}

fn wide<const N: usize>(text: &str, unit: fn(u16) -> [u8; N]) -> Vec<u8> {
    text.encode_utf16().flat_map(unit).collect()
}

#[track_caller]
fn reads(name: &str, content: &[u8], text: &str, encoding: &str) {
    let found = extracted(name, content);
    assert_eq!(found.text, text);
    assert_eq!(found.encoding.as_deref(), Some(encoding));
    assert_eq!(found.name_only, None);
    assert!(!found.truncated);
}

#[test]
fn unicode_is_read_with_and_without_marks() {
    for text in [ENGLISH, FRENCH, RUSSIAN, JAPANESE, KOREAN] {
        reads("a.txt", text.as_bytes(), text, "UTF-8");
        reads(
            "a.txt",
            &[b"\xef\xbb\xbf", text.as_bytes()].concat(),
            text,
            "UTF-8",
        );
        let marked = format!("\u{feff}{text}");
        for text_in in [text, marked.as_str()] {
            reads("a.txt", &wide(text_in, u16::to_le_bytes), text, "UTF-16LE");
            reads("a.txt", &wide(text_in, u16::to_be_bytes), text, "UTF-16BE");
            let le: Vec<u8> = text_in
                .chars()
                .flat_map(|c| u32::from(c).to_le_bytes())
                .collect();
            let be: Vec<u8> = text_in
                .chars()
                .flat_map(|c| u32::from(c).to_be_bytes())
                .collect();
            reads("a.txt", &le, text, "UTF-32LE");
            reads("a.txt", &be, text, "UTF-32BE");
        }
    }
}

#[test]
fn older_encodings_are_detected() {
    let cases = [
        (FRENCH, WINDOWS_1252, "windows-1252"),
        (RUSSIAN, WINDOWS_1251, "windows-1251"),
        (RUSSIAN, KOI8_R, "KOI8-U"),
        (JAPANESE, SHIFT_JIS, "Shift_JIS"),
        (JAPANESE, EUC_JP, "EUC-JP"),
        (JAPANESE, ISO_2022_JP, "ISO-2022-JP"),
        (KOREAN, EUC_KR, "EUC-KR"),
        (SIMPLIFIED, GB18030, "GBK"),
        (TRADITIONAL, BIG5, "Big5"),
    ];
    for (text, encoding, detected) in cases {
        let text = text.repeat(4);
        reads("a.txt", &encoded(&text, encoding), &text, detected);
        // The first telling character comes late, as in many logs.
        let late = ENGLISH.repeat(3_000) + &text;
        reads("a.log", &encoded(&late, encoding), &late, detected);
    }
}

#[test]
fn a_page_is_read_as_it_declares() {
    let text = "Große Häfen";
    let page = format!("<meta charset=windows-1252><p>{text}");
    reads(
        "a.html",
        &encoded(&page, WINDOWS_1252),
        text,
        "windows-1252",
    );
    let kana = "<meta http-equiv=Content-Type content='text/html; charset=Shift_JIS'><p>ﾃｽﾄ";
    reads("a.htm", &encoded(kana, SHIFT_JIS), "ﾃｽﾄ", "Shift_JIS");
    // Declared by habit, written in UTF-8.
    let page = format!("<meta charset=iso-8859-1><p>{text}");
    reads("a.html", page.as_bytes(), text, "UTF-8");
    let xml = format!("<?xml version='1.0' encoding='windows-1251'?><a>{RUSSIAN}</a>");
    reads(
        "a.xml",
        &encoded(&xml, WINDOWS_1251),
        RUSSIAN.trim(),
        "windows-1251",
    );
    let wide_page = wide(&format!("<meta charset=utf-8><p>{text}"), u16::to_le_bytes);
    reads("a.html", &wide_page, text, "UTF-16LE");
}

#[test]
fn damaged_utf8_keeps_its_words() {
    let content = [RUSSIAN.as_bytes(), b"\xff broken \xd0", RUSSIAN.as_bytes()].concat();
    let text = format!("{RUSSIAN}\u{fffd} broken \u{fffd}{RUSSIAN}");
    reads("a.txt", &content, &text, "UTF-8");
}

#[test]
fn nothing_is_read_as_nothing() {
    for content in [
        b"".as_slice(),
        b"\xef\xbb\xbf",
        b"\xff\xfe",
        b"\xff\xfe\0\0",
    ] {
        let found = extracted("a.txt", content);
        assert_eq!((found.text.as_str(), found.name_only), ("", None));
    }
}

#[test]
fn binaries_are_found_by_name_only() {
    let noise: Vec<u8> = (0..4096u32)
        .map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect();
    let reason = extracted("data.txt", &noise).name_only.unwrap();
    assert!(reason.contains("binary data"), "{reason}");
    let reason = extracted("a.pdf", b"%PDF-1.7\n1 0 obj").name_only.unwrap();
    assert!(reason.contains("PDF"), "{reason}");
    let numbers: Vec<u8> = (0..2000u16).flat_map(|i| (i % 20).to_le_bytes()).collect();
    assert!(extracted("numbers", &numbers).name_only.is_some());
    let hole = [ENGLISH.as_bytes(), &[0; 8]].concat();
    assert!(extracted("a.txt", &hole).name_only.is_some());
}

#[test]
fn an_archive_behind_a_script_is_not_text() {
    let script = ENGLISH.repeat(1_000);
    let content = [script.as_bytes(), b"\0\xfe\xdc\x80\xff\xc3\x28"].concat();
    let found = extracted("install.sh", &content);
    assert_eq!(found.text, script);
    assert!(found.truncated);
    // A hole, as a power loss leaves in a log, is not the end.
    let content = [script.as_bytes(), &[0; 100], script.as_bytes()].concat();
    reads("a.log", &content, &script.repeat(2), "UTF-8");
}

#[test]
fn long_texts_are_cut_between_characters() {
    let text = FRENCH
        .trim()
        .repeat(MAX_TEXT_BYTES / FRENCH.len() + 100_000);
    for (name, content) in [
        ("a.txt", text.clone().into_bytes()),
        ("a.html", text.clone().into_bytes()),
        ("a.json", text.clone().into_bytes()),
        ("latin.txt", encoded(&text, WINDOWS_1252)),
        ("wide.txt", wide(&text, u16::to_le_bytes)),
    ] {
        let found = extracted(name, &content);
        assert!(found.truncated, "{name}");
        assert!(found.text.len() <= MAX_TEXT_BYTES, "{name}");
        assert!(
            found.text.len() >= MAX_TEXT_BYTES - 4,
            "{name}: {}",
            found.text.len()
        );
        assert!(text.starts_with(&found.text), "{name}");
    }
    let exact = "y".repeat(MAX_TEXT_BYTES);
    let found = extracted("a.txt", exact.as_bytes());
    assert!(!found.truncated && found.text == exact);
}

#[test]
fn a_huge_file_is_not_read_to_its_end() {
    let mut file = tempfile::tempfile().unwrap();
    let line = ENGLISH.repeat(1 << 10);
    while file.stream_position().unwrap() <= MAX_TEXT_BYTES as u64 {
        file.write_all(line.as_bytes()).unwrap();
    }
    file.seek(SeekFrom::Start(1 << 40)).unwrap();
    file.write_all(b"end").unwrap();
    let found = extract(&mut file, (1 << 40) + 3, "a.log").unwrap();
    assert!(found.truncated);
    assert_eq!(found.text.len(), MAX_TEXT_BYTES);
    let read = file.stream_position().unwrap();
    assert!(read < 2 * MAX_TEXT_BYTES as u64, "{read}");
}

#[test]
fn a_wrong_size_is_only_a_hint() {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(ENGLISH.repeat(2_000).as_bytes()).unwrap();
    for size in [0, 10, u64::MAX] {
        let found = extract(&mut file, size, "a.txt").unwrap();
        assert_eq!(found.text.len(), ENGLISH.len() * 2_000);
    }
}

/// Each would take minutes, or the stack, of a reader that nests or looks back.
#[test]
fn hostile_markup_is_only_long() {
    let many = |part: &str| part.repeat((512 << 10) / part.len());
    let attributes: String = (0..100_000).map(|i| format!(" a{i}")).collect();
    let documents = [
        many("<div>"),
        many("<svg>"),
        many("<template>"),
        many("<!--"),
        many("<!x[>"),
        many("<![CDATA["),
        many("<a b=\""),
        many("<a b='"),
        many("<a <"),
        many("</"),
        many("<title>"),
        many("<script>"),
        many("<?xml "),
        many("&amp"),
        many("&#x"),
        many("\u{ad}\0 "),
        format!("<p {attributes}>"),
        format!("<p title=\"{}\">", many("x ")),
    ];
    for document in documents {
        for name in ["a.html", "a.xml", "a.svg"] {
            let content = format!("word {document}");
            let found = extracted(name, content.as_bytes());
            let is_binary = found.name_only.is_some();
            assert!(
                is_binary || found.text.starts_with("word"),
                "{name}: {document:.20}"
            );
        }
    }
}

#[test]
fn each_format_has_its_reader() {
    let text = |name: &str, content: &str| extracted(name, content.as_bytes()).text;
    assert_eq!(text("a.csv", "a,\"b, c\"\r\n1,2\r\n"), "a\tb, c\n1\t2\n");
    assert_eq!(text("a.json", r#"{"k":"\u00e9\u0000t"}"#), r#"{"k":"ét"}"#);
    assert_eq!(text("a.ipynb", r#"["a\nb"]"#), "[\"a\nb\"]");
    assert_eq!(text("a.md", "_a_ **b**"), "a **b**");
    assert_eq!(text("a.atom", "<feed><title>T</title></feed>"), "T");
    assert_eq!(text("a.svg", "<svg><text>T</text></svg>"), "T");
    assert_eq!(
        text("a.rs", "fn main() {\r\n\t<a>&amp;\n}"),
        "fn main() {\n\t<a>&amp;\n}"
    );
    assert_eq!(text("page", "<!doctype html><p>T"), "T");
    assert_eq!(text("a.log", "\x1b[31mred\x1b[0m"), "red");
}

fn is_clean(text: &str) -> bool {
    !text.contains(|c: char| (c.is_control() && c != '\n' && c != '\t') || c == '\u{ad}')
}

proptest! {
    #[test]
    fn any_bytes_give_clean_bounded_text(
        content in prop::collection::vec(any::<u8>(), 0..600),
        marked in prop::sample::select(vec![&b""[..], b"\xff\xfe", b"\xff\xfe\0\0", b"\xef\xbb\xbf"]),
        name in prop::sample::select(vec!["a.html", "a.xml", "a.svg", "a.json", "a.csv", "a.md", "a"]),
    ) {
        let found = extracted(name, &[marked, &content].concat());
        prop_assert!(is_clean(&found.text));
        prop_assert!(found.text.len() <= 3 * (content.len() + 4));
        prop_assert!(found.name_only.is_none() || found.text.is_empty());
    }

    #[test]
    fn any_markup_is_read(
        parts in prop::collection::vec(
            prop::sample::select(vec![
                "<", ">", "</", "/>", "<!--", "-->", "<![CDATA[", "]]>", "<!DOCTYPE x [", "]>", "<?",
                "<script>", "</script>", "<pre>", "</pre>", "<svg>", "</svg>", "<title", "<p ", "=",
                "\"", "'", "&", "&amp;", "&#", "&#xd800;", ";", "\\u", "d83d", "\\", "é", "日", " ",
                "\n", "\r", ",", "_", "`", "\u{ad}", "\u{85}", "\u{8}", "\u{1b}[", "word",
            ]),
            0..60,
        ),
        name in prop::sample::select(vec!["a.html", "a.xml", "a.svg", "a.json", "a.csv", "a.md", "a"]),
    ) {
        let found = extracted(name, parts.concat().as_bytes());
        prop_assert!(is_clean(&found.text));
    }

    #[test]
    fn plain_text_survives_any_unicode_encoding(text in "[ -~\n\u{c0}-\u{17f}\u{400}-\u{4ff}]{0,200}") {
        let marked = format!("\u{feff}{text}");
        prop_assert_eq!(&extracted("a.txt", text.as_bytes()).text, &text);
        prop_assert_eq!(&extracted("a.txt", &wide(&marked, u16::to_le_bytes)).text, &text);
        prop_assert_eq!(&extracted("a.txt", &wide(&marked, u16::to_be_bytes)).text, &text);
        prop_assert_eq!(&extracted("a.txt", &encoded(&marked, UTF_8)).text, &text);
    }
}

#[test]
fn what_is_lost_is_tried_again_when_that_may_help() {
    let slow = Lost::Slow { seconds: 20 };
    assert!(slow.may_end_otherwise(21, 0) && !slow.may_end_otherwise(20, u64::MAX));
    let hungry = Lost::Memory { bytes: 512 };
    assert!(hungry.may_end_otherwise(0, 513) && !hungry.may_end_otherwise(u64::MAX, 512));
    let killed = Lost::Killed { times: 1 };
    assert!(killed.may_end_otherwise(0, 0));
    let twice = killed.after(Some(killed));
    assert_eq!(twice, Lost::Killed { times: 2 });
    assert!(!killed.after(Some(twice)).may_end_otherwise(0, 0));
    assert_eq!(killed.after(Some(slow)), killed);
}

#[test]
fn an_empty_file_lacks_nothing() {
    for name in ["a.txt", "a.png", "a.pdf", "a.docx", "a"] {
        let found = extracted(name, b"");
        assert_eq!((found.name_only, found.note), (None, None), "{name}");
    }
}

#[test]
fn a_mail_shows_its_head_and_what_its_page_says() {
    let mail = "From: Ada <ada@example.org>\r\nTo: Ben <ben@example.org>\r\nDate: Mon, 3 Mar 2025 10:00:00 +0100\r\n\
        Subject: Dues\r\nMIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary=b\r\n\r\n\
        --b\r\nContent-Type: text/plain\r\n\r\nThis is a page.\r\n\
        --b\r\nContent-Type: text/html\r\n\r\n<p>The dividend of the harbour is paid in the third week of May.</p>\r\n--b--\r\n";
    let text = extracted("a.eml", mail.as_bytes()).text;
    for line in [
        "From: Ada ada@example.org",
        "To: Ben ben@example.org",
        "Date: Mon, 3 Mar 2025 10:00:00 +0100",
        "Subject: Dues",
        "This is a page.",
        "The dividend of the harbour is paid in the third week of May.",
    ] {
        assert!(
            text.lines().any(|found| found == line),
            "{line:?} in {text}"
        );
    }
}
