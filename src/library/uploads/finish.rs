//! The end of an upload: its bytes become a file, once.

use rusqlite::Connection;

use super::admission::is_refusal;
use super::row::{self, End, Row};
use super::{Destination, IfPresent, UploadId};
use crate::error::{Error, Kind, Result};
use crate::extract;
use crate::library::accounts::usage::Coming;
use crate::library::catalog::{self, Change};
use crate::library::entry::{Precondition, Receipt};
use crate::library::files::{self, Described, HEAD, Upload};
use crate::library::path::FilePath;
use crate::library::{Library, Quota};
use crate::store::blobs::{Claim, Pieces, Sealed};
use crate::store::{crash, now_ms};

impl Library {
    /// Stores the file of an upload whose bytes are all here, unless that was done; answers its
    /// row as it is afterwards.
    ///
    /// # Errors
    /// [`Kind::Busy`] while another process does.
    pub(super) fn complete(&self, id: UploadId) -> Result<Row> {
        let claim = self.claim(id)?;
        let row = self.store.sql.read(|c| row::any(c, id))?;
        if row.end.is_some() {
            return Ok(row);
        }
        let pieces = claim.resume()?;
        if row.completes_at(pieces.offset()) {
            let began = row.last_piece.unwrap_or(pieces.offset());
            return self.finish(row, pieces, began);
        }
        // The bytes have their own name already, if a process died right after that.
        let claim = pieces.pause()?;
        match row.sha256.map(|digest| self.store.blobs.adopt(&digest)) {
            Some(adopted) => match adopted? {
                Some(sealed) => self.store_sealed(row, sealed, claim),
                None => self.begin_anew(row),
            },
            None => Ok(row),
        }
    }

    /// All bytes are here: `began` is where the piece began that brought the last of them.
    pub(super) fn finish(&self, row: Row, pieces: Pieces, began: u64) -> Result<Row> {
        let (staged, claim) = pieces.finish()?;
        if let Err(error) = staged.refuse_other_than(row.expected) {
            self.end_without_file(row, claim, End::Terminated)?;
            return Err(error);
        }
        let row = Row {
            sha256: Some(staged.digest),
            last_piece: Some(began),
            ..row
        };
        let hashed = row.clone();
        self.store.sql.write(move |c| row::set_hashed(c, &hashed))?;
        crash::point("pieces.hashed");
        let sealed = self.store.blobs.settle(staged)?;
        crash::point("upload.sealed");
        self.store_sealed(row, sealed, claim)
    }

    /// As [`Library::add`], with the upload's end in the same transaction.
    pub(super) fn store_whole(&self, upload: Upload, row: Row) -> Result<Row> {
        let (head, stage) = upload.into_parts();
        let sealed = self.store.blobs.seal(stage, row.expected)?;
        crash::point("upload.sealed");
        let (blobs, change) = (self.store.blobs.clone(), self.change());
        let (quota, digest) = (self.limits.quota, sealed.digest);
        let stored = self.store.sql.write(move |c| {
            if let Some(known) = row::known(c, &row, change.viewer())? {
                return Ok(known);
            }
            files::keep(&blobs, &sealed)?;
            row::insert(c, &row)?;
            let content = described(&row, &sealed, &head);
            let receipt = arrive(c, &row, &content, quota, &change)?;
            row::set_stored(c, row, &receipt, change.at_ms)
        });
        let stored = stored.inspect_err(|_| self.discard_refused(digest))?;
        crash::point("upload.committed");
        Ok(stored)
    }

