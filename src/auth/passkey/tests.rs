//! Passkeys of a device in software, which can be told to lie.

mod authenticator;

use serde_json::{Value, json};

use super::*;
use crate::error::Kind;
use authenticator::{Authenticator, TOUCHED, VERIFIED};

const HOST: &str = "files.example:8443";
const ORIGIN: &str = "https://files.example:8443";

fn site() -> Site {
    Site::at(true, HOST).unwrap()
}

fn ada() -> Person<'static> {
    Person {
        handle: Handle::of("an installation", 7),
        name: "ada",
    }
}

/// A device with a passkey of hers.
fn device(number: u8) -> (Authenticator, Passkey) {
    let mut device = Authenticator::new(number, ORIGIN);
    let begun = site().begin_registration(ada(), &[]).unwrap();
    let answer = device.make(&begun.options);
    let passkey = site().finish_registration(&begun.state, &answer).unwrap();
    (device, passkey)
}

fn sign_in(device: &Authenticator, passkey: &Passkey) -> Result<Passkey> {
    let begun = site().begin_sign_in().unwrap();
    let answer = Answer::parse(&device.sign(&begun.options)).unwrap();
    site().finish_sign_in(&begun.state, &answer, passkey)
}

fn second_factor(device: &Authenticator, passkey: &Passkey) -> Result<Passkey> {
    let begun = site().begin_second_factor(std::slice::from_ref(passkey))?;
    let answer = Answer::parse(&device.sign(&begun.options)).unwrap();
    site().finish_second_factor(&begun.state, &answer, passkey)
}

/// It was not accepted, and what is said of it has this in it.
#[track_caller]
fn assert_refused<T>(result: Result<T>, kind: Kind, words: &str) {
    let error = result.err().expect("it was accepted");
    assert_eq!(error.kind(), kind, "{error}");
    assert!(error.sentence().contains(words), "{error}");
}

fn parsed(json: &str) -> Value {
    serde_json::from_str(json).unwrap()
}

#[test]
fn a_passkey_lets_in_whom_it_was_made_for() {
    let (mut device, passkey) = device(1);
    assert_eq!(passkey.id(), device.id);
    assert!(passkey.signs_in_alone());
    let kept = passkey.to_bytes().unwrap();

    device.counter = 5;
    let begun = site().begin_sign_in().unwrap();
    let answer = Answer::parse(&device.sign(&begun.options)).unwrap();
    assert_eq!(answer.passkey_id(), device.id);
    let passkey = Passkey::from_bytes(&kept).unwrap();
    let after = site()
        .finish_sign_in(&begun.state, &answer, &passkey)
        .unwrap();

    assert_eq!(after.id(), passkey.id());
    assert_ne!(after.to_bytes().unwrap(), kept, "the uses are counted");
    device.counter = 6;
    second_factor(&device, &after).unwrap();
}

#[test]
fn browsers_are_told_what_is_wanted() {
    let (_, passkey) = device(1);
    let id = passki::Passki::base64_encode(passkey.id());

    let begun = site().begin_registration(ada(), std::slice::from_ref(&passkey));
    let options = parsed(&begun.unwrap().options);
    assert_eq!(
        options["rp"],
        json!({ "id": "files.example", "name": "Wharfside" })
    );
    assert_eq!(options["user"]["name"], "ada");
    assert_eq!(options["challenge"].as_str().unwrap().len(), 43);
    assert_eq!(options["attestation"], "none");
    assert_eq!(options["timeout"], 300_000);
    assert_eq!(options["excludeCredentials"][0]["id"], id);
    assert_eq!(
        options["authenticatorSelection"],
        json!({ "residentKey": "preferred", "userVerification": "preferred" })
    );
    assert_eq!(options["extensions"], json!({ "credProps": true }));

    let options = parsed(&site().begin_sign_in().unwrap().options);
    assert_eq!(options["rpId"], "files.example");
    assert_eq!(options["userVerification"], "required");
    assert_eq!(options["timeout"], 300_000);
    assert_eq!(options["allowCredentials"], json!([]));

    let begun = site().begin_second_factor(&[passkey]).unwrap();
    let options = parsed(&begun.options);
    assert_eq!(options["userVerification"], "preferred");
    let allowed = json!([{ "id": id, "type": "public-key", "transports": ["usb"] }]);
    assert_eq!(options["allowCredentials"], allowed);
}

