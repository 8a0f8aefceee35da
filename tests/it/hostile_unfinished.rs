//! Unfinished uploads when rights go, beginnings without an end, and what is left behind of either.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use rusqlite::Connection;

use crate::app::{TestApp, encode, file};
use crate::command::eventually;
use crate::hostile_flood::{
    Flood, MB, OCTETS, SLACK, TUS, begin, below, create, head, metadata, nothing_is_staged, patch,
    staged, with_quota,
};
use crate::people::Credentials;

#[test]
fn who_was_taken_off_a_folder_adds_nothing_to_what_was_begun() {
    let (app, olga) = TestApp::with_owner(&[]);
    let (ada, bob) = (app.let_in("Ada", "member"), app.let_in("Bob", "member"));
    app.store("Ada/team/plan.txt", &ada, b"hers");
    app.share("Ada/team", &ada, "none", "Bob", "write");
    let upload = begin(&app, &bob, "Ada/team/plan.txt", Some(8));
    assert_eq!(patch(&app, &upload, &bob, 0, b"mine").status, 204);
    let flowing = begin(&app, &bob, "Ada/team/flow.txt", None);
    let first = [TUS, OCTETS, ("upload-offset", "0")];
    let mut flood = Flood::begin(&app, "PATCH", &flowing, &bob, &first, &[b'x'; 1000]);
    let mut put = Flood::begin(
        &app,
        "PUT",
        &file("Ada/team/put"),
        &bob,
        &[],
        &[b'x'; 100_000],
    );
    eventually("both to be under way", || {
        (staged(&app) > 100_000).then_some(())
    });
    app.share("Ada/team", &ada, "none", "Bob", "none");
    assert_eq!(patch(&app, &upload, &bob, 4, b"too!").status, 403);
    assert_eq!(head(&app, &upload, &bob).status, 410);
    assert!(flood.pour(&app, 64 * MB) < SLACK);
    assert!([403, 0].contains(&flood.status(true)));
    assert!(put.pour(&app, 64 * MB) < SLACK);
    assert!([403, 0].contains(&put.status(true)));
    nothing_is_staged(&app);
    assert_eq!(app.look(&file("Ada/team/plan.txt"), &ada).body, b"hers");
    assert_eq!(app.look(&file("Ada/team/flow.txt"), &olga).status, 404);
}

/// Bytes that come slowly are looked at as well.
#[test]
fn a_token_that_is_revoked_ends_what_it_began() {
    let (app, _) = TestApp::with_owner(&[]);
    let ada = app.let_in("Ada", "member");
    let token = app.token(&ada, "write", "", "");
    let begun = begin(&app, &token, "Ada/begun.txt", Some(8));
    assert_eq!(patch(&app, &begun, &token, 0, b"mine").status, 204);
    let own = begin(&app, &ada, "Ada/own.txt", Some(4));
    // The token sends to what was begun in a session: it is refused, and the upload stays.
    let flowing = begin(&app, &ada, "Ada/flow.txt", None);
    let first = [TUS, OCTETS, ("upload-offset", "0")];
    let mut flood = Flood::begin(&app, "PATCH", &flowing, &token, &first, &[b'x'; 1000]);
    eventually("it to be under way", || (staged(&app) > 1000).then_some(()));
    let page = app.look("/account", &ada).text();
    let at = page.find("/account/tokens/").unwrap();
    let revoke = &page[at..at + page[at..].find('"').unwrap()];
    assert_eq!(app.send(revoke, &ada, &[]).status, 303);
    assert_eq!(head(&app, &begun, &ada).status, 410);
    let until = Instant::now() + Duration::from_secs(30);
    while flood.send(b"x") && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!([401, 403, 0].contains(&flood.status(true)));
    let stands = head(&app, &flowing, &ada);
    assert_eq!((stands.status, stands.header("upload-offset")), (200, "0"));
    // Signing out loses nothing.
    assert_eq!(app.send("/sign-out", &ada, &[]).status, 303);
    let ada = app.sign_in("Ada");
    assert_eq!(patch(&app, &own, &ada, 0, b"mine").status, 204);
    assert_eq!(app.look(&file("Ada/own.txt"), &ada).body, b"mine");
}

