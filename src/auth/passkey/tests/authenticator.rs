//! A device that keeps passkeys, and the browser that it is plugged into, as software.

use p256::ecdsa::signature::Signer;
use p256::ecdsa::{Signature, SigningKey};
use passki::Passki;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

pub const TOUCHED: u8 = 0x01;
pub const VERIFIED: u8 = 0x04;
const MADE: u8 = 0x40;

/// A device with one passkey, in a browser. What is public can be set to be wrong.
pub struct Authenticator {
    key: SigningKey,
    pub id: Vec<u8>,
    /// Whose the passkey is; kept when it is made.
    pub handle: Option<String>,
    /// Whether it is found by a page that names no passkey.
    pub is_found_alone: bool,
    pub flags: u8,
    pub counter: u32,
    /// Where the page is that asks.
    pub origin: String,
    /// Instead of the host that the page names.
    pub host: Option<String>,
    /// Instead of what the page asks.
    pub challenge: Option<String>,
    pub is_framed: bool,
}

impl Authenticator {
    pub fn new(number: u8, origin: &str) -> Self {
        Self {
            key: SigningKey::from_slice(&[number; 32]).unwrap(),
            id: vec![number; 16],
            handle: None,
            is_found_alone: true,
            flags: TOUCHED | VERIFIED,
            counter: 0,
            origin: origin.to_owned(),
            host: None,
            challenge: None,
            is_framed: false,
        }
    }

    /// `navigator.credentials.create()`.
    pub fn make(&mut self, options: &str) -> String {
        let options: Value = serde_json::from_str(options).unwrap();
        self.handle = Some(text(&options["user"]["id"]).to_owned());
        let mut data = self.head(text(&options["rp"]["id"]), self.flags | MADE);
        data.extend([0; 16]);
        data.extend(u16::try_from(self.id.len()).unwrap().to_be_bytes());
        data.extend(&self.id);
        data.extend(self.public_key());
        let client_data = self.client_data("webauthn.create", &options);
        let response = json!({
            "clientDataJSON": Passki::base64_encode(client_data.as_bytes()),
            "attestationObject": Passki::base64_encode(&attestation(&data)),
            "transports": ["usb", "of-later-days"],
        });
        let properties = json!({ "rk": self.is_found_alone });
        self.answer(response, json!({ "credProps": properties }))
    }

    /// `navigator.credentials.get()`.
    pub fn sign(&self, options: &str) -> String {
        let options: Value = serde_json::from_str(options).unwrap();
        let data = self.head(text(&options["rpId"]), self.flags);
        let client_data = self.client_data("webauthn.get", &options);
        let signed = [&data[..], &Sha256::digest(client_data.as_bytes())].concat();
        let signature: Signature = self.key.sign(&signed);
        let response = json!({
            "clientDataJSON": Passki::base64_encode(client_data.as_bytes()),
            "authenticatorData": Passki::base64_encode(&data),
            "signature": Passki::base64_encode(signature.to_der().as_bytes()),
            "userHandle": self.handle,
        });
        self.answer(response, json!({}))
    }

    /// What `toJSON()` makes of either.
    fn answer(&self, response: Value, extensions: Value) -> String {
        let id = Passki::base64_encode(&self.id);
        json!({
            "id": id,
            "rawId": id,
            "type": "public-key",
            "authenticatorAttachment": "cross-platform",
            "clientExtensionResults": extensions,
            "response": response,
        })
        .to_string()
    }

    fn head(&self, host: &str, flags: u8) -> Vec<u8> {
        let host = self.host.as_deref().unwrap_or(host);
        let mut data = Sha256::digest(host).to_vec();
        data.push(flags);
        data.extend(self.counter.to_be_bytes());
        data
    }

    fn client_data(&self, kind: &str, options: &Value) -> String {
        let asked = text(&options["challenge"]);
        let challenge = self.challenge.as_deref().unwrap_or(asked);
        let (origin, is_framed) = (&self.origin, self.is_framed);
        json!({ "type": kind, "challenge": challenge, "origin": origin, "crossOrigin": is_framed })
            .to_string()
    }

    /// As COSE has it: an EC2 key for ES256 on P-256, x and y.
    fn public_key(&self) -> Vec<u8> {
        let point = self.key.verifying_key().to_sec1_point(false);
        let mut cbor = vec![0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01];
        cbor.extend([0x21, 0x58, 0x20]);
        cbor.extend(point.x().unwrap());
        cbor.extend([0x22, 0x58, 0x20]);
        cbor.extend(point.y().unwrap());
        cbor
    }
}

/// One that says nothing of who built the device, in CBOR.
fn attestation(data: &[u8]) -> Vec<u8> {
    let mut attestation = b"\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData\x59".to_vec();
    attestation.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
    attestation.extend(data);
    attestation
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}
