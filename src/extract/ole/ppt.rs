//! Presentations of PowerPoint 97 to 2003 (MS-PPT): a page for each slide, its notes at its end.
//!
//! The stream grows with every save; what counts is what the newest directory of objects points to.

use std::collections::HashMap;
use std::io::{Read, Seek};

use flate2::read::ZlibDecoder;

use super::{Storage, size_at, slice, summary, u16_at, u32_at, wide};
use crate::extract::attachment;
use crate::extract::sink::{Sink, Unreadable};

/// Types of records.
const DOCUMENT: u16 = 1000;
const SLIDE: u16 = 1006;
const SLIDE_ATOM: u16 = 1007;
const NOTES: u16 = 1008;
const SLIDE_PERSIST: u16 = 1011;
const MAIN_MASTER: u16 = 1016;
const OBJECT_LIST: u16 = 1033;
const OBJECT_REFERENCE: u16 = 3009;
const TEXT_CHARS: u16 = 4000;
const TEXT_BYTES: u16 = 4008;
const STRING: u16 = 4026;
const OBJECT_ATOM: u16 = 4035;
const EMBEDDED_OBJECT: u16 = 4044;
const HEADERS_FOOTERS: u16 = 4057;
const SLIDE_LIST: u16 = 4080;
const USER_EDIT: u16 = 4085;
const OBJECT_STORAGE: u16 = 4113;
const PERSIST_DIRECTORY: u16 = 6002;

/// Records nest a dozen deep; hostile ones deeper.
const MOST_NESTING: usize = 32;
/// More saves than this are not followed back.
const MOST_EDITS: usize = 4096;
/// The most that is inflated of all objects.
const MAX_INFLATED: u64 = 128 << 20;

const ENCRYPTED: u32 = 0xf3d1_c4df;

/// A record of the stream.
#[derive(Clone, Copy)]
struct Record<'a> {
    kind: u16,
    instance: u16,
    is_container: bool,
    content: &'a [u8],
}

/// The records that `bytes` is a sequence of, as far as they go.
struct Records<'a>(&'a [u8]);

impl<'a> Iterator for Records<'a> {
    type Item = Record<'a>;

    fn next(&mut self) -> Option<Record<'a>> {
        let first = u16_at(self.0, 0)?;
        let record = Record {
            instance: first >> 4,
            is_container: first & 0xf == 0xf,
            kind: u16_at(self.0, 2)?,
            content: slice(self.0, 8, size_at(self.0, 4)?),
        };
        self.0 = slice(self.0, 8 + record.content.len(), usize::MAX);
        Some(record)
    }
}

pub fn read<R: Read + Seek>(
    page: Option<u16>,
    storage: &mut Storage<R>,
    out: &mut Sink<'_>,
) -> Result<(), Unreadable> {
    // What is saved for two versions has the newer one in a folder.
    let folder = match storage.has("/PP97_DUALSTORAGE/PowerPoint Document") {
        true => "/PP97_DUALSTORAGE",
        false => "",
    };
    let stream = storage.stream(&format!("{folder}/PowerPoint Document"));
    let stream = stream.unwrap_or_default();
    let user = storage.stream(&format!("{folder}/Current User"));
    let user = user.unwrap_or_default();
    if u32_at(&user, 12) == Some(ENCRYPTED) {
        return Err(Unreadable::Encrypted);
    }
    let objects = size_at(&user, 16).and_then(|edit| Objects::find(&stream, edit));
    let current = objects.and_then(|objects| Some((objects.document()?, objects)));
    match current {
        Some((document, objects)) => objects.slides(document, out),
        None => {
            out.tell();
            // Before 1997 all text stood by itself as well. Else, without a directory, all that
            // is not a master's is read, old or new.
            match storage.stream("/Text_Content") {
                Some(text) => lines(&summary::narrow(&text, page.unwrap_or(1252)), out),
                None => texts(&stream, 0, out),
            }
        }
    }
    Ok(())
}

/// The objects that are current, by their number.
struct Objects<'a> {
    stream: &'a [u8],
    places: HashMap<u32, usize>,
    document: u32,
}

impl<'a> Objects<'a> {
    /// Follows the saves from the newest on; of an object the newest place counts.
    fn find(stream: &'a [u8], newest: usize) -> Option<Self> {
        let mut objects = Self {
            stream,
            places: HashMap::new(),
            document: 0,
        };
        let mut edit = newest;
        for number in 0..MOST_EDITS {
            let record = objects
                .record(edit)
                .filter(|record| record.kind == USER_EDIT)?;
            if number == 0 {
                objects.document = u32_at(record.content, 16)?;
            }
            let directory = objects.record(size_at(record.content, 12)?)?;
            if directory.kind == PERSIST_DIRECTORY {
                objects.list(directory.content);
            }
            match size_at(record.content, 8)? {
                before if before != 0 && before < edit => edit = before,
                _ => break,
            }
        }
        Some(objects)
    }

    fn list(&mut self, mut directory: &[u8]) {
        while let Some(run) = u32_at(directory, 0) {
            let (first, count) = (run & 0xf_ffff, (run >> 20) as usize);
            for number in 0..count {
                let Some(place) = size_at(directory, 4 + 4 * number) else {
                    return;
                };
                self.places
                    .entry(first.saturating_add(number as u32))
                    .or_insert(place);
            }
            directory = slice(directory, 4 + 4 * count, usize::MAX);
        }
    }

