//! Kinds of documents that are told apart, and what is said of those that are not read.

use super::{extracted, made};
use crate::extract::office::locked::tests::envelope;

#[test]
fn what_is_not_read_says_so() {
    let pages = made::zip(&[
        ("Index/Document.iwa", "x"),
        ("Metadata/Properties.plist", ""),
    ]);
    for name in ["a.pages", "a.numbers", "a.key", "a"] {
        let found = extracted(name, &pages);
        let why = found.name_only.unwrap_or_default();
        assert!(why.contains("iWork"), "{name}: {why}");
        assert_eq!(found.text, "");
    }
    // Something else that is a document in an archive.
    let found = extracted("a.kmz", &made::zip(&[("doc.kml", "<kml/>")]));
    assert_eq!(found.media_type, "application/vnd.google-earth.kmz");
    assert!(
        found
            .note
            .unwrap_or_default()
            .contains("names of their parts")
    );
    let found = extracted("a.zip", &made::zip(&[("doc.kml", "<kml/>")]));
    assert_eq!((found.note, found.truncated), (None, false));
}

#[test]
fn a_preview_of_iwork_is_read() {
    let pdf = made::pdf(&["a page"], "");
    let pdf: String = pdf.into_iter().map(char::from).collect();
    let found = extracted(
        "a.pages",
        &made::zip(&[
            ("index.xml", "<sl:document/>"),
            ("QuickLook/Preview.pdf", &pdf),
        ]),
    );
    assert!(found.text.ends_with("a page"), "{found:?}");
}

#[test]
fn visio_and_layouts_are_read() {
    let page = "<PageContents><Shape><Text><cp IX='0'/>Load <cp IX='1'/>here</Text></Shape><Shape><Text>Pier 2</Text></Shape></PageContents>";
    let drawing = made::office(
        "visio/document.xml",
        "<VisioDocument/>",
        "",
        &[
            ("visio/pages/pages.xml", "<Pages/>"),
            ("visio/pages/page1.xml", page),
        ],
    );
    for name in ["a.vsdx", "a"] {
        let found = extracted(name, &drawing);
        assert_eq!((found.name_only, found.note), (None, None));
        assert!(
            found.text.ends_with("Load here\nPier 2"),
            "{name}: {:?}",
            found.text
        );
    }
    let story = "<Story><ParagraphStyleRange><CharacterStyleRange><Content>Har</Content></CharacterStyleRange><CharacterStyleRange><Content>bour</Content><Br/><Content>two</Content></CharacterStyleRange></ParagraphStyleRange></Story>";
    let layout = made::zip(&[
        ("mimetype", "application/vnd.adobe.indesign-idml-package"),
        ("Stories/Story_u1.xml", story),
    ]);
    assert_eq!(extracted("a.idml", &layout).text, "Harbour\ntwo");
    let writer = made::zip(&[
        ("mimetype", "application/vnd.sun.xml.writer"),
        (
            "content.xml",
            "<office:document-content><office:body><text:p>old words</text:p></office:body></office:document-content>",
        ),
    ]);
    for name in ["a.sxw", "a"] {
        assert_eq!(extracted(name, &writer).text, "old words", "{name}");
    }
}

#[test]
fn the_reason_for_an_end_is_the_right_one() {
    let script = [&b"#!/bin/sh\n".repeat(10_000)[..], b"\0\xfe\xdc\x80\xff"].concat();
    let note = extracted("a.sh", &script).note.unwrap_or_default();
    assert!(note.contains("something else"), "{note}");
    let page = format!("{}<p>end", "<i></i>".repeat((40 << 20) / 7));
    let note = extracted("a.html", page.as_bytes())
        .note
        .unwrap_or_default();
    assert!(note.contains("markup"), "{note}");
    let long = extracted("a.txt", "y ".repeat(9 << 20).as_bytes());
    assert_eq!((long.truncated, long.note), (true, None));
}

