//! How long contents that somebody made for it keep a thread of the server busy: the processor time
//! of the busiest thread, for each content and page, of a real server with its children.
//!
//! Run with `cargo bench --bench previews`, or `-- WORD` for the contents whose names have that word.

use std::collections::HashMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// A page is asked for so often: what is made at the first look is kept for the next.
const LOOKS: usize = 3;
/// Threads that answer requests have names that begin so.
const SERVING: &str = "tokio";
/// What a thread may take for anybody's content.
const MOST: Duration = Duration::from_millis(50);

struct Server {
    process: Child,
    address: String,
    agent: ureq::Agent,
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already; then there is only its status to take.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Server {
    fn start(folder: &std::path::Path) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_wharfside"));
        // Cargo says to the benchmark what its build script said to the compiler.
        for (name, _) in std::env::vars() {
            if name.starts_with("WHARFSIDE_") {
                command.env_remove(name);
            }
        }
        let mut process = command
            .arg("serve")
            .env("STORAGE_DIR", folder)
            .env("HOST", "127.0.0.1")
            .env("PORT", "0")
            .env("ACCESS", "local")
            .env("LOG_FORMAT", "json")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the server starts");
        let said = process.stdout.take().expect("its output");
        let mut lines = BufReader::new(said).lines();
        let address = lines
            .find_map(|line| {
                let line = line.ok()?;
                let address = line.strip_prefix("http://")?;
                Some(address.trim_end_matches('/').to_owned())
            })
            .expect("the address it listens on");
        // What it says later is read by nobody, and must not block it.
        std::thread::spawn(move || lines.for_each(drop));
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .build()
            .into();
        let server = Self {
            process,
            address,
            agent,
        };
        server.wait(|| server.get("/health/ready").0 == 200);
        server
    }

