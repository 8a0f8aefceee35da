//! A mixed load with a memory: every client knows what was acknowledged to it, and nobody else
//! writes where it does, so each answer is either what it must be or a failure.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use ureq::http::Request;

use super::peer::{Peer, Switch};
use crate::app::{Answer, TestApp, agent, encode, exchange, file};
use crate::command::eventually;

/// Between two requests of a client, so that it is the processes that are tested and not the
/// machine.
const PAUSE: Duration = Duration::from_millis(15);
/// What was acknowledged this long ago is usually found while everything goes on: after a hand-over of
/// the lease, and the second after it. What is not yet is asked for until it is.
const SEARCHABLE: Duration = Duration::from_secs(8);
/// How long that may take on a machine that has much else to do.
const FOUND_AT_LAST: Duration = Duration::from_secs(60);
/// Files in one folder, at most: a listing shows all of them.
const FOLDER: u64 = 20;

/// A small generator: the same seed, the same numbers.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}

/// A file that was acknowledged and not deleted since.
pub struct Held {
    id: i64,
    pub path: String,
    word: String,
    seed: u64,
    length: usize,
    since: Instant,
}

impl Held {
    fn bytes(&self) -> Vec<u8> {
        content(&self.word, self.seed, self.length)
    }
}

/// What texts are made of: as in real ones, most words are in many files.
static VOCABULARY: LazyLock<Vec<String>> = LazyLock::new(|| {
    let mut random = Random::new(0);
    let letter = |n: u64| char::from(b'a' + (n % 26) as u8);
    (0..3_000)
        .map(|_| {
            (0..3 + random.below(7))
                .map(|_| letter(random.next()))
                .collect()
        })
        .collect()
});

fn content(word: &str, seed: u64, length: usize) -> Vec<u8> {
    let mut random = Random::new(seed);
    let mut text = format!("{word}\n");
    while text.len() < length {
        text.push_str(&format!("{} ", VOCABULARY[random.below(3_000) as usize]));
    }
    text.into_bytes()
}

/// One client and its memory.
pub struct Client {
    name: String,
    random: Random,
    agent: ureq::Agent,
    switch: Arc<Switch>,
    /// Goes on asking the process before the switch.
    laggard: bool,
    /// Searches may be refused, because the index is being rebuilt.
    index_may_be_away: bool,
    files: u64,
    pub held: Vec<Held>,
    pub gone: Vec<String>,
}

impl Client {
    pub fn new(name: &str, seed: u64, switch: &Arc<Switch>) -> Self {
        Self {
            name: name.to_owned(),
            random: Random::new(seed),
            agent: agent(),
            switch: Arc::clone(switch),
            laggard: false,
            index_may_be_away: false,
            files: 0,
            held: Vec::new(),
            gone: Vec::new(),
        }
    }

    pub fn lagging(mut self) -> Self {
        self.laggard = true;
        self
    }

    pub fn while_the_index_may_be_away(mut self) -> Self {
        self.index_may_be_away = true;
        self
    }

    /// Asks somebody else from now on.
    pub fn follow(&mut self, switch: &Arc<Switch>) {
        self.switch = Arc::clone(switch);
    }

    /// One request of the mix.
    pub fn step(&mut self) {
        match self.random.below(100) {
            _ if self.held.is_empty() => self.upload(2_000),
            0..40 => self.upload(2_000),
            40..44 => self.upload(600_000),
            44..64 => self.download(),
            64..78 => self.search(),
            78..88 => self.list(),
            88..94 => self.rename(),
            _ => self.delete(),
        }
    }

    /// A new file of at most so many bytes and a word that is in no other.
    pub fn upload(&mut self, most: u64) {
        let n = self.files;
        self.files += 1;
        let word = format!("{}word{n}", self.name);
        let seed = self.random.next();
        let length = self.random.below(most) as usize;
        let path = format!("{}/{}/{n}.txt", self.name, n / FOLDER);
        let bytes = content(&word, seed, length);
        let since = Instant::now();
        let (answer, _) = self.ask("PUT", &file(&path), Some(&bytes), |client, peer| {
            // Without an answer it may have happened or not, but never by half.
            let found = client.send(peer, "GET", &file(&path), None)?;
            assert!(
                found.status == 404 || (found.status == 200 && found.body == bytes),
                "{path} is half there: {}",
                found.status
            );
            Ok(())
        });
        assert!(
            matches!(answer.status, 200 | 201),
            "{path}: {} {}",
            answer.status,
            answer.text()
        );
        self.held.push(Held {
            id: answer.receipt().id,
            path,
            word,
            seed,
            length,
            since,
        });
    }

