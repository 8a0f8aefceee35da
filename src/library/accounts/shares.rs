//! Links for people without an account: to a file, to a folder, or into one.
//!
//! A link is its maker's, and is judged at each use: it opens what its maker could make a link to now,
//! and nothing else. It moves with its folder, or ends with it, and with an account go its links.

use rusqlite::{Connection, OptionalExtension};
use unicode_normalization::UnicodeNormalization;

use super::AccountId;
use super::audit::{self, Happening};
use super::secrets::{LinkColumns, link_hash, shown_secret};
use crate::error::{Error, Kind, Result};
use crate::library::sealing::SealingKeys;
use crate::library::uploads::{Whose, end_all};
use crate::library::viewer::LINK_OF;
use crate::library::visible::is_visible;
use crate::library::{
    Acting, Credential, Entry, FileId, FolderPath, Library, Millis, Right, Viewer, arranging,
    catalog,
};
use crate::store::now_ms;

const MAX_NAME_BYTES: usize = 100;
const MOST: u64 = 1_000;

/// What a link opens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shared {
    File(FileId),
    Folder(FolderPath),
    /// Others put files into it, and see nothing of it.
    Drop(FolderPath),
}

impl Shared {
    fn word(&self) -> &'static str {
        match self {
            Self::File(_) => "file",
            Self::Folder(_) => "folder",
            Self::Drop(_) => "drop",
        }
    }
}

/// A link.
#[derive(Clone, Debug)]
pub struct Share {
    pub id: i64,
    /// None if it is sealed with a key that the environment does not have.
    pub secret: Option<String>,
    /// Whose it is; none where everybody may everything.
    pub account: Option<AccountId>,
    pub shared: Shared,
    /// What it is called where it is opened.
    pub name: String,
    /// A PHC string.
    pub password: Option<String>,
    pub created_ms: Millis,
    pub expires_ms: Option<Millis>,
    /// Downloads, or files dropped, that are left.
    pub uses_left: Option<u64>,
    pub uses: u64,
    pub used_ms: Option<Millis>,
    /// Name of whoever made it.
    pub owner: Option<String>,
}

#[derive(Clone, Debug)]
pub struct NewShare {
    pub secret: String,
    pub shared: Shared,
    pub name: String,
    pub password: Option<String>,
    pub expires_ms: Option<Millis>,
    pub uses: Option<u64>,
}

const SELECT: &str = "SELECT share_link.id, iif(sealed IS NULL, secret, NULL), account_id, kind, file_id, folder, \
     share_link.name, share_link.password, share_link.created_ms, iif(sealed IS NULL, expires_ms, sealed_expires_ms), \
     uses_left, uses, used_ms, account.name, hash, sealed \
     FROM share_link LEFT JOIN account ON account.id = account_id";

/// That a link has not expired at `?2`. A sealed one has its own column for it.
pub(in crate::library) const LINK_IS_VALID: &str =
    "ifnull(iif(sealed IS NULL, expires_ms, sealed_expires_ms) > ?2, TRUE)";

