//! What an XML document says: its text, attribute values and comments. Malformed documents read
//! the same way, tag by tag, and entities that a document defines are left alone.

use encoding_rs::{Encoding, UTF_8};

use super::entity;
use super::flow::Flow;
use super::html;
use super::markup::{Attributes, Language, Token, Tokens};

/// A kind of document that has a reader of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// OpenDocument in one file.
    OpenDocument,
    /// WordprocessingML in one file, of Word 2003 or as a flat package.
    Word,
    /// Running text with marks inside of words: FictionBook, TTML, DocBook, TEI, DITA.
    Prose,
    /// Texts with their translations (XLIFF, TMX), in which marks stand for the code around words.
    Translation,
}

/// Roots of such texts, and of others that are known by their names alone, without a namespace.
const ROOTS: [&str; 24] = [
    "FictionBook",
    "book",
    "chapter",
    "TEI",
    "TEI.2",
    "topic",
    "concept",
    "task",
    "reference",
    "xliff",
    "tmx",
    "opml",
    "rss",
    "feed",
    "gpx",
    "kml",
    "plist",
    "document",
    "wordDocument",
    "package",
    "dictionary",
    "smil",
    "sitemapindex",
    "urlset",
];

/// Whether the root of a document without an XML declaration, by its name, its tag or its document
/// type, says that it is XML.
pub fn is_root(name: &str, tag: &str) -> bool {
    let is_page = name.eq_ignore_ascii_case("html");
    let has_namespace = tag.contains(" xmlns=") || tag.contains(" xmlns:");
    !is_page && (has_namespace || ROOTS.contains(&local(name)))
}

/// Elements of such texts that are a part of a word at most.
const INLINE: [&str; 24] = [
    "a",
    "abbrev",
    "b",
    "code",
    "em",
    "emphasis",
    "foreign",
    "hi",
    "i",
    "inline",
    "literal",
    "ph",
    "phrase",
    "rs",
    "seg",
    "span",
    "strikethrough",
    "strong",
    "style",
    "sub",
    "subscript",
    "sup",
    "superscript",
    "u",
];

/// What the root of a document says it is.
pub fn dialect(document: &str) -> Option<Dialect> {
    if !document
        .trim_start_matches('\u{feff}')
        .trim_start()
        .starts_with('<')
    {
        return None;
    }
    let root = Tokens::new(document, Language::Xml).find_map(|token| match token {
        Token::Start { name, .. } => Some(name),
        _ => None,
    })?;
    Some(match root {
        "office:document" => Dialect::OpenDocument,
        "w:wordDocument" | "pkg:package" => Dialect::Word,
        root => match local(root) {
            "FictionBook" | "tt" | "book" | "article" | "chapter" | "TEI" | "TEI.2" | "topic"
            | "concept" | "task" | "reference" => Dialect::Prose,
            "xliff" | "tmx" => Dialect::Translation,
            _ => return None,
        },
    })
}

fn local(name: &str) -> &str {
    name.rsplit(':').next().unwrap_or(name)
}

/// Appends the text, attribute values and comments of a document to `flow`.
pub fn text(document: &str, flow: &mut Flow) {
    if dialect(document) == Some(Dialect::Prose) {
        return prose(document, flow);
    }
    if dialect(document) == Some(Dialect::Translation) {
        return translation(document, flow);
    }
    let mut tokens = Tokens::new(document, Language::Xml);
    while let Some(token) = tokens.next().filter(|_| !flow.is_full()) {
        match token {
            Token::Start { attributes, .. } => {
                flow.space();
                values(attributes, flow);
            }
            Token::Comment(comment) => {
                flow.space();
                flow.lines(comment);
                flow.space();
            }
            other => content(&other, flow),
        }
    }
}

