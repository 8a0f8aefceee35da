//! Pages as programs write them, and as none should.

use hayro_interpret::InterpreterSettings;
use hayro_interpret::hayro_cmap::{CMap, CidFamily};
use hayro_interpret::hayro_syntax::Pdf;

use super::annotation::Annotations;
use super::content;
use super::face::Faces;
use super::layers::Layers;
use crate::extract::sink::{Found, Sink, Unreadable};

/// A font of standard widths, and two layers of which the second is hidden.
const COMMON: &[(u32, &str)] = &[
    (3, "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"),
    (4, "<< /Type /OCG /Name (seen) >>"),
    (5, "<< /Type /OCG /Name (hidden) >>"),
];
const RESOURCES: &str = "/Font << /F 3 0 R >> /XObject << /X 10 0 R >> \
    /ExtGState << /G << /Font [3 0 R 12] >> >> \
    /Properties << /Seen 4 0 R /Hidden 5 0 R /Any << /Type /OCMD /OCGs [4 0 R 5 0 R] >> \
    /All 11 0 R >>";

/// A document of one page: what stands in its catalog, in its page and on it, and more objects.
pub fn document(catalog: &str, page: &str, content: &str, objects: &[(u32, &str)]) -> Pdf {
    Pdf::new(source(catalog, page, content, objects).into_bytes()).unwrap()
}

fn source(catalog: &str, page: &str, content: &str, objects: &[(u32, &str)]) -> String {
    let mut all = vec![
        (1, format!("<< /Type /Catalog /Pages 2 0 R {catalog} >>")),
        (2, "<< /Type /Pages /Count 1 /Kids [6 0 R] >>".to_owned()),
        (
            6,
            format!(
                "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 300 300] /Contents 7 0 R /Resources << {RESOURCES} >> {page} >>"
            ),
        ),
        (7, stream("", content)),
    ];
    let more = COMMON.iter().chain(objects);
    all.extend(more.map(|(number, object)| (*number, (*object).to_owned())));
    let mut file = "%PDF-1.7\n".to_owned();
    for (number, object) in all {
        file += &format!("{number} 0 obj\n{object}\nendobj\n");
    }
    file + "trailer << /Root 1 0 R >>"
}

pub fn stream(dict: &str, content: &str) -> String {
    let length = content.len();
    format!("<< /Length {length} {dict} >>\nstream\n{content}\nendstream")
}

fn text(pdf: &Pdf) -> String {
    let (mut faces, layers) = (Faces::default(), Layers::of(pdf));
    let annotations = Annotations::of(&pdf.pages()[0]);
    content::read(&pdf.pages()[0], &annotations.drawn, &mut faces, &layers).text
}

fn drawn(content: &str) -> String {
    text(&document("", "", content, &[]))
}

/// Text at a place, and what comes around it.
fn at(y: u32, text: &str) -> String {
    format!("BT /F 12 Tf 20 {y} Td ({text}) Tj ET ")
}

const LAYERED: &str =
    "/OCProperties << /OCGs [4 0 R 5 0 R] /D << /BaseState /OFF /ON [4 0 R] >> >>";

#[test]
fn every_operator_that_moves_the_pen_moves_it() {
    let moves = "BT /F 12 Tf 12 TL 20 250 Td (one) Tj T* (two) Tj (three) ' \
        2 1 (four) \" 0 -20 TD (five) Tj T* (six) Tj ET";
    assert_eq!(drawn(moves), "one\ntwo\nthree\nfour\nfive\nsix");
    let matrix = "BT /F 12 Tf 1 0 0 1 20 100 Tm (up) Tj 1 0 0 1 20 80 Tm (down) Tj ET";
    assert_eq!(drawn(matrix), "up\ndown");
    let words = "BT /F 12 Tf 20 250 Td [(a) -500 (b) 20 (c)] TJ 8 Tc ( de) Tj ET";
    assert_eq!(drawn(words), "a bc d e");
    let set = "/G gs BT 20 250 Td (as set) Tj ET";
    assert_eq!(drawn(set), "as set");
}

