//! What answers tell browsers, caches and search engines to leave alone.

use std::time::{SystemTime, UNIX_EPOCH};

use wharfside::web::access::RULES;

use crate::app::TestApp;
use crate::command::{run, wharfside};
use crate::people::{Credentials, user};

#[test]
fn browsers_that_came_by_https_are_told_to_stay_there() {
    let (app, olga) = TestApp::with_owner(&[]);
    let header = |target: &str, extra: &[(&str, &str)]| {
        let mut headers = extra.to_vec();
        headers.extend(olga.0.iter().map(|(name, value)| (*name, value.as_str())));
        let answer = app.call("GET", target, &headers, None);
        answer.header("strict-transport-security").to_owned()
    };
    let https = [("x-forwarded-proto", "https")];
    for target in [
        "/",
        "/sign-in",
        "/nothing",
        "/health/live",
        "/s/wl_none",
        "/api/v1/entries",
    ] {
        assert_eq!(header(target, &https), "max-age=31536000", "{target}");
        assert_eq!(header(target, &[]), "", "{target}");
        assert_eq!(
            header(target, &[("x-forwarded-proto", "http")]),
            "",
            "{target}"
        );
    }
    // Whoever is no proxy of ours does not say how the request came.
    let direct = TestApp::with(&[("TRUSTED_PROXIES", "none")]);
    let answer = direct.call("GET", "/", &https, None);
    assert_eq!(answer.header("strict-transport-security"), "");
}

#[test]
fn search_engines_leave_out_whatever_is_under_a_link() {
    let (app, olga) = TestApp::with_owner(&[]);
    let id = app.store("docs/a.txt", &olga, b"words").to_string();
    let file = app.link(&olga, &[("kind", "file"), ("file", &id)]);
    let folder = app.link(&olga, &[("kind", "folder"), ("folder", "docs")]);
    let setup = user(app.directory(), &["passwd", "Olga"], "");
    let mut looked = vec![setup.trim().to_owned()];
    for (method, route, _) in RULES {
        let secret = route.strip_prefix("/s/{secret}");
        if let Some(below) = secret.filter(|_| *method == "GET") {
            for link in [&file, &folder, "/s/wl_none"] {
                looked.push(
                    format!("{link}{below}")
                        .replace("{*path}", "a.txt")
                        .replace("{id}", "x"),
                );
            }
        }
    }
    looked.extend([
        format!("{file}/"),
        format!("/{file}"),
        format!("{file}/nothing/here"),
    ]);
    for target in &looked {
        for method in ["GET", "HEAD", "POST"] {
            let answer = app.call(method, target, &[], (method == "POST").then_some(b""));
            assert_eq!(
                answer.header("x-robots-tag"),
                "noindex",
                "{method} {target}"
            );
        }
    }
    assert!(looked.len() > 20, "{looked:?}");
    assert_eq!(app.look("/", &olga).header("x-robots-tag"), "");
}

/// [`TestApp::call`] looks for secrets with a prefix in every answer of every test; these have none.
#[test]
fn nothing_stores_what_is_secret_in_an_answer() {
    let (app, olga) = TestApp::with_owner(&[]);
    let id = app.store("docs/a.txt", &olga, b"words").to_string();
    let file = app.link(&olga, &[("kind", "file"), ("file", &id)]);
    let locked = app.link(
        &olga,
        &[
            ("kind", "folder"),
            ("folder", "docs"),
            ("password", "x y z"),
        ],
    );
    let setup = user(app.directory(), &["passwd", "Olga"], "");
    let stored = |target: &str| app.look(target, &olga).header("cache-control").to_owned();
    for target in [
        setup.trim(),
        &file,
        &locked,
        &format!("{locked}/get/a.txt"),
        "/links",
        "/sharing/docs",
        "/account/factor",
        "/account/confirm",
    ] {
        assert_eq!(stored(target), "no-store", "{target}");
    }
    let html = [("accept", "text/html")];
    let error = app.call("GET", &format!("{file}/nothing"), &html, None);
    assert_eq!(error.header("cache-control"), "no-store");
    let made = app.send("/accounts", &olga, &[("name", "Mia"), ("role", "member")]);
    assert_eq!(made.header("cache-control"), "no-store");
    // A cookie is one as well.
    let again = app.send(
        "/sign-in",
        &Credentials::none(),
        &[("name", "Olga"), ("password", crate::people::PASSWORD)],
    );
    assert_eq!(
        (again.status, again.header("cache-control")),
        (303, "no-store")
    );
    // What is no secret may be asked for again.
    assert_eq!(stored("/"), "private, no-cache");
    assert_eq!(stored("/account"), "private, no-cache");
}

#[test]
fn a_contact_for_weaknesses_is_shown_where_one_is_set() {
    let contacts = "security@files.example https://files.example/security";
    let app = TestApp::with(&[("ACCESS", "private"), ("SECURITY_CONTACT", contacts)]);
    let answer = app.fetch("/.well-known/security.txt");
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), "text/plain; charset=utf-8");
    let text = answer.text();
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("Contact: mailto:security@files.example"));
    assert_eq!(
        lines.next(),
        Some("Contact: https://files.example/security")
    );
    let expires = lines.next().unwrap().strip_prefix("Expires: ").unwrap();
    let expires: jiff::Timestamp = expires.parse().unwrap();
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs() as i64;
    let days = (expires.as_second() - now) / 86_400;
    assert!((30..365).contains(&days), "{days}");
    assert_eq!(lines.collect::<Vec<_>>(), ["Preferred-Languages: en"]);

    let without = TestApp::with(&[("ACCESS", "private")]);
    let none = without.fetch("/.well-known/security.txt");
    assert!(none.problem(404).contains("SECURITY_CONTACT"));
    for bad in [
        "nobody",
        "http://files.example",
        "ftp://x",
        "a@b@",
        "x@y\u{202e}z",
        "https://",
    ] {
        let mut command = wharfside(["serve"]);
        command
            .env("STORAGE_DIR", without.directory())
            .env("PORT", "0");
        command.env("SECURITY_CONTACT", bad);
        let ended = run(command, "");
        assert_ne!(ended.code, Some(0), "{bad}: {ended:?}");
        assert!(
            ended.stderr.contains("SECURITY_CONTACT"),
            "{bad}: {ended:?}"
        );
    }
}
