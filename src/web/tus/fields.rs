//! What a creation says in its headers: length, metadata, parts.

use axum::http::{HeaderMap, HeaderName, Uri};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::{UPLOAD_CONCAT, UPLOAD_DEFER_LENGTH, UPLOAD_LENGTH, UPLOAD_METADATA, upload_id};
use crate::error::{Error, Result};
use crate::library::{Destination, FolderPath, IfPresent, NewUpload, Purpose, UploadId};
use crate::web::problem::Failure;

/// No file is larger: what a signed offset can tell.
const MOST_BYTES: u64 = i64::MAX as u64;
/// Longest metadata: the longest path in base64, its name once more, and what clients add of their own.
const MAX_METADATA_BYTES: usize = 8 << 10;
/// Lengths that a key may have.
const KEY: std::ops::RangeInclusive<usize> = 16..=64;

/// A header that holds a whole number.
pub fn number(headers: &HeaderMap, name: &HeaderName) -> Result<Option<u64>> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        return Err(Error::invalid(format!(
            "{name} is there twice; send it once."
        )));
    }
    let text = value.to_str().unwrap_or_default().trim();
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = text.parse().ok().filter(|_| digits);
    number
        .filter(|number| *number <= MOST_BYTES)
        .map(Some)
        .ok_or_else(|| {
            Error::invalid(format!(
                "{name} is {text:?}, but must be a whole number from 0 to {MOST_BYTES}."
            ))
        })
}

/// What a client wants with an upload.
pub struct Asked {
    pub new: NewUpload,
    /// The parts that it is to be joined from, if any, and as they were written.
    pub parts: Option<(Vec<UploadId>, String)>,
}

impl Asked {
    /// # Errors
    /// 400 with a sentence about the header that is wrong.
    pub fn read(headers: &HeaderMap) -> Result<Self, Failure> {
        let metadata = Metadata::read(headers)?;
        let concat = text(headers, &UPLOAD_CONCAT)?;
        let parts = concat.and_then(|concat| concat.strip_prefix("final;"));
        let purpose = match (concat, parts) {
            (Some("partial"), _) => Purpose::Part,
            (None, _) | (Some(_), Some(_)) => Purpose::File(metadata.destination()?),
            (Some(_), None) => return Err(malformed_concat()),
        };
        let parts = parts.map(part_ids).transpose()?;
        Ok(Self {
            new: NewUpload {
                purpose,
                length: length(headers, parts.is_some())?,
                metadata: text(headers, &UPLOAD_METADATA)?.map(str::to_owned),
                key: metadata.key()?,
            },
            parts: parts.zip(concat.map(str::to_owned)),
        })
    }
}

/// The length, unless it is to be said later, or follows from the parts.
fn length(headers: &HeaderMap, is_joined: bool) -> Result<Option<u64>> {
    let known = number(headers, &UPLOAD_LENGTH)?;
    let later = text(headers, &UPLOAD_DEFER_LENGTH)?;
    match (known, later) {
        (None, None) if is_joined => Ok(None),
        (Some(_), _) if is_joined => Err(Error::invalid(
            "An upload that is joined from parts has their length; leave Upload-Length out.",
        )),
        (Some(known), None) => Ok(Some(known)),
        (None, Some("1")) => Ok(None),
        (Some(_), Some(_)) => Err(Error::invalid(
            "Upload-Length and Upload-Defer-Length exclude each other; send one of them.",
        )),
        (None, Some(_)) => Err(Error::invalid("Upload-Defer-Length can only be 1.")),
        (None, None) => Err(Error::invalid(
            "An upload needs Upload-Length, or Upload-Defer-Length: 1 if it is said later.",
        )),
    }
}

/// The ids in a list of addresses, absolute or not, separated by blanks.
fn part_ids(list: &str) -> Result<Vec<UploadId>, Failure> {
    list.split_ascii_whitespace()
        .map(|address| {
            let uri: Uri = address.parse().map_err(|_| malformed_concat())?;
            // Where a proxy serves the app below a path, that comes before.
            let (_, id) = uri
                .path()
                .rsplit_once("/uploads/")
                .ok_or_else(malformed_concat)?;
            upload_id(id.trim_end_matches('/'))
        })
        .collect()
}

