//! What somebody tries who finds a browser open, or has a token: to let themselves in for good.

use wharfside::web::access::CONFIRMED;

use crate::app::{Answer, TestApp, encode, file};
use crate::passkeys::{ask, hidden, second, with_app};
use crate::people::{Credentials, PASSWORD, user};

const NEW_PASSWORD: &str = "lantern seven quilt harbour";

/// Posts a form as a browser does.
fn submit(app: &TestApp, target: &str, by: &Credentials, fields: &[(&str, &str)]) -> Answer {
    let mut browser = by.clone();
    browser.0.push(("accept", "text/html".to_owned()));
    app.send(target, &browser, fields)
}

fn unescaped(page: &Answer) -> String {
    page.text().replace("&#38;", "&")
}

/// All hidden fields of a page's last form, and others.
fn filled<'a>(page: &'a str, others: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let at = page
        .rfind("<form method=\"post\" action=\"/account/confirm\"")
        .unwrap();
    let fields = page[at..].split("<input type=\"hidden\" name=\"").skip(1);
    let mut all: Vec<_> = fields
        .filter_map(|field| field.split_once("\" value=\""))
        .map(|(name, rest)| (name, rest.split('"').next().unwrap()))
        .filter(|(name, _)| *name != "username")
        .collect();
    all.extend(others);
    all
}

/// Every account as the machine lists it, and what sessions and tokens there are.
fn standing(app: &TestApp) -> String {
    let catalog = rusqlite::Connection::open(app.directory().join("catalog.sqlite")).unwrap();
    let sql = "SELECT json_object(
        'accounts', (SELECT json_group_array(name || role || ifnull(password, '') || (totp IS NULL))
                     FROM account),
        'sessions', (SELECT json_group_array(id) FROM session),
        'tokens', (SELECT json_group_array(id) FROM token),
        'links', (SELECT count(*) FROM one_time_link),
        'codes', (SELECT json_group_array(hex(hash)) FROM recovery_code))";
    catalog.query_row(sql, (), |row| row.get(0)).unwrap()
}

fn fields_of(route: &str) -> &'static [(&'static str, &'static str)] {
    match route {
        "/account/password" => &[("password", NEW_PASSWORD)],
        "/account/tokens" => &[("name", "mine"), ("scope", "admin")],
        "/accounts" => &[("name", "Eve"), ("role", "owner")],
        "/accounts/{id}/change" => &[("role", "owner")],
        "/account/factor" => &[("secret", "JBSWY3DPEHPK3PXP"), ("code", "000000")],
        "/account/passkeys/made" => &[("ceremony", ""), ("answer", "")],
        _ => &[],
    }
}

#[test]
fn a_browser_that_was_left_open_changes_nobodys_way_in() {
    let (app, olga) = TestApp::with_owner(&[]);
    let mia = app.let_in("Mia", "member");
    with_app(&app, &mia);
    app.sign_in("Olga");
    app.forget_confirmations();
    let before = standing(&app);
    for route in CONFIRMED {
        for by in [&olga, &mia] {
            // Olga is the first, Mia the second, and so are their sessions.
            let target = route.replace("{id}", "2").replace("{key}", &"0".repeat(64));
            let answer = app.send(&target, by, fields_of(route));
            let problem = answer.problem(403);
            let is_for_owners = route.starts_with("/accounts") || route.starts_with("/pauses");
            let word = match is_for_owners && by.0 == mia.0 {
                true => "Only an owner",
                false => "/account/confirm",
            };
            assert!(problem.contains(word), "{route}: {problem}");
            let page = submit(&app, &target, by, fields_of(route));
            assert_eq!(page.status, 403, "{route}");
            let asks = page.text().contains("confirm-password");
            assert_eq!(asks, word == "/account/confirm", "{route}: {}", page.text());
        }
    }
    assert_eq!(standing(&app), before);
    // What lets nobody in goes on.
    assert_eq!(app.look("/account", &olga).status, 200);
    assert_eq!(app.send("/sign-out", &olga, &[]).status, 303);
}

