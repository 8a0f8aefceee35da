//! People with accounts: how they come in, what they see of each other, and what ends with them.

use serde_json::{Value, json};

use crate::app::{TestApp, file};
use crate::command::eventually;
use crate::people::{Credentials, PASSWORD, user};

#[test]
fn the_first_owner_comes_in_by_a_link_that_works_once() {
    let app = TestApp::with(&[("ACCESS", "private")]);
    eventually("a link to be logged", || {
        app.said().contains("/welcome/wo_").then_some(())
    });
    let nobody = Credentials::none();
    let page = app.call("GET", "/", &[("accept", "text/html")], None);
    assert_eq!((page.status, page.header("location")), (303, "/sign-in"));
    assert!(
        app.fetch("/sign-in")
            .text()
            .contains("Nobody owns this installation yet")
    );
    let first = user(app.directory(), &["setup-link"], "");
    let link = user(app.directory(), &["setup-link"], "");
    // Each start logs one, and all work until one was used.
    assert_eq!(app.fetch(first.trim()).status, 200);
    let weak = app.send(
        link.trim(),
        &nobody,
        &[("name", "Olga"), ("password", "password12")],
    );
    assert_eq!(weak.status, 400);
    assert!(
        weak.text()
            .contains("among the first that others would guess"),
        "{}",
        weak.text()
    );
    let come_in = |name| {
        app.send(
            link.trim(),
            &nobody,
            &[("name", name), ("password", PASSWORD)],
        )
    };
    assert_eq!(come_in("Olga").status, 303);
    assert_eq!(come_in("Eve").status, 404);
    assert_eq!(app.fetch(first.trim()).status, 404);
    let said = user(app.directory(), &["list"], "");
    assert!(said.starts_with("owner    Olga"), "{said}");
}

#[test]
fn the_environment_may_set_the_owners_password() {
    let mut app = TestApp::with(&[("ACCESS", "private"), ("ADMIN_PASSWORD", PASSWORD)]);
    eventually("the owner to be made", || {
        user(app.directory(), &["list"], "")
            .contains("owner")
            .then_some(())
    });
    let owner = app.sign_in("owner");
    assert_eq!(app.look("/accounts", &owner).status, 200);
    // A start with the same password signs nobody out; one with another does.
    app.restart("same");
    assert_eq!(app.look("/accounts", &owner).status, 200);
    app.set("ADMIN_PASSWORD", "lantern seven quilt harbour");
    app.restart("other");
    eventually("the password to be set", || {
        (app.look("/accounts", &owner).status == 401).then_some(())
    });
}

/// Everything that a program or a page can list.
const LISTS: &[&str] = &[
    "/",
    "/?flat=true",
    "/search?q=secret",
    "/api/v1/entries",
    "/api/v1/search?q=secret",
    "/api/v1/search?q=secrez&fuzzy=true",
    "/api/v1/search?q=sec*",
    "/trash",
    "/browse/Max/",
    "/download.zip?folder=",
];

