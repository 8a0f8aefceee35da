//! What somebody tries who means harm, as far as no other test is about it.

use std::sync::atomic::{AtomicBool, Ordering};

use wharfside::web::access::{Need, RULES};

use crate::app::{TestApp, file};
use crate::command::eventually;
use crate::people::{Credentials, PASSWORD};

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

/// Whoever may only ask what the protocol can do must not do it by saying that he means another method.
#[test]
fn an_override_is_no_way_around_a_rule() {
    let (app, _) = TestApp::with_owner(&[]);
    let begin = [
        ("tus-resumable", "1.0.0"),
        ("upload-length", "5"),
        ("upload-concat", "partial"),
        ("x-http-method-override", "POST"),
    ];
    for method in ["OPTIONS", "GET", "HEAD"] {
        let answer = app.call(method, "/uploads", &begin, None);
        assert_eq!(answer.status, 401, "{method}");
    }
    assert_eq!(app.call("POST", "/uploads", &begin, Some(b"")).status, 401);
    // Nor around the look at which site a request comes from.
    let open = TestApp::start();
    let elsewhere = [
        ("x-http-method-override", "DELETE"),
        ("sec-fetch-site", "cross-site"),
    ];
    let upload = format!("/uploads/{}", "0".repeat(32));
    assert_eq!(open.call("GET", &upload, &elsewhere, None).status, 403);
}

#[test]
fn what_was_deleted_moves_with_its_folder() {
    let (app, olga) = TestApp::with_owner(&[]);
    let bob = app.let_in("Bob", "member");
    app.store("company/hr/keep.txt", &olga, b"kept");
    let id = app.store("company/hr/salary.txt", &olga, b"deleted");
    app.share("company", &olga, "write", "", "");
    app.share("company/hr", &olga, "none", "", "");
    assert_eq!(
        app.ask("DELETE", &file("company/hr/salary.txt"), &olga, None)
            .status,
        200
    );
    let move_to = |from, to| {
        let fields = [("from", from), ("to", to)];
        assert_eq!(app.send("/folders/rename", &olga, &fields).status, 303);
    };
    let told = || crate::events::first_message(&app, "?after=0", &bob).to_string();
    for (from, to) in [
        ("company/hr", "company/people"),
        ("company/people", "staff"),
    ] {
        move_to(from, to);
        assert_eq!(
            app.look(&format!("/download/{id}"), &bob).status,
            404,
            "{to}"
        );
        assert!(!app.look("/trash", &bob).text().contains("salary"), "{to}");
        let told = told();
        assert!(
            !told.contains("salary") && !told.contains("keep"),
            "{to}: {told}"
        );
    }
    // It comes back to where its folder is now.
    assert_eq!(
        app.send(&format!("/files/{id}/restore"), &olga, &[]).status,
        303
    );
    assert_eq!(app.look(&file("staff/salary.txt"), &olga).body, b"deleted");
}

#[test]
fn a_token_for_a_folder_knows_no_links_or_searches_of_others() {
    let (app, olga) = TestApp::with_owner(&[]);
    let ada = app.let_in("Ada", "member");
    app.store("Ada/priv/a.txt", &ada, b"words");
    app.store("Ada/sub/b.txt", &ada, b"words");
    let link = app.link(&ada, &[("kind", "folder"), ("folder", "Ada/priv")]);
    app.send(
        "/searches",
        &ada,
        &[("name", "my secret search"), ("q", "words")],
    );
    for token in [
        app.token(&ada, "write", "Ada/sub", ""),
        app.token(&ada, "admin", "Ada/sub", ""),
        app.token(&ada, "read", "", ""),
    ] {
        let page = app.look("/links", &token);
        assert!(
            page.status == 403 && !page.text().contains(&link),
            "{}",
            page.text()
        );
        assert_eq!(app.send("/links/1/revoke", &token, &[]).status, 403);
        assert!(
            !app.look("/search", &token)
                .text()
                .contains("my secret search")
        );
    }
    assert_eq!(app.fetch(&link).status, 200);
    assert!(app.look("/links", &olga).text().contains(&link));
}

