//! A file that remembers when reading it failed: readers take that for damage of the document.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

pub struct Source<'a> {
    file: &'a mut File,
    error: Option<io::Error>,
}

impl<'a> Source<'a> {
    pub fn new(file: &'a mut File) -> Self {
        Self { file, error: None }
    }

    /// The first failure of the disk, if there was one.
    pub fn into_error(self) -> Option<io::Error> {
        self.error
    }
}

impl Read for Source<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.file.read(buffer).map_err(|error| {
            let again = io::Error::from(error.kind());
            if error.kind() != io::ErrorKind::Interrupted {
                self.error.get_or_insert(error);
            }
            again
        })
    }
}

impl Seek for Source<'_> {
    /// A place that cannot be is the document's fault, not the disk's.
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}
