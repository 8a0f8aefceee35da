//! What somebody tries who means harm, as far as no other test is about it.

use std::sync::atomic::{AtomicBool, Ordering};

use wharfside::web::access::{Need, RULES};

use crate::app::{TestApp, file};
use crate::people::Credentials;

/// A link in a page or a mail that was made from what a client claims would lead to the attacker.
#[test]
fn a_host_that_a_client_makes_up_is_repeated_nowhere() {
    let (app, olga) = TestApp::with_owner(&[]);
    let id = app.store("a.txt", &olga, b"words");
    let link = app.send(
        "/links",
        &olga,
        &[("kind", "file"), ("file", &id.to_string())],
    );
    assert_eq!(link.status, 303);
    let evil = [
        ("host", "evil.example:81"),
        ("x-forwarded-host", "evil.example:81"),
        ("x-forwarded-server", "evil.example"),
        ("forwarded", "host=evil.example;for=evil.example"),
        ("x-original-url", "/evil.example"),
        ("x-rewrite-url", "/evil.example"),
    ];
    let mut looked = 0;
    for (method, route, need) in RULES {
        // The stream has no end; whoever asks for anything else gets an answer.
        if *route == "/api/v1/events" || *need == Need::SignIn && *method == "POST" {
            continue;
        }
        let target = route
            .replace("{id}", &id.to_string())
            .replace("{*path}", "a.txt")
            .replace("{*folder}", "nowhere")
            .replace("{number}", "1")
            .replace("{name}", "app.css")
            .replace("{secret}", "wl_none");
        for by in [&olga, &Credentials::none()] {
            let mut headers = Vec::from(evil);
            headers.extend(by.0.iter().map(|(name, value)| (*name, value.as_str())));
            let body: Option<&[u8]> = (*method != "GET").then_some(b"");
            let answer = app.call(method, &target, &headers, body);
            assert!(answer.status < 500, "{method} {target}: {}", answer.status);
            let whole = format!("{:?}\n{}", answer.headers, answer.text());
            assert!(
                !whole.contains("evil.example"),
                "{method} {target}: {whole}"
            );
            looked += 1;
        }
    }
    assert!(looked > 100, "{looked}");
}

/// Between the look at what somebody may and the look at the file, the file must not become another.
#[test]
fn what_is_moved_out_of_sight_meanwhile_is_never_shown() {
    let (app, olga) = TestApp::with_owner(&[]);
    let mia = app.let_in("Mia", "member");
    let id = app.store("open/a.txt", &olga, b"for everybody");
    app.share("open", &olga, "none", "Mia", "read");
    app.share("closed", &olga, "none", "", "");
    let is_over = AtomicBool::new(false);
    let (shown, hidden) = std::thread::scope(|scope| {
        let looks = scope.spawn(|| {
            let (mut shown, mut hidden) = (0, 0);
            while !is_over.load(Ordering::Relaxed) {
                for target in [
                    format!("/download/{id}"),
                    format!("/shown/{id}"),
                    file("open/a.txt"),
                ] {
                    let answer = app.look(&target, &mia);
                    match answer.status {
                        200 => shown += 1,
                        404 => hidden += 1,
                        other => panic!("{target}: {other}"),
                    }
                    assert!(
                        !answer.text().contains("closed"),
                        "{target}: {}",
                        answer.text()
                    );
                }
                let found = app.look("/api/v1/entries?flat=true", &mia).text();
                assert!(!found.contains("closed"), "{found}");
            }
            (shown, hidden)
        });
        let rename = format!("/files/{id}/rename");
        for _ in 0..40 {
            let away = app.send(&rename, &olga, &[("path", "closed/a.txt")]);
            assert_eq!(away.status, 303);
            app.store("closed/a.txt", &olga, b"behind closed doors");
            app.store("closed/a.txt", &olga, b"for everybody");
            let back = app.send(&rename, &olga, &[("path", "open/a.txt")]);
            assert_eq!(back.status, 303);
        }
        is_over.store(true, Ordering::Relaxed);
        looks.join().unwrap()
    });
    assert!(shown > 0 && hidden > 0, "{shown} shown, {hidden} hidden");
}