#[test]
fn states_are_restored_as_often_as_they_were_saved() {
    let restored = format!(
        "q 1 0 0 1 0 -400 cm {} Q {}",
        at(200, "below"),
        at(200, "on")
    );
    assert_eq!(drawn(&restored), "on");
    let unbalanced = format!("Q Q {} {} Q", at(200, "quay"), "q ".repeat(20_000));
    assert_eq!(drawn(&unbalanced), "quay");
}

#[test]
fn what_lies_outside_of_the_page_is_not_read() {
    assert_eq!(drawn(&(at(400, "above") + &at(200, "on"))), "on");
}

#[test]
fn the_outline_of_a_text_is_no_other_text() {
    let outlined =
        "BT /F 12 Tf 20 200 Td (bold) Tj ET BT /F 12 Tf 1 Tr 20 200 Td (bold) Tj (er) Tj ET";
    assert_eq!(drawn(outlined), "bolder");
}

#[test]
fn marked_content_stands_for_what_it_says() {
    let spoken = "BT /F 12 Tf 20 200 Td (o) Tj /Span << /ActualText (ffi) >> BDC (\\002) Tj (x) Tj EMC (ce) Tj ET";
    assert_eq!(drawn(spoken), "office");
}

#[test]
fn forms_have_places_and_resources_of_their_own() {
    let form = |dict: &str, content: &str| {
        stream(
            &format!("/Type /XObject /Subtype /Form /BBox [0 0 300 300] {dict}"),
            content,
        )
    };
    let shown = |form: &str| {
        text(&document(
            LAYERED,
            "",
            &format!("{} /X Do", at(200, "page")),
            &[(10, form)],
        ))
    };
    let own = form(
        "/Matrix [1 0 0 1 0 -50] /Resources << /Font << /F 3 0 R >> >>",
        &at(200, "form"),
    );
    assert_eq!(shown(&own), "page\nform");
    assert_eq!(shown(&form("", &at(100, "borrowed"))), "page\nborrowed");
    assert_eq!(shown(&form("/OC 5 0 R", &at(100, "hidden"))), "page");
    // One that draws itself ends, and what it left open is closed.
    let endless = form(
        "",
        &format!("q /OC /Hidden BDC EMC {} /X Do", at(100, "again")),
    );
    assert!(shown(&endless).starts_with("page\nagain"));
    let open = form("", "/OC /Hidden BDC q 1 0 0 1 0 -400 cm");
    let behind = format!("/X Do {}", at(200, "behind"));
    assert_eq!(
        text(&document(LAYERED, "", &behind, &[(10, &open)])),
        "behind"
    );
}

#[test]
fn hidden_layers_are_not_read() {
    let layered = |layer: &str| {
        let content = format!(
            "/OC /{layer} BDC {} EMC {}",
            at(200, "layer"),
            at(100, "page")
        );
        let all = "<< /Type /OCMD /OCGs [4 0 R 5 0 R] /P /AllOn >>";
        text(&document(LAYERED, "", &content, &[(11, all)]))
    };
    for (layer, is_seen) in [
        ("Seen", true),
        ("Hidden", false),
        ("All", false),
        ("None", true),
    ] {
        let expected = if is_seen { "layer\npage" } else { "page" };
        assert_eq!(layered(layer), expected, "{layer}");
    }
}

#[test]
fn annotations_are_read_as_they_look() {
    let annotated = |flags: &str| {
        let page = format!(
            "/Annots [<< /Type /Annot /Subtype /Widget /Rect [20 20 120 40] /AP << /N 10 0 R >> {flags} >>]"
        );
        let form = stream(
            "/Subtype /Form /BBox [0 0 100 20] /Resources << /Font << /F 3 0 R >> >>",
            "BT /F 12 Tf 2 5 Td (a field) Tj ET",
        );
        text(&document("", &page, &at(200, "page"), &[(10, &form)]))
    };
    assert_eq!(annotated(""), "page\na field");
    assert_eq!(annotated("/F 2"), "page");
}

/// A page as it is read, with all that belongs to it.
fn whole(pdf: &str) -> (String, Vec<u32>) {
    let mut text = String::new();
    let mut pass_on = |found: Found<'_>| {
        if let Found::Text(piece) = found {
            text.push_str(piece);
        }
    };
    let mut sink = Sink::new(1 << 20, &mut pass_on);
    super::read(pdf.as_bytes().to_vec(), &mut sink).unwrap();
    let scans = sink.finish().scans;
    (text, scans)
}

