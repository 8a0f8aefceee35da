//! What was found, narrowed down, ordered and kept: through the API, on pages without scripts, and
//! in a real browser while somebody types.

use serde_json::{Value, json};

use crate::app::{TestApp, encode};
use crate::browser::Browser;
use crate::command::eventually;

const ENTER: &str = "\u{E007}";
const BACKSPACE: &str = "\u{E003}";

/// A small office: every facet has several values, and `harbour` is in all but one file.
fn office() -> TestApp {
    let app = TestApp::start();
    for (path, text) in [
        ("reports/2025/dues.txt", "harbour dues of the year"),
        ("reports/2026/crane.md", "# Crane\n\nThe harbour crane."),
        ("letters/captain.html", "<p>Dear captain of the harbour</p>"),
        ("letters/tool.py", "print('harbour')"),
        ("Zebra.csv", "harbour,1\ncrane,2"),
        ("apple.txt", "nothing of the kind"),
    ] {
        app.put(path, text.as_bytes());
    }
    let large = format!("harbour {}", "and so on ".repeat(20_000));
    let id = app.put("long.txt", large.as_bytes()).id;
    app.patch(id, json!({ "tags": ["Paid", "to do"] }));
    let id = app
        .put("reports/2026/dues.txt", b"harbour dues, and the crane")
        .id;
    app.patch(id, json!({ "tags": ["paid"] }));
    app.wait_indexed();
    app
}

fn told(facet: &Value) -> Vec<(String, u64)> {
    let values = facet.as_array().unwrap().iter();
    let count = |value: &Value| {
        let word = value["value"].as_str().unwrap().to_owned();
        (word, value["count"].as_u64().unwrap())
    };
    values.map(count).collect()
}

fn paths(answer: &Value) -> Vec<&str> {
    let hits = answer["hits"].as_array().unwrap().iter();
    hits.map(|hit| hit["path"].as_str().unwrap()).collect()
}

fn owned(values: &[(&str, u64)]) -> Vec<(String, u64)> {
    let values = values.iter();
    values
        .map(|(value, count)| ((*value).to_owned(), *count))
        .collect()
}

#[test]
fn facets_count_all_matches_and_narrow_them_down() {
    let app = office();
    let find = |more: &str| app.json(&format!("/api/v1/search?q=harbour&limit=2{more}"));
    let all = find("");
    assert_eq!(all["total"], 7);
    let facets = &all["facets"];
    assert_eq!(
        told(&facets["types"]),
        owned(&[("text", 4), ("code", 1), ("spreadsheet", 1), ("web", 1)])
    );
    assert_eq!(
        told(&facets["folders"]),
        owned(&[("reports", 3), ("letters", 2)])
    );
    assert_eq!(
        told(&facets["tags"])
            .iter()
            .map(|tag| tag.1)
            .collect::<Vec<_>>(),
        [2, 1]
    );
    assert_eq!(
        told(&facets["sizes"]),
        owned(&[("0-100KB", 6), ("100KB-1MB", 1)])
    );
    assert_eq!(
        told(&facets["years"])
            .iter()
            .map(|year| year.1)
            .sum::<u64>(),
        7
    );

    let text = find("&type=text");
    assert_eq!(text["total"], 4);
    assert_eq!(
        text["facets"]["types"], facets["types"],
        "others can still be chosen"
    );
    assert_eq!(told(&text["facets"]["folders"]), owned(&[("reports", 3)]));
    assert_eq!(find("&type=text&tag=PAID")["total"], 2);
    assert_eq!(find("&type=text&tag=paid&size=100KB-1MB")["total"], 1);
    assert_eq!(find("&year=1999")["total"], 0);
    let below = find("&folder=reports");
    assert_eq!(below["total"], 3);
    assert_eq!(
        told(&below["facets"]["folders"]),
        owned(&[("reports/2026", 2), ("reports/2025", 1)])
    );
    // Without words: everything that the rest lets through.
    let blank = app.json("/api/v1/search?q=&type=text");
    assert_eq!(blank["total"], 5);
    assert_eq!(app.json("/api/v1/search?q=")["total"], 0);
}

