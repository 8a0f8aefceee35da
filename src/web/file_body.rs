//! The body of a download of one file: ranges of it, and text between them.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::ops::Range;

use axum::body::{Body, Bytes};

use super::read_body::{CHUNK, Source, read_body};
use super::state::App;
use crate::error::Result;

/// One piece of a body.
#[derive(Debug)]
pub enum Piece {
    /// Bytes of the file.
    File(Range<u64>),
    /// Bytes between them, such as the head of a part.
    Text(Bytes),
}

impl Piece {
    fn len(&self) -> u64 {
        match self {
            Self::File(range) => range.end - range.start,
            Self::Text(bytes) => bytes.len() as u64,
        }
    }
}

/// Number of bytes in `pieces`.
pub fn length(pieces: &[Piece]) -> u64 {
    pieces.iter().map(Piece::len).sum()
}

/// Makes a body of pieces of `file`. Blocks: it reads the beginning.
pub fn file_body(app: &App, file: File, pieces: Vec<Piece>) -> Result<Body> {
    let length = length(&pieces);
    let pieces = pieces.into();
    read_body(app, Pieces { file, pieces }, length)
}

struct Pieces {
    file: File,
    pieces: VecDeque<Piece>,
}

impl Pieces {
    /// Takes at most one chunk off the pieces.
    fn take_chunk(&mut self) -> Option<Piece> {
        match self.pieces.front_mut()? {
            Piece::File(range) if range.end - range.start > CHUNK as u64 => {
                let chunk = range.start..range.start + CHUNK as u64;
                range.start = chunk.end;
                Some(Piece::File(chunk))
            }
            _ => self.pieces.pop_front(),
        }
    }
}

impl Source for Pieces {
    fn read_chunk(&mut self) -> io::Result<Bytes> {
        while let Some(piece) = self.take_chunk() {
            match piece {
                Piece::Text(bytes) if !bytes.is_empty() => return Ok(bytes),
                Piece::File(range) if !range.is_empty() => return read(&self.file, range),
                Piece::Text(_) | Piece::File(_) => {}
            }
        }
        Ok(Bytes::new())
    }
}

/// All bytes of a range.
fn read(file: &File, range: Range<u64>) -> io::Result<Bytes> {
    let length = usize::try_from(range.end - range.start).map_err(io::Error::other)?;
    let mut bytes = Vec::with_capacity(length);
    append(file, range.start, length, &mut bytes)?;
    Ok(Bytes::from(bytes))
}

/// Appends exactly that many bytes of a file to a buffer.
pub fn append(file: &File, at: u64, length: usize, bytes: &mut Vec<u8>) -> io::Result<()> {
    let begin = bytes.len();
    bytes.reserve(length);
    while bytes.len() < begin + length {
        let at = at + (bytes.len() - begin) as u64;
        let read = rustix::io::pread(file, rustix::buffer::spare_capacity(bytes), at);
        match read {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    bytes.truncate(begin + length);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::HttpBody;
    use http_body_util::BodyExt;
    use std::io::Write;

    fn app() -> App {
        App::new(
            crate::config::Config::from_vars([("ACCESS".to_owned(), "local".to_owned())]).unwrap(),
        )
    }

    fn file(bytes: &[u8]) -> File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        file
    }

    async fn collect(body: Body) -> Vec<u8> {
        body.collect().await.unwrap().to_bytes().to_vec()
    }

    #[tokio::test]
    async fn large_files_arrive_whole_and_in_order() {
        let bytes: Vec<u8> = (0..3_000_001u32).map(|n| (n % 251) as u8).collect();
        let size = bytes.len() as u64;
        let app = app();
        let body = file_body(&app, file(&bytes), vec![Piece::File(0..size)]).unwrap();
        assert_eq!(body.size_hint().exact(), Some(size));
        assert_eq!(collect(body).await, bytes);
        let pieces = vec![
            Piece::Text(Bytes::from_static(b"<")),
            Piece::File(5..1_000_000),
            Piece::Text(Bytes::from_static(b">")),
            Piece::File(2_000_000..2_000_001),
        ];
        let expected = [
            b"<",
            &bytes[5..1_000_000],
            b">",
            &bytes[2_000_000..2_000_001],
        ]
        .concat();
        assert_eq!(length(&pieces), expected.len() as u64);
        assert_eq!(
            collect(file_body(&app, file(&bytes), pieces).unwrap()).await,
            expected
        );
    }

    #[tokio::test]
    async fn small_files_are_read_at_once() {
        let app = app();
        let pieces = vec![
            Piece::File(1..3),
            Piece::Text(Bytes::from_static(b"-")),
            Piece::File(4..4),
        ];
        assert_eq!(
            collect(file_body(&app, file(b"abcde"), pieces).unwrap()).await,
            b"bc-"
        );
        assert_eq!(
            collect(file_body(&app, file(b""), vec![Piece::File(0..0)]).unwrap()).await,
            b""
        );
        assert!(file_body(&app, file(b"short"), vec![Piece::File(0..10)]).is_err());
    }

    #[tokio::test]
    async fn a_file_that_became_shorter_breaks_the_answer_off() {
        let body = file_body(&app(), file(&[7; 600 << 10]), vec![Piece::File(0..2 << 20)]).unwrap();
        assert!(body.collect().await.is_err());
    }
}