const IMAGE: &str = "<< /Type /XObject /Subtype /Image /Width 1 /Height 1 /BitsPerComponent 8 /ColorSpace /DeviceGray /Length 1 >>\nstream\nx\nendstream";

#[test]
fn a_scan_is_one_with_a_title_and_a_typed_number() {
    let scanned = |content: &str| {
        let info = (12, "<< /Title (Ledger) /Subject (dues) /Keywords (quay) >>");
        let file = source("", "", content, &[(10, IMAGE), info]);
        whole(&file.replace("/Root 1 0 R", "/Root 1 0 R /Info 12 0 R"))
    };
    let picture = "q 300 0 0 300 0 0 cm /X Do Q ";
    assert_eq!(scanned(picture), ("Ledger\ndues\nquay".into(), vec![0]));
    let numbered = format!("{picture}{}", at(20, "Page 3 of 12"));
    assert_eq!(
        scanned(&numbered),
        ("Ledger\ndues\nquay\nPage 3 of 12".into(), vec![0])
    );
    let inline = format!(
        "q 300 0 0 300 0 0 cm BI /W 1 /H 1 /BPC 8 /CS /G ID x EI Q {}",
        at(20, "7")
    );
    assert_eq!(scanned(&inline).1, [0]);
    // A few words by themselves, a small picture, and a scan with its text are none.
    assert_eq!(scanned(&at(20, "Chapter")).1, [0; 0]);
    assert_eq!(
        scanned(&format!("q 30 0 0 30 0 0 cm /X Do Q {}", at(20, "7"))).1,
        [0; 0]
    );
    let stamp = "Case 1:20-cv-01234-ABC Document 12 Filed 03/04/20 Page 1 of 10";
    assert_eq!(scanned(&format!("{picture}{}", at(20, stamp))).1, [0]);
    let lines = [140, 100, 60, 20].map(|y| at(y, &format!("words that somebody read in line {y}")));
    assert_eq!(scanned(&format!("{picture}{}", lines.concat())).1, [0; 0]);
}

#[test]
fn what_is_not_drawn_is_read_as_well() {
    let page = "/Annots [null << /Subtype /Widget /Rect [0 0 9 9] /Parent 12 0 R >> \
        << /Subtype /Widget /Rect [0 0 9 9] /FT /Ch /V [(cod) (hake)] >> \
        << /Subtype /Highlight /Rect [0 0 9 9] /Contents (mark\\nthis) >> \
        << /Subtype /FreeText /Rect [0 0 9 9] /Contents (free words) >> \
        << /Subtype /Text /F 2 /Contents (hidden) >> << /Subtype /Popup /Contents (popped) >> \
        << /Subtype /Link /A << /S /URI /URI (https://example.org/a) >> >>]";
    let catalog = "/Outlines << /First 13 0 R >> /AcroForm << /XFA [(template) 14 0 R (datasets) 15 0 R] >> \
        /Names << /EmbeddedFiles << /Kids [<< /Names [(a) << /UF (dues.csv) /EF << /F 16 0 R >> >>] >>] >> >>";
    let template = stream(
        "",
        "<template><caption><value><text>Name</text></value></caption><script>no</script></template>",
    );
    let data = stream("", "<xfa:data><Name>Ada &amp; Bo</Name></xfa:data>");
    let file = stream("/Type /EmbeddedFile", "herring,7");
    let (text, _) = whole(&source(
        catalog,
        page,
        &at(200, "page"),
        &[
            (12, "<< /FT /Tx /T (who) /V (Ada Quay) >>"),
            (
                13,
                "<< /Title (Chapter one) /First << /Title (Section) >> /Next 13 0 R >>",
            ),
            (14, &template),
            (15, &data),
            (16, &file),
        ],
    ));
    assert_eq!(
        text,
        "page\nAda Quay\ncod, hake\nmark this\nfree words\nhttps://example.org/a\n\
         Chapter one\nSection\nName\nAda & Bo\nAttachment: dues.csv\nherring\t7"
    );
}

