//! An archive as bytes in order: each file's record and content, the central directory, the end.

use std::fs::File;
use std::io;
use std::ops::Range;

use axum::body::Bytes;

use super::contents::Contents;
use crate::error::Result;
use crate::store::Digest;
use crate::web::file_body::append;
use crate::web::read_body::{CHUNK, Source};

/// Room for what is written between two looks at whether a chunk is full: headers and their names.
const SLACK: usize = 16 << 10;

/// A part of an archive, in chunks.
pub struct Archive<F> {
    contents: Contents,
    /// Opens a content of that many bytes.
    open: F,
    next: Next,
    /// Bytes that are written next and lie before the part.
    skip: usize,
    /// Bytes of the part that are still to come.
    left: u64,
}

/// What is written next. Offsets are counted from the archive's beginning.
enum Next {
    Head {
        at: usize,
        offset: u64,
    },
    Bytes {
        at: usize,
        offset: u64,
        file: File,
        read: u64,
        /// Of a content that is written from its beginning.
        crc32: Option<crc32fast::Hasher>,
    },
    Directory {
        at: usize,
        offset: u64,
    },
    Nothing,
}

impl<F: FnMut(&Digest, u64) -> Result<File>> Archive<F> {
    /// The bytes of a range that lies within it; what lies before is neither read nor written.
    /// Wants contents that are [known](Contents::is_known), unless it begins with the first byte.
    ///
    /// # Errors
    /// Those of `open`.
    pub fn part(contents: Contents, mut open: F, part: Range<u64>) -> Result<Self> {
        let (next, skip) = find(&contents, &mut open, part.start)?;
        Ok(Self {
            contents,
            open,
            next,
            skip,
            left: part.end - part.start,
        })
    }

    /// Writes on, of contents no more than `out` needs to have `goal` bytes.
    fn step(&mut self, out: &mut Vec<u8>, goal: u64) -> io::Result<()> {
        let contents = &mut self.contents;
        self.next = match std::mem::replace(&mut self.next, Next::Nothing) {
            Next::Head { at, .. } if at == contents.len() => Next::Directory { at: 0, offset: 0 },
            Next::Head { at, offset } => {
                let entry = contents.entry(at, offset);
                entry.write_local(out);
                Next::Bytes {
                    at,
                    offset,
                    file: (self.open)(contents.sha256(at), entry.size).map_err(io::Error::other)?,
                    read: 0,
                    crc32: Some(crc32fast::Hasher::new()),
                }
            }
            Next::Bytes {
                at,
                offset,
                file,
                read,
                mut crc32,
            } => {
                let entry = contents.entry(at, offset);
                let room = goal.saturating_sub(out.len() as u64);
                let most = (entry.size - read).min(room);
                let begin = out.len();
                append(&file, read, usize::try_from(most).unwrap_or(CHUNK), out)?;
                if let Some(crc32) = &mut crc32 {
                    crc32.update(&out[begin..]);
                }
                let read = read + most;
                if read < entry.size {
                    Next::Bytes {
                        at,
                        offset,
                        file,
                        read,
                        crc32,
                    }
                } else {
                    if let Some(crc32) = crc32 {
                        contents.set_crc32(at, crc32.finalize())?;
                    }
                    let entry = contents.entry(at, offset);
                    entry.write_descriptor(out);
                    Next::Head {
                        at: at + 1,
                        offset: offset + entry.span(),
                    }
                }
            }
            Next::Directory { at, .. } if at == contents.len() => {
                contents.end().write(out);
                Next::Nothing
            }
            Next::Directory { at, offset } => {
                let entry = contents.entry(at, offset);
                entry.write_central(out);
                Next::Directory {
                    at: at + 1,
                    offset: offset + entry.span(),
                }
            }
            Next::Nothing => Next::Nothing,
        };
        Ok(())
    }
}

/// What to write first for the bytes from `start` on, and how much of that lies before it.
fn find(
    contents: &Contents,
    open: &mut impl FnMut(&Digest, u64) -> Result<File>,
    start: u64,
) -> Result<(Next, usize)> {
    let before = |offset: u64| usize::try_from(start - offset).unwrap_or(usize::MAX);
    let mut offset = 0;
    for at in 0..contents.len() {
        let entry = contents.entry(at, offset);
        let content = offset + entry.head_len();
        if start < content {
            return Ok((Next::Head { at, offset }, before(offset)));
        }
        if start < offset + entry.span() {
            let next = Next::Bytes {
                at,
                offset,
                file: open(contents.sha256(at), entry.size)?,
                read: start - content,
                crc32: (start == content).then(crc32fast::Hasher::new),
            };
            return Ok((next, 0));
        }
        offset += entry.span();
    }
    let (mut position, mut offset) = (offset, 0);
    for at in 0..contents.len() {
        let entry = contents.entry(at, offset);
        if start < position + entry.central_len() {
            return Ok((Next::Directory { at, offset }, before(position)));
        }
        position += entry.central_len();
        offset += entry.span();
    }
    let at = contents.len();
    Ok((Next::Directory { at, offset }, before(position)))
}

impl<F> Source for Archive<F>
where
    F: FnMut(&Digest, u64) -> Result<File> + Send + Unpin + 'static,
{
    fn read_chunk(&mut self) -> io::Result<Bytes> {
        let goal = self.left.min(CHUNK as u64) + self.skip as u64;
        let mut out = Vec::with_capacity(CHUNK + SLACK);
        while (out.len() as u64) < goal && !matches!(self.next, Next::Nothing) {
            self.step(&mut out, goal)?;
        }
        let skipped = self.skip.min(out.len());
        self.skip -= skipped;
        let most = usize::try_from(self.left).unwrap_or(usize::MAX);
        let end = out.len().min(skipped.saturating_add(most));
        self.left -= (end - skipped) as u64;
        Ok(Bytes::from(out).slice(skipped..end))
    }
}
