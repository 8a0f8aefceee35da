//! Uploads that arrive in pieces: begun, continued by whichever process is asked, completed once.
//!
//! What an upload is to become stands in the catalog; its bytes lie in `staging/` as
//! [`Pieces`], whose number is the offset. The order at the end is
//!
//! ```text
//! all bytes there → digest noted in the catalog → bytes durable under their digest
//!                 → file, event, outbox row and the upload's end in one transaction
//! ```
//!
//! and a kill between any two of these leaves what the next one to ask can complete: an upload
//! is stored once, however often its last answer is lost.
//!
//! Architecture invariant: whoever changes an upload's bytes, or ends it, holds its
//! [`Claim`](crate::store::blobs::Claim), and looks at its row again after getting it.

mod admission;
mod bounds;
mod endings;
mod expiry;
mod finish;
mod join;
mod listing;
mod principal;
mod room;
mod row;
#[cfg(test)]
mod tests;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub(super) use endings::{Whose, end_all};
pub use expiry::Unfinished;
pub use listing::OpenUpload;
pub use room::Reserve;

use super::accounts::usage::Coming;
use super::arrivals::{Arrival, Arriving};
use super::entry::{Millis, Receipt};
use super::files::Upload;
use super::path::{FilePath, FolderPath};
use super::{Library, Quota};
use crate::error::{Error, Kind, Result};
use crate::store::blobs::{Claim, Pieces};
use crate::store::{Digest, now_ms};
use row::{End, Row};

/// Names an upload; made so that nobody can guess another's.
pub type UploadId = Uuid;

/// How uploads are limited.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// How long an unfinished upload is kept after its last byte, and the end of any remembered.
    pub expiry: Duration,
    pub reserve: Reserve,
    /// What everybody together may store.
    pub quota: Quota,
}

/// What an upload asks for.
#[derive(Clone, Debug)]
pub struct NewUpload {
    pub purpose: Purpose,
    /// Bytes in all, if that is known yet.
    pub length: Option<u64>,
    /// As the client sent it; given back as it is.
    pub metadata: Option<String>,
    /// Made up by the client: asking twice with one key begins one upload.
    pub key: Option<String>,
}

/// What becomes of the bytes.
#[derive(Clone, Debug)]
pub enum Purpose {
    File(Destination),
    /// A part, to be [joined](Library::join_uploads) with others.
    Part,
}

impl Purpose {
    /// The folder of the file, unless it is a part of one.
    pub fn folder(&self) -> Option<FolderPath> {
        match self {
            Self::File(destination) => Some(destination.path.folder()),
            Self::Part => None,
        }
    }
}

/// Where a file goes.
#[derive(Clone, Debug)]
pub struct Destination {
    pub path: FilePath,
    pub if_present: IfPresent,
    /// Announced by the client; a mismatch stores nothing.
    pub expected: Option<Digest>,
}

/// What happens where there is a file already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum IfPresent {
    /// It gets a new version.
    #[default]
    Version,
    /// The new one gets a free name beside it.
    KeepBoth,
    /// Nothing is stored.
    Skip,
}

/// An upload as it stands.
#[derive(Clone, Debug)]
pub struct UploadState {
    pub id: UploadId,
    /// Bytes that have arrived.
    pub offset: u64,
    pub length: Option<u64>,
    pub metadata: Option<String>,
    /// `partial`, or `final;` and its parts, as sent.
    pub concat: Option<String>,
    /// Where it goes, unless it is a part.
    pub path: Option<FilePath>,
    /// When it is removed unless bytes arrive before.
    pub expires_ms: Millis,
    pub outcome: Outcome,
}

#[derive(Clone, Debug)]
pub enum Outcome {
    Open,
    Stored(Receipt),
    /// Nothing is left of it, and why, in a sentence.
    Gone(&'static str),
}

/// An upload taken up to be added to.
pub struct Writing {
    row: Row,
    pieces: Pieces,
    /// Where this piece began.
    began: u64,
    /// Whether the row's length came with this piece: it holds if the piece does.
    is_length_new: bool,
    /// Whether it was said beforehand how many bytes this piece has.
    is_announced: bool,
    library: Library,
    arrival: Arrival,
    refusal: Option<Refusal>,
}

/// What becomes of a piece that was refused while it arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refusal {
    /// It is taken back.
    Piece,
    /// Whoever began the upload has no right to it any more, or it was ended: nothing of it stays.
    Upload,
}

