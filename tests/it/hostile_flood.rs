//! Bytes that nobody announced: limits hold while they arrive, on every way in, and what was refused
//! leaves nothing.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::app::{Answer, Directory, TestApp, file};
use crate::command::eventually;
use crate::needs_mount::SmallDisk;
use crate::people::Credentials;

pub const MB: u64 = 1_000_000;
/// What may arrive between two checks, and what is in buffers then.
pub const SLACK: u64 = 6 * MB;
pub const OCTETS: (&str, &str) = ("content-type", "application/offset+octet-stream");
pub const TUS: (&str, &str) = ("tus-resumable", "1.0.0");

/// Bytes of all files below a folder, and how many files there are.
pub fn below(folder: &Path) -> (u64, usize) {
    let mut found = (0, 0);
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let Ok(facts) = entry.metadata() else {
            continue;
        };
        let (bytes, files) = match facts.is_dir() {
            true => below(&entry.path()),
            false => (facts.len(), 1),
        };
        found = (found.0 + bytes, found.1 + files);
    }
    found
}

pub fn staged(app: &TestApp) -> u64 {
    below(&app.directory().join("staging")).0
}

fn contents(app: &TestApp) -> usize {
    below(&app.directory().join("blobs")).1
}

pub fn nothing_is_staged(app: &TestApp) {
    eventually("staging to be empty", || {
        (below(&app.directory().join("staging")).1 == 0).then_some(())
    });
}

/// A request whose body goes on and on.
pub struct Flood {
    stream: TcpStream,
    answer: Vec<u8>,
}

impl Flood {
    /// Begins it; the body is `first` and then whatever is sent.
    pub fn begin(
        app: &TestApp,
        method: &str,
        target: &str,
        by: &Credentials,
        headers: &[(&str, &str)],
        first: &[u8],
    ) -> Self {
        let mut stream = app.connect();
        let own = by.0.iter().map(|(name, value)| (*name, value.as_str()));
        let mut head =
            format!("{method} {target} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n");
        let chunked = [("transfer-encoding", "chunked")];
        let is_announced = headers.iter().any(|(name, _)| *name == "content-length");
        let chunked = chunked.into_iter().filter(|_| !is_announced);
        for (name, value) in headers.iter().copied().chain(own).chain(chunked) {
            head += &format!("{name}: {value}\r\n");
        }
        stream.write_all(format!("{head}\r\n").as_bytes()).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_millis(1)))
            .unwrap();
        let mut flood = Self {
            stream,
            answer: Vec::new(),
        };
        if !first.is_empty() {
            assert!(flood.send(first));
        }
        flood
    }

    /// Sends a chunk; false once it has been answered, or cut off.
    pub fn send(&mut self, bytes: &[u8]) -> bool {
        let chunk = [format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat();
        self.stream.write_all(&chunk).is_ok() && !self.is_answered()
    }

    pub fn is_answered(&mut self) -> bool {
        let mut buffer = [0; 4096];
        match self.stream.read(&mut buffer) {
            Ok(0) => true,
            Ok(read) => {
                self.answer.extend_from_slice(&buffer[..read]);
                true
            }
            Err(error) => !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
        }
    }

    /// Sends as much as is taken, up to `most` bytes, and answers the most that was staged meanwhile.
    pub fn pour(&mut self, app: &TestApp, most: u64) -> u64 {
        let (chunk, mut sent, mut peak) = (vec![b'x'; 256 << 10], 0, 0);
        while sent < most && self.send(&chunk) {
            sent += chunk.len() as u64;
            peak = peak.max(staged(app));
        }
        peak.max(staged(app))
    }

    /// The status; 0 if the connection was cut before it came.
    pub fn status(mut self, app_is_done: bool) -> u16 {
        if app_is_done {
            let _ = self.stream.write_all(b"0\r\n\r\n");
        }
        let _ = self.stream.set_read_timeout(Some(Duration::from_secs(30)));
        let _ = self.stream.read_to_end(&mut self.answer);
        let answer = String::from_utf8_lossy(&self.answer);
        answer
            .split(' ')
            .nth(1)
            .map_or(0, |status| status.parse().unwrap())
    }
}

