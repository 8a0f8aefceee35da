//! In whose name an upload is completed: whoever began it, with what they can do by then.
//!
//! An upload that was begun in a session is its account's, so that signing out loses none; one that
//! was begun by a token or a link ends with that.

use rusqlite::{Connection, OptionalExtension};

use super::row::Row;
use crate::error::Result;
use crate::library::accounts::AccountId;
use crate::library::arrivals::Sender;
use crate::library::reach::Right;
use crate::library::viewer::{Acting, Credential, LINK_OF, LinkId, Viewer};

/// Whoever began an upload; nothing where everybody is let in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::library) struct Principal {
    pub account: Option<AccountId>,
    pub token: Option<i64>,
    pub link: Option<LinkId>,
}

impl Principal {
    pub fn from_viewer(viewer: &Viewer) -> Self {
        let acting = viewer.acting();
        Self {
            account: acting.map(|acting| acting.account),
            token: acting.and_then(|acting| match acting.credential {
                Credential::Token(id) => Some(id),
                Credential::Account | Credential::Session(_) => None,
            }),
            link: viewer.link(),
        }
    }

    pub fn sender(self) -> Sender {
        Sender {
            account: self.account,
            link: self.link,
        }
    }
}

impl Row {
    /// Whoever began it, as the catalog knows them now. `everyone` is what this installation lets
    /// anybody do.
    pub(super) fn principal(&self, c: &Connection, everyone: Right) -> Result<Viewer> {
        let found = match self.principal.account {
            Some(id) => account(c, "id = ?1", id)?,
            None => account(c, "name = ?1", self.actor.trim_start_matches(LINK_OF))?,
        };
        let viewer = match found {
            Some((account, name)) => self.acting(account, name, everyone),
            None if self.principal.account.is_some() => Viewer::nobody(everyone),
            None => match self.actor.as_str() {
                name if name == Viewer::SYSTEM.name() => Viewer::SYSTEM,
                name if name == Viewer::ANYONE.name() || self.principal.link.is_some() => {
                    anyone(everyone)
                }
                _ => Viewer::nobody(everyone),
            },
        };
        Ok(match self.principal.link {
            Some(link) => viewer.through_link(link),
            None => viewer,
        })
    }

    fn acting(&self, account: AccountId, name: String, everyone: Right) -> Viewer {
        let credential = match self.principal.token {
            Some(token) => Credential::Token(token),
            None => Credential::Account,
        };
        let name = match self.actor.starts_with(LINK_OF) {
            true => format!("{LINK_OF}{name}"),
            false => name,
        };
        let acting = Acting {
            account,
            name,
            credential,
            // What a token allows is read from the catalog.
            most: Right::Own,
            within: None,
        };
        Viewer::account(acting, everyone)
    }
}

/// Who comes without saying who they are, if that is let in by now.
fn anyone(everyone: Right) -> Viewer {
    match everyone {
        Right::Own => Viewer::ANYONE,
        _ => Viewer::nobody(everyone),
    }
}

fn account(
    c: &Connection,
    condition: &str,
    key: impl rusqlite::ToSql,
) -> Result<Option<(AccountId, String)>> {
    let sql = format!("SELECT id, name FROM account WHERE {condition}");
    let mut statement = c.prepare_cached(&sql)?;
    let found = statement.query_row([key], |row| Ok((row.get(0)?, row.get(1)?)));
    Ok(found.optional()?)
}