#[test]
fn what_a_link_or_an_account_began_ends_with_it() {
    let (app, olga, ada) = with_quota(&[], MB);
    let link = app.link(&ada, &[("kind", "drop"), ("folder", "Ada")]);
    let uploads = format!("{link}/uploads");
    let nobody = Credentials::none();
    let created = create(&app, &uploads, &nobody, "late.bin", Some(900_000));
    let upload = created.header("location").to_owned();
    assert_eq!(patch(&app, &upload, &nobody, 0, &[0; 1000]).status, 204);
    let flowing = create(&app, &uploads, &nobody, "flow.bin", None);
    let first = [TUS, OCTETS, ("upload-offset", "0")];
    let flowing = flowing.header("location").to_owned();
    let mut flood = Flood::begin(&app, "PATCH", &flowing, &nobody, &first, &[b'x'; 2000]);
    eventually("it to be under way", || (staged(&app) > 3000).then_some(()));
    let page = app.look("/links", &ada).text();
    let at = page.find("/links/").unwrap();
    let revoke = &page[at..at + page[at..].find('"').unwrap()];
    assert_eq!(app.send(revoke, &ada, &[]).status, 303);
    // What it held is free at once.
    assert_eq!(
        app.ask("PUT", &file("Ada/a"), &ada, Some(&vec![1; 900_000]))
            .status,
        201
    );
    assert!(flood.pour(&app, 64 * MB) < SLACK);
    assert!([404, 0].contains(&flood.status(true)));
    nothing_is_staged(&app);
    let upload = begin(&app, &ada, "Ada/b", Some(10));
    assert_eq!(patch(&app, &upload, &ada, 0, b"half").status, 204);
    assert_eq!(app.send("/accounts/2/remove", &olga, &[]).status, 303);
    nothing_is_staged(&app);
}

#[test]
fn a_demoted_account_completes_nothing() {
    let (app, olga) = TestApp::with_owner(&[]);
    let ada = app.let_in("Ada", "member");
    let link = app.link(&ada, &[("kind", "drop"), ("folder", "Ada")]);
    let nobody = Credentials::none();
    let own = begin(&app, &ada, "Ada/own.txt", Some(8));
    let created = create(
        &app,
        &format!("{link}/uploads"),
        &nobody,
        "theirs.txt",
        Some(8),
    );
    let theirs = created.header("location").to_owned();
    assert_eq!(patch(&app, &own, &ada, 0, b"mine").status, 204);
    assert_eq!(patch(&app, &theirs, &nobody, 0, b"mine").status, 204);
    let fields = [("role", "reader"), ("quota_bytes", ""), ("quota_files", "")];
    assert_eq!(app.send("/accounts/2/change", &olga, &fields).status, 303);
    assert_eq!(patch(&app, &own, &ada, 4, b"too!").status, 403);
    assert_eq!(patch(&app, &theirs, &nobody, 4, b"too!").status, 404);
    let staged = below(&app.directory().join("staging")).1;
    assert_eq!(staged, 0, "nothing stays");
    assert_eq!(app.look(&file("Ada/own.txt"), &olga).status, 404);
    assert_eq!(app.look(&file("Ada/theirs.txt"), &olga).status, 404);
}

