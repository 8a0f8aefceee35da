//! What programs and proxies send that were not made for this server: each of these was somebody's fault report.

use std::fs;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tempfile::TempDir;

use crate::app::{Answer, TestApp, file};
use crate::command::{run, wharfside};
use crate::people::{Credentials, PASSWORD};
use crate::tus::client::metadata;

fn basic(name: &str, password: &str) -> (&'static str, String) {
    let pair = STANDARD.encode(format!("{name}:{password}"));
    ("authorization", format!("Basic {pair}"))
}

/// These headers beside those of somebody.
fn with(by: &Credentials, name: &'static str, value: &str) -> Credentials {
    let mut all = by.clone();
    all.0.push((name, value.to_owned()));
    all
}

#[test]
fn a_password_that_a_proxy_asked_for_is_none_of_ours() {
    let (app, olga) = TestApp::with_owner(&[]);
    app.store("a.txt", &olga, b"x");
    let (name, value) = basic("admin", "of the proxy");
    for target in ["/health/ready", "/sign-in", "/assets/style.css"] {
        let answer = app.call("GET", target, &[(name, &value)], None);
        assert_ne!(answer.status, 401, "{target}");
    }
    let both = with(&olga, name, &value);
    assert_eq!(app.look(&file("a.txt"), &both).status, 200);
    let bearer = with(&olga, name, "Bearer eyJhbGciOiJub25lIn0.e30.");
    assert_eq!(app.look(&file("a.txt"), &bearer).status, 200);
    // Alone it proves nothing, and a token of ours that was revoked is told.
    let alone = Credentials(vec![(name, value)]);
    assert_eq!(app.look(&file("a.txt"), &alone).status, 401);
    let revoked = with(&olga, name, &format!("Bearer wt_{}", "A".repeat(43)));
    assert_eq!(app.look(&file("a.txt"), &revoked).status, 401);
}

#[test]
fn who_knows_only_passwords_sends_a_token_as_one() {
    let (app, olga) = TestApp::with_owner(&[]);
    app.store("a.txt", &olga, b"x");
    let token = app.token(&olga, "read", "", "");
    let token = token.0[0].1.trim_start_matches("Bearer ");
    for (name, password) in [("anybody", token), ("", token), (token, ""), (token, "x")] {
        let by = Credentials(vec![basic(name, password)]);
        assert_eq!(app.look(&file("a.txt"), &by).status, 200);
        assert_eq!(app.ask("PUT", &file("b.txt"), &by, Some(b"y")).status, 403);
    }
}

