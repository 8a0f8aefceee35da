//! Micro-benchmarks of search: words per second when indexing, and the time of one query with
//! its snippets over 20,000 made-up documents; then of finding another spelling among 300,000
//! words. Run with `cargo bench --bench search`, or `-- spelling` for the latter alone.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use tantivy::schema::Schema;
use tantivy::tokenizer::{TokenStream, Tokenizer};
use tantivy::{Index, IndexWriter, Searcher};
use wharfside::library::FilePath;
use wharfside::library::search::{
    self, Fields, Narrowing, Order, Passages, Question, Sight, Snippets, Source,
};
use wharfside::library::text::{self, WordTokenizer};

const DOCUMENTS: usize = 20_000;
const NOW: i64 = 1_773_057_600_000;

/// A generator (SplitMix64) so that every run has the same documents.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A rank below `count`, distributed as words are: the n-th is about n times rarer.
    fn rank(&mut self, count: usize) -> usize {
        let unit = (self.roll() >> 11) as f64 / (1_u64 << 53) as f64;
        ((count as f64).powf(unit) as usize).min(count) - 1
    }
}

/// Words that look and inflect like English ones.
fn vocabulary(dice: &mut Dice, count: usize) -> Vec<String> {
    const ONSETS: [&str; 14] = [
        "b", "br", "c", "d", "f", "gr", "h", "l", "m", "p", "qu", "s", "st", "w",
    ];
    const VOWELS: [&str; 8] = ["a", "e", "i", "o", "u", "ea", "oa", "ou"];
    const ENDS: [&str; 10] = ["", "s", "ed", "ing", "ly", "er", "ness", "t", "nd", "rk"];
    (1..=count)
        .map(|rank| {
            let mut word = String::new();
            for _ in 0..=(rank.ilog2().max(4) / 5).min(3) {
                word.push_str(ONSETS[dice.roll() as usize % ONSETS.len()]);
                word.push_str(VOWELS[dice.roll() as usize % VOWELS.len()]);
            }
            word.push_str(ENDS[dice.roll() as usize % ENDS.len()]);
            word
        })
        .collect()
}

fn document(dice: &mut Dice, words: &[String]) -> String {
    let length = 50 + dice.rank(5_000);
    let mut text = String::with_capacity(length * 7);
    for n in 0..length {
        text.push_str(&words[dice.rank(words.len())]);
        text.push_str(if n % 12 == 11 { ".\n" } else { " " });
    }
    text
}

fn main() {
    if !std::env::args().any(|argument| argument == "spelling") {
        searching();
    }
    spelling();
}

fn searching() {
    let mut dice = Dice(7);
    let words = vocabulary(&mut dice, 100_000);
    let texts: Vec<String> = (0..DOCUMENTS)
        .map(|_| document(&mut dice, &words))
        .collect();
    let bytes: usize = texts.iter().map(String::len).sum();
    println!("{DOCUMENTS} documents, {} MB", bytes / 1_000_000);

    throughput("tokenize and stem", bytes, || {
        let mut tokenizer = WordTokenizer::default();
        let mut tokens = 0_u64;
        for text in &texts {
            let mut stream = tokenizer.token_stream(text);
            while stream.advance() {
                tokens += 1;
            }
        }
        tokens
    });
    throughput("count words", bytes, || {
        texts.iter().map(|text| text::count(text)).sum()
    });
    throughput("split into passages", bytes, || {
        texts
            .iter()
            .map(|text| search::split(text).passages.len() as u64)
            .sum()
    });

    let (searcher, fields) = index(&texts);
    queries(&searcher, &fields, &texts, &words, &mut dice);
}

fn throughput(what: &str, bytes: usize, work: impl FnOnce() -> u64) {
    let start = Instant::now();
    let made = work();
    let seconds = start.elapsed().as_secs_f64();
    println!("{what}: {:.0} MB/s ({made})", bytes as f64 / 1e6 / seconds);
}

/// So many words are in a library of 100,000 documents.
const VOCABULARY: usize = 300_000;
/// As many segments as merging leaves of one.
const SEGMENTS: usize = 8;

/// What this thread has computed, whatever else the machine does.
fn cpu_time() -> Duration {
    let spent = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(spent.tv_sec as u64, spent.tv_nsec as u32)
}

/// Queries whose words no file has, and what finding another spelling of them costs.
fn spelling() {
    let mut dice = Dice(11);
    let words = vocabulary(&mut dice, VOCABULARY);
    // Every word is in a document; the commoner ones are in every segment.
    let common = words[..VOCABULARY / 10].join(" ");
    let rare = words[VOCABULARY / 10..].chunks(VOCABULARY / SEGMENTS + 1);
    let texts: Vec<String> = rare
        .map(|words| format!("{common} {}", words.join(" ")))
        .collect();
    let (searcher, fields) = index(&texts);
    println!(
        "{VOCABULARY} words, {} segments",
        searcher.segment_readers().len()
    );
    for (what, slips, count) in [
        ("one slip", 1, 1),
        ("two slips", 2, 1),
        ("an unknown word", 9, 1),
        ("four unknown words", 9, 4),
    ] {
        let mut times: Vec<Duration> = (0..200)
            .map(|_| {
                let words = (0..count).map(|_| misspelt(&mut dice, &words, slips));
                let query = words.collect::<Vec<_>>().join(" ");
                let start = cpu_time();
                let parsed = search::parse(&query, NOW);
                let found = search::respell(&searcher, &fields, &parsed, &query, None);
                std::hint::black_box(found.expect("an answer"));
                cpu_time() - start
            })
            .collect();
        times.sort_unstable();
        let at = |percent: usize| times[times.len() * percent / 100];
        println!("{what}: p50 {:.2?} p99 {:.2?}", at(50), at(99));
    }
}

