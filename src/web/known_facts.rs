//! What is known of a content. Answers say more with it and must not fail without it: the facts
//! store can be away for minutes, while another release holds it or while it is rebuilt.

use crate::error::Kind;
use crate::library::{Facts, FileContent, Library};

/// The facts of a file's content, if it had its turn and they can be read now.
pub fn known_facts(library: &Library, content: &FileContent) -> Option<Facts> {
    match library.facts(content) {
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
