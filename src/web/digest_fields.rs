//! Digest fields (RFC 9530): the SHA-256 of a content on its way in and out.

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::error::{Error, Result};
use crate::store::Digest;

pub const REPR_DIGEST: HeaderName = HeaderName::from_static("repr-digest");
pub const CONTENT_DIGEST: HeaderName = HeaderName::from_static("content-digest");

/// A digest as a field value, `sha-256=:…:`.
pub fn field(digest: &Digest) -> HeaderValue {
    let value = format!("sha-256=:{}:", STANDARD.encode(digest.as_bytes()));
    HeaderValue::try_from(value).unwrap_or(HeaderValue::from_static(""))
}

/// The digest that a request announces for its body, if it announces one. Bodies arrive without
/// content coding, so both fields speak of the same bytes.
///
/// # Errors
/// [`Kind::Invalid`](crate::error::Kind::Invalid) if a field is malformed, if the two disagree,
/// or if one names only algorithms that are not verified here: RFC 9530 lets us ignore these,
/// but whoever sends a digest means it to be checked.
pub fn announced(headers: &HeaderMap) -> Result<Option<Digest>> {
    let repr = read(headers, &REPR_DIGEST)?;
    let content = read(headers, &CONTENT_DIGEST)?;
    match (repr, content) {
        (Some(repr), Some(content)) if repr != content => Err(Error::invalid(
            "Repr-Digest and Content-Digest announce different digests for the same bytes.",
        )),
        (repr, content) => Ok(repr.or(content)),
    }
}

fn read(headers: &HeaderMap, name: &HeaderName) -> Result<Option<Digest>> {
    let malformed = || {
        Error::invalid(format!(
            "The {name} header is malformed; write it as sha-256=:BASE64: with the base64 of the 32 bytes."
        ))
    };
    let mut found = None;
    for value in headers.get_all(name) {
        let value = value.to_str().map_err(|_| malformed())?;
        for member in value.split(',') {
            let (algorithm, base64) = member_of(member.trim()).ok_or_else(malformed)?;
            if algorithm == "sha-256" {
                let bytes = STANDARD.decode(base64).map_err(|_| malformed())?;
                found = Some(Digest::from_slice(&bytes).map_err(|_| malformed())?);
            }
        }
    }
    if found.is_none() && headers.contains_key(name) {
        return Err(Error::invalid(format!(
            "The {name} header names no algorithm that is verified here; announce the content's sha-256, or leave the header out."
        )));
    }
    Ok(found)
}

/// Algorithm and base64 of one member, `key=:BASE64:` and parameters (RFC 8941, section 3.2).
fn member_of(member: &str) -> Option<(&str, &str)> {
    let (key, value) = member.split_once('=')?;
    let item = value.split(';').next()?.trim();
    let base64 = item.strip_prefix(':')?.strip_suffix(':')?;
    is_key(key).then_some((key, base64))
}

/// Keys have no upper case (RFC 8941, section 3.1.2): `SHA-256` is not another name of `sha-256`.
fn is_key(key: &str) -> bool {
    let begins = key.starts_with(|c: char| c.is_ascii_lowercase() || c == '*');
    begins
        && key
            .bytes()
            .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' | b'.' | b'*'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMPTY: &str = "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:";

    fn announced_by(pairs: &[(&'static str, &str)]) -> Result<Option<Digest>> {
        let headers = pairs
            .iter()
            .map(|(name, value)| {
                (
                    HeaderName::from_static(name),
                    HeaderValue::from_str(value).unwrap(),
                )
            })
            .collect();
        announced(&headers)
    }

    fn empty() -> Digest {
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
            .parse()
            .unwrap()
    }

    #[test]
    fn a_digest_is_read_as_it_is_written() {
        assert_eq!(field(&empty()), EMPTY);
        assert_eq!(
            announced_by(&[("repr-digest", EMPTY)]).unwrap(),
            Some(empty())
        );
        assert_eq!(
            announced_by(&[("content-digest", EMPTY)]).unwrap(),
            Some(empty())
        );
        assert_eq!(
            announced_by(&[("repr-digest", EMPTY), ("content-digest", EMPTY)]).unwrap(),
            Some(empty())
        );
        assert_eq!(announced_by(&[]).unwrap(), None);
    }

    #[test]
    fn other_algorithms_are_ignored_beside_ours_and_refused_alone() {
        let several = format!("sha-512=:AAAA:, {EMPTY}");
        assert_eq!(
            announced_by(&[("repr-digest", &several)]).unwrap(),
            Some(empty())
        );
        for name in ["repr-digest", "content-digest"] {
            for alone in ["sha-512=:AAAA:", "md5=:AAAA:, unixsum=:AAAA:"] {
                let error = announced_by(&[(name, alone)]).unwrap_err();
                let sentence = error.sentence();
                assert!(
                    sentence.contains(name) && sentence.contains("sha-256"),
                    "{error}"
                );
            }
        }
    }

    #[test]
    fn malformed_fields_are_refused() {
        for bad in [
            "",
            "sha-256",
            "sha-256=abc",
            "sha-256=:abc",
            "sha-256=:AAAA:",
            "sha-256=:####:",
            "e3b0c44298fc1c149afbf4c8996fb924",
            "sha-256=\"x\"",
            "SHA-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:",
            "=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:",
        ] {
            let error = announced_by(&[("repr-digest", bad)]).unwrap_err();
            let sentence = error.sentence();
            assert!(
                sentence.contains("repr-digest") && sentence.contains("malformed"),
                "{bad}: {error}"
            );
        }
        let other = "sha-256=:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=:";
        assert!(announced_by(&[("repr-digest", EMPTY), ("content-digest", other)]).is_err());
    }
}