#[test]
fn documents_that_are_one_xml_file() {
    let flat = "<?xml version='1.0'?><office:document><office:meta><dc:title>Tides</dc:title></office:meta><office:body><office:text><text:p>Har<text:span>bour</text:span></text:p></office:text></office:body></office:document>";
    assert_eq!(extracted("a.fodt", flat.as_bytes()).text, "Tides\nHarbour");
    assert_eq!(extracted("a.xml", flat.as_bytes()).text, "Tides\nHarbour");
    let word = "<?xml version='1.0'?><w:wordDocument><w:body><w:p><w:r><w:t>Har</w:t></w:r><w:r><w:t>bour</w:t></w:r></w:p></w:body></w:wordDocument>";
    assert_eq!(extracted("a.xml", word.as_bytes()).text, "Harbour");
    let book = "<?xml version='1.0'?><FictionBook><body><p>Har<emphasis>bour</emphasis></p></body></FictionBook>";
    for (name, bare) in [
        (
            "a.fb2",
            "<FictionBook xmlns='x'><p>peli<emphasis>can</emphasis></p></FictionBook>",
        ),
        ("a.xlf", "<xliff><source>peli<g>can</g></source></xliff>"),
        ("a.xliff", "<xliff><source>peli<g>can</g></source></xliff>"),
        (
            "a.tmx",
            "<!DOCTYPE tmx><tmx><seg>peli<hi>can</hi></seg></tmx>",
        ),
        ("a.ttml", "<tt xmlns='x'><p>peli<span>can</span></p></tt>"),
        ("a.opml", "<opml><outline text='pelican'/></opml>"),
    ] {
        let found = extracted(name, bare.as_bytes());
        assert_eq!(found.text, "pelican", "{name}: {}", found.media_type);
    }
    assert_eq!(extracted("a.fb2", book.as_bytes()).text, "Harbour");
    assert_eq!(
        extracted("a.vcf", b"BEGIN:VCARD\r\nFN:Ada Qu\r\n ay\r\n").text,
        "BEGIN: VCARD\nFN: Ada Quay\n"
    );
    assert_eq!(
        extracted("a", b"BEGIN:VCALENDAR\r\nSUMMARY:one\\ntwo\r\n").text,
        "BEGIN: VCALENDAR\nSUMMARY: one\ntwo\n"
    );
    assert_eq!(
        extracted("a.properties", b"a=Gr\\u00fc\\u00dfe").text,
        "a=Grüße"
    );
    let subtitles = "[Script Info]\n[Events]\nFormat: Start, Text\nDialogue: 1,high\\Nwater\n";
    assert_eq!(
        extracted("a.ass", subtitles.as_bytes()).text.lines().last(),
        Some("water")
    );
}

#[test]
fn documents_begin_behind_what_readers_pass_over() {
    let pdf: Vec<u8> = made::pdf(&["a page"], "");
    for before in [
        "\r\n",
        "\u{feff}",
        "HTTP/1.1 200 OK\r\nContent-Type: application/pdf\r\n\r\n",
    ] {
        let found = extracted("a", &[before.as_bytes(), &pdf].concat());
        assert_eq!(found.media_type, "application/pdf", "{before:?}");
        assert!(found.text.ends_with("a page"), "{before:?}");
        let found = extracted("a", format!("{before}{{\\rtf1 words}}").as_bytes());
        if !before.starts_with("HTTP") {
            assert_eq!(
                (found.media_type.as_str(), found.text.as_str()),
                ("application/rtf", "words")
            );
        }
    }
    let about = "A document begins with:\n%PDF-1.7\nand ends with %%EOF.\n";
    assert_eq!(extracted("a", about.as_bytes()).text, about);
    for before in ["", "\r\n", "\u{feff}\n", "<!-- saved -->\n"] {
        let page = format!("{before}<!DOCTYPE html><p>Har<b>bour</b>");
        assert_eq!(
            extracted("a.html.gz", &made::gzip(page.as_bytes())).text,
            "Harbour",
            "{before:?}"
        );
    }
}

