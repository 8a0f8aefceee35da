//! The checksum extension: a piece that arrived altered is not kept.

use axum::http::{HeaderMap, StatusCode};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha1::Sha1;
use sha2::{Digest as _, Sha256};

use super::UPLOAD_CHECKSUM;
use crate::error::Error;
use crate::web::problem::Failure;

/// The protocol's own names, and those that the registry of HTTP digests has for the same.
pub const ALGORITHMS: &str = "sha1,sha256,sha-1,sha-256";

/// What a piece is announced to be.
pub struct Checksum {
    expected: Vec<u8>,
    hasher: Hasher,
}

enum Hasher {
    Sha1(Sha1),
    Sha256(Sha256),
}

impl Checksum {
    /// Reads `Upload-Checksum: <algorithm> <base64>`, if it is there.
    pub fn announced(headers: &HeaderMap) -> Result<Option<Self>, Failure> {
        let Some(value) = headers.get(UPLOAD_CHECKSUM) else {
            return Ok(None);
        };
        let (algorithm, digest) = value
            .to_str()
            .ok()
            .and_then(|value| value.trim().split_once(' '))
            .ok_or_else(malformed)?;
        let (hasher, length) = match algorithm {
            "sha1" | "sha-1" => (Hasher::Sha1(Sha1::default()), 20),
            "sha256" | "sha-256" => (Hasher::Sha256(Sha256::default()), 32),
            _ => {
                return Err(Error::invalid(format!(
                    "Upload-Checksum names {algorithm:?}, which is not verified here; use one of {ALGORITHMS}."
                ))
                .into());
            }
        };
        let expected = STANDARD.decode(digest.trim()).map_err(|_| malformed())?;
        if expected.len() != length {
            return Err(malformed());
        }
        Ok(Some(Self { expected, hasher }))
    }

    pub fn update(&mut self, bytes: &[u8]) {
        match &mut self.hasher {
            Hasher::Sha1(hasher) => hasher.update(bytes),
            Hasher::Sha256(hasher) => hasher.update(bytes),
        }
    }

    pub fn holds(self) -> bool {
        match self.hasher {
            Hasher::Sha1(hasher) => hasher.finalize()[..] == self.expected,
            Hasher::Sha256(hasher) => hasher.finalize()[..] == self.expected,
        }
    }
}

fn malformed() -> Failure {
    Error::invalid(
        "Upload-Checksum is malformed; write the algorithm, a blank and the base64 of the digest, as in \"sha256 <BASE64>\".",
    )
    .into()
}

/// 460 has no name outside of the protocol.
pub fn mismatch() -> Failure {
    let status = StatusCode::from_u16(460).unwrap_or(StatusCode::BAD_REQUEST);
    Failure::new(
        status,
        "The piece does not match its Upload-Checksum, and nothing of it was kept; send it again.",
    )
}
