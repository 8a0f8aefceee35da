//! Bodies for small uploads.

use std::fs;

use crate::arguments::{Arguments, Outcome};

/// Bodies of one size out of a real text, each opened by a word that nothing else contains.
pub struct Slices {
    text: Vec<u8>,
    tag: String,
    count: u64,
    size: usize,
    slice: Vec<u8>,
}

impl Slices {
    pub fn read(arguments: &Arguments) -> Outcome<Self> {
        let path = arguments.text("text")?;
        let text = fs::read(path)?;
        let size = arguments.number("size")?;
        if text.len() <= size || size < 64 {
            return Err(format!(
                "--size must be between 64 and the {} octets of {path}",
                text.len()
            )
            .into());
        }
        let tag = arguments.text("tag")?.to_owned();
        Ok(Self {
            text,
            tag,
            count: arguments.number("count")?,
            size,
            slice: Vec::with_capacity(size),
        })
    }

    /// `None` after the last.
    pub fn take(&mut self, number: u64) -> Option<&[u8]> {
        if number >= self.count {
            return None;
        }
        let word = unique_word(&self.tag, number);
        let body = self.size - word.len() - 1;
        let start = (number as usize).wrapping_mul(self.size) % (self.text.len() - self.size);
        self.slice.clear();
        self.slice.extend_from_slice(word.as_bytes());
        self.slice.push(b'\n');
        self.slice
            .extend_from_slice(&self.text[start..start + body]);
        Some(&self.slice)
    }
}

/// Ends in digits, so no stemmer changes it.
pub fn unique_word(tag: &str, number: u64) -> String {
    format!("{tag}n{number:06}")
}
