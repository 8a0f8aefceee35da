//! Who may what: every route for every kind of viewer.
//!
//! The routes are those of the table that the router itself asks; what is not in it is answered to
//! nobody, so there is no route that this test does not know. What is taken away while a request is in
//! flight is the table of `hostile_revoked`.

use wharfside::web::access::{Need, RULES};

use crate::app::TestApp;
use crate::people::Credentials;

/// What somebody may in the folder that the requests are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Right {
    None,
    Read,
    Write,
}

/// Somebody who asks.
struct Viewer {
    what: &'static str,
    by: Credentials,
    is_known: bool,
    has_session: bool,
    is_owner: bool,
    changes: bool,
    right: Right,
}

impl Viewer {
    /// An owner in a browser, or a token whose scope says so: no other token is enough.
    fn manages_accounts(&self) -> bool {
        self.is_owner && self.has_session || self.what == "the owner's token for accounts"
    }
}

/// How an answer treats whoever asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Treated {
    /// Has to say who he is first.
    Unknown,
    Forbidden,
    /// As if there were nothing.
    Hidden,
    /// The request was looked at, whatever came of it.
    Admitted,
}

impl Treated {
    fn of(status: u16) -> Self {
        match status {
            401 => Self::Unknown,
            403 => Self::Forbidden,
            404 => Self::Hidden,
            500.. => panic!("a fault of ours: {status}"),
            _ => Self::Admitted,
        }
    }
}