#[test]
fn what_was_asked_for_is_done_once_it_is_confirmed() {
    let (app, olga) = TestApp::with_owner(&[]);
    app.forget_confirmations();
    let form = [("name", "Mia & co"), ("role", "member")];
    let page = submit(&app, "/accounts", &olga, &form);
    assert_eq!(
        (page.status, page.header("cache-control")),
        (403, "no-store")
    );
    let wrong = submit(
        &app,
        "/account/confirm",
        &olga,
        &filled(&unescaped(&page), &[("confirm-password", "not it")]),
    );
    assert_eq!(wrong.status, 422);
    let page = unescaped(&wrong);
    let fields = filled(&page, &[("confirm-password", PASSWORD)]);
    let right = submit(&app, "/account/confirm", &olga, &fields);
    // The same form once more, by the browser itself.
    assert_eq!((right.status, right.header("location")), (307, "/accounts"));
    let made = submit(&app, right.header("location"), &olga, &fields);
    assert_eq!(made.status, 200, "{}", made.text());
    assert!(made.text().contains("/welcome/wo_"));
    assert!(user(app.directory(), &["list"], "").contains("Mia & co"));
    // It is not asked for again for a while, and each guess is in the log.
    assert_eq!(app.send("/accounts/2/link", &olga, &[]).status, 200);
    let log = app.look("/audit", &olga).text();
    assert!(
        log.contains("Password and second factor confirmed"),
        "{log}"
    );
    assert!(log.contains("Wrong password or code"), "{log}");
    // Nobody is led elsewhere.
    for then in ["https://evil.example/", "//evil.example", "/upload", ""] {
        let fields = [("confirm-password", PASSWORD), ("confirm-then", then)];
        let answer = app.send("/account/confirm", &olga, &fields);
        let led = (answer.status, answer.header("location"));
        assert_eq!(led, (303, "/account?done=confirmed"), "{then}");
    }
}

#[test]
fn a_second_factor_is_part_of_confirming() {
    let (app, olga) = TestApp::with_owner(&[]);
    let (_, recovery) = with_app(&app, &olga);
    app.forget_confirmations();
    let confirm = |fields: &[(&str, &str)]| app.send("/account/confirm", &olga, fields);
    let is_confirmed = || app.send("/account/sessions/end", &olga, &[]).status == 303;
    // The password alone is not enough.
    let asked = confirm(&[("confirm-password", PASSWORD)]);
    assert_eq!(asked.status, 200);
    assert!(!is_confirmed());
    // The question of a sign-in is another one, and so is this one there.
    let sign_in = ask(&app, "Olga");
    let step = hidden(&sign_in.text(), "step").to_owned();
    let fields = [("confirm-step", step.as_str()), ("confirm-code", &recovery)];
    assert_eq!(confirm(&fields).status, 422);
    let asked_text = asked.text();
    let own = hidden(&asked_text, "confirm-step");
    let elsewhere = [("step", own), ("code", recovery.as_str()), ("next", "/")];
    let elsewhere = app.send("/sign-in/second", &Credentials::none(), &elsewhere);
    assert_eq!(
        (elsewhere.status, elsewhere.header("set-cookie")),
        (422, "")
    );
    assert!(!is_confirmed());
    let wrong = confirm(&[("confirm-step", own), ("confirm-code", "000000")]);
    assert_eq!(wrong.status, 422);
    assert!(!is_confirmed());
    let text = wrong.text();
    let step = hidden(&text, "confirm-step");
    let right = confirm(&[("confirm-step", step), ("confirm-code", &recovery)]);
    assert_eq!(right.status, 303, "{}", right.text());
    assert!(is_confirmed());
}

