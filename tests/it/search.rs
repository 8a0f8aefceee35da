//! Search through HTTP: the language, the snippets, and that broken queries still answer.

use crate::app::{TestApp, encode};

#[test]
fn the_language_finds_what_it_says() {
    let app = TestApp::start();
    for (path, text) in [
        (
            "reports/quiet.txt",
            "The quiet water of the harbour. Running repairs.",
        ),
        ("reports/loud.txt", "Loud water, quiet harbour."),
        (
            "letters/crane.md",
            "# Crane\nThe crane is broken; the harbour waits.",
        ),
        ("letters/cafe.txt", "Le café du port était fermé."),
        ("日本/港.txt", "東京港の歴史と航海"),
        ("data/table.csv", "ship,berth\nmaria,12\n"),
    ] {
        app.put(path, text.as_bytes());
    }
    app.put("noise/big.bin", &vec![0; 3_000_000]);
    app.wait_indexed();
    let sorted = |query: &str| {
        let mut found = app.found(query);
        found.sort();
        found
    };
    assert_eq!(
        sorted("harbour"),
        ["letters/crane.md", "reports/loud.txt", "reports/quiet.txt"]
    );
    assert_eq!(
        sorted("harbour water"),
        ["reports/loud.txt", "reports/quiet.txt"]
    );
    assert_eq!(sorted("\"quiet water\""), ["reports/quiet.txt"]);
    assert_eq!(
        sorted("harbour -crane"),
        ["reports/loud.txt", "reports/quiet.txt"]
    );
    assert_eq!(
        sorted("crane OR maria"),
        ["data/table.csv", "letters/crane.md"]
    );
    assert_eq!(
        sorted("harb*"),
        ["letters/crane.md", "reports/loud.txt", "reports/quiet.txt"]
    );
    assert_eq!(sorted("run"), ["reports/quiet.txt"]);
    assert_eq!(sorted("CAFE ferme"), ["letters/cafe.txt"]);
    assert_eq!(sorted("航海"), ["日本/港.txt"]);
    assert_eq!(sorted("name:crane"), ["letters/crane.md"]);
    assert_eq!(sorted("harbour folder:letters"), ["letters/crane.md"]);
    assert_eq!(sorted("larger:2MB"), ["noise/big.bin"]);
    assert_eq!(sorted("big"), ["noise/big.bin"]);
    assert_eq!(sorted("harbour after:2020 before:2021"), [""; 0]);
}

#[test]
fn snippets_are_escaped_and_marked() {
    let app = TestApp::start();
    app.put(
        "page.txt",
        b"before <script>alert(1)</script> jetsam & flotsam after",
    );
    app.wait_searchable("page.txt", "jetsam");
    let answer = app.search("jetsam");
    let snippet = answer["hits"][0]["snippets"][0].as_str().unwrap();
    assert!(
        snippet.contains("<mark>jetsam</mark> &amp; flotsam"),
        "{snippet}"
    );
    assert!(!snippet.contains("<script"), "{snippet}");
    assert_eq!(answer["total"], 1);
    assert!(answer["read_as"].as_str().unwrap().contains("jetsam"));
}

#[test]
fn pages_of_hits_are_complete() {
    let app = TestApp::start();
    for n in 0..12 {
        app.put(
            &format!("{n}.txt"),
            format!("manifest number {n}").as_bytes(),
        );
    }
    app.wait_indexed();
    let mut paths = std::collections::BTreeSet::new();
    let mut cursor = String::new();
    loop {
        let page = app.json(&format!("/api/v1/search?q=manifest&limit=5{cursor}"));
        assert_eq!(page["total"], 12);
        for hit in page["hits"].as_array().unwrap() {
            assert!(
                paths.insert(hit["path"].as_str().unwrap().to_owned()),
                "{hit} came twice"
            );
        }
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={}", encode(next)),
            None => break,
        }
    }
    assert_eq!(paths.len(), 12);
}

#[test]
fn a_broken_query_still_searches_and_says_how_it_was_read() {
    let app = TestApp::start();
    app.put("wharf.txt", b"the goods stay on the wharf");
    app.wait_searchable("wharf.txt", "wharf");
    for query in [
        "\"goods stay",
        "(goods",
        "goods)",
        "goods AND",
        "OR goods",
        "goods before:soon",
        "- goods",
    ] {
        let answer = app.search(query);
        assert!(
            answer["read_as"]
                .as_str()
                .is_some_and(|text| !text.is_empty()),
            "{query}: {answer}"
        );
        let total = answer["total"].as_u64().unwrap();
        assert!(
            total == 1 || !answer["notes"].as_array().unwrap().is_empty(),
            "{query}: {answer}"
        );
    }
    let unclosed = app.search("\"goods stay");
    assert_eq!(unclosed["total"], 1);
    assert!(
        !unclosed["notes"].as_array().unwrap().is_empty(),
        "{unclosed}"
    );
}

#[test]
fn ten_thousand_parentheses_are_answered() {
    let app = TestApp::start();
    app.put("wharf.txt", b"the goods stay on the wharf");
    app.wait_searchable("wharf.txt", "wharf");
    for query in [
        "(".repeat(10_000),
        "((((goods".repeat(1000),
        "%22".repeat(9_999),
        "-".repeat(10_000),
    ] {
        let answer = app.fetch(&format!("/api/v1/search?q={query}"));
        assert!(
            matches!(answer.status, 200 | 400 | 414 | 431),
            "{}: {}",
            answer.status,
            answer.text()
        );
        if answer.status != 200 {
            assert!(!answer.json()["detail"].as_str().unwrap().is_empty());
        }
    }
    let short = app.search(&"(".repeat(2000));
    assert!(short["read_as"].is_string(), "{short}");
}