#[test]
fn beginnings_without_bytes_take_little_from_others() {
    let (app, olga, ada) = with_quota(&[], 10 * MB);
    let bob = app.let_in("Bob", "member");
    let link = app.link(&ada, &[("kind", "drop"), ("folder", "Ada")]);
    let uploads = format!("{link}/uploads");
    let nobody = Credentials::none();
    let reserved = create(&app, &uploads, &nobody, "all.bin", Some(9_990_000));
    assert_eq!(reserved.status, 201, "{}", reserved.text());
    // Also with a byte.
    let upload = reserved.header("location").to_owned();
    assert_eq!(patch(&app, &upload, &nobody, 0, b"x").status, 204);
    let put = app.ask("PUT", &file("Ada/a"), &ada, Some(&vec![1; 2_000_000]));
    assert_eq!(put.status, 201, "{}", put.text());
    // Another of the same link has to wait.
    let more = create(&app, &uploads, &nobody, "more.bin", Some(1_000_000));
    assert_eq!(more.status, 507, "{}", more.text());
    // One link has so many unfinished ones, one account so many, and the others theirs.
    let link = app.link(&ada, &[("kind", "drop"), ("folder", "Ada")]);
    let uploads = format!("{link}/uploads");
    let refused = (0..120)
        .map(|n| create(&app, &uploads, &nobody, &format!("{n}"), Some(1)))
        .filter(|answer| answer.status == 429);
    assert_eq!(refused.count(), 20);
    let refused = (0..510)
        .map(|n| create(&app, "/uploads", &ada, &format!("Ada/{n}"), Some(1)))
        .filter(|answer| answer.status == 429);
    assert_eq!(refused.count(), 10);
    for other in [&bob, &olga] {
        let name = if std::ptr::eq(other, &bob) {
            "Bob"
        } else {
            "x"
        };
        begin(&app, other, &format!("{name}/o"), Some(1));
    }
    // After a while they make room.
    let catalog = Connection::open(app.directory().join("catalog.sqlite")).unwrap();
    let sql = "UPDATE upload SET created_ms = created_ms - 3600000";
    catalog.busy_timeout(Duration::from_secs(10)).unwrap();
    catalog.execute(sql, []).unwrap();
    begin(&app, &ada, "Ada/again", Some(1));
}

#[test]
fn owners_see_and_end_what_is_unfinished() {
    let (app, olga, ada) = with_quota(&[], 10 * MB);
    let bob = app.let_in("Bob", "member");
    let link = app.link(&ada, &[("kind", "drop"), ("folder", "Ada")]);
    let nobody = Credentials::none();
    let created = create(
        &app,
        &format!("{link}/uploads"),
        &nobody,
        "dropped.bin",
        Some(8_000_000),
    );
    let upload = created.header("location").to_owned();
    assert_eq!(patch(&app, &upload, &nobody, 0, &[0; 1000]).status, 204);
    begin(&app, &bob, "Bob/own.bin", Some(5));
    let of_olga = app.look("/unfinished", &olga).text();
    assert!(of_olga.contains("Ada/dropped.bin") && of_olga.contains("Bob/own.bin"));
    let of_ada = app.look("/unfinished", &ada).text();
    assert!(of_ada.contains("Ada/dropped.bin") && !of_ada.contains("Bob/own.bin"));
    let of_bob = app.look("/unfinished", &bob).text();
    assert!(!of_bob.contains("dropped.bin") && of_bob.contains("Bob/own.bin"));
    let end = |page: &str, name: &str| {
        let item = &page[page.find(name).unwrap()..];
        let at = item.find("/unfinished/").unwrap();
        item[at..at + item[at..].find('"').unwrap()].to_owned()
    };
    assert_eq!(
        app.send(&end(&of_ada, "dropped.bin"), &bob, &[]).status,
        404
    );
    assert_eq!(app.send(&end(&of_bob, "own.bin"), &ada, &[]).status, 404);
    assert_eq!(
        app.send(&end(&of_ada, "dropped.bin"), &ada, &[]).status,
        303
    );
    nothing_is_staged(&app);
    assert_eq!(head(&app, &upload, &nobody).status, 410);
    assert_eq!(app.send(&end(&of_bob, "own.bin"), &olga, &[]).status, 303);
    assert!(!app.look("/unfinished", &olga).text().contains("own.bin"));
    let token = app.token(&ada, "admin", "", "");
    assert_eq!(app.look("/unfinished", &token).status, 403);
    // One that is being written to is refused from then on.
    let flowing = begin(&app, &ada, "Ada/flow.bin", None);
    let first = [TUS, OCTETS, ("upload-offset", "0")];
    let mut flood = Flood::begin(&app, "PATCH", &flowing, &ada, &first, &[b'x'; 1000]);
    eventually("it to be under way", || (staged(&app) > 1000).then_some(()));
    let page = app.look("/unfinished", &ada).text();
    assert_eq!(app.send(&end(&page, "flow.bin"), &ada, &[]).status, 303);
    assert!(flood.pour(&app, 64 * MB) < SLACK);
    assert!([404, 0].contains(&flood.status(true)));
    nothing_is_staged(&app);
}

