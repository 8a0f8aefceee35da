//! Search against a real index in memory: what is found, in which order, and what is shown.

use std::collections::HashMap;

use tantivy::schema::Schema;
use tantivy::{Index, IndexWriter, Searcher};

use super::*;
use crate::library::FilePath;

/// 2026-03-09T12:00:00Z.
const NOW: i64 = 1_773_057_600_000;
const DAY: i64 = 86_400_000;

/// A file of a test; the ids of a library's files are 1, 2, 3 and so on.
#[derive(Clone)]
struct Sample {
    path: String,
    text: String,
    tags: Vec<String>,
    media_type: &'static str,
    modified: i64,
    size: u64,
}

fn file(path: &str, text: &str) -> Sample {
    Sample {
        path: path.into(),
        text: text.into(),
        tags: Vec::new(),
        media_type: "text/plain",
        modified: NOW,
        size: 1,
    }
}

struct Shelf {
    fields: Fields,
    searcher: Searcher,
    texts: HashMap<i64, String>,
}

impl Shelf {
    /// Every `batch` files become a segment.
    fn with_batches(files: &[Sample], batch: usize) -> Self {
        let mut schema = Schema::builder();
        let fields = Fields::add_to(&mut schema);
        let other = schema.add_text_field("_other", tantivy::schema::STRING);
        let index = Index::create_in_ram(schema.build());
        Fields::register(index.tokenizers());
        let mut writer: IndexWriter = index.writer_with_num_threads(1, 16 << 20).unwrap();
        writer.set_merge_policy(Box::new(tantivy::indexer::NoMergePolicy));
        let mut texts = HashMap::new();
        for (chunk_index, chunk) in files.chunks(batch).enumerate() {
            for (n, sample) in chunk.iter().enumerate() {
                let id = (chunk_index * batch + n + 1) as i64;
                let path = FilePath::parse(&sample.path).unwrap();
                let source = Source {
                    id,
                    path: &path,
                    tags: &sample.tags,
                    media_type: sample.media_type,
                    modified_ms: sample.modified,
                    size: sample.size,
                    text: &sample.text,
                };
                writer.add_document(fields.document(&source)).unwrap();
                texts.insert(id, sample.text.clone());
            }
            // The kit keeps documents of its own in the same index.
            writer.add_document(tantivy::doc!(other => "a")).unwrap();
            writer.commit().unwrap();
        }
        let searcher = index.reader().unwrap().searcher();
        Self {
            fields,
            searcher,
            texts,
        }
    }

    fn new(files: &[Sample]) -> Self {
        Self::with_batches(files, 3)
    }

    fn of(texts: &[(&str, &str)]) -> Self {
        Self::new(
            &texts
                .iter()
                .map(|(path, text)| file(path, text))
                .collect::<Vec<_>>(),
        )
    }

    fn propose(&self, query: &str) -> Proposed {
        execute(
            &self.searcher,
            &self.fields,
            &parse(query, NOW),
            None,
            None,
            100,
        )
        .unwrap()
    }

    /// Ids, best first.
    fn ids(&self, query: &str) -> Vec<i64> {
        let proposed = self.propose(query);
        assert_eq!(proposed.total, proposed.hits.len() as u64, "{query}");
        proposed.hits.iter().map(|hit| hit.0).collect()
    }

    /// Ids in order of id.
    fn set(&self, query: &str) -> Vec<i64> {
        let mut ids = self.ids(query);
        ids.sort_unstable();
        ids
    }

    /// Snippets of the best hit, and the passages that were read for them.
    fn snippets(&self, query: &str) -> (Vec<String>, Vec<u32>) {
        let parsed = parse(query, NOW);
        let hit = execute(&self.searcher, &self.fields, &parsed, None, None, 1)
            .unwrap()
            .hits[0];
        let text = &self.texts[&hit.0];
        let split = split(text);
        let mut read = Vec::new();
        let snippets = Snippets::new(&self.searcher, &self.fields, &parsed)
            .of(hit.2, &split.passages, 2, |number| {
                read.push(number);
                Ok(split
                    .ranges
                    .get(number as usize)
                    .map(|range| text[range.clone()].to_owned()))
            })
            .unwrap();
        (snippets, read)
    }
}

