//! Whether this release may go on using the directory, which a start of another may change.

use super::{Store, kv};
use crate::error::{Error, Result};

impl Store {
    /// Asked again and again: what it says may end.
    ///
    /// # Errors
    /// [`Kind::Incompatible`](crate::error::Kind::Incompatible) when a newer release has closed
    /// the catalog to this one, or another holds the facts with a lock that cannot be shared.
    pub fn fitness(&self) -> Result<()> {
        self.sql.admitted()?;
        match self.kv.state() {
            kv::State::Barred(reason) => Err(Error::incompatible(reason)),
            kv::State::Open | kv::State::Waiting(_) | kv::State::Closed => Ok(()),
        }
    }
}
