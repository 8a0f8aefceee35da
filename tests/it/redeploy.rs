//! P5: a redeploy under load, with a front that switches as a platform's proxy does.

use std::io;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use rustix::process::Signal;

use crate::app::TestApp;
use crate::command::{Process, eventually, wharfside};

/// Passes each new connection to the release that is chosen at that moment.
struct Front {
    address: String,
    target: Arc<Mutex<String>>,
}

impl Front {
    fn before(app: &TestApp) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let target = Arc::new(Mutex::new(app.address().to_owned()));
        let chosen = Arc::clone(&target);
        // Ends with the test's process: it owns nothing that must be given back.
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let target = chosen.lock().unwrap().clone();
                // Nobody there: the client sees its connection closed, and counts a failure.
                if let Ok(server) = TcpStream::connect(target) {
                    join(client, server);
                }
            }
        });
        Self { address, target }
    }

    fn switch_to(&self, app: &TestApp) {
        *self.target.lock().unwrap() = app.address().to_owned();
    }

    fn watch(&self) -> Process {
        Process::start(wharfside([
            "smoke",
            "watch",
            &format!("http://{}", self.address),
        ]))
    }
}

fn join(client: TcpStream, server: TcpStream) {
    for stream in [&client, &server] {
        stream.set_nodelay(true).unwrap();
    }
    let pass = |mut from: TcpStream, mut to: TcpStream| {
        thread::spawn(move || {
            let _ = io::copy(&mut from, &mut to);
            let _ = to.shutdown(Shutdown::Write);
        });
    };
    pass(client.try_clone().unwrap(), server.try_clone().unwrap());
    pass(server, client);
}

fn wait_files(app: &TestApp, more_than: u64) -> u64 {
    eventually("the load to go on", || {
        let files = app.persistence()["totals"]["files"].as_u64()?;
        (files > more_than).then_some(files)
    })
}

/// Ends the watch and answers its summary.
fn summary(mut watch: Process) -> String {
    watch.signal(Signal::INT);
    let status = watch.wait_exit();
    let said = watch.said();
    assert_eq!(status.code(), Some(0), "{said}");
    assert!(
        said.contains(", 0 failures,") && said.contains(" 0 lost;"),
        "{said}"
    );
    said
}

#[test]
fn p5_a_redeploy_under_load_fails_no_request_and_loses_no_receipt() {
    let mut old = TestApp::with(&[("GIT_REV", "old"), ("DRAIN_SECONDS", "3")]);
    let front = Front::before(&old);
    let watch = front.watch();
    let files = wait_files(&old, 20);
    let new = old.second("new");
    front.switch_to(&new);
    old.process().signal(Signal::TERM);
    assert_eq!(old.process().wait_exit().code(), Some(0));
    wait_files(&new, files + 20);
    let said = summary(watch);
    assert!(said.contains("boots 1, 2"), "{said}");
    new.assert_sound();
}

#[test]
fn p5_a_new_release_that_dies_before_the_switch_harms_nobody() {
    let old = TestApp::with(&[("GIT_REV", "old")]);
    let front = Front::before(&old);
    let watch = front.watch();
    let mut files = wait_files(&old, 20);
    for release in ["broken", "broken-again"] {
        let mut new = old.second(release);
        new.kill9();
        files = wait_files(&old, files + 10);
    }
    summary(watch);
    old.assert_sound();
}