#[test]
fn members_see_nothing_of_each_other_until_they_share() {
    let (app, olga) = TestApp::with_owner(&[]);
    let (mia, max) = (app.let_in("Mia", "member"), app.let_in("Max", "member"));
    app.store("Mia/own.txt", &mia, b"my own words");
    let id = app.store("Max/secret-plan.txt", &max, b"a secret of mine");
    let trashed = app.store("Max/old-secret.txt", &max, b"another secret");
    assert_eq!(
        app.ask("DELETE", &file("Max/old-secret.txt"), &max, None)
            .status,
        200
    );
    eventually("it to be searchable", || {
        let found = app.look_json("/api/v1/search?q=secret", &olga);
        (found["total"] == 1).then_some(())
    });
    for target in LISTS {
        let answer = app.look(target, &mia);
        let text = answer.text();
        assert!(
            !text.contains("secret-plan") && !text.contains("old-secret"),
            "{target}: {text}"
        );
        assert!(!text.contains("<mark>"), "{target}: {text}");
    }
    let found = app.look_json("/api/v1/search?q=secret", &mia);
    assert_eq!(
        (&found["total"], &found["spelling"]),
        (&json!(0), &Value::Null)
    );
    for id in [id, trashed] {
        for target in [
            "/files/",
            "/download/",
            "/shown/",
            "/api/v1/entries/",
            "/download.zip?id=",
        ] {
            let target = format!("{target}{id}");
            assert_eq!(app.look(&target, &mia).status, 404, "{target}");
        }
    }
    let totals = app.look_json("/api/v1/entries", &mia);
    assert_eq!(
        totals["folders"],
        json!([{"path": "Mia", "files": 1, "bytes": 12}])
    );
    // Writing there does not tell whether something is there.
    let there = app.ask("PUT", &file("Max/secret-plan.txt"), &mia, Some(b"x"));
    let nowhere = app.ask("PUT", &file("Max/nothing.txt"), &mia, Some(b"x"));
    assert_eq!(there.problem(403), nowhere.problem(403));

    app.share("Max", &max, "none", "Mia", "read");
    let found = app.look_json("/api/v1/search?q=secret", &mia);
    assert_eq!(found["total"], 1);
    assert_eq!(
        app.look(&format!("/download/{id}"), &mia).body,
        b"a secret of mine"
    );
    // What was deleted is for those who may put it back.
    assert_eq!(app.look(&format!("/files/{trashed}"), &mia).status, 404);
    assert_eq!(
        app.ask("DELETE", &file("Max/secret-plan.txt"), &mia, None)
            .status,
        403
    );
    app.share("Max", &max, "none", "Mia", "none");
    assert_eq!(app.look(&format!("/download/{id}"), &mia).status, 404);
    app.assert_sound();
}

#[test]
fn a_folder_that_keeps_to_itself_is_not_counted_for_others() {
    let (app, olga) = TestApp::with_owner(&[]);
    let rita = app.let_in("Rita", "reader");
    app.store("team/plan.txt", &olga, b"plan");
    app.store("team/pay/wages.txt", &olga, b"wages");
    app.store("team/pay/open/scale.txt", &olga, b"scale");
    app.share("team", &olga, "read", "", "");
    app.share("team/pay", &olga, "none", "", "");
    app.share("team/pay/open", &olga, "read", "", "");
    let folders = |folder: &str| {
        app.look_json(&format!("/api/v1/entries?folder={folder}"), &rita)["folders"].clone()
    };
    assert_eq!(
        folders(""),
        json!([{"path": "team", "files": 2, "bytes": 9}])
    );
    assert_eq!(
        folders("team"),
        json!([{"path": "team/pay", "files": 1, "bytes": 5}])
    );
    assert_eq!(
        folders("team/pay"),
        json!([{"path": "team/pay/open", "files": 1, "bytes": 5}])
    );
    eventually("all to be searchable", || {
        (app.look_json("/api/v1/search?q=wages+OR+plan+OR+scale", &olga)["total"] == 3)
            .then_some(())
    });
    let found = app.look_json("/api/v1/search?q=wages+OR+plan+OR+scale", &rita);
    assert_eq!(found["total"], 2, "{found}");
    let zip = app.look("/download.zip?folder=team", &rita);
    assert!(!zip.text().contains("wages.txt") && zip.text().contains("scale.txt"));
    // It keeps to itself wherever it is moved.
    let moved = app.send(
        "/folders/rename",
        &olga,
        &[("from", "team"), ("to", "crew")],
    );
    assert_eq!(moved.status, 303);
    assert_eq!(
        folders(""),
        json!([{"path": "crew", "files": 2, "bytes": 9}])
    );
    assert_eq!(
        folders("crew"),
        json!([{"path": "crew/pay", "files": 1, "bytes": 5}])
    );
}

#[test]
fn events_tell_each_only_what_he_may_know() {
    let (app, olga) = TestApp::with_owner(&[]);
    let mia = app.let_in("Mia", "member");
    let id = app.store("Mia/seen.txt", &mia, b"seen");
    app.store("hidden.txt", &olga, b"hidden");
    let moved = app.send(
        &format!("/files/{id}/rename"),
        &olga,
        &[("path", "vault/unseen.txt")],
    );
    assert_eq!(moved.status, 303);
    let told = crate::events::first_message(&app, "?after=0", &mia);
    let changes: Vec<_> = told["changes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|change| {
            format!(
                "{} {}",
                change["kind"].as_str().unwrap(),
                change["path"].as_str().unwrap()
            )
        })
        .collect();
    assert_eq!(changes, ["stored Mia/seen.txt", "trashed Mia/seen.txt"]);
    assert!(!told.to_string().contains("vault"), "{told}");
}

