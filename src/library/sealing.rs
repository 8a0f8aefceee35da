//! Secrets that have to be read back are sealed with a key that does not lie beside them, so that
//! a copy of the directory alone is no use.
//!
//! What is sealed names its key by a fingerprint, so that a key that is missing is told apart from
//! bytes that are damaged, and a previous key still opens what the upkeep has not sealed again yet.

use std::fmt;

use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305};
use sha2::{Digest, Sha256};

use crate::error::{Error, Result};

/// Fewest characters of a key. `openssl rand -hex 32` gives 64.
const MIN_CHARACTERS: usize = 32;
const VERSION: u8 = 1;
const FINGERPRINT_BYTES: usize = 8;
const NONCE_BYTES: usize = 24;
const HEAD_BYTES: usize = 1 + FINGERPRINT_BYTES + NONCE_BYTES;
const TAG_BYTES: usize = 16;

/// The keys that the environment has.
#[derive(Clone, Debug, Default)]
pub struct SealingKeys {
    current: Option<Key>,
    /// Opens what it once sealed, and seals nothing.
    previous: Option<Key>,
}

#[derive(Clone, PartialEq, Eq)]
struct Key {
    bytes: [u8; 32],
    fingerprint: [u8; FINGERPRINT_BYTES],
}

/// What became of bytes that were to be opened.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Opened {
    Plain(Vec<u8>),
    /// Sealed with a key that the environment does not have.
    KeyMissing,
}

impl SealingKeys {
    /// The keys as the environment has them: texts of at least 32 characters.
    ///
    /// # Errors
    /// [`Kind::Invalid`](crate::error::Kind::Invalid) for a text that is too short to be a key.
    pub fn new(current: Option<&str>, previous: Option<&str>) -> Result<Self> {
        Ok(Self {
            current: current.map(Key::new).transpose()?,
            previous: previous.map(Key::new).transpose()?,
        })
    }

    /// Whether there is a key to seal with.
    pub fn can_seal(&self) -> bool {
        self.current.is_some()
    }

    /// Seals bytes for one place, which `context` names: elsewhere they do not open. Without a key
    /// they stay as they are.
    ///
    /// # Errors
    /// [`Kind::Internal`](crate::error::Kind::Internal) if the machine has no random numbers.
    pub(super) fn seal(&self, context: &[u8], plain: &[u8]) -> Result<Vec<u8>> {
        let Some(key) = &self.current else {
            return Ok(plain.to_vec());
        };
        let mut nonce = [0; NONCE_BYTES];
        getrandom::fill(&mut nonce).map_err(|error| {
            Error::internal("The machine gives no random numbers.").because(error)
        })?;
        let payload = Payload {
            msg: plain,
            aad: context,
        };
        let sealed = key.cipher().encrypt(&nonce.into(), payload);
        let sealed = sealed.map_err(|_| Error::internal("A secret could not be sealed."))?;
        Ok([&[VERSION], &key.fingerprint[..], &nonce, &sealed].concat())
    }

    /// Opens what [`seal`](Self::seal) made; bytes that never were sealed are answered as they are.
    ///
    /// # Errors
    /// [`Kind::Damaged`](crate::error::Kind::Damaged) for bytes that its key does not open.
    pub(super) fn open(&self, context: &[u8], stored: &[u8]) -> Result<Opened> {
        let Some(fingerprint) = fingerprint(stored) else {
            return Ok(Opened::Plain(stored.to_vec()));
        };
        let keys = self.current.iter().chain(&self.previous);
        let Some(key) = keys.into_iter().find(|key| key.fingerprint == fingerprint) else {
            return Ok(Opened::KeyMissing);
        };
        let (head, sealed) = stored.split_at(HEAD_BYTES);
        let nonce: [u8; NONCE_BYTES] = head[1 + FINGERPRINT_BYTES..]
            .try_into()
            .map_err(|_| damaged())?;
        let payload = Payload {
            msg: sealed,
            aad: context,
        };
        let plain = key.cipher().decrypt(&nonce.into(), payload);
        plain.map(Opened::Plain).map_err(|_| damaged())
    }

    /// Whether bytes are not yet as [`seal`](Self::seal) would leave them, and can be.
    pub(super) fn needs_sealing(&self, stored: &[u8]) -> bool {
        let current = self.current.as_ref().map(|key| key.fingerprint);
        let found = fingerprint(stored);
        found != current && self.has(found)
    }

