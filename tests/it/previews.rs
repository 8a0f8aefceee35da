//! What a file's page shows of it, and that nothing in a file gets any further, however it is
//! made: no script of it runs, nothing that it names is fetched, nothing around it is read.

use std::io::Read;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::app::TestApp;
use crate::browser::Browser;
use crate::command::eventually;

/// Somebody elsewhere, who counts who calls.
struct Elsewhere {
    address: String,
    calls: Arc<AtomicUsize>,
}

impl Elsewhere {
    fn listen() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let calls = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&calls);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { return };
                counted.fetch_add(1, Relaxed);
                stream.set_read_timeout(Some(Duration::from_secs(1))).ok();
                let _ = stream.read(&mut [0; 1024]);
            }
        });
        Self { address, calls }
    }

    fn url(&self, what: &str) -> String {
        format!("http://{}/{what}", self.address)
    }
}

fn stored(app: &TestApp, path: &str, bytes: &[u8]) -> i64 {
    let id = app.put(path, bytes).id;
    app.wait_indexed();
    id
}

fn shown(browser: &Browser) -> String {
    let text = browser.run(
        "return document.getElementById('preview').innerText",
        json!([]),
    );
    text.as_str().unwrap().to_owned()
}

/// A document of pages with one line each, as plain as the format allows.
pub fn pdf(pages: &[&str], open_action: &str) -> Vec<u8> {
    let mut objects = vec![
        format!("<< /Type /Catalog /Pages 2 0 R {open_action} >>"),
        format!(
            "<< /Type /Pages /Count {} /Kids [{}] >>",
            pages.len(),
            (0..pages.len())
                .map(|page| format!("{} 0 R", 4 + 2 * page))
                .collect::<Vec<_>>()
                .join(" ")
        ),
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>".to_owned(),
    ];
    for (page, line) in pages.iter().enumerate() {
        let content = format!("BT /F1 24 Tf 72 700 Td ({line}) Tj ET");
        objects.push(format!(
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents {} 0 R \
             /Resources << /Font << /F1 3 0 R >> >> >>",
            5 + 2 * page
        ));
        objects.push(format!(
            "<< /Length {} >>\nstream\n{content}\nendstream",
            content.len()
        ));
    }
    assembled(objects)
}

/// A document of objects numbered from 1, of which the first is its catalog.
pub fn assembled(objects: impl IntoIterator<Item = impl Into<Vec<u8>>>) -> Vec<u8> {
    let mut document = b"%PDF-1.7\n".to_vec();
    let mut places = Vec::new();
    for (at, object) in objects.into_iter().enumerate() {
        places.push(document.len());
        document.extend(format!("{} 0 obj\n", at + 1).bytes());
        document.extend(object.into());
        document.extend(b"\nendobj\n");
    }
    let (table, size) = (document.len(), places.len() + 1);
    document.extend(format!("xref\n0 {size}\n0000000000 65535 f \n").bytes());
    for place in places {
        document.extend(format!("{place:010} 00000 n \n").bytes());
    }
    document.extend(
        format!("trailer << /Size {size} /Root 1 0 R >>\nstartxref\n{table}\n%%EOF\n").bytes(),
    );
    document
}

#[test]
fn chromium_opens_a_hit_at_its_page_with_the_words_marked() {
    let app = TestApp::start();
    let pages = [
        "an empty quay",
        "the tide comes in",
        "a zeppelin over the mole",
    ];
    let id = stored(&app, "log.pdf", &pdf(&pages, ""));
    let found = app.search("zeppelin");
    assert_eq!(found["hits"][0]["passages"][0]["page"], 3);
    let browser = Browser::open();
    browser.go(&app.url("/search?q=zeppelin"));
    browser.wait_text("a zeppelin over the mole");
    browser.click("#results .hits a");
    browser.wait_text("Page 3 of 3");
    assert!(
        browser
            .url()
            .contains(&format!("/files/{id}?q=zeppelin&page=3"))
    );
    let marked = "return document.querySelector('.said mark').textContent";
    assert_eq!(browser.run(marked, json!([])), "zeppelin");
    let frame = "return document.querySelector('#preview iframe').getAttribute('src')";
    assert_eq!(browser.run(frame, json!([])), format!("/shown/{id}#page=3"));
    browser.click("#preview .pages a[rel=prev]");
    browser.wait_text("Page 2 of 3");
    browser.wait_text("the tide comes in");
    let details = app.fetch(&format!("/files/{id}")).text();
    assert!(
        details.contains("<dt>Pages</dt><dd><bdi>3</bdi>"),
        "{details}"
    );
}

