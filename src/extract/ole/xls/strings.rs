//! The strings that all cells of a workbook share, in a table cut into records anywhere.

use super::super::{size_at, slice, u16_at, wide};

/// Strings one after the other, and where each ends.
#[derive(Default)]
pub struct Strings {
    text: String,
    ends: Vec<usize>,
}

const IS_WIDE: u8 = 1;
const HAS_PHONETICS: u8 = 4;
const IS_RICH: u8 = 8;

/// Bytes of a character.
pub fn width(flags: u8) -> usize {
    1 + usize::from(flags & IS_WIDE)
}

/// Bytes between the flags and the characters.
pub fn header_length(flags: u8) -> usize {
    2 * usize::from(flags & IS_RICH != 0) + 4 * usize::from(flags & HAS_PHONETICS != 0)
}

/// Characters of one byte are the first 256 of Unicode.
pub fn characters(bytes: &[u8], width: usize) -> String {
    match width {
        1 => bytes.iter().copied().map(char::from).collect(),
        _ => wide(bytes),
    }
}

impl Strings {
    /// Reads the table (MS-XLS 2.4.265) from its records' contents.
    pub fn read(pieces: &[&[u8]]) -> Self {
        let mut strings = Self::default();
        let mut cursor = Cursor::new(pieces);
        cursor.skip(8);
        while strings.read_one(&mut cursor).is_some() {}
        strings
    }

    pub fn get(&self, number: usize) -> &str {
        let start = match number {
            0 => Some(&0),
            _ => self.ends.get(number - 1),
        };
        match (start, self.ends.get(number)) {
            (Some(start), Some(end)) => &self.text[*start..*end],
            _ => "",
        }
    }

    fn read_one(&mut self, cursor: &mut Cursor<'_>) -> Option<()> {
        let head = cursor.take(3)?;
        let mut missing = usize::from(u16_at(head, 0)?);
        let mut width = width(head[2]);
        let flags = head[2];
        let header = cursor.take(header_length(flags))?;
        let (runs, phonetics) = match flags & IS_RICH != 0 {
            true => (usize::from(u16_at(header, 0)?), size_at(header, 2)),
            false => (0, size_at(header, 0)),
        };
        loop {
            let part = cursor.take_most(missing.saturating_mul(width));
            self.text.push_str(&characters(part, width));
            missing -= part.len().div_ceil(width);
            if missing == 0 {
                break;
            }
            // Where the characters are cut, their width is said again.
            width = self::width(cursor.next_piece()?);
        }
        self.ends.push(self.text.len());
        cursor.skip(
            4 * runs
                + phonetics
                    .filter(|_| flags & HAS_PHONETICS != 0)
                    .unwrap_or(0),
        );
        Some(())
    }
}

/// A place in the table.
struct Cursor<'a> {
    piece: &'a [u8],
    pieces: std::slice::Iter<'a, &'a [u8]>,
}

impl<'a> Cursor<'a> {
    fn new(pieces: &'a [&'a [u8]]) -> Self {
        let mut pieces = pieces.iter();
        Self {
            piece: pieces.next().copied().unwrap_or_default(),
            pieces,
        }
    }

    /// Bytes that are never cut.
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        if self.piece.is_empty() && length > 0 {
            self.piece = self.pieces.next()?;
        }
        let taken = self.piece.get(..length)?;
        self.piece = &self.piece[length..];
        Some(taken)
    }

    /// As many bytes as this piece has, at most.
    fn take_most(&mut self, length: usize) -> &'a [u8] {
        let taken = slice(self.piece, 0, length);
        self.piece = &self.piece[taken.len()..];
        taken
    }

    /// Goes on to the next piece, and answers its first byte.
    fn next_piece(&mut self) -> Option<u8> {
        let (first, rest) = self.pieces.next()?.split_first()?;
        self.piece = rest;
        Some(*first)
    }

    fn skip(&mut self, mut length: usize) {
        loop {
            length -= self.take_most(length).len();
            if length == 0 {
                return;
            }
            match self.pieces.next() {
                Some(piece) => self.piece = piece,
                None => return,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Strings;

    #[test]
    fn strings_are_cut_anywhere() {
        let first = b"\x03\0\0\0\x03\0\0\0\x04\0\0ab";
        // The rest of the first string is wide; the second has formatting, the third is empty.
        let second = b"\x01c\0\xe9\0\x01\0\x08\x01\0x\0\0\0\0\x00\0\0";
        let strings = Strings::read(&[first, second]);
        assert_eq!(strings.get(0), "abcé");
        assert_eq!(strings.get(1), "x");
        assert_eq!(strings.get(2), "");
        assert_eq!(strings.get(3), "");
        assert_eq!(strings.ends.len(), 3);
    }

    #[test]
    fn damaged_tables_end() {
        let table = b"\0\0\0\0\0\0\0\0\xff\xff\x0d\xff\xff\xff\xff\xff\xffab";
        for length in 0..table.len() {
            Strings::read(&[&table[..length], &table[..length]]);
        }
    }
}
