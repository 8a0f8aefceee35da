//! What is found in each kind of document.

use super::super::{Details, Extraction};
use super::{extracted, made};

#[track_caller]
fn reads(name: &str, content: &[u8], media_type: &str, text: &str) -> Details {
    let Extraction {
        media_type: found_type,
        text: found,
        truncated,
        name_only,
        details,
        ..
    } = extracted(name, content);
    assert_eq!((name_only, truncated), (None, false));
    assert_eq!(found_type, media_type);
    assert_eq!(found, text);
    details
}

fn said(title: &str, author: &str, date: &str, pages: Option<u32>) -> Details {
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    Details {
        title: some(title),
        author: some(author),
        date: some(date),
        pages,
        ..Details::default()
    }
}

#[test]
fn pdf_page_by_page() {
    let file = made::pdf(&["first page", "", "third"], "");
    let text = "Tide tables\nAda Quay\nfirst page\u{c}\u{c}third";
    let details = reads("a", &file, "application/pdf", text);
    let expected = Details {
        scripts: Some(false),
        ..said("Tide tables", "Ada Quay", "2026-05-17T09:30:00", Some(3))
    };
    assert_eq!(details, expected);
}

#[test]
fn office_open_xml() {
    let kind = |kind: &str| format!("application/vnd.openxmlformats-officedocument.{kind}");
    let about = |pages| said("Tide & time", "Ada Quay", "2026-05-17T09:30:00", pages);
    let head = "Tide & time\nAda Quay\n";

    let text = format!("{head}Harbour dues\t2026\na\nb\nonce\na note");
    let details = reads(
        "a",
        &made::docx(),
        &kind("wordprocessingml.document"),
        &text,
    );
    assert_eq!(details, about(None));

    let text =
        format!("{head}Tons\ncod\t50%\t18 June 2020\ninline\t2\tTRUE\u{c}Empty\u{c}Last\nherring");
    let details = reads("a", &made::xlsx(), &kind("spreadsheetml.sheet"), &text);
    assert_eq!(details, about(Some(3)));

    let found = extracted("a.xlsb", &made::xlsb());
    assert_eq!(
        found.text,
        "Tons\nherring\t00042\t2020-06-18\nżuraw\tTRUE\t1.5\trich"
    );
    assert_eq!((found.details.pages, found.name_only), (Some(1), None));

    let text = format!("{head}first\nThe port\nOn each\n007\n0.3\nembedded\nspoken\u{c}second");
    let details = reads(
        "a",
        &made::pptx(),
        &kind("presentationml.presentation"),
        &text,
    );
    assert_eq!(details, about(Some(2)));
}

#[test]
fn opendocument() {
    let kind = |kind: &str| format!("application/vnd.oasis.opendocument.{kind}");
    let about = |pages| said("Tides", "Ada", "2026-05-17T09:30:00", Some(pages));
    let text = "Tides\nAda\nTide tables\nhigh  water\tbold\nlow";
    assert_eq!(reads("a", &made::odt(), &kind("text"), text), about(3));
    let text = "Tides\nAda\nOne\na\n1.5\u{c}Two\nb";
    assert_eq!(
        reads("a", &made::ods(), &kind("spreadsheet"), text),
        about(2)
    );
    let text = "Tides\nAda\none\u{c}\u{c}three";
    assert_eq!(
        reads("a", &made::odp(), &kind("presentation"), text),
        about(3)
    );
}

#[test]
fn epub_chapter_by_chapter() {
    let text = "The Wharf\nAda, Bo\nChapter one\u{c}Chapter two";
    let details = reads("a", &made::epub(), "application/epub+zip", text);
    assert_eq!(details, said("The Wharf", "Ada, Bo", "2026", Some(2)));
}

#[test]
fn rtf_in_several_encodings() {
    let text = "Tide tables\nAda\ncafé €5\nПо\tend😀";
    let details = reads("a", made::RTF.as_bytes(), "application/rtf", text);
    assert_eq!(
        details,
        said("Tide tables", "Ada", "2026-05-17T09:30:00", None)
    );
}