#[test]
fn downloads_by_a_link_are_counted_however_they_are_asked_for() {
    let (app, olga) = TestApp::with_owner(&[]);
    let id = app.store("a.txt", &olga, b"the letter").to_string();
    app.store("docs/b.txt", &olga, b"deep");
    let get = |target: &str, range: &str| app.call("GET", target, &[("range", range)], None);
    for range in [
        "x",
        "Bytes=0-",
        "bytes=0 -",
        "bytes=-10",
        "bytes=0-3",
        "bytes=1-",
        "bytes=4-5,6-",
    ] {
        let link = app.link(&olga, &[("kind", "file"), ("file", &id), ("uses", "1")]);
        let first = get(&format!("{link}/get"), range);
        assert!(first.status < 300, "{range}: {}", first.status);
        assert_eq!(get(&format!("{link}/get"), "x").status, 404, "{range}");
    }
    let archive = app.link(
        &olga,
        &[("kind", "folder"), ("folder", "docs"), ("uses", "1")],
    );
    let archive = format!("{archive}/zip");
    assert_eq!(get(&archive, "bytes=0-1").status, 206);
    assert_eq!(get(&archive, "bytes=0-1,135-").status, 200);
    assert_eq!(get(&archive, "bytes=9-").status, 206);
    assert_eq!(get(&archive, "x").status, 404);
    assert_eq!(get(&archive, "bytes=0-1,135-").status, 404);
    // The rest of what broke off is no other download, also after the last one.
    let link = app.link(&olga, &[("kind", "file"), ("file", &id), ("uses", "1")]);
    assert_eq!(app.fetch(&format!("{link}/get")).status, 200);
    assert_eq!(get(&format!("{link}/get"), "bytes=4-").body, b"letter");
    assert_eq!(app.fetch(&format!("{link}/get")).status, 404);
}

#[test]
fn who_stores_it_pays_for_it() {
    let (app, olga) = TestApp::with_owner(&[]);
    let (ada, bob) = (app.let_in("Ada", "member"), app.let_in("Bob", "member"));
    for id in [2, 3] {
        let fields = [("role", "member"), ("quota_bytes", "1000")];
        let set = app.send(&format!("/accounts/{id}/change"), &olga, &fields);
        assert_eq!(set.status, 303, "{}", set.text());
    }
    app.store("shared/a.txt", &olga, b"of the owner");
    app.share("shared", &olga, "write", "", "");
    // A new content of somebody else's file counts against whoever stores it.
    let put = |bytes: usize| app.ask("PUT", &file("shared/a.txt"), &bob, Some(&vec![b'x'; bytes]));
    assert_eq!(put(600).status, 200);
    assert_eq!(put(600).status, 507);
    assert_eq!(
        app.ask("PUT", &file("Bob/own"), &bob, Some(&[0; 500]))
            .status,
        507
    );
    // By a link it counts against whoever made the link, and strangers hear nothing of where it leads.
    let link = app.link(&ada, &[("kind", "drop"), ("folder", "Ada")]);
    let drop = |bytes: usize| {
        let part = "--x\r\ncontent-disposition: form-data; name=\"file\"; filename=\"f\"\r\n\r\n";
        let body = [part.as_bytes(), &vec![b'x'; bytes], b"\r\n--x--\r\n"].concat();
        let kind = ("content-type", "multipart/form-data; boundary=x");
        app.call("POST", &format!("{link}/drop"), &[kind], Some(&body))
    };
    assert_eq!(drop(700).status, 200);
    let past = drop(700);
    assert_eq!(past.status, 507);
    for word in ["Ada", "1000", "bytes"] {
        assert!(!past.text().contains(word), "{}", past.text());
    }
    // What is deleted for good is paid back to each.
    let entry = app.look_json("/api/v1/entries?folder=shared", &olga)["files"][0]["id"].clone();
    for act in ["trash", "purge"] {
        assert_eq!(
            app.send(&format!("/files/{entry}/{act}"), &olga, &[])
                .status,
            303
        );
    }
    assert_eq!(
        app.ask("PUT", &file("Bob/own"), &bob, Some(&[0; 500]))
            .status,
        201
    );
    app.assert_sound();
}

