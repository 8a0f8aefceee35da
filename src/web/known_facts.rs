//! What is known of a content. Answers say more with it and must not fail without it: the facts
//! store can be away for minutes, while another release holds it or while it is rebuilt.

use crate::error::Kind;
use crate::library::{Facts, Library};
use crate::store::Digest;

/// The facts of a content, if there are any and they can be read now.
pub fn known_facts(library: &Library, digest: &Digest) -> Option<Facts> {
    match library.facts(digest) {
        Ok(facts) => facts,
        Err(error) if error.kind() == Kind::Unavailable => {
            tracing::debug!(%error, "answering without facts");
            None
        }
        Err(error) => {
            tracing::warn!(kind = ?error.kind(), %error, "answering without facts");
            None
        }
    }
}