#[test]
fn guessing_is_slowed_down_for_all_processes_together() {
    let (app, olga) = TestApp::with_owner(&[]);
    let other = app.second("other");
    let wrong = |app: &TestApp| {
        let fields = [("name", "OLGA"), ("password", "not the password")];
        app.send("/sign-in", &Credentials::none(), &fields)
    };
    for round in 0..5 {
        let app = if round % 2 == 0 { &app } else { &other };
        assert_eq!(wrong(app).status, 422, "round {round}");
    }
    // Pauses double, so however slowly guesses come, one comes too soon.
    let answer = (0..20).map(|_| wrong(&other));
    let answer = answer.into_iter().find(|answer| answer.status == 429);
    let answer = answer.expect("a guess that comes too soon");
    assert!(!answer.header("retry-after").is_empty());
    assert!(answer.problem(429).contains("try again in"));
    // Who is signed in goes on working, and an owner's link lets in meanwhile.
    assert_eq!(app.look("/accounts", &olga).status, 200);
    let link = user(app.directory(), &["passwd", "Olga"], "");
    let answer = app.send(link.trim(), &Credentials::none(), &[("password", PASSWORD)]);
    assert_eq!(answer.status, 303);
    // Nobody hears whether there is such an account.
    let absent = |_| {
        let fields = [("name", "Nina"), ("password", "x")];
        app.send("/sign-in", &Credentials::none(), &fields).status
    };
    assert!((0..20).map(absent).any(|status| status == 429));
}

#[test]
fn sessions_hold_across_a_redeploy_and_end_everywhere_at_once() {
    let (mut app, olga) = TestApp::with_owner(&[]);
    let second = app.sign_in("Olga");
    let next = app.second("next");
    assert_eq!(next.look("/account", &second).status, 200);
    app.stop();
    assert_eq!(next.look("/account", &olga).status, 200);
    assert_eq!(next.send("/account/sessions/end", &olga, &[]).status, 303);
    assert_eq!(next.look("/account", &second).status, 401);
    assert_eq!(next.look("/account", &olga).status, 200);
}

#[test]
fn what_passwords_take_of_memory_is_given_back() {
    let (app, _) = TestApp::with_owner(&[]);
    let before = app.memory("RssAnon:");
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..4).for_each(|_| drop(app.sign_in("Olga"))));
        }
    });
    // Each takes 19 MiB, two at once.
    eventually("the memory to be given back", || {
        let kept = app.memory("RssAnon:").saturating_sub(before);
        (kept < 16 << 10).then_some(())
    });
}

#[test]
fn cookies_are_out_of_reach_of_scripts_and_other_sites() {
    let (app, _) = TestApp::with_owner(&[]);
    let sign_in = |headers: &[(&str, &str)]| {
        let form = format!("name=Olga&password={}", PASSWORD.replace(' ', "+"));
        let mut all = vec![("content-type", "application/x-www-form-urlencoded")];
        all.extend(headers);
        app.call("POST", "/sign-in", &all, Some(form.as_bytes()))
    };
    let plain = sign_in(&[]);
    let cookie = plain.header("set-cookie");
    assert!(
        cookie.contains("HttpOnly; SameSite=Lax") && !cookie.contains("Secure"),
        "{cookie}"
    );
    let https = sign_in(&[("x-forwarded-proto", "https")]);
    let cookie = https.header("set-cookie").to_owned();
    assert!(
        cookie.starts_with("__Host-")
            && cookie.contains("-wharfside=")
            && cookie.ends_with("; Secure"),
        "{cookie}"
    );
    // A session of one sign-in is never that of another.
    assert_ne!(
        plain.header("set-cookie").split(';').next(),
        sign_in(&[]).header("set-cookie").split(';').next()
    );
    let elsewhere = app.send(
        "/sign-in",
        &Credentials::none(),
        &[
            ("name", "Olga"),
            ("password", PASSWORD),
            ("next", "//evil.example"),
        ],
    );
    assert_eq!(elsewhere.header("location"), "/");
}

