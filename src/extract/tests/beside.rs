//! What stands beside the text of office documents: notes, boxes, charts, links, properties.

use super::{extracted, made};

fn text(name: &str, content: &[u8]) -> String {
    extracted(name, content).text
}

#[track_caller]
fn has_lines(text: &str, lines: &[&str]) {
    for line in lines {
        assert!(
            text.lines().any(|found| found == *line),
            "{line:?} in {text:?}"
        );
    }
}

fn odt(body: &str) -> String {
    let body = format!("<office:text>{body}</office:text>");
    text("a.odt", &made::opendocument("text", &body, ""))
}

fn docx(body: &str, links: &str, parts: &[(&str, &str)]) -> String {
    let document = format!("<w:document><w:body>{body}</w:body></w:document>");
    text(
        "a.docx",
        &made::office("word/document.xml", &document, links, parts),
    )
}

#[test]
fn a_note_cuts_no_word() {
    let note = "<text:note><text:note-citation>1</text:note-citation><text:note-body><text:p>Gannet</text:p></text:note-body></text:note>";
    let found = odt(&format!(
        "<text:p>peli{note}can{note}, end</text:p><text:p>next</text:p>"
    ));
    has_lines(&found, &["pelican, end", "Gannet", "next"]);
    let annotation = "<office:annotation><dc:creator>Bo</dc:creator><dc:date>2026-01-01</dc:date><text:p>remark</text:p></office:annotation>";
    let found = odt(&format!("<text:p>pelican{annotation}</text:p>"));
    has_lines(&found, &["pelican", "Bo", "remark"]);
    let frame = "<draw:frame><draw:text-box><text:p>boxed</text:p></draw:text-box><svg:desc>A grey gull</svg:desc></draw:frame>";
    let found = odt(&format!("<text:p>pelican{frame} dives</text:p>"));
    has_lines(&found, &["pelican dives", "boxed", "A grey gull"]);
    let ruby = |base: &str, read: &str| {
        format!(
            "<text:ruby><text:ruby-base>{base}</text:ruby-base><text:ruby-text>{read}</text:ruby-text></text:ruby>"
        )
    };
    let found = odt(&format!(
        "<text:p>{}{}守</text:p>",
        ruby("灯", "とう"),
        ruby("台", "だい")
    ));
    has_lines(&found, &["灯台守", "とう"]);
}

#[test]
fn a_box_of_text_cuts_no_word() {
    let word = |text: &str| format!("<w:r><w:t>{text}</w:t></w:r>");
    let boxed = format!(
        "<w:r><w:pict><w:txbxContent><w:p>{}</w:p></w:txbxContent></w:pict></w:r>",
        word("boxed")
    );
    let found = docx(
        &format!("<w:p>{}{boxed}{}</w:p>", word("peli"), word("can")),
        "",
        &[],
    );
    has_lines(&found, &["pelican", "boxed"]);
    let mark = "<w:r><w:footnoteReference w:id='2'/></w:r>";
    let found = docx(
        &format!(
            "<w:p>{}{mark}{}{mark}{}</w:p>",
            word("pelican"),
            word("Gannet"),
            word(", auk")
        ),
        "",
        &[],
    );
    has_lines(&found, &["pelican Gannet, auk"]);
    let symbol =
        |font: &str, code: &str| format!("<w:r><w:sym w:font='{font}' w:char='{code}'/></w:r>");
    let body = [
        word("ray "),
        symbol("Symbol", "F061"),
        symbol("Symbol", "0057"),
        symbol("Wingdings", "F061"),
        symbol("Arial", "03B2"),
        symbol("Symbol", "F0B1"),
        symbol("Symbol", "x"),
    ];
    let found = docx(&format!("<w:p>{}</w:p>", body.concat()), "", &[]);
    has_lines(&found, &["ray αΩβ±"]);
    let field = "<w:r><w:instrText> HYPERLINK \"https://example.org/f\" </w:instrText></w:r>";
    let body = format!("<w:p>{}{field}{}</w:p>", word("peli"), word("can"));
    has_lines(&docx(&body, "", &[]), &["pelican", "https://example.org/f"]);
    let ruby = format!(
        "<w:r><w:ruby><w:rt>{}</w:rt><w:rubyBase>{}</w:rubyBase></w:ruby></w:r>",
        word("とう"),
        word("灯")
    );
    let found = docx(&format!("<w:p>{ruby}{}</w:p>", word("台")), "", &[]);
    has_lines(&found, &["灯台", "とう"]);
}

#[test]
fn what_a_document_holds_is_read() {
    let links = "<Relationship Id='1' Type='http://x/aFChunk' Target='chunk.html'/>\
        <Relationship Id='2' Type='http://x/chartEx' Target='charts/c.xml'/>\
        <Relationship Id='3' Type='http://x/diagramData' Target='d.xml'/>\
        <Relationship Id='4' Type='http://x/package' Target='embeddings/e.docx'/>\
        <Relationship Id='5' Type='http://x/hyperlink' Target='https://example.org/tides?a=1&amp;b=2' TargetMode='External'/>";
    let inner = "<w:document><w:p><w:t>never read as text</w:t></w:p></w:document>";
    let found = docx(
        "<w:p><w:r><w:drawing><wp:docPr name='Picture 1' descr='A lighthouse &amp; a pier'/></w:drawing></w:r></w:p>",
        links,
        &[
            ("word/chunk.html", "<p>from another file"),
            (
                "word/charts/c.xml",
                "<cx:chart><cx:pt>x</cx:pt><a:t>waterfall</a:t></cx:chart>",
            ),
            (
                "word/d.xml",
                "<dgm:dataModel><a:p><a:t>smart art</a:t></a:p></dgm:dataModel>",
            ),
            ("word/embeddings/e.docx", inner),
            (
                "docProps/custom.xml",
                "<Properties><property name='Client'><vt:lpwstr>Gull Ltd</vt:lpwstr></property></Properties>",
            ),
        ],
    );
    has_lines(
        &found,
        &[
            "Client: Gull Ltd",
            "A lighthouse & a pier",
            "from another file",
            "waterfall",
            "smart art",
            "https://example.org/tides?a=1&b=2",
        ],
    );
}