#[test]
fn nothing_is_asked_twice() {
    let one = parsed(&site().begin_sign_in().unwrap().options);
    let other = parsed(&site().begin_sign_in().unwrap().options);
    assert_ne!(one["challenge"], other["challenge"]);

    let (device, passkey) = device(1);
    let begun = site().begin_sign_in().unwrap();
    let answer = Answer::parse(&device.sign(&begun.options)).unwrap();
    let later = site().begin_sign_in().unwrap();
    let result = site().finish_sign_in(&later.state, &answer, &passkey);
    assert_refused(result, Kind::Unauthenticated, "another question");
}

#[test]
fn a_passkey_that_is_used_wrongly_proves_nothing() {
    type Wrong = fn(&mut Authenticator);
    let wrongs: [(Wrong, &str); 8] = [
        (
            |it| it.origin = "https://evil.example".into(),
            "another site",
        ),
        (
            |it| it.origin = "https://files.example".into(),
            "another site",
        ),
        (|it| it.host = Some("evil.example".into()), "another site"),
        (|it| it.is_framed = true, "another site"),
        (|it| it.challenge = Some("AAAA".into()), "another question"),
        (|it| it.flags = VERIFIED, "not touched"),
        (|it| it.flags = TOUCHED, "make sure that it is you"),
        (|it| it.handle = None, "not the one"),
    ];
    for (wrong, words) in wrongs {
        let (mut device, passkey) = device(1);
        wrong(&mut device);
        assert_refused(sign_in(&device, &passkey), Kind::Unauthenticated, words);
    }
}

#[test]
fn a_passkey_that_is_made_wrongly_is_none() {
    type Wrong = fn(&mut Authenticator);
    let wrongs: [(Wrong, &str); 5] = [
        (
            |it| it.origin = "https://evil.example".into(),
            "another site",
        ),
        (|it| it.host = Some("evil.example".into()), "another site"),
        (|it| it.is_framed = true, "another site"),
        (|it| it.challenge = Some("AAAA".into()), "another question"),
        (|it| it.flags = 0, "not touched"),
    ];
    for (wrong, words) in wrongs {
        let mut device = Authenticator::new(1, ORIGIN);
        wrong(&mut device);
        let begun = site().begin_registration(ada(), &[]).unwrap();
        let answer = device.make(&begun.options);
        let result = site().finish_registration(&begun.state, &answer);
        assert_refused(result, Kind::Invalid, words);
    }
}

#[test]
fn beside_a_password_a_touch_is_enough() {
    let (mut device, passkey) = device(1);
    device.flags = TOUCHED;
    device.handle = None;
    second_factor(&device, &passkey).unwrap();
}

#[test]
fn a_key_that_finds_nothing_alone_is_a_second_factor() {
    let mut device = Authenticator::new(1, ORIGIN);
    device.is_found_alone = false;
    let begun = site().begin_registration(ada(), &[]).unwrap();
    let answer = device.make(&begun.options);
    let passkey = site().finish_registration(&begun.state, &answer).unwrap();
    assert!(!passkey.signs_in_alone());
    second_factor(&device, &passkey).unwrap();
}

#[test]
fn what_was_begun_as_one_thing_is_not_finished_as_another() {
    let (mut device, passkey) = device(1);
    device.flags = TOUCHED;
    let begun = site()
        .begin_second_factor(std::slice::from_ref(&passkey))
        .unwrap();
    let answer = Answer::parse(&device.sign(&begun.options)).unwrap();
    let result = site().finish_sign_in(&begun.state, &answer, &passkey);
    assert_refused(result, Kind::Invalid, "begin again");

    let begun = site().begin_sign_in().unwrap();
    let answer = Answer::parse(&device.sign(&begun.options)).unwrap();
    let result = site().finish_second_factor(&begun.state, &answer, &passkey);
    assert_refused(result, Kind::Invalid, "begin again");
    let made = device.make(&site().begin_registration(ada(), &[]).unwrap().options);
    let result = site().finish_registration(&begun.state, &made);
    assert_refused(result, Kind::Invalid, "begin again");
    let result = site().finish_registration(b"", &made);
    assert_refused(result, Kind::Invalid, "begin again");
}

