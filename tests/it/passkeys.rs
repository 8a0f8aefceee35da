//! Passkeys and second factors: in a real browser with a virtual authenticator, and against whoever
//! shows something twice or for somebody else.

use serde_json::json;
use wharfside::auth::totp::SharedSecret;

use crate::app::{Answer, TestApp};
use crate::browser::Browser;
use crate::people::{Credentials, PASSWORD};

/// The address at which browsers use passkeys without TLS.
fn local(app: &TestApp, target: &str) -> String {
    let (_, port) = app.address().rsplit_once(':').unwrap();
    format!("http://localhost:{port}{target}")
}

/// Types name and password where the browser is asked for them.
fn give_password(browser: &Browser) {
    browser.type_into("input[name=name]", "Olga");
    browser.type_into("input[name=password]", PASSWORD);
    browser.click("button.main");
}

fn sign_out(app: &TestApp, browser: &Browser) {
    browser.go(&local(app, "/account"));
    browser.click("form[action='/sign-out'] button");
    browser.wait_text("Password");
}

#[test]
fn chromium_makes_a_passkey_and_signs_in_with_it() {
    let (app, olga) = TestApp::with_owner(&[]);
    let browser = Browser::open();
    browser.add_authenticator();
    browser.go(&local(&app, "/sign-in?next=/account"));
    give_password(&browser);
    browser.wait_text("Where you are signed in");
    browser.click("section[aria-labelledby=factor] details summary");
    browser.type_into(
        "form[action='/account/passkeys'] input[name=name]",
        "my key",
    );
    browser.click("form[action='/account/passkeys'] button");
    browser.wait_text("The passkey is added");
    let codes = browser.run(
        "return [...document.querySelectorAll('.codes code')].map((code) => code.textContent)",
        json!([]),
    );
    assert_eq!(codes.as_array().unwrap().len(), 10);
    sign_out(&app, &browser);

    // With the passkey alone: not even a name is typed, and it goes where it should.
    browser.go(&local(&app, "/sign-in?next=/account"));
    browser.click("form[action='/sign-in/passkey'] button");
    browser.wait_text("my key");
    browser.wait_text("last used");
    browser.wait_text("10\u{a0}recovery codes left");
    sign_out(&app, &browser);

    // Beside the password, which lets nobody in any more by itself.
    give_password(&browser);
    browser.wait_text("Trash");
    assert!(!browser.url().contains("sign-in"), "{}", browser.url());
    let question = app.send(
        "/sign-in",
        &Credentials::none(),
        &[("name", "Olga"), ("password", PASSWORD)],
    );
    assert_eq!((question.status, question.header("set-cookie")), (200, ""));
    let code = codes[0].as_str().unwrap();
    assert_eq!(second(&app, &question, &[("code", code)]).status, 303);
    assert_eq!(browser.complaints(), Vec::<String>::new());

    // The log tells how each came in.
    let log = app.look("/audit?kind=signed-in", &olga).text();
    for by in [
        "password",
        "passkey",
        "password and passkey",
        "password and code",
    ] {
        assert!(log.contains(&format!(">{by}<")), "{by}: {log}");
    }

    // Removed, it lets nobody in, and the password is enough again.
    browser.go(&local(&app, "/account"));
    // It is asked for once more, here with the passkey itself, and then done right away.
    app.forget_confirmations();
    browser.click("details.sure summary");
    browser.click("details.sure button");
    browser.type_into("input[name=confirm-password]", PASSWORD);
    browser.click("button.main");
    browser.wait_text("Removed: the passkey lets nobody in any more.");
    assert!(!browser.text().contains("recovery code"));
    sign_out(&app, &browser);
    browser.click("form[action='/sign-in/passkey'] button");
    browser.wait_text("This passkey is none of this installation's");
    app.sign_in("Olga");
}

#[test]
fn chromium_asks_for_a_password_before_it_makes_a_passkey() {
    let (app, _) = TestApp::with_owner(&[]);
    let browser = Browser::open();
    browser.add_authenticator();
    browser.go(&local(&app, "/sign-in?next=/account"));
    give_password(&browser);
    app.forget_confirmations();
    browser.click("section[aria-labelledby=factor] details summary");
    browser.type_into(
        "form[action='/account/passkeys'] input[name=name]",
        "my key",
    );
    browser.click("form[action='/account/passkeys'] button");
    browser.type_into("input[name=confirm-password]", "not the password");
    browser.click("button.main");
    browser.wait_text("The password is not that.");
    // Once it is right, what was asked for goes on.
    browser.type_into("input[name=confirm-password]", PASSWORD);
    browser.click("button.main");
    browser.wait_text("The passkey is added");
    browser.go(&local(&app, "/account"));
    browser.wait_text("my key");
}

/// Answers the question on a page, and goes on to where it leads.
pub fn second(app: &TestApp, question: &Answer, fields: &[(&str, &str)]) -> Answer {
    let page = question.text();
    let step = hidden(&page, "step");
    let mut all = vec![("step", step), ("next", "/")];
    all.extend(fields);
    app.send("/sign-in/second", &Credentials::none(), &all)
}

/// What a hidden field of a page holds.
pub fn hidden<'a>(page: &'a str, name: &str) -> &'a str {
    let start = format!("name=\"{name}\" value=\"");
    let at = page
        .find(&start)
        .unwrap_or_else(|| panic!("no {name}: {page}"))
        + start.len();
    &page[at..at + page[at..].find('"').unwrap()]
}

