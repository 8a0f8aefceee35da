//! A real nginx with a platform's defaults in front of an app: 1 MiB a request, 60 s, buffering on.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use serde_json::json;
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;
use wharfside::store::Digest;

use crate::app::{TestApp, file};
use crate::browser::Browser;
use crate::command::{Process, eventually};

/// Ends with the test.
pub struct Nginx {
    port: u16,
    _process: Process,
    _state: TempDir,
}

impl Nginx {
    pub fn before(upstream: &str) -> Self {
        let state = TempDir::new().unwrap();
        // nginx takes no port 0, so one is picked for it; another may be quicker to take it.
        for _ in 0..10 {
            let picked = TcpListener::bind("127.0.0.1:0").unwrap();
            let port = picked.local_addr().unwrap().port();
            drop(picked);
            let mut process = start(state.path(), port, upstream);
            let answers = eventually("nginx to listen", || match process.runs() {
                true => TcpStream::connect(("127.0.0.1", port)).ok().map(|_| true),
                false => Some(false),
            });
            if answers {
                return Self {
                    port,
                    _process: process,
                    _state: state,
                };
            }
        }
        panic!("nginx does not start");
    }

    pub fn url(&self, target: &str) -> String {
        format!("http://127.0.0.1:{}{target}", self.port)
    }
}

fn start(state: &Path, port: u16, upstream: &str) -> Process {
    let configuration = state.join("nginx.conf");
    fs::write(&configuration, site(state, port, upstream)).unwrap();
    let mut command = Command::new(program());
    command.arg("-p").arg(state).arg("-c").arg(configuration);
    command.args(["-e", "stderr"]).stdin(Stdio::null());
    Process::start({
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    })
}

/// This machine's, or the one that `scripts/test` unpacks.
fn program() -> PathBuf {
    let unpacked = concat!(env!("CARGO_MANIFEST_DIR"), "/target/nginx/usr/sbin/nginx");
    let places = ["/usr/sbin/nginx", unpacked].map(PathBuf::from);
    let found = places.into_iter().find(|place| place.exists());
    found.unwrap_or_else(|| "nginx".into())
}

fn site(state: &Path, port: u16, upstream: &str) -> String {
    let state = state.display();
    // One process: killed, it leaves no worker behind.
    format!(
        "daemon off; master_process off; pid {state}/pid; error_log stderr;
events {{ worker_connections 768; }}
http {{
    access_log off; sendfile on; keepalive_timeout 65; client_max_body_size 1m;
    client_body_temp_path {state}/body; proxy_temp_path {state}/proxy; fastcgi_temp_path {state}/fastcgi;
    uwsgi_temp_path {state}/uwsgi; scgi_temp_path {state}/scgi;
    server {{
        listen 127.0.0.1:{port};
        location / {{
            gzip on; gzip_types text/css text/javascript text/plain application/javascript application/json;
            proxy_pass http://{upstream}; proxy_http_version 1.1;
            proxy_buffering on; proxy_request_buffering on;
            proxy_connect_timeout 60s; proxy_read_timeout 60s; proxy_send_timeout 60s;
            proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection \"upgrade\";
            proxy_set_header Host $http_host; proxy_set_header X-Forwarded-For $remote_addr;
            proxy_set_header X-Forwarded-Port $server_port; proxy_set_header X-Forwarded-Proto $scheme;
        }}
    }}
}}
"
    )
}

/// Bytes that no other file has.
fn content(seed: u64, bytes: usize) -> Vec<u8> {
    let words = (0..bytes as u64 / 8 + 1).flat_map(|n| {
        (n + (seed << 32))
            .wrapping_mul(0x9E37_79B9_7F4A_7C15)
            .to_le_bytes()
    });
    words.take(bytes).collect()
}

fn digest(bytes: &[u8]) -> String {
    Digest::from_bytes(Sha256::digest(bytes).into()).to_string()
}

