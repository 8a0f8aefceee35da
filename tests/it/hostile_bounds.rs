//! Small requests that leave much behind: what one account can make the catalog hold.

use serde_json::json;

use crate::app::{Answer, TestApp, file};
use crate::people::Credentials;

fn catalog(app: &TestApp) -> rusqlite::Connection {
    rusqlite::Connection::open(app.directory().join("catalog.sqlite")).unwrap()
}

fn deep(start: &str, folders: usize, name: &str) -> String {
    format!("{start}/{}{name}", "a/".repeat(folders - 1))
}

fn metadata(pairs: &[(&str, &str)]) -> String {
    crate::tus::client::metadata(pairs)
}

#[test]
fn no_new_name_lies_deeper_than_64_folders() {
    let (app, _) = TestApp::with_owner(&[]);
    let mia = app.let_in("Mia", "member");
    let (fits, deeper) = (deep("Mia", 64, "x.txt"), deep("Mia", 65, "x.txt"));
    let id = app.store("Mia/a.txt", &mia, b"words");
    app.store("Mia/folder/a.txt", &mia, b"words");
    assert_eq!(app.ask("PUT", &file(&fits), &mia, Some(b"x")).status, 201);
    let refused = |what: &str, answer: Answer| {
        assert!(
            [400, 422].contains(&answer.status),
            "{what}: {} {}",
            answer.status,
            answer.text()
        );
        assert!(
            answer.text().contains("65 folders deep"),
            "{what}: {}",
            answer.text()
        );
    };
    refused("PUT", app.ask("PUT", &file(&deeper), &mia, Some(b"x")));
    refused(
        "rename",
        app.send(&format!("/files/{id}/rename"), &mia, &[("path", &deeper)]),
    );
    let change = json!({ "path": deeper });
    refused(
        "PATCH",
        app.ask_json("PATCH", &format!("/api/v1/entries/{id}"), &mia, &change),
    );
    let folder = deeper.strip_suffix("/x.txt").unwrap();
    let to = folder.strip_suffix("/a").unwrap();
    let chosen = [("do", "move"), ("folder", "Mia/folder"), ("to", to)];
    refused("move", app.send("/selection", &mia, &chosen));
    let renamed = [("from", "Mia/folder"), ("to", folder)];
    refused(
        "rename a folder",
        app.send("/folders/rename", &mia, &renamed),
    );
    let form = format!(
        "--x\r\ncontent-disposition: form-data; name=\"f\"; filename=\"{deeper}\"\r\n\r\nx\r\n--x--\r\n"
    );
    let mut headers = vec![("content-type", "multipart/form-data; boundary=x")];
    headers.extend(mia.0.iter().map(|(name, value)| (*name, value.as_str())));
    refused(
        "form",
        app.call("POST", "/upload", &headers, Some(form.as_bytes())),
    );
    let metadata = metadata(&[("relativePath", &deeper), ("filename", "x.txt")]);
    let mut headers = vec![
        ("tus-resumable", "1.0.0"),
        ("upload-length", "1"),
        ("upload-metadata", metadata.as_str()),
        ("content-type", "application/offset+octet-stream"),
    ];
    headers.extend(mia.0.iter().map(|(name, value)| (*name, value.as_str())));
    refused("tus", app.call("POST", "/uploads", &headers, Some(b"x")));
    refused("tus, begun", app.call("POST", "/uploads", &headers, None));
    let rule = app.send(
        &format!("/sharing/{}", crate::app::encode(folder)),
        &mia,
        &[("everyone", "read")],
    );
    refused("a rule", rule);
    assert_eq!(app.look(&file(&deeper), &mia).status, 404);
}

#[test]
fn what_an_earlier_release_stored_deeper_goes_on_opening() {
    let (app, _) = TestApp::with_owner(&[]);
    let mia = app.let_in("Mia", "member");
    let id = app.store("Mia/old.txt", &mia, b"from before");
    let path = deep("Mia", 100, "old.txt");
    let folder = path.strip_suffix("/old.txt").unwrap();
    catalog(&app)
        .execute(
            "UPDATE file SET path = ?2, folder = ?3 WHERE id = ?1",
            (id, &path, folder),
        )
        .unwrap();
    assert_eq!(app.look(&file(&path), &mia).text(), "from before");
    assert_eq!(app.look(&format!("/files/{id}"), &mia).status, 200);
    // It takes new versions, and comes out from there.
    assert_eq!(
        app.ask("PUT", &file(&path), &mia, Some(b"anew")).status,
        200
    );
    let renamed = app.send(
        &format!("/files/{id}/rename"),
        &mia,
        &[("path", "Mia/old.txt")],
    );
    assert_eq!(renamed.status, 303, "{}", renamed.text());
    assert_eq!(app.look(&file("Mia/old.txt"), &mia).text(), "anew");
}