/// An account whose second factor is an app; its secret, and a recovery code.
pub fn with_app(app: &TestApp, by: &Credentials) -> (SharedSecret, String) {
    let page = app.look("/account/factor", by).text();
    let text = hidden(&page, "secret");
    let secret = SharedSecret::parse(text).unwrap();
    let code = code_of(&secret);
    let give = |code: &str| {
        let fields = [("secret", text), ("code", code)];
        app.send("/account/factor", by, &fields)
    };
    let wrong = give("000");
    assert_eq!(
        (wrong.status, wrong.header("cache-control")),
        (400, "no-store")
    );
    let set = give(&code);
    assert_eq!(set.status, 200, "{}", set.text());
    assert_eq!(set.header("cache-control"), "no-store");
    let at = set.text().find("<li><code>").unwrap() + 10;
    let recovery = set.text()[at..at + 14].to_owned();
    (secret, recovery)
}

/// The next one: those before it count as used.
pub fn code_of(secret: &SharedSecret) -> String {
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    let app = totp_rs::Builder::new()
        .with_secret(secret.bytes())
        .build()
        .unwrap();
    app.generate(now.as_secs() + 30).to_string()
}

pub fn ask(app: &TestApp, name: &str) -> Answer {
    let fields = [("name", name), ("password", PASSWORD)];
    let question = app.send("/sign-in", &Credentials::none(), &fields);
    assert_eq!((question.status, question.header("set-cookie")), (200, ""));
    question
}

#[test]
fn a_second_factor_is_asked_for_and_each_code_is_good_once() {
    let (app, olga) = TestApp::with_owner(&[]);
    let (secret, recovery) = with_app(&app, &olga);
    // The code that set it up is used up.
    let wrong = second(&app, &ask(&app, "Olga"), &[("code", &code_of(&secret))]);
    assert_eq!(wrong.status, 422);
    // A wrong one is asked for again, on the same page.
    let again = second(&app, &wrong, &[("code", "")]);
    assert_eq!(again.status, 422);
    let right = second(&app, &again, &[("code", &recovery.to_uppercase())]);
    assert_eq!((right.status, right.header("location")), (303, "/"));
    let used = second(&app, &ask(&app, "Olga"), &[("code", &recovery)]);
    assert_eq!(used.status, 422);
    // New codes make those from before void.
    let fresh = app.send("/account/codes", &olga, &[]);
    assert_eq!(fresh.status, 200);
    let removed = app.send("/account/factor/remove", &olga, &[]);
    assert_eq!(removed.status, 303);
    app.sign_in("Olga");
    // Without a factor there is nothing to recover from.
    let none = app.send("/account/codes", &olga, &[]);
    assert_eq!(none.status, 409);
}

#[test]
fn a_question_takes_one_answer_and_only_the_one_who_gave_the_password() {
    let (app, olga) = TestApp::with_owner(&[]);
    let mia = app.let_in("Mia", "member");
    let (_, of_olga) = with_app(&app, &olga);
    let (_, of_mia) = with_app(&app, &mia);
    // Somebody else's code is none.
    let question = ask(&app, "Olga");
    assert_eq!(second(&app, &question, &[("code", &of_mia)]).status, 422);
    // The question was answered, however wrong: the same page is worth nothing now.
    let late = second(&app, &question, &[("code", &of_olga)]);
    assert_eq!((late.status, late.header("set-cookie")), (422, ""));
    assert!(late.text().contains("begin again"), "{}", late.text());
    // A session or a made-up secret is no question.
    for step in ["", "wc_", &format!("wc_{}", "A".repeat(43))] {
        let fields = [("step", step), ("code", &of_olga), ("next", "/")];
        let answer = app.send("/sign-in/second", &Credentials::none(), &fields);
        assert_eq!((answer.status, answer.header("set-cookie")), (422, ""));
    }
    // A password that was changed meanwhile takes back what it had begun.
    let question = ask(&app, "Mia");
    let fields = [("password", "lantern seven quilt harbour")];
    assert_eq!(app.send("/account/password", &mia, &fields).status, 303);
    assert_eq!(second(&app, &question, &[("code", &of_mia)]).status, 422);
    // Two processes, one answer.
    let question = ask(&app, "Olga");
    let other = app.second("other");
    let statuses = std::thread::scope(|scope| {
        let answers = [&app, &other].map(|app| {
            let (question, code) = (&question, &of_olga);
            scope.spawn(move || second(app, question, &[("code", code)]).status)
        });
        answers.map(|answer| answer.join().unwrap())
    });
    assert_eq!(
        statuses.iter().filter(|status| **status == 303).count(),
        1,
        "{statuses:?}"
    );
}

#[test]
fn codes_cannot_be_guessed_by_giving_the_password_in_between() {
    let (app, olga) = TestApp::with_owner(&[]);
    let (_, _) = with_app(&app, &olga);
    let guess = |n: u32| {
        let fields = [("name", "Olga"), ("password", PASSWORD)];
        let question = app.send("/sign-in", &Credentials::none(), &fields);
        if question.status == 429 {
            return 429;
        }
        second(&app, &question, &[("code", &format!("{n:06}"))]).status
    };
    assert!((0..20).map(guess).any(|status| status == 429));
}

#[test]
fn passkeys_are_offered_only_where_browsers_use_them() {
    let (app, olga) = TestApp::with_owner(&[]);
    let page = app.fetch("/sign-in").text();
    assert!(!page.contains("/sign-in/passkey"), "{page}");
    let begun = app.send("/sign-in/passkey", &Credentials::none(), &[("next", "/")]);
    assert_eq!(begun.status, 422);
    assert!(begun.text().contains("https address with a name"));
    // What a client claims about itself counts only for that client, and only behind a proxy of ours.
    let https = [("host", "files.example"), ("x-forwarded-proto", "https")];
    let page = app.call("GET", "/sign-in", &https, None).text();
    assert!(page.contains("/sign-in/passkey"), "{page}");
    let here = app.look("/account", &olga).text();
    assert!(here.contains("this is not one"), "{here}");
}