    fn record(&self, at: usize) -> Option<Record<'a>> {
        Records(self.stream.get(at..)?).next()
    }

    fn object(&self, number: u32) -> Option<Record<'a>> {
        self.record(*self.places.get(&number)?)
    }

    fn document(&self) -> Option<Record<'a>> {
        self.object(self.document)
            .filter(|record| record.kind == DOCUMENT)
    }

    fn slides(&self, document: Record<'a>, out: &mut Sink<'_>) {
        let list = |instance: u16| {
            Records(document.content)
                .find(|record| record.kind == SLIDE_LIST && record.instance == instance)
                .map_or(&[][..], |record| record.content)
        };
        let slides = entries(list(0));
        let notes = entries(list(2));
        let footers = Records(document.content)
            .find(|record| record.kind == HEADERS_FOOTERS && record.instance == 3)
            .map_or(&[][..], |record| record.content);
        let mut embedded = embedded(document.content);
        let mut room = MAX_INFLATED;
        out.details.pages = u32::try_from(slides.len()).ok();
        out.tell();
        for slide in slides {
            if out.is_full() {
                break;
            }
            // Titles and outlines stand in the list, all else on the slide itself.
            for text in slide.outline {
                write(text, out);
            }
            if let Some(object) = self
                .object(slide.object)
                .filter(|found| found.kind == SLIDE)
            {
                texts(object.content, 0, out);
                footer(object.content, footers, out);
                let mut shown = Vec::new();
                references(object.content, 0, &mut shown);
                for id in shown {
                    // Each is read once, however often it is shown.
                    if let Some(object) = embedded.remove(&id).and_then(|id| self.object(id)) {
                        read_object(object, &mut room, out);
                    }
                }
                let noted = Records(object.content)
                    .find(|record| record.kind == SLIDE_ATOM)
                    .and_then(|atom| u32_at(atom.content, 16));
                let notes = notes.iter().find(|entry| Some(entry.id) == noted);
                let notes = notes.and_then(|entry| self.object(entry.object));
                if let Some(notes) = notes.filter(|found| found.kind == NOTES) {
                    texts(notes.content, 0, out);
                }
            }
            out.end_page();
        }
    }
}

/// The documents of other programs that slides show: where each is stored, by its number.
fn embedded(document: &[u8]) -> HashMap<u32, u32> {
    let list = Records(document).find(|record| record.kind == OBJECT_LIST);
    let objects = Records(list.map_or(&[][..], |record| record.content));
    let objects = objects.filter(|record| record.kind == EMBEDDED_OBJECT);
    let places = objects.filter_map(|object| {
        let atom = Records(object.content).find(|record| record.kind == OBJECT_ATOM)?;
        Some((u32_at(atom.content, 8)?, u32_at(atom.content, 16)?))
    });
    places.collect()
}

/// The numbers of the objects that a slide shows.
fn references(content: &[u8], depth: usize, numbers: &mut Vec<u32>) {
    for record in Records(content) {
        if record.kind == OBJECT_REFERENCE {
            numbers.extend(u32_at(record.content, 0));
        } else if record.is_container && depth < MOST_NESTING {
            references(record.content, depth + 1, numbers);
        }
    }
}

/// Reads an object's file, which may be compressed (MS-PPT 2.10.35).
fn read_object(object: Record<'_>, room: &mut u64, out: &mut Sink<'_>) {
    const COMPRESSED: u16 = 1;
    if object.kind != OBJECT_STORAGE {
        return;
    }
    if object.instance != COMPRESSED {
        return attachment::shown("", object.content, out);
    }
    let packed = slice(object.content, 4, usize::MAX);
    let mut file = Vec::new();
    // What came before damage is kept.
    let _ = ZlibDecoder::new(packed).take(*room).read_to_end(&mut file);
    *room -= (file.len() as u64).min(*room);
    attachment::shown("", &file, out);
}

/// A slide, or its notes, in the document's list of them.
struct Entry<'a> {
    object: u32,
    id: u32,
    outline: Vec<Record<'a>>,
}

fn entries(list: &[u8]) -> Vec<Entry<'_>> {
    let mut entries: Vec<Entry<'_>> = Vec::new();
    for record in Records(list) {
        if record.kind == SLIDE_PERSIST {
            entries.push(Entry {
                object: u32_at(record.content, 0).unwrap_or(0),
                id: u32_at(record.content, 12).unwrap_or(0),
                outline: Vec::new(),
            });
        } else if let (TEXT_CHARS | TEXT_BYTES, Some(entry)) = (record.kind, entries.last_mut()) {
            entry.outline.push(record);
        }
    }
    entries
}

/// What stands at the foot of a slide: its own, or that of all slides.
fn footer(slide: &[u8], of_all: &[u8], out: &mut Sink<'_>) {
    const FOOTER: u16 = 2;
    let own = Records(slide)
        .find(|record| record.kind == HEADERS_FOOTERS)
        .map(|record| record.content);
    let footers = Records(own.unwrap_or(of_all));
    for string in footers.filter(|record| record.kind == STRING && record.instance == FOOTER) {
        write(string, out);
    }
}

/// The texts in a container, at whatever depth.
fn texts(content: &[u8], depth: usize, out: &mut Sink<'_>) {
    for record in Records(content) {
        if out.is_full() {
            return;
        }
        match record.kind {
            TEXT_CHARS | TEXT_BYTES => write(record, out),
            MAIN_MASTER | HEADERS_FOOTERS => {}
            _ if record.is_container && depth < MOST_NESTING => {
                texts(record.content, depth + 1, out);
            }
            _ => {}
        }
    }
}

fn write(record: Record<'_>, out: &mut Sink<'_>) {
    let text: String = match record.kind {
        TEXT_BYTES => record.content.iter().copied().map(char::from).collect(),
        _ => wide(record.content),
    };
    lines(&text, out);
}

fn lines(text: &str, out: &mut Sink<'_>) {
    for line in text.split(['\r', '\n', '\u{b}', '\0']) {
        out.paragraph(line);
    }
}