    fn download(&mut self) {
        let at = self.any();
        let target = file(&self.held[at].path);
        let (answer, _) = self.ask("GET", &target, None, |_, _| Ok(()));
        assert_kept(&self.held[at], &answer);
    }

    fn search(&mut self) {
        let at = self.any();
        let target = format!("/api/v1/search?q={}", self.held[at].word);
        let answer = loop {
            let (answer, _) = self.ask("GET", &target, None, |_, _| Ok(()));
            if answer.status == 503 && self.index_may_be_away {
                return;
            }
            let held = &self.held[at];
            assert_eq!(answer.status, 200, "{target}: {}", answer.text());
            let is_found = hits(&answer.json()).contains(&held.id);
            let age = held.since.elapsed();
            let is_awaited = !self.index_may_be_away && age >= SEARCHABLE && age <= FOUND_AT_LAST;
            if is_found || !is_awaited {
                break answer;
            }
            thread::sleep(PAUSE);
        };
        let held = &self.held[at];
        let late = held.since.elapsed() > FOUND_AT_LAST && !self.index_may_be_away;
        assert!(
            !late || hits(&answer.json()).contains(&held.id),
            "{} was stored {:?} ago and is not found: {}",
            held.path,
            held.since.elapsed(),
            answer.text()
        );
    }

    fn list(&mut self) {
        let at = self.any();
        let (folder, _) = self.held[at].path.rsplit_once('/').unwrap();
        let folder = folder.to_owned();
        let target = format!("/api/v1/entries?folder={}&limit=100", encode(&folder));
        let (answer, _) = self.ask("GET", &target, None, |_, _| Ok(()));
        assert_eq!(answer.status, 200, "{target}: {}", answer.text());
        let listing = answer.json();
        let listed = paths(&listing["files"]);
        let inside = |held: &&Held| held.path.rsplit_once('/').unwrap().0 == folder;
        let held: BTreeSet<_> = self
            .held
            .iter()
            .filter(inside)
            .collect::<Vec<_>>()
            .iter()
            .map(|held| held.path.clone())
            .collect();
        assert_eq!(listed, held, "{folder} lists something else than it holds");
    }

    fn rename(&mut self) {
        let at = self.any();
        let held = &self.held[at];
        let to = format!("{}-moved.txt", held.path.trim_end_matches(".txt"));
        let target = format!("/api/v1/entries/{}", held.id);
        let body = json!({ "path": to }).to_string().into_bytes();
        let (answer, _) = self.ask("PATCH", &target, Some(&body), |_, _| Ok(()));
        assert_eq!(answer.status, 200, "{target}: {}", answer.text());
        self.held[at].path = to;
    }

    fn delete(&mut self) {
        let at = self.any();
        let held = self.held.swap_remove(at);
        let (answer, again) = self.ask("DELETE", &file(&held.path), None, |_, _| Ok(()));
        let done = matches!(answer.status, 200 | 204) || (again && answer.status == 404);
        assert!(done, "{}: {} {}", held.path, answer.status, answer.text());
        self.gone.push(held.path);
    }

    fn any(&mut self) -> usize {
        self.random.below(self.held.len() as u64) as usize
    }

    /// Asks whom the switch names, and again somebody else if that process died over it, after a
    /// look at what it left behind. Answers whether it was asked more than once.
    fn ask(
        &mut self,
        method: &str,
        target: &str,
        body: Option<&[u8]>,
        look: impl Fn(&Self, &Peer) -> Result<(), ureq::Error>,
    ) -> (Answer, bool) {
        let mut again = false;
        loop {
            let dice = self.random.next();
            let ticket = self.switch.pick(self.laggard, dice);
            let peer = &ticket.0;
            let looked = if again { look(self, peer) } else { Ok(()) };
            match looked.and_then(|()| self.send(peer, method, target, body)) {
                Ok(answer) => return (answer, again),
                Err(error) => {
                    assert!(
                        peer.is_mortal(),
                        "{method} {target} to a process that goes on: {error}"
                    );
                    peer.note_gone();
                    again = true;
                }
            }
        }
    }

