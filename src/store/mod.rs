//! The kit: four embedded engines made durable and safe to share between two releases.

mod digest;

pub use digest::Digest;