#[test]
fn unfinished_uploads_count_against_a_quota() {
    let (app, olga) = TestApp::with_owner(&[]);
    let ada = app.let_in("Ada", "member");
    let fields = [("role", "member"), ("quota_bytes", "1000")];
    assert_eq!(app.send("/accounts/2/change", &olga, &fields).status, 303);
    let begin = |extra: &[(&str, &str)]| {
        let mut headers = vec![("tus-resumable", "1.0.0")];
        headers.extend(extra);
        headers.extend(ada.0.iter().map(|(name, value)| (*name, value.as_str())));
        app.call("POST", "/uploads", &headers, Some(b""))
    };
    let add = |upload: &str, bytes: usize| {
        let mut headers = vec![
            ("tus-resumable", "1.0.0"),
            ("upload-offset", "0"),
            ("content-type", "application/offset+octet-stream"),
        ];
        headers.extend(ada.0.iter().map(|(name, value)| (*name, value.as_str())));
        app.call("PATCH", upload, &headers, Some(&vec![0; bytes]))
            .status
    };
    let part = [("upload-concat", "partial"), ("upload-length", "600")];
    let first = begin(&part);
    assert_eq!(first.status, 201);
    assert_eq!(begin(&part).status, 507);
    let later = [("upload-concat", "partial"), ("upload-defer-length", "1")];
    let later = begin(&later);
    assert_eq!(later.status, 201);
    assert_eq!(add(later.header("location"), 500), 507);
    assert_eq!(add(later.header("location"), 300), 204);
    assert_eq!(add(first.header("location"), 600), 204);
}

#[test]
fn a_revoked_token_hears_nothing_more() {
    let (app, _) = TestApp::with_owner(&[]);
    let ada = app.let_in("Ada", "member");
    let token = app.token(&ada, "read", "", "");
    let mut listener = crate::events::Listener::by(&app, &token);
    listener.hear();
    let page = app.look("/account", &ada).text();
    let at = page.find("/account/tokens/").unwrap();
    let revoke = &page[at..at + page[at..].find('"').unwrap()];
    assert_eq!(app.send(revoke, &ada, &[]).status, 303);
    app.store("Ada/after.txt", &ada, b"unheard");
    // The stream ends, and nothing came before its end.
    assert!(listener.next().is_none());
}

#[test]
fn what_happens_out_of_sight_is_not_even_said_to_happen() {
    let (app, olga) = TestApp::with_owner(&[]);
    let rita = app.let_in("Rita", "reader");
    app.store("open/a.txt", &olga, b"seen");
    app.share("open", &olga, "read", "", "");
    // That what she sees can be found by now is told to her, and may be.
    eventually("it to be searchable", || {
        (app.look_json("/api/v1/search?q=seen", &olga)["total"] == 1).then_some(())
    });
    let mut told = crate::events::Listener::by(&app, &rita);
    told.hear();
    let mut owners = crate::events::Listener::by(&app, &olga);
    for n in 0..3 {
        app.store(&format!("hidden/{n}.txt"), &olga, b"unseen");
        // Told to whoever may know of it, so others would have been told as well.
        owners.wait_for(&format!("{n}.txt"));
    }
    app.store("open/b.txt", &olga, b"seen, too");
    // The first that is told is what may be known.
    let next = told.hear();
    assert_eq!(next["changes"][0]["path"], "open/b.txt", "{next}");
}

#[test]
fn undo_says_nothing_of_what_others_deleted_out_of_sight() {
    let (app, olga) = TestApp::with_owner(&[]);
    let bob = app.let_in("Bob", "member");
    let id = app.store("hidden.txt", &olga, b"x");
    app.ask("DELETE", &file("hidden.txt"), &olga, None);
    let undo = |last: &str| app.send("/selection/undo", &bob, &[("first", "1"), ("last", last)]);
    let (before, with) = (undo("1"), undo("1000"));
    assert_eq!((before.status, before.body), (with.status, with.body));
    assert_eq!(app.look(&format!("/download/{id}"), &olga).status, 200);
    assert!(app.look("/trash", &olga).text().contains("hidden.txt"));
}