impl Library {
    /// Makes a link of the viewer's.
    ///
    /// # Errors
    /// [`Kind::Forbidden`] unless the viewer owns what it shows: who may only read or write does
    /// not decide who else may.
    pub fn share(&self, new: NewShare) -> Result<i64> {
        let name: String = new.name.trim().nfc().collect();
        let is_blank = !name.is_empty() && !is_visible(&name);
        if is_blank || name.len() > MAX_NAME_BYTES || name.chars().any(char::is_control) {
            return Err(Error::invalid(format!(
                "The name of a link has at most {MAX_NAME_BYTES} bytes that can be seen, and no control characters."
            )));
        }
        if new.uses == Some(0) {
            return Err(Error::invalid(
                "A link that can be used 0 times opens nothing.",
            ));
        }
        let change = self.change();
        let account = self.viewer.acting().map(|acting| acting.account);
        let columns = LinkColumns::new(&self.keys, &new.secret, new.expires_ms)?;
        self.store.sql.write(move |c| {
            let reach = change.reach(c)?;
            let (folder, file, shown) = match &new.shared {
                Shared::File(id) => {
                    let entry = arranging::live(c, *id, &change)?;
                    (entry.path.folder(), Some(*id), entry.path.to_string())
                }
                Shared::Folder(folder) | Shared::Drop(folder) => {
                    (folder.clone(), None, format!("{folder}/"))
                }
            };
            if reach.right(&folder) < Right::Own {
                return Err(match reach.right(&folder) >= Right::Read {
                    true => Error::forbidden(format!(
                        "Only whoever owns {:?} can make links to it.",
                        folder.as_str()
                    )),
                    false => catalog::no_folder(&folder),
                });
            }
            let count = "SELECT count(*) FROM share_link WHERE account_id IS ?1";
            let count: u64 = c
                .prepare_cached(count)?
                .query_row([account], |row| row.get(0))?;
            if count >= MOST {
                return Err(Error::conflict(format!(
                    "There are {MOST} links already; revoke one first."
                )));
            }
            c.prepare_cached(
                "INSERT INTO share_link (secret, account_id, kind, file_id, folder, name, password,
                                         created_ms, expires_ms, uses_left, hash, sealed,
                                         sealed_expires_ms)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
            )?
            .execute((
                &columns.secret,
                account,
                new.shared.word(),
                file,
                file.is_none().then(|| folder.as_str().to_owned()),
                &name,
                &new.password,
                change.at_ms,
                columns.expires_ms,
                new.uses,
                columns.hash,
                &columns.sealed,
                columns.sealed_expires_ms,
            ))?;
            let id = c.last_insert_rowid();
            audit::note(
                c,
                &change,
                "",
                Happening::LinkMade,
                &format!("{} {shown}", new.shared.word()),
            )?;
            Ok(id)
        })
    }

    /// The viewer's links, the newest first; everybody's for whoever may everything.
    pub fn shares(&self) -> Result<Vec<Share>> {
        if self.viewer.is_limited() {
            return Ok(Vec::new());
        }
        let account = self.viewer.acting().map(|acting| acting.account);
        self.store.sql.read(|c| {
            let all = self.reach(c)?.is_everything();
            let sql = format!("{SELECT} WHERE ?1 OR account_id IS ?2 ORDER BY share_link.id DESC");
            let mut statement = c.prepare_cached(&sql)?;
            let mut rows = statement.query((all, account))?;
            let mut shares = Vec::new();
            while let Some(row) = rows.next()? {
                shares.push(share_of(row, &self.keys)?);
            }
            Ok(shares)
        })
    }

    /// Ends a link, one of the viewer's or, for whoever may everything, any.
    ///
    /// # Errors
    /// [`Kind::NotFound`] if it is not one.
    pub fn revoke_share(&self, id: i64) -> Result<()> {
        let change = self.change();
        if self.viewer.is_limited() {
            return Err(Error::not_found("There is no such link."));
        }
        let account = self.viewer.acting().map(|acting| acting.account);
        let ended = self.store.sql.write(move |c| {
            let all = change.reach(c)?.is_everything();
            let sql = "DELETE FROM share_link WHERE id = ?1 AND (?2 OR account_id IS ?3)
                       RETURNING kind || ' ' || name";
            let subject: Option<String> = c
                .prepare_cached(sql)?
                .query_row((id, all, account), |row| row.get(0))
                .optional()?;
            let subject = subject.ok_or_else(|| Error::not_found("There is no such link."))?;
            audit::note(c, &change, "", Happening::LinkRevoked, &subject)?;
            end_all(c, Whose::Link(id), change.at_ms)
        })?;
        self.remove_bytes(&ended);
        Ok(())
    }

    /// The link with this secret, unless it has expired or is used up, or whoever made it could not make
    /// it any more. `everyone` is what everybody may in folders about which nothing is said.
    ///
    /// # Errors
    /// [`Kind::NotFound`], the same for all that cannot be opened.
    pub fn share_with(&self, secret: &str, everyone: Right) -> Result<Share> {
        let share = self.share_in_use(secret, everyone)?;
        match share.is_used_up() {
            true => Err(no_link()),
            false => Ok(share),
        }
    }

    /// The same, for what was begun before it was used up.
    ///
    /// # Errors
    /// As of [`share_with`](Self::share_with).
    pub fn share_in_use(&self, secret: &str, everyone: Right) -> Result<Share> {
        self.store.sql.read(|c| {
            // Releases that know no hashes leave none.
            let sql = format!(
                "{SELECT} WHERE (hash = ?1 OR (hash IS NULL AND secret = ?3)) AND {LINK_IS_VALID}"
            );
            let mut statement = c.prepare_cached(&sql)?;
            let parameters = (link_hash(secret), now_ms(), secret);
            let found = statement.query_row(parameters, |row| Ok(share_of(row, &self.keys)));
            let found = found.optional()?.ok_or_else(no_link)??;
            found.viewer(everyone).reach(c, &self.rules)?;
            Ok(Share {
                secret: Some(secret.to_owned()),
                ..found
            })
        })
    }

    /// Takes `uses` of a link, all or none.
    ///
    /// # Errors
    /// [`Kind::NotFound`] if fewer are left.
    pub fn use_share(
        &self,
        share: &Share,
        uses: u64,
        happening: Happening,
        address: &str,
        subject: &str,
    ) -> Result<()> {
        let (id, change) = (share.id, self.change().begun_by(&share.maker()));
        let (address, subject) = (address.to_owned(), share.used_for(subject));
        self.store.sql.write(move |c| {
            take_uses(c, id, uses, change.at_ms)?;
            audit::note(c, &change, &address, happening, &subject)
        })
    }
}

