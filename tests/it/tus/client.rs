//! A tus client of a few lines, which sends exactly what it is told to.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use wharfside::library::Receipt;

use crate::app::{Answer, TestApp};

pub const VERSION: (&str, &str) = ("Tus-Resumable", "1.0.0");
pub const OCTETS: (&str, &str) = ("Content-Type", "application/offset+octet-stream");

/// `Upload-Metadata` of these pairs.
pub fn metadata(pairs: &[(&str, &str)]) -> String {
    let pairs = pairs
        .iter()
        .map(|(key, value)| format!("{key} {}", STANDARD.encode(value)));
    pairs.collect::<Vec<_>>().join(",")
}

pub fn checksum(algorithm: &str, digest: &[u8]) -> String {
    format!("{algorithm} {}", STANDARD.encode(digest))
}

pub fn create(app: &TestApp, headers: &[(&str, &str)], body: Option<&[u8]>) -> Answer {
    let headers = [&[VERSION], headers].concat();
    app.call("POST", "/uploads", &headers, body)
}

/// Begins an upload of a file; answers its address.
pub fn begin(app: &TestApp, path: &str, length: usize) -> String {
    let (length, named) = (length.to_string(), metadata(&[("filename", path)]));
    let headers = [("Upload-Length", &*length), ("Upload-Metadata", &*named)];
    let answer = create(app, &headers, None);
    assert_eq!(answer.status, 201, "{}", answer.text());
    answer.header("location").to_owned()
}

pub fn patch(app: &TestApp, upload: &str, offset: usize, bytes: &[u8]) -> Answer {
    patch_with(app, upload, offset, bytes, &[])
}

pub fn patch_with(
    app: &TestApp,
    upload: &str,
    offset: usize,
    bytes: &[u8],
    headers: &[(&str, &str)],
) -> Answer {
    let offset = offset.to_string();
    let own = [VERSION, OCTETS, ("Upload-Offset", &*offset)];
    app.call("PATCH", upload, &[&own, headers].concat(), Some(bytes))
}

pub fn head(app: &TestApp, upload: &str) -> Answer {
    app.call("HEAD", upload, &[VERSION], None)
}

pub fn offset(app: &TestApp, upload: &str) -> usize {
    let answer = head(app, upload);
    assert_eq!(answer.status, 200);
    answer.header("upload-offset").parse().unwrap()
}

/// The receipt of a complete upload.
pub fn receipt(app: &TestApp, upload: &str) -> Receipt {
    let shown = app.json(upload);
    serde_json::from_value(shown["receipt"].clone())
        .unwrap_or_else(|error| panic!("{error}: {shown}"))
}
