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

fn rtf(body: &str) -> String {
    text("a.rtf", format!("{{\\rtf1\\ansi {body}}}").as_bytes())
}

#[test]
fn notes_of_rtf_cut_no_word_and_end_where_they_end() {
    let comment =
        r"{\*\atnid AQ}{\*\atnauthor Ada}\chatn{\*\annotation{\*\atndate 1}\pard Gannet comment}";
    let found = rtf(&format!(r"pelican{comment} flies\par next"));
    assert_eq!(found, "pelican flies\nGannet comment\nnext");
    let found = rtf(r"peli{\footnote {\super \chftn} gannet}can\par");
    assert_eq!(found, "pelican\ngannet");
    // What stands behind the mark is another word.
    let found = rtf(r"pelican{\super\chftn}{\footnote\ftnalt gannet\par auk}tern, gull\par");
    assert_eq!(found, "pelican tern, gull\ngannet\nauk");
    let found = rtf(r"one{\footer Harbour}{\headerl Quay\par}two");
    assert_eq!(found, "one\nHarbour\nQuay\ntwo");
    let boxed = r"{\shp{\*\shpinst{\sp{\sn a}{\sv 1}}{\shptxt boxed}}}{\*\do{\dptxbxtext old}}";
    let found = rtf(&format!(r"peli{boxed}can\par"));
    assert_eq!(found, "pelican\nboxed\nold");
    // A note in a note, and one that the document does not end.
    let found = rtf(r"auk{\footnote a{\*\annotation b}c}s\par end{\footnote last");
    assert_eq!(found, "auks\na\nb\nc\nend\nlast");
}

#[test]
fn fields_of_rtf_show_where_they_lead() {
    let link =
        r#"{\field{\*\fldinst{HYPERLINK "https://example.org/f" \\h}}{\fldrslt li{\b can}}}"#;
    let found = rtf(&format!(r"pe{link}s\par next"));
    assert_eq!(found, "pelicans\nhttps://example.org/f\nnext");
    let page = r"{\field{\*\fldinst PAGE {\field{\*\fldinst X}{\fldrslt 5}}}{\fldrslt 7}}";
    assert_eq!(rtf(&format!("page{page}a")), "page7a");
}

#[test]
fn the_number_of_a_note_is_no_part_of_a_word() {
    let reference = r"{\field{\*\fldinst NOTEREF _Ref9 \\h}{\fldrslt{\super 9}}}";
    let found = rtf(&format!(r"pelican{reference}, auk{reference}gull"));
    assert_eq!(found, "pelican 9, auk 9 gull");

    let run = |content: &str| format!("<w:r>{content}</w:r>");
    let word = |text: &str| run(&format!("<w:t>{text}</w:t>"));
    let mark = |kind: &str| run(&format!("<w:fldChar w:fldCharType='{kind}'/>"));
    let code = run("<w:instrText> NOTEREF _Ref9 \\h </w:instrText>");
    let complex = [
        &mark("begin"),
        &code,
        &mark("separate"),
        &word("9"),
        &mark("end"),
    ]
    .map(String::as_str)
    .concat();
    let simple = format!(
        "<w:fldSimple w:instr='NOTEREF _Ref9'>{}</w:fldSimple>",
        word("9")
    );
    for reference in [complex, simple] {
        let body = [
            &word("pelican"),
            &reference,
            &word("gull"),
            &reference,
            &word(", auk"),
        ];
        let body = body.map(String::as_str).concat();
        has_lines(
            &docx(&format!("<w:p>{body}</w:p>"), "", &[]),
            &["pelican 9 gull 9, auk"],
        );
    }

    for name in ["note", "footnote", "endnote"] {
        let reference = format!("<text:{name}-ref>9</text:{name}-ref>");
        let found = odt(&format!(
            "<text:p>pelican{reference}gull<text:span>{reference}</text:span>, auk</text:p>"
        ));
        has_lines(&found, &["pelican 9 gull 9, auk"]);
    }
}

#[test]
fn comments_and_changes_of_word_2003_cut_no_word() {
    let run = |text: &str| format!("<w:r><w:t>{text}</w:t></w:r>");
    let annotation = |kind: &str, content: &str| {
        format!(
            "<aml:annotation aml:id='0' w:type='Word.{kind}'><aml:content>{content}</aml:content></aml:annotation>"
        )
    };
    let comment = annotation("Comment", &format!("<w:p>{}</w:p>", run("Gannet")));
    let start = "<aml:annotation aml:id='1' w:type='Word.Bookmark.Start' w:name='b'/>";
    let body = [
        run("pe"),
        annotation("Insertion", &run("li")),
        comment,
        annotation("Deletion", "<w:r><w:delText>gone</w:delText></w:r>"),
        start.into(),
        run("can"),
    ];
    let document = format!(
        "<?xml version='1.0'?><w:wordDocument xmlns:w='x'><w:body><w:p>{}</w:p></w:body></w:wordDocument>",
        body.concat()
    );
    assert_eq!(text("a.xml", document.as_bytes()), "pelican\nGannet");
}