/// A path of some four thousand bytes in folders of its own.
fn long(number: usize) -> String {
    let folders: Vec<String> = (0..60)
        .map(|n| format!("{number}-{n}-{}", "x".repeat(58)))
        .collect();
    format!("Mia/{}/f", folders.join("/"))
}

fn with_quota(bytes: u64) -> (TestApp, Credentials) {
    let (app, _) = TestApp::with_owner(&[]);
    let mia = app.let_in("Mia", "member");
    let sql = "UPDATE account SET quota_bytes = ?1 WHERE name = 'Mia'";
    assert_eq!(catalog(&app).execute(sql, [bytes]).unwrap(), 1);
    (app, mia)
}

#[test]
fn names_count_against_quotas() {
    let (app, mia) = with_quota(2_000_000);
    let statuses: Vec<u16> = (0..12)
        .map(|n| app.ask("PUT", &file(&long(n)), &mia, Some(b"x")).status)
        .collect();
    let stored = statuses.iter().filter(|status| **status == 201).count();
    // An allowance of a mebibyte and the quota are some three million bytes.
    assert!((3..8).contains(&stored), "{statuses:?}");
    assert!(
        statuses[stored..].iter().all(|status| *status == 507),
        "{statuses:?}"
    );
    let pages: u64 = catalog(&app)
        .query_row("PRAGMA page_count", [], |row| row.get(0))
        .unwrap();
    assert!(pages * 4096 < 8_000_000, "{pages}");
    // Nothing of it stays counted once it is gone.
    let listing = app.look_json("/api/v1/search?q=", &mia);
    assert!(listing["total"].is_number(), "{listing}");
    let ids: Vec<i64> = {
        let catalog = catalog(&app);
        let mut all = catalog.prepare("SELECT id FROM file").unwrap();
        all.query_map([], |row| row.get(0))
            .unwrap()
            .map(Result::unwrap)
            .collect()
    };
    for id in ids {
        assert_eq!(
            app.send(&format!("/files/{id}/trash"), &mia, &[]).status,
            303
        );
        assert_eq!(
            app.send(&format!("/files/{id}/purge"), &mia, &[]).status,
            303
        );
    }
    let left: i64 = catalog(&app)
        .query_row("SELECT sum(bytes) FROM metadata_usage", [], |row| {
            row.get(0)
        })
        .unwrap();
    assert_eq!(left, 0);
    assert_eq!(
        app.ask("PUT", &file(&long(99)), &mia, Some(b"x")).status,
        201
    );
}

#[test]
fn tags_count_against_quotas() {
    let (app, mia) = with_quota(1_000);
    let id = app.store("Mia/a.txt", &mia, b"x");
    let counted = || -> i64 {
        let sql = "SELECT bytes FROM metadata_usage WHERE account_id = 0";
        catalog(&app).query_row(sql, [], |row| row.get(0)).unwrap()
    };
    let before = counted();
    let tag = |tags: &str| {
        let tagged = app.send(&format!("/files/{id}/tags"), &mia, &[("tags", tags)]);
        tagged.status
    };
    assert_eq!(tag(&format!("a, {}", "b".repeat(90))), 303);
    assert_eq!(counted() - before, 2 * 50 + 91);
    assert_eq!(tag("a"), 303);
    assert_eq!(counted() - before, 50 + 1);
    // Beyond the allowance, a tag more is too many, and one less is not.
    let sql = "UPDATE metadata_usage SET bytes = bytes + (1 << 20) + 1000";
    assert_eq!(catalog(&app).execute(sql, []).unwrap(), 2);
    assert_eq!((tag("a, c"), tag("")), (507, 303));
    let trashed = app.send(&format!("/files/{id}/trash"), &mia, &[]);
    let purged = app.send(&format!("/files/{id}/purge"), &mia, &[]);
    assert_eq!((trashed.status, purged.status), (303, 303));
    assert_eq!(counted(), (1 << 20) + 1_000);
}

#[test]
fn files_are_not_renamed_beyond_a_quota_either() {
    let (app, mia) = with_quota(1_000_000);
    let mut refused = 0;
    for n in 0..8 {
        let id = app.store(&format!("Mia/{n}.txt"), &mia, b"x");
        let renamed = app.send(&format!("/files/{id}/rename"), &mia, &[("path", &long(n))]);
        match renamed.status {
            303 => assert_eq!(refused, 0),
            507 => refused += 1,
            other => panic!("{other}: {}", renamed.text()),
        }
    }
    assert!(refused >= 3, "{refused}");
    // Shorter names are taken at any time.
    let catalog = catalog(&app);
    let id: i64 = catalog
        .query_row(
            "SELECT id FROM file ORDER BY length(path) DESC LIMIT 1",
            [],
            |row| row.get(0),
        )
        .unwrap();
    let renamed = app.send(
        &format!("/files/{id}/rename"),
        &mia,
        &[("path", "Mia/short.txt")],
    );
    assert_eq!(renamed.status, 303, "{}", renamed.text());
}

