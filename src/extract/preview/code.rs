//! Source code in colours: spans with classes, from the grammars that come with syntect.

use std::sync::LazyLock;

use rustix::time::{ClockId, clock_gettime};
use syntect::html::{ClassStyle, ClassedHTMLGenerator};
use syntect::parsing::{SyntaxReference, SyntaxSet};
use syntect::util::LinesWithEndings;

const STYLE: ClassStyle = ClassStyle::SpacedPrefixed { prefix: "s-" };
/// A line as long as this is no source that somebody reads, and slow to match.
const MOST_LINE_BYTES: usize = 1000;
/// Seconds of processor time: what takes longer is shown without colours. Time that others took of the
/// processor does not count, because what came of it is kept.
const MAX_SECONDS: f64 = 1.0;

static SYNTAXES: LazyLock<SyntaxSet> = LazyLock::new(SyntaxSet::load_defaults_newlines);

/// What a file's name ends with, if it is source code whose grammar is known.
pub fn ending(name: &str) -> Option<&str> {
    let ending = name.rsplit_once('.').map_or(name, |(_, ending)| ending);
    syntax(ending).map(|_| ending)
}

fn syntax(ending: &str) -> Option<&'static SyntaxReference> {
    let found = SYNTAXES.find_syntax_by_extension(ending)?;
    (found.name != "Plain Text").then_some(found)
}

/// The source in colours, by the grammar that files with this ending have; nothing if it cannot be had
/// at a fair price.
pub fn html(ending: &str, source: &str) -> Option<String> {
    let mut made = ClassedHTMLGenerator::new_with_class_style(syntax(ending)?, &SYNTAXES, STYLE);
    // The grammars are there by now: the first text that needs them waits for them.
    let began = spent();
    for line in LinesWithEndings::from(source) {
        if line.len() > MOST_LINE_BYTES || spent() - began > MAX_SECONDS {
            return None;
        }
        made.parse_html_for_line_which_includes_newline(line).ok()?;
    }
    Some(made.finalize())
}

/// Seconds of processor time that this thread has taken.
fn spent() -> f64 {
    let spent = clock_gettime(ClockId::ThreadCPUTime);
    spent.tv_sec as f64 + spent.tv_nsec as f64 / 1e9
}

#[cfg(test)]
mod tests {
    use super::super::is_inert;
    use super::*;

    #[test]
    fn code_has_colours_and_no_markup_of_its_own() {
        let made = html("rs", "// <script>\nfn main() { let x = \"<b>\"; }\n").unwrap();
        assert!(made.contains("s-comment"), "{made}");
        assert!(made.contains("s-string"), "{made}");
        assert!(is_inert(&made), "{made}");
        assert!(
            !made.contains("<script>") && !made.contains("<b>"),
            "{made}"
        );
        assert!(
            made.split('<')
                .skip(1)
                .all(|rest| rest.starts_with("span class=\"") || rest.starts_with("/span>"))
        );
    }

    #[test]
    fn what_is_no_code_has_none() {
        assert_eq!(ending("notes.txt"), None);
        assert_eq!(ending("README"), None);
        assert_eq!(ending("a/Makefile.rs"), Some("rs"));
        assert!(html("js", &"a".repeat(2000)).is_none());
    }
}
