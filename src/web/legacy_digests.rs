//! Older ways to announce a content: `Content-MD5` (RFC 1864), `Digest` (RFC 3230 and 5843), and
//! `OC-Checksum`, which clients of ownCloud and Nextcloud send. Whoever sends one means it to be checked.

use std::pin::Pin;
use std::task::{Context, Poll};

use adler2::Adler32;
use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderName};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures_util::{Stream, StreamExt};
use md5::Md5;
use sha1::Sha1;
use sha2::digest::DynDigest;
use sha2::{Sha256, Sha512};

use crate::error::{Error, Result};

const CONTENT_MD5: HeaderName = HeaderName::from_static("content-md5");
const DIGEST: HeaderName = HeaderName::from_static("digest");
const OC_CHECKSUM: HeaderName = HeaderName::from_static("oc-checksum");

const MD5: &str = "md5";

/// A digest that is computed while a content arrives.
pub struct Check {
    header: HeaderName,
    algorithm: &'static str,
    expected: Vec<u8>,
    hasher: Hasher,
}

enum Hasher {
    Digest(Box<dyn DynDigest + Send>),
    Adler32(Adler32),
}

/// What an algorithm is called here, by the name that a header has for it, whatever its case.
fn known(algorithm: &str) -> Option<&'static str> {
    Some(match algorithm.to_ascii_lowercase().as_str() {
        MD5 => MD5,
        "sha" | "sha1" => "sha1",
        "sha-256" | "sha256" => "sha256",
        "sha-512" | "sha512" => "sha512",
        "adler32" => "adler32",
        _ => return None,
    })
}

impl Hasher {
    /// By one of the [known](known) names.
    fn named(algorithm: &str) -> Self {
        Self::Digest(match algorithm {
            MD5 => Box::new(Md5::default()),
            "sha1" => Box::new(Sha1::default()),
            "sha256" => Box::new(Sha256::default()),
            "sha512" => Box::new(Sha512::default()),
            _ => return Self::Adler32(Adler32::new()),
        })
    }

    fn length(&self) -> usize {
        match self {
            Self::Digest(digest) => digest.output_size(),
            Self::Adler32(_) => size_of::<u32>(),
        }
    }
}

impl Check {
    /// Adds a check to others. Each algorithm is computed once, however often it is announced.
    fn add(
        checks: &mut Vec<Self>,
        header: &HeaderName,
        algorithm: &'static str,
        expected: Option<Vec<u8>>,
    ) -> Result<()> {
        let hasher = Hasher::named(algorithm);
        let expected = expected.filter(|bytes| bytes.len() == hasher.length());
        let expected = expected.ok_or_else(|| malformed(header))?;
        match checks.iter().find(|check| check.algorithm == algorithm) {
            Some(check) if check.expected == expected => {}
            Some(check) => {
                return Err(Error::invalid(format!(
                    "The headers {} and {header} announce different digests for the same bytes.",
                    check.header
                )));
            }
            None => checks.push(Self {
                header: header.clone(),
                algorithm,
                expected,
                hasher,
            }),
        }
        Ok(())
    }

    fn update(&mut self, bytes: &[u8]) {
        match &mut self.hasher {
            Hasher::Digest(digest) => digest.update(bytes),
            Hasher::Adler32(sum) => sum.write_slice(bytes),
        }
    }

    /// # Errors
    /// [`Kind::Invalid`](crate::error::Kind::Invalid) if the content is not the one announced.
    fn verify(self) -> Result<()> {
        let computed = match self.hasher {
            Hasher::Digest(digest) => digest.finalize(),
            Hasher::Adler32(sum) => sum.checksum().to_be_bytes().into(),
        };
        if *computed == *self.expected {
            return Ok(());
        }
        Err(Error::invalid(format!(
            "The content does not match its {} header; it was altered on the way, and nothing was stored.",
            self.header
        )))
    }
}

/// What the headers announce of a content.
///
/// # Errors
/// [`Kind::Invalid`](crate::error::Kind::Invalid) for a header that is malformed, or that names
/// only algorithms that are not verified here.
pub fn announced(headers: &HeaderMap) -> Result<Vec<Check>> {
    let mut checks = Vec::new();
    for value in headers.get_all(&CONTENT_MD5) {
        let expected = STANDARD.decode(value.as_bytes()).ok();
        Check::add(&mut checks, &CONTENT_MD5, MD5, expected)?;
    }
    read(headers, &DIGEST, '=', &mut checks)?;
    read(headers, &OC_CHECKSUM, ':', &mut checks)?;
    Ok(checks)
}