#[test]
fn a_font_that_only_names_its_map_is_read() {
    let font = "<< /Type /Font /Subtype /Type0 /BaseFont /F /Encoding /Identity-H /ToUnicode /Identity-H \
        /DescendantFonts [<< /Type /Font /Subtype /CIDFontType2 /BaseFont /F /CIDSystemInfo << /Registry (Adobe) /Ordering (Identity) /Supplement 0 >> /DW 600 >>] >>";
    let shown = "BT /F 12 Tf 20 200 Td <041A043E0440> Tj <706F> Tj ET";
    let file = source("", "", shown, &[(12, font)]);
    let file = file.replace("/Font << /F 3 0 R >>", "/Font << /F 12 0 R >>");
    assert_eq!(whole(&file).0, "Кор灯");
}

/// A page that shows something in font 12, with more objects.
fn in_font(font: &str, shown: &str, objects: &[(u32, &str)]) -> String {
    let objects = [&[(12, font)][..], objects].concat();
    let file = source("", "", &format!("BT 20 250 Td {shown} ET"), &objects);
    whole(&file.replace("/Font << /F 3 0 R >>", "/Font << /F 12 0 R >>")).0
}

/// A font program that has glyphs, but draws nothing: its header and how many there are.
fn font_program() -> String {
    let table = |name: &[u8], at: u32, length: u32| {
        let numbers = [0, at, length].map(u32::to_be_bytes).concat();
        [name, &numbers].concat()
    };
    let mut head = vec![0; 54];
    head[1] = 1;
    head[18..20].copy_from_slice(&1000u16.to_be_bytes());
    let program = [
        vec![0, 1, 0, 0, 0, 2, 0, 32, 0, 1, 0, 0],
        table(b"head", 44, 54),
        table(b"maxp", 98, 6),
        head,
        vec![0, 0, 0x50, 0, 0x7f, 0xff],
    ];
    let program: String = program
        .concat()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    stream("/Filter /ASCIIHexDecode", &program)
}

#[test]
fn a_font_of_a_collection_needs_no_map_of_its_own() {
    let program = font_program();
    let read = |encoding: &str, ordering: &str, codes: &str| {
        let font = |file: &str| {
            format!(
                "<< /Type /Font /Subtype /Type0 /BaseFont /AAAAAA+Tide /Encoding {encoding} \
                 /DescendantFonts [<< /Type /Font /Subtype /CIDFontType2 /BaseFont /AAAAAA+Tide /DW 1000 \
                 /CIDSystemInfo << /Registry (Adobe) /Ordering ({ordering}) /Supplement 1 >> \
                 /FontDescriptor << /Type /FontDescriptor /FontName /AAAAAA+Tide /Flags 6 {file} >> >>] >>"
            )
        };
        let shown = format!("/F 12 Tf <{codes}> Tj");
        let one_byte = stream(
            "/Type /CMap",
            "1 begincodespacerange <00> <ff> endcodespacerange 1 begincidrange <01> <09> 843 endcidrange",
        );
        let objects = [(13, program.as_str()), (14, one_byte.as_str())];
        let texts = ["", "/FontFile2 13 0 R"].map(|file| in_font(&font(file), &shown, &objects));
        assert_eq!(texts[0], texts[1], "{encoding} {ordering}");
        texts[1].clone()
    };
    for encoding in ["/Identity-H", "/Identity-V"] {
        assert_eq!(read(encoding, "Japan1", "034B034D034F"), "あいう");
    }
    assert_eq!(read("14 0 R", "Japan1", "010305"), "あいう");
    assert_eq!(
        read("/UniJIS-UTF16-H", "Japan1", "30423044D842DFB7"),
        "あい𠮷"
    );
    assert_eq!(read("/90ms-RKSJ-H", "Japan1", "82A082A241"), "あいA");
    assert_eq!(read("/UniGB-UCS2-H", "GB1", "4E2D6587"), "中文");
    assert_eq!(read("/KSC-EUC-H", "Korea1", "C7D1B1DB"), "한글");
    // Each collection, by the numbers of its characters.
    let resolver = InterpreterSettings::default().cmap_resolver;
    for (ordering, text) in [
        ("Japan1", "港町"),
        ("GB1", "海港"),
        ("CNS1", "海港"),
        ("Korea1", "항구"),
    ] {
        let family = CidFamily::from_registry_ordering(b"Adobe", ordering.as_bytes());
        let numbers = CMap::parse(resolver(family.unicode_cmap().unwrap()).unwrap(), |_| None);
        let numbers = numbers.unwrap();
        let codes = text
            .chars()
            .map(|c| numbers.lookup_cid_code(c.into(), 2).unwrap());
        let codes: String = codes.map(|code| format!("{code:04x}")).collect();
        assert_eq!(read("/Identity-H", ordering, &codes), text);
    }
    assert_eq!(read("/Identity-H", "Identity", "034B"), "");
}

