//! Small documents of every kind, made here byte by byte.

use std::io::{Cursor, Write};

use lzma_rust2::{XzOptions, XzWriter};
use sevenz_rust2::{ArchiveEntry, ArchiveWriter};
use zip::CompressionMethod;
use zip::write::{SimpleFileOptions, ZipWriter};

/// A PDF with a line of text on each page; `security` goes into its trailer.
pub fn pdf(pages: &[&str], security: &str) -> Vec<u8> {
    let kids: Vec<String> = (0..pages.len())
        .map(|number| format!("{} 0 R", 5 + 2 * number))
        .collect();
    let mut objects = vec![
        "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
        format!(
            "<< /Type /Pages /Count {} /Kids [{}] >>",
            pages.len(),
            kids.join(" ")
        ),
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>".to_owned(),
        "<< /Title (Tide tables) /Author (Ada Quay) /CreationDate (D:20260517093000Z) >>"
            .to_owned(),
    ];
    for (number, text) in pages.iter().enumerate() {
        objects.push(format!(
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 300 300] /Contents {} 0 R /Resources << /Font << /F 3 0 R >> >> >>",
            6 + 2 * number
        ));
        let content = format!("BT /F 12 Tf 20 200 Td ({text}) Tj ET");
        objects.push(format!(
            "<< /Length {} >>\nstream\n{content}\nendstream",
            content.len()
        ));
    }
    let mut file = b"%PDF-1.7\n".to_vec();
    let mut places = Vec::new();
    for (number, object) in objects.iter().enumerate() {
        places.push(file.len());
        file.extend(format!("{} 0 obj\n{object}\nendobj\n", number + 1).bytes());
    }
    let table = file.len();
    file.extend(format!("xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1).bytes());
    for place in places {
        file.extend(format!("{place:010} 00000 n \n").bytes());
    }
    let trailer = format!(
        "trailer\n<< /Size {} /Root 1 0 R /Info 4 0 R {security} >>\nstartxref\n{table}\n%%EOF\n",
        objects.len() + 1
    );
    file.extend(trailer.bytes());
    file
}

pub fn encrypted_pdf() -> Vec<u8> {
    let key = "ab".repeat(32);
    let security = format!(
        "/Encrypt << /Filter /Standard /V 1 /R 2 /O <{key}> /U <{key}> /P -4 >> /ID [<{key}> <{key}>]"
    );
    pdf(&["secret"], &security)
}

pub fn zip(entries: &[(&str, &str)]) -> Vec<u8> {
    let entries: Vec<(&str, &[u8])> = entries
        .iter()
        .map(|(name, content)| (*name, content.as_bytes()))
        .collect();
    zip_of(&entries)
}

pub fn zip_of(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in entries {
        let method = match *name {
            "mimetype" => CompressionMethod::Stored,
            _ => CompressionMethod::Deflated,
        };
        archive
            .start_file(
                *name,
                SimpleFileOptions::default().compression_method(method),
            )
            .unwrap();
        archive.write_all(content).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

/// A package of Office Open XML around its main part, and its own links.
pub fn office(main: &str, content: &str, links: &str, parts: &[(&str, &str)]) -> Vec<u8> {
    let (folder, name) = main.split_once('/').unwrap();
    let package = format!(
        "<Relationships><Relationship Id='1' Type='http://x/officeDocument' Target='{main}'/>\
         <Relationship Id='2' Type='http://x/metadata/core-properties' Target='docProps/core.xml'/></Relationships>"
    );
    let links = format!("<Relationships>{links}</Relationships>");
    let links_name = format!("{folder}/_rels/{name}.rels");
    let core = "<cp:coreProperties><dc:title>Tide &amp; time</dc:title><dc:creator>Ada Quay</dc:creator>\
        <dcterms:created>2026-05-17T09:30:00Z</dcterms:created></cp:coreProperties>";
    let mut entries = vec![
        ("[Content_Types].xml", "<Types/>"),
        ("_rels/.rels", package.as_str()),
        ("docProps/core.xml", core),
        (main, content),
        (links_name.as_str(), links.as_str()),
    ];
    entries.extend(parts);
    zip(&entries)
}

pub fn docx() -> Vec<u8> {
    let document = "<?xml version='1.0'?><w:document><w:body><w:p><w:pPr><w:tabs><w:tab/></w:tabs></w:pPr><w:r><w:t>Har</w:t></w:r>\
        <w:r><w:t xml:space='preserve'>bour </w:t><w:t>dues</w:t><w:tab/><w:t>2026</w:t></w:r></w:p>\
        <w:p><w:del><w:r><w:delText>gone</w:delText></w:r></w:del><w:r><w:instrText>PAGE</w:instrText></w:r></w:p>\
        <w:tbl><w:tr><w:tc><w:p><w:r><w:t>a</w:t></w:r></w:p></w:tc><w:tc><w:p><w:r><w:t>b</w:t></w:r></w:p></w:tc></w:tr></w:tbl>\
        <mc:AlternateContent><mc:Choice><w:t>once</w:t></mc:Choice><mc:Fallback><w:t>twice</w:t></mc:Fallback></mc:AlternateContent>\
        </w:body></w:document>";
    office(
        "word/document.xml",
        document,
        "<Relationship Id='n' Type='http://x/footnotes' Target='footnotes.xml'/>",
        &[(
            "word/footnotes.xml",
            "<w:footnotes><w:p><w:r><w:t>a note</w:t></w:r></w:p></w:footnotes>",
        )],
    )
}

pub fn xlsx() -> Vec<u8> {
    let workbook = "<workbook><sheets><sheet name='Tons' r:id='s1'/><sheet name='Empty' r:id='s2'/><sheet name='Last' r:id='s3'/></sheets></workbook>";
    let sheet = "<worksheet><sheetData><row><c t='s'><v>1</v></c><c s='1'><v>0.5</v></c><c s='2'><v>44000</v></c></row>\
        <row><c t='inlineStr'><is><t>inline</t></is></c><c><f>1+1</f><v>2</v></c><c t='b'><v>1</v></c><c t='s'><v>99</v></c></row></sheetData></worksheet>";
    let last = "<worksheet><sheetData><row><c t='s'><v>0</v></c></row></sheetData></worksheet>";
    let styles = "<styleSheet><numFmts><numFmt numFmtId='200' formatCode='d\\ mmmm\\ yyyy'/></numFmts>\
        <cellXfs><xf numFmtId='0'/><xf numFmtId='9'/><xf numFmtId='200'/></cellXfs></styleSheet>";
    office(
        "xl/workbook.xml",
        workbook,
        "<Relationship Id='s1' Type='http://x/worksheet' Target='worksheets/sheet1.xml'/>\
         <Relationship Id='s3' Type='http://x/worksheet' Target='/xl/worksheets/sheet3.xml'/>\
         <Relationship Id='t' Type='http://x/sharedStrings' Target='sharedStrings.xml'/>\
         <Relationship Id='y' Type='http://x/styles' Target='styles.xml'/>",
        &[
            ("xl/worksheets/sheet1.xml", sheet),
            ("xl/worksheets/sheet3.xml", last),
            (
                "xl/sharedStrings.xml",
                "<sst><si><t>herring</t></si><si><r><t>co</t></r><r><t>d</t></r><rPh><t>x</t></rPh></si></sst>",
            ),
            ("xl/styles.xml", styles),
        ],
    )
}

pub fn pptx() -> Vec<u8> {
    let presentation = "<p:presentation><p:sldIdLst><p:sldId id='256' r:id='b'/><p:sldId id='257' r:id='a'/></p:sldIdLst></p:presentation>";
    let slide = |text: &str| {
        format!("<p:sld><p:txBody><a:p><a:r><a:t>{text}</a:t></a:r></a:p></p:txBody></p:sld>")
    };
    office(
        "ppt/presentation.xml",
        presentation,
        "<Relationship Id='a' Type='http://x/slide' Target='slides/slide1.xml'/>\
         <Relationship Id='b' Type='http://x/slide' Target='slides/slide2.xml'/>",
        &[
            ("ppt/slides/slide1.xml", &slide("second")),
            ("ppt/slides/slide2.xml", &slide("first")),
            (
                "ppt/slides/_rels/slide2.xml.rels",
                "<Relationships><Relationship Id='n' Type='http://x/notesSlide' Target='../notesSlides/n.xml'/>\
                 <Relationship Id='c' Type='http://x/chart' Target='../c.xml'/><Relationship Id='o' Type='http://x/oleObject' Target='../o.bin'/>\
                 <Relationship Id='l' Type='http://x/slideLayout' Target='../l.xml'/></Relationships>",
            ),
            (
                "ppt/slides/_rels/slide1.xml.rels",
                "<Relationships><Relationship Id='l' Type='http://x/slideLayout' Target='../l.xml'/></Relationships>",
            ),
            (
                "ppt/_rels/l.xml.rels",
                "<Relationships><Relationship Id='m' Type='http://x/slideMaster' Target='m.xml'/></Relationships>",
            ),
            (
                "ppt/l.xml",
                "<p:sldLayout><p:sp><p:nvPr><p:ph type='title'/></p:nvPr><a:p><a:t>Click here</a:t></a:p></p:sp>\
                 <p:sp><a:p><a:t>On each</a:t></a:p></p:sp></p:sldLayout>",
            ),
            (
                "ppt/m.xml",
                "<p:sldMaster><p:sp><a:p><a:t>The port</a:t></a:p></p:sp></p:sldMaster>",
            ),
            (
                "ppt/c.xml",
                "<c:chart><c:strCache><c:pt><c:v>007</c:v></c:pt></c:strCache><c:numCache><c:pt><c:v>0.30000000000000004</c:v></c:pt></c:numCache></c:chart>",
            ),
            ("ppt/o.bin", "{\\rtf1 embedded}"),
            (
                "ppt/notesSlides/n.xml",
                "<p:notes><a:p><a:t>spoken</a:t></a:p></p:notes>",
            ),
        ],
    )
}

pub fn opendocument(kind: &str, body: &str, manifest: &str) -> Vec<u8> {
    let mimetype = format!("application/vnd.oasis.opendocument.{kind}");
    let content = format!(
        "<office:document-content><office:body>{body}</office:body></office:document-content>"
    );
    let meta = "<office:meta><dc:title>Tides</dc:title><meta:initial-creator>Ada</meta:initial-creator>\
        <meta:creation-date>2026-05-17T09:30:00.123</meta:creation-date><meta:document-statistic meta:page-count='3'/></office:meta>";
    zip(&[
        ("mimetype", &mimetype),
        ("content.xml", &content),
        ("meta.xml", meta),
        ("META-INF/manifest.xml", manifest),
    ])
}

pub fn odt() -> Vec<u8> {
    let body = "<office:text><text:tracked-changes><text:p>gone</text:p></text:tracked-changes>\
        <text:h>Tide  tables</text:h><text:p>high<text:s text:c='2'/>water<text:tab/><text:span>bo</text:span>ld<text:line-break/>low</text:p></office:text>";
    opendocument("text", body, "<manifest/>")
}

pub fn ods() -> Vec<u8> {
    let body = "<office:spreadsheet><table:table table:name='One'><table:table-row><table:table-cell><text:p>a</text:p></table:table-cell>\
        <table:table-cell><text:p>1.5</text:p></table:table-cell></table:table-row></table:table>\
        <table:table table:name='Two'><table:table-row><table:table-cell><text:p>b</text:p></table:table-cell></table:table-row></table:table></office:spreadsheet>";
    opendocument("spreadsheet", body, "")
}

pub fn odp() -> Vec<u8> {
    let body = "<office:presentation><draw:page><draw:frame><text:p>one</text:p></draw:frame></draw:page><draw:page/>\
        <draw:page><text:p>three</text:p></draw:page></office:presentation>";
    opendocument("presentation", body, "")
}

pub fn epub() -> Vec<u8> {
    let contents = "<package><metadata><dc:title>The Wharf</dc:title><dc:creator>Ada</dc:creator><dc:creator>Bo</dc:creator><dc:date>2026</dc:date></metadata>\
        <manifest><item id='b' href='b%20b.xhtml'/><item id='a' href='a.xhtml'/></manifest><spine><itemref idref='a'/><itemref idref='b'/></spine></package>";
    zip(&[
        ("mimetype", "application/epub+zip"),
        (
            "META-INF/container.xml",
            "<container><rootfile full-path='OPS/book.opf'/></container>",
        ),
        ("OPS/book.opf", contents),
        (
            "OPS/a.xhtml",
            "<html><body><p>Chapter <b>o</b>ne</p></body></html>",
        ),
        (
            "OPS/b b.xhtml",
            "<html><body><p>Chapter two</p></body></html>",
        ),
    ])
}

pub const RTF: &str = "{\\rtf1\\ansi\\ansicpg1252{\\fonttbl{\\f0 Times;}{\\f1\\fcharset204 Courier;}}{\\colortbl;\\red0;}\
    {\\info{\\title Tide tables}{\\author Ada}{\\creatim\\yr2026\\mo5\\dy17\\hr9\\min30}}{\\*\\generator x;}\\pard caf\\'e9 \\u8364?5\\par\
    \\f1 \\'cf\\'ee\\plain\\tab end{\\*\\unknown hidden}{\\pict 00ff}\\u-10179?\\u-8704?}";

pub const MAIL: &str = "From: Ada Quay <ada@example.org>\r\nTo: Bo <bo@example.org>\r\nSubject: =?utf-8?q?H=C3=A4fen?=\r\n\
    Date: Sun, 17 May 2026 09:30:00 +0200\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n\
    --x\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nHigh water\r\n\
    --x\r\nContent-Type: application/octet-stream; name=\"notes.html\"\r\nContent-Disposition: attachment; filename=\"notes.html\"\r\n\
    Content-Transfer-Encoding: base64\r\n\r\nPHA+YSA8Yj5waWVyPC9iPg==\r\n\
    --x\r\nContent-Type: message/rfc822\r\n\r\nFrom: c@example.org\r\nSubject: inner\r\n\r\nforwarded words\r\n--x--\r\n";

/// A compound file with these streams; folders are made for them.
pub fn compound(streams: &[(&str, &[u8])]) -> Vec<u8> {
    let mut file = cfb::CompoundFile::create(Cursor::new(Vec::new())).unwrap();
    for (path, content) in streams {
        if let Some((folder, _)) = path
            .rsplit_once('/')
            .filter(|(folder, _)| !folder.is_empty())
        {
            file.create_storage_all(folder).unwrap();
        }
        file.create_stream(path)
            .unwrap()
            .write_all(content)
            .unwrap();
    }
    file.flush().unwrap();
    file.into_inner().into_inner()
}

pub fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

pub fn doc() -> Vec<u8> {
    let narrow = b"Caf\xe9 \x13 HYPERLINK x \x14link\x15\r";
    let wide = utf16("żuraw\u{7}cell\u{1}");
    let mut document = vec![0; 0x400];
    document[..2].copy_from_slice(&0xa5ecu16.to_le_bytes());
    document[2..4].copy_from_slice(&0xc1u16.to_le_bytes());
    document[10..12].copy_from_slice(&0x0200u16.to_le_bytes());
    let narrow_at = (document.len() as u32 * 2) | 0x4000_0000;
    document.extend(narrow);
    let wide_at = document.len() as u32;
    document.extend(&wide);
    let ends = [
        0,
        narrow.len() as u32,
        (narrow.len() + wide.len() / 2) as u32,
    ];
    let mut list: Vec<u8> = ends.iter().flat_map(|end| end.to_le_bytes()).collect();
    for place in [narrow_at, wide_at] {
        list.extend([0, 0]);
        list.extend(place.to_le_bytes());
        list.extend([0, 0]);
    }
    let mut table = vec![1, 2, 0, 0, 0, 2];
    table.extend((list.len() as u32).to_le_bytes());
    table.extend(list);
    document[0x1a6..0x1aa].copy_from_slice(&(table.len() as u32).to_le_bytes());
    compound(&[
        ("/WordDocument", &document),
        ("/1Table", &table),
        ("/\u{5}SummaryInformation", &summary()),
    ])
}

/// Title, author and time, as the older Office keeps them.
pub fn summary() -> Vec<u8> {
    let text = |text: &[u8]| {
        [
            &30u32.to_le_bytes()[..],
            &(text.len() as u32).to_le_bytes(),
            text,
        ]
        .concat()
    };
    let values = [
        (
            1u32,
            [&2u32.to_le_bytes()[..], &1252u32.to_le_bytes()].concat(),
        ),
        (2, text(b"Tid\xe9s\0\0\0")),
        (4, text(b"Ada\0")),
        (
            12,
            [
                &64u32.to_le_bytes()[..],
                &132_000_000_000_000_000u64.to_le_bytes(),
            ]
            .concat(),
        ),
    ];
    let mut directory = Vec::new();
    let mut content: Vec<u8> = Vec::new();
    for (id, value) in &values {
        let at = 8 + 8 * values.len() + content.len();
        directory.extend(id.to_le_bytes());
        directory.extend((at as u32).to_le_bytes());
        content.extend(value);
    }
    let mut set = vec![0xfe, 0xff];
    set.resize(44, 0);
    set.extend(48u32.to_le_bytes());
    set.extend(((8 + directory.len() + content.len()) as u32).to_le_bytes());
    set.extend((values.len() as u32).to_le_bytes());
    set.extend(directory);
    set.extend(content);
    set
}

/// A record of a workbook.
pub fn biff(kind: u16, content: &[u8]) -> Vec<u8> {
    [
        &kind.to_le_bytes()[..],
        &(content.len() as u16).to_le_bytes(),
        content,
    ]
    .concat()
}

pub fn xls(encrypted: bool) -> Vec<u8> {
    let password = if encrypted {
        biff(0x2f, &[0; 6])
    } else {
        Vec::new()
    };
    let cell = |kind: u16, row: u8, style: u8, rest: &[u8]| {
        biff(kind, &[&[row, 0, 0, 0, style, 0], rest].concat())
    };
    let cells = [
        cell(0xfd, 0, 0, &0u32.to_le_bytes()),
        cell(0x203, 0, 1, &44_000f64.to_le_bytes()),
        cell(0x27e, 1, 0, &(150u32 << 2 | 3).to_le_bytes()),
        cell(0x06, 1, 0, &[0, 0, 0, 0, 0, 0, 0xff, 0xff]),
        biff(0x207, b"\x02\0\x01\xf3\0k\0"),
    ];
    compound(&[("/Workbook", &workbook(&password, &cells.concat()))])
}

/// The stream of a workbook with one sheet of these records, and one string.
pub fn workbook(password: &[u8], sheet: &[u8]) -> Vec<u8> {
    let begin = |kind: u8| biff(0x809, &[0, 6, kind, 0, 0, 0, 0, 0]);
    let strings = biff(0xfc, b"\x01\0\0\0\x01\0\0\0\x07\0\0herring");
    let style = |format: u8| biff(0xe0, &[0, 0, format, 0]);
    let end = biff(0x0a, b"");
    let globals = |start: u32| {
        let mut bound = start.to_le_bytes().to_vec();
        bound.extend(b"\0\0\x04\0Tons");
        let bound = biff(0x85, &bound);
        let styles = [style(0), style(14)].concat();
        [&begin(5), password, &styles, &bound, &strings, &end].concat()
    };
    let start = globals(0).len() as u32;
    [&globals(start), &begin(0x10), sheet, &end].concat()
}

/// A record of a presentation.
pub fn record(version: u16, instance: u16, kind: u16, content: &[u8]) -> Vec<u8> {
    [
        &(instance << 4 | version).to_le_bytes()[..],
        &kind.to_le_bytes(),
        &(content.len() as u32).to_le_bytes(),
        content,
    ]
    .concat()
}

pub fn ppt() -> Vec<u8> {
    ppt_with(&[])
}

/// The same with a record on its first slide that has the file of an embedded object.
pub fn ppt_with(object: &[u8]) -> Vec<u8> {
    let number = 9u32.to_le_bytes();
    let atom = [&[0; 8], &number[..], &[0; 4], &4u32.to_le_bytes(), &[0; 4]].concat();
    let objects = record(15, 0, 4044, &record(0, 0, 4035, &atom));
    let objects = record(15, 0, 1033, &objects);
    let shown = record(15, 0, 0xf011, &record(0, 0, 3009, &number));
    let shown = match object {
        [] => Vec::new(),
        _ => record(15, 0, 0xf00d, &shown),
    };
    let persist = |object: u32, id: u32| {
        let content: Vec<u8> = [object, 0, 0, id, 0]
            .iter()
            .flat_map(|part| part.to_le_bytes())
            .collect();
        record(0, 0, 1011, &content)
    };
    let outline = record(0, 0, 4000, &utf16("Title\rline"));
    let list = [persist(2, 256), outline, persist(3, 257)].concat();
    let list = record(15, 0, 4080, &list);
    let document = record(15, 0, 1000, &[list, objects].concat());
    let slide = |text: &[u8], shown: &[u8]| {
        let text = record(15, 0, 0xf00d, &record(0, 0, 4008, text));
        record(15, 0, 1006, &[&text, shown].concat())
    };
    let old = slide(b"before it was saved again", b"");
    let (first, second) = (slide(b"box", &shown), slide(b"last", b""));
    let places = [
        old.len(),
        old.len() + document.len(),
        old.len() + document.len() + first.len(),
        old.len() + document.len() + first.len() + second.len(),
    ];
    let mut directory = (1u32 | 4 << 20).to_le_bytes().to_vec();
    places
        .iter()
        .for_each(|place| directory.extend((*place as u32).to_le_bytes()));
    let mut stream = [&old, &document, &first, &second, object].concat();
    let directory_at = stream.len() as u32;
    stream.extend(record(0, 0, 6002, &directory));
    let edit_at = stream.len() as u32;
    let edit: Vec<u8> = [0, 0, 0, directory_at, 1, 0, 0]
        .iter()
        .flat_map(|part: &u32| part.to_le_bytes())
        .collect();
    stream.extend(record(0, 0, 4085, &edit));
    let mut user = vec![0; 12];
    user.extend(0xe391_c05fu32.to_le_bytes());
    user.extend(edit_at.to_le_bytes());
    compound(&[("/PowerPoint Document", &stream), ("/Current User", &user)])
}

pub fn msg() -> Vec<u8> {
    let attachment = "/__attach_version1.0_#00000000";
    let sent = [
        &[0x40, 0, 0x39, 0, 0, 0, 0, 0][..],
        &132_000_000_000_000_000u64.to_le_bytes(),
    ]
    .concat();
    let properties = [vec![0; 32], sent].concat();
    compound(&[
        ("/__properties_version1.0", &properties),
        ("/__substg1.0_0037001F", &utf16("Häfen")),
        ("/__substg1.0_0C1A001F", &utf16("Ada")),
        ("/__substg1.0_0C1F001F", &utf16("ada@example.org")),
        ("/__substg1.0_1000001F", &utf16("High water\r\nlow water")),
        (&format!("{attachment}/__properties_version1.0"), &[0; 8]),
        (
            &format!("{attachment}/__substg1.0_3707001F"),
            &utf16("a.csv"),
        ),
        (&format!("{attachment}/__substg1.0_37010102"), b"x,y\n1,2\n"),
    ])
}

/// A picture of 4 by 3 pixels that is to be turned a quarter.
pub fn jpeg() -> Vec<u8> {
    let mut tiff = b"II*\0\x08\0\0\0".to_vec();
    let text = |tag: u16, length: u32, at: u32| {
        [
            &tag.to_le_bytes()[..],
            &2u16.to_le_bytes(),
            &length.to_le_bytes(),
            &at.to_le_bytes(),
        ]
        .concat()
    };
    let data = 8 + 2 + 5 * 12 + 4;
    tiff.extend(5u16.to_le_bytes());
    tiff.extend(text(0x10f, 6, data));
    tiff.extend(text(0x110, 5, data + 6));
    tiff.extend([0x12, 0x01, 3, 0, 1, 0, 0, 0, 6, 0, 0, 0]);
    tiff.extend(text(0x132, 20, data + 12));
    tiff.extend(
        [
            &0x8825u16.to_le_bytes()[..],
            &4u16.to_le_bytes(),
            &1u32.to_le_bytes(),
            &(data + 32).to_le_bytes(),
        ]
        .concat(),
    );
    tiff.extend([0; 4]);
    tiff.extend(b"Canon\0EOS5\0\x002026:05:17 09:30:00\0");
    let places = data + 32 + 2 + 4 * 12 + 4;
    tiff.extend(4u16.to_le_bytes());
    tiff.extend([1, 0, 2, 0, 2, 0, 0, 0, b'S', 0, 0, 0]);
    tiff.extend([&[2, 0, 5, 0, 3, 0, 0, 0][..], &places.to_le_bytes()].concat());
    tiff.extend([3, 0, 2, 0, 2, 0, 0, 0, b'E', 0, 0, 0]);
    tiff.extend([&[4, 0, 5, 0, 3, 0, 0, 0][..], &(places + 24).to_le_bytes()].concat());
    tiff.extend([0; 4]);
    for part in [33u32, 30, 0, 18, 15, 0] {
        tiff.extend(part.to_le_bytes());
        tiff.extend(1u32.to_le_bytes());
    }
    let mut file = vec![0xff, 0xd8, 0xff, 0xe1];
    file.extend(((tiff.len() + 8) as u16).to_be_bytes());
    file.extend(b"Exif\0\0");
    file.extend(tiff);
    file.extend([0xff, 0xc0, 0, 11, 8, 0, 3, 0, 4, 1, 1, 0x11, 0, 0xff, 0xd9]);
    file
}

/// Tags before half a second of silence.
pub fn mp3() -> Vec<u8> {
    let frame = |name: &str, text: &str| {
        let mut frame = name.as_bytes().to_vec();
        frame.extend((text.len() as u32 + 1).to_be_bytes());
        frame.extend([0, 0, 3]);
        frame.extend(text.bytes());
        frame
    };
    let frames = [
        frame("TIT2", "Tides"),
        frame("TPE1", "The Piers"),
        frame("TALB", "Wharf"),
        frame("TDRC", "2026"),
    ]
    .concat();
    let mut file = b"ID3\x04\0\0\0\0\0".to_vec();
    file.push(frames.len() as u8);
    file.extend(frames);
    for _ in 0..20 {
        let start = file.len();
        file.extend([0xff, 0xfb, 0x90, 0xc4]);
        file.resize(start + 417, 0);
    }
    file
}

fn iso_box(kind: &[u8; 4], content: &[u8]) -> Vec<u8> {
    [&(content.len() as u32 + 8).to_be_bytes()[..], kind, content].concat()
}

pub fn mp4() -> Vec<u8> {
    let mut header = vec![0; 100];
    header[4..8].copy_from_slice(&3_900_000_000u32.to_be_bytes());
    header[12..16].copy_from_slice(&600u32.to_be_bytes());
    header[16..20].copy_from_slice(&900u32.to_be_bytes());
    let mut track = vec![0; 84];
    // A quarter turn.
    track[44..48].copy_from_slice(&0x1_0000u32.to_be_bytes());
    track[76..80].copy_from_slice(&(640u32 << 16).to_be_bytes());
    track[80..84].copy_from_slice(&(480u32 << 16).to_be_bytes());
    let data = |text: &str| {
        iso_box(
            b"data",
            &[&[0, 0, 0, 1, 0, 0, 0, 0], text.as_bytes()].concat(),
        )
    };
    let tags = [
        iso_box(b"\xa9nam", &data("Tides")),
        iso_box(b"\xa9ART", &data("The Piers")),
    ]
    .concat();
    let meta = iso_box(
        b"meta",
        &[
            &[0; 4][..],
            &iso_box(b"hdlr", &[0; 25]),
            &iso_box(b"ilst", &tags),
        ]
        .concat(),
    );
    let movie = [
        iso_box(b"mvhd", &header),
        iso_box(b"trak", &iso_box(b"tkhd", &track)),
        iso_box(b"udta", &meta),
    ]
    .concat();
    [
        iso_box(b"ftyp", b"isom\0\0\0\0isom"),
        iso_box(b"mdat", &[0; 64]),
        iso_box(b"moov", &movie),
    ]
    .concat()
}

fn element(identifier: &[u8], content: &[u8]) -> Vec<u8> {
    [
        identifier,
        &[0x40 | (content.len() >> 8) as u8, content.len() as u8],
        content,
    ]
    .concat()
}

pub fn mkv() -> Vec<u8> {
    let info = [
        element(b"\x2a\xd7\xb1", &1_000_000u32.to_be_bytes()),
        element(b"\x44\x89", &1500f64.to_be_bytes()),
        element(b"\x7b\xa9", b"Tides"),
    ];
    let video = element(
        b"\xe0",
        &[
            element(b"\xb0", &640u16.to_be_bytes()),
            element(b"\xba", &480u16.to_be_bytes()),
        ]
        .concat(),
    );
    let tracks = element(b"\x16\x54\xae\x6b", &element(b"\xae", &video));
    let tag = element(
        b"\x67\xc8",
        &[
            element(b"\x45\xa3", b"ARTIST"),
            element(b"\x44\x87", b"The Piers"),
        ]
        .concat(),
    );
    let tags = element(b"\x12\x54\xc3\x67", &element(b"\x73\x73", &tag));
    let segment = [element(b"\x15\x49\xa9\x66", &info.concat()), tracks, tags].concat();
    [
        element(b"\x1a\x45\xdf\xa3", &element(b"\x42\x82", b"matroska")),
        element(b"\x18\x53\x80\x67", &segment),
    ]
    .concat()
}

pub fn tar() -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    for name in ["pier/a.txt", "pier/b.pdf"] {
        let mut header = tar::Header::new_ustar();
        header.set_size(3);
        header.set_cksum();
        archive.append_data(&mut header, name, &b"abc"[..]).unwrap();
    }
    archive.into_inner().unwrap()
}

pub fn gzip(content: &[u8]) -> Vec<u8> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(content).unwrap();
    packed.finish().unwrap()
}

pub fn bzip2(content: &[u8]) -> Vec<u8> {
    let mut packed = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    packed.write_all(content).unwrap();
    packed.finish().unwrap()
}

pub fn xz(content: &[u8]) -> Vec<u8> {
    let mut packed = XzWriter::new(Vec::new(), XzOptions::with_preset(0)).unwrap();
    packed.write_all(content).unwrap();
    packed.finish().unwrap()
}

pub fn seven_zip(names: &[&str]) -> Vec<u8> {
    let mut archive = ArchiveWriter::new(Cursor::new(Vec::new())).unwrap();
    for name in names {
        let entry = ArchiveEntry::new_file(name);
        archive
            .push_archive_entry(entry, Some(&b"abc"[..]))
            .unwrap();
    }
    archive.finish().unwrap().into_inner()
}

/// A 7z archive around this header, which is not packed.
pub fn seven_zip_of(header: &[u8]) -> Vec<u8> {
    let mut start = 0u64.to_le_bytes().to_vec();
    start.extend((header.len() as u64).to_le_bytes());
    start.extend(crc32fast::hash(header).to_le_bytes());
    let mut file = b"7z\xbc\xaf\x27\x1c\0\x04".to_vec();
    file.extend(crc32fast::hash(&start).to_le_bytes());
    [file, start, header.to_vec()].concat()
}

/// One whose names, too, are behind a password.
pub fn encrypted_seven_zip() -> Vec<u8> {
    let coder = [0x24, 0x06, 0xf1, 0x07, 0x01, 2, 0x53, 0];
    let streams = [0x17, 6, 0, 1, 9, 16, 0, 7, 0x0b, 1, 0, 1];
    let sizes = [0x0c, 16, 0, 0];
    let header = [&streams[..], &coder, &sizes].concat();
    [seven_zip_of(&header), vec![0; 16]].concat()
}

/// One of each, under a name that fits.
pub fn all() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("a.pdf", pdf(&["first page", "second page"], "")),
        ("a.docx", docx()),
        ("a.xlsx", xlsx()),
        ("a.pptx", pptx()),
        ("a.xlsb", xlsb()),
        ("a.odt", odt()),
        ("a.ods", ods()),
        ("a.odp", odp()),
        ("a.epub", epub()),
        ("a.rtf", RTF.into()),
        ("a.eml", MAIL.into()),
        ("a.doc", doc()),
        ("a.xls", xls(false)),
        ("a.ppt", ppt()),
        ("b.ppt", ppt_with(&record(0, 0, 4113, &doc()))),
        ("a.ics", CALENDAR.into()),
        ("a.po", CATALOGUE.into()),
        ("a.xliff", TRANSLATION.into()),
        ("a.msg", msg()),
        ("a.jpg", jpeg()),
        ("a.mp3", mp3()),
        ("a.mp4", mp4()),
        ("a.mkv", mkv()),
        ("a.zip", zip(&[("pier/a.txt", "abc")])),
        ("a.tar", tar()),
        ("a.tar.gz", gzip(&tar())),
        ("a.log.gz", gzip(b"a line of a log\n")),
        ("a.tar.bz2", bzip2(&tar())),
        ("a.tar.xz", xz(&tar())),
        ("a.log.xz", xz(b"a line of a log\n")),
        ("a.7z", seven_zip(&["pier/a.txt", "pier/b.pdf"])),
    ]
}

