//! Verbs for tests with accounts: people who come in, and what they show to be let in.

use std::path::Path;

use serde_json::Value;

use crate::app::{Answer, TestApp, encode, file};
use crate::command::{run, wharfside};

pub const PASSWORD: &str = "harbour quilt seven lantern";

/// Headers by which somebody is known.
#[derive(Clone, Debug)]
pub struct Credentials(pub Vec<(&'static str, String)>);

impl Credentials {
    pub fn none() -> Self {
        Self(Vec::new())
    }

    pub fn bearer(token: &str) -> Self {
        Self(vec![("authorization", format!("Bearer {token}"))])
    }

    fn cookie(answer: &Answer) -> Self {
        let cookie = answer.header("set-cookie");
        let pair = cookie.split(';').next().unwrap();
        assert!(pair.contains("wharfside="), "no session in {cookie:?}");
        Self(vec![("cookie", pair.to_owned())])
    }
}

/// Runs `wharfside user …` on a directory.
pub fn user(directory: &Path, arguments: &[&str], input: &str) -> String {
    let mut command = wharfside(["user"]);
    command.args(arguments).env("STORAGE_DIR", directory);
    let ended = run(command, input);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    ended.stdout
}

impl TestApp {
    /// With accounts, and one owner, `Olga`, who is signed in.
    pub fn with_owner(environment: &[(&str, &str)]) -> (Self, Credentials) {
        let mut all = vec![("ACCESS", "private")];
        all.extend(environment);
        let app = Self::with(&all);
        let link = user(app.directory(), &["setup-link"], "");
        let answer = app.send(
            link.trim(),
            &Credentials::none(),
            &[("name", "Olga"), ("password", PASSWORD)],
        );
        assert_eq!(answer.status, 303, "{}", answer.text());
        let owner = Credentials::cookie(&answer);
        (app, owner)
    }

    /// Adds an account and signs it in.
    pub fn let_in(&self, name: &str, role: &str) -> Credentials {
        let role = format!("--role={role}");
        user(
            self.directory(),
            &["add", name, &role, "--password-stdin"],
            PASSWORD,
        );
        self.sign_in(name)
    }

    pub fn sign_in(&self, name: &str) -> Credentials {
        let answer = self.send(
            "/sign-in",
            &Credentials::none(),
            &[("name", name), ("password", PASSWORD)],
        );
        assert_eq!(answer.status, 303, "{}", answer.text());
        Credentials::cookie(&answer)
    }

    pub fn ask(&self, method: &str, target: &str, by: &Credentials, body: Option<&[u8]>) -> Answer {
        let headers: Vec<_> = by.0.iter().map(|(n, v)| (*n, v.as_str())).collect();
        self.call(method, target, &headers, body)
    }

    pub fn look(&self, target: &str, by: &Credentials) -> Answer {
        self.ask("GET", target, by, None)
    }

    pub fn look_json(&self, target: &str, by: &Credentials) -> Value {
        let answer = self.look(target, by);
        assert_eq!(answer.status, 200, "{target}: {}", answer.text());
        answer.json()
    }

    pub fn ask_json(&self, method: &str, target: &str, by: &Credentials, body: &Value) -> Answer {
        let mut headers = vec![("content-type", "application/json")];
        headers.extend(by.0.iter().map(|(n, v)| (*n, v.as_str())));
        self.call(method, target, &headers, Some(body.to_string().as_bytes()))
    }

    /// Posts a form.
    pub fn send(&self, target: &str, by: &Credentials, fields: &[(&str, &str)]) -> Answer {
        let form: Vec<String> = fields
            .iter()
            .map(|(name, value)| format!("{name}={}", encode(value).replace('/', "%2F")))
            .collect();
        let mut headers = vec![("content-type", "application/x-www-form-urlencoded")];
        headers.extend(by.0.iter().map(|(n, v)| (*n, v.as_str())));
        self.call("POST", target, &headers, Some(form.join("&").as_bytes()))
    }

    /// Stores a file and answers its id.
    pub fn store(&self, path: &str, by: &Credentials, bytes: &[u8]) -> i64 {
        self.ask("PUT", &file(path), by, Some(bytes)).receipt().id
    }

    /// Makes a token for somebody.
    pub fn token(&self, by: &Credentials, scope: &str, folder: &str, days: &str) -> Credentials {
        let answer = self.send(
            "/account/tokens",
            by,
            &[
                ("name", "of a test"),
                ("scope", scope),
                ("folder", folder),
                ("days", days),
            ],
        );
        let page = answer.text();
        let at = page
            .find(">wt_")
            .unwrap_or_else(|| panic!("no token: {page}"))
            + 1;
        Credentials::bearer(&page[at..at + 46])
    }

    /// As if everybody had given password and second factor a while ago.
    pub fn forget_confirmations(&self) {
        let catalog = rusqlite::Connection::open(self.directory().join("catalog.sqlite")).unwrap();
        let sql = "UPDATE session SET confirmed_ms = confirmed_ms - 601000";
        catalog.execute(sql, ()).unwrap();
    }

    /// Makes a link; answers its address.
    pub fn link(&self, by: &Credentials, fields: &[(&str, &str)]) -> String {
        let made = self.send("/links", by, fields);
        assert_eq!(made.status, 303, "{}", made.text());
        let page = self.look(made.header("location"), by).text();
        let at = page.find("/s/wl_").unwrap();
        page[at..at + 49].to_owned()
    }

    /// Lets a folder say what everybody and one person may.
    pub fn share(&self, folder: &str, by: &Credentials, everyone: &str, person: &str, may: &str) {
        let target = format!("/sharing/{}", encode(folder));
        let fields = [("everyone", everyone), ("person", person), ("may", may)];
        let answer = self.send(&target, by, &fields);
        assert_eq!(answer.status, 303, "{}", answer.text());
    }
}
