//! A running Wharfside with verbs: what a test does to it reads like what a person would do.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;
use ureq::http::request::Builder;
use ureq::http::{HeaderMap, Request};
use wharfside::library::Receipt;

use crate::command::{Ended, PATIENCE, Process, WHARFSIDE, eventually, operate, program};

/// What RFC 3986 calls unreserved, and the slash between segments.
const PATH: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'/');

/// An answer, whatever its status.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

/// A client that takes every answer as it is sent.
pub fn agent() -> ureq::Agent {
    ureq::Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .accept_encoding("identity")
        .timeout_global(Some(PATIENCE))
        .build()
        .new_agent()
}

/// Sends a request and reads the whole answer.
pub fn exchange(
    agent: &ureq::Agent,
    request: Builder,
    body: Option<&[u8]>,
) -> Result<Answer, ureq::Error> {
    let answer = match body {
        Some(body) => agent.run(request.body(body)?)?,
        None => agent.run(request.body(())?)?,
    };
    let (head, mut body) = answer.into_parts();
    let mut bytes = Vec::new();
    body.as_reader().read_to_end(&mut bytes)?;
    Ok(Answer {
        status: head.status.as_u16(),
        headers: head.headers,
        body: bytes,
    })
}

impl Answer {
    /// Whatever shows a secret of ours, no cache stores it.
    fn assert_not_stored_if_secret(&self, what: &str) {
        let shown = [&self.body[..], self.header("location").as_bytes()].concat();
        let is_of_secret = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_".contains(byte);
        let has_secret = shown.windows(46).any(|part| {
            matches!(&part[..3], b"wl_" | b"wo_" | b"wt_" | b"wc_" | b"ws_")
                && part[3..].iter().all(is_of_secret)
        });
        let stored = self.header("cache-control");
        assert!(!has_secret || stored == "no-store", "{what}: {stored:?}");
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| std::str::from_utf8(value.as_bytes()).unwrap())
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("no JSON ({error}): {} {}", self.status, self.text()))
    }

    /// The sentence of a problem (RFC 9457), after checking its form.
    pub fn problem(&self, status: u16) -> String {
        assert_eq!(self.status, status, "{}", self.text());
        assert_eq!(self.header("content-type"), "application/problem+json");
        let problem = self.json();
        assert_eq!(problem["status"], status);
        assert_eq!(problem["request_id"], self.header("x-request-id"));
        problem["detail"].as_str().unwrap().to_owned()
    }

    pub fn receipt(&self) -> Receipt {
        assert!(
            matches!(self.status, 200 | 201),
            "{} {}",
            self.status,
            self.text()
        );
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// One process on a directory that outlives it.
pub struct TestApp {
    program: PathBuf,
    process: Process,
    directory: Arc<Directory>,
    environment: Vec<(String, String)>,
    address: String,
    agent: ureq::Agent,
}

/// Removed when the last process on it is gone.
pub enum Directory {
    Own(TempDir),
    Given(PathBuf),
}

impl Directory {
    pub fn new() -> Arc<Self> {
        Arc::new(Self::Own(TempDir::new().unwrap()))
    }

    /// One that somebody else makes and removes.
    pub fn given(path: &Path) -> Arc<Self> {
        Arc::new(Self::Given(path.to_owned()))
    }

    pub fn path(&self) -> &Path {
        match self {
            Self::Own(directory) => directory.path(),
            Self::Given(path) => path,
        }
    }
}

impl TestApp {
    /// On a new directory, ready.
    pub fn start() -> Self {
        Self::with(&[])
    }

    pub fn with(environment: &[(&str, &str)]) -> Self {
        Self::on(Directory::new(), environment)
    }

    pub fn on(directory: Arc<Directory>, environment: &[(&str, &str)]) -> Self {
        let mut app = Self::begin(directory, environment);
        app.wait_ready();
        app
    }

    /// Out of another file than the one that was built.
    pub fn out_of(program: &Path) -> Self {
        Self::on_out_of(program, Directory::new(), &[])
    }

    pub fn on_out_of(
        program: &Path,
        directory: Arc<Directory>,
        environment: &[(&str, &str)],
    ) -> Self {
        let mut app = Self::begin_out_of(program, directory, environment);
        app.wait_ready();
        app
    }

    /// Listening, but perhaps not ready, and perhaps never.
    pub fn begin(directory: Arc<Directory>, environment: &[(&str, &str)]) -> Self {
        Self::begin_out_of(Path::new(WHARFSIDE), directory, environment)
    }

    fn begin_out_of(
        program: &Path,
        directory: Arc<Directory>,
        environment: &[(&str, &str)],
    ) -> Self {
        let environment = environment
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_string()))
            .collect();
        let process = spawn(program, &directory, &environment);
        let address = address(&process);
        Self {
            program: program.to_owned(),
            process,
            directory,
            environment,
            address,
            agent: agent(),
        }
    }

    // ---- the process

    pub fn wait_ready(&mut self) {
        eventually("the app to be ready", || {
            assert!(
                self.process.runs(),
                "the process ended:\n{}",
                self.process.said()
            );
            let answer = self.try_call("GET", "/health/ready", &[], None).ok()?;
            (answer.status == 200).then_some(())
        });
    }

    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    pub fn share_directory(&self) -> Arc<Directory> {
        Arc::clone(&self.directory)
    }

    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// What the kernel says of the server's memory, in KiB; `field` as in proc(5), with its colon.
    pub fn memory(&self, field: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.pid()));
        let status = status.unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(field));
        let number = line.unwrap().trim().trim_end_matches(" kB");
        number.parse().unwrap()
    }

    /// All that the process has said so far.
    pub fn said(&self) -> String {
        self.process.said()
    }

    pub fn kill9(&mut self) {
        self.process.kill9();
    }

    /// Asks it to stop; answers its exit code.
    pub fn stop(&mut self) -> Option<i32> {
        self.process.signal(Signal::INT);
        self.process.wait_exit().code()
    }

    /// Starts again after its end, with the same environment.
    pub fn start_again(&mut self) {
        assert!(!self.process.runs(), "it still runs");
        self.process = spawn(&self.program, &self.directory, &self.environment);
        self.address = address(&self.process);
        self.wait_ready();
    }

    /// Stops it and starts it as another release.
    pub fn restart(&mut self, release: &str) {
        assert_eq!(self.stop(), Some(0));
        self.set("GIT_REV", release);
        self.start_again();
    }

    /// Changes the environment of the next start.
    pub fn set(&mut self, name: &str, value: &str) {
        self.environment.retain(|(known, _)| known != name);
        self.environment.push((name.to_owned(), value.to_owned()));
    }

    /// Another process on the same directory, ready.
    pub fn second(&self, release: &str) -> TestApp {
        let mut environment = self.environment.iter();
        // Who is served is the same; what else was set is about one process.
        let access = environment.find(|(name, _)| name == "ACCESS");
        let access = access.map(|(name, value)| (name.as_str(), value.as_str()));
        let all: Vec<_> = access.into_iter().chain([("GIT_REV", release)]).collect();
        Self::on(self.share_directory(), &all)
    }

    /// Runs an operator's command on its directory.
    pub fn operate(&self, arguments: &[&str]) -> Ended {
        operate(self.directory(), arguments)
    }

    // ---- HTTP

    /// Host and port.
    pub fn address(&self) -> &str {
        &self.address
    }

    pub fn url(&self, target: &str) -> String {
        format!("http://{}{target}", self.address)
    }

    pub fn try_call(
        &self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: Option<&[u8]>,
    ) -> Result<Answer, ureq::Error> {
        let mut request = Request::builder().method(method).uri(self.url(target));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        exchange(&self.agent, request, body)
    }

    pub fn call(
        &self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: Option<&[u8]>,
    ) -> Answer {
        let answer = self
            .try_call(method, target, headers, body)
            .unwrap_or_else(|error| panic!("{method} {target}: {error}"));
        answer.assert_not_stored_if_secret(&format!("{method} {target}"));
        answer
    }

    /// GET, any route.
    pub fn fetch(&self, target: &str) -> Answer {
        self.call("GET", target, &[], None)
    }

    /// GET of a JSON route that must succeed.
    pub fn json(&self, target: &str) -> Value {
        let answer = self.fetch(target);
        assert_eq!(answer.status, 200, "{target}: {}", answer.text());
        answer.json()
    }

    /// Sends bytes as they are and reads until the other side closes or says nothing for long.
    pub fn raw(&self, bytes: &[u8]) -> String {
        let mut stream = self.connect();
        // A server that refuses early closes while we still write; its answer is what counts.
        let _ = stream.write_all(bytes);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).into_owned()
    }

    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
            .set_write_timeout(Some(Duration::from_secs(10)))
            .unwrap();
        stream
    }

    // ---- verbs

    pub fn put(&self, path: &str, bytes: &[u8]) -> Receipt {
        self.call("PUT", &file(path), &[], Some(bytes)).receipt()
    }

    pub fn put_with(&self, path: &str, headers: &[(&str, &str)], bytes: &[u8]) -> Answer {
        self.call("PUT", &file(path), headers, Some(bytes))
    }

    pub fn get(&self, path: &str) -> Answer {
        self.fetch(&file(path))
    }

    /// The same, once its date proves something: the second that it names is over.
    pub fn get_dated(&self, path: &str) -> Answer {
        crate::command::eventually("the second to be over", || {
            let answer = self.get(path);
            (!answer.header("last-modified").is_empty()).then_some(answer)
        })
    }

    pub fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.call("GET", &file(path), headers, None)
    }

    pub fn delete(&self, path: &str) -> Answer {
        self.call("DELETE", &file(path), &[], None)
    }

    pub fn patch(&self, id: i64, change: Value) -> Answer {
        let body = change.to_string();
        self.call(
            "PATCH",
            &format!("/api/v1/entries/{id}"),
            &[("content-type", "application/json")],
            Some(body.as_bytes()),
        )
    }

    pub fn post_json(&self, target: &str, body: &Value) -> Answer {
        let body = body.to_string();
        let headers = [("content-type", "application/json")];
        self.call("POST", target, &headers, Some(body.as_bytes()))
    }

    pub fn entry(&self, id: i64) -> Value {
        self.json(&format!("/api/v1/entries/{id}"))
    }

    pub fn search(&self, query: &str) -> Value {
        self.json(&format!("/api/v1/search?q={}", encode(query)))
    }

    /// Paths of the hits, best first.
    pub fn found(&self, query: &str) -> Vec<String> {
        let answer = self.search(query);
        let hits = answer["hits"].as_array().unwrap();
        hits.iter()
            .map(|hit| hit["path"].as_str().unwrap().to_owned())
            .collect()
    }

    pub fn wait_searchable(&self, path: &str, query: &str) {
        eventually(&format!("{path} to be found by {query:?}"), || {
            self.found(query)
                .iter()
                .any(|hit| hit == path)
                .then_some(())
        });
    }

    /// Waits until the index has applied every change.
    pub fn wait_indexed(&self) {
        eventually("the index to catch up", || {
            (self.persistence()["totals"]["waiting"] == 0).then_some(())
        });
    }

    pub fn persistence(&self) -> Value {
        self.json("/api/v1/persistence")
    }

    /// Paths of the files in a folder, over all pages; none in a folder that nothing is in.
    pub fn entries(&self, folder: &str) -> Vec<String> {
        let mut paths = Vec::new();
        let mut cursor = String::new();
        loop {
            let target = format!("/api/v1/entries?folder={}&limit=3{cursor}", encode(folder));
            let page = self.fetch(&target);
            if page.status == 404 {
                return paths;
            }
            assert_eq!(page.status, 200, "{target}: {}", page.text());
            let page = page.json();
            for file in page["files"].as_array().unwrap() {
                paths.push(file["path"].as_str().unwrap().to_owned());
            }
            match page["next"].as_str() {
                Some(next) => cursor = format!("&cursor={}", encode(next)),
                None => return paths,
            }
        }
    }

    // ---- assertions

    /// What an acknowledgement promises: bytes, name, digest, listing, search.
    pub fn assert_keeps(&self, receipt: &Receipt, bytes: &[u8], word: &str) {
        let path = receipt.path.as_str();
        let answer = self.get(path);
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        assert!(answer.body == bytes, "{path} has other bytes");
        let entry = self.entry(receipt.id);
        assert_eq!(entry["path"], path);
        assert_eq!(entry["size"], receipt.size);
        assert_eq!(entry["sha256"], receipt.sha256.to_string());
        let folder = String::from(receipt.path.folder());
        assert!(
            self.entries(&folder).iter().any(|listed| listed == path),
            "{path} is not listed"
        );
        self.wait_searchable(path, word);
    }

    /// Nothing of an unacknowledged upload can be seen anywhere.
    pub fn assert_absent(&self, path: &str, word: &str) {
        assert_eq!(self.get(path).status, 404, "{path} can be downloaded");
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        assert!(
            !self.entries(folder).iter().any(|listed| listed == path),
            "{path} is listed"
        );
        self.wait_indexed();
        assert_eq!(self.found(word), [""; 0], "{path} is found");
    }

    /// `check --deep` finds nothing wrong.
    pub fn assert_sound(&self) {
        let ended = self.operate(&["check", "--deep", "--json"]);
        assert_eq!(errors(&ended), [""; 0]);
    }
}