pub fn metadata(pairs: &[(&str, &str)]) -> String {
    let pairs = pairs
        .iter()
        .map(|(key, value)| format!("{key} {}", STANDARD.encode(value)));
    pairs.collect::<Vec<_>>().join(",")
}

/// With `Upload-Length`, or `Upload-Defer-Length` where it is not known.
pub fn create(
    app: &TestApp,
    target: &str,
    by: &Credentials,
    path: &str,
    length: Option<u64>,
) -> Answer {
    let named = metadata(&[("filename", path)]);
    let length = length.map(|length| length.to_string());
    let length = match &length {
        Some(length) => ("upload-length", length.as_str()),
        None => ("upload-defer-length", "1"),
    };
    let mut headers = vec![TUS, length, ("upload-metadata", &named)];
    headers.extend(by.0.iter().map(|(name, value)| (*name, value.as_str())));
    app.call("POST", target, &headers, None)
}

pub fn begin(app: &TestApp, by: &Credentials, path: &str, length: Option<u64>) -> String {
    let created = create(app, "/uploads", by, path, length);
    assert_eq!(created.status, 201, "{}", created.text());
    created.header("location").to_owned()
}

pub fn patch(app: &TestApp, upload: &str, by: &Credentials, offset: u64, bytes: &[u8]) -> Answer {
    let offset = offset.to_string();
    let mut headers = vec![TUS, OCTETS, ("upload-offset", &offset)];
    headers.extend(by.0.iter().map(|(name, value)| (*name, value.as_str())));
    app.call("PATCH", upload, &headers, Some(bytes))
}

pub fn head(app: &TestApp, upload: &str, by: &Credentials) -> Answer {
    let mut headers = vec![TUS];
    headers.extend(by.0.iter().map(|(name, value)| (*name, value.as_str())));
    app.call("HEAD", upload, &headers, None)
}

/// Ada, a member with a quota, and Olga, an owner.
pub fn with_quota(environment: &[(&str, &str)], bytes: u64) -> (TestApp, Credentials, Credentials) {
    let (app, olga) = TestApp::with_owner(environment);
    let ada = app.let_in("Ada", "member");
    let bytes = bytes.to_string();
    let fields = [("role", "member"), ("quota_bytes", &*bytes)];
    assert_eq!(app.send("/accounts/2/change", &olga, &fields).status, 303);
    (app, olga, ada)
}

const FORM: (&str, &str) = ("content-type", "multipart/form-data; boundary=x");
const PART: &[u8] = b"--x\r\ncontent-disposition: form-data; name=\"folder\"\r\n\r\nAda\r\n\
    --x\r\ncontent-disposition: form-data; name=\"file\"; filename=\"f.bin\"\r\n\r\n";

/// A way in for bytes that nobody announced.
struct Way<'a> {
    name: &'static str,
    method: &'static str,
    target: String,
    by: &'a Credentials,
    headers: Vec<(&'static str, String)>,
    first: &'static [u8],
}

impl Way<'_> {
    fn begin(&self, app: &TestApp) -> Flood {
        let headers = self.headers.iter();
        let headers: Vec<_> = headers.map(|(n, v)| (*n, v.as_str())).collect();
        Flood::begin(
            app,
            self.method,
            &self.target,
            self.by,
            &headers,
            self.first,
        )
    }

    fn form<'a>(name: &'static str, target: String, by: &'a Credentials) -> Way<'a> {
        let headers = vec![(FORM.0, FORM.1.to_owned())];
        let (method, first) = ("POST", PART);
        Way {
            name,
            method,
            target,
            by,
            headers,
            first,
        }
    }

    fn piece<'a>(
        name: &'static str,
        target: String,
        by: &'a Credentials,
        more: &[(&'static str, &str)],
    ) -> Way<'a> {
        let headers = [&[TUS, OCTETS, ("upload-offset", "0")], more].concat();
        let headers = headers.iter().map(|(n, v)| (*n, v.to_string())).collect();
        let (method, first) = ("PATCH", &b""[..]);
        Way {
            name,
            method,
            target,
            by,
            headers,
            first,
        }
    }
}

