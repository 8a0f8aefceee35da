//! On whose behalf a handle on the library acts.

use std::net::IpAddr;

use super::accounts::AccountId;
use super::path::FolderPath;
use super::reach::Right;

/// What the name begins with of whoever comes by a link; its maker's follows. No account is called so.
pub(super) const LINK_OF: &str = "link of ";

/// Who looks and changes. What that allows is in the catalog, and read from it in the very
/// transaction that looks or changes: see [`Reach`](super::Reach).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Viewer {
    pub(super) who: Who,
    /// What everybody may in folders about which nothing is said.
    pub(super) everyone: Right,
    /// The address that the request comes from, for the audit log; none for what is done on the
    /// machine itself.
    pub(super) from: Option<IpAddr>,
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

impl Acting {
    /// Whether it may whatever its account may, and not only a part of that.
    pub fn is_whole(&self) -> bool {
        self.most == Right::Own && self.within.is_none()
    }
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
            from: None,
        }
    }

    pub fn account(acting: Acting, everyone: Right) -> Self {
        Self {
            who: Who::Account(acting),
            everyone,
            from: None,
        }
    }

    /// Somebody who has not signed in.
    pub const fn nobody(everyone: Right) -> Self {
        Self {
            who: Who::Nobody,
            everyone,
            from: None,
        }
    }

    /// The same, of a request from this address.
    pub fn coming_from(self, address: IpAddr) -> Self {
        Self {
            from: Some(address),
            ..self
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
