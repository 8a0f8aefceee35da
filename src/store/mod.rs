//! The kit: four embedded engines made durable and safe to share between two releases.

pub mod blobs;
pub mod crash;
mod digest;

pub use digest::Digest;