#[test]
fn every_order_pages_to_the_end() {
    let app = office();
    let walk = |sort: &str| {
        let (mut seen, mut cursor) = (Vec::new(), String::new());
        loop {
            let target = format!("/api/v1/search?q=harbour&limit=3&sort={sort}{cursor}");
            let page = app.json(&target);
            seen.extend(paths(&page).into_iter().map(str::to_owned));
            match page["next"].as_str() {
                Some(next) => cursor = format!("&cursor={}", encode(next)),
                None => return seen,
            }
        }
    };
    let by_name = walk("name");
    assert_eq!(
        by_name,
        [
            "letters/captain.html",
            "reports/2026/crane.md",
            "reports/2025/dues.txt",
            "reports/2026/dues.txt",
            "long.txt",
            "letters/tool.py",
            "Zebra.csv"
        ]
    );
    assert_eq!(walk("name-reversed")[0], "Zebra.csv");
    assert_eq!(walk("largest")[0], "long.txt");
    assert_eq!(walk("smallest")[6], "long.txt");
    assert_eq!(walk("oldest")[0], "reports/2025/dues.txt");
    assert_eq!(walk("newest")[6], "reports/2025/dues.txt");
    assert_eq!(walk("relevance").len(), 7);
    let page = app.json("/api/v1/search?q=harbour&limit=3&sort=name");
    let cursor = encode(page["next"].as_str().unwrap());
    let other = app.fetch(&format!(
        "/api/v1/search?q=harbour&sort=newest&cursor={cursor}"
    ));
    assert_eq!(other.status, 400);
    assert!(other.text().contains("another sort order"));
    for (bad, sentence) in [
        ("type=pdfs", "is no type; the types are pdf"),
        ("year=soon", "is no year"),
        ("size=big", "is no size; the sizes are 0-100KB"),
        ("passages=9", "must be from 1 to 5"),
        ("sort=best", "sort"),
    ] {
        let answer = app.fetch(&format!("/api/v1/search?q=harbour&{bad}"));
        assert_eq!(answer.status, 400, "{bad}");
        assert!(answer.text().contains(sentence), "{bad}: {}", answer.text());
    }
}

#[test]
fn a_slip_is_told_and_searched_only_if_asked_to() {
    let app = office();
    let strict = app.json("/api/v1/search?q=harbuor");
    assert_eq!((&strict["total"], &strict["hits"]), (&json!(0), &json!([])));
    let spelling = &strict["spelling"];
    assert_eq!(
        (&spelling["query"], &spelling["searched"]),
        (&json!("harbour"), &json!(false))
    );
    assert_eq!(spelling["sentence"], "Did you mean “harbour”?");
    let fuzzy = app.json("/api/v1/search?q=harbuor&fuzzy=true");
    assert_eq!(fuzzy["total"], 7);
    assert_eq!(
        fuzzy["spelling"]["sentence"],
        "Nothing has “harbuor”; showing “harbour”."
    );
    assert!(
        fuzzy["hits"][0]["snippets"][0]
            .as_str()
            .unwrap()
            .contains("<mark>harbour")
    );
    // Not where the rest of the query would find nothing either.
    let narrowed = app.json("/api/v1/search?q=harbuor&fuzzy=true&year=1999");
    assert_eq!(
        (&narrowed["total"], &narrowed["spelling"]),
        (&json!(0), &Value::Null)
    );
    assert_eq!(
        app.json("/api/v1/search?q=harbour")["spelling"],
        Value::Null
    );
    let unfinished = app.json("/api/v1/search?q=captain%20har&unfinished=true");
    assert_eq!(paths(&unfinished), ["letters/captain.html"]);
}