/// What came of taking an upload up.
pub enum Resumed {
    Writing(Box<Writing>),
    /// This piece is known: it is the one that completed the upload, sent again.
    Known(UploadState),
    /// There is nothing to add to; see its outcome.
    Closed(UploadState),
}

impl Library {
    /// Begins an upload, or finds the one that was begun with the same key.
    ///
    /// # Errors
    /// [`Kind::NoSpace`] if it would leave less free than is reserved, [`Kind::Precondition`] if
    /// it is to be skipped because its path is taken, [`Kind::Unavailable`] if too many others
    /// are unfinished.
    pub fn begin_upload(&self, new: NewUpload) -> Result<UploadState> {
        let bytes = new.length.unwrap_or(0);
        let row = Row::new(Uuid::new_v4(), &self.viewer, new, now_ms());
        self.refuse_without_room(bytes)?;
        self.store.sql.read(|c| {
            let (sender, upload) = (row.principal.sender(), None);
            self.require_quota(
                c,
                Coming {
                    sender,
                    bytes,
                    upload,
                },
            )
        })?;
        let idle = self.idle_uploads_if_crowded()?;
        let change = self.change();
        let row = self
            .store
            .sql
            .write(move |c| row::begin(c, row, &idle, &change))?;
        self.settled(row)
    }

    /// Stores an upload whose bytes came with its beginning; answers its id, too. With a key that
    /// is known, the answer is that of the upload it belongs to, and this one is dropped.
    ///
    /// # Errors
    /// Those of [`begin_upload`](Self::begin_upload) and [`add`](Library::add).
    pub fn add_whole(&self, upload: Upload, new: NewUpload) -> Result<UploadState> {
        let row = Row::new(Uuid::new_v4(), &self.viewer, new, now_ms());
        let row = self.store_whole(upload, row)?;
        self.state_of(row)
    }

    /// The upload that was begun with a key.
    pub fn upload_with_key(&self, key: &str) -> Result<Option<UploadState>> {
        let row = self.store.sql.read(|c| row::by_key(c, key, &self.viewer))?;
        row.map(|row| self.settled(row)).transpose()
    }

    /// An upload as it stands. If all its bytes are here but its file is not stored yet, it is
    /// stored now: whoever is told that everything arrived may take it for done.
    ///
    /// # Errors
    /// [`Kind::NotFound`] for an id that names none, [`Kind::Busy`] while another process is
    /// storing it.
    pub fn upload_state(&self, id: UploadId) -> Result<UploadState> {
        self.settled(self.upload_row(id)?)
    }

    /// Takes an upload up at `offset`, for a piece of `bytes` if that is known. `length` is said
    /// once for an upload that was begun without.
    ///
    /// # Errors
    /// [`Kind::Conflict`] if it stands elsewhere, [`Kind::Busy`] while another piece is written,
    /// [`Kind::TooLarge`] if the piece goes past the end, [`Kind::NoSpace`] if it would leave too
    /// little free, [`Kind::NotFound`] for an id that names none.
    pub fn resume_upload(
        &self,
        id: UploadId,
        offset: u64,
        bytes: Option<u64>,
        length: Option<u64>,
    ) -> Result<Resumed> {
        let row = self.upload_row(id)?;
        if row.end.is_some() || row.is_joined() {
            return self.closed(row, offset, bytes);
        }
        let claim = self.claim(id)?;
        let row = self.upload_row(id)?;
        if row.end.is_some() {
            return self.closed(row, offset, bytes);
        }
        let pieces = self.take_up(&row, claim)?;
        if pieces.offset() != offset {
            let stands = pieces.offset();
            pieces.pause()?;
            return Err(stands_elsewhere(stands, offset));
        }
        let mut writing = self.writing(row, pieces, bytes);
        if let Some(length) = length {
            writing.know_length(length)?;
            self.refuse_without_room(length - offset)?;
        }
        writing.refuse_past_the_end(bytes.unwrap_or(0))?;
        self.refuse_without_room(bytes.unwrap_or(0))?;
        match writing.check(bytes.unwrap_or(0)) {
            Ok(()) => Ok(Resumed::Writing(Box::new(writing))),
            Err(error) => self.put_down(writing).and(Err(error)),
        }
    }

