//! The audit log: who signed in or failed to, what was shared, given, taken away and exported.

use rusqlite::Connection;
use serde::Serialize;

use super::refuse_others_than_owners;
use crate::error::Result;
use crate::library::catalog::Change;
use crate::library::{Library, Millis, Page};

macro_rules! happenings {
    ($($name:ident $word:literal $sentence:literal,)*) => {
        /// What is noted.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
        pub enum Happening { $($name,)* }

        impl Happening {
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// As it stands in the catalog and in addresses.
            pub fn word(self) -> &'static str {
                match self { $(Self::$name => $word,)* }
            }

            /// As people read it.
            pub fn sentence(self) -> &'static str {
                match self { $(Self::$name => $sentence,)* }
            }
        }
    };
}

happenings! {
    SignedIn "signed-in" "Signed in",
    SignInFailed "sign-in-failed" "Sign-in failed",
    SignedOut "signed-out" "Signed out",
    SessionsEnded "sessions-ended" "Sessions ended",
    OwnerMade "owner-made" "Became owner by the setup link",
    AccountAdded "account-added" "Account added",
    AccountChanged "account-changed" "Account changed",
    AccountRemoved "account-removed" "Account removed",
    PasswordSet "password-set" "Password set",
    PasswordWrong "password-wrong" "Wrong password or code given by somebody signed in",
    Confirmed "confirmed" "Password and second factor confirmed",
    LinkPasswordWrong "link-password-wrong" "Wrong password given for a link",
    PasswordLinkMade "password-link-made" "Link to choose a password made",
    FactorAdded "factor-added" "Second factor added",
    FactorRemoved "factor-removed" "Second factor removed",
    CodesMade "codes-made" "Recovery codes made",
    PasskeyAdded "passkey-added" "Passkey added",
    PasskeyRemoved "passkey-removed" "Passkey removed",
    TokenMade "token-made" "Token made",
    PauseLifted "pause-lifted" "Pause after wrong guesses lifted",
    TokenRevoked "token-revoked" "Token revoked",
    FolderShared "folder-shared" "Folder permissions changed",
    Moved "moved" "Moved between folders with different permissions",
    LinkMade "link-made" "Link made",
    LinkRevoked "link-revoked" "Link revoked",
    LinkUsed "link-used" "Link used",
    Dropped "dropped" "Files dropped by link",
    Exported "exported" "Archive downloaded",
    Deleted "deleted" "Files deleted",
    Purged "purged" "Files deleted for good",
}

/// One line of the log.
#[derive(Clone, Debug, Serialize)]
pub struct Audited {
    pub number: u64,
    pub at_ms: Millis,
    pub actor: String,
    /// Where the request came from; empty for what was done on the machine itself.
    pub address: String,
    pub kind: String,
    /// What it was done to.
    pub subject: String,
}

/// Which lines are wanted.
#[derive(Clone, Debug, Default)]
pub struct Happenings {
    /// One of the words of [`Happening`]; all without one.
    pub kind: Option<String>,
    /// Part of an actor's name, an address or a subject.
    pub about: Option<String>,
    /// Only lines before the one with this number.
    pub before: Option<u64>,
}

/// Lines of each kind that are kept: what others can make us note must neither fill the disk nor wash
/// out what else happened.
const MOST_OF_A_KIND: u32 = 50_000;
/// Looking which are too many takes a while, so it is not done each time.
const TRIMMED_EVERY: i64 = 64;
/// Longest subject that is kept, in bytes.
const MAX_SUBJECT: usize = 500;

pub(in crate::library) fn note(
    c: &Connection,
    change: &Change,
    address: &str,
    kind: Happening,
    subject: &str,
) -> Result<()> {
    let subject = &subject[..subject.floor_char_boundary(MAX_SUBJECT)];
    let address = match address {
        "" => change.address(),
        address => address.to_owned(),
    };
    c.prepare_cached(
        "INSERT INTO audit (at_ms, boot, actor, address, kind, subject)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?
    .execute((
        change.at_ms,
        change.boot,
        &change.actor,
        address,
        kind.word(),
        subject,
    ))?;
    let number = c.last_insert_rowid();
    if number % TRIMMED_EVERY == 0 {
        c.prepare_cached(
            "DELETE FROM audit WHERE kind = ?1 AND number <= (SELECT number FROM audit
             WHERE kind = ?1 ORDER BY number DESC LIMIT 1 OFFSET ?2)",
        )?
        .execute((kind.word(), MOST_OF_A_KIND))?;
    }
    Ok(())
}

impl Library {
    /// Notes what happened outside of any other change.
    pub fn note(&self, kind: Happening, subject: &str, address: &str) -> Result<()> {
        let change = self.change();
        let (subject, address) = (subject.to_owned(), address.to_owned());
        self.store
            .sql
            .write(move |c| note(c, &change, &address, kind, &subject))
    }

    /// A page of the log, the latest first; deletions of files are read from their events.
    ///
    /// # Errors
    /// [`Kind::Forbidden`](crate::error::Kind::Forbidden) unless the viewer may everything.
    pub fn audit(&self, wanted: &Happenings, limit: usize) -> Result<Page<Audited>> {
        let Happenings {
            kind,
            about,
            before,
        } = wanted;
        let like = about.as_deref().map(escaped);
        self.store.sql.read(|c| {
            refuse_others_than_owners(&self.reach(c)?)?;
            let mut statement = c.prepare_cached(
                "SELECT number, at_ms, actor, address, kind, subject FROM audit
                 WHERE number < ?1 AND (?2 IS NULL OR kind = ?2)
                 AND (?3 IS NULL OR actor LIKE ?3 ESCAPE '\\' OR address LIKE ?3 ESCAPE '\\'
                      OR subject LIKE ?3 ESCAPE '\\')
                 ORDER BY number DESC LIMIT ?4",
            )?;
            let newest = i64::MAX as u64;
            let last = before.unwrap_or(newest).min(newest);
            let rows = statement.query_map((last, kind, like, limit + 1), |row| {
                Ok(Audited {
                    number: row.get(0)?,
                    at_ms: row.get(1)?,
                    actor: row.get(2)?,
                    address: row.get(3)?,
                    kind: row.get(4)?,
                    subject: row.get(5)?,
                })
            })?;
            let mut items = rows.collect::<Result<Vec<_>, _>>()?;
            let more = items.len() > limit;
            items.truncate(limit);
            let last = items.last().filter(|_| more);
            let next = last.map(|last| last.number.to_string());
            Ok(Page { items, next })
        })
    }
}

/// Part of a text, for LIKE.
fn escaped(part: &str) -> String {
    let mut like = String::from("%");
    for c in part.chars() {
        if "%_\\".contains(c) {
            like.push('\\');
        }
        like.push(c);
    }
    like.push('%');
    like
}