#[test]
fn passages_are_as_many_as_asked_for() {
    let app = TestApp::start();
    let stage = |n: usize| format!("lighthouse {n} {}", "and a long way to go ".repeat(40));
    let text: String = (0..9).map(stage).collect();
    app.put("long.txt", text.as_bytes());
    app.wait_indexed();
    for (asked, count) in [("", 2), ("&passages=1", 1), ("&passages=5", 5)] {
        let hit = &app.json(&format!("/api/v1/search?q=lighthouse{asked}"))["hits"][0];
        let passages = hit["passages"].as_array().unwrap();
        assert_eq!(passages.len(), count, "{asked}");
        let html: Vec<_> = passages
            .iter()
            .map(|passage| passage["html"].clone())
            .collect();
        assert_eq!(hit["snippets"], json!(html));
        assert_eq!(passages[0]["page"], Value::Null);
    }
}

/// The addresses that a page links to, with what each link says.
fn links(html: &str) -> Vec<(String, String)> {
    let anchors = html.split("<a ").skip(1);
    let link = |anchor: &str| {
        let (_, rest) = anchor.split_once("href=\"")?;
        let (url, rest) = rest.split_once('"')?;
        let (_, rest) = rest.split_once('>')?;
        let (said, _) = rest.split_once("</a>")?;
        let said: String = said
            .split('<')
            .map(|part| part.split_once('>').map_or(part, |p| p.1))
            .collect();
        Some((
            url.replace("&amp;", "&").replace("&#38;", "&"),
            said.trim().to_owned(),
        ))
    };
    anchors.filter_map(link).collect()
}

fn follow(app: &TestApp, html: &str, said: &str) -> String {
    let found = links(html)
        .into_iter()
        .find(|(_, text)| text.starts_with(said));
    let (url, _) = found.unwrap_or_else(|| panic!("no link {said:?} in {:?}", links(html)));
    let answer = app.fetch(&url);
    assert_eq!(answer.status, 200, "{url}");
    answer.text()
}

fn heading(html: &str) -> String {
    let (_, rest) = html.split_once("<h1 class=\"found\">").unwrap();
    rest.split('<')
        .next()
        .unwrap()
        .trim()
        .replace(['\u{a0}'], " ")
        .replace("&#160;", " ")
}

#[test]
fn pages_narrow_order_and_widen_without_scripts() {
    let app = office();
    let page = app.fetch("/search?q=harbour").text();
    assert_eq!(heading(&page), "7 files");
    let text = follow(&app, &page, "Text");
    assert_eq!(heading(&text), "4 files");
    let reports = follow(&app, &text, "reports");
    assert_eq!(heading(&reports), "3 files");
    let paid = follow(&app, &reports, "paid");
    assert_eq!(heading(&paid), "1 file");
    let name = follow(&app, &paid, "name");
    assert!(
        name.contains("type=text") && name.contains("sort=name"),
        "{name}"
    );
    let back = follow(&app, &paid, "paid");
    assert_eq!(heading(&back), "3 files");
    let whole = follow(&app, &paid, "Search the whole library");
    assert_eq!(heading(&whole), "7 files");
    // The form keeps what was chosen.
    assert!(
        paid.contains("<input type=\"hidden\" name=\"folder\" value=\"reports\">"),
        "{paid}"
    );
    let folder = app.fetch("/browse/letters").text();
    let inside = follow(&app, &folder, "Search in this folder");
    assert_eq!(heading(&inside), "2 files");
    let hit = links(&page)
        .into_iter()
        .find(|(url, _)| url.starts_with("/files/"));
    let (url, _) = hit.unwrap();
    assert!(url.ends_with("?q=harbour#match"), "{url}");
    assert_eq!(app.fetch(&url).status, 200);
}

#[test]
fn pages_say_what_to_do_where_nothing_was_found() {
    let app = office();
    let slip = app.fetch("/search?q=harbuor").text();
    assert_eq!(heading(&slip), "7 files");
    assert!(
        slip.contains("Nothing has “harbuor”; showing “harbour”."),
        "{slip}"
    );
    let narrowed = app.fetch("/search?q=harbour&type=book").text();
    assert_eq!(heading(&narrowed), "Nothing found");
    assert_eq!(
        heading(&follow(&app, &narrowed, "Search without it")),
        "7 files"
    );
    assert_eq!(heading(&follow(&app, &narrowed, "Books")), "7 files");
    let bad = app.fetch("/search?q=harbour&year=soon");
    assert_eq!(bad.status, 400);
    assert!(bad.text().contains("is no year"));
}

