//! Markdown as the page that it means, and nothing more: markup inside it is shown as the text it
//! is, pictures stay where they are, and links lead where they say or are none.

use super::inert::leads_elsewhere;
use pulldown_cmark::{CowStr, Event, HeadingLevel, Options, Parser, Tag, TagEnd, html};

/// Footnotes and attributes of headings are left out: they would give elements of the page names
/// that the writer of the file chooses.
const OPTIONS: Options = Options::ENABLE_TABLES
    .union(Options::ENABLE_STRIKETHROUGH)
    .union(Options::ENABLE_TASKLISTS);

/// Nested more deeply than anything that is meant to be read.
const MOST_DEPTH: usize = 64;

pub fn html(source: &str) -> String {
    let mut depth = 0;
    let events = Parser::new_ext(source, OPTIONS).filter_map(|event| {
        match event {
            Event::Start(_) => depth += 1,
            Event::End(_) => depth -= 1,
            _ => {}
        }
        let is_markup = matches!(event, Event::Start(_) | Event::End(_));
        let deeper = depth - i32::from(matches!(event, Event::Start(_)));
        match is_markup && deeper as usize >= MOST_DEPTH {
            true => None,
            false => harmless(event),
        }
    });
    let mut made = String::with_capacity(2 * source.len());
    html::push_html(&mut made, events);
    // Whoever is led elsewhere is not told on.
    made.replace("<a href=", "<a rel=\"noopener noreferrer nofollow\" href=")
}

fn harmless(event: Event<'_>) -> Option<Event<'_>> {
    Some(match event {
        Event::Html(markup) | Event::InlineHtml(markup) => Event::Text(markup),
        Event::Start(Tag::HtmlBlock) => Event::Start(Tag::Paragraph),
        Event::End(TagEnd::HtmlBlock) => Event::End(TagEnd::Paragraph),
        // The page has headings of its own above these.
        Event::Start(Tag::Heading { level, .. }) => Event::Start(Tag::Heading {
            level: below(level),
            id: None,
            classes: Vec::new(),
            attrs: Vec::new(),
        }),
        Event::End(TagEnd::Heading(level)) => Event::End(TagEnd::Heading(below(level))),
        // A browser would fetch it, from wherever it says.
        Event::Start(Tag::Image { .. }) => Event::Text(CowStr::Borrowed("[picture: ")),
        Event::End(TagEnd::Image) => Event::Text(CowStr::Borrowed("]")),
        Event::Start(Tag::Link {
            link_type,
            dest_url,
            title,
            id,
        }) => Event::Start(Tag::Link {
            link_type,
            dest_url: match leads_elsewhere(&dest_url) {
                true => dest_url,
                false => CowStr::Borrowed("#text"),
            },
            title,
            id,
        }),
        other => other,
    })
}

fn below(level: HeadingLevel) -> HeadingLevel {
    match level {
        HeadingLevel::H1 => HeadingLevel::H3,
        HeadingLevel::H2 => HeadingLevel::H4,
        HeadingLevel::H3 => HeadingLevel::H5,
        _ => HeadingLevel::H6,
    }
}

#[cfg(test)]
mod tests {
    use super::super::is_inert;
    use super::*;

    #[test]
    fn what_is_meant_is_shown() {
        let made =
            html("# Quay\n\nA *fine* [mole](https://example.org/).\n\n| a |\n|---|\n| b |\n");
        assert!(made.contains("<h3>Quay</h3>"), "{made}");
        assert!(made.contains("<em>fine</em>"), "{made}");
        assert!(
            made.contains("rel=\"noopener noreferrer nofollow\" href=\"https://example.org/\"")
        );
        assert!(made.contains("<td>b</td>"), "{made}");
        assert!(is_inert(&made), "{made}");
    }

    #[test]
    fn all_that_is_made_passes_for_inert() {
        let all = "# a\n\n> quoted  \nbroken\n\n3. three\n4. four\n\n- [x] done\n- [ ] not\n\n```c++ x\nf<int>();\n```\n\n\
                   | l | c | r |\n|:--|:-:|--:|\n| 1 | 2 | 3 |\n\n~~gone~~ **bold** `code` <b>raw</b>\n\n---\n\n\
                   [x](https://example.org/?a=\"b\"&c 'a \"title\" <b>') <https://example.org/> [y](javascript:1 \"t\")\n\n    indented\n";
        let made = html(all);
        for tag in [
            "<blockquote>",
            "<br",
            "<ol start=",
            "checked",
            "language-",
            "right",
            "<del>",
            "<hr",
            "title=",
        ] {
            assert!(made.contains(tag), "{tag} in {made}");
        }
        assert!(is_inert(&made), "{made}");
    }

    #[test]
    fn nothing_hostile_survives() {
        for source in [
            "<script>alert(1)</script>",
            "a <img src=x onerror=alert(1)> b",
            "[x](javascript:alert(1))",
            "[x]( JaVaScRiPt:alert(1))",
            "[x](data:text/html,<script>1</script>)",
            "![x](https://example.org/spy.png)",
            "<div id=\"main\">\n\n# x {#main onclick=alert(1)}",
            "[x](https://example.org/ \"t\" onclick=alert(1))",
            "<a href=\"javascript:alert(1)\">x</a>",
            "[^1]\n\n[^1]: note <svg onload=alert(1)>",
            "<!-- --><style>*{display:none}</style>",
            "[x](https://example.org/\"onclick=\"alert(1))",
        ] {
            let made = html(source);
            assert!(is_inert(&made), "{source:?} made {made}");
            let tags = made
                .split('<')
                .skip(1)
                .map(|rest| rest.split('>').next().unwrap());
            for tag in tags {
                let name = tag.trim_start_matches('/').split(' ').next().unwrap();
                assert!(
                    ["p", "a", "h3", "em", "strong", "pre", "code", "li", "ul"].contains(&name),
                    "{source:?} made {made}"
                );
                let unquoted: String = tag.split('"').step_by(2).collect();
                assert!(!unquoted.contains("on"), "{source:?} made {made}");
                assert!(!tag.contains(" id="), "{source:?} made {made}");
                assert!(
                    !tag.to_lowercase().contains("script:"),
                    "{source:?} made {made}"
                );
            }
        }
    }

    #[test]
    fn depth_is_bounded() {
        let made = html(&"> ".repeat(10_000));
        assert!(made.matches("<blockquote>").count() <= MOST_DEPTH + 1);
        assert!(is_inert(&made));
    }
}