/// What is asked of one account is not answered by another.
#[test]
fn a_question_to_one_account_confirms_no_other() {
    let (app, olga) = TestApp::with_owner(&[]);
    let mia = app.let_in("Mia", "member");
    let (_, of_mia) = with_app(&app, &mia);
    app.forget_confirmations();
    let asked = app.send("/account/confirm", &mia, &[("confirm-password", PASSWORD)]);
    let text = asked.text();
    let fields = [
        ("confirm-step", hidden(&text, "confirm-step")),
        ("confirm-code", &of_mia),
    ];
    assert_eq!(app.send("/account/confirm", &olga, &fields).status, 422);
    assert_eq!(
        app.send("/account/tokens", &olga, fields_of("/account/tokens"))
            .status,
        403
    );
}

#[test]
fn codes_are_not_guessed_by_confirming_in_between() {
    let (app, olga) = TestApp::with_owner(&[]);
    with_app(&app, &olga);
    let guess = |n: u32| {
        let asked = app.send("/account/confirm", &olga, &[("confirm-password", PASSWORD)]);
        if asked.status == 429 {
            return 429;
        }
        let text = asked.text();
        let code = format!("{n:06}");
        let fields = [
            ("confirm-step", hidden(&text, "confirm-step")),
            ("confirm-code", &code),
        ];
        app.send("/account/confirm", &olga, &fields).status
    };
    assert!((0..20).map(guess).any(|status| status == 429));
}

/// A link that chooses a password lets in without the second factor, but not further than that.
#[test]
fn who_comes_by_a_link_confirms_the_second_factor() {
    let (app, olga) = TestApp::with_owner(&[]);
    with_app(&app, &olga);
    let link = user(app.directory(), &["passwd", "Olga"], "");
    let choose = [("password", NEW_PASSWORD)];
    let come_in = app.send(link.trim(), &Credentials::none(), &choose);
    assert_eq!(come_in.status, 303);
    let cookie = come_in
        .header("set-cookie")
        .split(';')
        .next()
        .unwrap()
        .to_owned();
    let by = Credentials(vec![("cookie", cookie)]);
    assert_eq!(app.look("/account", &by).status, 200);
    for (target, route) in [("/account/factor/remove", ""), ("/accounts", "/accounts")] {
        let answer = app.send(target, &by, fields_of(route));
        assert!(answer.problem(403).contains("/account/confirm"), "{target}");
    }
}

#[test]
fn nobody_makes_a_link_that_chooses_their_own_password() {
    let (app, olga) = TestApp::with_owner(&[]);
    let own_link = |by: &Credentials| app.send("/accounts/1/link", by, &[]);
    assert!(own_link(&olga).problem(403).contains("their own account"));
    let token = app.token(&olga, "accounts", "", "");
    assert!(own_link(&token).problem(403).contains("their own account"));
    assert!(
        !app.look("/accounts", &olga)
            .text()
            .contains("/accounts/1/link")
    );
    // On the machine it remains, and for others as well.
    user(app.directory(), &["passwd", "Olga"], "");
    app.let_in("Mia", "member");
    assert_eq!(app.send("/accounts/2/link", &olga, &[]).status, 200);
}

