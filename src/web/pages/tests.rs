//! Every page, rendered from samples: what must hold of each, whatever people call their files.

use askama::Template;
use axum::body::to_bytes;

use super::file::{Field, FilePage, Problem};
use super::library::{Asking, Found, LibraryPage};
use super::persistence::{Mark, PersistencePage};
use super::search::{SearchPage, Seek};
use super::standing::Health;
use super::trash::TrashPage;
use super::*;
use crate::library::search::{Count, Facets, Hit, Results, Snippet, Spelling};
use crate::library::{
    Again, Confinement, Enforced, Entry, Facts, FilePath, Folder, FolderPath, Level, Listing, Page,
    Persistence, Reading, SavedSearch, Sort, Standing, Totals, Unfinished, Verdict, Version,
};
use crate::store::boots::{Boot, Ending, HandOver, Overlap, ProofState, StoreProof, Term};
use crate::store::mount::{Finding, Severity};
use crate::store::{Digest, Identity, Mount};
use crate::web::assets;

/// The most that a page may weigh with all that it loads.
const PAGE_BYTES: usize = 60_000;

const DAY: i64 = 86_400_000;
const NOW: i64 = 1_795_396_841_000;

/// Names that break pages which are careless.
const HOSTILE: [&str; 6] = [
    "\"><script>alert(1)</script>.txt",
    "' onmouseover='alert(1)' x='.md",
    "{{ name }} & <b>bold</b>?#%2f.html",
    "invoice\u{202e}fdp.exe",
    "請求書 2026年度.pdf",
    "a-name-without-any-place-to-break-it-that-goes-on-and-on-and-on-and-on-and-on-and-on-and-on-and-on-and-on-and-on-and-on-and-on-and-on-and-on-and-on-and-on-and-on-and-on-and-on-and-on-and-on.log",
];

fn shell() -> Shell {
    Shell::new("a1b2c3d4e5f6")
}

fn entry(id: i64, path: &str) -> Entry {
    Entry {
        id,
        path: FilePath::parse(path).unwrap(),
        version: 1,
        size: 3_u64.pow(id as u32 % 20) * 57,
        sha256: Digest::from_bytes([id as u8; 32]),
        media_type: ["application/pdf", "text/plain; charset=utf-8", "image/png"][id as usize % 3]
            .into(),
        created_ms: NOW - id * DAY,
        modified_ms: NOW - id * DAY / 3,
        trashed_ms: None,
        tags: if id % 4 == 0 {
            vec!["finance".into(), "Q3 2026".into()]
        } else {
            Vec::new()
        },
        sequence: id as u64,
    }
}

fn ordinary(count: i64) -> Vec<Entry> {
    const NAMES: [&str; 8] = [
        "Quarterly report",
        "minutes of the harbour board",
        "crane maintenance log",
        "Überblick",
        "tide tables",
        "bill of lading",
        "berth plan, revised",
        "photo of the new quay",
    ];
    let name = |id: i64| {
        format!(
            "reports/2026/{} {id:03}.pdf",
            NAMES[id as usize % NAMES.len()]
        )
    };
    (1..=count).map(|id| entry(id, &name(id))).collect()
}

fn hostile() -> Vec<Entry> {
    let numbered = HOSTILE.iter().zip(1..);
    let mut entries: Vec<_> = numbered
        .map(|(name, id)| entry(id, &format!("<i>&\"odd\"/{name}")))
        .collect();
    entries[0].tags = vec!["<script>".into(), "a\"b".into()];
    entries[0].media_type = "text/<script>".into();
    entries
}

fn listing(files: Vec<Entry>, folder: &str) -> Listing {
    let folder_named = |name: &str| Folder {
        path: FolderPath::parse(name).unwrap(),
        files: 1_234,
        bytes: 9_876_543_210,
    };
    Listing {
        folder: FolderPath::parse(folder).unwrap(),
        folders: vec![
            folder_named("reports/archive"),
            folder_named("reports/<script>x"),
        ],
        files,
        next: Some("name:\"x&y\"".into()),
    }
}

