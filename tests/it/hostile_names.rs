//! Names that are made to be mistaken for others, or to show nothing at all.

use serde_json::Value;

use crate::app::{TestApp, encode, file};
use crate::people::{Credentials, PASSWORD, user};
use crate::tus::client::metadata;
use crate::uploads::{MULTIPART, multipart};

/// A letter that is drawn as nothing.
const FILLER: &str = "\u{3164}";
/// Joiners, variation selectors, tags and the blank of Braille, each alone a name once.
const INVISIBLE: &[&str] = &[
    FILLER,
    "\u{2800}",
    "\u{fe0f}\u{fe0f}",
    "\u{200d}\u{200d}",
    "\u{e0041}\u{e0042}",
    "\u{115f}\u{1160}",
    "\u{ad}",
    "\u{34f}",
    "\u{2063}",
];

#[test]
fn accounts_that_look_like_others_are_not_added() {
    let (app, olga) = TestApp::with_owner(&[]);
    let add = |name: &str| {
        let fields = [("name", name), ("role", "member")];
        let answer = app.send("/accounts", &olga, &fields);
        (answer.status, answer.text())
    };
    for name in [
        "Marie Curie",
        "Мария",
        "Αλέξης",
        "田中さん",
        "scope",
        "modern",
    ] {
        let (status, text) = add(name);
        assert_eq!(status, 200, "{name}: {text}");
    }
    for (name, status, word) in [
        // Like somebody.
        ("0lga", 409, "looks like the account"),
        ("ѕсоре", 409, "looks like the account"),
        ("modem", 409, "looks like the account"),
        ("Marie  Curie", 409, "already"),
        // Like what stands for others.
        ("Any0ne", 400, "stands for others"),
        ("1ink of Olga", 400, "stands for others"),
        ("0wner", 400, "stands for others"),
        // Of letters that nobody sees, or from everywhere.
        ("Olga\u{200b}", 400, "invisible"),
        ("Ol\u{200d}ga", 400, "invisible"),
        ("Olga\u{fe0f}", 400, "invisible"),
        ("Olga\u{e0041}", 400, "invisible"),
        ("Olga\u{a0}", 400, "invisible"),
        ("𝐎𝐥𝐠𝐚", 400, "easily taken for another"),
        ("Оlga", 400, "several alphabets"),
        ("Οlga", 400, "several alphabets"),
    ] {
        let (found, text) = add(name);
        assert_eq!(found, status, "{name:?}: {text}");
        assert!(text.contains(word), "{name:?}: {text}");
    }
    for name in INVISIBLE {
        assert_eq!(add(name).0, 400, "{name:?}");
    }
    // By the machine, and by the link that makes the first owner, it is no different.
    let out = crate::command::run(
        {
            let mut command = crate::command::wharfside(["user", "add", "0lga"]);
            command.env("STORAGE_DIR", app.directory());
            command
        },
        "",
    );
    assert_ne!(out.code, Some(0), "{out:?}");
    assert!(out.stderr.contains("looks like the account"), "{out:?}");
}

#[test]
fn the_first_owner_is_called_by_a_name_that_can_be_seen() {
    let app = TestApp::with(&[("ACCESS", "private")]);
    let link = user(app.directory(), &["setup-link"], "");
    let come_in = |name: &str| {
        let fields = [("name", name), ("password", PASSWORD)];
        app.send(link.trim(), &Credentials::none(), &fields).status
    };
    for name in INVISIBLE {
        assert_eq!(come_in(name), 400, "{name:?}");
    }
    assert_eq!(come_in("Olga"), 303);
}

/// A release that does not know what names look like adds some beside this one.
#[test]
fn accounts_of_an_earlier_release_are_compared_as_well() {
    let (app, olga) = TestApp::with_owner(&[]);
    let catalog = rusqlite::Connection::open(app.directory().join("catalog.sqlite")).unwrap();
    let add =
        "INSERT INTO account (name, sort_name, role, created_ms) VALUES (?1, ?1, 'member', 1)";
    for name in ["scope", FILLER, "0wner"] {
        catalog.execute(add, [name]).unwrap();
    }
    let send = |name| app.send("/accounts", &olga, &[("name", name), ("role", "member")]);
    assert_eq!(send("ѕсоре").status, 409);
    assert_eq!(send("Max").status, 200);
    let missing = "SELECT count(*) FROM account WHERE skeleton IS NULL AND name <> 'Max'";
    let missing: i64 = catalog.query_row(missing, (), |row| row.get(0)).unwrap();
    assert_eq!(missing, 0);
    // They go on as they are, and the environment can still set the owner's password.
    assert_eq!(app.look("/accounts", &olga).status, 200);
    assert_eq!(app.send("/accounts/2/link", &olga, &[]).status, 200);
    let mut app = app;
    app.set("ADMIN_PASSWORD", PASSWORD);
    app.restart("next");
    crate::command::eventually("the owner to be made", || {
        user(app.directory(), &["list"], "")
            .contains("owner    owner")
            .then_some(())
    });
}

