//! What a person reads in a web page: its text, title, description, and the words for its images.

use encoding_rs::{Encoding, UTF_8, WINDOWS_1252};

use super::flow::Flow;
use super::markup::{Attributes, Language, Token, Tokens};
use super::{MAX_TEXT_BYTES, entity};

/// Where browsers and pages agree that a declaration of the encoding has to be found.
const DECLARATION_BYTES: usize = 4 << 10;
/// Frames nested deeper are not read.
const MAX_FRAMES: usize = 4;
/// Elements of a drawing whose text is read.
const SVG_TEXTS: [&str; 4] = ["text", "title", "desc", "foreignobject"];
/// Types of fields whose value is not visible.
const UNSEEN_FIELDS: [&str; 8] = [
    "hidden", "password", "checkbox", "radio", "range", "color", "file", "image",
];

/// How an element separates the words around it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    /// A part of a word at most.
    Inline,
    /// Words of its own.
    Separate,
    /// Lines of its own.
    Block,
    /// Lines of its own whose white space matters.
    Preformatted,
    /// Not text: script, style, and what only stands in for them.
    Hidden,
    /// Its content is text without tags.
    Raw,
    /// A foreign tree: hidden up to its end, or to an element that cannot be in it, but for the text of a
    /// drawing.
    Foreign,
}

fn role(name: &str) -> Role {
    match name {
        "a" | "abbr" | "acronym" | "b" | "bdi" | "bdo" | "big" | "cite" | "code" | "data"
        | "del" | "dfn" | "em" | "font" | "i" | "ins" | "kbd" | "mark" | "nobr" | "q" | "s"
        | "samp" | "small" | "span" | "strike" | "strong" | "sub" | "sup" | "time" | "tt" | "u"
        | "var" | "wbr" | "ruby" | "rb" | "rt" | "rtc" | "rbc" => Role::Inline,
        "address" | "article" | "aside" | "blockquote" | "body" | "br" | "caption" | "center"
        | "dd" | "details" | "dialog" | "div" | "dl" | "dt" | "fieldset" | "figcaption"
        | "figure" | "footer" | "form" | "h1" | "h2" | "h3" | "h4" | "h5" | "h6" | "head"
        | "header" | "hgroup" | "hr" | "html" | "legend" | "li" | "main" | "menu" | "nav"
        | "ol" | "optgroup" | "p" | "search" | "section" | "summary" | "table" | "tbody"
        | "tfoot" | "thead" | "tr" | "ul" => Role::Block,
        "pre" | "listing" => Role::Preformatted,
        "rp" | "script" | "style" | "noscript" | "noembed" | "noframes" | "iframe" => Role::Hidden,
        "title" | "textarea" | "xmp" => Role::Raw,
        "svg" | "template" => Role::Foreign,
        _ => Role::Separate,
    }
}

/// Appends the text of a page to `flow`. A page that is XML by its own account is read as such: in it
/// an element can be empty that in HTML holds all that follows.
pub fn text(page: &str, flow: &mut Flow) {
    text_in_frame(page, 0, flow);
}

/// Appends the text of a page that is nested in this many frames.
fn text_in_frame(page: &str, frames: usize, flow: &mut Flow) {
    let language = match is_xml(page) {
        true => Language::Xml,
        false => Language::Html,
    };
    let mut reader = Reader {
        tokens: Tokens::new(page, language),
        language,
        flow,
        frames,
        preformatted: 0,
        foreign: None,
        svg_texts: 0,
        readings: String::new(),
        in_reading: false,
        in_ruby: false,
    };
    while let Some(token) = reader.tokens.next() {
        if reader.flow.is_full() {
            break;
        }
        match token {
            Token::Text(text) => reader.read(text),
            Token::Start {
                name,
                attributes,
                empty,
            } => with_lower_case(name, |name| reader.open(name, attributes, empty)),
            Token::End { name } => with_lower_case(name, |name| reader.close(name)),
            Token::Literal(text) => reader.write(text),
            Token::Comment(_) | Token::Instruction(_) => {}
        }
    }
    reader.pronounce();
}