/// Appends a running text: what is only a mark on a word does not end it, and what describes looks and
/// places is not read.
fn prose(document: &str, flow: &mut Flow) {
    let mut tokens = Tokens::new(document, Language::Xml);
    while let Some(token) = tokens.next().filter(|_| !flow.is_full()) {
        match token {
            Token::Start { name, empty, .. } => match local(name) {
                // Pictures.
                "binary" if !empty => {
                    tokens.raw_text(name);
                }
                "br" | "lb" => flow.line(),
                inline if INLINE.contains(&inline) => {}
                _ => flow.line(),
            },
            Token::End { name } if !INLINE.contains(&local(name)) => flow.line(),
            Token::Text(text) => flow.words(&entity::decode(text)),
            Token::Literal(text) => flow.words(text),
            _ => {}
        }
    }
}

/// Appends texts and their translations. What a mark stands for is no word, nor does it end one.
fn translation(document: &str, flow: &mut Flow) {
    const MARKS: [&str; 12] = [
        "g", "x", "bx", "ex", "mrk", "pc", "sc", "ec", "hi", "sm", "em", "sub",
    ];
    const CODES: [&str; 5] = ["bpt", "ept", "it", "ph", "ut"];
    let mut tokens = Tokens::new(document, Language::Xml);
    while let Some(token) = tokens.next().filter(|_| !flow.is_full()) {
        match token {
            Token::Start {
                name, empty: false, ..
            } if CODES.contains(&local(name)) => {
                tokens.raw_text(name);
            }
            Token::Start { name, .. } | Token::End { name }
                if MARKS.contains(&local(name)) || CODES.contains(&local(name)) => {}
            Token::Start { attributes, .. } => {
                flow.line();
                values(attributes, flow);
            }
            Token::End { .. } => flow.line(),
            Token::Text(text) => flow.words(&entity::decode(text)),
            Token::Literal(text) => flow.words(text),
            _ => {}
        }
    }
}

/// Appends the text of an SVG drawing to `flow`: its attributes are geometry, except those that
/// are read to people.
pub fn drawing_text(document: &str, flow: &mut Flow) {
    let mut tokens = Tokens::new(document, Language::Xml);
    while let Some(token) = tokens.next().filter(|_| !flow.is_full()) {
        match token {
            Token::Start {
                name,
                attributes,
                empty,
            } => {
                flow.space();
                if let Some(label) = attributes.value("aria-label") {
                    flow.words(&entity::decode(label));
                    flow.space();
                }
                if !empty && matches!(name, "script" | "style") {
                    tokens.raw_text(name);
                }
            }
            other => content(&other, flow),
        }
    }
}

fn content(token: &Token<'_>, flow: &mut Flow) {
    match token {
        Token::Text(text) => flow.lines(&entity::decode(text)),
        // Feeds carry whole pages in sections.
        Token::Literal(text) if text.contains("</") => html::text(text, flow),
        Token::Literal(text) => flow.lines(text),
        Token::End { .. } => flow.space(),
        Token::Start { .. } | Token::Comment(_) | Token::Instruction(_) => {}
    }
}

fn values(attributes: Attributes<'_>, flow: &mut Flow) {
    for (name, value) in attributes {
        // Namespaces and schema locations are addressed to parsers.
        if !name.starts_with("xmlns") && !name.starts_with("xsi:") {
            flow.words(&entity::decode(value));
            flow.space();
        }
    }
}

/// The encoding in the XML declaration that a document begins with.
pub fn declared_encoding(head: &[u8]) -> Option<&'static Encoding> {
    let declared = head.strip_prefix(b"<?")?;
    let length = memchr::memchr(b'>', &declared[..declared.len().min(256)])?;
    declaration(std::str::from_utf8(&declared[..length]).ok()?)
}

/// The encoding in an instruction, if it is an XML declaration. One that could be read as ASCII
/// and says UTF-16 is wrong.
pub fn declaration(instruction: &str) -> Option<&'static Encoding> {
    let attributes = instruction.strip_prefix("xml")?;
    let label = Attributes::of_declaration(attributes).value("encoding")?;
    Encoding::for_label(label.as_bytes()).map(|encoding| match encoding.name() {
        "UTF-16LE" | "UTF-16BE" => UTF_8,
        _ => encoding,
    })
}

