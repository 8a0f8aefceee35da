//! Proving who somebody is: secrets, passwords, passkeys and second factors.
//!
//! Architecture invariant: nothing here knows of requests or rows. What is kept is handed over as
//! bytes and texts; `library` keeps it, `web` asks for it.

pub mod passkey;
pub mod password;
mod secret;
pub mod totp;

pub use secret::{PREFIXES, Purpose, Secret};
