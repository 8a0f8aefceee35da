//! Clients that others wrote, as their users have them; `tests/clients/install` brings them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;
use wharfside::store::Digest;

use super::client::{head, offset};
use crate::app::TestApp;
use crate::command::{CLIENTS, need_clients, run};

/// Bytes in which no two places look alike.
fn content(bytes: usize) -> Vec<u8> {
    let words =
        (0..bytes as u64 / 8 + 1).flat_map(|n| n.wrapping_mul(0x9E37_79B9_7F4A_7C15).to_le_bytes());
    words.take(bytes).collect()
}

/// A file on somebody's desk.
struct Desk {
    _folder: TempDir,
    file: PathBuf,
    bytes: Vec<u8>,
}

impl Desk {
    fn with(bytes: usize) -> Self {
        let folder = TempDir::new().unwrap();
        let (file, bytes) = (folder.path().join("film.bin"), content(bytes));
        fs::write(&file, &bytes).unwrap();
        Self {
            _folder: folder,
            file,
            bytes,
        }
    }

    fn path(&self) -> &str {
        self.file.to_str().unwrap()
    }
}

/// Runs one of our scripts beside the installed clients; answers the line it prints.
fn script(program: &str, name: &str, arguments: &[&str]) -> String {
    need_clients();
    // Modules are looked for beside the script. Its own copy: others may be starting theirs.
    let here = tempfile::Builder::new().tempdir_in(CLIENTS).unwrap();
    let copy = here.path().join(name);
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients");
    fs::copy(source.join(name), &copy).unwrap();
    let mut command = Command::new(program);
    command.arg(copy).args(arguments);
    command.stdout(std::process::Stdio::piped());
    command.stderr(std::process::Stdio::piped());
    let ended = run(command, "");
    assert_eq!(ended.code, Some(0), "{name}: {ended:?}");
    ended.stdout.trim().to_owned()
}

/// Answers the upload's address.
fn tus_js_client(app: &TestApp, desk: &Desk, options: Value) -> String {
    let (endpoint, options) = (app.url("/uploads"), options.to_string());
    let arguments = [&*endpoint, desk.path(), &*options];
    target(&script("node", "tus-js-client.mjs", &arguments))
}

/// The path of an address.
fn target(url: &str) -> String {
    let at = url.find("/uploads/").unwrap_or_else(|| panic!("{url:?}"));
    url[at..].to_owned()
}

fn assert_stored_once(app: &TestApp, path: &str, bytes: &[u8]) {
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let listing = app.json(&format!("/api/v1/entries?folder={folder}"));
    let files = listing["files"].as_array().unwrap();
    let file = files.iter().find(|file| file["path"] == path);
    let file = file.unwrap_or_else(|| panic!("{path} is not in {listing}"));
    let digest = Digest::from_bytes(Sha256::digest(bytes).into()).to_string();
    assert_eq!(file["sha256"], digest);
    assert_eq!(file["version"], 1);
    assert!(app.get(path).body == bytes, "{path} differs");
}

#[test]
fn needs_node_tus_js_client_uploads_in_every_way_it_knows() {
    let app = TestApp::start();
    let desk = Desk::with((5 << 20) + 77);
    for (name, options) in [
        ("chunks.bin", json!({ "chunkSize": 1 << 20 })),
        ("one.bin", json!({})),
        (
            "creation.bin",
            json!({ "chunkSize": 1 << 20, "uploadDataDuringCreation": true }),
        ),
        (
            "deferred.bin",
            json!({ "chunkSize": 1 << 20, "uploadLengthDeferred": true, "stream": true }),
        ),
        (
            "override.bin",
            json!({ "chunkSize": 1 << 20, "overridePatchMethod": true }),
        ),
        ("parallel.bin", json!({ "parallelUploads": 3 })),
        ("deep/below/path.bin", json!({ "chunkSize": 2 << 20 })),
    ] {
        let mut options = options;
        options["metadata"] = json!({ "filename": name, "filetype": "application/octet-stream" });
        let upload = tus_js_client(&app, &desk, options);
        assert_stored_once(&app, name, &desk.bytes);
        assert_eq!(offset(&app, &upload), desk.bytes.len(), "{name}");
    }
    assert_eq!(app.persistence()["uploads"]["open"], 0);
}

#[test]
fn needs_node_tus_js_client_goes_on_after_a_kill_and_ends_what_it_began() {
    let mut app = TestApp::start();
    let desk = Desk::with(5 << 20);
    let options = json!({
        "chunkSize": 1 << 20, "stopAfter": 2 << 20,
        "metadata": { "filename": "film.bin", "relativePath": "summer/film.bin" },
    });
    let upload = tus_js_client(&app, &desk, options);
    app.kill9();
    app.start_again();
    assert!(offset(&app, &upload) >= 2 << 20);
    let options = json!({ "chunkSize": 1 << 20, "uploadUrl": app.url(&upload) });
    assert_eq!(tus_js_client(&app, &desk, options), upload);
    assert_stored_once(&app, "summer/film.bin", &desk.bytes);

    let options = json!({
        "chunkSize": 1 << 20, "stopAfter": 1 << 20, "terminate": true,
        "metadata": { "filename": "ended.bin" },
    });
    let ended = tus_js_client(&app, &desk, options);
    assert_eq!(head(&app, &ended).status, 410);
    assert_eq!(app.persistence()["uploads"]["open"], 0);
}

#[test]
fn needs_node_uppy_uploads_a_file_of_a_folder() {
    let app = TestApp::start();
    let desk = Desk::with((3 << 20) + 5);
    let endpoint = app.url("/uploads");
    let arguments = [&*endpoint, desk.path(), "film.bin", "summer/film.bin"];
    let upload = target(&script("node", "uppy.mjs", &arguments));
    assert_stored_once(&app, "summer/film.bin", &desk.bytes);
    assert_eq!(offset(&app, &upload), desk.bytes.len());
}

#[test]
fn needs_python_tuspy_uploads_with_checksums_and_goes_on_after_a_kill() {
    let mut app = TestApp::start();
    let desk = Desk::with((4 << 20) + 9);
    let python = format!("{CLIENTS}/python/bin/python");
    let tuspy = |app: &TestApp, name: &str, more: &[&str]| {
        let endpoint = app.url("/uploads");
        let arguments = [&[&*endpoint, desk.path(), name, "1048576"], more].concat();
        target(&script(&python, "tuspy_upload.py", &arguments))
    };
    tuspy(&app, "plain.bin", &[]);
    assert_stored_once(&app, "plain.bin", &desk.bytes);

    let upload = tuspy(&app, "killed.bin", &["2097152"]);
    app.kill9();
    app.start_again();
    assert_eq!(offset(&app, &upload), 2 << 20);
    let url = app.url(&upload);
    assert_eq!(tuspy(&app, "killed.bin", &["", &url]), upload);
    assert_stored_once(&app, "killed.bin", &desk.bytes);
}