#[test]
fn older_office() {
    let text = "Tidés\nAda\nCafé link\nżuraw\tcell";
    let details = reads("a", &made::doc(), "application/msword", text);
    assert_eq!(details, said("Tidés", "Ada", "2019-04-17T18:40:00", None));
    let text = "Tons\nherring\t2020-06-18\n1.5\tók";
    let details = reads("a", &made::xls(false), "application/vnd.ms-excel", text);
    assert_eq!(details.pages, Some(1));
    let text = "Title\nline\nbox\u{c}last";
    let details = reads("a", &made::ppt(), "application/vnd.ms-powerpoint", text);
    assert_eq!(details.pages, Some(2));
}

#[test]
fn mail_with_what_is_attached() {
    let text = "Häfen\nAda Quay\nFrom: Ada Quay ada@example.org\nTo: Bo bo@example.org\nDate: Sun, 17 May 2026 09:30:00 +0200\nSubject: Häfen\nHigh water\nAttachment: notes.html\na pier\nAttachment\nFrom: c@example.org\nSubject: inner\nforwarded words";
    let details = reads("a", made::MAIL.as_bytes(), "message/rfc822", text);
    assert_eq!(
        details,
        said("Häfen", "Ada Quay", "2026-05-17T09:30:00", None)
    );
    let text = "Häfen\nAda\nFrom: Ada ada@example.org\nSubject: Häfen\nHigh water\nlow water\nAttachment: a.csv\nx\ty\n1\t2\n";
    let details = reads("a", &made::msg(), "application/vnd.ms-outlook", text);
    assert_eq!(details, said("Häfen", "Ada", "2019-04-17T18:40:00", None));
}

#[test]
fn pictures_tell_when_and_where() {
    let details = reads("a", &made::jpeg(), "image/jpeg", "Canon EOS5");
    let expected = Details {
        date: Some("2026-05-17T09:30:00".into()),
        width: Some(3),
        height: Some(4),
        camera: Some("Canon EOS5".into()),
        latitude: Some(-33.5),
        longitude: Some(18.25),
        ..Details::default()
    };
    assert_eq!(details, expected);
}

#[test]
fn recordings_tell_who_plays_what() {
    let details = reads("a", &made::mp3(), "audio/mpeg", "Tides\nThe Piers\nWharf");
    assert_eq!(
        (details.album.as_deref(), details.date.as_deref()),
        (Some("Wharf"), Some("2026"))
    );
    assert!(
        details
            .milliseconds
            .is_some_and(|length| (400..700).contains(&length)),
        "{details:?}"
    );
    let details = reads("a", &made::mp4(), "video/mp4", "Tides\nThe Piers");
    assert_eq!(
        (details.width, details.height, details.milliseconds),
        (Some(480), Some(640), Some(1500))
    );
    assert_eq!(details.date.as_deref(), Some("2027-08-01T21:20:00"));
    let details = reads("a", &made::mkv(), "video/x-matroska", "Tides\nThe Piers");
    assert_eq!(
        (details.width, details.height, details.milliseconds),
        (Some(640), Some(480), Some(1500))
    );
}

#[test]
fn archives_list_what_is_in_them() {
    let entries = made::zip(&[("pier/a.txt", "abc"), ("b.bin", "")]);
    reads("a", &entries, "application/zip", "pier/a.txt\nb.bin");
    let names = "pier/a.txt\npier/b.pdf";
    let tar = made::tar();
    let all = made::seven_zip(&["pier/a.txt", "pier/b.pdf"]);
    reads("a", &all, "application/x-7z-compressed", names);
    reads("a", &tar, "application/x-tar", names);
    reads("a", &made::gzip(&tar), "application/gzip", names);
    reads("a", &made::bzip2(&tar), "application/x-bzip2", names);
    reads("a", &made::xz(&tar), "application/x-xz", names);
    let packed = zstd::encode_all(&tar[..], 1).unwrap();
    reads("a", &packed, "application/zstd", names);
}

#[test]
fn a_compressed_text_is_read() {
    let text = "a café\n";
    let content = text.as_bytes();
    reads("a.log.gz", &made::gzip(content), "application/gzip", text);
    let packed = made::bzip2(content);
    reads("a.log.bz2", &packed, "application/x-bzip2", text);
    reads("a.log.xz", &made::xz(content), "application/x-xz", text);
    // Several, one behind the other, are one text.
    let twice = [made::xz(content), made::xz(content)].concat();
    reads("a.log.xz", &twice, "application/x-xz", &text.repeat(2));
    let noise = [0, 1, 2, 255];
    reads("a.gz", &made::gzip(&noise), "application/gzip", "");
    reads("a.xz", &made::xz(&noise), "application/x-xz", "");
    let nothing = b"BZh9\x17\x72\x45\x38\x50\x90\0\0\0\0";
    reads("a", nothing, "application/x-bzip2", "");
    reads("a.xz", content, "text/plain", text);
}