fn viewers(app: &TestApp, olga: Credentials) -> Vec<Viewer> {
    let mia = app.let_in("Mia", "member");
    let max = app.let_in("Max", "member");
    let rita = app.let_in("Rita", "reader");
    let rob = app.let_in("Rob", "reader");
    let rene = app.let_in("Rene", "member");
    let tom = app.let_in("Tom", "member");
    let otto = app.let_in("Otto", "owner");
    app.store("Mia/note.txt", &mia, b"mia's own words");
    app.share("Mia", &mia, "none", "Tom", "write");
    app.share("Mia", &mia, "none", "Tom", "none");
    let catalog = rusqlite::Connection::open(app.directory().join("catalog.sqlite")).unwrap();
    let demoted = "UPDATE account SET role = 'reader' WHERE name = 'Otto'";
    assert_eq!(catalog.execute(demoted, []).unwrap(), 1);
    // A token for a folder that was moved, whose place somebody else's has taken.
    app.store("Mia/place/x.txt", &mia, b"x");
    let moved = app.token(&mia, "write", "Mia/place", "");
    let to = [("from", "Mia/place"), ("to", "Mia/elsewhere")];
    assert_eq!(app.send("/folders/rename", &mia, &to).status, 303);
    app.share("Mia", &mia, "none", "Rita", "read");
    app.share("Mia", &mia, "none", "Rene", "read");
    let mut all = Vec::new();
    let mut add = |what, by, is_known, has_session, is_owner, changes, right| {
        all.push(Viewer {
            what,
            by,
            is_known,
            has_session,
            is_owner,
            changes,
            right,
        });
    };
    let nobody = |by| (by, false, false, false, false, Right::None);
    for (what, (by, a, b, c, d, right)) in [
        ("nobody", nobody(Credentials::none())),
        (
            "a made-up token",
            nobody(Credentials::bearer(&format!("wt_{}", "A".repeat(43)))),
        ),
        (
            "a link's secret as a token",
            nobody(Credentials::bearer(&format!("wl_{}", "A".repeat(43)))),
        ),
        ("a revoked token", {
            let token = app.token(&mia, "admin", "", "");
            let page = app.look("/account", &mia).text();
            let at = page.find("/account/tokens/").unwrap();
            let revoke = &page[at..at + page[at..].find('"').unwrap()];
            assert_eq!(app.send(revoke, &mia, &[]).status, 303);
            nobody(token)
        }),
        ("an ended session", {
            let session = app.sign_in("Mia");
            assert_eq!(app.send("/sign-out", &session, &[]).status, 303);
            nobody(session)
        }),
        ("an account that was removed", {
            let gone = app.let_in("Gone", "owner");
            crate::people::user(app.directory(), &["remove", "Gone"], "");
            nobody(gone)
        }),
        (
            "a reader with whom it is shared",
            (rita, true, true, false, false, Right::Read),
        ),
        (
            "a reader with whom it is not",
            (rob, true, true, false, false, Right::None),
        ),
        (
            "a member with whom it is shared",
            (rene, true, true, false, true, Right::Read),
        ),
        (
            "a member with whom it is not",
            (max.clone(), true, true, false, true, Right::None),
        ),
        (
            "a member who was taken off",
            (tom, true, true, false, true, Right::None),
        ),
        (
            "an owner who was made a reader",
            (otto, true, true, false, false, Right::None),
        ),
        (
            "a token whose folder was moved",
            (moved, true, false, false, true, Right::None),
        ),
        (
            "the member whose it is",
            (mia.clone(), true, true, false, true, Right::Write),
        ),
        (
            "his token to read",
            (
                app.token(&mia, "read", "", ""),
                true,
                false,
                false,
                false,
                Right::Read,
            ),
        ),
        (
            "his token to write",
            (
                app.token(&mia, "write", "", ""),
                true,
                false,
                false,
                true,
                Right::Write,
            ),
        ),
        (
            "his token for everything",
            (
                app.token(&mia, "admin", "", "1"),
                true,
                false,
                false,
                true,
                Right::Write,
            ),
        ),
        (
            "his token for another folder",
            (
                app.token(&mia, "write", "Mia/sub", ""),
                true,
                false,
                false,
                true,
                Right::None,
            ),
        ),
        (
            "another's token",
            (
                app.token(&max, "admin", "", ""),
                true,
                false,
                false,
                true,
                Right::None,
            ),
        ),
        (
            "the owner's token to read",
            (
                app.token(&olga, "read", "", ""),
                true,
                false,
                false,
                false,
                Right::Read,
            ),
        ),
        (
            "the owner's token to write",
            (
                app.token(&olga, "write", "", ""),
                true,
                false,
                false,
                true,
                Right::Write,
            ),
        ),
        (
            "the owner's token for everything",
            (
                app.token(&olga, "admin", "", ""),
                true,
                false,
                true,
                true,
                Right::Write,
            ),
        ),
        (
            "the owner's token for accounts",
            (
                app.token(&olga, "accounts", "", ""),
                true,
                false,
                false,
                false,
                Right::Read,
            ),
        ),
        ("the owner", (olga, true, true, true, true, Right::Write)),
    ] {
        add(what, by, a, b, c, d, right);
    }
    all
}

/// What a route is about, as far as it is about one file or folder.
fn about(route: &str) -> Option<Right> {
    let is_of_file = [
        "/files/",
        "/download/",
        "/shown/",
        "/thumbnail/",
        "/api/v1/files/",
        "/api/v1/entries/{",
    ];
    is_of_file
        .iter()
        .any(|start| route.starts_with(start))
        .then_some(Right::Read)
}

fn expected(method: &str, route: &str, need: Need, viewer: &Viewer) -> Treated {
    let unknown = match viewer.is_known {
        true => Treated::Forbidden,
        false => Treated::Unknown,
    };
    match need {
        // Nothing is behind the secrets that are asked for here.
        Need::Nothing if route.contains("{secret}") => Treated::Hidden,
        Need::Nothing => Treated::Admitted,
        Need::Look if !viewer.is_known => Treated::Unknown,
        Need::Change if !viewer.changes => unknown,
        Need::SignIn if !viewer.has_session => unknown,
        Need::Administer if !viewer.is_owner => unknown,
        Need::SeeAccounts if !viewer.is_owner && !viewer.manages_accounts() => unknown,
        Need::ChangeAccounts if !viewer.manages_accounts() => unknown,
        // No such session, token, link or account.
        _ if need > Need::Look && is_of_none(route) => Treated::Hidden,
        _ if need > Need::Change => Treated::Admitted,
        // A thumbnail of a text: there is none, for whoever asks.
        Need::Look if route == "/thumbnail/{id}" => Treated::Hidden,
        // Storing and deleting what one may not know of must not tell whether it is there.
        Need::Change if method == "PUT" && viewer.right < Right::Write => Treated::Forbidden,
        _ => match (about(route), viewer.right, need) {
            (Some(_), Right::None, _) => Treated::Hidden,
            (Some(_), Right::Read, Need::Change) => Treated::Forbidden,
            _ => Treated::Admitted,
        },
    }
}

