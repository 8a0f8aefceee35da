//! Whether bytes of an upload are still admitted: checked before the first of them is taken, and every
//! few MiB while they arrive.

use rusqlite::Connection;

use super::row::{self, Row};
use super::{Refusal, Writing};
use crate::error::{Error, Kind, Result};
use crate::library::Library;
use crate::library::accounts::usage::Coming;

impl Writing {
    /// Checks the rights of whoever began the upload and of whoever sends this piece, the quota with
    /// `bytes` more than have come, and the reserve.
    ///
    /// # Errors
    /// [`Kind::Forbidden`], [`Kind::NoSpace`], or [`Kind::NotFound`] if the upload was ended meanwhile.
    pub(super) fn check(&mut self, bytes: u64) -> Result<()> {
        let total = self.pieces.offset().saturating_add(bytes);
        let coming = Coming {
            sender: self.row.principal.sender(),
            bytes: total.max(self.row.length.unwrap_or(0)),
            upload: Some(self.row.id),
        };
        let (library, row) = (&self.library, &self.row);
        let mut refusal = Refusal::Piece;
        let admitted = library.store.sql.read(|c| {
            refusal = Refusal::Upload;
            library.require_begun(c, row)?;
            refusal = Refusal::Piece;
            library.require_writable(c, row)?;
            library.require_quota(c, coming)
        });
        let admitted = admitted.and_then(|()| library.refuse_without_room(0));
        match &admitted {
            Ok(()) => self.arrival.passed(),
            // Bytes that were announced and admitted before stay for when there is room.
            Err(error) if error.kind() == Kind::NoSpace && self.is_length_known() => {}
            Err(error) if is_refusal(error) => self.refusal = Some(refusal),
            Err(_) => {}
        }
        admitted
    }

    /// Checks what the last check has not seen.
    pub(super) fn check_at_the_end(&mut self) -> Result<()> {
        let is_checked = self.is_announced && !self.arrival.is_overdue();
        if self.refusal.is_some() || is_checked {
            return Ok(());
        }
        match self.check(0) {
            // Its bytes are here, and the transaction that stores decides.
            Err(error) if error.kind() == Kind::NoSpace && self.refusal.is_none() => Ok(()),
            checked => checked,
        }
    }

    fn is_length_known(&self) -> bool {
        self.row.length.is_some() && !self.is_length_new
    }
}

/// Whether an error says that it must not be, and not that it could not be found out.
pub(super) fn is_refusal(error: &Error) -> bool {
    matches!(
        error.kind(),
        Kind::Forbidden | Kind::Unauthenticated | Kind::NotFound | Kind::NoSpace
    )
}

impl Library {
    /// # Errors
    /// [`Kind::Forbidden`] if whoever began the upload cannot write to its folder any more,
    /// [`Kind::NotFound`] if it has ended.
    pub(super) fn require_begun(&self, c: &Connection, row: &Row) -> Result<()> {
        if let Some(end) = row::any(c, row.id)?.end {
            return Err(Error::not_found(end.sentence()));
        }
        let reach = row.principal(c, self.everyone)?.reach(c, &self.rules)?;
        match &row.path {
            Some(path) => reach.refuse_unwritable(&path.folder()),
            None if reach.can_write_somewhere() => Ok(()),
            None => Err(Error::forbidden(
                "Whoever began this upload cannot store anything any more.",
            )),
        }
    }

    /// # Errors
    /// [`Kind::Forbidden`] if the viewer cannot write to the upload's folder.
    pub(super) fn require_writable(&self, c: &Connection, row: &Row) -> Result<()> {
        let reach = self.reach(c)?;
        match &row.path {
            Some(path) => reach.refuse_unwritable(&path.folder()),
            None if reach.can_write_somewhere() => Ok(()),
            None => Err(Error::forbidden("You cannot store anything any more.")),
        }
    }
}