#[test]
fn a_damaged_map_to_unicode_is_read_as_far_as_it_goes() {
    let font = "<< /Type /Font /Subtype /Type0 /BaseFont /F /Encoding /Identity-H /ToUnicode 13 0 R \
        /DescendantFonts [<< /Type /Font /Subtype /CIDFontType2 /BaseFont /F /CIDSystemInfo << /Registry (Adobe) /Ordering (Identity) /Supplement 0 >> /DW 600 >>] >>";
    let read = |head: &str| {
        let map = format!(
            "{head} begincmap 1 begincodespacerange <0000> <ffff> endcodespacerange \
             2 beginbfchar <002b> <0048> <0048> <0065> endbfchar 1 beginbfrange <004f> <0052> <006c> endbfrange endcmap"
        );
        let map = stream("", &map);
        in_font(font, "/F 12 Tf <002b0048004f004f0052> Tj", &[(13, &map)])
    };
    let whole = "/CMapName /Adobe-Identity-UCS def";
    for head in [
        whole,
        "/CMapName /Adobe-Identity-UC> def",
        "(",
        "<0",
        ">> def",
        "/X usecmap",
    ] {
        assert_eq!(read(head), "Hello", "{head}");
    }
}

#[test]
fn a_font_that_measures_in_pixels_shatters_no_word() {
    let read = |matrix: &str, width: u32, size: &str, shown: &str| {
        let widths = vec![width.to_string(); 26].join(" ");
        let font = format!(
            "<< /Type /Font /Subtype /Type3 /FontMatrix [{matrix}] /FontBBox [0 0 0 0] /FirstChar 97 /LastChar 122 \
             /Widths [{widths}] /CharProcs << >> /Encoding << /Type /Encoding /Differences [97 /a97] >> >>"
        );
        in_font(&font, &format!("/F {size} Tf {shown}"), &[])
    };
    let pixels = "[(quan)4001(tile) -3000 (s) -33000 (of)] TJ 1 0 0 1 20 230 Tm (densit) Tj 1 0 0 1 56.9 230.4 Tm (y) Tj";
    for matrix in ["1 0 0 -1 0 0", "1 0 0 1 0 0"] {
        assert_eq!(read(matrix, 50, "0.12", pixels), "quantiles of\ndensity");
    }
    let ordinary = "[(quan) 40 (tile) -30 (s) -330 (of)] TJ";
    assert_eq!(
        read("0.01 0 0 0.01 0 0", 50, "12", ordinary),
        "quantiles of"
    );
    assert_eq!(
        read("0.001 0 0 0.001 0 0", 500, "12", ordinary),
        "quantiles of"
    );
    assert_eq!(read("0.001 0 0 0.001 0 0", 0, "12", "(a) Tj"), "a");
}

#[test]
fn letters_of_fonts_that_are_not_there_keep_their_widths() {
    // As narrow as a column's heading: the widths are not those of what stands in.
    let widths = vec!["400"; 95].join(" ");
    let font = format!(
        "<< /Type /Font /Subtype /TrueType /BaseFont /Nowhere /FirstChar 32 /LastChar 126 /Widths [{widths}] >>"
    );
    let shown = "BT /F 12 Tf 20 200 Td (committee mmm) Tj ET";
    let file = source("", "", shown, &[(12, &font)])
        .replace("/Font << /F 3 0 R >>", "/Font << /F 12 0 R >>");
    assert_eq!(whole(&file).0, "committee mmm");
    let wide = file.replace("400", "900");
    assert_eq!(whole(&wide).0, "committee mmm");
}

