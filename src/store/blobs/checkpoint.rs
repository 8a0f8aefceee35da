//! How far the bytes of a content in pieces can be trusted, and their hash up to there.
//!
//! Two checkpoints stand in one file, each written in place and guarded by a CRC-32, so that a
//! torn one counts as absent. `Latest` is as good as the kernel's memory: it holds for every
//! process until the machine goes down. `Durable` is written only after its bytes were synced,
//! and is what remains after a power cut.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::OnceLock;

use uuid::Uuid;

use super::hashing::{Hasher, sha256_state_len};

/// Changes with the meaning of these bytes, which includes how the hash's state is laid out; a
/// checkpoint of another format counts as absent.
const MAGIC: [u8; 4] = *b"wsc1";
/// Where a checkpoint begins in the file, by [`Slot`].
const STRIDE: u64 = 512;
const HEADER: usize = 4 + 4 + 1 + 16 + 8 + 8;

/// Which of the two.
#[derive(Clone, Copy)]
pub(super) enum Slot {
    Latest,
    Durable,
}

/// A point up to which the bytes are known.
#[derive(Clone)]
pub(super) struct Checkpoint {
    /// Bytes before this point.
    pub offset: u64,
    /// How many of them are on the disk, or on their way there.
    pub pushed: u64,
    /// Of those bytes.
    pub hasher: Hasher,
    /// Whether bytes behind the point count as arrived: not those of a piece that is yet to be
    /// compared with its checksum.
    pub tail_counts: bool,
    /// The kernel's boot under which it was written.
    pub boot: Uuid,
}

impl Checkpoint {
    /// The point before the first byte.
    pub fn start(boot: Uuid) -> Self {
        Self {
            offset: 0,
            pushed: 0,
            hasher: Hasher::new(),
            tail_counts: true,
            boot,
        }
    }

    /// `None` if there is none, or it is torn.
    pub fn read(file: &File, slot: Slot) -> io::Result<Option<Self>> {
        let mut bytes = vec![0; STRIDE as usize];
        let mut filled = 0;
        while filled < bytes.len() {
            match file.read_at(&mut bytes[filled..], slot.position() + filled as u64) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Self::decode(&bytes[..filled]))
    }

    pub fn write(&self, file: &File, slot: Slot) -> io::Result<()> {
        file.write_all_at(&self.encode(), slot.position())
    }

    fn encode(&self) -> Vec<u8> {
        let mut payload = Vec::with_capacity(HEADER + 128);
        payload.push(u8::from(self.tail_counts));
        payload.extend_from_slice(self.boot.as_bytes());
        payload.extend_from_slice(&self.offset.to_le_bytes());
        payload.extend_from_slice(&self.pushed.to_le_bytes());
        payload.extend_from_slice(&self.hasher.sha256_state());
        let mut bytes = MAGIC.to_vec();
        bytes.extend_from_slice(&crc32fast::hash(&payload).to_le_bytes());
        bytes.extend_from_slice(&payload);
        if let Some(crc32) = self.hasher.crc32() {
            bytes.extend_from_slice(&crc32.to_le_bytes());
            bytes.extend_from_slice(&guard(&payload, crc32).to_le_bytes());
        }
        bytes
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (bytes, behind) = bytes.split_at_checked(HEADER + sha256_state_len())?;
        let (magic, rest) = bytes.split_first_chunk::<4>()?;
        let (sum, payload) = rest.split_first_chunk::<4>()?;
        if *magic != MAGIC || u32::from_le_bytes(*sum) != crc32fast::hash(payload) {
            return None;
        }
        let (tail_counts, rest) = payload.split_first()?;
        let (boot, rest) = rest.split_first_chunk::<16>()?;
        let (offset, rest) = rest.split_first_chunk::<8>()?;
        let (pushed, state) = rest.split_first_chunk::<8>()?;
        let crc32 = crc32_behind(behind, payload);
        Some(Self {
            offset: u64::from_le_bytes(*offset),
            pushed: u64::from_le_bytes(*pushed),
            hasher: Hasher::resume(state, crc32)?,
            tail_counts: *tail_counts != 0,
            boot: Uuid::from_bytes(*boot),
        })
    }
}

