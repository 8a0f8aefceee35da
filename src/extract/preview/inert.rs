//! Whether what a child made of a text is what a page may hold: whoever takes a child over can say
//! what they like, and no more than the elements that formatting makes.

/// The attributes that an element may have, in the order in which they stand.
type Attributes = &'static [Attribute];

enum Attribute {
    /// Only these values.
    Is(&'static str, &'static [&'static str]),
    /// Digits.
    Number(&'static str),
    /// Names of classes that begin so.
    Classes(&'static str),
    /// An address that leads elsewhere without telling from where, or nowhere.
    Address,
    /// Any text.
    Text(&'static str),
}

use Attribute::{Address, Classes, Is, Number, Text};

const ALIGNMENTS: &[&str] = &[
    "text-align: left",
    "text-align: center",
    "text-align: right",
];
const REL: Attribute = Is("rel", &["noopener noreferrer nofollow"]);

/// Elements that hold others, or text.
const ELEMENTS: &[(&str, Attributes)] = &[
    ("span", &[Classes("s-")]),
    ("a", &[REL, Address, Text("title")]),
    ("p", &[]),
    ("h3", &[]),
    ("h4", &[]),
    ("h5", &[]),
    ("h6", &[]),
    ("em", &[]),
    ("strong", &[]),
    ("del", &[]),
    ("code", &[Classes("language-")]),
    ("pre", &[]),
    ("blockquote", &[]),
    ("ul", &[]),
    ("ol", &[Number("start")]),
    ("li", &[]),
    ("table", &[]),
    ("thead", &[]),
    ("tbody", &[]),
    ("tr", &[]),
    ("th", &[Is("style", ALIGNMENTS)]),
    ("td", &[Is("style", ALIGNMENTS)]),
];

/// Elements that hold nothing.
const EMPTY: &[(&str, Attributes)] = &[
    ("br", &[]),
    ("hr", &[]),
    (
        "input",
        &[
            Is("disabled", &[""]),
            Is("type", &["checkbox"]),
            Is("checked", &[""]),
        ],
    ),
];

/// Elements inside each other.
const MAX_DEPTH: usize = 1_000;

/// Whether all markup is of elements that formatting makes, each closed, with nothing that identifies
/// it, runs, or makes a browser fetch something by itself.
pub fn is_inert(html: &str) -> bool {
    let mut open: Vec<&str> = Vec::new();
    let mut rest = html;
    while let Some((text, from_tag)) = rest.split_once('<') {
        let Some((tag, after)) = from_tag.split_once('>') else {
            return false;
        };
        if text.contains('>') || !takes(&mut open, tag) {
            return false;
        }
        rest = after;
    }
    !rest.contains('>') && open.is_empty()
}

/// Takes a tag, without its brackets; whether it may stand there.
fn takes<'a>(open: &mut Vec<&'a str>, tag: &'a str) -> bool {
    if let Some(name) = tag.strip_prefix('/') {
        return open.pop() == Some(name);
    }
    let end = tag.find(|c: char| !c.is_ascii_alphanumeric());
    let (name, attributes) = tag.split_at(end.unwrap_or(tag.len()));
    let allowed = |elements: &[(&str, Attributes)]| -> Option<Attributes> {
        let found = elements.iter().find(|(known, _)| *known == name);
        found.map(|(_, attributes)| *attributes)
    };
    if let Some(allowed) = allowed(EMPTY) {
        let attributes = attributes.strip_suffix('/').unwrap_or(attributes);
        return are_allowed(attributes.trim_end_matches(' '), allowed);
    }
    open.push(name);
    open.len() <= MAX_DEPTH && allowed(ELEMENTS).is_some_and(|it| are_allowed(attributes, it))
}

/// Whether attributes are some of those that are allowed, in their order.
fn are_allowed(mut attributes: &str, allowed: Attributes) -> bool {
    for attribute in allowed {
        if let Some(rest) = without(attributes, attribute) {
            attributes = rest;
        }
    }
    attributes.is_empty()
}

/// What follows the attribute, if it stands first and may have its value.
fn without<'a>(attributes: &'a str, attribute: &Attribute) -> Option<&'a str> {
    let name = match attribute {
        Is(name, _) | Number(name) | Text(name) => name,
        Classes(_) => "class",
        Address => "href",
    };
    let value = attributes.strip_prefix(' ')?.strip_prefix(name)?;
    let (value, rest) = value.strip_prefix("=\"")?.split_once('"')?;
    let is_allowed = match attribute {
        Is(_, values) => values.contains(&value),
        Number(_) => !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit()),
        Classes(prefix) => value.split(' ').all(|class| class.starts_with(prefix)),
        Address => value == "#text" || leads_elsewhere(value),
        Text(_) => true,
    };
    is_allowed.then_some(rest)
}

/// Whether an address, escaped or not, is one that somebody may follow.
pub fn leads_elsewhere(address: &str) -> bool {
    ["https://", "http://", "mailto:"].iter().any(|known| {
        let beginning = address.get(..known.len());
        beginning.is_some_and(|beginning| beginning.eq_ignore_ascii_case(known))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_formatting_makes_passes() {
        for html in [
            "",
            "quay &lt;b&gt; &quot;",
            "<p>a<br />\nb</p>\n<hr />\n",
            "<ol start=\"3\">\n<li><input disabled=\"\" type=\"checkbox\" checked=\"\"/>\nx</li>\n</ol>",
            "<pre><code class=\"language-c++\">a</code></pre>",
            "<span class=\"s-source s-rust\">a<span class=\"s-a\"></span></span>",
            "<a rel=\"noopener noreferrer nofollow\" href=\"HTTPS://example.org/?a&amp;b\" title=\"t\">x</a>",
            "<table><thead><tr><th style=\"text-align: right\">a</th></tr></thead><tbody>\n</tbody></table>",
        ] {
            assert!(is_inert(html), "{html}");
        }
    }

    #[test]
    fn whatever_else_a_child_says_does_not() {
        for html in [
            "<script>",
            "<script></script>",
            "<p",
            "<p>",
            "</p>",
            "</main>",
            "a > b",
            "<p></em>",
            "<em><p></em></p>",
            "<P></P>",
            "<p ></p>",
            "<p id=\"main\"></p>",
            "<p onclick=\"x\"></p>",
            "<br onclick=\"x\"/>",
            "<img src=\"x\"/>",
            "<form action=\"/accounts\"></form>",
            "<input type=\"text\"/>",
            "<input name=\"a\" type=\"checkbox\"/>",
            "<span class=\"s-a button\"></span>",
            "<span class='s-a'></span>",
            "<span class=\"s-a\" class=\"s-b\"></span>",
            "<td style=\"background: url(https://example.org)\"></td>",
            "<a href=\"javascript:alert(1)\">x</a>",
            "<a href=\"&#106;avascript:alert(1)\">x</a>",
            "<a href=\"//example.org\">x</a>",
            "<a href=\"/accounts\">x</a>",
            "<a rel=\"opener\" href=\"https://example.org\">x</a>",
            "<ol start=\"\"></ol>",
            "<!-- -->",
            "<![CDATA[ ]]>",
            "<svg><a></a></svg>",
        ] {
            assert!(!is_inert(html), "{html}");
        }
        assert!(!is_inert(&"<p>".repeat(100_000)));
        let deep = format!("{}{}", "<p>".repeat(1_001), "</p>".repeat(1_001));
        assert!(!is_inert(&deep));
    }

    #[test]
    fn an_attribute_is_one_only_where_it_ends() {
        assert!(!is_inert("<p title=\"x\"></p>"));
        assert!(!is_inert(
            "<code class=\"language-x\" onclick=\"y\"></code>"
        ));
        assert!(!is_inert("<a title=\"x\" href=\"https://a\">x</a>"));
    }
}
