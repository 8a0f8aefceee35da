//! Making and using passkeys at one address.

use std::time::Duration;

use passki::{
    AuthenticationOptions, AuthenticationState, Passki, RegistrationCredential,
    RegistrationExtensions, RegistrationOptions, ResidentKeyRequirement, StoredPasskey,
    UserVerificationRequirement,
};

use super::refusal::{not_an_answer, not_begun, refused, unproven};
use super::{Answer, Begun, Ceremony, Passkey, Person, VALID};
use crate::error::{Error, Kind, Result};

/// An address at which browsers use passkeys.
pub struct Site {
    origin: String,
    passki: Passki,
}

impl Site {
    /// The site at `host`, which is the header's text. None where browsers use no passkeys: at an
    /// address of numbers, or without TLS except on one's own machine.
    pub fn at(is_https: bool, host: &str) -> Option<Self> {
        let host = host.to_ascii_lowercase();
        let (name, port) = match host.rsplit_once(':') {
            Some((name, port)) => (name, Some(port.parse::<u16>().ok()?)),
            None => (host.as_str(), None),
        };
        let is_local = name == "localhost" || name.ends_with(".localhost");
        if !(is_https || is_local) || !is_domain(name) {
            return None;
        }
        let (scheme, usual_port) = match is_https {
            true => ("https", 443),
            false => ("http", 80),
        };
        let origin = match port.filter(|port| *port != usual_port) {
            Some(port) => format!("{scheme}://{name}:{port}"),
            None => format!("{scheme}://{name}"),
        };
        let passki = Passki::new(name, &[&origin], "Wharfside");
        Some(Self { origin, passki })
    }

    /// As browsers write it: scheme, host, and a port that is not the usual one.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Begins to make a passkey. A device refuses that holds one of `own`, unless that is of
    /// another port and so of no use here.
    ///
    /// One that can sign in alone is wished for, and a security key that cannot is welcome.
    ///
    /// # Errors
    /// [`Kind::Internal`] if it cannot be written down.
    pub fn begin_registration(&self, person: Person<'_>, own: &[Passkey]) -> Result<Begun> {
        let keys = self.keys_of(own);
        let mut extensions = RegistrationExtensions::default();
        extensions.cred_props = Some(true);
        let mut wishes = RegistrationOptions::default();
        wishes.timeout = milliseconds(VALID);
        wishes.resident_key = ResidentKeyRequirement::Preferred;
        wishes.user_verification = UserVerificationRequirement::Preferred;
        wishes.exclude_credentials = Some(&keys);
        wishes.extensions = Some(extensions);
        let begun = self.passki.start_passkey_registration(
            &person.handle.0,
            person.name,
            person.name,
            wishes,
        );
        let (options, state) = begun.map_err(|error| {
            Error::internal("Making a passkey could not be begun.").because(error)
        })?;
        Begun::new(&options, &Ceremony::Registration(person.handle, state))
    }

    /// Finishes it with the browser's `credential.toJSON()`.
    ///
    /// # Errors
    /// [`Kind::Invalid`] if that does not answer what was begun.
    pub fn finish_registration(&self, state: &[u8], answer: &str) -> Result<Passkey> {
        let Ceremony::Registration(handle, state) = Ceremony::read(state)? else {
            return Err(not_begun());
        };
        let credential: RegistrationCredential =
            serde_json::from_str(answer).map_err(|error| not_an_answer().because(error))?;
        let made = self.passki.finish_passkey_registration(&credential, &state);
        Ok(Passkey {
            origin: self.origin.clone(),
            handle,
            key: made.map_err(|error| refused(Kind::Invalid, error))?,
        })
    }

    /// Begins signing in with a passkey and nothing else, not even a name. The device has to make
    /// sure of its owner, so it is two factors in one.
    ///
    /// # Errors
    /// [`Kind::Internal`] if it cannot be written down.
    pub fn begin_sign_in(&self) -> Result<Begun> {
        self.begin(&[], UserVerificationRequirement::Required, Ceremony::SignIn)
    }