/// The CRC-32 of the content so far, which stands behind what every release reads. One that knows
/// none writes only the part before it, so what is left of an earlier checkpoint must not count.
fn crc32_behind(bytes: &[u8], payload: &[u8]) -> Option<u32> {
    let (crc32, rest) = bytes.split_first_chunk::<4>()?;
    let crc32 = u32::from_le_bytes(*crc32);
    let found = u32::from_le_bytes(*rest.first_chunk::<4>()?);
    (found == guard(payload, crc32)).then_some(crc32)
}

fn guard(payload: &[u8], crc32: u32) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(payload);
    hasher.update(&crc32.to_le_bytes());
    hasher.finalize()
}

impl Slot {
    fn position(self) -> u64 {
        match self {
            Self::Latest => 0,
            Self::Durable => STRIDE,
        }
    }
}

/// Which boot of the kernel this is: what was not synced under another one may be lost. Where
/// that cannot be told, each process takes its own for a boot, and trusts synced bytes alone.
pub(super) fn kernel_boot() -> Uuid {
    static BOOT: OnceLock<Uuid> = OnceLock::new();
    *BOOT.get_or_init(|| {
        let told = std::fs::read_to_string("/proc/sys/kernel/random/boot_id");
        let told = told.ok().and_then(|id| Uuid::try_parse(id.trim()).ok());
        told.unwrap_or_else(Uuid::new_v4)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Digest;

    fn checkpoint() -> Checkpoint {
        let mut checkpoint = Checkpoint::start(Uuid::from_u128(7));
        checkpoint.hasher.update(b"harbour dues");
        checkpoint.offset = 12;
        checkpoint
    }

    #[test]
    fn a_hash_goes_on_where_it_was_interrupted() {
        let file = tempfile::tempfile().unwrap();
        checkpoint().write(&file, Slot::Durable).unwrap();
        assert!(Checkpoint::read(&file, Slot::Latest).unwrap().is_none());
        let mut read = Checkpoint::read(&file, Slot::Durable).unwrap().unwrap();
        assert_eq!((read.offset, read.tail_counts), (12, true));
        read.hasher.update(b" for 2026");
        let mut whole = Hasher::new();
        whole.update(b"harbour dues for 2026");
        assert_eq!(read.hasher.finish(), whole.finish());
    }

    #[test]
    fn a_torn_checkpoint_counts_as_absent() {
        let whole = checkpoint().encode();
        let until = HEADER + sha256_state_len();
        for cut in 0..until {
            assert!(Checkpoint::decode(&whole[..cut]).is_none(), "{cut}");
            let mut turned = whole.clone();
            turned[cut] ^= 1;
            assert!(Checkpoint::decode(&turned).is_none(), "{cut}");
        }
        for cut in until..whole.len() {
            let mut turned = whole.clone();
            turned[cut] ^= 1;
            for torn in [&whole[..cut], &turned] {
                assert_eq!(known(Checkpoint::decode(torn)), (12, None), "{cut}");
            }
        }
    }

    /// Bytes before the point, and their CRC-32.
    fn known(point: Option<Checkpoint>) -> (u64, Option<u32>) {
        let point = point.unwrap();
        (point.offset, point.hasher.crc32())
    }

    #[test]
    fn a_release_that_knows_no_crc32_leaves_none_behind() {
        let file = tempfile::tempfile().unwrap();
        checkpoint().write(&file, Slot::Latest).unwrap();
        let mut further = checkpoint();
        further.hasher.update(b" for 2026");
        further.offset = 21;
        let encoded = further.encode();
        let former = &encoded[..HEADER + sha256_state_len()];
        file.write_all_at(former, Slot::Latest.position()).unwrap();
        let mut read = Checkpoint::read(&file, Slot::Latest).unwrap().unwrap();
        assert_eq!(known(Some(read.clone())), (21, None));
        read.hasher.update(b"!");
        let digest: Digest = read.hasher.finish().0;
        further.hasher.update(b"!");
        assert_eq!(digest, further.hasher.finish().0);
    }

    /// Another release may read what this one wrote: whoever changes these bytes changes MAGIC.
    #[test]
    fn the_format_is_the_one_that_its_name_stands_for() {
        let encoded = checkpoint().encode();
        let (former, crc32) = encoded.split_at(HEADER + sha256_state_len());
        assert_eq!(crc32fast::hash(&former[8..]), 2070257);
        assert_eq!(crc32[..4], crc32fast::hash(b"harbour dues").to_le_bytes());
        assert_eq!(crc32.len(), 8);
    }
}