#[test]
fn anyone_may_read_where_that_is_said_and_only_accounts_write() {
    let (mut app, olga) = TestApp::with_owner(&[]);
    app.store("notes/open.txt", &olga, b"open words");
    app.store("private/closed.txt", &olga, b"closed words");
    app.share("private", &olga, "none", "", "");
    app.set("ACCESS", "public-read");
    app.restart("public");
    let nobody = Credentials::none();
    app.wait_searchable("notes/open.txt", "open");
    assert_eq!(app.found("words"), ["notes/open.txt"]);
    assert_eq!(
        app.json("/api/v1/entries")["folders"],
        json!([{"path": "notes", "files": 1, "bytes": 10}])
    );
    assert_eq!(app.fetch(&file("private/closed.txt")).status, 404);
    for target in [
        "/trash",
        "/persistence",
        "/metrics",
        "/account",
        "/api/v1/persistence",
    ] {
        assert_eq!(app.fetch(target).status, 401, "{target}");
    }
    assert_eq!(
        app.ask("PUT", &file("notes/new.txt"), &nobody, Some(b"x"))
            .status,
        401
    );
    assert_eq!(
        app.ask("PUT", &file("notes/new.txt"), &olga, Some(b"x"))
            .status,
        201
    );
}

#[test]
fn two_uploads_at_once_cannot_both_take_what_a_quota_leaves() {
    let (app, olga) = TestApp::with_owner(&[("QUOTA_FILES", "3")]);
    app.let_in("Mia", "member");
    let mia = app.sign_in("Mia");
    let id = app.look("/accounts", &olga).text();
    let at = id.find("/accounts/2/change").expect("Mia is the second");
    assert!(at > 0);
    let set = app.send(
        "/accounts/2/change",
        &olga,
        &[("role", "member"), ("quota_bytes", "1000")],
    );
    assert_eq!(set.status, 303);
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let puts = (0..8).map(|n| {
            let (app, mia) = (&app, &mia);
            scope.spawn(move || {
                app.ask("PUT", &file(&format!("Mia/{n}")), mia, Some(&[n; 400]))
                    .status
            })
        });
        let puts: Vec<_> = puts.collect();
        puts.into_iter().map(|put| put.join().unwrap()).collect()
    });
    assert_eq!(
        statuses.iter().filter(|status| **status == 201).count(),
        2,
        "{statuses:?}"
    );
    assert_eq!(
        statuses.iter().filter(|status| **status == 507).count(),
        6,
        "{statuses:?}"
    );
    // The limit for all together holds for the owner, too.
    app.store("one", &olga, b"1");
    let past = app.ask("PUT", &file("two"), &olga, Some(b"2"));
    assert!(past.problem(507).contains("3 files"), "{}", past.text());
    // What is deleted for good makes room.
    let entry = app.ask("DELETE", &file("one"), &olga, None).json();
    assert_eq!(
        app.send(&format!("/files/{}/purge", entry["id"]), &olga, &[])
            .status,
        303
    );
    app.store("two", &olga, b"2");
}