#[test]
fn an_account_makes_a_thousand_rules_at_most() {
    let (app, olga) = TestApp::with_owner(&[]);
    let mia = app.let_in("Mia", "member");
    let mut catalog = catalog(&app);
    let transaction = catalog.transaction().unwrap();
    for n in 0..1_000 {
        let sql = "INSERT INTO folder_rule (path, everyone, account_id)
                   SELECT ?1, 'none', id FROM account WHERE name = 'Mia'";
        transaction.execute(sql, [format!("Mia/{n}")]).unwrap();
    }
    transaction.commit().unwrap();
    let refused = app.send("/sharing/Mia%2Fmore", &mia, &[("everyone", "read")]);
    assert_eq!(refused.status, 409, "{}", refused.text());
    assert!(
        refused.text().contains("1000 folders"),
        "{}",
        refused.text()
    );
    // One that is there may be changed, and others go on making theirs.
    app.share("Mia/7", &mia, "read", "", "");
    app.share("elsewhere", &olga, "read", "", "");
}

#[test]
fn versions_come_a_page_at_a_time() {
    let (app, olga) = TestApp::with_owner(&[]);
    let id = app.store("a.txt", &olga, b"one");
    for _ in 0..120 {
        let restored = app.send(&format!("/files/{id}/versions/1/restore"), &olga, &[]);
        assert_eq!(restored.status, 303, "{}", restored.text());
    }
    let numbers = |query: &str| -> Vec<u64> {
        let listed = app.look_json(&format!("/api/v1/entries/{id}/versions{query}"), &olga);
        let listed = listed.as_array().unwrap().iter();
        listed
            .map(|version| version["number"].as_u64().unwrap())
            .collect()
    };
    assert_eq!(numbers("").len(), 121);
    assert_eq!(numbers("?limit=2"), [121, 120]);
    assert_eq!(numbers("?limit=2&before=3"), [2, 1]);
    let refused = app.look(&format!("/api/v1/entries/{id}/versions?limit=1001"), &olga);
    assert_eq!(refused.status, 400);
    let page = app.look(&format!("/files/{id}"), &olga).text();
    assert!(page.contains("Download version 22\"") && !page.contains("Download version 21\""));
    assert!(
        page.contains(&format!("/files/{id}?before=22#versions")),
        "{page}"
    );
    let older = app.look(&format!("/files/{id}?before=22"), &olga).text();
    assert!(older.contains("Download version 1\"") && !older.contains("Download version 22\""));
    assert!(!older.contains("Older versions") && older.contains("Restore version 21"));
}

/// Somebody whose changes wait for the writer keeps neither those waiting who look, nor those who
/// sign in.
#[test]
fn changes_that_wait_leave_room_for_others() {
    let (app, olga) = TestApp::with_owner(&[]);
    let mia = app.let_in("Mia", "member");
    let id = app.store("Mia/a.txt", &mia, b"one");
    app.store("b.txt", &olga, b"two");
    let catalog = catalog(&app);
    catalog.execute_batch("BEGIN IMMEDIATE").unwrap();
    let target = format!("/files/{id}/versions/1/restore");
    let (app, mia) = (&app, &mia);
    std::thread::scope(|scope| {
        let waiting: Vec<_> = (0..150)
            .map(|n| match n % 2 {
                0 => scope.spawn(|| app.send(&target, mia, &[]).status),
                _ => scope.spawn(move || {
                    let path = file(&format!("Mia/{n}.txt"));
                    app.ask("PUT", &path, mia, Some(b"x")).status
                }),
            })
            .collect();
        // All of them have come in once nothing more is answered for Mia.
        for _ in 0..20 {
            assert_eq!(app.look(&file("b.txt"), &olga).status, 200);
            assert_eq!(app.fetch("/sign-in").status, 200);
            assert_eq!(app.look("/api/v1/search?q=two", &olga).status, 200);
        }
        assert!(waiting.iter().any(|waiting| !waiting.is_finished()));
        catalog.execute_batch("ROLLBACK").unwrap();
        for waiting in waiting {
            assert!([201, 303].contains(&waiting.join().unwrap()));
        }
    });
}