    /// Finishes it: `passkey` is the one with the [`passkey_id`](Answer::passkey_id) of the answer,
    /// and its account has signed in. What is returned is kept in its place.
    ///
    /// # Errors
    /// [`Kind::Unauthenticated`] if that does not prove it.
    pub fn finish_sign_in(
        &self,
        state: &[u8],
        answer: &Answer,
        passkey: &Passkey,
    ) -> Result<Passkey> {
        let Ceremony::SignIn(state) = Ceremony::read(state)? else {
            return Err(not_begun());
        };
        self.finish(&state, answer, passkey)
    }

    /// Begins asking for one of an account's passkeys beside its password; its owner may have
    /// proven to be that already, so touching the key is enough.
    ///
    /// # Errors
    /// [`Kind::Invalid`] if none of them is of this site.
    pub fn begin_second_factor(&self, own: &[Passkey]) -> Result<Begun> {
        let keys = self.keys_of(own);
        if keys.is_empty() {
            return Err(Error::invalid(format!(
                "The account has no passkey for {}; prove in another way that it is yours.",
                self.origin
            )));
        }
        let wish = UserVerificationRequirement::Preferred;
        self.begin(&keys, wish, Ceremony::SecondFactor)
    }

    /// Finishes it, as [`finish_sign_in`](Self::finish_sign_in) does.
    ///
    /// # Errors
    /// [`Kind::Unauthenticated`] if that does not prove it.
    pub fn finish_second_factor(
        &self,
        state: &[u8],
        answer: &Answer,
        passkey: &Passkey,
    ) -> Result<Passkey> {
        let Ceremony::SecondFactor(state) = Ceremony::read(state)? else {
            return Err(not_begun());
        };
        self.finish(&state, answer, passkey)
    }

    /// Those that were made here.
    fn keys_of(&self, own: &[Passkey]) -> Vec<StoredPasskey> {
        let here = own.iter().filter(|passkey| passkey.origin == self.origin);
        here.map(|passkey| passkey.key.clone()).collect()
    }

    fn begin(
        &self,
        keys: &[StoredPasskey],
        verification: UserVerificationRequirement,
        ceremony: impl FnOnce(AuthenticationState) -> Ceremony,
    ) -> Result<Begun> {
        let mut wishes = AuthenticationOptions::default();
        wishes.timeout = milliseconds(VALID);
        wishes.user_verification = verification;
        let begun = self.passki.start_passkey_authentication(keys, wishes);
        let (options, state) = begun.map_err(|error| {
            Error::internal("Using a passkey could not be begun.").because(error)
        })?;
        Begun::new(&options, &ceremony(state))
    }

    fn finish(
        &self,
        state: &AuthenticationState,
        answer: &Answer,
        passkey: &Passkey,
    ) -> Result<Passkey> {
        if passkey.origin != self.origin {
            return Err(Error::new(
                Kind::Unauthenticated,
                format!(
                    "This passkey was made at {0}; use it there, or make another one here.",
                    passkey.origin
                ),
            ));
        }
        if passkey.id() != answer.id {
            return Err(unproven());
        }
        let used = self
            .passki
            .finish_passkey_authentication(&answer.credential, state, &passkey.key)
            .map_err(|error| refused(Kind::Unauthenticated, error))?;
        // A device that was told which passkeys are meant need not say whose they are.
        let is_told = !state.allowed_credentials.is_empty();
        match used.user_handle {
            Some(handle) if handle == passkey.handle.0 => {}
            None if is_told => {}
            _ => return Err(unproven()),
        }
        let mut after = passkey.clone();
        after.key.counter = used.counter;
        Ok(after)
    }
}

/// Whether browsers take it for a name, rather than for an address of numbers.
fn is_domain(name: &str) -> bool {
    let is_label = |label: &str| {
        !label.is_empty()
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    let last = name.rsplit('.').next().unwrap_or_default();
    name.split('.').all(is_label) && !last.bytes().all(|byte| byte.is_ascii_digit())
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
