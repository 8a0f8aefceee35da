//! An archive as bytes in order: each file's record and content, the central directory, the end.

use std::fs::File;
use std::io;

use axum::body::Bytes;

use super::contents::Contents;
use crate::error::Result;
use crate::store::Digest;
use crate::web::file_body::append;
use crate::web::read_body::{CHUNK, Source};

/// Room for what is written between two looks at whether a chunk is full: headers and their names.
const SLACK: usize = 16 << 10;

pub struct Archive<F> {
    contents: Contents,
    /// Opens a content of that many bytes.
    open: F,
    next: Next,
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
        crc: crc32fast::Hasher,
    },
    Directory {
        at: usize,
        offset: u64,
    },
    Nothing,
}

impl<F: FnMut(&Digest, u64) -> Result<File>> Archive<F> {
    pub fn new(contents: Contents, open: F) -> Self {
        let next = Next::Head { at: 0, offset: 0 };
        Self {
            contents,
            open,
            next,
        }
    }

    fn step(&mut self, out: &mut Vec<u8>) -> io::Result<()> {
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
                    crc: crc32fast::Hasher::new(),
                }
            }
            Next::Bytes {
                at,
                offset,
                file,
                read,
                mut crc,
            } => {
                let entry = contents.entry(at, offset);
                let room = CHUNK.saturating_sub(out.len());
                let most = usize::try_from(entry.size - read).map_or(room, |left| left.min(room));
                let begin = out.len();
                append(&file, read, most, out)?;
                crc.update(&out[begin..]);
                let read = read + most as u64;
                if read < entry.size {
                    Next::Bytes {
                        at,
                        offset,
                        file,
                        read,
                        crc,
                    }
                } else {
                    contents.set_crc(at, crc.finalize());
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

impl<F> Source for Archive<F>
where
    F: FnMut(&Digest, u64) -> Result<File> + Send + Unpin + 'static,
{
    fn read_chunk(&mut self) -> io::Result<Bytes> {
        let mut out = Vec::with_capacity(CHUNK + SLACK);
        while out.len() < CHUNK && !matches!(self.next, Next::Nothing) {
            self.step(&mut out)?;
        }
        Ok(Bytes::from(out))
    }
}
