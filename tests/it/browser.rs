//! A real Chromium, driven through ChromeDriver by the W3C WebDriver protocol
//! (<https://www.w3.org/TR/webdriver2/>): the part of it that these tests need.

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::command::{PATIENCE, Process, eventually};

/// The key under which WebDriver names elements.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// A window on its own profile; closed on drop.
pub struct Browser {
    session: String,
    agent: ureq::Agent,
    // After the session's fields: the driver must outlive what is asked of it.
    _driver: Process,
    _profile: TempDir,
}

impl Browser {
    pub fn open() -> Self {
        let (driver, port) = start_driver();
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(PATIENCE))
            .build()
            .new_agent();
        let profile = TempDir::new().unwrap();
        let options = json!({ "capabilities": { "alwaysMatch": { "goog:chromeOptions": { "args": [
            "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
            "--no-first-run", "--disable-background-networking", "--disable-component-update",
            "--disable-sync", "--window-size=1280,900",
            format!("--user-data-dir={}", profile.path().display()),
        ] } } } });
        let base = format!("http://127.0.0.1:{port}/session");
        let answer: Value = agent
            .post(&base)
            .send_json(options)
            .unwrap()
            .body_mut()
            .read_json()
            .unwrap();
        let id = answer["value"]["sessionId"]
            .as_str()
            .unwrap_or_else(|| panic!("no browser: {answer}"));
        Self {
            session: format!("{base}/{id}"),
            agent,
            _driver: driver,
            _profile: profile,
        }
    }

    pub fn go(&self, url: &str) {
        self.post("url", json!({ "url": url }));
    }

    pub fn reload(&self) {
        self.post("refresh", json!({}));
    }

    /// A tab beside this one; answers both, this one first. What is asked next still goes to this.
    pub fn new_tab(&self) -> (String, String) {
        let here = self.get("window").as_str().unwrap().to_owned();
        let made = self.post("window/new", json!({ "type": "tab" }));
        (here, made["handle"].as_str().unwrap().to_owned())
    }

    pub fn switch_to(&self, tab: &str) {
        self.post("window", json!({ "handle": tab }));
    }

    /// Closes the tab that is asked; then another one is to be switched to.
    pub fn close_tab(&self) {
        let _ = self.agent.delete(format!("{}/window", self.session)).call();
    }

    pub fn url(&self) -> String {
        let answer = self.get("url");
        answer.as_str().unwrap().to_owned()
    }

    /// What a person reads on the page.
    pub fn text(&self) -> String {
        self.run("return document.body.innerText", json!([]))
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }

    pub fn wait_text(&self, part: &str) {
        let mut last = String::new();
        eventually(&format!("{part:?} on the page"), || {
            last = self.text();
            last.contains(part).then_some(())
        });
    }

    /// Runs JavaScript in the page; `arguments` are what the script calls `arguments`.
    pub fn run(&self, script: &str, arguments: Value) -> Value {
        self.post(
            "execute/sync",
            json!({ "script": script, "args": arguments }),
        )
    }

    pub fn click(&self, css: &str) {
        // A page that is drawn again between the two has another one in its place.
        eventually(&format!("{css} to hold still"), || {
            let command = format!("element/{}/click", self.find(css));
            let answer = self.sent(&command, json!({}));
            let is_stale = answer["value"]["error"] == "stale element reference";
            (!is_stale).then(|| value(&command, answer))
        });
    }

    /// Presses keys one after the other, wherever the focus is; several of a string at once.
    pub fn press(&self, keys: &[&str]) {
        let event = |kind: &str, key: char| json!({ "type": kind, "value": key.to_string() });
        let actions: Vec<Value> = keys
            .iter()
            .flat_map(|chord| {
                let down = chord.chars().map(|key| event("keyDown", key));
                let up = chord.chars().rev().map(|key| event("keyUp", key));
                down.chain(up).collect::<Vec<_>>()
            })
            .collect();
        let keyboard = json!({ "type": "key", "id": "keyboard", "actions": actions });
        self.post("actions", json!({ "actions": [keyboard] }));
    }

    /// Types a text, key by key, wherever the focus is.
    pub fn type_keys(&self, text: &str) {
        let keys: Vec<String> = text.chars().map(String::from).collect();
        self.press(&keys.iter().map(String::as_str).collect::<Vec<_>>());
    }

    /// Drags one element onto another with the mouse.
    pub fn drag(&self, from: &str, onto: &str) {
        let reach = |css: &str| {
            let element = json!({ ELEMENT: self.find(css) });
            json!({ "type": "pointerMove", "duration": 50, "origin": element, "x": 0, "y": 0 })
        };
        let steps = json!([
            reach(from),
            { "type": "pointerDown", "button": 0 },
            // A drag begins with a small way.
            { "type": "pointerMove", "duration": 50, "origin": "pointer", "x": 5, "y": 5 },
            reach(onto),
            reach(onto),
            { "type": "pointerUp", "button": 0 },
        ]);
        let mouse = json!({ "type": "pointer", "id": "mouse", "parameters": { "pointerType": "mouse" }, "actions": steps });
        self.post("actions", json!({ "actions": [mouse] }));
    }

    /// Types into a field; a file field takes paths.
    pub fn type_into(&self, css: &str, text: &str) {
        let element = self.find(css);
        self.post(&format!("element/{element}/value"), json!({ "text": text }));
    }

    pub fn choose_files(&self, css: &str, paths: &[&Path]) {
        let paths: Vec<&str> = paths.iter().map(|path| path.to_str().unwrap()).collect();
        self.type_into(css, &paths.join("\n"));
    }

    /// Drops files on the middle of the page, as a person does who drags them from a window of
    /// the desktop; folders may be among them.
    pub fn drop_files(&self, paths: &[&Path]) {
        let paths: Vec<&str> = paths.iter().map(|path| path.to_str().unwrap()).collect();
        for kind in ["dragEnter", "dragOver", "drop"] {
            self.devtools(
                "Input.dispatchDragEvent",
                json!({
                    "type": kind, "x": 600, "y": 400,
                    "data": { "items": [], "files": paths, "dragOperationsMask": 1 },
                }),
            );
        }
    }

    /// Answers a question that the browser itself asks, such as whether to leave a page, with yes;
    /// it may have asked none.
    pub fn dismiss_question(&self) {
        let url = format!("{}/alert/accept", self.session);
        let _ = self.agent.post(url).send_json(json!({}));
    }

    /// From now on pages come without their scripts.
    pub fn disable_scripts(&self) {
        self.devtools(
            "Emulation.setScriptExecutionDisabled",
            json!({ "value": true }),
        );
    }

    /// From now on pages are as wide as a phone.
    pub fn narrow(&self) {
        self.devtools(
            "Emulation.setDeviceMetricsOverride",
            json!({ "width": 390, "height": 800, "deviceScaleFactor": 1, "mobile": true }),
        );
    }

    /// From now on each page runs this before anything of its own.
    pub fn before_each_page(&self, script: &str) {
        self.devtools(
            "Page.addScriptToEvaluateOnNewDocument",
            json!({ "source": script }),
        );
    }

    /// From now on the browser has a device that holds passkeys, and somebody who touches it
    /// (WebAuthn, 11: extensions of WebDriver).
    pub fn add_authenticator(&self) {
        let device = json!({
            "protocol": "ctap2", "transport": "internal", "hasResidentKey": true,
            "hasUserVerification": true, "isUserVerified": true, "isUserConsenting": true,
        });
        self.post("webauthn/authenticator", device);
    }

    fn devtools(&self, command: &str, parameters: Value) {
        self.post(
            "goog/cdp/execute",
            json!({ "cmd": command, "params": parameters }),
        );
    }

    /// What the page complained about, scripts and policy violations included.
    pub fn complaints(&self) -> Vec<String> {
        let log = self.post("se/log", json!({ "type": "browser" }));
        let entries = log.as_array().cloned().unwrap_or_default();
        entries
            .iter()
            .filter(|entry| entry["level"] == "SEVERE")
            .map(|entry| entry["message"].to_string())
            .collect()
    }

    fn find(&self, css: &str) -> String {
        eventually(&format!("an element {css}"), || {
            let sent = self.agent.post(format!("{}/element", self.session));
            let answer: Value = sent
                .send_json(json!({ "using": "css selector", "value": css }))
                .ok()?
                .body_mut()
                .read_json()
                .ok()?;
            Some(answer["value"][ELEMENT].as_str()?.to_owned())
        })
    }

    fn get(&self, command: &str) -> Value {
        let mut answer = self
            .agent
            .get(format!("{}/{command}", self.session))
            .call()
            .unwrap();
        value(command, answer.body_mut().read_json().unwrap())
    }

    fn post(&self, command: &str, body: Value) -> Value {
        value(command, self.sent(command, body))
    }

    fn sent(&self, command: &str, body: Value) -> Value {
        let mut answer = self
            .agent
            .post(format!("{}/{command}", self.session))
            .send_json(body)
            .unwrap();
        answer.body_mut().read_json().unwrap()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Ends Chromium; killing the driver alone would leave it.
        let _ = self.agent.delete(&self.session).call();
    }
}

fn value(command: &str, answer: Value) -> Value {
    let error = &answer["value"]["error"];
    assert!(error.is_null(), "{command}: {}", answer["value"]["message"]);
    answer["value"].clone()
}

/// A driver and its port. It takes one on IPv4 that is free on IPv6, and gives up if another process
/// has just taken that; then it is tried again.
fn start_driver() -> (Process, String) {
    const TRIES: usize = 10;
    for _ in 0..TRIES {
        let mut command = Command::new("chromedriver");
        command
            .arg("--port=0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let driver = Process::start(command);
        let port = driver.wait_line("ChromeDriver's port", |line| {
            if line.contains("port not available") {
                return Some(None);
            }
            let (_, port) = line.split_once("started successfully on port ")?;
            Some(Some(port.trim_end_matches('.').to_owned()))
        });
        if let Some(port) = port {
            return (driver, port);
        }
    }
    panic!("ChromeDriver found no free port, {TRIES} times in a row");
}
