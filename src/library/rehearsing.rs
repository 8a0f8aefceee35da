//! The start of a library, rehearsed.

use super::{Library, Settings, finding};
use crate::store::Rehearsal;

impl Library {
    /// What [`open`](Self::open) would do with these settings, for trying it without doing it.
    pub fn rehearse(settings: &Settings) -> Rehearsal<'_> {
        let (_, spec) = finding::index(settings.generation.index_revision);
        Rehearsal::new(settings.options(spec))
    }
}