#[test]
fn words_are_anded_and_case_and_accents_do_not_matter() {
    let shelf = Shelf::of(&[
        ("a.txt", "The quiet Harbour at night"),
        ("b.txt", "A harbour"),
        ("c.txt", "Überraschung im Hafen: Straße gesperrt"),
        ("d.txt", "un été à la mer"),
    ]);
    assert_eq!(shelf.set("harbour"), [1, 2]);
    assert_eq!(shelf.set("HARBOUR quiet"), [1]);
    assert_eq!(shelf.set("uberraschung"), [3]);
    assert_eq!(shelf.set("STRASSE"), [3]);
    assert_eq!(shelf.set("Ete"), [4]);
    assert_eq!(shelf.set("nowhere"), [0; 0]);
    assert_eq!(shelf.set(""), [0; 0]);
}

#[test]
fn stems_find_each_other_and_exact_words_come_first() {
    let shelf = Shelf::of(&[
        ("a.txt", "he runs and runs and runs along the quay"),
        ("b.txt", "she was running along the quay in the evening sun"),
        ("c.txt", "they run and run and run along the quay"),
        ("d.txt", "the runner sleeps"),
    ]);
    for word in ["run", "runs", "running"] {
        assert_eq!(shelf.set(word), [1, 2, 3], "{word}");
    }
    assert_eq!(shelf.ids("running")[0], 2);
    assert_eq!(shelf.ids("run")[0], 3);
    assert_eq!(shelf.ids("runs")[0], 1);
    assert_eq!(shelf.set("\"running\""), [2]);
    assert_eq!(shelf.set("\"run along\""), [3]);
}

#[test]
fn the_word_in_a_text_beats_its_stem_in_a_name() {
    let filler = "an account of what was built there and who paid for it ".repeat(20);
    let mut files = vec![
        file("universe.txt", "universe universal universe universal"),
        file("universal/universes.txt", "the universe"),
        file("university.txt", "nothing else"),
    ];
    // The word is common in texts, and its stem rare in names.
    for n in 0..200 {
        let word = if n % 8 == 0 { "university" } else { "town" };
        files.push(file(&format!("{n}.txt"), &format!("{filler} {word}")));
    }
    let ids = Shelf::with_batches(&files, 50).ids("university");
    assert_eq!(ids.len(), 28);
    assert_eq!(ids[0], 3);
    assert_eq!(ids[26..], [1, 2]);
}

#[test]
fn phrases_prefixes_exclusions_and_alternatives() {
    let shelf = Shelf::of(&[
        ("a.txt", "quiet water in the harbour"),
        ("b.txt", "water that is quiet"),
        ("c.txt", "harbourmaster"),
        ("d.txt", "foo_bar and v1.2.3, mail to someone@example.org"),
        ("e.txt", "calls getUserName() twice"),
    ]);
    assert_eq!(shelf.set("\"quiet water\""), [1]);
    assert_eq!(shelf.set("\"quiet wat\"*"), [1]);
    assert_eq!(shelf.set("harb*"), [1, 3]);
    assert_eq!(shelf.ids("harbour*")[0], 1);
    assert_eq!(shelf.set("water -harbour"), [2]);
    assert_eq!(shelf.set("-water"), [3, 4, 5]);
    assert_eq!(shelf.set("-water -harb*"), [4, 5]);
    assert_eq!(shelf.set("harbourmaster OR quiet"), [1, 2, 3]);
    assert_eq!(shelf.set("water harbour OR that"), [1, 2]);
    assert_eq!(shelf.set("(water harbour) OR harbourmaster"), [1, 3]);
    assert_eq!(shelf.set("harbourmaster OR -water"), [3, 4, 5]);
    assert_eq!(shelf.set("-(water OR foo)"), [3, 5]);
    assert_eq!(shelf.set("foo_bar"), [4]);
    assert_eq!(shelf.set("bar"), [4]);
    assert_eq!(shelf.set("v1.2.3"), [4]);
    assert_eq!(shelf.set("v1.3"), [0; 0]);
    assert_eq!(shelf.set("someone@example.org"), [4]);
    assert_eq!(shelf.set("getusername"), [5]);
    assert_eq!(shelf.set("username"), [0; 0]);
    assert_eq!(shelf.set("users"), [5]);
    assert_eq!(shelf.set("\"users\""), [0; 0]);
}