/// Whether a page begins as XML does, or names the namespace of XHTML.
fn is_xml(page: &str) -> bool {
    let end = page.floor_char_boundary(DECLARATION_BYTES);
    let head = page[..end].trim_start_matches('\u{feff}').trim_start();
    let tag = head
        .find("<html")
        .or_else(|| head.find("<HTML"))
        .map(|at| &head[at..]);
    let root = tag
        .and_then(|tag| tag.split('>').next())
        .unwrap_or_default();
    head.starts_with("<?xml") || root.contains("http://www.w3.org/1999/xhtml")
}

/// The encoding that a page declares in a `meta` element. By the standard a page that says UTF-16
/// where this could be read is UTF-8.
pub fn declared_encoding(head: &[u8]) -> Option<&'static Encoding> {
    let head = &head[..head.len().min(DECLARATION_BYTES)];
    let (head, _) = WINDOWS_1252.decode_without_bom_handling(head);
    Tokens::new(&head, Language::Html).find_map(|token| match token {
        Token::Start {
            name, attributes, ..
        } if name.eq_ignore_ascii_case("meta") => {
            let label = match attributes.value("charset") {
                Some(label) => label,
                None => attributes.value("content")?.split_once("charset=")?.1,
            };
            let label = label.split([';', ' ']).next().unwrap_or_default();
            let label = label.trim_matches(['"', '\'']);
            Encoding::for_label(label.as_bytes()).map(|encoding| match encoding.name() {
                "UTF-16LE" | "UTF-16BE" => UTF_8,
                "x-user-defined" => WINDOWS_1252,
                _ => encoding,
            })
        }
        // XHTML may declare it the way of XML.
        Token::Instruction(text) => super::xml::declaration(text),
        _ => None,
    })
}

struct Reader<'a, 'f> {
    tokens: Tokens<'a>,
    language: Language,
    flow: &'f mut Flow,
    /// How many frames the page is nested in.
    frames: usize,
    /// How many elements with significant white space are open.
    preformatted: usize,
    /// The outermost open foreign element's name, and how many of that name are open.
    foreign: Option<(&'static str, usize)>,
    /// How many elements are open in it whose text is read.
    svg_texts: usize,
    /// How the words of this block are pronounced (`ruby`), which is read behind it: between its
    /// characters it would cut a word in pieces.
    readings: String,
    in_reading: bool,
    in_ruby: bool,
}

impl Reader<'_, '_> {
    fn read(&mut self, text: &str) {
        self.write(&entity::decode(text));
    }

    /// Appends text without references.
    fn write(&mut self, text: &str) {
        match (self.foreign, self.preformatted) {
            (Some(_), _) if self.svg_texts == 0 => {}
            _ if self.in_reading => {
                if self.readings.len() < MAX_TEXT_BYTES {
                    self.readings.push_str(text.trim());
                }
            }
            (None, 1..) => self.flow.verbatim(text),
            _ => self.flow.words(text),
        }
        // Readings of characters that do not follow each other are words of their own.
        let is_between = !self.in_reading && !self.in_ruby && !self.readings.is_empty();
        if is_between && !self.readings.ends_with(' ') && !text.trim().is_empty() {
            self.readings.push(' ');
        }
    }

    /// Writes how the words were pronounced that are written by now.
    fn pronounce(&mut self) {
        self.in_reading = false;
        if !self.readings.trim().is_empty() {
            self.flow.space();
            self.flow.words(&self.readings);
            self.flow.space();
        }
        self.readings.clear();
    }

    /// Deals with what is only found around and in `ruby`.
    fn ruby(&mut self, name: &str, begins: bool) {
        match name {
            "ruby" => (self.in_ruby, self.in_reading) = (begins, false),
            // The end of a reading may be left out.
            "rt" if begins => self.in_reading = true,
            "rt" | "rb" | "rbc" => self.in_reading = false,
            _ => {}
        }
    }