const CALENDAR: &str = "BEGIN:VCALENDAR\r\nATTENDEE;CN=\"Bo; Lee\":mailto:bo@example.org\r\n\
    DESCRIPTION;ALTREP=\"a?b&c\":one\\ntwo\r\n and three\r\nATTACH;ENCODING=BASE64;X-FILENAME=a (1).pdf:QUFB\r\nQUFB\r\n";
const CATALOGUE: &str = "# one\nmsgid \"a\\nb\\u00e9\"\nmsgstr \"c\"\n\"d\"\n";
const TRANSLATION: &str = "<xliff><source>peli<g id='1'>can</g><ph>x</ph></source></xliff>";

/// A binary workbook of one sheet.
pub fn xlsb() -> Vec<u8> {
    let record = |kind: u32, content: &[u8]| {
        let mut record = match kind {
            0..0x80 => vec![kind as u8],
            _ => vec![kind as u8 | 0x80, (kind >> 7) as u8],
        };
        record.push(content.len() as u8);
        record.extend(content);
        record
    };
    let text = |text: &str| {
        let units: Vec<u16> = text.encode_utf16().collect();
        let bytes = units.iter().flat_map(|unit| unit.to_le_bytes());
        (units.len() as u32)
            .to_le_bytes()
            .into_iter()
            .chain(bytes)
            .collect::<Vec<u8>>()
    };
    let cell = |kind: u32, style: u32, value: &[u8]| {
        record(kind, &[&[0; 4][..], &style.to_le_bytes(), value].concat())
    };
    let workbook = [
        record(153, &[0; 8]),
        record(156, &[&[0; 8][..], &text("rId1"), &text("Tons")].concat()),
    ];
    let styles = [
        record(44, &[&200u16.to_le_bytes()[..], &text("00000")].concat()),
        record(617, &[1, 0, 0, 0]),
        record(47, &[0; 16]),
        record(47, &[&[0, 0, 200, 0][..], &[0; 12]].concat()),
        record(47, &[&[0, 0, 14, 0][..], &[0; 12]].concat()),
        record(618, &[]),
    ];
    let sheet = [
        record(0, &[0; 17]),
        cell(7, 0, &[0; 4]),
        cell(2, 1, &((42u32 << 2) | 2).to_le_bytes()),
        cell(5, 2, &44_000f64.to_le_bytes()),
        record(0, &[0; 17]),
        cell(6, 0, &text("żuraw")),
        cell(4, 0, &[1]),
        cell(9, 0, &1.5f64.to_le_bytes()),
        cell(62, 0, &[&[0][..], &text("rich")].concat()),
    ];
    let strings = record(19, &[&[0][..], &text("herring")].concat());
    zip_of(&[
        ("[Content_Types].xml", b"<Types/>"),
        ("_rels/.rels", b"<Relationships><Relationship Id='1' Type='http://x/officeDocument' Target='xl/workbook.bin'/></Relationships>"),
        ("xl/workbook.bin", &workbook.concat()),
        (
            "xl/_rels/workbook.bin.rels",
            b"<Relationships><Relationship Id='rId1' Type='http://x/worksheet' Target='worksheets/sheet1.bin'/>\
              <Relationship Id='s' Type='http://x/sharedStrings' Target='sharedStrings.bin'/><Relationship Id='t' Type='http://x/styles' Target='styles.bin'/></Relationships>",
        ),
        ("xl/worksheets/sheet1.bin", &sheet.concat()),
        ("xl/sharedStrings.bin", &strings),
        ("xl/styles.bin", &styles.concat()),
    ])
}