/// Routes with an id that is nobody's.
fn is_of_none(route: &str) -> bool {
    [
        "/account/sessions/{",
        "/account/tokens/{",
        "/account/passkeys/{",
        "/accounts/{",
        "/pauses/{",
        "/links/{",
        "/unfinished/{",
        "/uploads/{",
    ]
    .iter()
    .any(|start| route.starts_with(start))
}

/// The address of a route, about a file of Mia's where it is about one.
fn address(route: &str, id: i64, path: &str) -> String {
    let id = match is_of_none(route) && !route.starts_with("/uploads") {
        true => "999999".to_owned(),
        false if route.starts_with("/uploads") => "0123456789abcdef0123456789abcdef".to_owned(),
        false => id.to_string(),
    };
    let secret = match route.starts_with("/welcome") {
        true => format!("wo_{}", "A".repeat(43)),
        false => format!("wl_{}", "A".repeat(43)),
    };
    route
        .replace("{id}", &id)
        .replace("{key}", &"0".repeat(64))
        .replace("{number}", "1")
        .replace("{name}", "nothing.css")
        .replace("{secret}", &secret)
        .replace("{*path}", path)
        .replace("{*folder}", "Mia")
}

fn body(route: &str, id: i64) -> (&'static str, String) {
    let form = "application/x-www-form-urlencoded";
    let fields = match route {
        "/api/v1/entries/lookup" => {
            return (
                "application/json",
                r#"{"paths":["Mia/matrix.txt"]}"#.to_owned(),
            );
        }
        "/api/v1/entries/{id}" => {
            return ("application/json", r#"{"tags":["seen"]}"#.to_owned());
        }
        "/api/v1/files/{*path}" => return ("text/plain", "new words".to_owned()),
        "/uploads/{id}" => return ("application/offset+octet-stream", "x".to_owned()),
        "/upload" => {
            let part =
                "--x\r\ncontent-disposition: form-data; name=\"nothing\"\r\n\r\n\r\n--x--\r\n";
            return ("multipart/form-data; boundary=x", part.to_owned());
        }
        "/files/{id}/rename" => "path=Mia/moved.txt".to_owned(),
        "/files/{id}/tags" => "tags=a".to_owned(),
        "/searches" => "name=&q=a".to_owned(),
        "/download.zip" => format!("id={id}"),
        "/folders/rename" => "from=nowhere&to=elsewhere".to_owned(),
        "/account/password" => "password=b".to_owned(),
        "/account/factor" => "secret=&code=".to_owned(),
        "/account/tokens" => "name=&scope=read".to_owned(),
        "/accounts" => "name=&role=reader".to_owned(),
        "/accounts/{id}/change" => "role=reader".to_owned(),
        "/links" => "kind=nothing".to_owned(),
        "/sharing/{*folder}" | "/sharing/" => {
            "everyone=read&person=nobody+there&may=read".to_owned()
        }
        "/sign-in" => "name=&password=".to_owned(),
        "/sign-in/second" => "step=&code=".to_owned(),
        "/sign-in/passkey/used" | "/account/passkeys/made" => "ceremony=&answer=".to_owned(),
        "/account/confirm" => "confirm-password=a".to_owned(),
        "/welcome/{secret}" | "/s/{secret}" => "password=a".to_owned(),
        "/selection" => "do=nothing".to_owned(),
        "/selection/undo" => "first=1&last=1".to_owned(),
        _ => String::new(),
    };
    (form, fields)
}

/// Where what is expected is not what the table says alone, and why.
fn exception(method: &str, route: &str, viewer: &Viewer) -> Option<&'static [Treated]> {
    use Treated::{Admitted, Forbidden, Hidden, Unknown};
    match (method, route) {
        // A made-up token is refused wherever it is shown.
        _ if !viewer.is_known && viewer.by.0.iter().any(|(name, _)| *name == "authorization") => {
            Some(&[Unknown])
        }
        // No contact is set here.
        (_, "/.well-known/security.txt") => Some(&[Hidden]),
        // The asset is none; that is said to everybody.
        (_, "/assets/{name}") => Some(&[Hidden]),
        // Signing in with nothing is refused as a wrong guess, and after a few with a pause.
        ("POST", "/sign-in") => Some(&[Admitted]),
        // It lies on the way to the one folder of that token, which waits in it.
        ("GET", "/browse/{*folder}")
            if [
                "his token for another folder",
                "a token whose folder was moved",
            ]
            .contains(&viewer.what) =>
        {
            Some(&[Admitted])
        }
        // Listings of a folder that is not there for somebody are empty, and say 404.
        ("GET", "/browse/{*folder}") if viewer.is_known && viewer.right == Right::None => {
            Some(&[Hidden])
        }
        // Somebody else's folder: who may know of it is told that it is not his to share.
        ("GET", "/sharing/{*folder}") if viewer.changes && viewer.right == Right::None => {
            Some(&[Hidden])
        }
        ("POST", "/sharing/{*folder}") if viewer.changes => Some(match viewer.right {
            Right::None => &[Hidden],
            Right::Read => &[Forbidden],
            // A token to write does not say who else may.
            Right::Write => &[Admitted, Forbidden],
        }),
        // The root is the owner's.
        ("POST", "/sharing/") if viewer.changes => Some(&[Admitted, Forbidden, Hidden]),
        ("GET", "/sharing/") if viewer.changes => Some(&[Admitted, Hidden]),
        // An upload takes no POST, whoever's it is.
        ("POST", "/uploads/{id}") if viewer.changes => Some(&[Admitted]),
        // Nothing named is there to be moved, or undone.
        ("POST", "/folders/rename") if viewer.changes => Some(&[Hidden]),
        ("POST", "/selection/undo") if viewer.changes => Some(&[Admitted]),
        // An archive of what one may not see is an archive of nothing.
        ("POST", "/download.zip") if viewer.is_known && viewer.right == Right::None => {
            Some(&[Hidden])
        }
        _ => None,
    }
}