    fn open(&mut self, name: &str, attributes: Attributes<'_>, empty: bool) {
        self.ruby(name, !empty);
        let is_xml = self.language == Language::Xml;
        let role = match role(name) {
            // Pictures with words are whole pages of some books.
            Role::Foreign if is_xml && name == "svg" => Role::Block,
            // In XML these end where they begin.
            Role::Hidden | Role::Raw | Role::Preformatted if is_xml && empty => Role::Separate,
            role => role,
        };
        if let Some((outer, depth)) = &mut self.foreign {
            if *outer == name && !empty {
                *depth += 1;
            }
            // Blocks cannot stand in a drawing: a browser ends it there.
            if *outer != "svg" || role != Role::Block {
                let is_drawing = *outer == "svg";
                if role == Role::Hidden && !empty {
                    self.tokens.raw_text(name);
                } else if is_drawing {
                    self.draw(name, attributes, empty);
                }
                return;
            }
            self.foreign = None;
            self.svg_texts = 0;
        }
        self.separate(role);
        self.describe(name, attributes);
        match role {
            Role::Preformatted => self.preformatted += 1,
            Role::Hidden => {
                self.tokens.raw_text(name);
            }
            Role::Raw => {
                let text = self.tokens.raw_text(name);
                self.read(text);
            }
            Role::Foreign if !empty => {
                self.foreign = Some((if name == "svg" { "svg" } else { "template" }, 1));
            }
            _ => {}
        }
    }

    /// Opens an element of a drawing. Text with a position of its own is a separate word.
    fn draw(&mut self, name: &str, attributes: Attributes<'_>, empty: bool) {
        let is_text = SVG_TEXTS.contains(&name);
        let is_placed = ["x", "y", "dx", "dy"]
            .iter()
            .any(|place| attributes.value(place).is_some());
        if is_text || is_placed {
            self.flow.space();
        }
        self.describe(name, attributes);
        if is_text && !empty {
            self.svg_texts += 1;
        }
    }

    fn close(&mut self, name: &str) {
        if let Some((outer, depth)) = &mut self.foreign {
            if *outer == name {
                *depth -= 1;
                if *depth == 0 {
                    self.foreign = None;
                    self.svg_texts = 0;
                    self.flow.space();
                }
            } else if SVG_TEXTS.contains(&name) {
                self.svg_texts = self.svg_texts.saturating_sub(1);
                self.flow.space();
            }
            return;
        }
        self.ruby(name, false);
        let role = role(name);
        if role == Role::Preformatted {
            self.preformatted = self.preformatted.saturating_sub(1);
        }
        let role = match role {
            Role::Foreign if self.language == Language::Xml => Role::Block,
            role => role,
        };
        self.separate(role);
        if name == "title" {
            self.flow.line();
        }
    }

    fn separate(&mut self, role: Role) {
        match role {
            Role::Inline => {}
            Role::Block | Role::Preformatted => {
                self.pronounce();
                self.flow.line();
            }
            // Brackets around a reading, for programs that know none.
            Role::Hidden if self.in_ruby => {}
            Role::Separate | Role::Hidden | Role::Raw | Role::Foreign => self.flow.space(),
        }
    }

    /// Keeps the attributes that are read to people.
    fn describe(&mut self, name: &str, attributes: Attributes<'_>) {
        if name == "meta" {
            return self.describe_page(attributes);
        }
        let own = match name {
            "input" if is_seen(attributes) => "value",
            "option" | "optgroup" | "track" => "label",
            "iframe" => return self.describe_frame(attributes),
            _ => "alt",
        };
        for (attribute, value) in attributes {
            let is_read = ["alt", "title", "aria-label", "placeholder", own]
                .iter()
                .any(|read| attribute.eq_ignore_ascii_case(read));
            if is_read && !value.is_empty() {
                self.flow.space();
                self.flow.words(&entity::decode(value));
                self.flow.space();
            }
        }
    }

