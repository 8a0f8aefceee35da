//! P1, P2, P5, P8: either or both of two processes are killed at random moments under load.
//!
//! `scripts/torture` runs the long form. What is decided here comes from the seed, which is
//! printed: the same seed makes the same requests, the same kills and the same pauses. What the
//! machine makes of them in which order is its own affair.

use std::env;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use super::alone;
use super::load::{Client, Load, Random};
use super::peer::{Peer, Switch};
use crate::app::{Directory, TestApp};
use crate::command::{Process, wharfside};

const CLIENTS: u64 = 3;
/// Rounds on one directory; each looks at everything that the ones before it left.
const ROUNDS_ON_ONE: usize = 6;
const LONGEST: u64 = 600;
/// A start takes about half of this.
const LONGEST_START: u64 = 60;

#[test]
fn p1_p2_p5_p8_random_kills_of_either_or_both() {
    let _alone = alone();
    torture(24, 20_261_123);
}

/// The long form, for `scripts/torture`.
#[test]
#[ignore = "takes minutes: scripts/torture runs it"]
fn long() {
    let number = |name: &str| -> u64 {
        let text = env::var(name).unwrap_or_else(|_| panic!("{name} is not set"));
        text.parse()
            .unwrap_or_else(|_| panic!("{name} is {text:?}, but must be a number"))
    };
    torture(number("TORTURE_ROUNDS") as usize, number("TORTURE_SEED"));
}

fn torture(rounds: usize, seed: u64) {
    println!("seed {seed}, {rounds} rounds");
    let began = Instant::now();
    let mut random = Random::new(seed);
    let mut arena = None;
    for round in 1..=rounds {
        let on = arena.take().unwrap_or_else(|| Arena::new(&mut random));
        let (told, after) = on.round(&mut random);
        println!(
            "round {round} of {rounds}, seed {seed}: {told}, {:.0} s",
            began.elapsed().as_secs_f64()
        );
        arena = (round % ROUNDS_ON_ONE != 0).then_some(after);
    }
}

fn die_starting(directory: &Path, after: Duration) {
    let mut command = wharfside(["serve"]);
    command
        .env("STORAGE_DIR", directory)
        .env("ACCESS", "local")
        .env("PORT", "0");
    let mut process = Process::start(command);
    thread::sleep(after);
    process.kill9();
}

/// Two processes on one directory, and clients with what they remember.
struct Arena {
    apps: [TestApp; 2],
    clients: Vec<Client>,
    switch: Arc<Switch>,
}

impl Arena {
    fn new(random: &mut Random) -> Self {
        let directory = Directory::new();
        let apps =
            ["one", "two"].map(|name| TestApp::on(Arc::clone(&directory), &[("GIT_REV", name)]));
        let switch = Arc::new(Switch::default());
        let clients = (0..CLIENTS)
            .map(|n| Client::new(&format!("client{n}"), random.next(), &switch))
            .collect();
        Self {
            apps,
            clients,
            switch,
        }
    }

    /// One or more kills under load, then everything is looked at.
    fn round(mut self, random: &mut Random) -> (String, Self) {
        let mut peers = self.apps.each_mut().map(Peer::of);
        self.switch.serve(&[&peers[0], &peers[1]]);
        let load = Load::start(std::mem::take(&mut self.clients));
        let mut told = Vec::new();
        for _ in 0..=random.below(2) {
            let victims: &[usize] = match random.below(5) {
                0 | 1 => &[0],
                2 | 3 => &[1],
                _ => &[0, 1],
            };
            let wait = random.below(LONGEST);
            thread::sleep(Duration::from_millis(wait));
            for &victim in victims {
                peers[victim].may_die();
                self.apps[victim].kill9();
                peers[victim].note_gone();
            }
            told.push(match victims {
                [0] => format!("killed one after {wait} ms"),
                [1] => format!("killed two after {wait} ms"),
                _ => format!("killed both after {wait} ms"),
            });
            // The survivor is alone for a while, or in the company of starts that fail.
            let pause = random.below(LONGEST / 2);
            thread::sleep(Duration::from_millis(pause));
            for _ in 0..random.below(3) {
                let life = random.below(LONGEST_START);
                die_starting(self.apps[0].directory(), Duration::from_millis(life));
                told.push(format!("one that started died after {life} ms"));
            }
            for &victim in victims {
                self.apps[victim].start_again();
                peers[victim] = Peer::of(&mut self.apps[victim]);
            }
            self.switch.serve(&[&peers[0], &peers[1]]);
            load.go_on(5);
        }
        let requests = load.requests();
        self.clients = load.stop();
        self.assert_whole();
        told.push(format!("{requests} requests"));
        (told.join(", "), self)
    }

    fn assert_whole(&mut self) {
        thread::scope(|scope| {
            for (n, client) in self.clients.iter().enumerate() {
                let app = &self.apps[n % 2];
                scope.spawn(|| client.assert_kept(app));
            }
        });
        self.apps[0].wait_indexed();
        self.apps[0].assert_sound();
        // What a kill left behind was repaired by the start after it; this one is one more.
        self.apps[1].restart("again");
        assert_eq!(
            self.apps[1].persistence()["repairs"],
            json!([]),
            "a second recovery had work to do"
        );
    }
}
