//! What must hold of every form.

use std::sync::LazyLock;

use axum::body::{Body, Bytes};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderValue};
use memchr::memmem;
use multer::Multipart;
use tokio::runtime::Runtime;

use super::{Allowance, FileName, Form, Paced, boundary};
use crate::config::Config;
use crate::error::Error;
use crate::web::fuzzing::check_refusal;
use crate::web::problem::Failure;
use crate::web::state::App;

/// Without a library: files are refused once their names were read.
static APP: LazyLock<App> = LazyLock::new(|| {
    let Ok(config) = Config::from_vars([("ACCESS".to_owned(), "local".to_owned())]) else {
        panic!("an empty configuration is refused");
    };
    App::new(config)
});

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().build() else {
        panic!("there is no runtime");
    };
    runtime
});

/// A part that arrived whole.
#[derive(Debug, PartialEq)]
struct Part {
    name: Option<String>,
    file_name: FileName,
    content: Vec<u8>,
}

/// A `Content-Type` on the first line, then a body: its parts lie in it one after the other, and are the
/// same however the network cuts it.
pub fn multipart(data: &[u8]) {
    let Some(end) = memchr::memchr(b'\n', data) else {
        return;
    };
    let (kind, body) = (data[..end].trim_ascii(), &data[end + 1..]);
    let Ok(kind) = HeaderValue::from_bytes(kind) else {
        return;
    };
    let headers: HeaderMap = [(CONTENT_TYPE, kind)].into_iter().collect();
    RUNTIME.block_on(async {
        match boundary(&headers) {
            Ok(boundary) => {
                let whole = parts(body, body.len(), &boundary).await;
                check_parts(&whole, body, &boundary);
                for size in [1, 1 + body.len() % 61] {
                    assert_eq!(parts(body, size, &boundary).await, whole, "cut by {size}");
                }
            }
            Err(failure) => check_refusal(&failure),
        }
        check_form(&headers, body).await;
    });
}

fn pieces(body: &[u8], size: usize) -> Body {
    let pieces = body.chunks(size.max(1)).map(Bytes::copy_from_slice);
    let pieces: Vec<Result<Bytes, Error>> = pieces.map(Ok).collect();
    Body::from_stream(futures_util::stream::iter(pieces))
}

/// The parts of a body that comes in pieces of this size, up to the first that is not whole.
async fn parts(body: &[u8], size: usize, boundary: &str) -> Vec<Part> {
    let mut fields = Multipart::new(
        Paced::new(pieces(body, size), Allowance::default()),
        boundary,
    );
    let mut parts = Vec::new();
    while let Ok(Some(mut field)) = fields.next_field().await {
        let (name, file_name) = (field.name().map(str::to_owned), FileName::of(&field));
        let mut content = Vec::new();
        loop {
            match field.chunk().await {
                Ok(Some(chunk)) => content.extend_from_slice(&chunk),
                Ok(None) => break,
                Err(_) => return parts,
            }
        }
        parts.push(Part {
            name,
            file_name,
            content,
        });
    }
    parts
}

fn check_parts(parts: &[Part], body: &[u8], boundary: &str) {
    let between = format!("\r\n--{boundary}");
    let mut rest = body;
    for part in parts {
        assert!(memmem::find(&part.content, between.as_bytes()).is_none());
        let Some(at) = memmem::find(rest, &part.content) else {
            panic!("{part:?} was never sent");
        };
        rest = &rest[at + part.content.len()..];
    }
}

/// A form without a library ends, and tells of each file that it was not stored.
async fn check_form(headers: &HeaderMap, body: &[u8]) {
    let mut form = match Form::new(&APP, headers, pieces(body, body.len())) {
        Ok(form) => form,
        Err(failure) => return check_refusal(&failure),
    };
    let mut fields = 0;
    loop {
        match form.take_field().await {
            Ok(true) => fields += 1,
            Ok(false) => break,
            Err(error) => return check_refusal(&Failure::from(error)),
        }
        assert!(fields <= body.len(), "more parts than bytes");
    }
    assert!(form.outcome.receipts.is_empty());
    // Two more: the last file, and that the form broke off in it.
    assert!(form.outcome.failures.len() <= fields + 2);
    for refused in &form.outcome.failures {
        assert!(!refused.detail.is_empty());
    }
}