/// Adds the members of a list of algorithms and digests.
fn read(
    headers: &HeaderMap,
    header: &HeaderName,
    separator: char,
    checks: &mut Vec<Check>,
) -> Result<()> {
    let mut is_known = false;
    for value in headers.get_all(header) {
        let value = value.to_str().map_err(|_| malformed(header))?;
        for member in value.split([',', ' ']).filter(|member| !member.is_empty()) {
            let pair = member.split_once(separator);
            let (algorithm, digest) = pair.ok_or_else(|| malformed(header))?;
            if let Some(algorithm) = known(algorithm) {
                is_known = true;
                let is_hex = separator == ':' || algorithm == "adler32";
                let expected = match is_hex {
                    true => hex(digest),
                    false => STANDARD.decode(digest).ok(),
                };
                Check::add(checks, header, algorithm, expected)?;
            }
        }
    }
    match is_known || !headers.contains_key(header) {
        true => Ok(()),
        false => Err(Error::invalid(format!(
            "The {header} header names no algorithm that is verified here; use SHA-256, SHA-512, SHA-1, MD5 or ADLER32, or leave the header out."
        ))),
    }
}

fn hex(text: &str) -> Option<Vec<u8>> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let bytes = pairs
        .iter()
        .map(|[high, low]| u8::try_from(digit(*high)? << 4 | digit(*low)?).ok());
    bytes
        .collect::<Option<Vec<_>>>()
        .filter(|_| rest.is_empty())
}

fn malformed(header: &HeaderName) -> Error {
    let example = match header.as_str() {
        "content-md5" => "the base64 of the MD5",
        "digest" => "SHA-256= and the base64 of the digest",
        _ => "SHA256: and the digest in hexadecimal",
    };
    Error::invalid(format!(
        "The {header} header is malformed; write {example}."
    ))
}

/// A body that ends in an error if it is not what was announced.
pub struct Verified<S> {
    chunks: S,
    checks: Vec<Check>,
}

impl<S> Verified<S> {
    pub fn new(chunks: S, checks: Vec<Check>) -> Self {
        Self { chunks, checks }
    }
}

impl<S: Stream<Item = Result<Bytes>> + Unpin> Stream for Verified<S> {
    type Item = Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let polled = self.chunks.poll_next_unpin(cx);
        match &polled {
            Poll::Ready(Some(Ok(chunk))) => {
                for check in &mut self.checks {
                    check.update(chunk);
                }
            }
            Poll::Ready(None) => {
                let checks = std::mem::take(&mut self.checks);
                if let Err(error) = checks.into_iter().try_for_each(Check::verify) {
                    return Poll::Ready(Some(Err(error)));
                }
            }
            _ => {}
        }
        polled
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::stream;

    /// Whether "Wikipedia" is taken with this header; nothing if the header itself is refused.
    async fn takes(header: &'static str, value: &str) -> Option<bool> {
        let headers =
            HeaderMap::from_iter([(HeaderName::from_static(header), value.parse().unwrap())]);
        let checks = announced(&headers).ok()?;
        let chunks = stream::iter(["Wiki", "pedia"].map(|part| Ok(Bytes::from(part))));
        let all: Vec<_> = Verified::new(chunks, checks).collect().await;
        Some(all.iter().all(Result::is_ok))
    }

    #[tokio::test]
    async fn each_header_is_verified() {
        for (header, value, taken) in [
            ("content-md5", "nHJe/8hTgWmHJnIcjHUp8w==", Some(false)),
            ("content-md5", "x", None),
            (
                "digest",
                "SHA-256=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
                Some(false),
            ),
            ("digest", "adler32=11e60398", Some(true)),
            ("digest", "unixsum=1, ADLER32=11E60398", Some(true)),
            ("digest", "adler32=11e60399", Some(false)),
            ("digest", "adler32=11e60398,adler32=11e60398", Some(true)),
            ("digest", "adler32=11e60398,ADLER32=11e60399", None),
            ("digest", "unixsum=1", None),
            ("digest", "sha-256=abc", None),
            ("digest", "sha-256", None),
            ("oc-checksum", "ADLER32:11e60398", Some(true)),
            ("oc-checksum", "adler32:11e60399", Some(false)),
            ("oc-checksum", "SHA3-256:00", None),
            ("oc-checksum", "MD5:zz", None),
            (
                "oc-checksum",
                "SHA1:da39a3ee5e6b4b0d3255bfef95601890afd80709",
                Some(false),
            ),
        ] {
            assert_eq!(takes(header, value).await, taken, "{header}: {value}");
        }
        for (algorithm, digest) in [
            (
                "MD5",
                STANDARD.encode(<Md5 as sha2::Digest>::digest("Wikipedia")),
            ),
            (
                "SHA",
                STANDARD.encode(<Sha1 as sha2::Digest>::digest("Wikipedia")),
            ),
            (
                "sha-256",
                STANDARD.encode(<Sha256 as sha2::Digest>::digest("Wikipedia")),
            ),
            (
                "SHA-512",
                STANDARD.encode(<Sha512 as sha2::Digest>::digest("Wikipedia")),
            ),
        ] {
            let value = format!("{algorithm}={digest}");
            assert_eq!(takes("digest", &value).await, Some(true), "{value}");
        }
        let md5 = STANDARD.encode(<Md5 as sha2::Digest>::digest("Wikipedia"));
        assert_eq!(takes("content-md5", &md5).await, Some(true));
    }
}