#[test]
fn every_route_answers_each_viewer_as_its_rule_says() {
    let (app, olga) = TestApp::with_owner(&[]);
    let viewers = viewers(&app, olga.clone());
    let (mut checked, mut wrong) = (0, Vec::new());
    for (number, (method, route, need)) in RULES.iter().enumerate() {
        for (at, viewer) in viewers.iter().enumerate() {
            // Some requests end what they are about, or their viewer.
            if *route == "/sign-out" || *route == "/account/sessions/end" {
                continue;
            }
            let path = format!("Mia/{number}-{at}.txt");
            let id = app.store(&path, &olga, path.as_bytes());
            let (kind, body) = body(route, id);
            let target = address(route, id, &path);
            let headers: Vec<_> = viewer.by.0.iter().map(|(n, v)| (*n, v.as_str())).collect();
            let mut all = vec![
                ("content-type", kind),
                ("tus-resumable", "1.0.0"),
                ("upload-offset", "0"),
            ];
            all.extend(headers);
            let sent = (*method != "GET" && *method != "OPTIONS").then_some(body.as_bytes());
            // A stream of events has no end to wait for.
            let status = match *route {
                "/api/v1/events" => status_of(&app, &target, viewer),
                _ => app.call(method, &target, &all, sent).status,
            };
            let treated = Treated::of(status);
            let what = format!("{method} {target} by {}: {status}", viewer.what);
            let expected = match exception(method, route, viewer) {
                Some(allowed) => allowed.to_vec(),
                None => vec![expected(method, route, *need, viewer)],
            };
            if !expected.contains(&treated) {
                wrong.push(format!("{what}, not {expected:?}"));
            }
            checked += 1;
        }
    }
    assert_none(&wrong, checked, 1_000);
}