#[test]
fn chromium_shows_each_kind_in_its_own_way() {
    let app = TestApp::start();
    let markdown = stored(
        &app,
        "a.md",
        b"# Quay\n\n- one\n- *two*\n\n| a |\n|---|\n| b |\n",
    );
    let code = stored(
        &app,
        "a.rs",
        b"// a note\nfn main() { let quay = \"mole\"; }\n",
    );
    let table = stored(&app, "a.csv", b"name,dues\nquay,\"12, of late\"\n");
    let mail = stored(
        &app,
        "a.eml",
        b"From: Ada <ada@example.org>\r\nTo: harbour@example.org\r\nSubject: The mole\r\n\r\nIt leans.\r\n",
    );
    let browser = Browser::open();
    let go = |id| browser.go(&app.url(&format!("/files/{id}")));
    let counts = |css: &str| {
        let script = format!("return document.querySelectorAll({css:?}).length");
        browser.run(&script, json!([])).as_u64().unwrap()
    };
    // Formatting is not waited for long, on a machine that is busy.
    let go_to_formatted = |id, css: &str| {
        eventually(&format!("{css} on the page"), || {
            go(id);
            (counts(css) >= 1).then_some(())
        });
    };
    go_to_formatted(markdown, ".prose");
    assert_eq!(counts(".prose h3"), 1);
    assert_eq!(counts(".prose li"), 2);
    assert_eq!(counts(".prose td"), 1);
    go_to_formatted(code, ".said .s-comment");
    assert!(counts(".said .s-string") >= 1);
    go(table);
    assert_eq!(counts(".said th"), 2);
    assert!(shown(&browser).contains("12, of late"));
    go(mail);
    for part in ["Ada", "The mole", "It leans."] {
        assert!(shown(&browser).contains(part), "{part}");
    }
    // The same is seen from the list.
    browser.go(&app.url("/"));
    browser.press(&["\u{E015}", " "]);
    browser.wait_text("12, of late");
    assert_eq!(browser.complaints(), [""; 0]);
}

#[test]
fn chromium_shows_the_beginning_the_end_and_the_hits_of_a_large_log() {
    let app = TestApp::start();
    let mut log: Vec<u8> = (0..600_000)
        .flat_map(|n| format!("{n:07} a line of a log that is long\n").into_bytes())
        .collect();
    log.splice(
        1_000_000..1_000_000,
        b"\nhere is the zeppelin\n".iter().copied(),
    );
    log.extend(b"and this is the end");
    assert!(log.len() > 20 << 20);
    let id = stored(&app, "large.log", &log);
    let browser = Browser::open();
    browser.go(&app.url(&format!("/files/{id}")));
    browser.wait_text("0000000 a line");
    browser.click("#preview .pages a:last-child");
    browser.wait_text("and this is the end");
    // The index knows of it a moment before the text is kept.
    app.wait_searchable("large.log", "zeppelin");
    eventually("the hit on the page", || {
        browser.go(&app.url(&format!("/files/{id}?q=zeppelin")));
        browser
            .text()
            .contains("here is the zeppelin")
            .then_some(())
    });
    let part = app.fetch(&format!("/files/{id}?part=nonsense"));
    assert!(part.problem(400).contains("no part"));
}

#[test]
fn chromium_runs_and_fetches_nothing_that_a_file_holds() {
    let app = TestApp::start();
    let elsewhere = Elsewhere::listen();
    let spy = elsewhere.url("spy");
    let script = format!(
        "top.isHacked=1;parent.isHacked=1;window.isHacked=1;fetch('{spy}');new Image().src='{spy}'"
    );
    let html = format!(
        "<html><head><link rel=stylesheet href={spy}><base href={spy}><script src={spy}></script><script>{script}</script></head>\
         <body onload=\"{script}\"><img src={spy} onerror=\"{script}\"><iframe src={spy}></iframe>quay</body></html>"
    );
    let svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" xmlns:xlink=\"http://www.w3.org/1999/xlink\" width=\"90\" height=\"90\" onload=\"{script}\">\
         <script>{script}</script><image href=\"{spy}\" xlink:href=\"{spy}\" width=\"9\" height=\"9\"/>\
         <style>@import url({spy}); rect {{ fill: url({spy}#a) }}</style>\
         <foreignObject><body xmlns=\"http://www.w3.org/1999/xhtml\"><img src=\"{spy}\"/></body></foreignObject>\
         <rect width=\"90\" height=\"90\"/><text>quay</text></svg>"
    );
    let markdown = format!(
        "quay <script>{script}</script>\n\n<img src={spy} onerror=\"{script}\">\n\n![p]({spy})\n\n\
         [l](javascript:{script})\n\n<iframe src={spy}></iframe>\n\n<style>@import url({spy})</style>\n"
    );
    let mail = format!(
        "From: a@example.org\r\nSubject: <img src={spy} onerror=\"{script}\">\r\nContent-Type: text/html\r\n\r\n{html}"
    );
    let action = format!(
        "/OpenAction << /S /URI /URI ({spy}) >> /AA << /WC << /S /JavaScript /JS (app.launchURL\\('{spy}'\\);) >> >>"
    );
    let launching = format!(
        "/OpenAction << /S /JavaScript /JS (app.alert\\('quay'\\); this.submitForm\\('{spy}'\\); app.launchURL\\('{spy}'\\);) >>"
    );
    let files: [(&str, Vec<u8>); 9] = [
        ("a.html", html.clone().into_bytes()),
        ("b.svg", svg.into_bytes()),
        ("c.md", markdown.into_bytes()),
        ("d.eml", mail.into_bytes()),
        ("e.pdf", pdf(&["quay"], &action)),
        ("f.pdf", pdf(&["quay"], &launching)),
        (
            "g.csv",
            format!("a,b\n<img src={spy} onerror={script}>,=cmd|' /C calc'!A0\n").into_bytes(),
        ),
        (
            "h.js",
            format!("</span><script>{script}</script>").into_bytes(),
        ),
        (
            "i <img src=x onerror=top.isHacked=1>.txt",
            html.into_bytes(),
        ),
    ];
    let browser = Browser::open();
    for (name, bytes) in files {
        let id = stored(&app, name, &bytes);
        for target in [
            format!("/files/{id}"),
            format!("/files/{id}?q=quay"),
            format!("/shown/{id}"),
        ] {
            if target.starts_with("/shown/") && !name.ends_with("svg") && !name.ends_with("pdf") {
                continue;
            }
            browser.go(&app.url(&target));
            // Whatever a page loads it has begun to load by then.
            eventually("the page to be complete", || {
                let state = browser.run("return document.readyState", json!([]));
                (state == "complete").then_some(())
            });
            let hacked = browser.run("return window.isHacked ?? null", json!([]));
            assert_eq!(hacked, Value::Null, "{name} at {target}");
        }
    }
    browser.go(&app.url("/persistence"));
    assert_eq!(elsewhere.calls.load(Relaxed), 0);
}