#[test]
fn scripts_without_spaces_are_searched_by_any_part() {
    let shelf = Shelf::of(&[
        ("a.txt", "東京都は日本の首都である。"),
        ("b.txt", "京都は古い町である。水"),
        ("c.txt", "한국어 문서를 찾는다"),
        ("d.txt", "ภาษาไทยไม่มีช่องว่าง"),
        ("e.txt", "ガス会社"),
    ]);
    assert_eq!(shelf.set("東京"), [1]);
    assert_eq!(shelf.set("京都"), [1, 2]);
    assert_eq!(shelf.set("東京都は"), [1]);
    assert_eq!(shelf.set("都"), [1, 2]);
    assert_eq!(shelf.set("水"), [2]);
    assert_eq!(shelf.set("首都 日本"), [1]);
    assert_eq!(shelf.set("문서"), [3]);
    assert_eq!(shelf.set("ไทย"), [4]);
    assert_eq!(shelf.set("ｶﾞｽ"), [5]);
    let (snippets, _) = shelf.snippets("東京都");
    assert_eq!(snippets, ["<mark>東京都</mark>は日本の首都である。"]);
    let (snippets, _) = shelf.snippets("水");
    assert_eq!(snippets, ["京都は古い町である。<mark>水</mark>"]);
}

#[test]
fn filters_narrow_without_scoring() {
    let mut files = vec![
        file("Reports/2026/Q3 Überblick.pdf", "figures"),
        file("reports/2025/q4.txt", "figures"),
        file("photos/2026/quay.jpg", ""),
        file("notes.md", "figures of speech"),
    ];
    files[0].media_type = "application/pdf";
    files[0].tags = vec!["Steuer 2026".into(), "wichtig".into()];
    files[0].size = 3_000_000;
    files[1].modified = NOW - 400 * DAY;
    files[2].media_type = "image/jpeg";
    files[3].media_type = "text/markdown; charset=utf-8";
    files[3].modified = NOW - 3 * DAY;
    let shelf = Shelf::new(&files);
    for (query, ids) in [
        ("folder:reports", &[1, 2][..]),
        ("folder:REPORTS/2026", &[1]),
        ("folder:2026", &[1, 3]),
        ("folder:rep", &[]),
        ("type:pdf", &[1]),
        ("type:image", &[3]),
        ("type:image/*", &[3]),
        ("type:.jpg", &[3]),
        ("type:text", &[2, 4]),
        ("type:text/markdown", &[4]),
        ("type:md", &[4]),
        ("tag:\"steuer 2026\"", &[1]),
        ("tag:steuer", &[]),
        ("tag:Wichtig", &[1]),
        ("steuer", &[1]),
        ("photos", &[3]),
        ("after:7d", &[1, 3, 4]),
        ("before:7d", &[2]),
        ("after:2025 before:2026", &[2]),
        ("larger:2MB", &[1]),
        ("smaller:2MiB figures", &[2, 4]),
        ("name:uberblick", &[1]),
        ("name:figures", &[]),
        ("name:q*", &[1, 2, 3]),
        ("figures -folder:reports", &[4]),
        ("type:pdf OR type:md", &[1, 4]),
    ] {
        assert_eq!(shelf.set(query), ids, "{query}");
    }
    // Nothing scores here, so the newest are first, and of those the lowest id.
    assert_eq!(shelf.ids("-nothing"), [1, 3, 4, 2]);
    assert_eq!(shelf.ids("larger:0"), [1, 3, 4, 2]);
    assert!(
        shelf
            .propose("larger:0")
            .hits
            .iter()
            .all(|hit| hit.1 == 0.0)
    );

    let folder = FolderPath::parse("Reports").unwrap();
    let inside = execute(
        &shelf.searcher,
        &shelf.fields,
        &parse("figures", NOW),
        Some(&folder),
        None,
        9,
    );
    let ids: Vec<i64> = inside.unwrap().hits.iter().map(|hit| hit.0).collect();
    assert_eq!(ids, [1]);
    let root = FolderPath::default();
    let all = execute(
        &shelf.searcher,
        &shelf.fields,
        &parse("figures", NOW),
        Some(&root),
        None,
        9,
    );
    assert_eq!(all.unwrap().total, 3);
}

