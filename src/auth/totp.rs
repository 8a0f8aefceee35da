//! Codes of an app on a phone as a second factor (TOTP, RFC 6238), and codes for when it is lost.

use qrcodegen::{QrCode, QrCodeEcc};
use sha2::{Digest, Sha256};
use totp_rs::{Builder, Totp};

use crate::error::{Error, Result};

/// Bytes of a shared secret: as long as the hash that apps use (RFC 4226, 4).
const BYTES: usize = 20;
/// Of each code, so that one may be typed a little late, or by a clock that goes wrong a little.
const STEPS_AROUND: u16 = 1;
const RECOVERY_CODES: usize = 10;
/// No letter that is mistaken for another, or for a digit.
const ALPHABET: &[u8; 32] = b"abcdefghjkmnpqrstuvwxyz023456789";

/// A secret that is shared with an app.
#[derive(Clone)]
pub struct SharedSecret(Vec<u8>);

impl SharedSecret {
    /// # Errors
    /// [`Kind::Internal`](crate::error::Kind::Internal) if the machine has no random numbers.
    pub fn new() -> Result<Self> {
        let mut bytes = vec![0; BYTES];
        fill(&mut bytes)?;
        Ok(Self(bytes))
    }

    pub fn from_bytes(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// As people type it into an app (base32).
    pub fn text(&self) -> String {
        totp_rs::Secret::from(self.0.as_slice()).to_base32()
    }

    /// Reads what [`text`](Self::text) wrote.
    pub fn parse(text: &str) -> Option<Self> {
        let secret = totp_rs::Secret::try_from_base32(text.trim()).ok()?;
        let bytes = secret.as_bytes().to_vec();
        (bytes.len() == BYTES).then_some(Self(bytes))
    }

    /// The step whose code this is, if it is one of those around `now_s`, in seconds since the epoch,
    /// and none from before was taken: a code is good once (RFC 6238, 5.2).
    pub fn check(&self, code: &str, now_s: u64, last_step: Option<u64>) -> Option<u64> {
        let digits: String = code.chars().filter(|c| !c.is_whitespace()).collect();
        if digits.len() != 6 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let step = self.totp("", "").ok()?.check(&digits, now_s)?;
        last_step.is_none_or(|last| step > last).then_some(step)
    }

    /// What an app reads out of a picture: the address of the installation, and the account.
    ///
    /// # Errors
    /// [`Kind::Internal`](crate::error::Kind::Internal) for a name that no such address can have.
    pub fn address(&self, installation: &str, account: &str) -> Result<String> {
        // A colon parts the two.
        let plain = |text: &str| text.replace(':', " ");
        let totp = self.totp(&plain(installation), &plain(account))?;
        totp.to_url().map_err(|error| failed().because(error))
    }

    fn totp(&self, installation: &str, account: &str) -> Result<Totp> {
        let builder = Builder::new()
            .with_secret(self.0.as_slice())
            .with_skew(STEPS_AROUND)
            .with_account_name(account)
            .with_issuer(Some(installation));
        builder.build().map_err(|error| failed().because(error))
    }
}

/// A picture of an address that phones read: an SVG that is inert and scales.
///
/// # Errors
/// [`Kind::Internal`](crate::error::Kind::Internal) for one that is too long.
pub fn picture(address: &str) -> Result<String> {
    let code = QrCode::encode_text(address, QrCodeEcc::Medium);
    let code = code.map_err(|error| failed().because(error))?;
    let (size, quiet) = (code.size(), 4);
    let mut path = String::new();
    for y in 0..size {
        for x in 0..size {
            if code.get_module(x, y) {
                path.push_str(&format!("M{},{}h1v1h-1z", x + quiet, y + quiet));
            }
        }
    }
    let whole = size + 2 * quiet;
    Ok(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {whole} {whole}\" width=\"220\" height=\"220\" \
         role=\"img\" aria-label=\"QR code\"><path fill=\"#fff\" d=\"M0,0h{whole}v{whole}h-{whole}z\"/>\
         <path fill=\"#000\" d=\"{path}\"/></svg>"
    ))
}

/// Codes for when the phone is lost, each good once.
///
/// # Errors
/// [`Kind::Internal`](crate::error::Kind::Internal) if the machine has no random numbers.
pub fn recovery_codes() -> Result<Vec<String>> {
    let mut codes = Vec::with_capacity(RECOVERY_CODES);
    for _ in 0..RECOVERY_CODES {
        let mut bytes = [0; 12];
        fill(&mut bytes)?;
        let letters = bytes.map(|byte| char::from(ALPHABET[usize::from(byte % 32)]));
        let part = |range: std::ops::Range<usize>| letters[range].iter().collect::<String>();
        codes.push([part(0..4), part(4..8), part(8..12)].join("-"));
    }
    Ok(codes)
}

/// What is kept of a recovery code: of its 60 random bits none are guessed from that in any time
/// that matters, and it is good once. Case, blanks and dashes do not matter.
pub fn recovery_hash(code: &str) -> [u8; 32] {
    let letters = code.chars().filter(|c| c.is_alphanumeric());
    let plain: String = letters.flat_map(char::to_lowercase).collect();
    Sha256::digest(format!("recovery {plain}")).into()
}

/// What is kept of several.
pub fn recovery_hashes(codes: &[String]) -> Vec<[u8; 32]> {
    codes.iter().map(|code| recovery_hash(code)).collect()
}

fn fill(bytes: &mut [u8]) -> Result<()> {
    getrandom::fill(bytes)
        .map_err(|error| Error::internal("The machine gives no random numbers.").because(error))
}

fn failed() -> Error {
    Error::internal("A second factor could not be prepared.")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6238, appendix B, for SHA-1, cut to six digits.
    #[test]
    fn codes_are_those_of_the_standard() {
        let secret = SharedSecret::from_bytes(b"12345678901234567890".to_vec());
        for (at, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (2_000_000_000, "279037"),
        ] {
            assert_eq!(secret.check(code, at, None), Some(at / 30), "{at}");
        }
        assert_eq!(secret.check("287 082", 59 + 30, None), Some(1));
        assert_eq!(secret.check("287082", 59 + 60, None), None);
        assert_eq!(secret.check("287083", 59, None), None);
        assert_eq!(secret.check("", 59, None), None);
    }

    #[test]
    fn a_code_is_good_once() {
        let secret = SharedSecret::from_bytes(b"12345678901234567890".to_vec());
        assert_eq!(secret.check("287082", 59, Some(0)), Some(1));
        assert_eq!(secret.check("287082", 59, Some(1)), None);
    }

    #[test]
    fn apps_read_the_address() {
        let secret = SharedSecret::new().unwrap();
        let read = SharedSecret::parse(&secret.text()).unwrap();
        assert_eq!(read.bytes(), secret.bytes());
        let address = secret.address("files.example:5000", "Ada L.").unwrap();
        assert!(
            address.starts_with("otpauth://totp/files.example%205000:Ada%20L."),
            "{address}"
        );
        assert!(picture(&address).unwrap().starts_with("<svg"));
        assert!(SharedSecret::parse("not base32!").is_none());
    }

    #[test]
    fn recovery_codes_are_known_however_they_are_typed() {
        let codes = recovery_codes().unwrap();
        assert_eq!(codes.len(), RECOVERY_CODES);
        let typed = codes[0].to_uppercase().replace('-', " ");
        assert_eq!(recovery_hash(&typed), recovery_hash(&codes[0]));
        assert_ne!(recovery_hash(&codes[1]), recovery_hash(&codes[0]));
    }
}