#[test]
fn cookies_of_other_apps_do_not_hide_ours() {
    let (app, olga) = TestApp::with_owner(&[]);
    app.store("a.txt", &olga, b"x");
    let raw = |cookie: &[u8]| {
        let mut request =
            b"GET /api/v1/files/a.txt HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncookie: "
                .to_vec();
        request.extend(cookie);
        request.extend(b"\r\n\r\n");
        app.raw(&request)
    };
    let own = &olga.0[0].1;
    for cookie in [
        format!("city=Z\u{fc}rich; {own}").into_bytes(),
        [b"latin=Z\xfcrich; ", own.as_bytes()].concat(),
        format!("{own}; quoted=\"a b\"; =; x").into_bytes(),
    ] {
        let answer = raw(&cookie);
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
    assert!(raw(b"wharfside=\xfc").starts_with("HTTP/1.1 401"));
}

#[test]
fn two_installations_on_one_host_leave_each_other_signed_in() {
    let (one, olga) = TestApp::with_owner(&[]);
    let (other, owen) = TestApp::with_owner(&[]);
    let jar = format!("{}; {}", olga.0[0].1, owen.0[0].1);
    let both = Credentials(vec![("cookie", jar)]);
    for app in [&one, &other] {
        assert_eq!(app.look("/account", &both).status, 200);
    }
    // Two cookies of one name are none, whatever there is beside them.
    let doubled = format!(
        "{0}; {0}; wharfside={1}",
        olga.0[0].1,
        olga.0[0].1.split_once('=').unwrap().1
    );
    let doubled = Credentials(vec![("cookie", doubled)]);
    assert_ne!(one.look("/account", &doubled).status, 200);
    // What an earlier release called the cookie is still read.
    let (_, secret) = olga.0[0].1.split_once('=').unwrap();
    let former = Credentials(vec![("cookie", format!("wharfside={secret}"))]);
    assert_eq!(one.look("/account", &former).status, 200);
}

#[test]
fn a_proxy_may_say_for_which_host_it_asks() {
    let (app, _) = TestApp::with_owner(&[]);
    let form = format!("name=Olga&password={}", PASSWORD.replace(' ', "+"));
    let sign_in = |more: &[(&str, &str)]| {
        let mut headers = vec![
            ("content-type", "application/x-www-form-urlencoded"),
            ("origin", "http://files.example"),
        ];
        headers.extend(more);
        app.call("POST", "/sign-in", &headers, Some(form.as_bytes()))
    };
    let refused = sign_in(&[]).problem(403);
    assert!(
        refused.contains("proxy_set_header Host $http_host;"),
        "{refused}"
    );
    let told = sign_in(&[("x-forwarded-host", "files.example")]);
    assert_eq!(told.status, 303, "{}", told.text());
    assert_eq!(sign_in(&[("x-forwarded-host", "evil.example")]).status, 403);
    // Whoever is no proxy of ours can say what they like.
    let (closed, _) = TestApp::with_owner(&[("TRUSTED_PROXIES", "none")]);
    let headers = [
        ("content-type", "application/x-www-form-urlencoded"),
        ("origin", "http://files.example"),
        ("x-forwarded-host", "files.example"),
    ];
    let answer = closed.call("POST", "/sign-in", &headers, Some(form.as_bytes()));
    assert_eq!(answer.status, 403);
}

#[test]
fn dates_help_only_where_they_prove_something() {
    let app = TestApp::start();
    let old = app.put("old.txt", b"old");
    // Within the second that a date names, another content can follow.
    assert_eq!(app.get("old.txt").header("last-modified"), "");
    let earlier = "UPDATE file SET modified_ms = modified_ms - 86400000 WHERE id = ?1";
    let catalog = rusqlite::Connection::open(app.directory().join("catalog.sqlite")).unwrap();
    assert_eq!(catalog.execute(earlier, [old.id]).unwrap(), 1);
    let newer = app.put("here.txt", b"newer");
    let seen = app.get_dated("here.txt").header("last-modified").to_owned();
    assert_eq!(
        app.patch(newer.id, serde_json::json!({"path": "aside.txt"}))
            .status,
        200
    );
    assert_eq!(
        app.patch(old.id, serde_json::json!({"path": "here.txt"}))
            .status,
        200
    );
    let again = app.get_with("here.txt", &[("if-modified-since", &seen)]);
    assert_eq!((again.status, again.text()), (200, "old".to_owned()));
    let over = app.put_with("here.txt", &[("if-unmodified-since", &seen)], b"z");
    assert_eq!(over.status, 412);
    let known = again.header("last-modified").to_owned();
    let same = app.get_with("here.txt", &[("if-modified-since", &known)]);
    assert_eq!(same.status, 304);
    let rest = [("range", "bytes=1-"), ("if-range", &*known)];
    assert_eq!(app.get_with("here.txt", &rest).status, 206);
    let over = app.put_with("here.txt", &[("if-unmodified-since", &known)], b"z");
    assert_eq!(over.status, 200);
}

#[test]
fn an_empty_file_has_all_of_its_bytes_in_any_range() {
    let app = TestApp::start();
    app.put("empty", b"");
    for range in ["bytes=-5", "bytes=0-", "bytes=0-1"] {
        let answer = app.get_with("empty", &[("range", range)]);
        assert_eq!((answer.status, answer.body.len()), (200, 0), "{range}");
    }
    assert_eq!(app.get_with("empty", &[("range", "bytes=7-")]).status, 416);
}

#[test]
fn a_coding_that_is_not_undone_stores_nothing() {
    let app = TestApp::start();
    for coding in ["gzip, chunked", "chunked, chunked", "identity, chunked"] {
        let request = format!(
            "PUT /api/v1/files/a.txt HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
             transfer-encoding: {coding}\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
        );
        let answer = app.raw(request.as_bytes());
        let refused = ["HTTP/1.1 501", "HTTP/1.1 400"].map(|status| answer.starts_with(status));
        assert!(refused.contains(&true), "{coding}: {answer}");
        assert_eq!(app.get("a.txt").status, 404, "{coding}");
    }
    let plain = "PUT /api/v1/files/a.txt HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
                 transfer-encoding: Chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
    assert!(app.raw(plain.as_bytes()).starts_with("HTTP/1.1 201"));
}

#[test]
fn older_announcements_of_a_content_are_checked() {
    let app = TestApp::start();
    for (name, right, wrong) in [
        (
            "content-md5",
            "ZajifYh5KDgxtmS9i38K1A==",
            "1B2M2Y8AsgTpgAmY7PhCfg==",
        ),
        (
            "digest",
            "SHA-256=3/1gIbsr1bCvZ2KQgJ7DpTGR3YHH9wpLKGiKNiGCmG8=",
            "SHA-256=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
        ),
        ("oc-checksum", "ADLER32:1f9e046a", "ADLER32:1f9e046b"),
        (
            "oc-checksum",
            "SHA1:0a0a9f2a6772942557ab5355d76af442f8f65e01",
            "SHA1:0a0a9f2a6772942557ab5355d76af442f8f65e02",
        ),
    ] {
        let refused = app.put_with("a.txt", &[(name, wrong)], b"Hello, World!");
        assert_eq!(refused.status, 400, "{wrong}: {}", refused.text());
        assert_eq!(app.get("a.txt").status, 404, "{wrong}");
        let stored = app.put_with("b.txt", &[(name, right)], b"Hello, World!");
        assert!(
            matches!(stored.status, 200 | 201),
            "{right}: {}",
            stored.text()
        );
    }
    // A large one is refused as well, and nothing of it stays.
    let large = vec![b'x'; 3 << 20];
    let refused = app.put_with("a.txt", &[("oc-checksum", "ADLER32:00000000")], &large);
    assert_eq!(refused.status, 400, "{}", refused.text());
    assert_eq!(app.get("a.txt").status, 404);
}

#[test]
fn resumable_uploads_come_as_clients_send_them() {
    let (app, olga) = TestApp::with_owner(&[]);
    let create = |target: &str, by: &Credentials, told: &str| -> Answer {
        let mut headers = vec![
            ("tus-resumable", "1.0.0"),
            ("content-type", "application/offset+octet-stream"),
            ("upload-length", "1"),
            ("upload-metadata", told),
        ];
        headers.extend(by.0.iter().map(|(name, value)| (*name, value.as_str())));
        app.call("POST", target, &headers, Some(b"x"))
    };
    let undefined = metadata(&[
        ("relativePath", "undefined"),
        ("filename", "named.txt"),
        ("caption", "null"),
        ("folder", "null"),
    ]);
    for told in [format!("{undefined},"), format!("{undefined}, "), undefined] {
        let stored = create("/uploads/", &olga, &told);
        assert_eq!(stored.status, 201, "{}", stored.text());
        assert_eq!(stored.receipt().path.as_str(), "named.txt");
    }
    let only = format!(
        "{},empty",
        metadata(&[("filename", "undefined"), ("name", "a.txt")])
    );
    assert_eq!(
        create("/uploads", &olga, &only).receipt().path.as_str(),
        "a.txt"
    );
    let link = app.link(&olga, &[("kind", "drop"), ("folder", "in")]);
    let dropped = create(&format!("{link}/uploads/"), &Credentials::none(), &only);
    assert_eq!(dropped.status, 201, "{}", dropped.text());
    assert_eq!(app.look(&file("in/a.txt"), &olga).status, 200);
}

fn form(parts: &[(&str, &str)]) -> Vec<u8> {
    let parts = parts.iter().map(|(disposition, content)| {
        format!("--x\r\ncontent-disposition: form-data; name=f; {disposition}\r\n\r\n{content}\r\n")
    });
    (parts.collect::<String>() + "--x--\r\n").into_bytes()
}

#[test]
fn forms_name_files_in_every_way() {
    let app = TestApp::start();
    let send = |parts: &[(&str, &str)]| {
        let headers = [("content-type", "multipart/form-data; boundary=x")];
        app.call("POST", "/upload", &headers, Some(&form(parts)))
    };
    let both = "filename=\"=?utf-8?B?w5xiZXIvdW5z?=\"; filename*=utf-8''%C3%9Cbersicht.txt";
    assert_eq!(send(&[(both, "1")]).status, 200);
    assert_eq!(app.get("\u{dc}bersicht.txt").text(), "1");
    let encoded = "filename=\"=?utf-8?B?w5xiZXIudHh0?=\"";
    assert_eq!(send(&[(encoded, "2")]).status, 200);
    assert_eq!(app.get("\u{dc}ber.txt").text(), "2");
    // A phone calls all its pictures the same.
    let picture = "filename=\"image.jpg\"";
    let sent = send(&[(picture, "one"), (picture, "two"), (picture, "three")]);
    assert_eq!(sent.json()["receipts"].as_array().unwrap().len(), 3);
    let kept = ["image.jpg", "image (2).jpg", "image (3).jpg"].map(|name| app.get(name).text());
    assert_eq!(kept, ["one", "two", "three"]);
    let many: Vec<_> = (0..60).map(|_| ("filename=\"many.txt\"", "m")).collect();
    assert_eq!(send(&many).json()["receipts"].as_array().unwrap().len(), 60);
    assert_eq!(app.get("many (60).txt").text(), "m");
    // In another form, the same name is a new version.
    assert_eq!(send(&[(picture, "four")]).status, 200);
    assert_eq!(app.get("image.jpg").text(), "four");
}

#[test]
fn a_file_and_a_folder_of_one_name_are_both_fetched() {
    let app = TestApp::start();
    app.put("dir", b"a file");
    app.put("dir/inside.txt", b"inside");
    let desk = TempDir::new().unwrap();
    for asked in [&["dir"][..], &[""]] {
        let to = desk.path().join(asked.join("_") + "x");
        let mut command = wharfside(["get", "--server", &app.url("/"), "--to"]);
        let ended = run(
            {
                command.arg(&to).args(asked);
                command
            },
            "",
        );
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        assert!(ended.stderr.contains("dir (2)"), "{}", ended.stderr);
        assert_eq!(fs::read(to.join("dir (2)")).unwrap(), b"a file");
        assert_eq!(fs::read(to.join("dir/inside.txt")).unwrap(), b"inside");
    }
}

#[test]
fn names_beyond_ascii_are_what_curl_takes() {
    let app = TestApp::start();
    app.put("Gr\u{fc}\u{df}e \"1\".txt", b"x");
    let answer = app.raw(
        b"GET /api/v1/files/Gr%C3%BC%C3%9Fe%20%221%22.txt HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n",
    );
    assert!(
        answer.contains(
            "filename=\"Gr\u{fc}\u{df}e _1_.txt\"; filename*=UTF-8''Gr%C3%BC%C3%9Fe%20%221%22.txt"
        ),
        "{answer}"
    );
}

/// Everything that a page or an answer leads to lies below the base.
fn assert_below(base: &str, page: &str) {
    for attribute in [
        " href=\"/",
        " src=\"/",
        " action=\"/",
        " formaction=\"/",
        " data-uploads=\"/",
    ] {
        for (at, _) in page.match_indices(attribute) {
            let address = &page[at + attribute.len() - 1..];
            let address = address.split('"').next().unwrap();
            assert!(address.starts_with(&format!("{base}/")), "{address}");
        }
    }
}

#[test]
fn below_a_path_every_address_has_it() {
    for (environment, sent, header) in [
        (&[("BASE_PATH", "/files")][..], "/files", ""),
        (&[("BASE_PATH", "/files")], "", "/files"),
        (&[], "", "/files"),
    ] {
        let (app, olga) = TestApp::with_owner(environment);
        let mut by = olga.clone();
        if !header.is_empty() {
            by.0.push(("x-forwarded-prefix", header.to_owned()));
        }
        let at = |target: &str| format!("{sent}{target}");
        let stored = app.ask("PUT", &at(&file("a b.txt")), &by, Some(b"harbour"));
        assert_eq!(stored.status, 201, "{}", stored.text());
        assert_eq!(stored.header("location"), "/files/api/v1/files/a%20b.txt");
        let id = stored.receipt().id;
        for target in [
            "/",
            "/search?q=harbour",
            &format!("/files/{id}"),
            "/account",
            "/links",
            "/trash",
        ] {
            let page = app.look(&at(target), &by);
            assert_eq!(page.status, 200, "{target}");
            assert_below("/files", &page.text());
            assert!(page.text().contains("data-base=\"/files/\""), "{target}");
        }
        let page = app.look(&at("/"), &by).text();
        let style = page
            .split("href=\"")
            .find(|part| part.contains(".css"))
            .unwrap();
        let style = style
            .split('"')
            .next()
            .unwrap()
            .strip_prefix("/files")
            .unwrap();
        assert_eq!(app.look(&at(style), &by).status, 200);
        let lost = app.send(
            &at(&format!("/files/{id}/rename")),
            &by,
            &[("path", "c.txt")],
        );
        assert!(
            lost.header("location").starts_with("/files/"),
            "{}",
            lost.header("location")
        );
        let headers = [
            ("content-type", "application/x-www-form-urlencoded"),
            ("x-forwarded-prefix", header),
        ];
        let form = format!("name=Olga&password={}", PASSWORD.replace(' ', "+"));
        let sent_in = app.call("POST", &at("/sign-in"), &headers, Some(form.as_bytes()));
        assert!(
            sent_in.header("set-cookie").contains("; Path=/files/;"),
            "{}",
            sent_in.header("set-cookie")
        );
        assert!(sent_in.header("location").starts_with("/files/"));
        let mut tus = vec![("tus-resumable", "1.0.0"), ("upload-length", "1")];
        tus.extend(by.0.iter().map(|(name, value)| (*name, value.as_str())));
        let begun = app.call("POST", &at("/uploads"), &tus, None);
        assert!(begun.header("location").starts_with("/files/uploads/"));
        let described = app.look_json(&at("/api/v1/openapi.json"), &by);
        assert_eq!(described["servers"][0]["url"], "/files");
        assert_eq!(app.fetch("/health/ready").status, 200);
    }
    // Whoever is no proxy of ours cannot put addresses elsewhere, nor can a path that is none.
    let (app, olga) = TestApp::with_owner(&[("TRUSTED_PROXIES", "none")]);
    let page = app
        .look("/", &with(&olga, "x-forwarded-prefix", "/evil"))
        .text();
    assert!(!page.contains("/evil"));
    let (app, olga) = TestApp::with_owner(&[]);
    let page = app
        .look("/", &with(&olga, "x-forwarded-prefix", "//evil.example"))
        .text();
    assert!(!page.contains("evil"));
}

#[test]
fn programs_work_below_a_path() {
    let app = TestApp::with(&[("BASE_PATH", "/files")]);
    let desk = TempDir::new().unwrap();
    fs::write(desk.path().join("a.txt"), "harbour").unwrap();
    let server = app.url("/files");
    let run_it = |words: &[&str]| {
        let mut command = wharfside(words);
        command
            .env("WHARFSIDE_SERVER", &server)
            .current_dir(desk.path());
        let ended = run(command, "");
        assert_eq!(ended.code, Some(0), "{words:?}: {}", ended.stderr);
        ended.stdout
    };
    run_it(&["put", "a.txt"]);
    assert!(run_it(&["ls"]).contains("a.txt"));
    run_it(&["get", "a.txt", "--to", "back"]);
    assert_eq!(
        fs::read(desk.path().join("back/a.txt")).unwrap(),
        b"harbour"
    );
}