    /// Reads the title of a frame, and the page in its `srcdoc`.
    fn describe_frame(&mut self, attributes: Attributes<'_>) {
        if let Some(title) = attributes.value("title") {
            self.flow.words(&entity::decode(title));
            self.flow.space();
        }
        let page = attributes.value("srcdoc").unwrap_or_default();
        if !page.is_empty() && self.frames < MAX_FRAMES {
            self.flow.line();
            text_in_frame(&entity::decode(page), self.frames + 1, self.flow);
            self.flow.line();
        }
    }

    fn describe_page(&mut self, attributes: Attributes<'_>) {
        let is_read = attributes.value("name").is_some_and(|name| {
            ["description", "keywords", "author"]
                .iter()
                .any(|read| name.eq_ignore_ascii_case(read))
        });
        if let Some(content) = attributes.value("content").filter(|_| is_read) {
            self.flow.line();
            self.flow.words(&entity::decode(content));
            self.flow.line();
        }
    }
}

/// Whether the value of a field is visible.
fn is_seen(field: Attributes<'_>) -> bool {
    let kind = field.value("type").unwrap_or_default().trim();
    !UNSEEN_FIELDS
        .iter()
        .any(|unseen| kind.eq_ignore_ascii_case(unseen))
}

/// Calls `then` with the ASCII lower case of `name`, mostly without a copy.
fn with_lower_case(name: &str, then: impl FnOnce(&str)) {
    if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        then(&name.to_ascii_lowercase());
    } else {
        then(name);
    }
}

#[cfg(test)]
mod tests {
    use super::{declared_encoding, text};
    use crate::extract::flow::Flow;

    fn read(page: &str) -> String {
        let mut flow = Flow::new(1 << 20);
        text(page, &mut flow);
        flow.into_text()
    }

    #[test]
    fn a_page_reads_as_it_is_seen() {
        let page = "<!DOCTYPE html><html><head><meta charset=utf-8>\
            <meta name=Description content='About &quot;boats&quot;'><title>Har&shy;bour\n log</title>\
            <style>p { color: red }</style><script>if (a < b) { document.write('<p>no') }</script>\
            </head><body><h1>Caf&eacute;</h1><p>One <b>bo</b>ld\n   word,<br>two.\
            <ul><li>first<li>second</ul><table><tr><td>1</td><td>2</td></tr></table>\
            <img src=x.png alt='A red boat'><noscript>Enable it</noscript> end</body></html>";
        let expected = "About \"boats\"\nHarbour log\nCafé\nOne bold word,\ntwo.\nfirst\nsecond\n1 2\nA red boat end";
        assert_eq!(read(page), expected);
    }

    #[test]
    fn readings_stand_behind_their_words() {
        let page = "<p><ruby>灯<rt>とう</rt>台<rp>(</rp><rt>だい</rt><rp>)</rp></ruby>守<p>end";
        assert_eq!(read(page), "灯台守 とうだい\nend");
        let page = "<p>その<ruby>灯<rt>とう</rt></ruby><ruby>台<rt>だい</rt></ruby>と<ruby>海<rt>うみ</ruby>";
        assert_eq!(read(page), "その灯台と海 とうだい うみ");
    }

    #[test]
    fn what_is_empty_in_xml_swallows_nothing() {
        for element in ["script", "style", "iframe", "title", "noscript", "textarea"] {
            let page = format!(
                "<?xml version='1.0'?><html><head><{element} src='x'/></head><p>kept</p></html>"
            );
            assert_eq!(read(&page), "kept", "{element}");
            let page = format!(
                "<!DOCTYPE html><html xmlns=\"http://www.w3.org/1999/xhtml\"><{element}/><p>kept</p></html>"
            );
            assert_eq!(read(&page), "kept", "{element}");
        }
        let page = "<?xml version='1.0'?><html><p>a <![CDATA[b < c & d]]></p><script>no</script>\
            <svg><style>s{}</style><text>drawn</text></svg><pre/>  x   y</html>";
        assert_eq!(read(page), "a b < c & d\ndrawn\nx y");
        // A page that is HTML is read as browsers do.
        assert_eq!(read("<p>a<script src=x/>hidden"), "a");
    }

