//! The two checksums of a content, taken while its bytes go by.

use sha2::digest::common::hazmat::{SerializableState, SerializedState};
use sha2::{Digest as _, Sha256};

use crate::store::Digest;

/// SHA-256, which names the content, and CRC-32 as archives state it (ISO-HDLC).
#[derive(Clone)]
pub(super) struct Hasher {
    sha256: Sha256,
    /// Unknown for bytes that another release hashed, which kept no CRC-32 of them.
    crc32: Option<crc32fast::Hasher>,
}

impl Hasher {
    pub fn new() -> Self {
        Self {
            sha256: Sha256::new(),
            crc32: Some(crc32fast::Hasher::new()),
        }
    }

    pub fn update(&mut self, bytes: &[u8]) {
        self.sha256.update(bytes);
        if let Some(crc32) = &mut self.crc32 {
            crc32.update(bytes);
        }
    }

    pub fn finish(self) -> (Digest, Option<u32>) {
        let crc32 = self.crc32();
        (Digest::from_bytes(self.sha256.finalize().into()), crc32)
    }

    /// Of the bytes so far.
    pub fn crc32(&self) -> Option<u32> {
        self.crc32.clone().map(crc32fast::Hasher::finalize)
    }

    /// Where SHA-256 stands, to go on from.
    pub fn sha256_state(&self) -> SerializedState<Sha256> {
        self.sha256.serialize()
    }

    /// Goes on from such a state; `None` if it is none.
    pub fn resume(sha256_state: &[u8], crc32: Option<u32>) -> Option<Self> {
        Some(Self {
            sha256: Sha256::deserialize(sha256_state.try_into().ok()?).ok()?,
            crc32: crc32.map(crc32fast::Hasher::new_with_initial),
        })
    }
}

/// Bytes of [`Hasher::sha256_state`].
pub(super) fn sha256_state_len() -> usize {
    SerializedState::<Sha256>::default().len()
}
