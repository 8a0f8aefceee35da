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
    /// The link by which it comes, if it does: nothing goes beyond what that opens.
    pub(super) link: Option<LinkId>,
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
    pub credential: Credential,
    /// What it may at most.
    pub most: Right,
    /// The only folder that it may reach, if there is one. Of a token, the catalog decides: its
    /// folder may have been moved since.
    pub within: Option<FolderPath>,
}

/// What an account acts by. Invariant: each transaction requires its row, so that nothing is read or
/// stored by what was revoked after the request began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Credential {
    /// The account alone: a link of its own, or an upload that goes on after its session.
    Account,
    Session(i64),
    Token(i64),
}

pub type LinkId = i64;

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
            link: None,
            everyone: Right::None,
            from: None,
        }
    }

    pub fn account(acting: Acting, everyone: Right) -> Self {
        Self {
            who: Who::Account(acting),
            link: None,
            everyone,
            from: None,
        }
    }

    /// Somebody who has not signed in.
    pub const fn nobody(everyone: Right) -> Self {
        Self {
            who: Who::Nobody,
            link: None,
            everyone,
            from: None,
        }
    }

    /// The same, limited to what a link opens at the moment of each use.
    pub fn through_link(self, link: LinkId) -> Self {
        Self {
            link: Some(link),
            ..self
        }
    }

    /// The link by which it comes, if it does.
    pub fn link(&self) -> Option<LinkId> {
        self.link
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

    /// Whether it acts for an account by something that may only a part of what that may: a link, or a
    /// token with limits.
    pub fn is_limited(&self) -> bool {
        self.link.is_some() || self.acting().is_some_and(|acting| !acting.is_whole())
    }

    /// The account that acts, if one does.
    pub fn acting(&self) -> Option<&Acting> {
        match &self.who {
            Who::Account(acting) => Some(acting),
            Who::Everything(_) | Who::Nobody => None,
        }
    }
}