/// Waits for that many files in a folder; answers their paths, digests and versions.
fn stored(app: &TestApp, folder: &str, count: usize) -> Vec<(String, String, u64)> {
    let target = format!("/api/v1/entries?folder={folder}&limit=1000");
    let mut best = (0, Instant::now());
    loop {
        let (mut found, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = app.fetch(&format!("{target}{cursor}"));
            if page.status == 404 {
                break;
            }
            let page = page.json();
            for file in page["files"].as_array().unwrap() {
                let text = |name: &str| file[name].as_str().unwrap().to_owned();
                found.push((
                    text("path"),
                    text("sha256"),
                    file["version"].as_u64().unwrap(),
                ));
            }
            match page["next"].as_str() {
                Some(next) => cursor = format!("&cursor={}", crate::app::encode(next)),
                None => break,
            }
        }
        if found.len() >= count {
            return found;
        }
        // As long as it gets on, it may take its time.
        if found.len() > best.0 {
            best = (found.len(), Instant::now());
        }
        assert!(
            best.1.elapsed() < crate::command::PATIENCE,
            "no more than {} of {count} files arrive",
            best.0
        );
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
}

/// Notes the longest time in which the page could do nothing else.
const WATCH: &str = "window.longest = 0; let last = performance.now();
    setInterval(() => { const now = performance.now(); window.longest = Math.max(window.longest, now - last); last = now; }, 10);";

#[test]
fn chromium_nginx_lets_a_large_file_and_a_folder_of_many_small_ones_through() {
    const MANY: u64 = 2_000;
    let app = TestApp::start();
    let nginx = Nginx::before(app.address());
    let desk = TempDir::new().unwrap();
    let film = content(MANY, 40 << 20);
    let file: PathBuf = desk.path().join("film.bin");
    fs::write(&file, &film).unwrap();
    let folder = desk.path().join("many");
    fs::create_dir(&folder).unwrap();
    for n in 0..MANY {
        fs::write(folder.join(format!("{n:04}.bin")), content(n, 8 << 10)).unwrap();
    }
    let browser = Browser::open();
    browser.go(&nginx.url("/"));
    browser.drop_files(&[&file]);
    assert_eq!(
        stored(&app, "", 1),
        [("film.bin".to_owned(), digest(&film), 1)]
    );
    browser.run(WATCH, json!([]));
    let began = Instant::now();
    browser.drop_files(&[&folder]);
    let found = stored(&app, "many", MANY as usize);
    let took = began.elapsed();
    let longest = browser.run("return window.longest", json!([]));
    println!("{MANY} files took {took:?}; the page stood still for {longest} ms at most");
    let expected: Vec<_> = (0..MANY)
        .map(|n| (format!("many/{n:04}.bin"), digest(&content(n, 8 << 10)), 1))
        .collect();
    assert!(found == expected, "other files than were dropped");
    browser.wait_text("2001 stored");
}

#[test]
fn chromium_nginx_lets_large_files_through_by_a_drop_link() {
    let (app, olga) = TestApp::with_owner(&[]);
    let nginx = Nginx::before(app.address());
    let link = app.link(
        &olga,
        &[("kind", "drop"), ("folder", "inbox"), ("name", "Send me")],
    );
    let desk = TempDir::new().unwrap();
    let film = content(7, 5 << 20);
    let path = desk.path().join("film.bin");
    fs::write(&path, &film).unwrap();
    app.store("inbox/film.bin", &olga, b"another one");
    let browser = Browser::open();
    browser.go(&nginx.url(&link));
    browser.wait_text("Send me");
    browser.choose_files("#upload input[type=file]", &[&path]);
    browser.wait_text("1 arrived and stored");
    // It lies beside the one that was there, of which the sender hears nothing.
    assert_eq!(app.look(&file("inbox/film (2).bin"), &olga).body, film);
    assert!(!browser.text().contains("(2)"), "{}", browser.text());
    assert!(!browser.text().contains("inbox"), "{}", browser.text());
}