    fn writing(&self, row: Row, pieces: Pieces, bytes: Option<u64>) -> Writing {
        let offset = pieces.offset();
        let announced = offset.saturating_add(bytes.unwrap_or(0));
        let arrival = self.arrivals.begin(Arriving {
            sender: row.principal.sender(),
            upload: Some(row.id),
            bytes: announced.max(row.length.unwrap_or(0)),
        });
        Writing {
            began: offset,
            row,
            pieces,
            is_length_new: false,
            is_announced: bytes.is_some(),
            library: self.clone(),
            arrival,
            refusal: None,
        }
    }

    /// Puts an upload down after a piece, and stores it if that was the last.
    ///
    /// # Errors
    /// [`Kind::Invalid`] if the content is not the announced one, [`Kind::Precondition`] if it is
    /// to be skipped and its path was taken meanwhile; both end the upload.
    pub fn pause_upload(&self, mut writing: Writing) -> Result<UploadState> {
        // By what has ended meanwhile, nothing more arrives: not even the last of what was announced.
        if let Err(error) = self.require_credential() {
            writing.refusal.get_or_insert(Refusal::Piece);
            return self.put_down(writing).and(Err(error));
        }
        match writing.check_at_the_end() {
            Ok(()) => self.put_down(writing),
            Err(error) => self.put_down(writing).and(Err(error)),
        }
    }

    /// As [`pause_upload`](Self::pause_upload), without another look at whether it is admitted.
    fn put_down(&self, mut writing: Writing) -> Result<UploadState> {
        match writing.refusal {
            None => {}
            Some(Refusal::Piece) => writing.reject()?,
            Some(Refusal::Upload) => {
                let claim = writing.pieces.pause()?;
                let row = self.end_without_file(writing.row, claim, End::Terminated)?;
                return self.state_of(row);
            }
        }
        let Writing {
            mut row,
            pieces,
            began,
            is_length_new,
            ..
        } = writing;
        if is_length_new {
            row = self.store.sql.write(move |c| row::set_length(c, row))?;
        }
        if row.completes_at(pieces.offset()) {
            let row = self.finish(row, pieces, began)?;
            return self.state_of(row);
        }
        pieces.pause()?;
        self.state_of(row)
    }

    /// Ends an upload: bytes that are no file yet are removed. Of a complete one, the upload is
    /// forgotten; its file belongs to the library and stays.
    ///
    /// # Errors
    /// [`Kind::Busy`] while a piece is written.
    pub fn terminate_upload(&self, id: UploadId) -> Result<()> {
        self.upload_row(id)?;
        let claim = self.claim(id)?;
        let row = self.upload_row(id)?;
        match row.end {
            None => self.end_without_file(row, claim, End::Terminated).map(drop),
            Some(end) => {
                if end == End::Stored {
                    self.store.sql.write(move |c| row::forget(c, id))?;
                }
                claim.remove()
            }
        }
    }

    fn upload_row(&self, id: UploadId) -> Result<Row> {
        self.store.sql.read(|c| row::by_id(c, id, &self.viewer))
    }

    fn claim(&self, id: UploadId) -> Result<Claim> {
        let claim = self.store.blobs.claim(id)?;
        claim.ok_or_else(|| Error::new(Kind::Busy, BUSY))
    }

    /// The state of an upload that may be complete without being stored.
    fn settled(&self, row: Row) -> Result<UploadState> {
        if row.end.is_none() && row.is_file() {
            let arrived = self.store.blobs.arrived(row.id)?.bytes;
            if row.completes_at(arrived) || row.sha256.is_some() {
                return self.state_of(self.complete(row.id)?);
            }
        }
        self.state_of(row)
    }