/// # Errors
/// [`Kind::NotFound`] if the link has expired or fewer uses are left.
pub(super) fn take_uses(c: &Connection, id: i64, uses: u64, at_ms: Millis) -> Result<()> {
    let sql = format!(
        "UPDATE share_link SET uses = uses + ?3, uses_left = uses_left - ?3, used_ms = ?2
         WHERE id = ?1 AND ifnull(uses_left >= ?3, TRUE) AND {LINK_IS_VALID}"
    );
    match c.prepare_cached(&sql)?.execute((id, at_ms, uses))? {
        0 => Err(no_link()),
        _ => Ok(()),
    }
}

impl Share {
    /// Who looks through the link: its maker, with nothing but what it opens.
    pub fn viewer(&self, everyone: Right) -> Viewer {
        let maker = match self.account {
            Some(account) => Viewer::account(
                Acting {
                    account,
                    name: self.maker(),
                    credential: Credential::Account,
                    most: Right::Own,
                    within: None,
                },
                everyone,
            ),
            None => Viewer::ANYONE,
        };
        maker.through_link(self.id)
    }

    /// Whether no use is left.
    pub fn is_used_up(&self) -> bool {
        self.uses_left == Some(0)
    }

    /// What is answered where a link opens nothing any more, whatever the reason.
    pub fn is_over() -> Error {
        no_link()
    }

    /// What the log says of a use, so that uses of different links are told apart.
    pub(super) fn used_for(&self, subject: &str) -> String {
        format!("{subject} (link {})", self.id)
    }

    /// Who is named for what is done by it.
    pub(super) fn maker(&self) -> String {
        let owner = self.owner.as_deref().unwrap_or("anyone");
        format!("{LINK_OF}{owner}")
    }

    /// The file it opens, as it is now.
    ///
    /// # Errors
    /// [`Kind::NotFound`] if its maker does not see it any more, or it is deleted.
    pub fn file(&self, library: &Library, everyone: Right) -> Result<Option<Entry>> {
        let Shared::File(id) = self.shared else {
            return Ok(None);
        };
        let library = library.seen_by(self.viewer(everyone).into());
        let entry = library.entry(id).map_err(|error| match error.kind() {
            Kind::NotFound => no_link(),
            _ => error,
        })?;
        match entry.trashed_ms {
            None => Ok(Some(entry)),
            Some(_) => Err(no_link()),
        }
    }
}

pub(in crate::library) fn no_link() -> Error {
    Error::not_found("There is nothing behind this link any more; ask for another one.")
}

fn share_of(row: &rusqlite::Row<'_>, keys: &SealingKeys) -> Result<Share> {
    let kind: String = row.get(3)?;
    let folder: Option<String> = row.get(5)?;
    let folder = folder.as_deref().map(FolderPath::parse).transpose()?;
    let shared = match (kind.as_str(), row.get(4)?, folder) {
        ("file", Some(id), _) => Shared::File(id),
        ("folder", _, Some(folder)) => Shared::Folder(folder),
        ("drop", _, Some(folder)) => Shared::Drop(folder),
        // What only a later release knows opens nothing here.
        _ => return Err(no_link()),
    };
    Ok(Share {
        id: row.get(0)?,
        secret: shown_secret(keys, row.get(1)?, row.get(14)?, row.get(15)?),
        account: row.get(2)?,
        shared,
        name: row.get(6)?,
        password: row.get(7)?,
        created_ms: row.get(8)?,
        expires_ms: row.get(9)?,
        uses_left: row.get(10)?,
        uses: row.get(11)?,
        used_ms: row.get(12)?,
        owner: row.get(13)?,
    })
}