    fn wait(&self, mut is_so: impl FnMut() -> bool) {
        while !is_so() {
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn get(&self, target: &str) -> (u16, String) {
        let url = format!("http://{}{target}", self.address);
        let mut answer = self.agent.get(&url).call().expect("an answer");
        let status = answer.status().as_u16();
        let body = answer.body_mut().with_config().limit(1 << 30);
        (status, body.read_to_string().unwrap_or_default())
    }

    /// Stores a content and waits until it is searchable; answers its id.
    fn put(&self, name: &str, content: &[u8]) -> i64 {
        let url = format!("http://{}/api/v1/files/{name}", self.address);
        let mut answer = self.agent.put(&url).send(content).expect("an answer");
        let receipt = answer.body_mut().read_to_string().expect("a receipt");
        let receipt: Value = serde_json::from_str(&receipt).expect("a receipt");
        let id = receipt["id"].as_i64().expect("an id");
        self.wait(|| {
            let (_, entry) = self.get(&format!("/api/v1/entries/{id}"));
            let entry: Value = serde_json::from_str(&entry).expect("an entry");
            entry["searchable"] == true && entry["facts"]["extractor"] != 0
        });
        id
    }

    /// Nanoseconds that each serving thread has run.
    fn busy(&self) -> HashMap<String, u64> {
        let tasks = format!("/proc/{}/task", self.process.id());
        let tasks = fs::read_dir(tasks).expect("the server's threads").flatten();
        let ran = |task: fs::DirEntry| {
            let read = |what| fs::read_to_string(task.path().join(what)).ok();
            let (name, ran) = (read("comm")?, read("schedstat")?);
            let ran = ran.split_whitespace().next()?.parse().ok()?;
            let id = task.file_name().to_string_lossy().into_owned();
            name.starts_with(SERVING).then_some((id, ran))
        };
        tasks.filter_map(ran).collect()
    }

    /// The processor time of the busiest thread while a page is asked for, and how long that took.
    fn look(&self, target: &str) -> (Duration, Duration) {
        let (before, began) = (self.busy(), Instant::now());
        self.get(target);
        let took = began.elapsed();
        // What goes on behind the answer counts as well.
        std::thread::sleep(Duration::from_millis(100));
        let after = self.busy();
        let ran = |(id, ran): (&String, &u64)| ran - before.get(id).unwrap_or(&0).min(ran);
        let most = after.iter().map(ran).max().unwrap_or(0);
        (Duration::from_nanos(most), took)
    }
}

fn main() {
    let only = std::env::args()
        .skip(1)
        .find(|argument| !argument.starts_with('-'));
    let folder = tempfile::tempdir().expect("a temporary folder");
    let server = Server::start(folder.path());
    // What is loaded once is loaded now.
    let warm = server.put("warm.rs", b"fn main() {}");
    server.look(&format!("/files/{warm}?q=main"));
    server.look(&format!("/files/{warm}"));
    let mut worst = Duration::ZERO;
    println!(
        "{:<34} {:<22} {:>10} {:>10}",
        "content", "page", "thread", "answer"
    );
    for (name, content) in contents() {
        if only.as_ref().is_some_and(|word| !name.contains(word)) {
            continue;
        }
        let id = server.put(name, &content);
        for (page, target) in pages(id) {
            let looks: Vec<_> = (0..LOOKS).map(|_| server.look(&target)).collect();
            let thread = looks.iter().map(|(thread, _)| *thread).max();
            let answer = looks.iter().map(|(_, answer)| *answer).max();
            let (thread, answer) = (thread.unwrap_or_default(), answer.unwrap_or_default());
            let mark = if thread > MOST { " !" } else { "" };
            println!("{name:<34} {page:<22} {thread:>10.1?} {answer:>10.1?}{mark}");
            worst = worst.max(thread);
        }
    }
    println!("longest time of a thread: {worst:.1?}");
}

/// The ways in which a content is looked at.
fn pages(id: i64) -> Vec<(&'static str, String)> {
    let words: Vec<String> = (0..40).map(|n| format!("word{n}")).collect();
    let words = words.join("+");
    vec![
        ("page", format!("/files/{id}")),
        ("page, marked", format!("/files/{id}?q=a")),
        ("page, phrase marked", format!("/files/{id}?q=%22a+a+a%22")),
        ("page, 40 words", format!("/files/{id}?q={words}+a")),
        ("page 2", format!("/files/{id}?page=2&q=a")),
        ("end", format!("/files/{id}?part=end&q={words}+a")),
        ("entry", format!("/api/v1/entries/{id}")),
        ("thumbnail", format!("/thumbnail/{id}")),
        ("search", "/search?q=a".to_owned()),
        ("search, phrase", "/search?q=%22a+a+a%22".to_owned()),
    ]
}

/// Contents by what is meant to be slow about them.
fn contents() -> Vec<(&'static str, Vec<u8>)> {
    let line = |first: &str, rest: &str, count: usize| format!("{first}{}", rest.repeat(count));
    let grammar = line("(", "_", 997);
    let mut contents: Vec<(&str, String)> = vec![
        ("grammar.cs", grammar.clone()),
        ("grammar.java", grammar.clone()),
        ("grammar.php", format!("<?php {grammar}")),
        ("grammar.rb", grammar.clone()),
        ("grammar.hs", grammar.clone()),
        (
            "grammar-parentheses.js",
            line("", &format!("{}\n", "(".repeat(990)), 60),
        ),
        (
            "grammar-brackets.tex",
            line("", &format!("{}\n", "\\[{".repeat(330)), 60),
        ),
        ("markdown-quotes.md", line("", "> ", 32_000)),
        ("markdown-brackets.md", line("", "[", 64_000)),
        ("markdown-links.md", line("", "[a](", 16_000)),
        ("markdown-emphasis.md", line("", "*a **a ", 9_000)),
        (
            "markdown-lists.md",
            (0..300)
                .map(|n| format!("{}- a\n", " ".repeat(2 * n.min(100))))
                .collect(),
        ),
        (
            "markdown-ticks.md",
            (1..350).map(|n| format!("{} ", "`".repeat(n))).collect(),
        ),
        (
            "markdown-table.md",
            format!("{}\n{}\n", "|a".repeat(10_000), "|-".repeat(10_000)),
        ),
        ("table-long-line.csv", line("a", ",a", 2_000_000)),
        (
            "table-cells.csv",
            line("", &format!("{}\n", ",a".repeat(59)), 60_000),
        ),
        ("table-quotes.csv", line("", "\"\"", 4_000_000)),
        (
            "mail-headers.eml",
            format!("From: a@b.c\n{}\na\n", "X-A: a\n".repeat(400_000)),
        ),
        (
            "mail-parts.eml",
            format!(
                "From: a@b.c\nContent-Type: multipart/mixed; boundary=x\n\n{}",
                "--x\n\na\n".repeat(200_000)
            ),
        ),
        (
            "mail-nested.eml",
            "Content-Type: multipart/mixed; boundary=x\n\n--x\n".repeat(20_000),
        ),
        ("text-one-word.txt", line("", "a", 16 << 20)),
        ("text-words.txt", line("", "a ", 8 << 20)),
        ("text-pages.txt", format!("a\u{c}{}", "a ".repeat(8 << 20))),
        ("text-empty-pages.txt", line("a", "\u{c}", 8 << 20)),
        ("text-marks.txt", line("a", "\u{301}\u{316}", 2 << 20)),
        ("text-ideographs.txt", line("a", "\u{6f22}", 5 << 20)),
        ("text-hyphens.txt", line("a", "-a", 8 << 20)),
        ("markup-nested.html", line("a", "<div>", 2_000_000)),
        (
            "markup-attributes.html",
            format!("a<p {}>", "a=\"b\" ".repeat(2_000_000)),
        ),
        ("markup-entities.html", line("a", "&amp;", 3_000_000)),
        ("markup-nested.xml", line("<a>", "<a>", 3_000_000)),
        ("markup-nested.svg", line("<svg>", "<g>", 3_000_000)),
        ("values-nested.json", line("", "[", 16 << 20)),
        ("values.json", format!("[{}1]", "\"a\",".repeat(4 << 20))),
    ];
    // A few of what everybody stores, to compare.
    let ordinary = include_str!("previews.rs");
    contents.push(("ordinary.rs", ordinary.to_owned()));
    contents.push(("ordinary.txt", ordinary.to_owned()));
    let bytes = contents.into_iter();
    bytes
        .map(|(name, text)| (name, text.into_bytes()))
        .collect()
}