    /// Stores it in the name of whoever began it, if they can still do that, and if whoever completes
    /// it can.
    ///
    /// Invariant: the claim is held until the commit is durable, so nobody else sees an upload
    /// whose bytes are gone from `staging/` and whose row is open.
    fn store_sealed(&self, row: Row, sealed: Sealed, claim: Claim) -> Result<Row> {
        let head = sealed.head(HEAD)?;
        let (blobs, quota) = (self.store.blobs.clone(), self.limits.quota);
        let (open, library) = (row.clone(), self.clone());
        let stored = self.store.sql.write(move |c| {
            library.require_begun(c, &row)?;
            library.require_writable(c, &row)?;
            files::keep(&blobs, &sealed)?;
            let principal = row.principal(c, library.everyone)?;
            let change = library.seen_by(principal.into()).change();
            let content = described(&row, &sealed, &head);
            let receipt = arrive(c, &row, &content, quota, &change)?;
            row::set_stored(c, row, &receipt, change.at_ms)
        });
        match stored {
            Ok(stored) => {
                crash::point("upload.committed");
                claim.remove()?;
                Ok(stored)
            }
            Err(error) => {
                if self.is_refused(&open, &error)? {
                    self.end_without_file(open, claim, End::Terminated)?;
                }
                Err(error)
            }
        }
    }

    /// Whether an upload that is complete was refused for good. One for which only the disk has no room
    /// waits until it has.
    fn is_refused(&self, row: &Row, error: &Error) -> Result<bool> {
        let coming = Coming {
            sender: row.principal.sender(),
            bytes: row.length.unwrap_or(0),
            upload: Some(row.id),
        };
        match error.kind() {
            Kind::NoSpace => {
                let left = self.store.sql.read(|c| self.require_quota(c, coming));
                Ok(left.is_err_and(|error| error.kind() == Kind::NoSpace))
            }
            Kind::Precondition | Kind::Invalid => Ok(true),
            _ if !is_refusal(error) => Ok(false),
            // Of whoever only completes it, nothing follows for the upload.
            _ => {
                let begun = self.store.sql.read(|c| self.require_begun(c, row));
                Ok(begun.is_err_and(|error| is_refusal(&error)))
            }
        }
    }

    /// Ends an upload and removes its bytes.
    pub(super) fn end_without_file(&self, row: Row, claim: Claim, end: End) -> Result<Row> {
        let freed = self.store.blobs.arrived(row.id)?.bytes;
        let (id, at_ms) = (row.id, now_ms());
        self.store
            .sql
            .write(move |c| row::end(c, id, end, at_ms, freed))?;
        claim.remove()?;
        // It may have its own name already, and nobody's.
        if let Some(digest) = row.sha256 {
            self.discard_refused(digest);
        }
        Ok(Row {
            end: Some(end),
            ended_ms: Some(at_ms),
            ..row
        })
    }

    /// The bytes are lost after all, though not told to be safe: the upload stands at its beginning.
    fn begin_anew(&self, row: Row) -> Result<Row> {
        let row = Row {
            sha256: None,
            last_piece: None,
            ..row
        };
        let anew = row.clone();
        self.store.sql.write(move |c| row::set_hashed(c, &anew))?;
        Ok(row)
    }
}

fn described(row: &Row, sealed: &Sealed, head: &[u8]) -> Described {
    let name = row.path.as_ref().map_or("", FilePath::name);
    Described::of(sealed, extract::media_type(name, head))
}

/// The file itself, where the upload wants it.
fn arrive(
    c: &Connection,
    row: &Row,
    content: &Described,
    quota: Quota,
    change: &Change,
) -> Result<Receipt> {
    let Some(path) = &row.path else {
        return Err(Error::internal("A part of an upload was stored as a file."));
    };
    // Before anything is said of what is there.
    let reach = change.reach(c)?;
    reach.refuse_unwritable(&path.folder())?;
    let destination = Destination {
        path: path.clone(),
        if_present: row.if_present,
        expected: None,
    };
    row::refuse_skipped(c, row)?;
    let path = match destination.if_present {
        IfPresent::KeepBoth => catalog::free_path(c, &destination.path)?,
        IfPresent::Version | IfPresent::Skip => destination.path,
    };
    files::store(c, &path, content, &Precondition::None, quota, change)
}