#[test]
fn a_name_counts_more_than_a_text_and_closeness_adds() {
    let much = "harbour ".repeat(50);
    let filler = "some words that lie in between and mean nothing at all here ";
    let shelf = Shelf::of(&[
        ("a.txt", &much),
        ("harbour.txt", "nothing of the kind"),
        ("b.txt", &format!("crane {filler} lantern {filler}")),
        ("c.txt", &format!("{filler} crane and lantern {filler}")),
        ("lantern fish/d.txt", "crane"),
    ]);
    assert_eq!(shelf.ids("harbour"), [2, 1]);
    let ids = shelf.ids("crane lantern type:text");
    assert!(
        ids.iter().position(|&id| id == 4) < ids.iter().position(|&id| id == 3),
        "{ids:?}"
    );
    assert_eq!(ids.len(), 3);
}

/// Ids of a page, and where it ends.
fn page(shelf: &Shelf, after: Option<Place>, limit: usize) -> (Vec<i64>, Option<Place>) {
    let parsed = parse("words", NOW);
    let page = execute(&shelf.searcher, &shelf.fields, &parsed, None, after, limit).unwrap();
    assert_eq!(page.total, 50);
    (page.hits.iter().map(|hit| hit.0).collect(), page.next)
}

#[test]
fn pages_follow_each_other_without_gaps() {
    // Five different scores, so that pages end within ties and between them.
    let files: Vec<Sample> = (0..50)
        .map(|n| file(&format!("{n}.txt"), &"same words ".repeat(n % 5 + 1)))
        .collect();
    let shelf = Shelf::with_batches(&files, 7);
    let (all, nothing) = page(&shelf, None, 50);
    assert_eq!((all.len(), nothing), (50, None));
    for limit in [1, 9, 10, 49] {
        let (mut seen, mut after) = (Vec::new(), None);
        loop {
            let (ids, next) = page(&shelf, after, limit);
            assert!(ids.len() == limit || next.is_none());
            seen.extend(ids);
            after = next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(seen, all, "{limit}");
    }
    assert_eq!(page(&shelf, None, 0), (vec![], None));
}

#[test]
fn pages_go_on_where_they_were_though_the_matches_change() {
    let words = |n: usize| "words ".repeat(n + 1) + &"other ".repeat(60 - n);
    let mut files: Vec<Sample> = (0..50)
        .map(|n| file(&format!("{n}.txt"), &words(n)))
        .collect();
    files.extend((0..100).map(|n| file(&format!("other{n}.txt"), &"other ".repeat(60))));
    let before = Shelf::with_batches(&files, 7);
    let (all, _) = page(&before, None, 50);
    let (first, next) = page(&before, None, 10);
    assert_eq!(first, all[..10]);

    // The best file is gone, a better one is there, and others move all scores.
    let mut changed = files.clone();
    changed[all[0] as usize - 1] = file("gone.txt", "nothing");
    changed.push(file("better.txt", &"words ".repeat(70)));
    changed.extend((0..30).map(|n| file(&format!("late{n}.txt"), &"other ".repeat(n))));
    follows(&Shelf::with_batches(&changed, 11), next, &all[10..]);

    // The file that ended the page is gone: its old place is still about right.
    let mut without = files.clone();
    without[first[9] as usize - 1].text = "other ".repeat(60);
    without[149].text = "words ".repeat(61);
    follows(&Shelf::with_batches(&without, 7), next, &all[10..]);
}

/// What follows is all of `rest` and nothing else, in the order of the whole list.
fn follows(shelf: &Shelf, after: Option<Place>, rest: &[i64]) {
    let (ids, _) = page(shelf, after, 50);
    let (whole, _) = page(shelf, None, 50);
    assert!(whole.ends_with(&ids), "{ids:?} of {whole:?}");
    let sorted = |ids: &[i64]| {
        let mut ids = ids.to_vec();
        ids.sort_unstable();
        ids
    };
    assert_eq!(sorted(&ids), sorted(rest));
}

#[test]
fn an_expansion_that_is_too_wide_says_so() {
    let text: String = (0..1500).map(|n| format!("w{n:04} ")).collect();
    let shelf = Shelf::of(&[("a.txt", &text), ("b.txt", "w")]);
    let proposed = shelf.propose("w*");
    assert_eq!(proposed.total, 2);
    assert!(
        proposed.notes[0].contains("Too many words begin with \"w\""),
        "{:?}",
        proposed.notes
    );
    assert_eq!(shelf.snippets("w149*").0.len(), 1);
}

#[test]
fn absurd_queries_are_answered() {
    let shelf = Shelf::of(&[("a.txt", "quiet water")]);
    for query in [
        "(".repeat(10_000),
        format!("{}quiet{}", "(".repeat(5000), ")".repeat(5000)),
        "\"".repeat(1 << 20),
        "-".repeat(100_000),
        "quiet OR ".repeat(2000),
        "x".repeat(1 << 20),
        format!("\"{}\"", "quiet ".repeat(3000)),
        "q* ".repeat(1000),
        "\u{301}\u{200F}\0".repeat(500),
    ] {
        let parsed = parse(&query, NOW);
        execute(&shelf.searcher, &shelf.fields, &parsed, None, None, 10).unwrap();
        highlight(&parsed, "quiet water");
    }
    assert_eq!(shelf.set(&format!("{}quiet", "(".repeat(10)),), [1]);
}

#[test]
fn snippets_are_escaped_and_mark_what_was_found() {
    let shelf = Shelf::of(&[
        (
            "a.txt",
            "if a < b && c > \"d\" then <script>harbour</script> & running\n\n\u{202E} out",
        ),
        ("only the name.txt", "  \n the text says something else"),
        ("empty.txt", ""),
    ]);
    assert_eq!(
        shelf.snippets("harbour run").0,
        [
            "if a &lt; b &amp;&amp; c &gt; &quot;d&quot; then &lt;script&gt;<mark>harbour</mark>&lt;/script&gt; &amp; <mark>running</mark> out"
        ]
    );
    assert_eq!(shelf.snippets("name").0, ["the text says something else"]);
    assert_eq!(shelf.snippets("empty").0, [""; 0]);
    assert_eq!(
        shelf.snippets("name:harbour OR something").0,
        ["the text says <mark>something</mark> else"]
    );
    assert_eq!(
        highlight(&parse("run \"q3 report\"", NOW), "Q3_Report & Runs.pdf"),
        "<mark>Q3_Report</mark> &amp; <mark>Runs</mark>.pdf"
    );
    assert_eq!(
        highlight(&parse("-report", NOW), "report.txt"),
        "report.txt"
    );
}

#[test]
fn the_best_passage_of_a_long_text_is_found_without_reading_the_rest() {
    let filler = "Waves roll against the stones of the old pier, and the harbour sleeps. ";
    let mut text = filler.repeat(10_000_000 / filler.len());
    text.push_str("At last the lighthouse near the harbour was lit again.");
    let shelf = Shelf::of(&[("long.txt", &text)]);
    let last = split(&text).passages.len() as u32 - 1;

    let (snippets, read) = shelf.snippets("lighthouse harbour");
    assert!(
        snippets[0].contains("<mark>lighthouse</mark> near the <mark>harbour</mark>"),
        "{snippets:?}"
    );
    assert!(
        snippets[0].starts_with("… ") && snippets[0].ends_with("lit again."),
        "{snippets:?}"
    );
    assert_eq!(read[0], last);
    assert!(read.len() <= 2);

    let (snippets, read) = shelf.snippets("\"lighthouse near\"");
    assert!(
        snippets[0].contains("<mark>lighthouse near</mark>"),
        "{snippets:?}"
    );
    assert_eq!(read, [last]);
    assert!(snippets[0].chars().count() < 260, "{snippets:?}");
}

#[test]
fn a_passage_that_is_gone_gives_no_snippet() {
    let shelf = Shelf::of(&[("a.txt", "quiet water")]);
    let parsed = parse("quiet", NOW);
    let hit = shelf.propose("quiet").hits[0];
    let passages = split("quiet water").passages;
    let mut snippets = Snippets::new(&shelf.searcher, &shelf.fields, &parsed);
    assert!(
        snippets
            .of(hit.2, &passages, 2, |_| Ok(None))
            .unwrap()
            .is_empty()
    );
    assert!(
        snippets
            .of(hit.2, &Passages::default(), 2, |_| Ok(None))
            .unwrap()
            .is_empty()
    );
    let other = snippets
        .of(hit.2, &passages, 2, |_| {
            Ok(Some("rewritten <since>".into()))
        })
        .unwrap();
    assert_eq!(other, ["rewritten &lt;since&gt;"]);
    let failed = snippets.of(hit.2, &passages, 2, |_| Err(Error::internal("unreadable")));
    assert_eq!(failed.unwrap_err().sentence(), "unreadable");
}

/// The text of well-formed output: marks alternate, everything else is escaped.
fn unmarked(html: &str) -> Option<String> {
    let mut text = String::new();
    let mut rest = html;
    let mut open = false;
    while !rest.is_empty() {
        let tag = if open { "</mark>" } else { "<mark>" };
        if let Some(after) = rest.strip_prefix(tag) {
            open = !open;
            rest = after;
            continue;
        }
        let entities = [
            ("&amp;", '&'),
            ("&lt;", '<'),
            ("&gt;", '>'),
            ("&quot;", '"'),
            ("&#39;", '\''),
        ];
        let (c, after) = match entities.iter().find(|(entity, _)| rest.starts_with(entity)) {
            Some((entity, c)) => (*c, &rest[entity.len()..]),
            None => {
                let c = rest.chars().next()?;
                (c, &rest[c.len_utf8()..])
            }
        };
        let escaped = rest.starts_with('&') && after.len() + 1 < rest.len();
        if !escaped && matches!(c, '<' | '>' | '&' | '"' | '\'') {
            return None;
        }
        text.push(c);
        rest = after;
    }
    (!open).then_some(text)
}

proptest::proptest! {
    #[test]
    fn highlighting_is_well_formed_and_loses_nothing(
        text in "[<>&\"'a-cé水東 .]{0,60}|\\PC{0,60}",
        query in "[a-cé水東\" *()-]{0,20}|\\PC{0,20}",
    ) {
        let html = highlight(&parse(&query, NOW), &text);
        let shown = unmarked(&html);
        proptest::prop_assert!(shown.is_some(), "{}", html);
        let squeeze = |text: &str| text.split_whitespace().collect::<String>();
        let kept: String = text.chars().filter(|c| !matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')).collect();
        proptest::prop_assert_eq!(squeeze(&shown.unwrap_or_default()), squeeze(&kept));
    }
}