#[test]
fn little_is_remembered_of_what_has_ended() {
    let (app, _) = TestApp::with_owner(&[]);
    let ada = app.let_in("Ada", "member");
    let big = "x".repeat(7_000);
    let create = |path: &str, more: &str| {
        let named = metadata(&[("filename", path), ("more", more)]);
        let mut headers = vec![TUS, ("upload-length", "10"), ("upload-metadata", &named)];
        headers.extend(ada.0.iter().map(|(name, value)| (*name, value.as_str())));
        app.call("POST", "/uploads", &headers, None)
    };
    let sentence = create("Ada/a", &big).problem(400);
    assert!(sentence.contains("Upload-Metadata"), "{sentence}");
    let big = &big[..5_000];
    for n in 0..900 {
        let created = create(&format!("Ada/{n}"), big);
        assert_eq!(created.status, 201, "{}", created.text());
        let mut headers = vec![TUS];
        headers.extend(ada.0.iter().map(|(name, value)| (*name, value.as_str())));
        let ended = app.call("DELETE", created.header("location"), &headers, None);
        assert_eq!(ended.status, 204);
    }
    let catalog = Connection::open(app.directory().join("catalog.sqlite")).unwrap();
    let sql = "SELECT count(*), coalesce(sum(length(metadata)), 0) FROM upload";
    let (rows, bytes): (u64, u64) = catalog
        .query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap();
    // Some are trimmed at every 32nd beginning, on average.
    assert!(rows < 500 + 250 && bytes == 0, "{rows} rows, {bytes} bytes");
}

#[test]
fn a_follower_is_told_that_old_events_are_gone() {
    let mut app = TestApp::start();
    for n in 0..5 {
        app.put(&format!("{n}.txt"), b"ballast");
    }
    app.kill9();
    let catalog = Connection::open(app.directory().join("catalog.sqlite")).unwrap();
    catalog
        .execute("DELETE FROM event WHERE number <= 3", [])
        .unwrap();
    drop(catalog);
    app.start_again();
    let news = |after: u64| {
        let target = format!("/api/v1/events?after={}", encode(&after.to_string()));
        let mut stream = app.connect();
        write!(stream, "GET {target} HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
        let mut read = String::new();
        let mut buffer = [0; 1024];
        while !read.contains("\"searchable\"") {
            let bytes = stream.read(&mut buffer).unwrap();
            assert!(bytes > 0, "{read}");
            read += &String::from_utf8_lossy(&buffer[..bytes]);
        }
        read
    };
    assert!(news(1).contains("\"missed\":true"));
    let told = news(3);
    assert!(
        told.contains("\"missed\":false") && told.contains("4.txt"),
        "{told}"
    );
}

/// What a page of the documentation lists is all there is.
#[test]
fn every_table_has_its_bound_in_the_documentation() {
    let security = include_str!("../../SECURITY.md");
    let (_, table) = security
        .split_once("## What grows, and its bound")
        .expect("SECURITY.md says what grows");
    let table = table.split("\n## ").next().unwrap();
    let rows: Vec<_> = table
        .lines()
        .filter(|line| line.starts_with("| "))
        .collect();
    let listed = |name: &str| rows.iter().any(|row| row.contains(&format!("`{name}`")));
    let app = TestApp::start();
    let catalog = Connection::open(app.directory().join("catalog.sqlite")).unwrap();
    let sql = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'";
    let mut statement = catalog.prepare(sql).unwrap();
    let names = statement.query_map([], |row| row.get(0)).unwrap();
    let mut missing: Vec<String> = names.map(Result::unwrap).collect();
    let folders = std::fs::read_dir(app.directory()).unwrap().flatten();
    let folders = folders.filter(|entry| entry.path().is_dir());
    missing.extend(folders.map(|entry| format!("{}/", entry.file_name().display())));
    for source in ["facts", "thumbnails"] {
        let path = format!("{}/src/library/{source}.rs", env!("CARGO_MANIFEST_DIR"));
        let source = std::fs::read_to_string(path).unwrap();
        let tables = source.split("Table::new(\"").skip(1);
        missing.extend(tables.map(|rest| rest.split('"').next().unwrap().to_owned()));
    }
    missing.retain(|name| !listed(name));
    assert!(missing.is_empty(), "SECURITY.md does not list {missing:?}");
}