#[cfg(test)]
mod tests {
    use super::{declared_encoding, drawing_text, text};
    use crate::extract::flow::Flow;

    fn read(document: &str, how: fn(&str, &mut Flow)) -> String {
        let mut flow = Flow::new(1 << 20);
        how(document, &mut flow);
        flow.into_text()
    }

    #[test]
    fn text_values_and_comments() {
        let document = "<?xml version='1.0'?>\n<!-- Port of call -->\n<ship xmlns='urn:x' name=\"Ada &amp; Co\">\n\
            <draught unit='m'>4.5</draught><cargo>t&#233;a</cargo></ship>";
        assert_eq!(read(document, text), "Port of call\nAda & Co\nm 4.5 téa");
    }

    #[test]
    fn malformed_documents_are_read_all_the_same() {
        assert_eq!(
            read("<a><b>one</a>two</c> & <d e='3'>four", text),
            "one two & 3 four"
        );
    }

    #[test]
    fn sections_with_markup_are_pages() {
        let feed = "<item><![CDATA[<p>Fresh <b>fi</b>sh</p>]]></item><x><![CDATA[a < b]]></x>";
        assert_eq!(read(feed, text), "Fresh fish\na < b");
    }

    #[test]
    fn entities_of_the_document_stay_names() {
        let mut bomb = String::from("<!DOCTYPE lolz [<!ENTITY lol 'lol'>");
        for level in 1..10 {
            let references = format!("&lol{};", level - 1).repeat(10);
            bomb.push_str(&format!("<!ENTITY lol{level} '{references}'>"));
        }
        bomb.push_str("]><lolz>&lol9;</lolz>");
        assert_eq!(read(&bomb, text), "&lol9;");
    }

    #[test]
    fn drawings_are_read_without_their_geometry() {
        let svg = "<svg viewBox='0 0 9 9'><style>a{}</style><title>Chart</title>\
            <path d='M0 0L9 9'/><text x='1' aria-label='tide'>High</text></svg>";
        assert_eq!(read(svg, drawing_text), "Chart tide High");
    }

    #[test]
    fn marks_cut_no_words_of_prose() {
        let book = "<FictionBook xmlns:l='x'><body><p>Har<emphasis>bour</emphasis> <strong>d</strong>ues</p><p>two</p></body><binary id='x'>AAAA</binary></FictionBook>";
        assert_eq!(read(book, text), "Harbour dues\ntwo");
        let timed = "<tt:tt xmlns:tt='x'><tt:p begin='1s'>High <tt:span style='i'>wa</tt:span>ter<tt:br/>now</tt:p></tt:tt>";
        assert_eq!(read(timed, text), "High water\nnow");
    }

    #[test]
    fn marks_cut_no_words_of_translations() {
        let xliff = "<xliff version='1.2'><file original='a.txt'><trans-unit id='7'><source>peli<g id='1'>can</g><x/></source>\
            <target>Peli<ph id='1'>&lt;br&gt;</ph>kan<it>x</it>e</target></trans-unit></file></xliff>";
        assert_eq!(read(xliff, text), "1.2\na.txt\n7\npelican\nPelikane");
        let tmx = "<tmx><tu><tuv xml:lang='en'><seg>gan<bpt i='1'>&lt;b&gt;</bpt>net<ept i='1'>b</ept></seg></tuv></tu></tmx>";
        assert_eq!(read(tmx, text), "en\ngannet");
    }

    #[test]
    fn the_declaration_names_the_encoding() {
        let declared = |head: &[u8]| declared_encoding(head).map(|found| found.name());
        let latin = b"<?xml version=\"1.0\" encoding=\"ISO-8859-2\"?><a/>";
        assert_eq!(declared(latin), Some("ISO-8859-2"));
        assert_eq!(
            declared(b"<?xml version='1.0' encoding='utf-16'?>"),
            Some("UTF-8")
        );
        assert_eq!(declared(b"<a encoding='big5'/>"), None);
    }
}
