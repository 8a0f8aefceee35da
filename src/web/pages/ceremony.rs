//! What one request begins and another finishes: making a passkey, using one, a second factor.
//!
//! The page carries a secret, and whoever shows it takes what was begun, once.

use crate::auth::{Purpose, Secret, passkey};
use crate::error::{Error, Result};
use crate::library::{AccountId, Begun, Ceremony, Library, Millis};

/// Leaves it for whoever finishes it; answers the secret that the page carries.
pub fn leave(
    library: &Library,
    kind: Ceremony,
    account: Option<AccountId>,
    state: Vec<u8>,
) -> Result<String> {
    let secret = Secret::new(Purpose::Ceremony)?;
    let valid_ms = Millis::try_from(passkey::VALID.as_millis()).unwrap_or(Millis::MAX);
    library.begin_ceremony(kind, secret.hash(), Begun { account, state }, valid_ms)?;
    Ok(secret.text())
}

/// # Errors
/// [`Kind::Invalid`](crate::error::Kind::Invalid) if it is finished already, or nothing was begun.
pub fn take(library: &Library, kind: Ceremony, secret: &str) -> Result<Begun> {
    let begun = match Secret::parse(Purpose::Ceremony, secret) {
        Some(secret) => library.take_ceremony(kind, secret.hash())?,
        None => None,
    };
    begun.ok_or_else(|| Error::invalid("That took too long, or was done already; begin again."))
}