#[test]
fn spelling_does_not_tell_which_words_others_files_have() {
    let (app, olga) = TestApp::with_owner(&[]);
    let ada = app.let_in("Ada", "member");
    app.store("Ada/a.txt", &ada, b"quizzlewumb grandiflorab");
    app.store("hidden/b.txt", &olga, b"quizzlewump");
    eventually("all to be searchable", || {
        (app.look_json("/api/v1/search?q=quizzlewump", &olga)["total"] == 1).then_some(())
    });
    let suggested = |word: &str| {
        let found = app.look_json(&format!("/api/v1/search?q={word}"), &ada);
        found["spelling"]["query"].clone()
    };
    assert_eq!(suggested("grandiflorap"), "grandiflorab");
    assert_eq!(suggested("quizzlewump"), "quizzlewumb");
}

#[test]
fn guesses_at_one_name_count_at_no_other() {
    let (app, olga) = TestApp::with_owner(&[]);
    let from = |address: &str, name: &str, password: &str| {
        let body = format!(
            "name={}&password={}",
            crate::app::encode(name),
            password.replace(' ', "+")
        );
        let headers = [
            ("content-type", "application/x-www-form-urlencoded"),
            ("x-forwarded-for", address),
        ];
        app.call("POST", "/sign-in", &headers, Some(body.as_bytes()))
            .status
    };
    assert_eq!(from("203.0.113.7", "Olga", PASSWORD), 303);
    for n in 0..8 {
        from(&format!("198.51.100.{n}"), "olga from 203.0.113.7", "x");
        from(&format!("198.51.100.{n}"), "Olga", "x");
    }
    // Where she is signed in, none of that counts; elsewhere it does.
    assert_eq!(from("203.0.113.7", "Olga", PASSWORD), 303);
    assert_eq!(from("198.51.100.99", "Olga", PASSWORD), 429);
    // One network is one address.
    let statuses: Vec<_> = (0..9)
        .map(|n| from(&format!("2001:db8::{n}"), &format!("nobody {n}"), "x"))
        .collect();
    assert!(statuses.contains(&429), "{statuses:?}");
    // However long a name is, little of it is kept.
    let long = from("192.0.2.1", &"x".repeat(500_000), "x");
    assert!(long < 500, "{long}");
    assert_eq!(app.look("/account", &olga).status, 200);
}

#[test]
fn nobody_hears_whether_there_is_such_an_account() {
    let (app, _) = TestApp::with_owner(&[]);
    app.let_in("Mia", "member");
    let answer = |name: &str| {
        let fields = [("name", name), ("password", "not the password")];
        let answer = app.send("/sign-in", &Credentials::none(), &fields);
        (answer.status, answer.text().replace(name, "NAME"))
    };
    assert_eq!(answer("Mia"), answer("Nia"));
}

#[test]
fn passwords_of_links_cannot_be_guessed_fast() {
    let (app, olga) = TestApp::with_owner(&[]);
    let id = app.store("a.txt", &olga, b"x").to_string();
    let link = app.link(
        &olga,
        &[("kind", "file"), ("file", &id), ("password", PASSWORD)],
    );
    let guess = |_| {
        app.send(&link, &Credentials::none(), &[("password", "wrong")])
            .status
    };
    let statuses: Vec<_> = (0..20).map(guess).collect();
    assert!(statuses.contains(&429), "{statuses:?}");
    let log = app.look("/audit?kind=link-password-wrong", &olga).text();
    assert!(log.contains("127.0.0.1"), "{log}");
}

