//! What must hold of the headers that clients send, and of their forms ([`multipart`]).

use std::time::{Duration, SystemTime};

use axum::http::header::{
    HeaderName, HeaderValue, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE,
    IF_UNMODIFIED_SINCE,
};
use axum::http::{HeaderMap, StatusCode};

use super::conditions::{Conditions, Validators, Verdict};
use super::digest_fields::{self, CONTENT_DIGEST, REPR_DIGEST};
use super::problem::Failure;
use super::range::{Wanted, wanted};
pub use super::tus::fuzzing::tus_headers;
pub use super::upload::fuzzing::multipart;
use crate::error::Kind;
use crate::library::Precondition;
use crate::store::Digest;

/// The content that conditions are about, unless a digest is announced.
const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
/// When the file was changed that conditions are about: Sun, 06 Nov 1994 08:49:37 GMT.
const MODIFIED_MS: i64 = 784_111_777_000;
/// Parts that a download is sent in at most, and bytes that lie between two at least.
const MOST_PARTS: usize = 32;
const LEAST_GAP: u64 = 128;

/// A size on the first line, then a `Range` header: what is to be sent lies in the file, in order, and
/// is the same once it is asked for as it was understood.
pub fn range(data: &[u8]) {
    let text = std::str::from_utf8(data).unwrap_or_default();
    let Some((size, header)) = text.split_once('\n') else {
        return;
    };
    let Ok(size) = size.parse() else { return };
    let Wanted::Parts(parts) = wanted(header, size) else {
        return;
    };
    assert!((1..=MOST_PARTS).contains(&parts.len()));
    for part in &parts {
        assert!(part.start < part.end && part.end <= size, "{part:?}");
    }
    for pair in parts.windows(2) {
        assert!(pair[0].end + LEAST_GAP < pair[1].start, "{pair:?}");
    }
    let asked: Vec<String> = parts
        .iter()
        .map(|part| format!("{}-{}", part.start, part.end - 1))
        .collect();
    let again = wanted(&format!("bytes={}", asked.join(",")), size);
    assert_eq!(again, Wanted::Parts(parts));
}

/// Headers, one a line: an announced digest is read as it is written or refused, and no condition that
/// a client states is lost.
pub fn digest_headers(data: &[u8]) {
    let headers = headers(data);
    let announced = digest_fields::announced(&headers);
    let is_there = headers.contains_key(REPR_DIGEST) || headers.contains_key(CONTENT_DIGEST);
    let digest = match announced {
        Ok(Some(digest)) => {
            assert!(is_there);
            let written = [(REPR_DIGEST, digest_fields::field(&digest))];
            let again = digest_fields::announced(&written.into_iter().collect());
            assert_eq!(again.ok().flatten(), Some(digest));
            Some(digest)
        }
        Ok(None) => {
            assert!(!is_there, "a digest is not checked");
            None
        }
        Err(error) => {
            assert!(is_there);
            assert_eq!(error.kind(), Kind::Invalid);
            None
        }
    };
    let Ok(sha256) = digest.map_or_else(|| EMPTY.parse::<Digest>(), Ok) else {
        panic!("{EMPTY} is no digest");
    };
    check_conditions(&headers, &Validators::new(sha256, MODIFIED_MS));
}

fn check_conditions(headers: &HeaderMap, file: &Validators) {
    let conditions = Conditions::of(headers);
    let names = |name: HeaderName| is_named(headers, &name, file);
    let verdict = conditions.weigh(file);
    if headers.contains_key(IF_MATCH) && !names(IF_MATCH) {
        assert_eq!(verdict, Verdict::Failed, "If-Match is lost");
    }
    if verdict == Verdict::NotModified {
        let is_said = names(IF_NONE_MATCH) || headers.contains_key(IF_MODIFIED_SINCE);
        assert!(is_said, "nobody said that he has it");
    }
    if conditions.range_holds(file) && headers.contains_key(IF_RANGE) {
        let has_date = headers.get_all(IF_RANGE).iter().any(|value| {
            let date = value.to_str().unwrap_or_default();
            httpdate::parse_http_date(date).is_ok_and(|date| file.modified == Some(date))
        });
        assert!(has_date || names(IF_RANGE), "a part of another content");
    }
    match conditions.of_a_put() {
        Ok(Precondition::None) => {
            assert!(!headers.contains_key(IF_MATCH) && !headers.contains_key(IF_NONE_MATCH));
        }
        Ok(Precondition::UnmodifiedSince(millis)) => {
            assert!(headers.contains_key(IF_UNMODIFIED_SINCE));
            let since = Duration::from_millis(millis.unsigned_abs());
            let printed = httpdate::fmt_http_date(SystemTime::UNIX_EPOCH + since);
            let again = [(IF_UNMODIFIED_SINCE, header_value(&printed))];
            let again = Conditions::of(&again.into_iter().collect()).of_a_put();
            assert_eq!(again.ok(), Some(Precondition::UnmodifiedSince(millis)));
        }
        Ok(Precondition::Absent) => assert!(headers.contains_key(IF_NONE_MATCH)),
        Ok(_) => assert!(headers.contains_key(IF_MATCH)),
        Err(error) => assert_eq!(error.kind(), Kind::Invalid),
    }
}

/// Whether a header names any file, or this one by its digest.
fn is_named(headers: &HeaderMap, name: &HeaderName, file: &Validators) -> bool {
    let digest = file.sha256.to_string();
    headers.get_all(name).iter().any(|value| {
        let text = String::from_utf8_lossy(value.as_bytes()).to_ascii_lowercase();
        text.trim() == "*" || text.contains(&digest)
    })
}

/// Lines of `name: value`; what can be no header is left out.
pub fn headers(data: &[u8]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in data.split(|byte| *byte == b'\n') {
        let Some(colon) = memchr::memchr(b':', line) else {
            continue;
        };
        let name = HeaderName::from_bytes(&line[..colon]);
        let value = HeaderValue::from_bytes(line[colon + 1..].trim_ascii());
        if let (Ok(name), Ok(value)) = (name, value) {
            headers.append(name, value);
        }
    }
    headers
}

pub fn header_value(text: &str) -> HeaderValue {
    let Ok(value) = HeaderValue::from_str(text) else {
        panic!("{text:?} can be no header");
    };
    value
}

/// It is the client that is told what it did wrong.
pub fn check_refusal(failure: &Failure) {
    let status = failure.status();
    assert!(status.is_client_error() || status == StatusCode::SERVICE_UNAVAILABLE);
    assert!(failure.sentence().ends_with(['.', '!', '?']));
}