#[test]
fn the_passkey_of_somebody_else_proves_nothing() {
    let (device_one, one) = device(1);
    let (device_two, two) = device(2);
    assert_refused(
        sign_in(&device_one, &two),
        Kind::Unauthenticated,
        "not the one",
    );
    assert_refused(
        second_factor(&device_two, &one),
        Kind::Unauthenticated,
        "not the one",
    );

    // Says that it is the other, and signs with its own key.
    let mut liar = device_two;
    liar.id.clone_from(&device_one.id);
    assert_refused(
        sign_in(&liar, &one),
        Kind::Unauthenticated,
        "proves nothing",
    );

    let begun = site().begin_second_factor(&[one]).unwrap();
    let (device_two, two) = device(2);
    let answer = Answer::parse(&device_two.sign(&begun.options)).unwrap();
    let result = site().finish_second_factor(&begun.state, &answer, &two);
    assert_refused(result, Kind::Unauthenticated, "not one of this account");

    let bob = Person {
        handle: Handle::of("an installation", 8),
        name: "bob",
    };
    let (mut device, passkey) = device(3);
    device.handle = Some(passki::Passki::base64_encode(&bob.handle.0));
    assert_refused(
        sign_in(&device, &passkey),
        Kind::Unauthenticated,
        "not the one",
    );
    assert_refused(
        second_factor(&device, &passkey),
        Kind::Unauthenticated,
        "not the one",
    );
}

#[test]
fn a_copy_is_noticed_by_its_count() {
    let (mut device, passkey) = device(1);
    device.counter = 5;
    let passkey = sign_in(&device, &passkey).unwrap();
    for counter in [5, 4, 0] {
        device.counter = counter;
        assert_refused(sign_in(&device, &passkey), Kind::Unauthenticated, "copied");
    }
    device.counter = 6;
    sign_in(&device, &passkey).unwrap();
}

#[test]
fn a_passkey_is_good_where_it_was_made() {
    let (mut device, passkey) = device(1);
    let neighbour = Site::at(true, "files.example").unwrap();
    device.origin = "https://files.example".into();
    let begun = neighbour.begin_sign_in().unwrap();
    let answer = Answer::parse(&device.sign(&begun.options)).unwrap();
    let result = neighbour.finish_sign_in(&begun.state, &answer, &passkey);
    assert_refused(result, Kind::Unauthenticated, ORIGIN);

    let begun = neighbour.begin_registration(ada(), std::slice::from_ref(&passkey));
    let options = parsed(&begun.unwrap().options);
    assert_eq!(
        options["excludeCredentials"],
        json!([]),
        "another is made here"
    );

    let result = neighbour
        .begin_second_factor(&[passkey])
        .map(|begun| begun.options);
    assert_refused(
        result,
        Kind::Invalid,
        "no passkey for https://files.example;",
    );
}

#[test]
fn sites_are_what_browsers_take_for_secure() {
    for (is_https, host, origin) in [
        (true, "files.example", Some("https://files.example")),
        (true, "Files.Example:443", Some("https://files.example")),
        (
            true,
            "files.example:8443",
            Some("https://files.example:8443"),
        ),
        (true, "nas", Some("https://nas")),
        (false, "localhost:5000", Some("http://localhost:5000")),
        (false, "app.localhost:80", Some("http://app.localhost")),
        (false, "files.example", None),
        (false, "evillocalhost", None),
        (true, "192.0.2.7", None),
        (true, "192.0.2.7:8443", None),
        (true, "[::1]:8443", None),
        (true, "[::1]", None),
        (false, "127.0.0.1:5000", None),
        (true, "files.example.", None),
        (true, ".example", None),
        (true, "files..example", None),
        (true, "files.example:port", None),
        (true, "files.example:99999", None),
        (true, "a@files.example", None),
        (true, "files.example/a", None),
        (true, "", None),
    ] {
        let found = Site::at(is_https, host);
        assert_eq!(found.as_ref().map(Site::origin), origin, "{host}");
    }
}

#[test]
fn handles_differ_by_account_and_installation() {
    let handle = Handle::of("one", 1);
    assert_eq!(handle, Handle::of("one", 1));
    assert_ne!(handle, Handle::of("one", 2));
    assert_ne!(handle, Handle::of("another", 1));
}

#[test]
fn what_no_browser_sends_is_refused() {
    for text in ["", "{}", "[]", "null", "\"rawId\"", r#"{"rawId":"*"}"#] {
        assert_refused(Answer::parse(text), Kind::Invalid, "toJSON");
        let begun = site().begin_registration(ada(), &[]).unwrap();
        let result = site().finish_registration(&begun.state, text);
        assert_refused(result, Kind::Invalid, "toJSON");
    }
    assert_refused(Passkey::from_bytes(b"{}"), Kind::Damaged, "is none");
}