#[test]
fn what_browsers_show_by_themselves_may_do_nothing_else() {
    let app = TestApp::start();
    let svg = stored(
        &app,
        "a.svg",
        b"<svg xmlns=\"http://www.w3.org/2000/svg\"/>",
    );
    let acting = "/OpenAction << /S /J#61vaScript /JS (app.alert\\(1\\);) >>";
    let acting = stored(&app, "acting.pdf", &pdf(&["quay"], acting));
    let broken = stored(&app, "broken.pdf", b"%PDF-1.7 and no more");
    let pdf = stored(&app, "a.pdf", &pdf(&["quay"], ""));
    let html = stored(&app, "a.html", b"<html>quay</html>");
    let answer = |id: i64| app.fetch(&format!("/shown/{id}"));
    assert_eq!(answer(svg).header("content-type"), "image/svg+xml");
    assert!(
        answer(svg)
            .header("content-security-policy")
            .starts_with("sandbox;")
    );
    assert_eq!(answer(pdf).header("content-type"), "application/pdf");
    assert!(
        answer(pdf)
            .header("content-security-policy")
            .contains("default-src 'none'")
    );
    assert!(
        answer(pdf)
            .header("content-disposition")
            .starts_with("inline")
    );
    for id in [svg, pdf, html] {
        let download = app.fetch(&format!("/download/{id}"));
        assert!(
            download
                .header("content-disposition")
                .starts_with("attachment")
        );
        assert!(
            download
                .header("content-security-policy")
                .starts_with("sandbox;")
        );
        assert_eq!(answer(id).header("x-content-type-options"), "nosniff");
    }
    for id in [html, acting, broken] {
        let disposition = answer(id).header("content-disposition").to_owned();
        assert!(disposition.starts_with("attachment"), "{disposition}");
    }
    // Nobody can forbid a document its own scripts: such a one is not opened.
    for (id, why) in [
        (acting, "It has scripts in it"),
        (broken, "could not be read"),
    ] {
        let page = app.fetch(&format!("/files/{id}")).text();
        assert!(!page.contains("<iframe"), "{page}");
        assert!(page.contains(why), "{page}");
    }
    assert!(
        app.fetch(&format!("/files/{pdf}"))
            .text()
            .contains("<iframe")
    );
}

/// Where a person looks, wherever in a long text it is.
#[test]
fn chromium_shows_what_was_searched_for_without_scrolling() {
    let app = TestApp::start();
    let lines = |from: usize, to: usize| -> String {
        (from..to)
            .map(|n| format!("{n} bales of cotton\n"))
            .collect()
    };
    let text = format!("{}the zeppelin lands\n{}", lines(0, 900), lines(900, 2_000));
    stored(&app, "manifest.txt", text.as_bytes());
    let long = "ballast and a dirigible";
    stored(&app, "log.pdf", &pdf(&["quay", "mole", long], ""));
    let browser = Browser::open();
    for word in ["zeppelin", "dirigible"] {
        browser.go(&app.url(&format!("/search?q={word}")));
        browser.wait_text("1\u{a0}file");
        browser.click("#results .hits a");
        let seen = "const mark = document.querySelector('.said mark'); \
            if (!mark) return false; \
            const { left, top } = mark.getBoundingClientRect(); \
            return mark.contains(document.elementFromPoint(left + 2, top + 2))";
        eventually(&format!("{word:?} to be in sight"), || {
            (browser.run(seen, json!([])) == true).then_some(())
        });
    }
}