#[test]
fn annotations_of_opendocument_say_what_was_written() {
    for initials in ["meta:creator-initials", "loext:sender-initials"] {
        let annotation = format!(
            "<office:annotation><dc:creator>Bo</dc:creator><dc:date>2026-01-01</dc:date>\
             <meta:date-string>today</meta:date-string><{initials}>JD</{initials}><text:p>Gannet comment</text:p></office:annotation>"
        );
        let found = odt(&format!("<text:p>peli{annotation}can</text:p>"));
        has_lines(&found, &["pelican", "Bo", "Gannet comment"]);
        assert!(
            !found.contains("JD") && !found.contains("today"),
            "{found:?}"
        );
    }
    let old = "<text:footnote><text:footnote-citation>1</text:footnote-citation><text:footnote-body><text:p>Gannet</text:p></text:footnote-body></text:footnote>";
    has_lines(
        &odt(&format!("<text:p>peli{old}can</text:p>")),
        &["pelican", "Gannet"],
    );
    for shape in [
        "draw:g",
        "draw:line",
        "draw:control",
        "draw:text-box",
        "dr3d:scene",
    ] {
        let drawn = format!("<{shape}><svg:title>A grey gull</svg:title></{shape}>");
        has_lines(
            &odt(&format!("<text:p>peli{drawn}can</text:p>")),
            &["pelican", "A grey gull"],
        );
    }
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

#[test]
fn what_is_on_each_slide_is_read_with_the_first() {
    let slides = "<presentation:footer-decl presentation:name='f'>Gull &amp; Sons</presentation:footer-decl>\
        <presentation:header-decl presentation:name='h'>Handout</presentation:header-decl>\
        <presentation:date-time-decl presentation:name='d' presentation:source='fixed'>17 May 2026</presentation:date-time-decl>\
        <presentation:date-time-decl presentation:name='e' presentation:source='current-date'/>\
        <draw:page presentation:use-footer-name='f'><draw:frame><draw:text-box><text:p>one</text:p></draw:text-box></draw:frame></draw:page>\
        <draw:page><draw:frame><draw:text-box><text:p>two</text:p></draw:text-box></draw:frame></draw:page>";
    let frame = |class: &str, text: &str| {
        format!(
            "<draw:frame {class}><draw:text-box><text:p>{text}</text:p></draw:text-box></draw:frame>"
        )
    };
    let masters = format!(
        "<office:master-styles><style:master-page style:name='m'>{}{}{}{}</style:master-page></office:master-styles>",
        frame("presentation:class='title'", "Click to edit"),
        frame("", "Port authority"),
        frame("presentation:class='footer'", "<presentation:footer/>"),
        frame("presentation:class='date-time'", "Spring tide"),
    );
    let body = format!("<office:presentation>{slides}</office:presentation>");
    let content = format!(
        "<office:document-content><office:body>{body}</office:body></office:document-content>"
    );
    let styles = format!("<office:document-styles>{masters}</office:document-styles>");
    let expected = "one\nGull & Sons\nHandout\n17 May 2026\nPort authority\nSpring tide\u{c}two";
    let packed = made::zip(&[
        (
            "mimetype",
            "application/vnd.oasis.opendocument.presentation",
        ),
        ("content.xml", &content),
        ("styles.xml", &styles),
    ]);
    assert_eq!(text("a.odp", &packed), expected);
    let flat = format!(
        "<?xml version='1.0'?><office:document office:mimetype='application/vnd.oasis.opendocument.presentation'>{masters}<office:body>{body}</office:body></office:document>"
    );
    assert_eq!(text("a.fodp", flat.as_bytes()), expected);
    // A drawing has no slides.
    let drawing = format!(
        "<office:drawing><draw:page>{}</draw:page></office:drawing>",
        frame("", "drawn")
    );
    let packed = made::zip(&[
        ("mimetype", "application/vnd.oasis.opendocument.graphics"),
        ("content.xml", &drawing),
        ("styles.xml", &styles),
    ]);
    assert_eq!(text("a.odg", &packed), "drawn\nPort authority\nSpring tide");
}

#[test]
fn formulas_of_opendocument_are_read() {
    let formula = |prefix: &str| {
        let signs = "<semantics><mrow><mi>flow</mi><mo>=</mo><mfrac><mi>m</mi><msup><mi>v</mi><mn>2</mn></msup></mfrac>\
            <mo>\u{2062}</mo><mtext>tidal &lt;rate&gt;</mtext></mrow><annotation encoding='StarMath 5.0'>flow = {m} over v^2</annotation></semantics>";
        let element = format!("<math xmlns='http://www.w3.org/1998/Math/MathML'>{signs}</math>");
        match prefix {
            "" => element,
            _ => element
                .replace("</", "</\0")
                .replace('<', &format!("<{prefix}:"))
                .replace(&format!("<{prefix}:/\0"), &format!("</{prefix}:")),
        }
    };
    let read = "flow = m v 2 tidal <rate>";
    let body = "<office:text><text:p>pelican<draw:frame><draw:object xlink:href='./Object 1'/></draw:frame>s</text:p></office:text>";
    for prefix in ["", "math", "m"] {
        let formula = formula(prefix);
        let packed = made::zip(&[
            ("mimetype", "application/vnd.oasis.opendocument.text"),
            ("content.xml", body),
            ("Object 1/content.xml", &formula),
        ]);
        has_lines(&text("a.odt", &packed), &["pelicans", read]);
        // In the document itself, and by itself.
        let inline = format!(
            "<text:p>peli<draw:frame><draw:object>{formula}</draw:object></draw:frame>cans</text:p>"
        );
        has_lines(&odt(&inline), &["pelicans", read]);
        let packed = made::zip(&[
            ("mimetype", "application/vnd.oasis.opendocument.formula"),
            ("content.xml", &formula),
        ]);
        assert_eq!(text("a.odf", &packed), read);
    }
    let source = "<math><semantics><mrow/><annotation encoding='StarMath 5.0'>tide over time</annotation></semantics></math>";
    has_lines(
        &odt(&format!("<text:p>a{source}</text:p>")),
        &["a", "tide over time"],
    );
}
