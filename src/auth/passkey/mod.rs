//! Passkeys: keys that a device keeps and uses for the one address that they were made for
//! (WebAuthn, level 3).
//!
//! Making one and using one take two requests each, which may reach two processes: what is begun
//! leaves bytes for whoever finishes it. They are good once; whoever keeps them sees to that, and
//! to [`VALID`].

mod refusal;
mod site;

use std::time::Duration;

use passki::{
    AuthenticationCredential, AuthenticationState, Passki, RegistrationState, StoredPasskey,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::error::{Error, Result};
use refusal::{not_an_answer, not_begun};

pub use site::Site;

/// How long somebody may take to find and unlock a key: what the standard advises (15.1).
pub const VALID: Duration = Duration::from_secs(300);

/// Whom a passkey is made for.
#[derive(Clone, Copy, Debug)]
pub struct Person<'a> {
    pub handle: Handle,
    /// What the device shows beside the passkey.
    pub name: &'a str,
}

/// What devices know an account by. It says nothing about whose it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Handle([u8; 32]);

/// A passkey as it is kept: no secret, since the device never gives away the other half.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Passkey {
    /// Where it was made, port included: what listens on another port of the host is somebody else.
    origin: String,
    handle: Handle,
    key: StoredPasskey,
}

/// The first half of making or using a passkey.
pub struct Begun {
    /// JSON for the browser: `PublicKeyCredential.parseCreationOptionsFromJSON`, or
    /// `parseRequestOptionsFromJSON` to use one.
    pub options: String,
    /// For whoever finishes it.
    pub state: Vec<u8>,
}

/// What was begun. Each is finished as what it is: a second factor asks for less than signing in
/// with nothing else.
#[derive(Serialize, Deserialize)]
enum Ceremony {
    Registration(Handle, RegistrationState),
    SignIn(AuthenticationState),
    SecondFactor(AuthenticationState),
}

/// What a browser sends when a passkey was used: its `credential.toJSON()`.
pub struct Answer {
    credential: AuthenticationCredential,
    id: Vec<u8>,
}

impl Handle {
    /// Of an account of this installation. A device keeps one passkey by host and handle, so an
    /// installation beside this one must not come to the same.
    pub fn of(installation: &str, account: i64) -> Self {
        let named = format!("passkey handle {installation} {account}");
        Self(Sha256::digest(named).into())
    }
}

impl Passkey {
    /// What its device calls it; no two are called the same.
    pub fn id(&self) -> &[u8] {
        &self.key.credential_id
    }

    /// Whether it may be found by a device that is told nothing, not even a name. Old security keys
    /// cannot; they are good as a second factor.
    pub fn signs_in_alone(&self) -> bool {
        self.key.rk != Some(false)
    }

    /// # Errors
    /// [`Kind::Internal`](crate::error::Kind::Internal) if it cannot be written down.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        written(self)
    }

    /// # Errors
    /// [`Kind::Damaged`](crate::error::Kind::Damaged) for what [`to_bytes`](Self::to_bytes) did not write.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        serde_json::from_slice(bytes)
            .map_err(|error| Error::damaged("A passkey that was kept is none.").because(error))
    }
}

impl Answer {
    /// # Errors
    /// [`Kind::Invalid`](crate::error::Kind::Invalid) for what no browser sends.
    pub fn parse(text: &str) -> Result<Self> {
        let credential: AuthenticationCredential =
            serde_json::from_str(text).map_err(|error| not_an_answer().because(error))?;
        let id = Passki::base64_decode(&credential.raw_id)
            .map_err(|error| not_an_answer().because(error))?;
        Ok(Self { credential, id })
    }

    /// Which passkey is said to have been used: the one to finish with. Nothing is proven by that.
    pub fn passkey_id(&self) -> &[u8] {
        &self.id
    }
}

impl Begun {
    fn new(options: &impl Serialize, ceremony: &Ceremony) -> Result<Self> {
        let options = serde_json::to_string(options).map_err(unwritten)?;
        let state = written(ceremony)?;
        Ok(Self { options, state })
    }
}

impl Ceremony {
    fn read(state: &[u8]) -> Result<Self> {
        serde_json::from_slice(state).map_err(|error| not_begun().because(error))
    }
}

fn written(what: &impl Serialize) -> Result<Vec<u8>> {
    serde_json::to_vec(what).map_err(unwritten)
}

fn unwritten(error: serde_json::Error) -> Error {
    Error::internal("A passkey could not be written down.").because(error)
}

#[cfg(test)]
mod tests;