#[test]
fn an_archive_that_is_not_read_is_named() {
    let found = extracted("a", b"Rar!\x1a\x07\x01\0");
    assert_eq!(found.media_type, "application/vnd.rar");
    let why = found.name_only.unwrap();
    assert!(why.contains("RAR archive lists"), "{why}");
}

#[test]
fn what_is_protected_says_so() {
    let manifest = "<manifest:file-entry><manifest:encryption-data/></manifest:file-entry>";
    let mut doc = vec![0; 0x400];
    doc[10] = 0;
    doc[11] = 1;
    // Its list of entries is encrypted as well.
    let mut masked = made::zip(&[("a.txt", "secret")]);
    masked[6..8].copy_from_slice(&0x2041u16.to_le_bytes());
    masked.truncate(60);
    let documents = [
        ("a.zip", masked),
        ("a.pdf", made::encrypted_pdf()),
        ("a.odt", made::opendocument("text", "", manifest)),
        (
            "a.docx",
            made::compound(&[("/EncryptedPackage", b"x"), ("/EncryptionInfo", b"y")]),
        ),
        ("a.xls", made::xls(true)),
        ("a.doc", made::compound(&[("/WordDocument", &doc)])),
        ("a.7z", made::encrypted_seven_zip()),
    ];
    for (name, content) in documents {
        let found = extracted(name, &content);
        let sentence = "Contents not readable: a password protects it.";
        assert_eq!(found.name_only.as_deref(), Some(sentence), "{name}");
        assert_eq!(found.text, "", "{name}");
    }
}

#[test]
fn a_password_hides_no_more_of_an_archive_than_is_read() {
    let mut file = made::zip(&[("a.txt", "secret")]);
    let list = file.windows(4).position(|at| at == b"PK\x01\x02").unwrap();
    file[6] |= 1;
    file[list + 8] |= 1;
    let found = extracted("a.zip", &file);
    assert_eq!((found.note, found.truncated), (None, false));
    assert_eq!(found.text, "a.txt");
}

#[test]
fn what_is_unknown_is_not_called_damaged() {
    let pict = [&[0; 512][..], b"\x10\0\0\0\0\0\0\x01\0\x01\0\x11\x02\xff"].concat();
    let mut other = made::compound(&[("/Image/Contents", b"x")]);
    assert_eq!(other[30], 12);
    other[26] = 3;
    for (name, content) in [("a.pct", &pict[..]), ("a.pict", &pict), ("a.zvi", &other)] {
        let why = extracted(name, content).name_only.unwrap_or_default();
        assert!(
            why.contains("know") && !why.contains("damaged"),
            "{name}: {why}"
        );
    }
    // A version that says less of its sectors than they are.
    let mut document = made::doc();
    document[26] = 3;
    assert!(extracted("a.doc", &document).text.contains("żuraw"));
    // One that does not say how long its last small stream is with what fills its sector.
    let directory = u32::from_le_bytes(document[48..52].try_into().unwrap()) as usize;
    let length = (directory + 1) * 4096 + 120;
    assert_eq!(document[length] % 64, 0);
    document[length] -= 9;
    assert!(extracted("a.doc", &document).text.contains("żuraw"));
}

#[test]
fn what_is_broken_says_so() {
    for (name, content) in [
        ("a.pdf", b"%PDF-1.7\nnothing".to_vec()),
        ("a.docx", b"PK\x03\x04 and no more".to_vec()),
        (
            "a.doc",
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 and no more".to_vec(),
        ),
        ("a.jpg", b"\xff\xd8\xff\xe1".to_vec()),
        ("a.docx", made::zip(&[("a.txt", "plain")])),
        ("a.7z", b"7z\xbc\xaf\x27\x1c and no more".to_vec()),
        ("a.xz", b"\xfd7zXZ\0 and no more".to_vec()),
    ] {
        let found = extracted(name, &content);
        let sentence = found.name_only.unwrap_or_default();
        assert!(
            sentence.starts_with("Contents not readable: it"),
            "{name}: {sentence}"
        );
    }
}