/// What `check --json` says is wrong, apart from where the tests happen to run: of a temporary
/// directory inside a container, or in memory, it rightly says that it will not last.
pub fn errors(ended: &Ended) -> Vec<String> {
    let report: Value = serde_json::from_str(&ended.stdout)
        .unwrap_or_else(|error| panic!("no report ({error}): {ended:?}"));
    let wrong: Vec<String> = report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|finding| finding["severity"] == "error")
        .map(|finding| finding["sentence"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(report["ok"], wrong.is_empty(), "{report}");
    assert_eq!(ended.code, Some(i32::from(!wrong.is_empty())), "{report}");
    let place = [
        "inside this container and no mount of its own",
        "is kept in memory",
    ];
    let about_files = |sentence: &String| !place.iter().any(|place| sentence.contains(place));
    wrong.into_iter().filter(about_files).collect()
}

fn spawn(file: &Path, directory: &Directory, environment: &Vec<(String, String)>) -> Process {
    let mut command = program(file, ["serve"]);
    command
        .env("STORAGE_DIR", directory.path())
        .env("HOST", "127.0.0.1")
        .env("PORT", "0")
        .env("ACCESS", "local")
        .env("LOG_FORMAT", "json");
    for (name, value) in environment {
        command.env(name, value);
    }
    Process::start(command)
}

/// `127.0.0.1:41234`, from the line that tells where it listens.
fn address(process: &Process) -> String {
    process.wait_line("the address it listens on", |line| {
        let address = line.strip_prefix("http://")?;
        Some(address.trim_end_matches('/').to_owned())
    })
}

pub fn file(path: &str) -> String {
    format!("/api/v1/files/{}", utf8_percent_encode(path, PATH))
}

pub fn encode(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}
