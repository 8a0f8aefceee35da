//! What belongs to a document as a whole and to none of its pages: its outline (ISO 32000-2,
//! 12.3.3), the data of its forms (XFA) and the files in it (7.11.4).

use std::collections::HashSet;

use hayro_interpret::hayro_syntax::Pdf;
use hayro_interpret::hayro_syntax::object::dict::keys::{
    ACRO_FORM, EF, EMBEDDED_FILES, F, FIRST, KIDS, NAMES, NEXT, OUTLINES, TITLE, UF, XFA,
};
use hayro_interpret::hayro_syntax::object::{
    Array, Dict, Object, ObjectIdentifier, Stream, String as PdfString,
};

use super::super::attachment;
use super::super::entity;
use super::super::markup::{Language, Token, Tokens};
use super::super::sink::{Sink, Unreadable};
use super::letters;

/// More headings than an outline has.
const MAX_HEADINGS: usize = 10_000;
/// Nodes of the tree of files, and files of a document, that are looked at.
const MAX_FILES: usize = 1000;
/// The most that is inflated of all files in a document, in bytes.
const MAX_FILE_BYTES: usize = 256 << 20;

fn catalog(pdf: &Pdf) -> Option<Dict<'_>> {
    pdf.xref().get::<Dict<'_>>(pdf.xref().root_id())
}

/// Appends all that the pages do not say. `on_pages` are the files that hang on pages; of files that are
/// locked only the names are read.
pub fn read(pdf: &Pdf, on_pages: &[Dict<'_>], are_files_locked: bool, out: &mut Sink<'_>) {
    let Some(catalog) = catalog(pdf) else {
        return;
    };
    for heading in outline(&catalog) {
        out.paragraph(&heading);
    }
    for packet in packets(&catalog) {
        form(&packet, out);
    }
    let named = files(&catalog);
    let mut room = MAX_FILE_BYTES;
    let mut read = HashSet::new();
    for file in named.iter().chain(on_pages).take(MAX_FILES) {
        if out.is_full() {
            return;
        }
        let Some((name, content)) = embedded(file, &mut read) else {
            continue;
        };
        attachment::announce(&name, out);
        if are_files_locked {
            out.paragraph(&format!("({})", Unreadable::Encrypted.sentence()));
        } else if room > 0
            && let Ok(bytes) = content.decoded_data()
        {
            room = room.saturating_sub(bytes.len());
            attachment::read(&name, &bytes, out);
        }
    }
}

/// The headings, in the order in which they are shown.
fn outline(catalog: &Dict<'_>) -> Vec<String> {
    let mut found = Vec::new();
    let mut seen = HashSet::new();
    let root = catalog.get::<Dict<'_>>(OUTLINES).unwrap_or_default();
    let mut waiting = Vec::new();
    waiting.extend(next(&root, FIRST, &mut seen));
    let mut items = 0;
    while let Some(item) = waiting.pop().filter(|_| items < MAX_HEADINGS) {
        items += 1;
        let title = item.get::<PdfString<'_>>(TITLE);
        found.extend(title.and_then(|title| letters::text_string(&title)));
        // The last one to wait is the first to be read.
        waiting.extend(next(&item, NEXT, &mut seen));
        waiting.extend(next(&item, FIRST, &mut seen));
    }
    found
}

/// An item that another leads to, if none did before.
fn next<'a>(item: &Dict<'a>, key: &[u8], seen: &mut HashSet<ObjectIdentifier>) -> Option<Dict<'a>> {
    let id = item.get_ref(key).map(ObjectIdentifier::from);
    let is_new = id.is_none_or(|id| seen.insert(id));
    item.get::<Dict<'_>>(key).filter(|_| is_new)
}

/// The parts of a form's XML: what people see of it, and what they filled in.
fn packets(catalog: &Dict<'_>) -> Vec<String> {
    let Some(form) = catalog.get::<Dict<'_>>(ACRO_FORM) else {
        return Vec::new();
    };
    let decoded = |stream: Stream<'_>| {
        let bytes = stream.decoded_data().ok()?;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    };
    match form.get::<Object<'_>>(XFA) {
        Some(Object::Stream(whole)) => decoded(whole).into_iter().collect(),
        // Each part is a fragment by itself; the names before them are not needed to tell them apart.
        Some(Object::Array(parts)) => {
            let streams = parts.iter::<Object<'_>>().filter_map(Object::into_stream);
            streams.filter_map(decoded).collect()
        }
        _ => Vec::new(),
    }
}

/// Appends the text of such XML.
fn form(packet: &str, out: &mut Sink<'_>) {
    const HIDDEN: [&str; 8] = [
        "config",
        "localeSet",
        "connectionSet",
        "script",
        "stylesheet",
        "xmpmeta",
        "sourceSet",
        "PDFSecurity",
    ];
    let mut tokens = Tokens::new(packet, Language::Xml);
    while let Some(token) = tokens.next().filter(|_| !out.is_full()) {
        match token {
            Token::Start { name, empty, .. } => {
                let local = name.rsplit(':').next().unwrap_or(name);
                if !empty && HIDDEN.contains(&local) {
                    tokens.raw_text(name);
                }
            }
            Token::Text(text) => out.paragraph(&entity::decode(text)),
            Token::Literal(text) => out.paragraph(text),
            _ => {}
        }
    }
}

/// What the tree of files names.
fn files<'a>(catalog: &Dict<'a>) -> Vec<Dict<'a>> {
    let names = catalog.get::<Dict<'_>>(NAMES);
    let tree = names.and_then(|names| names.get::<Dict<'_>>(EMBEDDED_FILES));
    let mut waiting: Vec<Dict<'_>> = tree.into_iter().collect();
    let (mut found, mut nodes) = (Vec::new(), 0);
    while let Some(node) = waiting.pop().filter(|_| nodes < MAX_FILES) {
        nodes += 1;
        let pairs = node.get::<Array<'_>>(NAMES).unwrap_or_default();
        found.extend(
            pairs
                .iter::<Object<'_>>()
                .filter_map(Object::into_dict)
                .take(MAX_FILES),
        );
        let kids = node.get::<Array<'_>>(KIDS).unwrap_or_default();
        waiting.extend(
            kids.iter::<Object<'_>>()
                .filter_map(Object::into_dict)
                .take(MAX_FILES),
        );
    }
    found
}

/// The name and the content of a file that was not read before.
fn embedded<'a>(
    file: &Dict<'a>,
    read: &mut HashSet<ObjectIdentifier>,
) -> Option<(String, Stream<'a>)> {
    let name = [UF, F]
        .into_iter()
        .find_map(|key| file.get::<PdfString<'_>>(key));
    let name = name
        .and_then(|name| letters::text_string(&name))
        .unwrap_or_default();
    let content = file.get::<Dict<'_>>(EF);
    let content = content.and_then(|content| {
        [UF, F]
            .into_iter()
            .find_map(|key| content.get::<Stream<'_>>(key))
    });
    let content = content.filter(|content| read.insert(content.obj_id()))?;
    Some((name, content))
}