#[test]
fn tokens_change_accounts_only_if_their_scope_says_so() {
    let (app, olga) = TestApp::with_owner(&[]);
    app.let_in("Mia", "member");
    let before = standing(&app);
    let changes: &[(&str, &[(&str, &str)])] = &[
        ("/accounts", &[("name", "Eve"), ("role", "owner")]),
        ("/accounts/2/link", &[]),
        ("/accounts/2/change", &[("role", "owner")]),
        ("/accounts/2/remove", &[]),
    ];
    for scope in ["read", "write", "admin"] {
        let token = app.token(&olga, scope, "", "");
        for (target, fields) in changes {
            app.send(target, &token, fields).problem(403);
        }
    }
    let without_tokens = |standing: &str| standing.split("\"tokens\"").next().unwrap().to_owned();
    assert_eq!(without_tokens(&standing(&app)), without_tokens(&before));
    // The one that may does that, reads, and nothing else.
    let token = app.token(&olga, "accounts", "", "");
    let statuses: Vec<_> = changes
        .iter()
        .map(|(target, fields)| app.send(target, &token, fields).status)
        .collect();
    assert_eq!(statuses, [200, 200, 303, 303]);
    app.store("a.txt", &olga, b"words");
    assert_eq!(app.look(&file("a.txt"), &token).status, 200);
    assert_eq!(app.look("/accounts", &token).status, 200);
    let put = app.ask("PUT", &file("a.txt"), &token, Some(b"other words"));
    assert_eq!(put.status, 403);
    for target in [
        "/audit",
        "/pauses",
        "/persistence",
        "/account",
        "/links",
        "/trash",
    ] {
        assert_eq!(app.look(target, &token).status, 403, "{target}");
    }
    for route in CONFIRMED
        .iter()
        .filter(|route| route.starts_with("/account/"))
    {
        let answer = app.send(&route.replace("{id}", "1"), &token, fields_of(route));
        assert_eq!(answer.status, 403, "{route}");
    }
    // An owner's alone, and only as long as they are one.
    let mia = app.let_in("Max", "member");
    let fields = [("name", "mine"), ("scope", "accounts")];
    assert_eq!(app.send("/account/tokens", &mia, &fields).status, 403);
    let folder = [fields[0], fields[1], ("folder", "somewhere")];
    assert_eq!(app.send("/account/tokens", &olga, &folder).status, 400);
    let eve = app.let_in("Otto", "owner");
    let token = app.token(&eve, "accounts", "", "");
    let page = app.look("/accounts", &olga).text();
    let at = page.find("<bdi>Otto</bdi>").unwrap();
    let at = at + page[at..].find("/accounts/").unwrap();
    let change = &page[at..at + page[at..].find('"').unwrap()];
    assert_eq!(app.send(change, &olga, &[("role", "member")]).status, 303);
    assert_eq!(app.send("/accounts/1/link", &token, &[]).status, 403);
}

/// As if those who have to wait had gone on for a while, so that they wait for long.
fn go_on_guessing(app: &TestApp) {
    let catalog = rusqlite::Connection::open(app.directory().join("catalog.sqlite")).unwrap();
    let sql = "UPDATE guess SET wrong = 15, last_ms = unixepoch() * 1000 WHERE wrong >= 5";
    assert!(catalog.execute(sql, ()).unwrap() > 0);
}