#[test]
fn chapters_are_read_as_the_xml_they_are() {
    let book = |chapter: &str, name: &str| {
        let contents = format!(
            "<package><metadata><dc:title>The <![CDATA[Wharf & Co]]></dc:title><dc:subject>Fishing</dc:subject><dc:identifier>978-3-16-148410-0</dc:identifier>\
            <dc:description>&lt;p&gt;About &lt;b&gt;boats&lt;/b&gt;&lt;/p&gt;</dc:description></metadata><manifest><item id='a' href='{name}'/></manifest><spine><itemref idref='a'/></spine></package>"
        );
        extracted(
            "a.epub",
            &made::zip(&[
                ("mimetype", "application/epub+zip"),
                (
                    "META-INF/container.xml",
                    "<container><rootfile full-path='b.opf'/></container>",
                ),
                ("b.opf", &contents),
                (name, chapter),
            ]),
        )
        .text
    };
    let xhtml = "<?xml version='1.0'?><html xmlns='http://www.w3.org/1999/xhtml'><head><title/><script src='a.js'/></head><body><p>Kept <![CDATA[a < b]]></p></body></html>";
    assert_eq!(
        book(xhtml, "a.xhtml"),
        "The Wharf & Co\nFishing\n978-3-16-148410-0\nAbout boats\nKept a < b"
    );
    let svg = "<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg'><text>drawn words</text></svg>";
    assert!(book(svg, "a.svg").ends_with("drawn words"));
}

#[test]
fn what_is_no_chapter_is_read_by_what_stands_in_for_it() {
    let book = |items: &str| {
        let contents = format!(
            "<package><manifest><item id='a' href='a.xhtml' media-type='application/xhtml+xml'/>\
             <item id='d' href='d.svg' media-type='image/svg+xml'/>{items}</manifest>\
             <spine><itemref idref='a'/><itemref idref='p'/><itemref idref='d'/></spine></package>"
        );
        let found = extracted(
            "a.epub",
            &made::zip_of(&[
                ("mimetype", b"application/epub+zip"),
                (
                    "META-INF/container.xml",
                    b"<container><rootfile full-path='b.opf'/></container>",
                ),
                ("b.opf", contents.as_bytes()),
                ("a.xhtml", b"<html><p>first</p></html>"),
                ("d.svg", b"<svg><text>drawn</text></svg>"),
                ("f.xhtml", b"<html><p>in its place</p></html>"),
                ("p.png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR<b>noise</b>"),
                ("p.pdf", b"%PDF-1.7 (noise)"),
            ]),
        );
        assert_eq!(found.details.pages, Some(3), "{items}");
        found.text
    };
    let fallback = "<item id='f' href='f.xhtml' media-type='application/xhtml+xml'/>";
    let others = [
        "<item id='p' href='p.png' media-type='image/png' fallback='f'/>",
        "<item id='p' href='p.pdf' media-type='application/pdf' fallback='f'/>",
        "<item id='p' href='p.png' media-type='image/png' fallback='q'/><item id='q' href='p.pdf' media-type='application/pdf' fallback='f'/>",
    ];
    for other in others {
        assert_eq!(
            book(&format!("{fallback}{other}")),
            "first\u{c}in its place\u{c}drawn"
        );
    }
    let nothing = [
        "<item id='p' href='p.png' media-type='Image/PNG'/>",
        "<item id='p' href='p.png' media-type='image/png' fallback='p'/>",
        "<item id='p' href='p.png' media-type='image/png' fallback='gone'/>",
        "<item id='p' href='p.png' media-type='application/xhtml+xml'/>",
        "<item id='p' href='p.pdf'/>",
    ];
    for other in nothing {
        assert_eq!(book(other), "first\u{c}\u{c}drawn", "{other}");
    }
    let old = "<item id='p' href='f.xhtml' media-type='text/x-oeb1-document; charset=utf-8'/>";
    assert_eq!(book(old), "first\u{c}in its place\u{c}drawn");
}

#[test]
fn groups_of_rtf_that_only_look_different_are_read() {
    let read = |body: &str| extracted("a.rtf", format!("{{\\rtf1 {body}}}").as_bytes()).text;
    assert_eq!(
        read("har{\\*\\cs15\\b bour} {\\*\\unknown hidden}dues"),
        "harbour dues"
    );
    assert_eq!(
        read("a{\\*\\shptxt boxed}{\\*\\bkmkstart x}{\\*\\htmltag64 <p>}b"),
        "ab\nboxed"
    );
    let info = "{\\info{\\title T}{\\subject S}{\\keywords K, L}{\\doccomm C}}words";
    assert_eq!(read(info), "T\nS\nK, L\nC\nwords");
}

