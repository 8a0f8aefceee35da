//! Secrets that only a machine remembers: of sessions, tokens and links.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use crate::error::{Error, Result};

const BYTES: usize = 32;

/// What a secret is for. It begins with that, so that one which is found in a log or a repository
/// says what has to be revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    Session,
    Token,
    /// A link to a file or folder, for as long as its maker likes.
    Link,
    /// A link that lets somebody in, once.
    OneTime,
    /// Something that was begun and is to be finished by whoever began it.
    Ceremony,
}

/// How the secrets of each purpose begin, for whoever looks for them in other texts.
pub const PREFIXES: [&str; 5] = {
    let mut prefixes = [""; 5];
    let mut at = 0;
    while at < prefixes.len() {
        prefixes[at] = Purpose::ALL[at].prefix();
        at += 1;
    }
    prefixes
};

impl Purpose {
    pub const ALL: [Self; 5] = [
        Self::Session,
        Self::Token,
        Self::Link,
        Self::OneTime,
        Self::Ceremony,
    ];

    const fn prefix(self) -> &'static str {
        match self {
            Self::Session => "ws_",
            Self::Token => "wt_",
            Self::Link => "wl_",
            Self::OneTime => "wo_",
            Self::Ceremony => "wc_",
        }
    }
}

/// 256 random bits, and what they are for.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret {
    purpose: Purpose,
    bytes: [u8; BYTES],
}

impl Secret {
    /// # Errors
    /// [`Kind::Internal`](crate::error::Kind::Internal) if the machine has no random numbers.
    pub fn new(purpose: Purpose) -> Result<Self> {
        let mut bytes = [0; BYTES];
        getrandom::fill(&mut bytes).map_err(|error| {
            Error::internal("The machine gives no random numbers.").because(error)
        })?;
        Ok(Self { purpose, bytes })
    }

    /// As it is handed out: a prefix, and 43 characters that addresses and headers take as they are
    /// (base64url, RFC 4648).
    pub fn text(&self) -> String {
        let text = URL_SAFE_NO_PAD.encode(self.bytes);
        format!("{}{text}", self.purpose.prefix())
    }

    /// Reads what [`text`](Self::text) wrote, and no other way to write it.
    pub fn parse(purpose: Purpose, text: &str) -> Option<Self> {
        let text = text.strip_prefix(purpose.prefix())?;
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        Some(Self {
            purpose,
            bytes: bytes.try_into().ok()?,
        })
    }

    /// What is kept of it. Of so many random bits none can be guessed from that, however fast
    /// guesses are checked, so neither salt nor a slow function is needed; and who looks a hash up
    /// learns nothing from how long it takes.
    pub fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.bytes).into()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({:?})", self.purpose)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_read_back_for_its_purpose_only() {
        let secret = Secret::new(Purpose::Token).unwrap();
        let text = secret.text();
        assert_eq!(text.len(), 46);
        let read = Secret::parse(Purpose::Token, &text).unwrap();
        assert_eq!(read.hash(), secret.hash());
        assert!(Secret::parse(Purpose::Session, &text).is_none());
        assert_ne!(Secret::new(Purpose::Token).unwrap().text(), text);
    }

    #[test]
    fn what_is_not_written_so_is_none() {
        let text = Secret::new(Purpose::Link).unwrap().text();
        let odd = format!("{}=", text);
        let short = &text[..text.len() - 1];
        // The last character has two bits that mean nothing; they must be zero.
        let other = format!("wl_{}", "B".repeat(43));
        for bad in ["", "wl_", short, &odd, &other, "wl_ä"] {
            assert!(Secret::parse(Purpose::Link, bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn it_is_never_printed() {
        let secret = Secret::new(Purpose::Session).unwrap();
        assert_eq!(format!("{secret:?}"), "Secret(Session)");
    }
}
