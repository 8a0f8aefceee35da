//! P5, P6: twenty redeploys in a row, as the platform does them, and nobody notices.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::alone;
use super::lease::Watch;
use super::load::{Client, Load};
use super::peer::{Peer, Switch};
use crate::app::{Directory, TestApp, file};
use crate::command::PATIENCE;

const REDEPLOYS: usize = 20;
const CLIENTS: u64 = 4;
/// How long requests go on reaching the old release after it was told to go.
const LAGGING: Duration = Duration::from_millis(150);

/// How an old release ends.
#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    /// After its time to drain.
    Drained,
    /// Told again before that is over.
    ToldTwice,
    Killed,
    /// Killed while its successor is starting: for a moment nobody serves.
    KilledEarly,
}

fn end_of(round: usize) -> End {
    match round % 10 {
        4 => End::Killed,
        8 => End::KilledEarly,
        n if n % 2 == 0 => End::Drained,
        _ => End::ToldTwice,
    }
}

#[test]
fn p5_p6_twenty_redeploys_under_load_fail_no_request_and_lose_no_receipt() {
    let _alone = alone();
    let directory = Directory::new();
    let (mut old, mut old_peer) = release(&directory, 0, "60");
    let switch = Switch::to(&[&old_peer]);
    old.wait_ready();
    let lease = Watch::over(directory.path());
    lease.admit(&old_peer);
    lease.wait_held_by(&old_peer);
    let clients = (0..CLIENTS).map(|n| {
        let client = Client::new(&format!("client{n}"), n, &switch);
        // Half of them notice a switch late.
        if n % 2 == 0 { client } else { client.lagging() }
    });
    let load = Load::start(clients);
    let mut slow_ones = Vec::new();
    for round in 1..=REDEPLOYS {
        let end = end_of(round);
        // Who is told twice would drain for ever otherwise.
        let drain = if end_of(round + 1) == End::Drained {
            "2"
        } else {
            "60"
        };
        let (mut new, new_peer) = release(&directory, round, drain);
        lease.admit(&new_peer);
        let mut told = Instant::now();
        if end == End::KilledEarly {
            old_peer.may_die();
            old.kill9();
            old_peer.note_gone();
        }
        new.wait_ready();
        let slow = matches!(end, End::Drained | End::ToldTwice)
            .then(|| SlowUpload::start(&old_peer, round));
        switch.pass(&old_peer, &new_peer);
        match end {
            End::Drained | End::ToldTwice => {
                told = Instant::now();
                old.process().signal(Signal::TERM);
            }
            End::Killed => {
                lagging(&load);
                old_peer.may_die();
                told = Instant::now();
                old.kill9();
                old_peer.note_gone();
            }
            End::KilledEarly => {}
        }
        let after = lease.wait_handed_to(&new_peer, told);
        println!("{round}: {end:?}, the lease taken after {after:?}");
        lagging(&load);
        switch.serve(&[&new_peer]);
        if end == End::ToldTwice {
            // What is in flight is finished; only nobody may be on the way any more.
            old_peer.wait_idle();
            old.process().signal(Signal::TERM);
        }
        if let Some(slow) = slow {
            assert_eq!(old.process().wait_exit().code(), Some(0), "{end:?}");
            slow_ones.push(slow.finish());
        }
        load.go_on(20);
        // Whoever has the lease gets to use it: real redeploys are minutes apart.
        let mark = format!("redeployed{round}");
        new.put(&format!("marks/{round}.txt"), mark.as_bytes());
        new.wait_searchable(&format!("marks/{round}.txt"), &mark);
        (old, old_peer) = (new, new_peer);
    }
    let requests = load.requests();
    let clients = load.stop();
    let seen = lease.stop();
    let receipts: usize = clients.iter().map(|client| client.held.len()).sum();
    println!(
        "{requests} requests, {receipts} receipts, the lease {} times handed over; {} looks, at most {:?} without holder",
        seen.holders.len() - 1,
        seen.looks,
        seen.longest
    );
    assert_eq!(seen.holders.len(), REDEPLOYS + 1, "{:?}", seen.holders);
    thread::scope(|scope| {
        for client in &clients {
            scope.spawn(|| client.assert_kept(&old));
        }
    });
    for (path, bytes) in slow_ones {
        assert!(old.get(&path).body == bytes, "{path} has other bytes");
        let word = String::from_utf8_lossy(&bytes);
        let word = word.split_whitespace().next().unwrap();
        old.wait_searchable(&path, word);
    }
    old.assert_sound();
}

fn release(directory: &Arc<Directory>, round: usize, drain: &str) -> (TestApp, Arc<Peer>) {
    let name = format!("release{round}");
    let environment = [("GIT_REV", name.as_str()), ("DRAIN_SECONDS", drain)];
    let mut app = TestApp::begin(Arc::clone(directory), &environment);
    let peer = Peer::of(&mut app);
    (app, peer)
}

/// For a while, and until it was of consequence.
fn lagging(load: &Load) {
    let until = Instant::now() + LAGGING;
    load.go_on(10);
    thread::sleep(until.saturating_duration_since(Instant::now()));
}

/// An upload that is under way when its process is told to go, and takes longer than that.
struct SlowUpload {
    path: String,
    bytes: Vec<u8>,
    thread: JoinHandle<String>,
}

impl SlowUpload {
    const PARTS: usize = 10;

    fn start(peer: &Peer, round: usize) -> Self {
        let path = format!("slow/{round}.txt");
        let bytes = format!("slow{round} ").repeat(5_000).into_bytes();
        let mut stream = TcpStream::connect(&peer.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let head = format!(
            "PUT {} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            file(&path),
            bytes.len()
        );
        stream.write_all(head.as_bytes()).unwrap();
        let thread = thread::spawn({
            let bytes = bytes.clone();
            move || {
                for part in bytes.chunks(bytes.len() / Self::PARTS) {
                    stream.write_all(part).unwrap();
                    // A client this slow is what is tested.
                    thread::sleep(Duration::from_millis(60));
                }
                let mut answer = String::new();
                stream.read_to_string(&mut answer).unwrap();
                answer
            }
        });
        Self {
            path,
            bytes,
            thread,
        }
    }

    fn finish(self) -> (String, Vec<u8>) {
        let answer = self.thread.join().unwrap();
        assert!(answer.starts_with("HTTP/1.1 201 "), "{answer}");
        (self.path, self.bytes)
    }
}