#[test]
fn rtf_is_read_as_its_newer_readers_read_it() {
    let read = |body: &str| extracted("a.rtf", format!("{{\\rtf1 {body}}}").as_bytes()).text;
    let formula = "{\\mmath{\\*\\moMathPara{\\*\\moMathParaPr{\\mjc centerGroup}}{\\*\\moMath{\\mf{\\mfPr{\\mtype bar}{\\*\\mctrlPr\\f1 x}}\
        {\\mnum{\\mr\\mscr0 distance}}{\\mden{\\mr\\mscr0 time}}}}}}";
    assert_eq!(
        read(&format!("speed {formula} now")),
        "speed  distance time now"
    );
    assert_eq!(
        read("{\\upr{Zuraw}{\\*\\ud{\\u380 Zuraw}}} stands"),
        "żuraw stands"
    );
    assert_eq!(
        read("{\\upr poor{\\*\\ud rich}}, {\\*\\unknown{\\*\\ud none}} end"),
        "rich,  end"
    );
    assert_eq!(read("one{\\nonesttables two} three"), "one three");
    let row = |cell: &str| {
        format!(
            "{cell}\\nestcell {{\\*\\nesttableprops\\trowd\\cellx9\\nestrow}}{{\\nonesttables\\par}}"
        )
    };
    let nested = row("inner") + &row("lower") + "outer\\cell\\row end";
    assert_eq!(read(&nested), "inner\nlower\nouter\nend");
    assert_eq!(
        read("{\\info{\\title {\\upr{poor}{\\*\\ud{rich}}}}}text"),
        "rich\ntext"
    );
    let page = |page: &str| {
        extracted(
            "a.rtf",
            format!("{{\\rtf1\\{page} H\\'84fen\\'e1}}").as_bytes(),
        )
        .text
    };
    for dos in ["pc", "pca", "ansicpg437", "ansicpg850"] {
        assert_eq!(page(dos), "Häfenß", "{dos}");
    }
    assert_eq!(page("ansi"), "H„fená");
    assert_eq!(
        read("{\\fonttbl{\\f1\\fcharset254 x;}}\\f1 H\\'84fen"),
        "Häfen"
    );
}

#[test]
fn compound_files_that_are_shorter_than_their_table_are_read() {
    let mut file = made::doc();
    let whole = extracted("a.doc", &file).text;
    // Its table has an entry for a sector that is not there.
    let table = u32::from_le_bytes(file[76..80].try_into().unwrap()) as usize;
    let sector = 1 << file[30];
    let last = sector * (table + 2) - 4;
    file[last..last + 4].copy_from_slice(&0xffff_fffe_u32.to_le_bytes());
    assert_eq!(extracted("a.doc", &file).text, whole);
    assert!(whole.contains("żuraw"));
}

#[test]
fn a_file_behind_an_icon_is_read() {
    let mut object = vec![0, 0, 0, 0, 2, 0];
    object.extend(b"dues.csv\0C:\\dues.csv\0\0\0\x03\0");
    object.extend(4u32.to_le_bytes());
    object.extend(b"C:\\\0");
    object.extend(9u32.to_le_bytes());
    object.extend(b"herring,7");
    let found = extracted("a.bin", &made::compound(&[("/\u{1}Ole10Native", &object)]));
    assert_eq!(found.text, "dues.csv\nherring\t7");
    for length in 0..object.len() {
        extracted(
            "a.bin",
            &made::compound(&[("/\u{1}Ole10Native", &object[..length])]),
        );
    }
}

#[test]
fn a_workbook_with_the_usual_password_is_read() {
    let (info, package) = envelope(&made::xlsx());
    let streams: [(&str, &[u8]); 2] = [("/EncryptedPackage", &package), ("/EncryptionInfo", &info)];
    let found = extracted("a.xlsx", &made::compound(&streams));
    assert!(found.text.contains("herring"), "{found:?}");
}
