//! Files inside of other files: read as they would be by themselves, into the text around them; and
//! what two formats of mail have in common.

use std::io::Cursor;

use encoding_rs::Encoding;

use super::decode::Bytes;
use super::format::Format;
use super::sink::{Sink, Unreadable};
use super::{HEAD_BYTES, MEDIA_TYPE_BYTES, read_from};

/// Appends a file's text if it has any that this release reads; its name says of what kind it is.
pub fn read(name: &str, bytes: &[u8], out: &mut Sink<'_>) {
    read_declared(name, bytes, None, out);
}

/// The same of a file of which what is around it says in which encoding its text is.
pub fn read_declared(
    name: &str,
    bytes: &[u8],
    declared: Option<&'static Encoding>,
    out: &mut Sink<'_>,
) {
    if bytes.is_empty() {
        return;
    }
    out.inside(|out| {
        if let Err(unreadable) = append(name, bytes, declared, out) {
            out.paragraph(&format!("({})", unreadable.sentence()));
        }
    });
}

/// The same of what a document only shows: most of it is pictures of formulas and their like, and
/// what cannot be read is not worth a word.
pub fn shown(name: &str, bytes: &[u8], out: &mut Sink<'_>) {
    out.inside(|out| {
        let _ = append(name, bytes, None, out);
    });
}

/// Appends the text of a file without a word about what is wrong with it.
pub fn append(
    name: &str,
    bytes: &[u8],
    declared: Option<&'static Encoding>,
    out: &mut Sink<'_>,
) -> Result<(), Unreadable> {
    let head = &bytes[..bytes.len().min(HEAD_BYTES)];
    let media_type = super::media_type(name, &head[..head.len().min(MEDIA_TYPE_BYTES)]);
    match Format::of(&media_type, head) {
        Ok(format) if declared.is_some() && format.is_text() => {
            let mut bytes = Bytes::whole(bytes.to_vec());
            if format == Format::ContentLines {
                bytes.unfold();
            }
            let decoded = bytes.decode(declared, format.input_limit());
            format.write(decoded.text, out);
            Ok(())
        }
        // What cannot be read of it is no fault of the document around it.
        Ok(format) => read_from(Cursor::new(bytes), bytes.len() as u64, format, out).map(drop),
        Err(_) => Ok(()),
    }
}

/// A field of a mail's head, on a line of its own, if it says anything.
pub fn field(name: &str, value: Option<String>, out: &mut Sink<'_>) {
    if let Some(value) = value.filter(|value| !value.is_empty()) {
        out.paragraph(&format!("{name}: {value}"));
    }
}

/// Says where an attachment begins.
pub fn announce(name: &str, out: &mut Sink<'_>) {
    match name {
        "" => out.paragraph("Attachment"),
        name => out.paragraph(&format!("Attachment: {name}")),
    }
}