    fn send(
        &self,
        peer: &Peer,
        method: &str,
        target: &str,
        body: Option<&[u8]>,
    ) -> Result<Answer, ureq::Error> {
        let request = Request::builder()
            .method(method)
            .uri(format!("http://{}{target}", peer.address))
            .header(
                "content-type",
                if method == "PATCH" {
                    "application/json"
                } else {
                    "text/plain"
                },
            );
        exchange(&self.agent, request, body)
    }

    /// Everything that was acknowledged is there byte for byte and found by its word; what was
    /// deleted is not.
    pub fn assert_kept(&self, app: &TestApp) {
        for held in &self.held {
            assert_kept(held, &app.get(&held.path));
        }
        for held in &self.held {
            eventually(&format!("{} to be found", held.path), || {
                let answer = app.fetch(&format!("/api/v1/search?q={}", held.word));
                (answer.status == 200 && hits(&answer.json()).contains(&held.id)).then_some(())
            });
        }
        for path in &self.gone {
            assert_eq!(app.get(path).status, 404, "{path} is there again");
        }
    }
}

fn assert_kept(held: &Held, answer: &Answer) {
    assert_eq!(answer.status, 200, "{}: {}", held.path, answer.text());
    assert!(answer.body == held.bytes(), "{} has other bytes", held.path);
}

fn hits(answer: &Value) -> Vec<i64> {
    let hits = answer["hits"].as_array().unwrap();
    hits.iter().map(|hit| hit["id"].as_i64().unwrap()).collect()
}

fn paths(files: &Value) -> BTreeSet<String> {
    let files = files.as_array().unwrap();
    files
        .iter()
        .map(|file| file["path"].as_str().unwrap().to_owned())
        .collect()
}

/// Clients at work, each on a thread of its own.
pub struct Load {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<Client>>,
}

#[derive(Default)]
struct Shared {
    stop: AtomicBool,
    failed: AtomicBool,
    requests: AtomicUsize,
}

/// Tells the other clients when one met a failure: what they see after it is not worth telling.
struct Alarm<'a>(&'a Shared);

impl Drop for Alarm<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.failed.store(true, Ordering::SeqCst);
        }
    }
}

impl Load {
    pub fn start(clients: impl IntoIterator<Item = Client>) -> Self {
        let shared = Arc::new(Shared::default());
        let work = |mut client: Client| {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                let _alarm = Alarm(&shared);
                let goes_on = |flag: &AtomicBool| !flag.load(Ordering::SeqCst);
                while goes_on(&shared.stop) && goes_on(&shared.failed) {
                    client.step();
                    shared.requests.fetch_add(1, Ordering::Relaxed);
                    thread::sleep(PAUSE);
                }
                client
            })
        };
        let threads = clients.into_iter().map(work).collect();
        Self { shared, threads }
    }

    /// Requests answered so far.
    pub fn requests(&self) -> usize {
        self.shared.requests.load(Ordering::Relaxed)
    }

    /// Waits until so many more requests were answered.
    pub fn go_on(&self, requests: usize) {
        let until = self.requests() + requests;
        eventually("the load to go on", || {
            assert!(!self.has_failed(), "a client failed; see above");
            (self.requests() >= until).then_some(())
        });
    }

    pub fn has_failed(&self) -> bool {
        self.shared.failed.load(Ordering::SeqCst)
    }

    /// Ends it after the requests in flight.
    ///
    /// # Panics
    /// If a client met a failure.
    pub fn stop(mut self) -> Vec<Client> {
        self.shared.stop.store(true, Ordering::SeqCst);
        std::mem::take(&mut self.threads)
            .into_iter()
            .map(|thread| thread.join().expect("a client failed; see above"))
            .collect()
    }
}

impl Drop for Load {
    /// A test that fails ends its processes; their clients go first.
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}
