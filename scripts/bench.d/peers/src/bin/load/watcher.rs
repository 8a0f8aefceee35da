//! Times how long an acknowledged upload takes until a search finds it.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::answer::Answer;
use crate::arguments::Outcome;

/// Between two looks: short against the 300 ms to be shown, long enough to cost the server little.
const PAUSE: Duration = Duration::from_millis(4);

/// No upload may stay unfound for longer than this.
const PATIENCE: Duration = Duration::from_secs(120);

/// A thread that searches for one announced word after the other. Uploads become searchable in the order
/// they were stored, so looking for the oldest alone is enough.
pub struct Watcher {
    words: Sender<(String, Instant)>,
    thread: JoinHandle<Outcome<Vec<Duration>>>,
}

impl Watcher {
    /// `target` is the search's address up to and including `q=`.
    pub fn start(address: SocketAddr, target: &str) -> Self {
        let (words, announced) = channel();
        let target = target.to_owned();
        let thread = std::thread::spawn(move || watch(address, &target, &announced));
        Self { words, thread }
    }

    /// An upload that contains `word` was acknowledged just now.
    pub fn announce(&self, word: String) {
        // A watcher that ended early reports why in `finish`.
        let _ = self.words.send((word, Instant::now()));
    }

    /// Waits until everything announced was found.
    pub fn finish(self) -> Outcome<Vec<Duration>> {
        drop(self.words);
        self.thread
            .join()
            .map_err(|_| "the watching thread panicked")?
    }
}

fn watch(
    address: SocketAddr,
    target: &str,
    announced: &Receiver<(String, Instant)>,
) -> Outcome<Vec<Duration>> {
    let mut connection = TcpStream::connect(address)?;
    connection.set_nodelay(true)?;
    let mut found = Vec::new();
    for (word, acknowledged) in announced {
        while !search(&mut connection, target, &word)? {
            if acknowledged.elapsed() > PATIENCE {
                return Err(format!("{word} was not found within {} s", PATIENCE.as_secs()).into());
            }
            std::thread::sleep(PAUSE);
        }
        found.push(acknowledged.elapsed());
    }
    Ok(found)
}

fn search(connection: &mut TcpStream, target: &str, word: &str) -> Outcome<bool> {
    connection
        .write_all(format!("GET {target}{word} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes())?;
    let mut received = Vec::new();
    let mut buffer = [0; 16 * 1024];
    loop {
        let count = connection.read(&mut buffer)?;
        if count == 0 {
            return Err("the server closed the connection in the middle of an answer".into());
        }
        received.extend_from_slice(&buffer[..count]);
        if let Some(answer) = Answer::split(&received)? {
            return if answer.succeeded() {
                Ok(total(&answer.body)? > 0)
            } else {
                Err(format!(
                    "a search was refused: {} {}",
                    answer.status,
                    String::from_utf8_lossy(&answer.body)
                )
                .into())
            };
        }
    }
}

/// The number after `"total":`, which is all that is wanted of the JSON.
fn total(body: &[u8]) -> Outcome<u64> {
    let text = std::str::from_utf8(body)?;
    let (_, after) = text
        .split_once("\"total\":")
        .ok_or("a search answer without a total")?;
    let digits: String = after
        .trim_start()
        .chars()
        .take_while(char::is_ascii_digit)
        .collect();
    Ok(digits.parse()?)
}
