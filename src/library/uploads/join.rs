//! Parts that were uploaded side by side become one upload.

use std::collections::HashSet;

use sha2::{Digest as _, Sha256};

use super::row::{self, End, Row};
use super::{BUSY, NewUpload, UploadId, UploadState};
use crate::error::{Error, Kind, Result};
use crate::library::Library;
use crate::library::accounts::usage::Coming;
use crate::library::arrivals::{Arriving, CHECK_BYTES};
use crate::store::blobs::{Claim, Pieces};
use crate::store::now_ms;

/// Most parts of one upload.
const MOST_PARTS: usize = 1_000;
/// What parts that are named again can add: these bytes are written without having been sent.
const MAX_REPEATED_BYTES: u64 = 64 << 20;

impl Library {
    /// Joins complete parts, in this order, and stores the file; the parts are removed. Asking
    /// again for the same parts answers the same upload.
    ///
    /// `concat` is the list as the client wrote it, given back as it is; `most` is how many bytes
    /// the file may have.
    ///
    /// # Errors
    /// [`Kind::NotFound`] for a part that is not there, [`Kind::Conflict`] for one that is not
    /// complete, [`Kind::Invalid`] for what is no part or repeats too much, [`Kind::TooLarge`] if
    /// they have more than `most` bytes; then nothing has changed.
    pub fn join_uploads(
        &self,
        parts: &[UploadId],
        concat: String,
        new: NewUpload,
        most: Option<u64>,
    ) -> Result<UploadState> {
        if parts.is_empty() || parts.len() > MOST_PARTS {
            return Err(Error::invalid(format!(
                "An upload is joined from 1 to {MOST_PARTS} parts, not {}.",
                parts.len()
            )));
        }
        let new = NewUpload {
            key: Some(key(parts)),
            ..new
        };
        let known = self
            .store
            .sql
            .read(|c| row::by_key(c, &key(parts), &self.viewer))?;
        let begun = known.as_ref().map(|known| known.id);
        if let Some(known) = known.filter(|known| known.end.is_some()) {
            return self.state_of(known);
        }
        let rows = self.complete_parts(parts)?;
        let length: u64 = rows.iter().filter_map(|row| row.length).sum();
        if let Some(most) = most.filter(|most| length > *most) {
            return Err(Error::new(
                Kind::TooLarge,
                format!(
                    "The parts have {length} bytes together; this installation takes at most {most} bytes."
                ),
            ));
        }
        require_few_repeats(&rows, length)?;
        self.refuse_without_room(length)?;
        let row = Row {
            concat: Some(concat),
            ..Row::new(
                UploadId::new_v4(),
                &self.viewer,
                NewUpload {
                    length: Some(length),
                    ..new
                },
                now_ms(),
            )
        };
        let sender = row.principal.sender();
        let upload = Some(begun.unwrap_or(row.id));
        let bytes = length;
        // It counts before it is checked, so that those that are joined side by side see each other.
        let _arrival = self.arrivals.begin(Arriving {
            sender,
            upload,
            bytes,
        });
        self.store.sql.read(|c| {
            let coming = Coming {
                sender,
                bytes,
                upload,
            };
            self.require_quota(c, coming)
        })?;
        let change = self.change();
        let row = self
            .store
            .sql
            .write(move |c| row::begin(c, row, &[], &change))?;
        let joined = self.join(row, &rows)?;
        for part in rows {
            self.end_part(part)?;
        }
        self.state_of(joined)
    }

    fn complete_parts(&self, parts: &[UploadId]) -> Result<Vec<Row>> {
        let rows = parts.iter().map(|id| self.upload_row(*id));
        let rows = rows.collect::<Result<Vec<_>>>()?;
        for row in &rows {
            if row.is_file() {
                return Err(Error::invalid(format!(
                    "Upload {} is no part: it was begun without Upload-Concat: partial.",
                    row.id.simple()
                )));
            }
            if let Some(end) = row.end {
                return Err(Error::not_found(end.sentence()));
            }
            let arrived = self.store.blobs.arrived(row.id)?.bytes;
            if row.length != Some(arrived) {
                return Err(Error::conflict(format!(
                    "Part {} has {arrived} bytes and is not complete; finish it first.",
                    row.id.simple()
                )));
            }
        }
        Ok(rows)
    }

    fn join(&self, row: Row, parts: &[Row]) -> Result<Row> {
        let claim = self.claim(row.id)?;
        let mut pieces = claim.resume()?;
        // What an attempt before this one has copied is copied again.
        if pieces.offset() > 0 {
            pieces.pause()?.remove()?;
            pieces = self.claim(row.id)?.resume()?;
        }
        let mut began = 0;
        let mut unchecked = 0;
        for part in parts {
            began = pieces.offset();
            if let Err(error) = self.copy_part(part.id, &mut pieces, &mut unchecked) {
                pieces.pause()?.remove()?;
                return Err(error);
            }
        }
        if !row.completes_at(pieces.offset()) {
            let sentence = "A part changed while it was joined with others; try again.";
            return Err(Error::conflict(sentence));
        }
        self.finish(row, pieces, began)
    }

    /// Counts in `unchecked` what was copied since the reserve was looked at.
    fn copy_part(&self, id: UploadId, into: &mut Pieces, unchecked: &mut u64) -> Result<()> {
        let part = self.claim_part(id)?.resume()?;
        let copied = part.read_all(|bytes| {
            *unchecked += bytes.len() as u64;
            if *unchecked >= CHECK_BYTES {
                *unchecked = 0;
                self.refuse_without_room(0)?;
            }
            into.append(bytes)
        });
        part.pause()?;
        copied
    }

    fn claim_part(&self, id: UploadId) -> Result<Claim> {
        let claim = self.store.blobs.claim(id)?;
        claim.ok_or_else(|| Error::new(Kind::Busy, BUSY))
    }

    fn end_part(&self, row: Row) -> Result<()> {
        // Whoever holds it will find it ended; what is left of it expires.
        let Some(claim) = self.store.blobs.claim(row.id)? else {
            return Ok(());
        };
        self.end_without_file(row, claim, End::Joined).map(drop)
    }
}

/// # Errors
/// [`Kind::Invalid`] if the parts that are named again add more than [`MAX_REPEATED_BYTES`] to
/// those that are named once; `length` counts all of them.
fn require_few_repeats(rows: &[Row], length: u64) -> Result<()> {
    let mut seen = HashSet::new();
    let distinct = rows.iter().filter(|row| seen.insert(row.id));
    let sent: u64 = distinct.filter_map(|row| row.length).sum();
    if length - sent > MAX_REPEATED_BYTES {
        return Err(Error::invalid(format!(
            "Parts that are named more than once can add {MAX_REPEATED_BYTES} bytes; these add {}.",
            length - sent
        )));
    }
    Ok(())
}

/// Stands for this list of parts.
fn key(parts: &[UploadId]) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(part.as_bytes());
    }
    let digest = crate::store::Digest::from_bytes(hasher.finalize().into());
    format!("joined:{digest}")
}