fn library(listing: Listing) -> String {
    let recent = listing.files.iter().take(8).cloned().collect();
    let asking = Asking {
        sort: Sort::Time,
        ..Asking::default()
    };
    LibraryPage::new(
        shell(),
        Found {
            asking,
            listing,
            rows: Some(crate::library::Rows {
                folders: 2,
                files: 12_345,
            }),
            into: Some(FolderPath::default()),
            recent,
        },
    )
    .render()
    .unwrap()
}

fn nothing_in(folder: &str) -> Listing {
    let folder = FolderPath::parse(folder).unwrap();
    Listing {
        folder,
        folders: Vec::new(),
        files: Vec::new(),
        next: None,
    }
}

fn file(entry: &Entry, facts: Option<Facts>, problem: Option<Problem>) -> String {
    let version = |number| Version {
        number,
        size: u64::from(number) * 1_000,
        sha256: Digest::from_bytes([number as u8; 32]),
        media_type: entry.media_type.clone(),
        created_ms: NOW - DAY,
    };
    let page = FilePage::new(
        shell(),
        entry,
        &[version(3), version(2), version(1)],
        facts,
        true,
    );
    match problem {
        Some(problem) => page.refusing(problem).render().unwrap(),
        None => page.render().unwrap(),
    }
}

fn search(query: &str, entries: Vec<Entry>) -> String {
    const PASSAGE: &str = "the <mark>crane</mark> on the north quay was serviced &amp; <mark>loaded</mark> to twelve tonnes, which the board noted with relief after the long delays of the spring";
    let passage = |page| Snippet {
        html: PASSAGE.into(),
        page,
        part: 0,
    };
    let hit = |entry: Entry| Hit {
        marked_name: search_highlight(query, entry.path.name()),
        score: 1.0,
        snippets: Vec::new(),
        passages: (1..=5)
            .map(|n| passage((entry.id % 2 == 0).then_some(n)))
            .collect(),
        entry,
    };
    let count = |value: &str, count| Count {
        value: value.into(),
        count,
    };
    let results = Results {
        total: 1_204,
        hits: entries.into_iter().take(20).map(hit).collect(),
        read_as: query.to_owned(),
        notes: vec!["The quote was never closed and is taken as a plain character.".into()],
        facets: Facets {
            types: vec![count("pdf", 804), count("image", 400)],
            folders: (0..12)
                .map(|n| count(&format!("reports/<b>{n}</b>"), 90 - n))
                .collect(),
            tags: (0..12)
                .map(|n| count(&format!("<b>tag {n}</b>"), 80 - n))
                .collect(),
            years: (0..12)
                .map(|n| count(&(2026 - n).to_string(), n + 1))
                .collect(),
            sizes: vec![count("0-100KB", 7), count("100MB-", 1_197)],
        },
        spelling: Some(Spelling::new(query, format!("{query} <b>x</b>"), false)),
        next: Some("20&x".into()),
        milliseconds: 2.34,
    };
    let seek = Seek {
        q: query.to_owned(),
        folder: "reports/<b>2026</b>".into(),
        tag: "<b>tag 1</b>".into(),
        ..Seek::default()
    };
    SearchPage::new(shell().searching(query), seek, results, true)
        .render()
        .unwrap()
}

fn search_blank() -> String {
    let saved = |id: i64| SavedSearch {
        id,
        name: HOSTILE[id as usize].into(),
        search: "q=crane&tag=%3Cb%3E".into(),
        created_ms: NOW,
    };
    let saved: Vec<_> = (0..6).map(saved).collect();
    SearchPage::blank(shell(), Seek::default(), &saved)
        .render()
        .unwrap()
}

fn search_highlight(query: &str, name: &str) -> String {
    crate::library::search::highlight(&crate::library::search::parse(query, NOW), name)
}

fn trash(entries: &[Entry]) -> String {
    let items = entries.iter().map(|entry| Entry {
        trashed_ms: Some(NOW - DAY),
        ..entry.clone()
    });
    let trashed = Page {
        items: items.collect(),
        next: None,
    };
    TrashPage::new(shell(), trashed, 30, true).render().unwrap()
}