fn post(app: &TestApp, target: &str, fields: &str) -> (u16, String) {
    let headers = [("content-type", "application/x-www-form-urlencoded")];
    let answer = app.call("POST", target, &headers, Some(fields.as_bytes()));
    match answer.header("location") {
        "" => (answer.status, answer.text()),
        page => {
            let led_to = app.fetch(page);
            (led_to.status, led_to.text())
        }
    }
}

#[test]
fn searches_are_saved_replaced_and_removed_without_scripts() {
    let app = office();
    let (status, page) = post(
        &app,
        "/searches",
        "name=Dues+%26+<b>&q=harbour+dues&folder=reports&sort=newest",
    );
    assert_eq!(status, 200, "{page}");
    assert_eq!(heading(&page), "2 files");
    assert!(page.contains("Saved."), "{page}");
    let blank = app.fetch("/search").text();
    assert!(
        blank.contains("Dues &#38; &#60;b&#62;") && !blank.contains("<b>"),
        "{blank}"
    );
    assert_eq!(heading(&follow(&app, &blank, "Dues")), "2 files");
    // The same name, however it is written, is the same search.
    post(&app, "/searches", "name=DUES+%26+<B>&q=crane");
    let blank = app.fetch("/search").text();
    assert_eq!(blank.matches("/remove\"").count(), 1);
    assert_eq!(heading(&follow(&app, &blank, "DUES")), "3 files");
    // The other release sees it, too.
    let other = app.second("next");
    assert!(other.fetch("/search").text().contains("/remove\""));
    let (_, rest) = blank.split_once("action=\"/searches/").unwrap();
    let target = format!("/searches/{}", rest.split('"').next().unwrap());
    assert!(
        post(&app, &target, "")
            .1
            .contains("Removed from the saved searches")
    );
    assert_eq!(post(&app, &target, "").0, 200);
    assert!(!app.fetch("/search").text().contains("/remove\""));
    let (status, page) = post(&app, "/searches", "name=+&q=harbour");
    assert_eq!(status, 400);
    assert!(
        page.contains("needs a name") && heading(&page) == "7 files",
        "{page}"
    );
}

fn wait_heading(browser: &Browser, expected: &str) {
    let mut last = Value::Null;
    eventually(&format!("the heading {expected:?}"), || {
        let script =
            "return document.querySelector('main h1')?.textContent.replaceAll('\\u00a0', ' ')";
        last = browser.run(script, json!([]));
        last.as_str()
            .is_some_and(|text| text.starts_with(expected))
            .then_some(())
    });
}

fn wait_url(browser: &Browser, end: &str) {
    eventually(&format!("the address …{end}"), || {
        browser.url().ends_with(end).then_some(())
    });
}

#[test]
fn chromium_finds_while_somebody_types_and_goes_back() {
    let app = office();
    let browser = Browser::open();
    browser.go(&app.url("/"));
    browser.run("window.isSame = true", json!([]));
    browser.type_into("#q", "harb");
    wait_heading(&browser, "7 files");
    wait_url(&browser, "/search?q=harb");
    browser.type_into("#q", "our cap");
    wait_heading(&browser, "1 file");
    wait_url(&browser, "/search?q=harbour+cap");
    assert_eq!(
        browser.run(
            "return [document.activeElement.id, document.getElementById('q').value]",
            json!([])
        ),
        json!(["q", "harbour cap"])
    );
    // What was typed on the way is no step of its own.
    browser.run("history.back()", json!([]));
    browser.wait_text("Store in folder");
    browser.run("history.forward()", json!([]));
    browser.wait_text("showing “harbour cap*”");
    // Committed, it is.
    browser.type_into("#q", &BACKSPACE.repeat(4));
    wait_url(&browser, "/search?q=harbour");
    browser.press(&[ENTER]);
    wait_heading(&browser, "7 files");
    browser.type_into("#q", " crane");
    wait_heading(&browser, "3 files");
    browser.run("history.back()", json!([]));
    wait_heading(&browser, "7 files");
    wait_url(&browser, "/search?q=harbour");
    assert_eq!(
        browser.run("return document.getElementById('q').value", json!([])),
        "harbour"
    );
    assert_eq!(browser.run("return window.isSame", json!([])), true);
    assert_eq!(browser.complaints(), [""; 0]);
}

