//! What must hold of the headers of the tus protocol.

use axum::http::HeaderMap;
use axum::http::header::CONTENT_LENGTH;

use super::append::Piece;
use super::checksum::Checksum;
use super::fields::{Asked, number};
use super::{
    Door, UPLOAD_CHECKSUM, UPLOAD_CONCAT, UPLOAD_DEFER_LENGTH, UPLOAD_LENGTH, UPLOAD_METADATA,
    UPLOAD_OFFSET, upload_id,
};
use crate::error::Kind;
use crate::library::{FilePath, Purpose};
use crate::web::fuzzing::{check_refusal, header_value, headers};

/// Headers, one a line: what is asked for is what was written, and what is kept of it is understood
/// in the same way when it is read again.
pub fn tus_headers(data: &[u8]) {
    let headers = headers(data);
    for name in [CONTENT_LENGTH, UPLOAD_LENGTH, UPLOAD_OFFSET] {
        let is_there = headers.contains_key(&name);
        match number(&headers, &name) {
            Ok(None) => assert!(!is_there),
            Ok(Some(number)) => assert!(is_there && i64::try_from(number).is_ok()),
            Err(error) => assert_eq!(error.kind(), Kind::Invalid),
        }
    }
    match Checksum::announced(&headers) {
        Ok(None) => assert!(!headers.contains_key(UPLOAD_CHECKSUM)),
        Ok(Some(mut checksum)) => {
            checksum.update(data);
            assert!(!checksum.holds(), "any bytes will do");
        }
        Err(failure) => check_refusal(&failure),
    }
    if let Err(failure) = Piece::read(&headers, 0) {
        check_refusal(&failure);
    }
    match Asked::read(&headers) {
        Ok(asked) => check_asked(&headers, &asked),
        Err(failure) => check_refusal(&failure),
    }
}

fn check_asked(headers: &HeaderMap, asked: &Asked) {
    let Asked { new, parts } = asked;
    let is_later = parts.is_some() || headers.contains_key(UPLOAD_DEFER_LENGTH);
    assert_eq!(new.length.is_none(), is_later);
    assert!(
        new.length
            .is_none_or(|length| i64::try_from(length).is_ok())
    );
    if let Some(key) = &new.key {
        assert!((16..=64).contains(&key.len()) && key.is_ascii());
    }
    if let Some((ids, concat)) = parts {
        assert!(concat.starts_with("final;"));
        assert!(ids.len() <= concat.len());
        assert!(matches!(new.purpose, Purpose::File(_)));
        for id in ids {
            let place = Door::Library.location(*id);
            let named = place.strip_prefix("/uploads/").map(upload_id);
            assert_eq!(named.and_then(Result::ok), Some(*id));
        }
    }
    check_kept(asked);
}

/// What is kept of a request for an upload asks for the same.
fn check_kept(asked: &Asked) {
    let mut kept = HeaderMap::new();
    if let Some(metadata) = &asked.new.metadata {
        kept.insert(UPLOAD_METADATA, header_value(metadata));
    }
    match (&asked.new.purpose, &asked.parts) {
        (Purpose::Part, _) => kept.insert(UPLOAD_CONCAT, header_value("partial")),
        (Purpose::File(_), Some((_, concat))) => kept.insert(UPLOAD_CONCAT, header_value(concat)),
        (Purpose::File(_), None) => None,
    };
    match asked.new.length {
        Some(length) => kept.insert(UPLOAD_LENGTH, length.into()),
        None if asked.parts.is_some() => None,
        None => kept.insert(UPLOAD_DEFER_LENGTH, header_value("1")),
    };
    let Ok(again) = Asked::read(&kept) else {
        panic!("{kept:?} is refused");
    };
    assert_eq!(again.new.length, asked.new.length);
    assert_eq!(again.new.metadata, asked.new.metadata);
    assert_eq!(again.new.key, asked.new.key);
    assert_eq!(again.parts, asked.parts);
    let (Purpose::File(one), Purpose::File(other)) = (&asked.new.purpose, &again.new.purpose)
    else {
        return;
    };
    let written = FilePath::parse(one.path.as_str());
    assert_eq!(written.ok().as_ref(), Some(&one.path));
    assert_eq!(one.path.folder(), other.path.folder());
    // What has no name is given one, another each time.
    assert!(one.path == other.path || one.path.name().starts_with("upload-"));
    assert_eq!(one.if_present, other.if_present);
    assert_eq!(one.expected, other.expected);
}