#[test]
fn owners_see_who_has_to_wait_and_let_them_go_on() {
    let (app, olga) = TestApp::with_owner(&[]);
    let mia = app.let_in("Mia", "member");
    assert!(
        app.look("/pauses", &olga)
            .text()
            .contains("Nobody has to wait")
    );
    let from = |address: &str, name: &str, password: &str| {
        let body = format!(
            "name={}&password={}",
            encode(name),
            password.replace(' ', "+")
        );
        let headers = [
            ("content-type", "application/x-www-form-urlencoded"),
            ("x-forwarded-for", address),
        ];
        app.call("POST", "/sign-in", &headers, Some(body.as_bytes()))
            .status
    };
    // From many addresses, each of which is let try, so that the account waits.
    for n in 0..12 {
        from(&format!("198.51.100.{n}"), "Mia", "x");
    }
    // From one network, at many names, so that the network waits.
    for n in 0..12 {
        from(&format!("2001:db8::{n}"), &format!("<b>nobody {n}\n"), "x");
    }
    go_on_guessing(&app);
    assert_eq!(from("203.0.113.9", "mia", PASSWORD), 429);
    assert_eq!(from("2001:db8::99", "Olga", PASSWORD), 429);
    let page = app.look("/pauses", &olga).text();
    for shown in [
        "<bdi>Mia</bdi>",
        "<bdi>2001:db8::/64</bdi>",
        "waiting since",
    ] {
        assert!(page.contains(shown), "{shown}: {page}");
    }
    assert!(
        !page.contains("198.51.100") && !page.contains("<b>"),
        "{page}"
    );
    for by in [&mia, &app.token(&olga, "accounts", "", "")] {
        assert_eq!(app.look("/pauses", by).status, 403);
    }
    let lift = |shown: &str| {
        let at = page.find(shown).unwrap();
        let at = at + page[at..].find("/pauses/").unwrap();
        page[at..at + page[at..].find('"').unwrap()].to_owned()
    };
    let of_mia = lift("<bdi>Mia</bdi>");
    assert_eq!(app.send(&of_mia, &mia, &[]).status, 403);
    // An open browser or a token that lifts pauses would guess as fast as it likes.
    assert_eq!(
        app.send(&of_mia, &app.token(&olga, "admin", "", ""), &[])
            .status,
        403
    );
    app.forget_confirmations();
    assert_eq!(app.send(&of_mia, &olga, &[]).status, 403);
    let olga = app.sign_in("Olga");
    // Wrong guesses that need not wait yet are no pause, and are counted on.
    let catalog = rusqlite::Connection::open(app.directory().join("catalog.sqlite")).unwrap();
    let key = "0".repeat(64);
    let few = "INSERT INTO guess (key, wrong, last_ms) VALUES (?1, 2, unixepoch() * 1000)";
    catalog.execute(few, [&key]).unwrap();
    assert_eq!(
        app.send(&format!("/pauses/{key}/lift"), &olga, &[]).status,
        404
    );
    let left = "SELECT wrong FROM guess WHERE key = ?1";
    assert_eq!(
        catalog.query_row(left, [&key], |row| row.get::<_, u32>(0)),
        Ok(2)
    );
    assert_eq!(app.send(&of_mia, &olga, &[]).status, 303);
    assert_eq!(from("203.0.113.9", "mia", PASSWORD), 303);
    assert_eq!(app.send(&of_mia, &olga, &[]).status, 404);
    assert_eq!(
        app.send(&lift("<bdi>2001:db8::/64</bdi>"), &olga, &[])
            .status,
        303
    );
    assert_eq!(from("2001:db8::99", "Olga", PASSWORD), 303);
    let log = app.look("/audit?kind=pause-lifted", &olga).text();
    assert!(log.contains("account Mia"), "{log}");
}

/// A name that is tried is shown as nothing but that, whatever it says, and little of it is kept.
#[test]
fn names_that_are_tried_forge_no_line_of_the_pauses() {
    let (app, olga) = TestApp::with_owner(&[]);
    let names = [
        "olga\n203.0.113.7",
        "network 203.0.113.7",
        &"x".repeat(5_000),
    ];
    let catalog = rusqlite::Connection::open(app.directory().join("catalog.sqlite")).unwrap();
    for name in names {
        for n in 0..7 {
            let body = format!("name={}&password=x", encode(name));
            let headers = [
                ("content-type", "application/x-www-form-urlencoded"),
                ("x-forwarded-for", &*format!("198.51.100.{n}")),
            ];
            app.call("POST", "/sign-in", &headers, Some(body.as_bytes()));
        }
        // Addresses are free again for the next name.
        catalog
            .execute("DELETE FROM guess WHERE kind = 'network'", ())
            .unwrap();
    }
    go_on_guessing(&app);
    let page = app.look("/pauses", &olga).text();
    assert_eq!(
        page.matches("there is no such account").count(),
        3,
        "{page}"
    );
    assert!(!page.contains("only from"), "{page}");
    let longest: i64 = catalog
        .query_row("SELECT max(length(shown)) FROM guess", (), |row| row.get(0))
        .unwrap();
    assert!(longest <= 120, "{longest}");
}

/// Whoever signs in with a second factor has confirmed; a step of one is none of the other.
#[test]
fn signing_in_with_both_is_a_confirmation() {
    let (app, olga) = TestApp::with_owner(&[]);
    let (_, recovery) = with_app(&app, &olga);
    let entered = second(&app, &ask(&app, "Olga"), &[("code", &recovery)]);
    assert_eq!(entered.status, 303);
    let cookie = entered
        .header("set-cookie")
        .split(';')
        .next()
        .unwrap()
        .to_owned();
    let by = Credentials(vec![("cookie", cookie)]);
    assert_eq!(
        app.send("/accounts", &by, fields_of("/accounts")).status,
        200
    );
}