fn persistence() -> String {
    let boot = |number: u64| {
        let started_ms = NOW - (18 - number as i64) * DAY;
        let ended_ms = (number < 18).then_some(started_ms + DAY + 42_000);
        let release = format!("{:040x}", (u128::from(number) * 82_934_017_711) << 100);
        Boot {
            number,
            release,
            host: "5f2c9e0b71aa".into(),
            pid: 7,
            started_ms,
            ready_ms: Some(started_ms + 384),
            told_ms: ended_ms.filter(|_| number != 14).map(|ms| ms - 25_000),
            last_seen_ms: ended_ms.unwrap_or(started_ms + 60_000),
            ended_ms,
            ending: ended_ms.map(|_| match number {
                14 => Ending::Crashed,
                11 => Ending::Killed,
                _ => Ending::Drained,
            }),
        }
    };
    let overlap = |newer: u64| Overlap {
        older: newer - 1,
        newer,
        began_ms: boot(newer).started_ms,
        last_ms: boot(newer).started_ms + 42_000,
        older_requests: Some(1_203),
        newer_requests: Some(88),
    };
    let term = |number: u64| Term {
        boot: number,
        index: "0123456789abcdef".into(),
        taken_ms: boot(number).started_ms + 17_081,
        released_ms: boot(number).told_ms,
        how: HandOver::Released,
        previous: Some(number - 1),
        after_ms: Some(81),
    };
    let proof = |store, state, sentence: &str| StoreProof {
        store,
        state,
        written_by: Some(boot(1)),
        boots_ago: 17,
        sentence: sentence.into(),
    };
    let read_back = "Written at start 3 by release a1b2c3, 41 days ago, and read back.";
    let nowhere = "Everything here will be gone at the next deploy: the directory is no mount.";
    let page = Persistence {
        verdict: Verdict { level: Level::Bad, sentence: nowhere.into() },
        storage: Identity { storage: uuid::Uuid::from_u128(7), format: 1, created_ms: NOW - 41 * DAY },
        boot: boot(18),
        stores: vec![
            proof("blobs", ProofState::Proven, read_back),
            proof("boots", ProofState::First, "This is the first boot."),
            proof("catalog", ProofState::Missing, "The sentinel of boot 12 is gone."),
            proof("facts", ProofState::Unavailable, "Another release holds facts.redb <locked>."),
            proof("index", ProofState::Rebuilt, "Built anew by boot 17, and holds what was written since."),
        ],
        mount: Mount::inspect(std::path::Path::new(".")).unwrap(),
        findings: vec![Finding {
            severity: Severity::Error,
            sentence: nowhere.into(),
            remedy: Some("dokku storage:ensure-directory APP\ndokku storage:mount APP /var/lib/dokku/data/storage/APP:/storage\ndokku ps:restart APP".into()),
        }],
        boots: (1..=18).rev().map(boot).collect(),
        overlaps: (2..=18).rev().map(overlap).collect(),
        lease: (2..=18).rev().map(term).collect(),
        totals: Totals { files: 20_431, bytes: 8_123_456_789, versions: 23_001, trashed: 12, last_sequence: 120, searchable_through: 100, waiting: 20 },
        reading: Reading {
            children: Standing {
                confinement: Some(Confinement { landlock: Enforced::Not, seccomp: true }),
                workers: 2,
                children: 1,
                seconds: 20,
                memory: 512 << 20,
                read: 7,
                drawn: 0,
                formatted: 0,
                lost: 1,
                trouble: None,
            },
            again: Some(Again { extractor: 2, done: 120, total: 3_400 }),
            ocr: Some("eng+deu".into()),
        },
        uploads: Unfinished { open: 3, bytes: 12_000_000, idle_since_ms: Some(NOW - DAY), expired: 2, freed: 5_000_000 },
        repairs: vec!["facts.redb was damaged; it was set aside as facts.redb.bad-20261123.".into()],
    };
    PersistencePage::new(shell(), page, NOW).render().unwrap()
}