/// A word of ordinary length with so many of its letters changed.
fn misspelt(dice: &mut Dice, words: &[String], slips: usize) -> String {
    let word = loop {
        let word = &words[dice.roll() as usize % words.len()];
        if (8..13).contains(&word.len()) {
            break word;
        }
    };
    let mut letters = word.clone().into_bytes();
    for _ in 0..slips {
        let at = 1 + dice.roll() as usize % (letters.len() - 1);
        letters[at] = b'a' + (dice.roll() % 26) as u8;
    }
    String::from_utf8(letters).expect("letters")
}

fn index(texts: &[String]) -> (Searcher, Fields) {
    let mut schema = Schema::builder();
    let fields = Fields::add_to(&mut schema);
    let index = Index::create_in_ram(schema.build());
    Fields::register(index.tokenizers());
    let start = Instant::now();
    let mut writer: IndexWriter = index
        .writer_with_num_threads(1, 64 << 20)
        .expect("an index in memory");
    for (n, text) in texts.iter().enumerate() {
        let path = FilePath::parse(&format!("folder {}/file {n}.txt", n % 50)).expect("a path");
        let source = Source {
            id: n as i64,
            path: &path,
            tags: &[],
            media_type: "text/plain",
            modified_ms: NOW - n as i64 * 60_000,
            size: text.len() as u64,
            text,
        };
        writer
            .add_document(fields.document(&source))
            .expect("room for a document");
        if texts.len() <= SEGMENTS {
            writer.commit().expect("a commit in memory");
        }
    }
    writer.commit().expect("a commit in memory");
    println!(
        "index: {:.0} documents/s",
        texts.len() as f64 / start.elapsed().as_secs_f64()
    );
    (index.reader().expect("a reader").searcher(), fields)
}

fn queries(
    searcher: &Searcher,
    fields: &Fields,
    texts: &[String],
    words: &[String],
    dice: &mut Dice,
) {
    let splits: HashMap<i64, search::Split> = texts
        .iter()
        .enumerate()
        .map(|(n, text)| (n as i64, search::split(text)))
        .collect();
    println!("{} segments", searcher.segment_readers().len());
    for (what, make) in kinds() {
        let (mut finding, mut showing): (Vec<Duration>, Vec<Duration>) = (0..200)
            .map(|_| answer(searcher, fields, texts, &splits, &make(dice, words)))
            .unzip();
        finding.sort_unstable();
        showing.sort_unstable();
        let at = |times: &[Duration], percent: usize| times[times.len() * percent / 100];
        println!(
            "{what}: found in p50 {:.2?} p99 {:.2?}, shown in p50 {:.2?} p99 {:.2?}",
            at(&finding, 50),
            at(&finding, 99),
            at(&showing, 50),
            at(&showing, 99),
        );
    }
}

type Kind = (&'static str, fn(&mut Dice, &[String]) -> String);

fn kinds() -> Vec<Kind> {
    fn pick<'a>(dice: &mut Dice, words: &'a [String]) -> &'a str {
        &words[dice.rank(words.len())]
    }
    vec![
        ("one word", |dice, words| pick(dice, words).to_owned()),
        ("the commonest word", |_, words| words[0].clone()),
        ("two words", |dice, words| {
            format!("{} {}", pick(dice, words), pick(dice, words))
        }),
        ("three common words", |_, words| words[..3].join(" ")),
        ("phrase", |dice, words| {
            format!("\"{} {}\"", pick(dice, words), pick(dice, words))
        }),
        ("phrase of common words", |_, words| {
            format!("\"{}\"", words[..2].join(" "))
        }),
        ("prefix of 3", |dice, words| {
            let word = pick(dice, words);
            format!("{}*", &word[..3.min(word.len())])
        }),
        ("prefix of 1", |dice, words| {
            format!("{}*", &pick(dice, words)[..1])
        }),
        ("alternatives", |dice, words| {
            format!(
                "{} OR {} OR {}",
                pick(dice, words),
                pick(dice, words),
                pick(dice, words)
            )
        }),
        ("exclusion", |dice, words| {
            format!("{} -{}", pick(dice, words), pick(dice, words))
        }),
        ("only exclusion", |dice, words| {
            format!("-{}", pick(dice, words))
        }),
        ("filters", |dice, words| {
            format!(
                "{} folder:\"folder 7\" after:2026-03 larger:1KB",
                pick(dice, words)
            )
        }),
        ("name", |dice, _| format!("name:{}", dice.rank(DOCUMENTS))),
    ]
}

/// A page of twenty hits, and their snippets.
fn answer(
    searcher: &Searcher,
    fields: &Fields,
    texts: &[String],
    splits: &HashMap<i64, search::Split>,
    query: &str,
) -> (Duration, Duration) {
    let start = Instant::now();
    let parsed = search::parse(query, NOW);
    let question = Question {
        parsed: &parsed,
        folder: None,
        sight: &Sight::everything(),
        narrowing: &Narrowing::default(),
        order: Order::Relevance,
        after: None,
        limit: 20,
    };
    let found = search::execute(searcher, fields, question).expect("an answer");
    let finding = start.elapsed();
    let mut snippets = Snippets::new(searcher, fields, &parsed);
    for (id, _, address) in &found.hits {
        let split = &splits[id];
        let passages: &Passages = &split.passages;
        let shown = snippets.of(*address, passages, 2, |number| {
            let range = split.ranges.get(number as usize).cloned();
            Ok(range.map(|range| texts[*id as usize][range].to_owned()))
        });
        std::hint::black_box(shown.expect("snippets"));
    }
    (finding, start.elapsed() - finding)
}