#[test]
fn no_secret_of_a_link_is_logged_however_it_is_asked_for() {
    let (app, olga) = TestApp::with_owner(&[]);
    let id = app.store("a.txt", &olga, b"x").to_string();
    let link = app.link(&olga, &[("kind", "file"), ("file", &id)]);
    for odd in ["/", "/foo", "/get/", "//", "/uploads/x/y"] {
        app.fetch(&format!("{link}{odd}"));
        app.fetch(&format!("/welcome/{}{odd}", &link[3..]));
    }
    app.fetch("/no/such/page");
    eventually("the last of them to be logged", || {
        app.said().contains("/no/such/page").then_some(())
    });
    assert!(!app.said().contains(&link[6..]), "{}", app.said());
}

#[test]
fn proxies_are_believed_only_if_they_are_trusted() {
    let (app, _) = TestApp::with_owner(&[("TRUSTED_PROXIES", "10.0.0.0/8")]);
    let body = format!("name=Olga&password={}", PASSWORD.replace(' ', "+"));
    let headers = [
        ("content-type", "application/x-www-form-urlencoded"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-for", "203.0.113.7"),
    ];
    let answer = app.call("POST", "/sign-in", &headers, Some(body.as_bytes()));
    let cookie = answer.header("set-cookie");
    assert!(
        !cookie.starts_with("__Host-") && !cookie.contains("Secure"),
        "{cookie}"
    );
    let by = Credentials(vec![(
        "cookie",
        cookie.split(';').next().unwrap().to_owned(),
    )]);
    let log = app.look("/audit?kind=signed-in", &by).text();
    assert!(
        log.contains("127.0.0.1") && !log.contains("203.0.113.7"),
        "{log}"
    );
}

#[test]
fn a_session_that_is_used_lasts_in_the_browser_as_well() {
    let (app, olga) = TestApp::with_owner(&[]);
    assert_eq!(app.look("/account", &olga).header("set-cookie"), "");
    let catalog = rusqlite::Connection::open(app.directory().join("catalog.sqlite")).unwrap();
    catalog
        .execute("UPDATE session SET seen_ms = seen_ms - 7200000", ())
        .unwrap();
    let renewed = app.look("/account", &olga);
    let cookie = renewed.header("set-cookie");
    assert!(
        cookie.starts_with(&olga.0[0].1) && cookie.contains("Max-Age=2592000"),
        "{cookie}"
    );
    assert_eq!(app.look("/account", &olga).header("set-cookie"), "");
}

#[test]
fn the_last_owner_who_can_sign_in_stays_one() {
    let (app, olga) = TestApp::with_owner(&[]);
    let ghost = [("name", "ghost"), ("role", "owner")];
    assert_eq!(app.send("/accounts", &olga, &ghost).status, 200);
    let fields = [("role", "reader"), ("quota_bytes", ""), ("quota_files", "")];
    assert_eq!(app.send("/accounts/1/change", &olga, &fields).status, 409);
    assert_eq!(app.send("/accounts/1/remove", &olga, &[]).status, 409);
    assert_eq!(app.look("/accounts", &olga).status, 200);
    assert_eq!(app.send("/accounts/2/remove", &olga, &[]).status, 303);
}

#[test]
fn a_name_is_no_password_however_it_is_chosen() {
    let (app, olga) = TestApp::with_owner(&[]);
    let name = "zygodactylsmyth";
    let page = app
        .send("/accounts", &olga, &[("name", name), ("role", "member")])
        .text();
    let at = page.find("/welcome/wo_").unwrap();
    let link = &page[at..at + 55];
    let choose = |password| {
        app.send(link, &Credentials::none(), &[("password", password)])
            .status
    };
    assert_eq!(choose(name), 400);
    assert_eq!(choose(PASSWORD), 303);
}

/// What a page must not be shown in, whatever page it is.
#[test]
fn no_page_is_shown_in_a_frame_of_another_site() {
    let (app, olga) = TestApp::with_owner(&[]);
    for target in [
        "/",
        "/sign-in",
        "/account",
        "/accounts",
        "/nothing",
        "/api/v1/entries",
    ] {
        let answer = app.look(target, &olga);
        let policy = answer.header("content-security-policy");
        assert!(
            policy.contains("frame-ancestors 'none'"),
            "{target}: {policy}"
        );
    }
}
