//! The disk reserve: what stays free whatever is uploaded, for the stores themselves.

use crate::error::{Error, Kind, Result};
use crate::library::Library;

/// How much of the filesystem uploads leave free.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reserve {
    /// 5 % of the filesystem, or 1 GiB if that is less.
    #[default]
    Usual,
    Bytes(u64),
}

const USUAL_MOST: u64 = 1 << 30;

impl Reserve {
    /// In bytes, on a filesystem of `total` bytes.
    pub fn of(self, total: u64) -> u64 {
        match self {
            Self::Usual => (total / 20).min(USUAL_MOST),
            Self::Bytes(bytes) => bytes,
        }
    }
}

impl Library {
    /// Of bytes that are not announced, 0 are asked for, again and again while they arrive.
    ///
    /// # Errors
    /// [`Kind::NoSpace`] if storing that many bytes would leave less free than is reserved.
    pub fn refuse_without_room(&self, bytes: u64) -> Result<()> {
        let space = self.store.blobs.space()?;
        let reserve = self.limits.reserve.of(space.total);
        if bytes.saturating_add(reserve) <= space.free {
            return Ok(());
        }
        let what = match bytes {
            0 => "more".to_owned(),
            bytes => format!("{bytes} bytes"),
        };
        Err(Error::new(
            Kind::NoSpace,
            format!(
                "There is no room for {what}: {} bytes are free, of which {reserve} stay reserved (STORAGE_RESERVE). Free some space and try again.",
                space.free
            ),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_reserve_is_a_share_of_a_small_disk_and_a_gibibyte_of_a_large_one() {
        assert_eq!(Reserve::Usual.of(1_000_000), 50_000);
        assert_eq!(Reserve::Usual.of(1 << 40), 1 << 30);
        assert_eq!(Reserve::Bytes(7).of(1 << 40), 7);
    }
}
