//! Passwords: what is kept of them, and which are too easy to guess.

use std::sync::{Condvar, Mutex, PoisonError};

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use unicode_normalization::UnicodeNormalization;

use crate::error::{Error, Kind, Result};

/// Argon2id with what OWASP's cheat sheet asks for at least: 19 MiB, two passes, one lane. More
/// memory would be better against guessing and too much for a host with 1 GB.
const MEMORY_KIB: u32 = 19 << 10;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// Fewest characters, and most bytes: hashing must not be a way to keep us busy.
const LEAST_CHARS: usize = 10;
const MOST_BYTES: usize = 1_000;
/// Judging takes time that grows with the square of the length; what follows cannot make a
/// password weaker.
const JUDGED_CHARS: usize = 64;

/// Hashes at once. Each takes [`MEMORY_KIB`] and a processor for some tens of milliseconds, so a
/// thousand guesses at once must not take a thousand times that.
const AT_ONCE: usize = 2;
/// Most that wait for their turn. Each keeps a thread from other work, of which there are some
/// hundreds.
const MOST_WAITING: usize = 40;

/// How many hash, and how many wait.
static BUSY: (Mutex<(usize, usize)>, Condvar) = (Mutex::new((0, 0)), Condvar::new());

/// A turn at hashing.
struct Turn;

impl Turn {
    fn take() -> Result<Self> {
        let (counts, freed) = &BUSY;
        let mut busy = counts.lock().unwrap_or_else(PoisonError::into_inner);
        if busy.1 >= MOST_WAITING {
            return Err(Error::new(
                Kind::TooMany,
                "Very many passwords are being checked just now; try again in a moment.",
            )
            .after(1));
        }
        busy.1 += 1;
        let waited = freed.wait_while(busy, |(hashing, _)| *hashing >= AT_ONCE);
        let mut busy = waited.unwrap_or_else(PoisonError::into_inner);
        *busy = (busy.0 + 1, busy.1 - 1);
        Ok(Self)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let (counts, freed) = &BUSY;
        counts.lock().unwrap_or_else(PoisonError::into_inner).0 -= 1;
        freed.notify_one();
    }
}

/// What is kept of a password: a PHC string
/// (<https://github.com/P-H-C/phc-string-format>), salt and parameters included.
///
/// # Errors
/// [`Kind::Internal`] if the machine has no random numbers, [`Kind::TooMany`] if very many wait.
pub fn hash(password: &str) -> Result<String> {
    let _turn = Turn::take()?;
    let hashed = argon2()?.hash_password(prepared(password).as_bytes());
    let hashed = hashed.map_err(|error| failed().because(error))?;
    Ok(hashed.to_string())
}

/// Whether it is the password that this was kept of.
///
/// # Errors
/// [`Kind::TooMany`] if very many wait for their turn.
pub fn verify(password: &str, kept: &str) -> Result<bool> {
    if password.len() > MOST_BYTES {
        return Ok(false);
    }
    let _turn = Turn::take()?;
    let (argon2, Ok(kept)) = (argon2()?, PasswordHash::new(kept)) else {
        return Ok(false);
    };
    let verified = argon2.verify_password(prepared(password).as_bytes(), &kept);
    Ok(verified.is_ok())
}

/// What is kept of no password at all.
const NOTHING: &str = "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$\
                       AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Takes as long as [`verify`], for an account that is not there: how long an answer takes must
/// not tell which accounts are.
///
/// # Errors
/// As of [`verify`].
pub fn verify_nothing(password: &str) -> Result<()> {
    verify(password, NOTHING).map(drop)
}

/// Whether it was kept with other parameters than today's.
pub fn is_outdated(kept: &str) -> bool {
    let today = format!("$argon2id$v=19$m={MEMORY_KIB},t={PASSES},p={LANES}$");
    !kept.starts_with(&today)
}

/// Refuses what is too short, among the common ones, or follows from what is known of somebody:
/// `known` are words such as the account's name.
///
/// # Errors
/// [`Kind::Invalid`] saying what would be right.
pub fn refuse_weak(password: &str, known: &[&str]) -> Result<()> {
    let chars = password.chars().count();
    if chars < LEAST_CHARS {
        return Err(Error::invalid(format!(
            "The password has {chars} characters; use {LEAST_CHARS} or more, such as four words that have nothing to do with each other."
        )));
    }
    if password.len() > MOST_BYTES {
        return Err(Error::invalid(format!(
            "The password is {} bytes long; {MOST_BYTES} is the most.",
            password.len()
        )));
    }
    let judged: String = password.chars().take(JUDGED_CHARS).collect();
    if zxcvbn::zxcvbn(&judged, known).score() < zxcvbn::Score::Three {
        return Err(Error::invalid(
            "The password is among the first that others would guess; use a longer one, such as four words that have nothing to do with each other.",
        ));
    }
    Ok(())
}

/// The same characters, however a keyboard composes them (RFC 8265, 4.2.2).
fn prepared(password: &str) -> String {
    password.nfkc().collect()
}

fn argon2() -> Result<Argon2<'static>> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None);
    let params = params.map_err(|error| failed().because(error))?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

fn failed() -> Error {
    Error::internal("A password could not be hashed.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_known_again_and_no_other_is() {
        let kept = hash("correct horse batterie").unwrap();
        assert!(
            kept.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "{kept}"
        );
        assert!(!is_outdated(&kept));
        assert!(verify("correct horse batterie", &kept).unwrap());
        assert!(!verify("correct horse batteri", &kept).unwrap());
        assert!(!verify("", &kept).unwrap());
        assert!(!verify("correct horse batterie", "not a hash").unwrap());
        assert_ne!(hash("correct horse batterie").unwrap(), kept);
        assert!(is_outdated("$argon2id$v=19$m=1024,t=1,p=1$AAAA$AAAA"));
    }

    /// Or it would tell by its time that there is no such account.
    #[test]
    fn no_password_at_all_is_checked_as_any_other() {
        assert!(!is_outdated(NOTHING));
        let kept = PasswordHash::new(NOTHING).unwrap();
        let one = hash("correct horse batterie").unwrap();
        let one = PasswordHash::new(&one).unwrap();
        let length = |hash: &PasswordHash| hash.hash.map(|output| output.as_bytes().len());
        assert_eq!(length(&kept), length(&one));
        assert!(!verify("", NOTHING).unwrap());
    }

    #[test]
    fn however_it_is_composed_it_is_the_same() {
        let kept = hash("Müller ﬁndet Wege").unwrap();
        assert!(verify("Mu\u{308}ller findet Wege", &kept).unwrap());
    }

    #[test]
    fn what_others_would_guess_is_refused() {
        for weak in [
            "short",
            "password123",
            "qwertyuiop",
            "1234567890",
            "iloveyou12",
            "aaaaaaaaaaaa",
            "lovelace1815",
        ] {
            let error = refuse_weak(weak, &["lovelace", "1815"]).unwrap_err();
            assert!(error.sentence().contains("four words"), "{weak}: {error}");
        }
        refuse_weak("harbour quilt seven lantern", &["ada"]).unwrap();
        refuse_weak(&"ab3$".repeat(200), &[]).unwrap_err();
        refuse_weak(&"x".repeat(1001), &[]).unwrap_err();
    }
}
