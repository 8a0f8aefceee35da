//! `find`: files by the words inside them.

use super::output::Output;
use super::patience::Questions;
use super::progress::{Progress, escaped};
use crate::error::Result;
use crate::interrupt;
use crate::remote::{Address, Hit, Server};

/// The most that the server gives at once.
const MOST_HITS: usize = 100;

/// What to look for, and how.
pub struct Find {
    pub query: String,
    pub server: Address,
    /// The most lines.
    pub limit: usize,
    pub json: bool,
}

/// Prints what is found, best first; false if nothing is.
///
/// # Errors
/// If the address is none, or nobody answers.
pub fn find(how: &Find) -> Result<bool> {
    let server = Server::at(&how.server, 1)?;
    let stop = interrupt::flag()?;
    let progress = Progress::of(0);
    let questions = Questions::new(&server, &progress, &stop);
    let mut output = Output::new(&progress);
    let (mut shown, mut cursor) = (0, None);
    loop {
        let limit = MOST_HITS.min(how.limit - shown);
        let results =
            questions.ask(|server| server.search(&how.query, limit, cursor.as_deref()))?;
        if cursor.is_none() {
            for note in &results.notes {
                progress.say(&escaped(note));
            }
        }
        for hit in &results.hits {
            match how.json {
                true => output.json(hit)?,
                false => output.line(line(hit, output.is_terminal)),
            }
        }
        shown += results.hits.len();
        if !output.print()? {
            return Ok(true);
        }
        cursor = results.next;
        if cursor.is_none() || shown >= how.limit || results.hits.is_empty() {
            let total = results.total;
            if cursor.is_some() {
                progress.say(&format!("{shown} of {total} files; --limit shows more."));
            }
            return Ok(shown > 0);
        }
    }
}

/// The path and the best passage. A tab, which neither can hold, is between them in a pipe.
fn line(hit: &Hit, is_terminal: bool) -> String {
    let path = escaped(&hit.file.path);
    match hit.snippets.first().map(|html| passage(html, is_terminal)) {
        Some(passage) if is_terminal => format!("{path}: {passage}"),
        Some(passage) => format!("{path}\t{passage}"),
        None => path,
    }
}

/// A passage as text in one line; matches are bold on a terminal.
fn passage(html: &str, is_terminal: bool) -> String {
    let mut text = String::with_capacity(html.len());
    for piece in html.split_inclusive("</mark>") {
        let (before, marked) = piece.split_once("<mark>").unwrap_or((piece, ""));
        text.push_str(&plain(before));
        let marked = plain(marked.trim_end_matches("</mark>"));
        match is_terminal && !marked.is_empty() {
            true => text.push_str(&format!("\u{1b}[1m{marked}\u{1b}[22m")),
            false => text.push_str(&marked),
        }
    }
    text.trim().to_owned()
}

/// Text without what HTML has for it.
fn plain(html: &str) -> String {
    let mut text = String::with_capacity(html.len());
    let mut rest = html;
    while let Some(at) = rest.find('&') {
        text.push_str(&rest[..at]);
        rest = &rest[at..];
        let named = ENTITIES.iter().find(|(name, _)| rest.starts_with(name));
        let (name, character) = named.unwrap_or(&("&", '&'));
        text.push(*character);
        rest = &rest[name.len()..];
    }
    text.push_str(rest);
    escaped(&text.replace(char::is_whitespace, " "))
}

/// All that the server writes.
const ENTITIES: [(&str, char); 5] = [
    ("&amp;", '&'),
    ("&lt;", '<'),
    ("&gt;", '>'),
    ("&quot;", '"'),
    ("&#39;", '\''),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passages_are_plain_text_and_bold_only_on_a_terminal() {
        let html =
            "if a &lt; b &amp;amp; c\n<mark>it&#39;s</mark> &quot;\u{1b}[2J <mark>so</mark> on";
        assert_eq!(
            passage(html, false),
            "if a < b &amp; c it's \"\\u{1b}[2J so on"
        );
        let bold = passage("a <mark>b</mark> c", true);
        assert_eq!(bold, "a \u{1b}[1mb\u{1b}[22m c");
    }
}