    #[test]
    fn code_keeps_its_lines() {
        let page = "<p>Run<PRE class=x>let a = 1;\n  let b = &lt;2&gt;;\n</PRE>then  stop";
        assert_eq!(read(page), "Run\nlet a = 1;\n  let b = <2>;\nthen stop");
    }

    #[test]
    fn foreign_trees_are_not_read() {
        let page = "a<svg>x<svg>y</svg>z</svg>b\
            <template><p>row<template></template><svg><text>t</text></svg></p></template>c<svg><path/><p>d</p>";
        assert_eq!(read(page), "a b c\nd");
    }

    #[test]
    fn the_words_of_drawings_are_read() {
        let page = "<p>a<SVG aria-label='tides'><title>Catch</title><style>b{}</style><defs>no</defs>\
            <g><desc>by month</desc><svg><text x=1>Har<tspan class=b>bour</tspan><tspan x=1 dy=9>dues</tspan></text></svg></g>\
            <text><textPath>along</textPath></text><text/>no<script>no</script></SVG>b";
        assert_eq!(read(page), "a tides Catch by month Harbour dues along b");
        let page = "<svg><text>one</svg>two<svg><foreignObject><div>three</div></foreignObject><text>four</text></svg><svg>no</svg>";
        assert_eq!(read(page), "one two\nthree\nfour");
    }

    #[test]
    fn pages_in_frames_are_read() {
        let page = "<p>a<iframe title='Chart' srcdoc='<p>High &amp;amp; low<p>water &quot;now&quot;'>old</iframe>b";
        assert_eq!(read(page), "a Chart\nHigh & low\nwater \"now\"\nb");
        let mut page = "deep".to_owned();
        for depth in 0..8 {
            let inner = page.replace('&', "&amp;").replace('\'', "&#39;");
            page = format!("{depth}<iframe srcdoc='{inner}'></iframe>");
        }
        assert_eq!(read(&page), "7\n6\n5\n4\n3");
    }

    #[test]
    fn values_of_fields_are_read_where_they_are_seen() {
        let page = "<input value='Ada Quay'><input type=EMAIL value=a@example.org><input type=submit value=Send>\
            <input type=hidden value=h><input type='Password' value=p><input type=checkbox value=c><input type=image value=i alt=Go>\
            <button value=v>Press</button><select><optgroup label=Fish><option label=Cod value=o></optgroup></select>";
        assert_eq!(read(page), "Ada Quay a@example.org Send Go Press\nFish Cod");
    }

    #[test]
    fn unclosed_elements_lose_nothing_but_scripts() {
        assert_eq!(read("<p>a<div>b<!-- c >d"), "a\nbd");
        assert_eq!(read("a<script>b</p>"), "a");
        assert_eq!(read("</pre></pre></svg>a  b"), "a b");
    }

    #[test]
    fn encodings_are_declared_in_two_ways() {
        let declared = |head: &str| declared_encoding(head.as_bytes()).map(|found| found.name());
        assert_eq!(
            declared("<html><META CHARSET='Shift_JIS'>"),
            Some("Shift_JIS")
        );
        let equivalent = "<meta http-equiv=content-type content=\"text/html; charset=iso-8859-1\">";
        assert_eq!(declared(equivalent), Some("windows-1252"));
        assert_eq!(declared("<meta charset=utf-16>"), Some("UTF-8"));
        assert_eq!(declared("<!-- <meta charset=big5> --><p>"), None);
        assert_eq!(
            declared("<meta charset=nonsense><meta charset=gbk>"),
            Some("GBK")
        );
    }
}
