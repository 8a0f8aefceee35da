//! A reverse proxy with bad manners: it cuts, refuses and fails, as those between people and their
//! server do. One request a connection.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

/// What it does to requests.
#[derive(Default)]
pub struct Manners {
    /// Bodies beyond this many bytes are answered with 413; 0 lets all through.
    pub most: AtomicU64,
    /// Whether everything is answered with 502.
    pub down: AtomicBool,
    /// Every so manieth connection is reset in the middle of its body; 0 for none.
    pub resets: AtomicU64,
    /// Bodies that would make it more bytes than this in all wait at the door until that changes;
    /// 0 lets all through. What is sent through it cannot be complete before a test says so.
    pub holds: AtomicU64,
    /// Requests that wait at the door now.
    pub held: AtomicU64,
    pub refused: AtomicU64,
    /// Requests that were answered with 502.
    pub failed: AtomicU64,
    /// Bytes of bodies that went through, or were let through.
    pub passed: AtomicU64,
    connections: AtomicU64,
}

/// Listens until the test ends.
pub struct Proxy {
    pub address: String,
    pub manners: Arc<Manners>,
}

impl Proxy {
    /// In front of an application at `upstream`, a `host:port`.
    pub fn before(upstream: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let upstream: SocketAddr = upstream.parse().unwrap();
        let manners = Arc::<Manners>::default();
        let known = Arc::clone(&manners);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let manners = Arc::clone(&known);
                // A connection that fails is the client's to notice.
                thread::spawn(move || pass(client, upstream, &manners));
            }
        });
        Self { address, manners }
    }

    pub fn url(&self, target: &str) -> String {
        format!("http://{}{target}", self.address)
    }
}

fn pass(mut client: TcpStream, upstream: SocketAddr, manners: &Manners) -> io::Result<()> {
    let head = read_head(&mut client)?;
    let length = content_length(&head);
    let number = manners.connections.fetch_add(1, Ordering::Relaxed) + 1;
    let most = manners.most.load(Ordering::Relaxed);
    wait_at_the_door(length, manners);
    if manners.down.load(Ordering::Relaxed) {
        manners.failed.fetch_add(1, Ordering::Relaxed);
        return refuse(&mut client, length, "502 Bad Gateway");
    }
    if most > 0 && length > most {
        manners.refused.fetch_add(1, Ordering::Relaxed);
        return refuse(&mut client, length, "413 Content Too Large");
    }
    let resets = manners.resets.load(Ordering::Relaxed);
    let is_reset = resets > 0 && number.is_multiple_of(resets);
    manners.passed.fetch_add(length, Ordering::Relaxed);
    let mut server = TcpStream::connect(upstream)?;
    server.write_all(&closing(&head))?;
    // What is not read when a connection is dropped makes it end in a reset.
    let passed = if is_reset { length / 2 } else { length };
    io::copy(&mut (&client).take(passed), &mut server)?;
    if is_reset {
        return Ok(());
    }
    io::copy(&mut server, &mut client).map(drop)
}

fn wait_at_the_door(length: u64, manners: &Manners) {
    let has_to_wait = || {
        let holds = manners.holds.load(Ordering::Relaxed);
        length > 0 && holds > 0 && manners.passed.load(Ordering::Relaxed) + length > holds
    };
    if !has_to_wait() {
        return;
    }
    manners.held.fetch_add(1, Ordering::Relaxed);
    while has_to_wait() {
        thread::sleep(Duration::from_millis(5));
    }
    manners.held.fetch_sub(1, Ordering::Relaxed);
}

/// Up to and with the empty line.
fn read_head(client: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        client.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    Ok(head)
}

fn content_length(head: &[u8]) -> u64 {
    let head = String::from_utf8_lossy(head).to_ascii_lowercase();
    let line = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length:"));
    line.map_or(0, |value| value.trim().parse().unwrap())
}

/// The same request, for a connection of its own.
fn closing(head: &[u8]) -> Vec<u8> {
    let head = String::from_utf8_lossy(head);
    let lines = head.trim_end().lines().filter(|line| {
        let line = line.to_ascii_lowercase();
        !line.starts_with("connection:")
    });
    let lines: Vec<&str> = lines.chain(["Connection: close", "", ""]).collect();
    lines.join("\r\n").into_bytes()
}

/// Takes the body all the same, as well-behaved proxies do for a while.
fn refuse(client: &mut TcpStream, length: u64, status: &str) -> io::Result<()> {
    write!(
        client,
        "HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    )?;
    io::copy(&mut client.take(length), &mut io::sink()).map(drop)
}