fn assert_none(wrong: &[String], checked: usize, at_least: usize) {
    let wrong_ones = wrong.join("\n");
    assert!(
        wrong.is_empty(),
        "{} of {checked}:\n{wrong_ones}",
        wrong.len()
    );
    assert!(checked > at_least, "{checked}");
}

/// Of an answer that never ends.
fn status_of(app: &TestApp, target: &str, viewer: &Viewer) -> u16 {
    use std::io::{BufRead, BufReader, Write};
    let mut stream = app.connect();
    let mut request = format!("GET {target} HTTP/1.1\r\nhost: {}\r\n", app.address());
    for (name, value) in &viewer.by.0 {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    stream
        .write_all(format!("{request}\r\n").as_bytes())
        .unwrap();
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).unwrap();
    line.split(' ').nth(1).unwrap().parse().unwrap()
}

/// The routes as the sources say them: each `.route("…")`, and each operation of the API.
fn routes_in_the_sources() -> std::collections::BTreeSet<String> {
    let mut found = std::collections::BTreeSet::new();
    let mut folders = vec![std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/web")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            // Unit tests have routers of their own.
            let code = match path.to_str().unwrap().contains("/tests") {
                true => "",
                false => text.split("#[cfg(test)]\nmod tests {").next().unwrap(),
            };
            for start in [".route(", "path = "] {
                let quoted = code.split(start).skip(1).map(|rest| rest.trim_start());
                let quoted = quoted.filter_map(|rest| rest.strip_prefix('"')?.split('"').next());
                found.extend(
                    quoted
                        .filter(|path| path.starts_with('/'))
                        .map(str::to_owned),
                );
            }
        }
    }
    found
}

#[test]
fn every_route_of_the_router_has_a_rule() {
    let found = routes_in_the_sources();
    assert!(found.len() > 60, "{found:?}");
    let plain = |route: &str| route.replace("{*", "{");
    let known: std::collections::BTreeSet<_> =
        RULES.iter().map(|(_, route, _)| plain(route)).collect();
    let missing: Vec<_> = found
        .iter()
        .filter(|route| !known.contains(&plain(route)))
        .collect();
    assert!(missing.is_empty(), "without a rule: {missing:?}");
}

