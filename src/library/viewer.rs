//! On whose behalf a handle on the library acts.

use super::accounts::AccountId;
use super::path::FolderPath;
use super::reach::Right;

/// Who looks and changes. What that allows is in the catalog, and read from it in the very
/// transaction that looks or changes: see [`Reach`](super::Reach).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Viewer {
    pub(super) who: Who,
    /// What everybody may in folders about which nothing is said.
    pub(super) everyone: Right,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Who {
    /// May everything, under this name.
    Everything(&'static str),
    Account(Acting),
    /// Has not said who it is.
    Nobody,
}

/// An account, or something that acts for one: a token, a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acting {
    pub account: AccountId,
    /// Who is named in the event log.
    pub name: String,
    /// What it may at most.
    pub most: Right,
    /// The only folder that it may reach, if there is one.
    pub within: Option<FolderPath>,
}

impl Viewer {
    /// The installation itself.
    pub const SYSTEM: Self = Self::everything("wharfside");

    /// Who comes where everybody is let in.
    pub const ANYONE: Self = Self::everything("anyone");

    const fn everything(name: &'static str) -> Self {
        Self {
            who: Who::Everything(name),
            everyone: Right::None,
        }
    }

    pub fn account(acting: Acting, everyone: Right) -> Self {
        Self {
            who: Who::Account(acting),
            everyone,
        }
    }

    /// Somebody who has not signed in.
    pub const fn nobody(everyone: Right) -> Self {
        Self {
            who: Who::Nobody,
            everyone,
        }
    }

    /// Who is named as the author of changes.
    pub fn name(&self) -> &str {
        match &self.who {
            Who::Everything(name) => name,
            Who::Account(acting) => &acting.name,
            Who::Nobody => "nobody",
        }
    }

    /// The account that acts, if one does.
    pub fn acting(&self) -> Option<&Acting> {
        match &self.who {
            Who::Account(acting) => Some(acting),
            Who::Everything(_) | Who::Nobody => None,
        }
    }
}