/// Every one of them: by Ada, and by a stranger through her link.
fn ways<'a>(app: &TestApp, ada: &'a Credentials, nobody: &'a Credentials) -> Vec<Way<'a>> {
    let link = app.link(ada, &[("kind", "drop"), ("folder", "Ada")]);
    let uploads = format!("{link}/uploads");
    let of_link = create(app, &uploads, nobody, "piece.bin", None);
    let of_link = of_link.header("location").to_owned();
    let with = |name, target: &str, by, path| {
        let named = metadata(&[("filename", path)]);
        let deferred = [("upload-defer-length", "1"), ("upload-metadata", &*named)];
        let method = "POST";
        Way {
            method,
            ..Way::piece(name, target.to_owned(), by, &deferred)
        }
    };
    let sum = [("upload-checksum", "sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=")];
    let piece = begin(app, ada, "Ada/piece.bin", None);
    let checked = begin(app, ada, "Ada/checked.bin", None);
    let plain = Way {
        name: "put",
        method: "PUT",
        target: file("Ada/put.bin"),
        by: ada,
        headers: Vec::new(),
        first: b"",
    };
    vec![
        plain,
        Way::form("form", "/upload".to_owned(), ada),
        Way::piece("piece", piece, ada, &[]),
        Way::piece("checked piece", checked, ada, &sum),
        with("with creation", "/uploads", ada, "Ada/with.bin"),
        Way::form("drop", format!("{link}/drop"), nobody),
        Way::piece("dropped piece", of_link, nobody, &[]),
        with("dropped with creation", &uploads, nobody, "with.bin"),
    ]
}

/// Sends much by every way: so much is staged at most, it is refused, and nothing of it stays.
fn pour_by_all_ways(app: &TestApp, ada: &Credentials, most: u64, status: u16) {
    let nobody = Credentials::none();
    for way in ways(app, ada, &nobody) {
        let mut flood = way.begin(app);
        let peak = flood.pour(app, most + 64 * MB);
        let name = way.name;
        assert!(peak < most + SLACK, "{name}: {peak} bytes were staged");
        let found = flood.status(true);
        assert!([status, 0].contains(&found), "{name}: {found}");
        // What says how far an upload has come, a few hundred bytes, stays with it.
        eventually(name, || (staged(app) < 10_000).then_some(()));
    }
}

#[test]
fn what_nobody_announced_stops_at_the_quota() {
    let (app, _, ada) = with_quota(&[], MB);
    pour_by_all_ways(&app, &ada, MB, 507);
    // Nor is anything of it among the contents.
    app.store("Ada/small.txt", &ada, b"fits");
    assert_eq!(app.look(&file("Ada/put.bin"), &ada).status, 404);
    assert!(below(&app.directory().join("blobs")).0 < MB);
}

#[test]
fn what_nobody_announced_stops_at_the_quota_of_all() {
    let app = TestApp::with(&[("QUOTA_BYTES", "1MB")]);
    let nobody = Credentials::none();
    let mut flood = Flood::begin(&app, "PUT", &file("a.bin"), &nobody, &[], b"");
    let peak = flood.pour(&app, 64 * MB);
    assert!(peak < MB + SLACK, "{peak} bytes were staged");
    assert!([507, 0].contains(&flood.status(true)));
    nothing_is_staged(&app);
}

#[test]
fn needs_mount_what_nobody_announced_stops_at_the_reserve() {
    let Some(disk) = SmallDisk::mount(96) else {
        return;
    };
    let reserve = [("STORAGE_RESERVE", "64MiB"), ("ACCESS", "private")];
    let app = TestApp::on(Directory::given(disk.path()), &reserve);
    let link = crate::people::user(app.directory(), &["setup-link"], "");
    let fields = [("name", "Olga"), ("password", crate::people::PASSWORD)];
    app.send(link.trim(), &Credentials::none(), &fields);
    let ada = app.let_in("Ada", "member");
    pour_by_all_ways(&app, &ada, 34 * MB, 507);
    app.store("Ada/small.txt", &ada, b"fits");
}

