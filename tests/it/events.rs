//! The stream of events: who listens hears of every change, whichever process made it, and loses
//! none when a stream ends.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;

use rustix::process::Signal;
use serde_json::Value;

use crate::app::TestApp;
use crate::command::eventually;
use crate::people::Credentials;

/// A stream that is being read, message by message.
pub struct Listener {
    lines: BufReader<TcpStream>,
    /// As the last message had it.
    searchable: u64,
}

/// A message: its id, and what it says.
pub struct Message {
    id: u64,
    news: Value,
}

impl Listener {
    fn on(app: &TestApp, query: &str, headers: &str) -> Self {
        let mut stream = app.connect();
        let request = format!(
            "GET /api/v1/events{query} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n{headers}\r\n",
            app.address()
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut lines = BufReader::new(stream);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert!(lines.read_line(&mut head).unwrap() > 0, "{head}");
        }
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
        assert!(head.contains("content-type: text/event-stream"), "{head}");
        assert!(head.contains("x-accel-buffering: no"), "{head}");
        Self {
            lines,
            searchable: 0,
        }
    }

    /// On behalf of somebody, from now on.
    pub fn by(app: &TestApp, by: &Credentials) -> Self {
        let headers =
            by.0.iter()
                .map(|(name, value)| format!("{name}: {value}\r\n"));
        Self::on(app, "", &headers.collect::<String>())
    }

    /// What the next message says.
    pub fn hear(&mut self) -> Value {
        self.next().expect("the stream goes on").news
    }

    /// The next message; none at the end of the stream.
    pub fn next(&mut self) -> Option<Message> {
        let (mut id, mut news) = (None, None);
        loop {
            let mut line = String::new();
            if self.lines.read_line(&mut line).unwrap() == 0 {
                return None;
            }
            if let Some(value) = line.strip_prefix("id: ") {
                id = Some(value.trim().parse().unwrap());
            } else if let Some(value) = line.strip_prefix("data: ") {
                news = Some(serde_json::from_str(value).unwrap());
            } else if line == "\n"
                && let (Some(id), Some(news)) = (id, news.take())
            {
                let news: Value = news;
                self.searchable = news["searchable"].as_u64().unwrap();
                return Some(Message { id, news });
            }
        }
    }

    /// Reads on until the change of a file that ends in `name` is told; answers it and its id.
    pub fn wait_for(&mut self, name: &str) -> (Value, u64) {
        loop {
            let Message { id, news } = self.next().expect("the stream goes on");
            let changes = news["changes"].as_array().unwrap();
            let found = changes
                .iter()
                .find(|change| change["path"].as_str().unwrap().ends_with(name));
            if let Some(found) = found {
                return (found.clone(), id);
            }
        }
    }
}

/// What the first message to somebody says.
pub fn first_message(app: &TestApp, query: &str, by: &Credentials) -> Value {
    let headers: String = by.0.iter().map(|(n, v)| format!("{n}: {v}\r\n")).collect();
    Listener::on(app, query, &headers).next().unwrap().news
}

#[test]
fn p4_who_listens_to_one_process_hears_of_changes_by_the_other() {
    let first = TestApp::start();
    let second = first.second("next");
    let mut listener = Listener::on(&first, "", "");
    assert_eq!(listener.next().unwrap().news["missed"], false);
    let receipt = second.put("a/first.txt", b"mizzen");
    let (change, _) = listener.wait_for("first.txt");
    assert_eq!(change["kind"], "stored");
    assert_eq!(change["id"], receipt.id);
    second.patch(receipt.id, serde_json::json!({ "path": "b/moved.txt" }));
    let (change, _) = listener.wait_for("moved.txt");
    assert_eq!(
        (&change["kind"], &change["left"]),
        (&"renamed".into(), &"a".into())
    );
    // That it can be found by now is pushed as well, with the change or after it.
    while listener.searchable <= receipt.sequence {
        listener.next().expect("the stream goes on");
    }
}

#[test]
fn who_comes_back_is_told_what_happened_meanwhile() {
    let app = TestApp::start();
    app.put("one.txt", b"1");
    let mut listener = Listener::on(&app, "?after=0", "");
    let (_, id) = listener.wait_for("one.txt");
    drop(listener);
    app.put("two.txt", b"2");
    for (query, header) in [
        (format!("?after={id}"), String::new()),
        ("?after=0".into(), format!("Last-Event-ID: {id}\r\n")),
    ] {
        let message = Listener::on(&app, &query, &header).next().unwrap();
        let changes = message.news["changes"].as_array().unwrap();
        assert_eq!(changes.len(), 1, "{changes:?}");
        assert_eq!(changes[0]["path"], "two.txt");
    }
    let unknown = Listener::on(&app, "?after=99999", "").next().unwrap();
    assert_eq!(unknown.news["missed"], true);
}

#[test]
fn a_release_that_goes_ends_its_streams_at_once_and_serves_on() {
    let mut app = TestApp::with(&[("DRAIN_SECONDS", "60")]);
    let mut listener = Listener::on(&app, "", "");
    listener.next().unwrap();
    app.process().signal(Signal::TERM);
    eventually("the stream's end", || {
        listener.next().is_none().then_some(())
    });
    // Whoever still reaches it is answered, once.
    let mut late = Listener::on(&app, "", "");
    assert!(late.next().is_some());
    assert!(late.next().is_none());
    app.process().signal(Signal::TERM);
    assert_eq!(app.process().wait_exit().code(), Some(0));
}