#[test]
fn a_document_begins_within_a_kilobyte() {
    let file = source("", "", &at(200, "page"), &[]);
    for before in [
        "\r\n",
        "\u{feff}",
        "Content-Type: application/pdf\r\n\r\n",
        &"\n".repeat(900),
    ] {
        assert_eq!(whole(&format!("{before}{file}")).0, "page");
    }
    // Without its first line, or the start of that, it is still one.
    let bare = file.strip_prefix("%PDF-1.7\n").unwrap();
    for before in [
        "",
        "%\u{e4}\u{f6}\u{fc}\u{df}\n",
        "DF-1.7\n%\u{e4}\n",
        "\r\n% a\r% b\r",
    ] {
        let file = format!("{before}{bare}");
        let media_type = |name: &str| super::super::media_type(name, file.as_bytes());
        for name in ["a.pdf", "a", "a.txt"] {
            assert_eq!(media_type(name), "application/pdf", "{before:?}");
        }
        assert_eq!(whole(&file).0, "page", "{before:?}");
    }
    for text in [
        "1 0 obj",
        "1 0 object << endobj",
        "10 files: << stream",
        "% 1 0 obj << stream\nx",
    ] {
        assert_eq!(
            super::super::media_type("a", text.as_bytes()),
            "text/plain",
            "{text}"
        );
    }
}

#[test]
fn a_document_is_read_whose_files_alone_are_locked() {
    let key = "ab".repeat(48);
    let read = |filters: &str, version: u8| {
        let catalog = "/Names << /EmbeddedFiles << /Names [(a) << /UF (dues.csv) /EF << /F 16 0 R >> >>] >> >>";
        let encrypt = format!(
            "<< /Filter /Standard /V {version} /R 6 /Length 256 /O <{key}> /U <{key}> /OE <{key}> /UE <{key}> /P -4 \
             /CF << /StdCF << /CFM /AESV3 /Length 32 >> >> {filters} /EFF /StdCF >>"
        );
        let file = stream("/Type /EmbeddedFile", "\u{1}noise");
        let source = source(
            catalog,
            "",
            &at(200, "page"),
            &[(16, &file), (17, &encrypt)],
        );
        let source = source.replace("/Root 1 0 R", "/Root 1 0 R /Encrypt 17 0 R /ID [<ab> <ab>]");
        let mut text = String::new();
        let mut pass_on = |found: Found<'_>| {
            if let Found::Text(piece) = found {
                text.push_str(piece);
            }
        };
        let mut sink = Sink::new(1 << 20, &mut pass_on);
        let result = super::read(source.into_bytes(), &mut sink);
        sink.finish();
        result.map(|()| text)
    };
    let text = "page\nAttachment: dues.csv\n(Contents not readable: a password protects it.)";
    for filters in ["/StmF /Identity /StrF /Identity", "/StmF/Identity", ""] {
        assert_eq!(read(filters, 5).as_deref(), Ok(text), "{filters}");
    }
    for filters in ["/StmF /StdCF /StrF /StdCF", "/StrF /StdCF", "/StmF /StdCF"] {
        assert_eq!(read(filters, 5), Err(Unreadable::Encrypted), "{filters}");
    }
    assert!(read("", 2).is_err());
}

#[test]
fn a_document_that_is_locked_says_so_even_if_it_is_damaged() {
    let mut pass_on = |_: Found<'_>| {};
    let mut sink = Sink::new(1 << 20, &mut pass_on);
    let file = b"%PDF-1.7\ntrailer << /Root 1 0 R /Encrypt 9 0 R >>".to_vec();
    assert_eq!(super::read(file, &mut sink), Err(Unreadable::Encrypted));
    let file = b"%PDF-1.7\ntrailer << /Root 1 0 R /EncryptMetadata false >>".to_vec();
    assert!(matches!(
        super::read(file, &mut sink),
        Err(Unreadable::Broken(_))
    ));
}