    fn state_of(&self, row: Row) -> Result<UploadState> {
        let arrived = self.store.blobs.arrived(row.id)?;
        let last = arrived.last.map_or(row.created_ms, millis);
        let outcome = match row.end {
            None => Outcome::Open,
            Some(End::Stored) => Outcome::Stored(row.receipt()?),
            Some(end) => Outcome::Gone(end.sentence()),
        };
        let is_stored = matches!(outcome, Outcome::Stored(_));
        let expires_ms = row.ended_ms.unwrap_or(last.max(row.created_ms))
            + self.kept_for(&row, arrived.bytes).as_millis() as i64;
        Ok(UploadState {
            id: row.id,
            offset: row.length.filter(|_| is_stored).unwrap_or(arrived.bytes),
            length: row.length,
            metadata: row.metadata,
            concat: row.concat,
            path: row.path,
            expires_ms,
            outcome,
        })
    }

    fn closed(&self, row: Row, offset: u64, bytes: Option<u64>) -> Result<Resumed> {
        let is_stored = row.end == Some(End::Stored) && !row.is_joined();
        let is_known = is_stored && row.is_last_piece(offset, bytes);
        let state = self.state_of(row)?;
        match (is_known, is_stored) {
            (true, _) => Ok(Resumed::Known(state)),
            (false, true) => Err(stands_elsewhere(state.offset, offset)),
            (false, false) => Ok(Resumed::Closed(state)),
        }
    }

    fn take_up(&self, row: &Row, claim: Claim) -> Result<Pieces> {
        let pieces = claim.resume()?;
        // All its bytes went to their own name, and its process died then.
        if row.sha256.is_some() && !row.completes_at(pieces.offset()) {
            let claim = pieces.pause()?;
            drop(claim);
            self.complete(row.id)?;
            return Err(Error::new(Kind::Busy, BUSY));
        }
        Ok(pieces)
    }
}

impl Writing {
    /// The length of an upload that was begun without may be said once.
    fn know_length(&mut self, length: u64) -> Result<()> {
        let arrived = self.pieces.offset();
        match self.row.length {
            Some(known) if known == length => Ok(()),
            Some(known) => Err(Error::invalid(format!(
                "This upload has {known} bytes in all, which cannot be changed to {length}."
            ))),
            None if length < arrived => Err(Error::invalid(format!(
                "The upload cannot have {length} bytes in all: {arrived} have arrived."
            ))),
            None => {
                self.row.length = Some(length);
                self.is_length_new = true;
                Ok(())
            }
        }
    }

    /// Adds bytes of the piece.
    ///
    /// # Errors
    /// [`Kind::TooLarge`] past the upload's length: the whole piece is taken back.
    pub fn append(&mut self, bytes: &[u8]) -> Result<()> {
        let size = bytes.len() as u64;
        if let Err(error) = self.refuse_past_the_end(size) {
            return self.reject().and(Err(error));
        }
        if self.arrival.add(size, self.pieces.offset() + size) {
            self.check(size)?;
        }
        self.pieces.append(bytes)
    }

    /// What is added from now on counts only once it was [accepted](Self::accept).
    pub fn begin_unverified(&mut self) -> Result<()> {
        self.pieces.begin_unverified()
    }

    pub fn accept(&mut self) {
        self.pieces.accept();
    }

    /// Nothing of this piece is kept.
    pub fn reject(&mut self) -> Result<()> {
        if self.is_length_new {
            self.row.length = None;
            self.is_length_new = false;
        }
        self.pieces.take_back()
    }

    fn refuse_past_the_end(&self, bytes: u64) -> Result<()> {
        let offset = self.pieces.offset();
        match self.row.length {
            Some(length) if bytes > length - offset.min(length) => Err(Error::new(
                Kind::TooLarge,
                format!(
                    "This upload has {length} bytes in all, of which {} are missing; the piece is larger, and nothing of it was kept.",
                    length - self.began.min(length)
                ),
            )),
            _ => Ok(()),
        }
    }
}

const BUSY: &str = "Another request is writing to this upload; ask for its offset in a moment and go on from there.";

fn stands_elsewhere(stands: u64, asked: u64) -> Error {
    Error::conflict(format!(
        "The upload has {stands} bytes, but this piece begins at {asked}; go on from {stands}."
    ))
}

pub(super) fn millis(time: SystemTime) -> Millis {
    time.duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_millis() as Millis)
}