#[test]
fn what_nobody_announced_stops_at_the_largest_file() {
    let (app, _) = TestApp::with_owner(&[("MAX_UPLOAD_BYTES", "1MB")]);
    let ada = app.let_in("Ada", "member");
    pour_by_all_ways(&app, &ada, MB, 413);
}

#[test]
fn uploads_of_one_account_at_once_count_each_other() {
    let (app, _, ada) = with_quota(&[], 4 * MB);
    let mut floods: Vec<_> = (0..12)
        .map(|n| {
            let target = file(&format!("Ada/{n}.bin"));
            Flood::begin(&app, "PUT", &target, &ada, &[], &[b'x'; 100_000])
        })
        .collect();
    eventually("all to be under way", || {
        (below(&app.directory().join("staging")).1 == 12).then_some(())
    });
    // Each sends less than what passes between two checks of one, and none ends.
    for flood in &mut floods {
        flood.pour(&app, 2 * MB);
    }
    eventually("one of them to be refused", || {
        floods
            .iter_mut()
            .any(|flood| flood.is_answered() && flood.answer.starts_with(b"HTTP/1.1 507"))
            .then_some(())
    });
    assert!(staged(&app) < 4 * MB + SLACK, "{}", staged(&app));
    drop(floods);
    nothing_is_staged(&app);
    // What was announced counts before it arrives.
    let length = [("content-length", "3000000")];
    let announced = Flood::begin(&app, "PUT", &file("Ada/a"), &ada, &length, b"");
    let mut announced = announced;
    announced.stream.write_all(&vec![b'x'; 500_000]).unwrap();
    eventually("it to be under way", || (staged(&app) > 0).then_some(()));
    // Whoever is refused may find the connection closed while they still send.
    let length = [("content-length", "2000000")];
    let mut second = Flood::begin(&app, "PUT", &file("Ada/b"), &ada, &length, b"");
    let _ = second.stream.write_all(&vec![b'y'; 1_000_000]);
    eventually("an answer", || second.is_answered().then_some(()));
    let answer = String::from_utf8_lossy(&second.answer);
    assert!(answer.starts_with("HTTP/1.1 507"), "{answer}");
    drop((announced, second));
    nothing_is_staged(&app);
    let second = app.ask("PUT", &file("Ada/b"), &ada, Some(&vec![b'y'; 2_000_000]));
    assert_eq!(second.status, 201, "{}", second.text());
}

#[test]
fn what_was_refused_leaves_no_content() {
    let (app, olga, ada) = with_quota(&[], MB);
    app.store("olgas/a.txt", &olga, b"hers");
    let kept = contents(&app);
    let put = |path: &str, byte: u8| {
        app.ask("PUT", &file(path), &ada, Some(&vec![byte; 300_000]))
            .status
    };
    for byte in 0..5 {
        assert_eq!(put("olgas/b.txt", byte), 403);
    }
    assert_eq!(contents(&app), kept);
    // Whole with its creation, and in a piece that turns out to be too much.
    let named = metadata(&[("filename", "olgas/c.txt")]);
    let mut headers = vec![
        TUS,
        OCTETS,
        ("upload-length", "200000"),
        ("upload-metadata", &named),
    ];
    headers.extend(ada.0.iter().map(|(name, value)| (*name, value.as_str())));
    let whole = app.call("POST", "/uploads", &headers, Some(&vec![9; 200_000]));
    assert_eq!(whole.status, 403, "{}", whole.text());
    assert_eq!(contents(&app), kept);
    // What somebody else has stays.
    app.store("olgas/d.txt", &olga, &vec![7; 300_000]);
    assert_eq!(put("olgas/b.txt", 7), 403);
    assert_eq!(app.look(&file("olgas/d.txt"), &olga).status, 200);
    app.assert_sound();
}