#[test]
fn links_open_what_they_say_and_nothing_else() {
    let (app, olga) = TestApp::with_owner(&[]);
    let id = app.store("docs/a.txt", &olga, b"the letter");
    app.store("docs/deep/b.txt", &olga, b"deep");
    app.store("other.txt", &olga, b"other");
    let nobody = Credentials::none();
    let link = |fields: &[(&str, &str)]| app.link(&olga, fields);
    let one = link(&[("kind", "file"), ("file", &id.to_string()), ("uses", "2")]);
    assert!(app.fetch(&one).text().contains("a.txt"));
    for _ in 0..2 {
        assert_eq!(app.fetch(&format!("{one}/get")).body, b"the letter");
    }
    assert_eq!(app.fetch(&format!("{one}/get")).status, 404);
    assert_eq!(app.fetch(&one).status, 404);

    let docs = link(&[
        ("kind", "folder"),
        ("folder", "docs"),
        ("password", "open sesame now"),
    ]);
    let locked = app.fetch(&docs);
    assert!(!locked.text().contains("a.txt"), "{}", locked.text());
    assert_eq!(app.fetch(&format!("{docs}/get/a.txt")).status, 401);
    assert_eq!(
        app.send(&docs, &nobody, &[("password", "wrong")]).status,
        422
    );
    let opened = app.send(&docs, &nobody, &[("password", "open sesame now")]);
    assert_eq!(opened.status, 303);
    let pair = opened
        .header("set-cookie")
        .split(';')
        .next()
        .unwrap()
        .to_owned();
    let key = Credentials(vec![("cookie", pair)]);
    assert!(app.look(&docs, &key).text().contains("a.txt"));
    assert!(
        app.look(&format!("{docs}/in/deep"), &key)
            .text()
            .contains("b.txt")
    );
    assert_eq!(
        app.look(&format!("{docs}/get/deep/b.txt"), &key).body,
        b"deep"
    );
    assert!(
        app.look(&format!("{docs}/zip"), &key)
            .text()
            .contains("deep/b.txt")
    );
    for outside in [
        "get/../other.txt",
        "get/..%2Fother.txt",
        "in/..",
        "get//other.txt",
    ] {
        let answer = app.look(&format!("{docs}/{outside}"), &key);
        assert!(
            answer.status >= 400 && !answer.text().contains("other</"),
            "{outside}"
        );
    }

    let drop = link(&[
        ("kind", "drop"),
        ("folder", "inbox"),
        ("uses", "2"),
        ("name", "For Olga"),
    ]);
    app.store("inbox/cv.txt", &olga, b"the first");
    let part = |name: &str| {
        format!(
            "--x\r\ncontent-disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\r\nmine\r\n--x--\r\n"
        )
    };
    let send = |name: &str| {
        let kind = ("content-type", "multipart/form-data; boundary=x");
        app.call(
            "POST",
            &format!("{drop}/drop"),
            &[kind],
            Some(part(name).as_bytes()),
        )
    };
    let sent = send("cv.txt");
    assert_eq!(sent.status, 200, "{}", sent.text());
    assert!(
        sent.text().contains("cv.txt") && !sent.text().contains("(2)"),
        "{}",
        sent.text()
    );
    assert_eq!(app.look(&file("inbox/cv.txt"), &olga).body, b"the first");
    assert_eq!(app.look(&file("inbox/cv (2).txt"), &olga).body, b"mine");
    assert!(!app.fetch(&drop).text().contains("cv.txt"));
    assert_eq!(app.fetch(&format!("{drop}/get/cv.txt")).status, 404);
    assert_eq!(send("two.txt").status, 200);
    assert_eq!(send("three.txt").status, 404);
    assert!(
        app.look("/audit", &olga)
            .text()
            .contains("Files dropped by link")
    );
    let narrowed = app.look("/audit?kind=dropped&about=two", &olga).text();
    assert!(narrowed.contains("two.txt") && !narrowed.contains("cv.txt"));
    let far = app.look("/audit?before=18446744073709551615", &olga);
    assert_eq!(far.status, 200);
    // A secret in an address is in no log.
    let logged = app.said();
    assert!(!logged.contains(&one[3..]) && !logged.contains(&drop[3..]));
}

#[test]
fn who_loses_a_folder_loses_what_his_links_show_of_it() {
    let (app, olga) = TestApp::with_owner(&[]);
    let mia = app.let_in("Mia", "member");
    let id = app.store("Mia/a.txt", &mia, b"words");
    let link = app.link(&mia, &[("kind", "file"), ("file", &id.to_string())]);
    assert_eq!(app.fetch(&format!("{link}/get")).status, 200);
    // Nobody makes links to what is not his.
    let other = app.store("olgas.txt", &olga, b"x");
    let made = app.send(
        "/links",
        &mia,
        &[("kind", "file"), ("file", &other.to_string())],
    );
    assert_eq!(made.status, 404);
    user(app.directory(), &["remove", "Mia"], "");
    assert_eq!(app.fetch(&format!("{link}/get")).status, 404);
    assert_eq!(app.look(&file("Mia/a.txt"), &olga).body, b"words");
}

#[test]
fn private_answers_are_kept_by_no_shared_cache() {
    let (app, olga) = TestApp::with_owner(&[]);
    let id = app.store("a.png", &olga, b"\x89PNG\r\n\x1a\n");
    for target in [
        "/",
        "/account",
        "/accounts",
        "/api/v1/entries",
        "/api/v1/search?q=a",
        &format!("/download/{id}"),
        &format!("/files/{id}"),
        "/download.zip?folder=",
    ] {
        let answer = app.look(target, &olga);
        let cache = answer.header("cache-control");
        let is_private = cache.contains("private") || cache.contains("no-store");
        assert!(
            answer.status == 200 && is_private,
            "{target}: {} {cache:?}",
            answer.status
        );
    }
}