#[test]
fn files_and_folders_without_a_visible_name_are_not_made() {
    let (app, olga) = TestApp::with_owner(&[]);
    let id = app.store("in/a.txt", &olga, b"words");
    let drop = app.link(&olga, &[("kind", "drop"), ("folder", "in")]);
    let mut headers: Vec<_> = olga.0.iter().map(|(n, v)| (*n, v.as_str())).collect();
    headers.push(("tus-resumable", "1.0.0"));
    headers.push(("upload-length", "1"));
    for name in INVISIBLE {
        let [below, deep] = [format!("in/{name}"), format!("in/{name}/a.txt")];
        let mut refused = Vec::new();
        for path in [&below, &deep] {
            refused.push(app.ask("PUT", &file(path), &olga, Some(b"x")));
            let rename = format!("/files/{id}/rename");
            refused.push(app.send(&rename, &olga, &[("path", path)]));
            let patch = format!("{{\"path\":{}}}", Value::from(path.as_str()));
            refused.push(app.ask(
                "PATCH",
                &format!("/api/v1/entries/{id}"),
                &olga,
                Some(patch.as_bytes()),
            ));
            let (folder, name) = path.rsplit_once('/').unwrap();
            for (target, begin) in [("/uploads", folder), (&*format!("{drop}/uploads"), "")] {
                let folder = if begin.is_empty() {
                    &folder[2..]
                } else {
                    begin
                };
                let folder = folder.trim_start_matches('/');
                let metadata = metadata(&[("filename", name), ("folder", folder)]);
                let mut all = headers.clone();
                all.push(("upload-metadata", &metadata));
                refused.push(app.call("POST", target, &all, Some(b"")));
            }
        }
        let shown = format!("in/{name}");
        let folders = [("from", "in"), ("to", &shown[3..])];
        refused.push(app.send("/folders/rename", &olga, &folders));
        let moved = [
            ("do", "move"),
            ("file", &*id.to_string()),
            ("to", &*shown),
            ("here", "in"),
        ];
        refused.push(app.send("/selection", &olga, &moved));
        let renamed = [
            ("do", "rename"),
            ("file", &*id.to_string()),
            ("name", *name),
            ("here", "in"),
        ];
        refused.push(app.send("/selection", &olga, &renamed));
        let rule = [("everyone", "read")];
        refused.push(app.send(&format!("/sharing/{}", encode(&below)), &olga, &rule));
        let form = multipart(&[("file", Some(name), b"x")]);
        for target in ["/upload", &*format!("{drop}/drop")] {
            let mut all = olga
                .0
                .iter()
                .map(|(n, v)| (*n, v.as_str()))
                .collect::<Vec<_>>();
            all.push(MULTIPART);
            refused.push(app.call("POST", target, &all, Some(&form)));
        }
        for (at, answer) in refused.iter().enumerate() {
            assert!(
                (400..=422).contains(&answer.status),
                "{name:?}, {at}: {} {}",
                answer.status,
                answer.text()
            );
        }
        // Sharing says nothing of a folder that is not there.
        let shared = app.look(&format!("/browse/{}", encode(&below)), &olga);
        assert_eq!(shared.status, 404, "{name:?}");
    }
    let entries = app.look_json("/api/v1/entries?folder=in", &olga);
    let [files, folders] = ["files", "folders"].map(|what| entries[what].as_array().unwrap().len());
    assert_eq!((files, folders), (1, 0), "{entries}");
    // A visible character among them is enough.
    app.store("in/👍\u{fe0f}", &olga, b"x");
    app.store("in/a\u{ad}b", &olga, b"x");
    app.assert_sound();
}

/// From before, when they were taken.
#[test]
fn files_with_such_names_go_on_working() {
    let (app, olga) = TestApp::with_owner(&[]);
    let id = app.store("in/x/a.txt", &olga, b"words");
    let catalog = rusqlite::Connection::open(app.directory().join("catalog.sqlite")).unwrap();
    for sql in [
        "UPDATE file SET path = 'in/' || ?1 || '/' || ?1, folder = 'in/' || ?1, name = ?1",
        "UPDATE folder SET path = 'in/' || ?1 WHERE path = 'in/x'",
    ] {
        catalog.execute(sql, [FILLER]).unwrap();
    }
    let path = format!("in/{FILLER}/{FILLER}");
    assert_eq!(app.look(&file(&path), &olga).body, b"words");
    assert_eq!(app.look(&format!("/files/{id}"), &olga).status, 200);
    assert_eq!(
        app.ask("PUT", &file(&path), &olga, Some(b"newer")).status,
        200
    );
    app.store(&format!("in/{FILLER}/beside.txt"), &olga, b"x");
    // It moves with its folder, comes back from the trash, and gets a name that can be seen.
    let folders = [("from", "in"), ("to", "out")];
    assert_eq!(app.send("/folders/rename", &olga, &folders).status, 303);
    let moved = format!("out/{FILLER}/{FILLER}");
    assert_eq!(app.ask("DELETE", &file(&moved), &olga, None).status, 200);
    assert_eq!(
        app.send(&format!("/files/{id}/restore"), &olga, &[]).status,
        303
    );
    assert_eq!(app.look(&file(&moved), &olga).body, b"newer");
    let rename = [("path", "out/seen.txt")];
    assert_eq!(
        app.send(&format!("/files/{id}/rename"), &olga, &rename)
            .status,
        303
    );
    app.assert_sound();
}

#[test]
fn nothing_else_is_called_by_what_nobody_sees() {
    let (app, olga) = TestApp::with_owner(&[]);
    let id = app.store("a.txt", &olga, b"x").to_string();
    for name in INVISIBLE {
        let token = app.send(
            "/account/tokens",
            &olga,
            &[("name", name), ("scope", "read")],
        );
        assert_eq!(token.status, 400, "{name:?}");
        let link = [("kind", "file"), ("file", &*id), ("name", name)];
        assert_eq!(app.send("/links", &olga, &link).status, 400, "{name:?}");
        let search = app.send("/searches", &olga, &[("name", name), ("q", "a")]);
        assert_eq!(search.status, 400, "{name:?}");
        // A tag of nothing is no tag.
        app.send(&format!("/files/{id}/tags"), &olga, &[("tags", name)]);
    }
    let entry = app.look_json(&format!("/api/v1/entries/{id}"), &olga);
    assert_eq!(entry["tags"], serde_json::json!([]));
}