#[test]
fn chromium_narrows_down_and_keeps_that_while_somebody_types() {
    let app = office();
    let browser = Browser::open();
    browser.go(&app.url("/search?q=harbour"));
    wait_heading(&browser, "7 files");
    browser.run("window.isSame = true", json!([]));
    browser.click(".facets a[href*='type=text']");
    wait_heading(&browser, "4 files");
    browser.type_into("#q", " dues");
    wait_heading(&browser, "2 files");
    wait_url(&browser, "/search?q=harbour+dues&type=text");
    browser.click(".facets a[href*='folder=reports']");
    wait_heading(&browser, "2 files");
    browser.click(".ways a[href*='sort=name']");
    wait_url(&browser, "&sort=name");
    browser.click(".chosen a");
    wait_heading(&browser, "2 files");
    eventually("the folder to be forgotten", || {
        (!browser.url().contains("folder=")).then_some(())
    });
    browser.run("history.back()", json!([]));
    eventually("the folder to be back", || {
        browser.url().contains("folder=reports").then_some(())
    });
    assert_eq!(browser.run("return window.isSame", json!([])), true);
    assert_eq!(browser.complaints(), [""; 0]);
}

#[test]
fn chromium_remembers_searches_until_they_are_cleared() {
    let app = office();
    let browser = Browser::open();
    browser.go(&app.url("/search"));
    browser.wait_text("What a search may say");
    assert!(!browser.text().contains("Recent searches"));
    browser.type_into("#q", &format!("crane{ENTER}"));
    wait_heading(&browser, "3 files");
    browser.type_into("#q", " dues");
    wait_heading(&browser, "1 file");
    browser.click(".hits h2 a");
    browser.wait_text("sha256sum");
    browser.go(&app.url("/search"));
    browser.wait_text("Recent searches");
    let recent = browser.run(
        "return [...document.querySelectorAll('[data-recent] a')].map((link) => link.textContent)",
        json!([]),
    );
    assert_eq!(recent, json!(["crane dues", "crane"]));
    browser.click("[data-recent] li:last-child a");
    wait_heading(&browser, "3 files");
    browser.type_into("#q", &BACKSPACE.repeat(5));
    browser.wait_text("Recent searches");
    browser.click("[data-recent] button");
    browser.reload();
    browser.wait_text("What a search may say");
    assert!(!browser.text().contains("Recent searches"));
    assert_eq!(browser.complaints(), [""; 0]);
}

#[test]
fn chromium_saves_a_search_without_leaving_the_page() {
    let app = office();
    let browser = Browser::open();
    browser.go(&app.url("/search?q=crane"));
    browser.run("window.isSame = true", json!([]));
    browser.run(
        "document.querySelector('form[action=\"/searches\"]').closest('details').open = true",
        json!([]),
    );
    browser.type_into("form[action='/searches'] [name=name]", " work");
    browser.click("form[action='/searches'] button");
    browser.wait_text("Saved.");
    browser.type_into("#q", &BACKSPACE.repeat(5));
    browser.wait_text("crane work");
    browser.click("form[action$='/remove'] button");
    browser.wait_text("Removed from the saved searches");
    assert_eq!(browser.run("return window.isSame", json!([])), true);
    assert_eq!(browser.complaints(), [""; 0]);
}

#[test]
fn chromium_unfolds_facets_and_passages_without_scripts_on_a_phone() {
    let app = office();
    let browser = Browser::open();
    browser.disable_scripts();
    browser.narrow();
    browser.go(&app.url("/search?q=harbour"));
    browser.wait_text("Narrow down");
    assert!(!browser.text().contains("Web pages"));
    browser.click(".facets summary");
    browser.wait_text("Web pages");
    browser.click(".facets a[href*='type=web']");
    wait_url(&browser, "&type=web");
    browser.wait_text("captain.html");
}