fn malformed_concat() -> Failure {
    Error::invalid(
        "Upload-Concat is malformed; write \"partial\", or \"final;\" and the addresses of the parts with blanks between them.",
    )
    .into()
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>> {
    headers
        .get(name)
        .map(|value| value.to_str().map(str::trim))
        .transpose()
        .map_err(|_| Error::invalid(format!("{name} holds bytes that are no ASCII text.")))
}

/// `Upload-Metadata`: keys, each with a value in base64.
struct Metadata(Vec<(String, Vec<u8>)>);

impl Metadata {
    fn read(headers: &HeaderMap) -> Result<Self> {
        let written = text(headers, &UPLOAD_METADATA)?.unwrap_or_default();
        if written.len() > MAX_METADATA_BYTES {
            return Err(Error::invalid(format!(
                "Upload-Metadata has {} bytes; {MAX_METADATA_BYTES} is the most.",
                written.len()
            )));
        }
        let mut pairs: Vec<(String, Vec<u8>)> = Vec::new();
        if written.is_empty() {
            return Ok(Self(pairs));
        }
        // Some clients end the list with a comma.
        let pairs_written = written.split(',').map(str::trim);
        for pair in pairs_written.filter(|pair| !pair.is_empty()) {
            let (key, value) = pair.split_once(' ').unwrap_or((pair, ""));
            // What ends like base64 is a value that has lost its key.
            if key.ends_with('=') || pairs.iter().any(|(known, _)| known == key) {
                return Err(Error::invalid(
                    "Upload-Metadata needs a key before each value, and each key once.",
                ));
            }
            let value = STANDARD.decode(value.trim()).map_err(|_| {
                Error::invalid(format!(
                    "The value of {key:?} in Upload-Metadata is not base64."
                ))
            })?;
            pairs.push((key.to_owned(), value));
        }
        Ok(Self(pairs))
    }

    /// The first of these keys that has a value. Clients written in JavaScript send the names of
    /// nothing for what they do not know.
    fn value(&self, keys: &[&str]) -> Result<Option<&str>> {
        let found = keys.iter().find_map(|key| {
            let pair = self.0.iter().find(|(known, _)| known == key);
            pair.filter(|(_, value)| !matches!(&value[..], b"" | b"undefined" | b"null"))
        });
        let Some((key, value)) = found else {
            return Ok(None);
        };
        std::str::from_utf8(value).map(Some).map_err(|_| {
            Error::invalid(format!(
                "The value of {key:?} in Upload-Metadata is not UTF-8 once its base64 is decoded."
            ))
        })
    }

    fn destination(&self) -> Result<Destination> {
        let folder = FolderPath::parse(self.value(&["folder"])?.unwrap_or_default())?;
        // Clients that know no folders send the name alone.
        let relative = self.value(&["relativePath"])?;
        let name = self.value(&["filename", "name"])?;
        let named = match relative.map(|path| path.trim_start_matches('/')).or(name) {
            Some(name) => name.to_owned(),
            None => format!("upload-{}", UploadId::new_v4().simple()),
        };
        let expected = self.value(&["sha256"])?;
        Ok(Destination {
            path: folder.join(&named)?,
            if_present: self.if_present()?,
            expected: expected.map(str::parse).transpose()?,
        })
    }

    fn if_present(&self) -> Result<IfPresent> {
        match self.value(&["ifPresent"])? {
            None | Some("version") => Ok(IfPresent::Version),
            Some("keep-both") => Ok(IfPresent::KeepBoth),
            Some("skip") => Ok(IfPresent::Skip),
            Some(other) => Err(Error::invalid(format!(
                "ifPresent is {other:?}, but must be version, keep-both or skip."
            ))),
        }
    }

    fn key(&self) -> Result<Option<String>> {
        let Some(key) = self.value(&["key"])? else {
            return Ok(None);
        };
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if KEY.contains(&key.len()) && key.bytes().all(plain) {
            return Ok(Some(key.to_owned()));
        }
        Err(Error::invalid(
            "An upload's key has 16 to 64 characters out of A-Z, a-z, 0-9, - and _.",
        ))
    }
}
