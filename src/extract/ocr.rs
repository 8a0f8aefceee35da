//! Optical character recognition: which pictures and pages are worth it, and what tesseract made of
//! them.

use std::path::PathBuf;

use icu_properties::CodePointMapData;
use icu_properties::props::Script;

use super::{Details, PAGE_BREAK, PDF, is_drawable, plain};

/// Pages of one document that are recognised at most.
pub const MOST_PAGES: usize = 50;
/// Pixels of a picture, in width and height, below which nothing in it can be read.
const LEAST_EDGE: u32 = 200;
/// In percent; what tesseract is less sure of is more often a pattern than a word.
const LEAST_CONFIDENCE: f32 = 50.0;
/// Columns of a line of its output.
const COLUMNS: usize = 12;
/// Languages at once, unless more are asked for: each makes it slower.
const MOST_LANGUAGES: usize = 3;

/// What recognises text, if this host has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ocr {
    /// Where `tesseract` is.
    pub program: PathBuf,
    /// As tesseract names and joins them, such as `deu+eng`; absent for those that it has.
    pub languages: Option<String>,
    /// Where their data is, if not where it usually is.
    pub data: Option<PathBuf>,
}

/// Numbers of the pages, from 0, of which only a picture can tell what they say; the first and only
/// one of a picture.
/// `scans` are those that the reader of a PDF found.
pub fn pages_without_text(media_type: &str, scans: &[u32], details: &Details) -> Vec<u32> {
    let is_large = |length: Option<u32>| length.is_none_or(|length| length >= LEAST_EDGE);
    match media_type {
        PDF => scans.to_vec(),
        _ if media_type.ends_with("icon") || !is_drawable(media_type) => Vec::new(),
        _ if is_large(details.width) && is_large(details.height) => vec![0],
        _ => Vec::new(),
    }
}

/// Puts the text of a page into that of its document.
pub fn insert(text: &str, page: u32, found: &str) -> String {
    let mut pages: Vec<&str> = text.split(PAGE_BREAK).collect();
    let page = page as usize;
    pages.resize(pages.len().max(page + 1), "");
    // What is typed on a scan, or says what it is, stays before what is recognised.
    let before = pages[page].trim_end();
    let both = format!("{before}\n{found}");
    pages[page] = if before.is_empty() { found } else { &both };
    pages.join(&PAGE_BREAK.to_string())
}

/// The words of tesseract's output (`tsv`), in their lines and paragraphs.
pub fn words(output: &str) -> String {
    let mut text = String::new();
    let mut before: Option<[&str; 4]> = None;
    for line in output.lines() {
        let fields: Vec<&str> = line.splitn(COLUMNS, '\t').collect();
        let [
            _,
            page,
            block,
            paragraph,
            row,
            _,
            _,
            _,
            _,
            _,
            confidence,
            word,
        ] = fields[..]
        else {
            continue;
        };
        let is_sure = confidence
            .parse()
            .is_ok_and(|confidence: f32| confidence >= LEAST_CONFIDENCE);
        if !is_sure || word.trim().is_empty() {
            continue;
        }
        let place = [page, block, paragraph, row];
        match before.replace(place) {
            None => {}
            Some(before) if before == place => {
                let (left, right) = (text.chars().next_back(), word.trim().chars().next());
                let gap = if is_dense(left) && is_dense(right) {
                    ""
                } else {
                    " "
                };
                text.push_str(gap);
            }
            Some(before) if before[..3] == place[..3] => text.push('\n'),
            Some(_) => text.push_str("\n\n"),
        }
        text.push_str(word.trim());
    }
    plain::clean(text).replace(PAGE_BREAK, " ")
}

/// Whether a character is of a script that has no spaces between words, which tesseract puts where
/// characters stand apart. Thai, Lao, Khmer and Burmese have some between sentences.
fn is_dense(character: Option<char>) -> bool {
    let scripts = CodePointMapData::<Script>::new();
    character.is_some_and(|character| {
        let is_mark = matches!(character, '\u{3005}' | '\u{3007}' | '\u{30FC}');
        is_mark
            || matches!(
                scripts.get(character),
                Script::Han
                    | Script::Hiragana
                    | Script::Katakana
                    | Script::Bopomofo
                    | Script::Thai
                    | Script::Lao
                    | Script::Khmer
                    | Script::Myanmar
            )
    })
}

