//! Resumable uploads by the tus protocol 1.0.0 (<https://tus.io/protocols/resumable-upload>): each
//! function is one request.

use std::io::Read;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use ureq::http::header::LOCATION;
use ureq::{RequestBuilder, SendBody};

use super::{Server, Trouble, accepted, json};
use crate::library::Receipt;
use crate::store::Digest;

const OCTETS: &str = "application/offset+octet-stream";

/// Bytes on their way, and what they must arrive as.
pub struct Piece<'a> {
    pub bytes: &'a mut dyn Read,
    pub length: u64,
    pub sha256: Digest,
}

/// An upload that was begun, or was known.
pub struct Begun {
    /// The last part of its address: the server may not know the path that a proxy puts before it.
    pub id: String,
    /// There is one if all the bytes came with the beginning.
    pub receipt: Option<Receipt>,
}

/// How an upload stands.
#[derive(Deserialize)]
pub struct Standing {
    pub offset: u64,
    /// Once its file is stored.
    pub receipt: Option<Receipt>,
}

/// Begins an upload; with a piece, which is all of it, the answer has its receipt.
pub fn begin(
    server: &Server,
    metadata: &[(&str, &str)],
    length: u64,
    piece: Option<Piece<'_>>,
) -> Result<Begun, Trouble> {
    let pairs = metadata
        .iter()
        .map(|(key, value)| format!("{key} {}", STANDARD.encode(value)));
    let request = server
        .agent
        .post(server.url("/uploads"))
        .header("tus-resumable", "1.0.0")
        .header("upload-length", length)
        .header("upload-metadata", pairs.collect::<Vec<_>>().join(","));
    let sent = match piece {
        Some(piece) => carrying(request, piece),
        None => request.send_empty(),
    };
    let answer = accepted(sent)?;
    let place = answer
        .headers()
        .get(LOCATION)
        .and_then(|place| place.to_str().ok());
    let id = place
        .and_then(|place| place.rsplit('/').next())
        .map(str::to_owned);
    let id = id.ok_or_else(|| {
        Trouble::lasting("The answer names no upload; is this the address of a Wharfside?")
    })?;
    let is_stored = answer.headers().contains_key("content-type");
    let receipt = is_stored.then(|| json(answer)).transpose()?;
    Ok(Begun { id, receipt })
}

/// Adds a piece; answers how many bytes there are then.
pub fn append(server: &Server, id: &str, offset: u64, piece: Piece<'_>) -> Result<u64, Trouble> {
    let end = offset + piece.length;
    let request = server
        .agent
        .patch(server.url(&format!("/uploads/{id}")))
        .header("tus-resumable", "1.0.0")
        .header("upload-offset", offset);
    accepted(carrying(request, piece)).map(|_| end)
}

/// Asks how an upload stands; one that is complete is stored then.
pub fn look(server: &Server, id: &str) -> Result<Standing, Trouble> {
    server.get_json(&format!("/uploads/{id}"))
}

fn carrying(
    request: RequestBuilder<ureq::typestate::WithBody>,
    piece: Piece<'_>,
) -> Result<ureq::http::Response<ureq::Body>, ureq::Error> {
    request
        .header("content-type", OCTETS)
        .header("content-length", piece.length)
        .header(
            "upload-checksum",
            format!("sha256 {}", STANDARD.encode(piece.sha256.as_bytes())),
        )
        .send(SendBody::from_reader(piece.bytes))
}
