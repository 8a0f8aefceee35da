//! Pages and assets travel compressed to whoever takes them so (RFC 9110, 8.4 and 12.5.3).
//!
//! Contents of files never do: their lengths, ranges and digests are those of the stored bytes.
//! Pages hold nothing secret beside what the address put in, so their length tells nothing.

use std::io::{Read as _, Result};

use axum::body::{Body, HttpBody as _, to_bytes};
use axum::http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, VARY};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse as _, Response};
use flate2::Compression;
use flate2::read::GzEncoder;

use crate::error::Error;
use crate::web::problem::Failure;

pub const GZIP: HeaderValue = HeaderValue::from_static("gzip");
pub const BY_ENCODING: HeaderValue = HeaderValue::from_static("accept-encoding");

/// A page that is shorter fits into the first packets anyway, in bytes.
const WORTH_IT: u64 = 2048;

/// Marks a response, as an extension, as a page of ours; what people stored is never one.
#[derive(Clone)]
pub struct Page;

/// Whether a client takes gzip: it says so by name, or takes anything.
pub fn is_taken(headers: &HeaderMap) -> bool {
    let (mut named, mut any) = (None, None);
    let values = headers.get_all(ACCEPT_ENCODING).iter();
    for coding in values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
    {
        let mut parts = coding.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default();
        let quality = parts.find_map(|part| part.strip_prefix("q="));
        let wanted = quality.is_none_or(|q| q.parse::<f32>().is_ok_and(|q| q > 0.0));
        if name.eq_ignore_ascii_case("gzip") || name.eq_ignore_ascii_case("x-gzip") {
            named = Some(wanted);
        } else if name == "*" {
            any = Some(wanted);
        }
    }
    named.or(any).unwrap_or(false)
}

/// As small as gzip makes it; for what is compressed once and sent often.
pub fn smallest(bytes: &[u8]) -> Result<Vec<u8>> {
    gzip(bytes, Compression::best())
}

fn gzip(bytes: &[u8], level: Compression) -> Result<Vec<u8>> {
    let mut compressed = Vec::with_capacity(bytes.len() / 3);
    GzEncoder::new(bytes, level).read_to_end(&mut compressed)?;
    Ok(compressed)
}

/// Compresses a page if its client takes that; other responses pass unchanged.
pub async fn page(mut response: Response, taken: bool) -> Response {
    if response.extensions_mut().remove::<Page>().is_none() {
        return response;
    }
    response.headers_mut().insert(VARY, BY_ENCODING);
    if !taken || response.body().size_hint().lower() <= WORTH_IT {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let html = to_bytes(body, usize::MAX).await;
    let compressed = html.map_err(std::io::Error::other);
    match compressed.and_then(|html| gzip(&html, Compression::fast())) {
        Ok(compressed) => {
            parts.headers.remove(CONTENT_LENGTH);
            parts.headers.insert(CONTENT_ENCODING, GZIP);
            Response::from_parts(parts, Body::from(compressed))
        }
        Err(cause) => {
            let error = Error::internal("A page could not be compressed.").because(cause);
            Failure::from(error).into_response()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn takes(value: &str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_str(value).unwrap());
        is_taken(&headers)
    }

    #[test]
    fn clients_say_what_they_take() {
        for value in ["gzip", "br, GZIP;q=0.5", "*", "identity;q=0, *;q=0.1"] {
            assert!(takes(value), "{value}");
        }
        for value in ["", "br", "gzip;q=0", "gzip;q=0, *", "*;q=0", "identity"] {
            assert!(!takes(value), "{value}");
        }
        assert!(!is_taken(&HeaderMap::new()));
    }

    #[tokio::test]
    async fn only_pages_of_some_length_are_compressed() {
        let long = "Flotsam and jetsam. ".repeat(1000);
        let answer = |text: &str, is_page| {
            let mut response = text.to_owned().into_response();
            if is_page {
                response.extensions_mut().insert(Page);
            }
            response
        };
        let squeezed = page(answer(&long, true), true).await;
        assert_eq!(squeezed.headers()[CONTENT_ENCODING], GZIP);
        assert_eq!(squeezed.headers()[VARY], BY_ENCODING);
        let bytes = to_bytes(squeezed.into_body(), usize::MAX).await.unwrap();
        let mut back = String::new();
        flate2::read::GzDecoder::new(&bytes[..])
            .read_to_string(&mut back)
            .unwrap();
        assert_eq!(back, long);

        for (plain, taken) in [
            (answer(&long, true), false),
            (answer(&long, false), true),
            (answer("short", true), true),
        ] {
            let same = page(plain, taken).await;
            assert!(!same.headers().contains_key(CONTENT_ENCODING));
        }
    }
}
