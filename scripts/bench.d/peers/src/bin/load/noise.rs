//! Bodies for large uploads.

/// Octets of one chunk.
pub const CHUNK: usize = 256 * 1024;

/// Cheap content that differs from chunk to chunk: random once, then stamped in every 4 KiB page.
pub struct Noise {
    state: u64,
    chunk: Vec<u8>,
}

impl Noise {
    pub fn new(seed: u64) -> Self {
        let mut noise = Self {
            state: seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1,
            chunk: Vec::with_capacity(CHUNK),
        };
        while noise.chunk.len() < CHUNK {
            let word = noise.random();
            noise.chunk.extend_from_slice(&word.to_le_bytes());
        }
        noise
    }

    /// Marsaglia's xorshift64 (Journal of Statistical Software 8:14, 2003).
    fn random(&mut self) -> u64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        self.state
    }

    pub fn next(&mut self) -> &[u8] {
        for page in 0..CHUNK / 4096 {
            let word = self.random();
            self.chunk[page * 4096..page * 4096 + 8].copy_from_slice(&word.to_le_bytes());
        }
        &self.chunk
    }
}