/// Links as viewers: what each opens, in each state that it can be in.
#[test]
fn links_answer_by_what_they_open_and_only_while_they_do() {
    let (app, olga) = TestApp::with_owner(&[]);
    let id = app.store("docs/a.txt", &olga, b"words").to_string();
    app.store("docs/deep/b.txt", &olga, b"words");
    let make = |kind: &str, extra: &[(&str, &str)]| {
        let mut fields = vec![("kind", kind), ("file", id.as_str()), ("folder", "docs")];
        fields.retain(|(name, _)| (*name == "file") == (kind == "file") || *name == "kind");
        fields.extend(extra);
        app.link(&olga, &fields)
    };
    let states: &[(&str, &[(&str, &str)])] = &[
        ("live", &[]),
        ("locked", &[("password", crate::people::PASSWORD)]),
        ("expired", &[("days", "1")]),
        ("revoked", &[]),
        ("used up", &[("uses", "1")]),
        ("moved", &[]),
        ("of a demoted maker", &[]),
    ];
    app.let_in("Rita", "reader");
    let catalog = rusqlite::Connection::open(app.directory().join("catalog.sqlite")).unwrap();
    let (mut wrong, mut checked) = (Vec::new(), 0);
    for kind in ["file", "folder", "drop"] {
        for (state, extra) in states {
            let link = make(kind, extra);
            let change = match *state {
                "expired" => "UPDATE share_link SET expires_ms = 1 WHERE secret = ?1",
                "revoked" => "DELETE FROM share_link WHERE secret = ?1",
                "used up" => "UPDATE share_link SET uses_left = 0 WHERE secret = ?1",
                "of a demoted maker" => {
                    "UPDATE share_link SET account_id = (SELECT id FROM account WHERE name = 'Rita')
                     WHERE secret = ?1"
                }
                _ => "SELECT 1 WHERE ?1 IS NULL",
            };
            let secret = link.strip_prefix("/s/").unwrap();
            let mut change = catalog.prepare(change).unwrap();
            let _ = change.query([secret]).unwrap().next().unwrap();
            let places = ["docs", "docs before"];
            let rename = |from: &str, to: &str| {
                let answer = app.send("/folders/rename", &olga, &[("from", from), ("to", to)]);
                assert_eq!(answer.status, 303, "{}", answer.text());
            };
            if *state == "moved" {
                rename(places[0], places[1]);
            }
            for (method, route, _) in RULES
                .iter()
                .filter(|(_, route, _)| route.starts_with("/s/"))
            {
                let target = route
                    .replace("/s/{secret}", &link)
                    .replace(
                        "{*path}",
                        if route.contains("/get/") {
                            "a.txt"
                        } else {
                            "deep"
                        },
                    )
                    .replace("{id}", &"0".repeat(32));
                let treated = treated_by(&app, method, route, &target);
                let expected = of_link(kind, state, method, route);
                if !expected.contains(&treated) {
                    wrong.push(format!(
                        "{method} {route}, {state} {kind}: {treated:?}, not {expected:?}"
                    ));
                }
                checked += 1;
            }
            if *state == "moved" {
                rename(places[1], places[0]);
            }
        }
    }
    assert_none(&wrong, checked, 100);
}

fn treated_by(app: &TestApp, method: &str, route: &str, target: &str) -> Treated {
    let kind = match route.ends_with("/drop") {
        true => "multipart/form-data; boundary=x",
        false if method == "PATCH" => "application/offset+octet-stream",
        false => "application/x-www-form-urlencoded",
    };
    let headers = [
        ("content-type", kind),
        ("tus-resumable", "1.0.0"),
        ("upload-length", "1"),
        ("upload-offset", "0"),
    ];
    let body = (method != "GET").then_some(&b"password=wrong"[..]);
    Treated::of(app.call(method, target, &headers, body).status)
}

fn of_link(kind: &str, state: &str, method: &str, route: &str) -> &'static [Treated] {
    use Treated::{Admitted, Hidden, Unknown};
    let is_page = ["/s/{secret}", "/s/{secret}/in/{*path}"].contains(&route);
    let is_upload = route.contains("/uploads/{id}");
    match state {
        "expired" | "revoked" | "of a demoted maker" => return &[Hidden],
        // Uploads that were begun go on, so their address is one still; there is none of that id.
        "used up" if is_upload && method == "POST" && kind == "drop" => return &[Admitted],
        "used up" => return &[Hidden],
        "locked" if is_page => return &[Admitted],
        "locked" => return &[Unknown],
        _ => {}
    }
    match (kind, route) {
        // A wrong password, or none is asked for.
        _ if method == "POST" && route == "/s/{secret}" => &[Admitted],
        _ if is_upload && method == "POST" && kind == "drop" => &[Admitted],
        _ if is_upload => &[Hidden],
        (_, "/s/{secret}") => &[Admitted],
        ("file", "/s/{secret}/get") => &[Admitted],
        // A link to a file shows the file, whatever stands behind it.
        ("file", "/s/{secret}/in/{*path}") => &[Admitted, Hidden],
        ("folder", "/s/{secret}/in/{*path}" | "/s/{secret}/get/{*path}" | "/s/{secret}/zip") => {
            &[Admitted]
        }
        ("drop", "/s/{secret}/drop" | "/s/{secret}/uploads" | "/s/{secret}/uploads/") => {
            &[Admitted]
        }
        ("drop", "/s/{secret}/in/{*path}") => &[Admitted, Hidden],
        _ => &[Hidden],
    }
}
