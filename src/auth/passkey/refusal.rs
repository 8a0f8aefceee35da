//! What is said of a passkey that proves nothing.

use passki::PasskiError;

use crate::error::{Error, Kind};

/// Also of what another release began that writes it down in another way.
pub fn not_begun() -> Error {
    Error::invalid("This is not what was begun; begin again.")
}

pub fn not_an_answer() -> Error {
    Error::invalid("This is not what a browser sends of a passkey; send credential.toJSON().")
}

pub fn unproven() -> Error {
    Error::new(
        Kind::Unauthenticated,
        "The passkey is not the one that was asked for; try again with another.",
    )
}

/// Why it proves nothing, in words that help.
pub fn refused(kind: Kind, error: PasskiError) -> Error {
    let sentence = match error {
        PasskiError::OriginMismatch { .. }
        | PasskiError::RpIdHashMismatch
        | PasskiError::CrossOriginNotAllowed => {
            "The passkey was used on a page of another site; open this one and try again."
        }
        PasskiError::ChallengeMismatch => {
            "The passkey answered another question; load the page again and try again."
        }
        PasskiError::UserNotPresent => "The passkey was not touched; try again and touch it.",
        PasskiError::UserVerificationRequired => {
            "The passkey did not make sure that it is you; give it a PIN or a fingerprint, or sign in with your password."
        }
        PasskiError::CounterRegression => {
            "The passkey has been used elsewhere since, so it may have been copied; sign in with your password and remove it."
        }
        PasskiError::CredentialNotAllowed => {
            "The passkey is not one of this account; try again with another."
        }
        _ => "The passkey proves nothing here; try again, or sign in with your password.",
    };
    Error::new(kind, sentence).because(error)
}