    /// Whether bytes can be read with the keys that there are.
    pub(super) fn can_open(&self, stored: &[u8]) -> bool {
        self.has(fingerprint(stored))
    }

    fn has(&self, fingerprint: Option<[u8; FINGERPRINT_BYTES]>) -> bool {
        let mut keys = self.current.iter().chain(&self.previous);
        fingerprint.is_none_or(|wanted| keys.any(|key| key.fingerprint == wanted))
    }
}

impl Key {
    fn new(text: &str) -> Result<Self> {
        if text.chars().count() < MIN_CHARACTERS {
            return Err(Error::invalid(format!(
                "a key has at least {MIN_CHARACTERS} random characters; `openssl rand -hex 32` makes one"
            )));
        }
        let derive = |label: &str| -> [u8; 32] {
            Sha256::digest(format!("wharfside {label}\0{text}")).into()
        };
        let mut fingerprint = [0; FINGERPRINT_BYTES];
        fingerprint.copy_from_slice(&derive("key fingerprint")[..FINGERPRINT_BYTES]);
        Ok(Self {
            bytes: derive("sealing key"),
            fingerprint,
        })
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(&self.bytes.into())
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(_)")
    }
}

/// Which key sealed these bytes; none if they are not sealed. Secrets that are not are shorter than
/// anything sealed.
fn fingerprint(stored: &[u8]) -> Option<[u8; FINGERPRINT_BYTES]> {
    let is_sealed = stored.len() > HEAD_BYTES + TAG_BYTES && stored[0] == VERSION;
    is_sealed.then(|| {
        let mut found = [0; FINGERPRINT_BYTES];
        found.copy_from_slice(&stored[1..=FINGERPRINT_BYTES]);
        found
    })
}

fn damaged() -> Error {
    Error::damaged("A sealed secret is damaged.")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(current: Option<char>, previous: Option<char>) -> SealingKeys {
        let text = |c: Option<char>| c.map(|c| c.to_string().repeat(40));
        SealingKeys::new(text(current).as_deref(), text(previous).as_deref()).unwrap()
    }

    fn plain(bytes: &[u8]) -> Opened {
        Opened::Plain(bytes.to_vec())
    }

    #[test]
    fn what_is_sealed_opens_with_its_key_in_its_place_only() {
        let (a, b) = (keys(Some('a'), None), keys(Some('b'), None));
        let sealed = a.seal(b"totp 1", b"secret").unwrap();
        assert!(!sealed.windows(6).any(|part| part == b"secret"));
        assert_ne!(sealed, a.seal(b"totp 1", b"secret").unwrap());
        assert_eq!(a.open(b"totp 1", &sealed).unwrap(), plain(b"secret"));
        assert!(a.open(b"totp 2", &sealed).is_err());
        assert_eq!(b.open(b"totp 1", &sealed).unwrap(), Opened::KeyMissing);
        let none = SealingKeys::default();
        assert_eq!(none.open(b"totp 1", &sealed).unwrap(), Opened::KeyMissing);
        for at in 9..sealed.len() {
            let mut other = sealed.clone();
            other[at] ^= 1;
            assert!(a.open(b"totp 1", &other).is_err(), "{at}");
        }
    }

    #[test]
    fn keys_come_change_and_go() {
        let (none, a) = (SealingKeys::default(), keys(Some('a'), None));
        let rotated = keys(Some('b'), Some('a'));
        let leaving = keys(None, Some('b'));
        let mut stored = none.seal(b"x", b"secret").unwrap();
        assert_eq!(stored, b"secret");
        for (keys, follows) in [
            (&a, true),
            (&rotated, true),
            (&none, false),
            (&leaving, true),
        ] {
            assert_eq!(keys.needs_sealing(&stored), follows, "{keys:?}");
            if follows {
                let Opened::Plain(secret) = keys.open(b"x", &stored).unwrap() else {
                    panic!("{keys:?}");
                };
                stored = keys.seal(b"x", &secret).unwrap();
                assert!(!keys.needs_sealing(&stored), "{keys:?}");
            }
        }
        assert_eq!(stored, b"secret");
    }

    #[test]
    fn a_short_key_is_none_and_no_key_is_printed() {
        assert!(SealingKeys::new(Some("short"), None).is_err());
        let shown = format!("{:?}", keys(Some('a'), None));
        assert!(!shown.contains("aa") && !shown.contains("97"), "{shown}");
    }
}