async fn error(status: StatusCode, sentence: &str) -> String {
    let answer = super::error::render(status, "Title", sentence, "9f3c21ab");
    assert_eq!(answer.status(), status);
    let body = to_bytes(answer.into_body(), PAGE_BYTES).await.unwrap();
    String::from_utf8(body.to_vec()).unwrap()
}

async fn all() -> Vec<(&'static str, String)> {
    let taken = Problem {
        field: Field::Path,
        sentence: "There is already a file called <b>a</b>.".into(),
        typed: "\"><script>".into(),
    };
    let name_only = Facts {
        name_only: Some("It holds <pictures>.".into()),
        ..Facts::default()
    };
    let odd = &hostile()[0];
    vec![
        ("library-empty", library(nothing_in(""))),
        ("folder-empty", library(nothing_in("<i>&\"odd\"/x"))),
        ("library-full", library(listing(ordinary(50), ""))),
        ("folder-hostile", library(listing(hostile(), "<i>&\"odd\""))),
        (
            "file",
            file(
                &ordinary(4)[3],
                Some(Facts {
                    words: 12_345,
                    ..Facts::default()
                }),
                None,
            ),
        ),
        ("file-hostile", file(odd, Some(name_only), Some(taken))),
        ("file-waiting", file(&ordinary(2)[1], None, None)),
        ("search", search("crane \"loaded", ordinary(20))),
        (
            "search-hostile",
            search("\"><script>alert(1)</script>", hostile()),
        ),
        ("search-blank", search_blank()),
        ("trash", trash(&ordinary(12))),
        ("trash-hostile", trash(&hostile())),
        ("trash-empty", trash(&[])),
        ("persistence", persistence()),
        (
            "error-404",
            error(StatusCode::NOT_FOUND, "There is no file at this address.").await,
        ),
        (
            "error-413",
            error(
                StatusCode::PAYLOAD_TOO_LARGE,
                "The file is larger than 500 MB, the most that is accepted.",
            )
            .await,
        ),
        (
            "error-500",
            error(StatusCode::INTERNAL_SERVER_ERROR, "<script>").await,
        ),
        (
            "error-503",
            error(
                StatusCode::SERVICE_UNAVAILABLE,
                "The facts store is locked by another release.",
            )
            .await,
        ),
    ]
}

/// Start tags of a page, as written.
fn tags(html: &str) -> impl Iterator<Item = &str> {
    html.split('<')
        .skip(1)
        .filter_map(|piece| piece.split_once('>'))
        .map(|(tag, _)| tag)
}

#[tokio::test]
async fn a_page_runs_nothing_that_its_policy_forbids() {
    for (name, html) in all().await {
        for tag in tags(&html) {
            if tag.starts_with("script") {
                assert!(tag.contains("src=\"/assets/"), "{name}: <{tag}>");
            }
            assert!(!tag.starts_with("style"), "{name}: <{tag}>");
            assert!(!tag.contains(" style="), "{name}: <{tag}>");
            // What stands in quotes is a value, however it reads.
            let unquoted: String = tag.split('"').step_by(2).collect();
            assert!(!unquoted.contains(" on"), "{name}: <{tag}>");
        }
    }
}

#[tokio::test]
async fn names_are_text_and_never_markup() {
    for (name, html) in all().await {
        assert!(!html.contains("alert(1)</script>"), "{name}");
        assert!(!html.contains("<b>"), "{name}");
        assert!(!html.contains("<pictures>"), "{name}");
        let typed = html.matches("value=\"").count();
        assert!(
            html.matches('\u{202e}').count() <= typed,
            "{name}: a name turns its ending round"
        );
    }
}

#[tokio::test]
async fn a_page_and_all_it_loads_stay_light() {
    for (name, html) in all().await {
        let travels = compress::smallest(html.as_bytes()).unwrap();
        let weight = travels.len() + assets::weight();
        assert!(weight <= PAGE_BYTES, "{name}: {weight} bytes");
    }
}