/// The languages to use of those that there are, one a line; nothing if there is none.
pub fn languages(listed: &str) -> Option<String> {
    let is_language = |line: &&str| {
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        !line.is_empty() && line.chars().all(is_name) && !matches!(*line, "osd" | "equ")
    };
    let mut found: Vec<&str> = listed.lines().map(str::trim).filter(is_language).collect();
    // Most of what is kept anywhere has some of it.
    found.sort_by_key(|language| *language != "eng");
    found.truncate(MOST_LANGUAGES);
    (!found.is_empty()).then(|| found.join("+"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_that_say_nothing_are_worth_looking_at() {
        let details = |edge| Details {
            width: edge,
            height: edge,
            ..Details::default()
        };
        assert_eq!(
            pages_without_text("application/pdf", &[1, 3], &details(None)),
            [1, 3]
        );
        let picture = |media, edge| pages_without_text(media, &[], &details(edge));
        assert_eq!(picture("image/jpeg", Some(800)), [0]);
        assert_eq!(picture("image/jpeg", None), [0]);
        assert_eq!(picture("image/jpeg", Some(64)), [0; 0]);
        assert_eq!(picture("image/x-icon", Some(800)), [0; 0]);
        assert_eq!(picture("text/plain", None), [0; 0]);
    }

    #[test]
    fn a_page_gets_its_text_where_it_belongs() {
        assert_eq!(insert("", 0, "one"), "one");
        assert_eq!(insert("one", 2, "three"), "one\u{c}\u{c}three");
        assert_eq!(
            insert("one\u{c}\u{c}three", 1, "two"),
            "one\u{c}two\u{c}three"
        );
        assert_eq!(insert("Title\u{c}7\n", 1, "two"), "Title\u{c}7\ntwo");
    }

    #[test]
    fn words_come_in_their_lines() {
        let row = |place: &str, confidence: &str, word: &str| {
            format!("5\t{place}\t1\t0\t0\t9\t9\t{confidence}\t{word}\n")
        };
        let output = [
            "level\tpage_num\tblock_num\tpar_num\tline_num\tword_num\tleft\ttop\twidth\theight\tconf\ttext\n".to_owned(),
            "4\t1\t1\t1\t1\t0\t0\t0\t9\t9\t-1\t\n".to_owned(),
            row("1\t1\t1\t1", "96.1", "quiet"),
            row("1\t1\t1\t1", "12", "~*|"),
            row("1\t1\t1\t1", "91", "water"),
            row("1\t1\t1\t2", "91", "below"),
            row("1\t2\t1\t1", "91", "end"),
            row("1\t2\t1\t1", "95", " "),
        ];
        assert_eq!(words(&output.concat()), "quiet water\nbelow\n\nend");
    }

    #[test]
    fn characters_of_scripts_without_spaces_are_joined() {
        let line = |words: &[&str]| {
            let row = |word: &&str| format!("5\t1\t1\t1\t1\t0\t0\t0\t9\t9\t91\t{word}\n");
            words.iter().map(row).collect::<String>()
        };
        for (read, joined) in [
            (&["灯台", "守"][..], "灯台守"),
            (&["ター", "ミ", "ナル"], "ターミナル"),
            (&["ประ", "ภาคาร"], "ประภาคาร"),
            (&["第", "3", "章", "USB"], "第 3 章 USB"),
            (&["한국", "어"], "한국 어"),
            (&["quiet", "water"], "quiet water"),
        ] {
            assert_eq!(words(&line(read)), joined);
        }
    }

    #[test]
    fn a_few_languages_are_used() {
        let listed =
            "List of available languages in \"/usr/share\" (6):\ndeu\neng\nequ\nfra\nosd\nspa\n";
        assert_eq!(languages(listed).as_deref(), Some("eng+deu+fra"));
        assert_eq!(languages("osd\n"), None);
    }
}
