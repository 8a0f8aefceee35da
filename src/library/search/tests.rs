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

/// For the most relevant ones, wherever they are.
fn question(parsed: &Parsed, limit: usize) -> Question<'_> {
    static EVERYTHING: std::sync::OnceLock<Sight> = std::sync::OnceLock::new();
    static ANY: Narrowing = Narrowing {
        class: None,
        tag: None,
        year: None,
        size: None,
    };
    Question {
        parsed,
        folder: None,
        sight: EVERYTHING.get_or_init(Sight::everything),
        narrowing: &ANY,
        order: Order::Relevance,
        after: None,
        limit,
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

    fn ask(&self, question: Question<'_>) -> Proposed {
        execute(&self.searcher, &self.fields, question).unwrap()
    }

    fn propose(&self, query: &str) -> Proposed {
        self.ask(question(&parse(query, NOW), 100))
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
        let hit = self.ask(question(&parsed, 1)).hits[0];
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
        let html = snippets.into_iter().map(|snippet| snippet.html);
        (html.collect(), read)
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
fn phrases_find_what_reading_the_texts_finds() {
    // All texts of five words out of three.
    let words = ["ant", "bee", "antler"];
    let texts: Vec<String> = (0..243_usize)
        .map(|n| {
            [1, 3, 9, 27, 81]
                .map(|place| words[n / place % 3])
                .join(" ")
        })
        .collect();
    let files: Vec<Sample> = texts.iter().map(|text| file("a.txt", text)).collect();
    let shelf = Shelf::with_batches(&files, 50);
    let found = |has: &dyn Fn(&str) -> bool| -> Vec<i64> {
        let texts = texts.iter().zip(1..);
        texts
            .filter(|(text, _)| has(text))
            .map(|(_, id)| id)
            .collect()
    };
    for phrase in [
        "ant bee",
        "bee bee",
        "ant bee ant",
        "bee ant ant bee",
        "ant ant ant",
    ] {
        let whole = format!(" {phrase} ");
        let has = |text: &str| format!(" {text} ").contains(&whole);
        assert_eq!(shelf.set(&format!("\"{phrase}\"")), found(&has), "{phrase}");
        let begun = format!(" {phrase}");
        let has = |text: &str| format!(" {text} ").contains(&begun);
        assert_eq!(
            shelf.set(&format!("\"{phrase}\"*")),
            found(&has),
            "{phrase}*"
        );
        let has = |text: &str| format!(" {text} ").contains(&whole) && text.contains("antler");
        let narrowed = format!("antler \"{phrase}\"");
        assert_eq!(shelf.set(&narrowed), found(&has), "{narrowed}");
    }
}

#[test]
fn words_that_are_too_many_are_found_without_their_order() {
    let often = "spam ham ".repeat(phrase::MAX_OCCURRENCES as usize + 1);
    let shelf = Shelf::of(&[
        ("a.txt", &often),
        ("b.txt", "ham spam"),
        ("c.txt", "spam ham"),
    ]);
    for query in ["\"ham ham spam\"", "\"ham ham sp\"*"] {
        let proposed = shelf.propose(query);
        let ids: Vec<_> = proposed.hits.iter().map(|hit| hit.0).collect();
        assert_eq!(ids, [1], "{query}");
        assert!(proposed.notes[0].contains("too often"), "{query}");
    }
    assert_eq!(shelf.set("\"spam ham\""), [1, 3]);
    // Closeness only ranks: it needs no note.
    let close = shelf.propose("spam ham");
    assert_eq!((close.total, close.notes.len()), (3, 0));
    assert_eq!(close.hits[2].0, 1);
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

/// For each query the files it should find, of which the first ones have the word itself.
fn check_found(shelf: &Shelf, expected: &[(&str, &[i64])]) {
    for (query, ids) in expected {
        assert_eq!(shelf.ids(query), *ids, "{query}");
    }
}

#[test]
fn letters_that_are_written_differently_find_each_other() {
    let shelf = Shelf::of(&[
        ("a.txt", "من می\u{200C}خواهم کتاب علی را در سال ۱۴۰۲"),
        ("b.txt", "كتاب علي في مدرسة عام ٢٠٢٤"),
        ("c.txt", "Mr O’Neil went to Hawaiʻi in २०२४"),
        ("d.txt", "У Наталії п'ять"),
        ("e.txt", "Ölpreis: Herr Müller und Frau Łódź"),
        ("f.txt", "Herr Mueller"),
        ("g.txt", "ทำน\u{E4D}้าใจ"),
        ("h.txt", "do\u{200B}nau\u{200E} har\u{2060}bo\u{34F}ur"),
        ("i.txt", "Herr Muller, ⼭ und ⽔"),
    ]);
    check_found(
        &shelf,
        &[
            ("میخواهم", &[1]),
            ("می\u{200D}خواهم", &[1]),
            ("كتاب", &[1, 2]),
            ("علی", &[1, 2]),
            ("مدرسه", &[2]),
            ("1402", &[1]),
            ("2024", &[2, 3]),
            ("٢٠٢٤", &[2, 3]),
            ("O'Neil", &[3]),
            ("\"OʼNeil went\"", &[3]),
            ("oneil", &[3]),
            ("Hawai'i", &[3]),
            ("hawaii", &[3]),
            ("п’ять", &[4]),
            ("пʼять", &[4]),
            ("muller", &[9, 5]),
            ("Müller", &[5, 9, 6]),
            ("mueller", &[6, 5]),
            ("oelpreis", &[5]),
            ("山", &[9]),
            ("lodz", &[5]),
            ("น้ำใจ", &[7]),
            ("donau harbour", &[8]),
            ("har\u{200C}bour", &[8]),
        ],
    );
    let (snippets, _) = shelf.snippets("mueller");
    assert_eq!(snippets, ["Herr <mark>Mueller</mark>"]);
    let (snippets, _) = shelf.snippets("oelpreis");
    assert!(
        snippets[0].starts_with("<mark>Ölpreis</mark>"),
        "{snippets:?}"
    );
}

#[test]
fn words_go_on_over_line_ends() {
    let shelf = Shelf::of(&[
        ("a.txt", "日本の海\n岸を歩く"),
        ("b.txt", "縦\n書\nき\n灯\n台\n守\n\n終わり"),
        ("c.txt", "the old tele-\n  phone box"),
        ("d.txt", "a telephone"),
    ]);
    check_found(
        &shelf,
        &[
            ("海岸", &[1]),
            ("\"海岸を歩く\"", &[1]),
            ("灯台守", &[2]),
            ("守終", &[]),
            ("telephone", &[3, 4]),
            ("\"old telephone\"", &[3]),
            ("\"telephone box\"", &[3]),
            ("\"tele phone\"", &[3]),
            ("-telephone", &[1, 2]),
        ],
    );
    let (snippets, _) = shelf.snippets("\"telephone box\"");
    assert_eq!(snippets, ["the old <mark>tele- phone box</mark>"]);
    let (snippets, _) = shelf.snippets("灯台守");
    assert_eq!(snippets, ["縦 書 き <mark>灯 台 守</mark> 終わり"]);
}

#[test]
fn a_lone_character_is_the_beginning_of_what_follows() {
    let shelf = Shelf::of(&[
        ("a.txt", "2024年3月に開催"),
        ("b.txt", "第3章の要約"),
        ("c.txt", "USB端子"),
        ("d.txt", "13月"),
    ]);
    for (query, ids) in [
        ("3月", &[1][..]),
        ("2024年3月", &[1]),
        ("\"2024年3月\"", &[1]),
        ("年3月に", &[1]),
        ("第3章", &[2]),
        ("\"第3章\"", &[2]),
        ("USB端", &[3]),
        ("3章", &[2]),
        ("4月", &[]),
    ] {
        assert_eq!(shelf.set(query), ids, "{query}");
    }
    let (snippets, _) = shelf.snippets("3月");
    assert_eq!(snippets, ["2024年<mark>3月</mark>に開催"]);
}

#[test]
fn names_with_signs_and_emoji_are_words() {
    let shelf = Shelf::of(&[
        ("a.txt", "written in C++, not in C#"),
        ("b.txt", "vitamin C and the net"),
        ("c.txt", "ASP.NET and .NET 8; see notes.md"),
        ("party 🎉.txt", "👍🏽 done 🇩🇪"),
        ("e.txt", "run it with --verbose"),
    ]);
    for (query, ids) in [
        ("C++", &[1][..]),
        ("c#", &[1]),
        ("F#", &[]),
        ("c", &[1, 2, 3]),
        ("\"in C++\"", &[1]),
        (".NET", &[3]),
        ("net", &[2, 3]),
        ("asp.net", &[3]),
        (".md", &[3]),
        ("*.txt", &[1, 2, 3, 4, 5]),
        ("🎉", &[4]),
        ("name:🎉", &[4]),
        ("👍", &[4]),
        ("👍🏿", &[4]),
        ("🇩🇪", &[4]),
        ("🇩🇰", &[]),
        ("--verbose", &[5]),
        ("\"with --verbose\"", &[5]),
        ("run -verbose", &[]),
    ] {
        assert_eq!(shelf.set(query), ids, "{query}");
    }
    assert_eq!(
        highlight(&parse("C++ 🎉", NOW), "C C++ 🎉🎉"),
        "C <mark>C++</mark> <mark>🎉🎉</mark>"
    );
}

#[test]
fn stars_stand_for_letters_before_and_inside() {
    let shelf = Shelf::of(&[
        ("a.txt", "the invoice and the invoices"),
        ("scan 4415025.txt", "inventory of rennrechnung"),
        ("c.txt", "Abrechnung, Stromrechnung"),
    ]);
    for (query, ids) in [
        ("inv*ce", &[1][..]),
        ("*5025", &[2]),
        ("name:*5025", &[2]),
        ("*rechnung", &[2, 3]),
        ("Strom*", &[3]),
        ("*voi*", &[1]),
        ("inv*", &[1, 2]),
        ("x*z", &[]),
        ("the -*rechnung", &[1]),
    ] {
        assert_eq!(shelf.set(query), ids, "{query}");
    }
    let (snippets, _) = shelf.snippets("*rechnung inv*y");
    assert_eq!(
        snippets,
        ["<mark>inventory</mark> of <mark>rennrechnung</mark>"]
    );
    let many: String = (0..2000).map(|n| format!("w{n:04}x ")).collect();
    let proposed = Shelf::of(&[("a.txt", &many)]).propose("*x");
    assert_eq!(proposed.total, 1);
    assert!(proposed.notes[0].contains("*x"), "{:?}", proposed.notes);
}

#[test]
fn forms_of_joined_words_and_numbers_beside_letters_are_found() {
    let shelf = Shelf::of(&[
        (
            "a.txt",
            "They sent several e-mails to the members of the harbour.",
        ),
        (
            "b.txt",
            "They sent several emails to the members of the harbour.",
        ),
        (
            "c.txt",
            "Our co-workers and websites of the nineties and 1990s.",
        ),
        ("d.txt", "My iPhone15 weighs 100g at 12V"),
        ("e.txt", "\u{644}\u{64a}\u{633} 2024\u{645}"),
    ]);
    for (query, found) in [
        ("email", &[1, 2][..]),
        ("e-mail", &[1, 2]),
        ("emails", &[1, 2]),
        ("e-mails", &[1, 2]),
        ("\"e-mail\"", &[]),
        ("coworker", &[3]),
        ("web-site", &[3]),
        ("1990", &[3]),
        ("iphone", &[4]),
        ("15", &[4]),
        ("100", &[4]),
        ("12", &[4]),
        ("2024", &[5]),
    ] {
        assert_eq!(shelf.set(query), found, "{query}");
    }
    let parsed = parse("e-mail", NOW);
    let shown = highlight(&parsed, "several e-mails");
    assert_eq!(shown, "several <mark>e-mails</mark>");
}

#[test]
fn one_word_and_its_parts_find_each_other() {
    let shelf = Shelf::of(&[
        ("a.txt", "send me an email over wifi"),
        ("b.txt", "send me an e-mail over wi-fi"),
        ("c.txt", "total 1,234.56 in release v1.2.3"),
        ("d.txt", "total 1234.56 in release 1.2.3"),
        ("e.txt", "ISBN 978-3-16-148410-0"),
        ("f.txt", "ISBN 9783161484100"),
        ("g.txt", "the phoneNumber of user_id"),
        ("h.txt", "the phone number of userId"),
        ("Invoice2024.txt", "HTTPServer"),
        ("DSC0123.jpg", ""),
        ("k.txt", "der Betrag 1.234,56"),
    ]);
    check_found(
        &shelf,
        &[
            ("email", &[1, 2]),
            ("e-mail", &[2, 1]),
            ("\"e-mail\"", &[2]),
            ("\"email\"", &[1]),
            ("emails", &[1, 2]),
            ("wifi", &[1, 2]),
            ("wi-fi", &[2, 1]),
            ("\"1234.56\"", &[4]),
            ("\"1,234.56 in\"", &[3]),
            ("9783161484100", &[6, 5]),
            ("978-3-16-148410-0", &[5, 6]),
            ("v1.2.3", &[3, 4]),
            ("1.2.3", &[4, 3]),
            ("phoneNumber", &[7, 8]),
            ("\"phone number\"", &[8]),
            ("number", &[8, 7]),
            ("numbers", &[8, 7]),
            ("user_id", &[7, 8]),
            ("userId", &[8, 7]),
            ("server", &[9]),
            ("invoice", &[9]),
            ("2024", &[9]),
            ("invoice 2024", &[9]),
            ("dsc", &[10]),
            ("0123", &[10]),
            ("DSC_0123", &[10]),
        ],
    );
    for query in ["1234.56", "1,234.56", "1.234,56", "1'234.56"] {
        assert_eq!(shelf.set(query), [3, 4, 11], "{query}");
    }
    assert_eq!(shelf.ids("1234.56")[0], 4);
    assert_eq!(shelf.ids("\"1.234,56\"")[0], 11);
    let parsed = parse("email", NOW);
    assert_eq!(
        highlight(&parsed, "my e-mail.txt"),
        "my <mark>e-mail</mark>.txt"
    );
    let parsed = parse("number", NOW);
    assert_eq!(
        highlight(&parsed, "phoneNumber"),
        "phone<mark>Number</mark>"
    );
    // Typed to its end or not.
    let ids = |query: &str| {
        let found = shelf.ask(question(&parse_unfinished(query, NOW), 9));
        found.hits.iter().map(|hit| hit.0).collect::<Vec<_>>()
    };
    assert_eq!(ids("numbe"), [8, 7]);
    assert_eq!(ids("emai"), [1, 2]);
}

#[test]
fn words_are_stemmed_in_the_language_of_their_text() {
    let shelf = Shelf::of(&[
        (
            "a.txt",
            "Die Rechnungen aus dem Jahr wurden gestern bezahlt und liegen im Ordner.",
        ),
        (
            "b.txt",
            "Diese Rechnung wurde nicht bezahlt, weil sie noch nicht eingegangen war.",
        ),
        (
            "c.txt",
            "Корабли стояли в гавани и ждали утра, когда можно будет выйти в море.",
        ),
        (
            "d.txt",
            "Большой корабль вышел из гавани рано утром и взял курс на север.",
        ),
        (
            "e.txt",
            "Les factures générales de mars sont réglées et rangées dans le dossier.",
        ),
        (
            "f.txt",
            "Una canción de amor que se cantaba en el puerto cuando llegaban los barcos.",
        ),
        (
            "g.txt",
            "De rekeningen van maart zijn betaald en liggen in de map op tafel.",
        ),
        (
            "h.txt",
            "The invoices of march were paid and are running in the folder.",
        ),
        (
            "Rechnungen.txt",
            "Alle Belege des Jahres wurden geprüft und liegen jetzt beim Steuerberater.",
        ),
        (
            "k.txt",
            "Fakturorna för mars är betalda och ligger i mappen på skrivbordet.",
        ),
    ]);
    check_found(
        &shelf,
        &[
            ("Rechnungen", &[9, 1, 2]),
            ("\"Rechnung\"", &[2]),
            ("корабль", &[4, 3]),
            ("корабли", &[3, 4]),
            ("кораблями", &[4, 3]),
            ("\"корабли\"", &[3]),
            ("facture", &[5]),
            ("générale", &[5]),
            ("canciones", &[6]),
            ("rekening", &[7]),
            ("invoice", &[8]),
            ("run", &[8]),
            ("faktura", &[10]),
        ],
    );
    assert_eq!(shelf.ids("Rechnung")[0], 2);
    assert_eq!(shelf.set("Rechnung"), [1, 2, 9]);
    let (snippets, _) = shelf.snippets("кораблями гавань");
    assert!(
        snippets[0].contains("<mark>Корабли</mark> стояли в <mark>гавани</mark>")
            || snippets[0].contains("<mark>корабль</mark>"),
        "{snippets:?}"
    );
    assert_eq!(
        highlight(&parse("Rechnung", NOW), "Rechnungen.txt"),
        "<mark>Rechnungen</mark>.txt"
    );
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
    let parsed = parse("figures", NOW);
    let within = |folder| {
        shelf.ask(Question {
            folder: Some(folder),
            ..question(&parsed, 9)
        })
    };
    let ids: Vec<i64> = within(&folder).hits.iter().map(|hit| hit.0).collect();
    assert_eq!(ids, [1]);
    assert_eq!(within(&FolderPath::default()).total, 3);
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
    let page = shelf.ask(Question {
        after,
        ..question(&parsed, limit)
    });
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
    assert_eq!((all.len(), nothing.is_none()), (50, true));
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
    changed.push(file(
        "better.txt",
        &format!("other {}", "words ".repeat(70)),
    ));
    changed.extend((0..30).map(|n| file(&format!("late{n}.txt"), &"other ".repeat(n))));
    follows(&Shelf::with_batches(&changed, 11), next.clone(), &all[10..]);

    // The file that ended the page is gone: its old place is still about right.
    let mut without = files.clone();
    without[first[9] as usize - 1].text = "other ".repeat(60);
    without[149].text = format!("other {}", "words ".repeat(61));
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
        shelf.ask(question(&parsed, 10));
        respell(&shelf.searcher, &shelf.fields, &parsed, &query, None).unwrap();
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
fn a_match_is_shown_though_another_release_counted_the_words() {
    let filler = "waves roll against the stones ".repeat(3 * MAX_PASSAGE_BYTES / 30);
    let text = format!("{filler}the lighthouse was lit {filler}");
    let shelf = Shelf::of(&[("a.txt", &text)]);
    let parsed = parse("lighthouse", NOW);
    let hit = shelf.propose("lighthouse").hits[0];
    let split = split(&text);
    for shift in [-1300, 0, 1300] {
        let bytes = split.passages.to_bytes();
        let (numbers, _) = bytes.as_chunks::<4>();
        let moved = numbers
            .iter()
            .map(|number| match u32::from_le_bytes(*number) {
                0 => 0,
                first => first.saturating_add_signed(shift),
            });
        let moved: Vec<u8> = moved.flat_map(u32::to_le_bytes).collect();
        let passages = Passages::from_bytes(&moved).unwrap();
        let snippets = Snippets::new(&shelf.searcher, &shelf.fields, &parsed)
            .of(hit.2, &passages, 1, |number| {
                let range = split.ranges[number as usize].clone();
                Ok(Some(text[range].to_owned()))
            })
            .unwrap();
        let shown = &snippets[0].html;
        assert!(
            shown.contains("<mark>lighthouse</mark>"),
            "{shift}: {shown}"
        );
    }
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
    assert_eq!(other[0].html, "rewritten &lt;since&gt;");
    let failed = snippets.of(hit.2, &passages, 2, |_| Err(Error::internal("unreadable")));
    assert_eq!(failed.unwrap_err().sentence(), "unreadable");
}

/// What a search finds, counted by hand.
fn counted<'a>(
    files: &'a [Sample],
    fits: impl Fn(&Sample) -> bool,
    values: impl Fn(&'a Sample) -> Vec<String>,
) -> std::collections::BTreeMap<String, u64> {
    let mut counts = std::collections::BTreeMap::new();
    for value in files.iter().filter(|file| fits(file)).flat_map(values) {
        *counts.entry(value).or_default() += 1;
    }
    counts
}

fn year(file: &Sample) -> String {
    values::date(file.modified)[..4].to_owned()
}

fn class(file: &Sample) -> Class {
    Class::of(file.media_type, &file.path)
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(48))]

    #[test]
    fn facets_count_what_counting_by_hand_does(
        made in proptest::collection::vec((0..4_usize, 0..4_usize, 0..4_usize, 0..3_i64, 0..4_u32, 0..2_usize), 1..40),
        chosen in (0..6_usize, 0..5_usize, 0..4_i64, 0..6_usize),
        batch in 1..9_usize,
        inside in 0..3_usize,
    ) {
        const FOLDERS: [&str; 4] = ["a", "a/b", "a/c/d", "e"];
        const TYPES: [(&str, &str); 4] = [
            ("application/pdf", "pdf"), ("image/png", "png"), ("text/plain", "txt"), ("text/x-rust", "rs"),
        ];
        const TAGS: [&[&str]; 4] = [&[], &["Paid"], &["paid", "open"], &["Öpen", "open"]];
        let files: Vec<Sample> = made.iter().enumerate().map(|(n, &(folder, kind, tags, years, size, word))| Sample {
            path: format!("{}/{n}.{}", FOLDERS[folder], TYPES[kind].1),
            text: ["crane", "lantern"][word].into(),
            tags: TAGS[tags].iter().map(|tag| (*tag).to_owned()).collect(),
            media_type: TYPES[kind].0,
            modified: NOW - years * 400 * DAY,
            size: 10_u64.pow(size * 2 + 1),
        }).collect();
        let classes = [Class::Pdf, Class::Image, Class::Text, Class::Code, Class::Book];
        let narrowing = Narrowing {
            class: classes.get(chosen.0).copied(),
            tag: ["PAID", "open", "öpen", "none"].get(chosen.1).map(|tag| (*tag).to_owned()),
            year: [2026, 2025, 2023].get(chosen.2 as usize).copied(),
            size: SizeClass::ALL.get(chosen.3).copied(),
        };
        let folder = FolderPath::parse(["", "a", "a/c"][inside]).unwrap();
        let shelf = Shelf::with_batches(&files, batch);
        let parsed = parse("crane", NOW);
        let found = shelf.ask(Question { narrowing: &narrowing, folder: Some(&folder), ..question(&parsed, 100) });

        let fold = crate::library::text::fold;
        let tagged = |file: &Sample, tag: &str| file.tags.iter().any(|other| fold(other) == fold(tag));
        let base = |file: &Sample| file.text == "crane" && (folder.is_root() || file.path.starts_with(&format!("{folder}/")));
        let of_class = |file: &Sample| narrowing.class.is_none_or(|chosen| chosen == class(file));
        let of_tag = |file: &Sample| narrowing.tag.as_ref().is_none_or(|chosen| tagged(file, chosen));
        let of_year = |file: &Sample| narrowing.year.is_none_or(|chosen| chosen.to_string() == year(file));
        let of_size = |file: &Sample| narrowing.size.is_none_or(|chosen| chosen == SizeClass::of(file.size));
        let all = |file: &Sample| base(file) && of_class(file) && of_tag(file) && of_year(file) && of_size(file);
        proptest::prop_assert_eq!(found.total, files.iter().filter(|file| all(file)).count() as u64);
        proptest::prop_assert_eq!(found.hits.len() as u64, found.total);
        let told = |counts: &[Count]| counts.iter().map(|count| (count.value.clone(), count.count)).collect::<std::collections::BTreeMap<_, _>>();
        let facets = &found.facets;
        proptest::prop_assert_eq!(told(&facets.types), counted(&files, |f| base(f) && of_tag(f) && of_year(f) && of_size(f), |f| vec![class(f).word().into()]));
        proptest::prop_assert_eq!(told(&facets.years), counted(&files, |f| base(f) && of_class(f) && of_tag(f) && of_size(f), |f| vec![year(f)]));
        proptest::prop_assert_eq!(told(&facets.sizes), counted(&files, |f| base(f) && of_class(f) && of_tag(f) && of_year(f), |f| vec![SizeClass::of(f.size).word().into()]));
        let below = folder.as_str().len() + usize::from(!folder.is_root());
        let next = |f: &Sample| f.path[below..].split_once('/').map(|(next, _)| format!("{}{next}", &f.path[..below])).into_iter().collect();
        proptest::prop_assert_eq!(told(&facets.folders), counted(&files, all, next));
        let tags = |f: &Sample| f.tags.iter().map(|tag| fold(tag)).collect::<std::collections::BTreeSet<_>>().into_iter().collect();
        let told_tags = facets.tags.iter().map(|count| (fold(&count.value), count.count)).collect::<std::collections::BTreeMap<_, _>>();
        proptest::prop_assert_eq!(told_tags, counted(&files, |f| base(f) && of_class(f) && of_year(f) && of_size(f), tags));
    }

    #[test]
    fn every_order_pages_stably(
        made in proptest::collection::vec((0..6_i64, 0..6_u64, 0..5_usize), 1..40),
        batch in 1..9_usize,
        limit in 1..7_usize,
    ) {
        const NAMES: [&str; 5] = ["apple", "Äpple", "b", "Zebra", "水"];
        let files: Vec<Sample> = made.iter().enumerate().map(|(n, &(time, size, name))| Sample {
            modified: NOW + time,
            size,
            ..file(&format!("{n}/{}", NAMES[name]), &"words ".repeat(size as usize + 1))
        }).collect();
        let shelf = Shelf::with_batches(&files, batch);
        // Another release's merges: the same files lie in other segments when the page is turned.
        let merged = Shelf::with_batches(&files, batch + 3);
        let parsed = parse("words", NOW);
        for order in Order::ALL {
            let key = |id: i64| {
                let file = &files[id as usize - 1];
                (file.modified, file.size, crate::library::text::fold(file.path.rsplit('/').next().unwrap()))
            };
            let (mut seen, mut after) = (Vec::new(), None);
            loop {
                let shelf = if seen.len() % 2 == 0 || order == Order::Relevance { &shelf } else { &merged };
                let page = shelf.ask(Question { order, after, ..question(&parsed, limit) });
                proptest::prop_assert_eq!(page.total, files.len() as u64);
                seen.extend(page.hits.iter().map(|hit| hit.0));
                after = page.next.map(|place| place.to_string().parse().unwrap());
                if after.is_none() {
                    break;
                }
            }
            let whole = shelf.ask(Question { order, ..question(&parsed, 100) });
            let whole: Vec<i64> = whole.hits.iter().map(|hit| hit.0).collect();
            proptest::prop_assert_eq!(&seen, &whole, "{:?}", order);
            let mut by_hand: Vec<i64> = (1..=files.len() as i64).collect();
            match order {
                Order::Relevance => continue,
                Order::Newest => by_hand.sort_by_key(|&id| (std::cmp::Reverse(key(id).0), id)),
                Order::Oldest => by_hand.sort_by_key(|&id| (key(id).0, id)),
                Order::Name => by_hand.sort_by_key(|&id| (key(id).2, id)),
                Order::NameReversed => by_hand.sort_by_key(|&id| (std::cmp::Reverse(key(id).2), id)),
                Order::Largest => by_hand.sort_by_key(|&id| (std::cmp::Reverse(key(id).1), id)),
                Order::Smallest => by_hand.sort_by_key(|&id| (key(id).1, id)),
            }
            proptest::prop_assert_eq!(&seen, &by_hand, "{:?}", order);
        }
    }
}

#[test]
fn a_name_that_is_gone_still_says_where_the_page_goes_on() {
    let names = ["a", "b", "d", "e"].map(|name| file(name, "words"));
    let shelf = Shelf::with_batches(&names, 2);
    let parsed = parse("words", NOW);
    let behind = |order, name: &str| {
        let key = place::Key::Name(name.into());
        let after = Some(Place { order, key, id: 9 });
        let page = shelf.ask(Question {
            order,
            after,
            ..question(&parsed, 9)
        });
        page.hits.iter().map(|hit| hit.0).collect::<Vec<_>>()
    };
    assert_eq!(behind(Order::Name, "c"), [3, 4]);
    assert_eq!(behind(Order::Name, ""), [1, 2, 3, 4]);
    assert_eq!(behind(Order::Name, "z"), [0; 0]);
    assert_eq!(behind(Order::NameReversed, "c"), [2, 1]);
    assert_eq!(behind(Order::NameReversed, "z"), [4, 3, 2, 1]);
    assert_eq!(behind(Order::NameReversed, ""), [0; 0]);
    let other = Place {
        order: Order::Newest,
        key: place::Key::Number(1),
        id: 1,
    };
    let wrong = Question {
        after: Some(other),
        ..question(&parsed, 9)
    };
    let refused = execute(&shelf.searcher, &shelf.fields, wrong).unwrap_err();
    assert!(refused.sentence().contains("another sort order"));
}

#[test]
fn without_words_everything_is_there_to_be_narrowed_down() {
    let shelf = Shelf::of(&[("a/1.txt", "x"), ("a/2.rs", "y"), ("b.txt", "z")]);
    let parsed = Parsed::everything();
    let folder = FolderPath::parse("a").unwrap();
    let found = shelf.ask(Question {
        folder: Some(&folder),
        ..question(&parsed, 9)
    });
    assert_eq!((found.total, found.facets.types.len()), (2, 2));
    assert_eq!(shelf.ask(question(&parsed, 9)).total, 3);
}

fn respelt(shelf: &Shelf, query: &str) -> Option<String> {
    let parsed = parse(query, NOW);
    respell(&shelf.searcher, &shelf.fields, &parsed, query, None).unwrap()
}

#[test]
fn a_slip_is_put_right_by_a_word_of_the_index() {
    let mut files: Vec<Sample> = (0..70)
        .map(|n| file(&format!("{n}.txt"), "the harbour and the lantern"))
        .collect();
    files.push(file("minutes.txt", "harbor habrour beacon 20261 x7f3a9"));
    files[0].tags = vec!["wichtig".into()];
    let shelf = Shelf::with_batches(&files, 9);
    for (query, right) in [
        ("harbuor", Some("harbour")),
        ("HARBUOR", Some("harbour")),
        ("lamtern", Some("lantern")),
        ("lamtren", Some("lantern")),
        // In one file, but another word is in seventy.
        ("habrour", Some("harbour")),
        ("lanter", Some("lanter*")),
        ("harbour la", Some("harbour la*")),
        (
            "becaon -lantern type:text",
            Some("beacon -lantern type:text"),
        ),
        ("\"the harbuor and\"", Some("\"the harbour and\"")),
        (
            "(lamtern OR beacon) name:mintues",
            Some("(lantern OR beacon) name:minutes"),
        ),
        ("name:lamtern", None),
        ("wihctig", Some("wichtig")),
        ("harbour", None),
        ("lighthouse", None),
        // Excluded, a beginning, a filter, a number, a code, too short: as they are.
        ("beacon -lamtern", None),
        ("lamt*", None),
        ("beacon tag:wihctig", None),
        ("20262", None),
        ("x7f3a8", None),
        ("teh", None),
        // A query of many words is not misspelt.
        ("lamtern lamtern lamtern lamtern lamtern", None),
        ("", None),
    ] {
        assert_eq!(respelt(&shelf, query).as_deref(), right, "{query}");
    }
}

#[test]
fn a_word_that_is_being_typed_may_go_on() {
    let shelf = Shelf::of(&[("a.txt", "harbourmaster and crane"), ("b.txt", "harp")]);
    let ids = |query: &str| {
        let found = shelf.ask(question(&parse_unfinished(query, NOW), 9));
        let mut ids: Vec<i64> = found.hits.iter().map(|hit| hit.0).collect();
        ids.sort_unstable();
        ids
    };
    assert_eq!(ids("har"), [1, 2]);
    assert_eq!(ids("crane harb"), [1]);
    assert_eq!(ids("crane OR harp name:x OR ha"), [1, 2]);
    assert_eq!(ids("(crane OR ha"), [1, 2]);
    // Finished, quoted, excluded or hardly begun.
    assert_eq!(ids("har "), [0; 0]);
    assert_eq!(ids("\"har"), [0; 0]);
    assert_eq!(ids("crane -har"), [1]);
    assert_eq!(ids("h"), [0; 0]);
}

#[test]
fn a_snippet_stays_on_its_page_and_names_it() {
    let pages: Vec<String> = (1..=40)
        .map(|n| match n {
            12 => "the lighthouse was lit".to_owned(),
            13 => "again near the lighthouse".to_owned(),
            _ => format!(
                "page {n} {}",
                "of the report on piers and stones ".repeat(30)
            ),
        })
        .collect();
    let text = pages.join("\u{c}");
    let shelf = Shelf::of(&[("a.pdf", &text)]);
    let parsed = parse("lighthouse", NOW);
    let hit = shelf.ask(question(&parsed, 1)).hits[0];
    let split = split(&text);
    let mut snippets = Snippets::new(&shelf.searcher, &shelf.fields, &parsed);
    let shown = snippets
        .of(hit.2, &split.passages, 5, |number| {
            Ok(Some(text[split.ranges[number as usize].clone()].to_owned()))
        })
        .unwrap();
    assert_eq!(shown[0].page, Some(12));
    assert_eq!(shown[0].html, "… the <mark>lighthouse</mark> was lit …");
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

#[test]
fn words_that_begin_alike_are_looked_at_up_to_a_bound() {
    let shelf = Shelf::of(&[("a.txt", "harbour harvest harpoon")]);
    let (searcher, body) = (&shelf.searcher, shelf.fields.body);
    let expanded = |left: usize| {
        let left = std::cell::Cell::new(left);
        let found = super::expand::expand(searcher, body, "har", 100, &left).unwrap();
        (found.words.len(), found.truncated, left.get())
    };
    let (words, truncated, left) = expanded(1_000);
    assert!(words >= 3 && !truncated, "{words}");
    assert!(left < 1_000);
    assert_eq!(expanded(0), (0, true, 0));
}

#[test]
fn while_the_index_catches_up_only_hits_are_told() {
    let mut proposed = Proposed {
        total: 9,
        next: Some("name:5:hidden.txt".parse().unwrap()),
        notes: vec!["Too many words begin with \"hidden\".".to_owned()],
        ..Proposed::default()
    };
    proposed.tell_only_of_hits();
    assert_eq!((proposed.total, proposed.next), (0, None));
    assert_eq!(proposed.notes.len(), 1);
    assert!(proposed.notes[0].contains("catching up"));
}