#[tokio::test]
async fn a_page_can_be_found_through_without_seeing_it() {
    for (name, html) in all().await {
        assert!(html.starts_with("<!DOCTYPE html>"), "{name}");
        assert!(html.contains("lang=\"en\""), "{name}");
        for tag in ["<h1", "<main", "<title>"] {
            assert_eq!(html.matches(tag).count(), 1, "{name}: {tag}");
        }
        let mut ids: Vec<_> = html
            .split(" id=\"")
            .skip(1)
            .filter_map(|rest| rest.split('"').next())
            .collect();
        for target in html
            .split("=\"#")
            .skip(1)
            .filter_map(|rest| rest.split('"').next())
        {
            assert!(ids.contains(&target), "{name}: nothing has the id {target}");
        }
        let count = ids.len();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), count, "{name}: an id stands twice");
    }
}

#[tokio::test]
async fn links_carry_names_encoded() {
    let html = library(listing(hostile(), "<i>&\"odd\""));
    assert!(html.contains("/browse/reports/%3Cscript%3Ex"));
    assert!(html.contains("/search?q=tag%3A%22%3Cscript%3E%22"));
    assert!(html.contains("cursor=name%3A%22x%26y%22"));
}

#[tokio::test]
async fn a_refused_change_is_explained_beside_its_field() {
    let problem = Problem {
        field: Field::Path,
        sentence: "That name is taken.".into(),
        typed: "b.txt".into(),
    };
    let html = file(&ordinary(1)[0], None, Some(problem));
    assert!(html.contains("aria-describedby=\"path-problem\""));
    assert!(html.contains("id=\"path-problem\">That name is taken."));
    assert!(html.contains("value=\"b.txt\""));
}

#[test]
fn a_proof_says_how_old_it_is() {
    let html = persistence().replace('\u{a0}', " ");
    let proof = "17 days and 17 starts ago, read back by this one.";
    assert!(html.contains(proof));
}

#[test]
fn an_overlap_is_drawn_and_told() {
    let html = persistence().replace('\u{a0}', " ");
    let picture = html
        .split_once("<svg class=\"timeline\" role=\"img\"")
        .and_then(|(_, rest)| rest.split_once("<ul"))
        .unwrap()
        .0;
    for (part, count) in [
        ("<title ", 1),
        ("<desc ", 1),
        ("class=\"band\"", 15),
        ("class=\"leaving\"", 14),
        ("class=\"lease\"", 16),
        ("class=\"cut\"", 2),
    ] {
        assert_eq!(picture.matches(part).count(), count, "{part}");
    }
    for words in [
        "<caption ",
        "18 for 42 seconds: 1,203 requests here, 88 there",
        "81 ms, from 17",
        "<td class=\"said\">drained in 25 seconds</td>",
        "<td class=\"said\">killed after 25 seconds</td>",
        "<td class=\"said\">crashed</td>",
        "The last 16 of 18 starts.",
    ] {
        assert!(html.contains(words), "{words}");
    }
}

#[test]
fn a_directory_that_will_not_last_is_named_before_the_upload_form() {
    let page = |mark| {
        let asking = Asking::default();
        let found = Found {
            asking,
            listing: nothing_in(""),
            rows: None,
            recent: Vec::new(),
            into: Some(FolderPath::default()),
        };
        let health = Some(Health {
            mark,
            sentence: "How the stores stand.".into(),
        });
        LibraryPage {
            health,
            ..LibraryPage::new(shell(), found)
        }
        .render()
        .unwrap()
    };
    let place = |html: &str, what| html.find(what).unwrap();
    let (bad, good) = (page(Mark::Bad), page(Mark::Good));
    assert!(place(&bad, "How the stores stand.") < place(&bad, "id=\"upload\""));
    assert!(place(&good, "How the stores stand.") > place(&good, "id=\"listing\""));
}

#[tokio::test]
async fn errors_quote_the_request_id() {
    let html = error(StatusCode::SERVICE_UNAVAILABLE, "Starting.").await;
    assert!(html.contains("9f3c21ab") && html.contains("Starting."));
}