#[test]
fn presentations_say_what_is_said_of_them() {
    let presentation = "<p:presentation><p:sldId id='1' r:id='a'/></p:presentation>";
    let slide = "<p:sld><p:sp><p:cNvPr id='2' descr='A moored ship'/><a:p><a:t>slide</a:t></a:p></p:sp></p:sld>";
    let found = text(
        "a.pptx",
        &made::office(
            "ppt/presentation.xml",
            presentation,
            "<Relationship Id='a' Type='http://x/slide' Target='slides/s.xml'/>",
            &[
                ("ppt/slides/s.xml", slide),
                (
                    "ppt/slides/_rels/s.xml.rels",
                    "<Relationships><Relationship Id='c' Type='http://x/comments' Target='../comments/c.xml'/>\
                     <Relationship Id='h' Type='http://x/hyperlink' Target='mailto:ada@example.org' TargetMode='External'/></Relationships>",
                ),
                (
                    "ppt/comments/c.xml",
                    "<p:cmLst><p:cm><p:pos x='1'/><p:text>old remark</p:text></p:cm></p:cmLst>",
                ),
            ],
        ),
    );
    has_lines(
        &found,
        &[
            "A moored ship",
            "slide",
            "old remark",
            "mailto:ada@example.org",
        ],
    );
}

#[test]
fn sheets_say_what_is_said_of_them() {
    let workbook = "<workbook><sheets><sheet name='One' r:id='s'/></sheets></workbook>";
    let sheet = "<worksheet><row><c><v>1</v></c></row><headerFooter><oddHeader>&amp;L&amp;\"Arial,Bold\"&amp;12Harbour &amp;&amp; Sons&amp;CPage &amp;P</oddHeader></headerFooter></worksheet>";
    let found = text(
        "a.xlsx",
        &made::office(
            "xl/workbook.xml",
            workbook,
            "<Relationship Id='s' Type='http://x/worksheet' Target='s.xml'/>",
            &[
                ("xl/s.xml", sheet),
                (
                    "xl/_rels/s.xml.rels",
                    "<Relationships><Relationship Id='d' Type='http://x/drawing' Target='d.xml'/>\
                     <Relationship Id='t' Type='http://x/threadedComment' Target='t.xml'/></Relationships>",
                ),
                (
                    "xl/t.xml",
                    "<ThreadedComments><threadedComment><text>a thread</text></threadedComment></ThreadedComments>",
                ),
                (
                    "xl/d.xml",
                    "<xdr:wsDr><xdr:cNvPr descr='Catch by month'/></xdr:wsDr>",
                ),
                (
                    "xl/_rels/d.xml.rels",
                    "<Relationships><Relationship Id='m' Type='http://x/diagramData' Target='m.xml'/></Relationships>",
                ),
                (
                    "xl/m.xml",
                    "<dgm:dataModel><a:p><a:t>smart art</a:t></a:p></dgm:dataModel>",
                ),
            ],
        ),
    );
    has_lines(&found, &["a thread", "Catch by month", "smart art"]);
    assert!(found.contains("Harbour & Sons"), "{found:?}");
    assert!(!found.contains("Arial"), "{found:?}");
}

#[test]
fn opendocument_shows_objects_and_links() {
    let body = "<office:text><text:p>See <text:a xlink:href='https://example.org/x'>this</text:a></text:p>\
        <text:p><draw:frame><draw:object xlink:href='./Object 1'/></draw:frame></text:p></office:text>";
    let content = format!(
        "<office:document-content><office:body>{body}</office:body></office:document-content>"
    );
    let found = text(
        "a.odt",
        &made::zip(&[
            ("mimetype", "application/vnd.oasis.opendocument.text"),
            ("content.xml", &content),
            (
                "Object 1/content.xml",
                "<office:chart><chart:title><text:p>Catch of 2026</text:p></chart:title></office:chart>",
            ),
            (
                "meta.xml",
                "<office:meta><dc:subject>fishing</dc:subject><meta:keyword>cod</meta:keyword><meta:user-defined meta:name='Client'>Gull</meta:user-defined></office:meta>",
            ),
        ]),
    );
    has_lines(
        &found,
        &[
            "fishing",
            "cod",
            "Client: Gull",
            "See this",
            "https://example.org/x",
            "Catch of 2026",
        ],
    );
    let master = "<office:master-styles><style:header><text:p>Harbour office</text:p></style:header></office:master-styles>";
    let found = text(
        "a.ods",
        &made::zip(&[
            ("mimetype", "application/vnd.oasis.opendocument.spreadsheet"),
            (
                "content.xml",
                "<office:spreadsheet><table:table table:name='One'><table:table-cell><text:p>a</text:p></table:table-cell></table:table></office:spreadsheet>",
            ),
            ("styles.xml", master),
        ]),
    );
    has_lines(&found, &["Harbour office", "One", "a"]);
}
