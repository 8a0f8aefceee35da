//! What an XML document says: its text, attribute values and comments. Malformed documents read
//! the same way, tag by tag, and entities that a document defines are left alone.

use encoding_rs::{Encoding, UTF_8};

use super::entity;
use super::flow::Flow;
use super::html;
use super::markup::{Attributes, Language, Token, Tokens};

/// Appends the text, attribute values and comments of a document to `flow`.
pub fn text(document: &str, flow: &mut Flow) {
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
