//! The body of a download: pieces of a file, the next one being read while one is sent.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::body::{Body, Bytes, HttpBody};
use http_body::{Frame, SizeHint};
use tokio::task::JoinHandle;

use super::state::App;
use crate::error::{Error, Result};

/// Bytes read and sent together. A slow client holds two of these.
const CHUNK: u64 = 512 << 10;
/// A body of at most this many bytes is read whole before the answer begins.
const SMALL: u64 = 64 << 10;

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

/// Makes a body of pieces of `file`. Blocks: what is small is read whole, and of what is large
/// the beginning.
pub fn file_body(app: &App, file: File, pieces: Vec<Piece>) -> Result<Body> {
    let left = length(&pieces);
    let mut body = FileBody {
        app: app.clone(),
        file: Arc::new(file),
        pieces: pieces.into(),
        left,
        next: Next::Nothing,
    };
    if left <= SMALL {
        return body.whole();
    }
    if let Some(first) = body.take_chunk() {
        body.next =
            Next::Here(first.read(&body.file).map_err(|error| {
                Error::internal("A stored content cannot be read.").because(error)
            })?);
    }
    Ok(Body::new(body))
}

struct FileBody {
    app: App,
    file: Arc<File>,
    pieces: VecDeque<Piece>,
    /// Bytes not sent yet.
    left: u64,
    next: Next,
}

enum Next {
    Nothing,
    Here(Bytes),
    Reading(JoinHandle<io::Result<Bytes>>),
}

impl FileBody {
    fn whole(mut self) -> Result<Body> {
        let mut all = Vec::with_capacity(usize::try_from(self.left).unwrap_or(0));
        self.app.metrics().sent(self.left);
        while let Some(piece) = self.pieces.pop_front() {
            let bytes = piece.read(&self.file).map_err(|error| {
                Error::internal("A stored content cannot be read.").because(error)
            })?;
            if self.pieces.is_empty() && all.is_empty() {
                return Ok(Body::from(bytes));
            }
            all.extend_from_slice(&bytes);
        }
        Ok(Body::from(all))
    }

    /// Takes at most one chunk off the pieces.
    fn take_chunk(&mut self) -> Option<Piece> {
        match self.pieces.front_mut()? {
            Piece::File(range) if range.end - range.start > CHUNK => {
                let chunk = range.start..range.start + CHUNK;
                range.start = chunk.end;
                Some(Piece::File(chunk))
            }
            _ => self.pieces.pop_front(),
        }
    }

    /// Begins to read what follows.
    fn read_ahead(&mut self) {
        self.next = match self.take_chunk() {
            None => Next::Nothing,
            Some(Piece::Text(bytes)) => Next::Here(bytes),
            Some(piece) => {
                let file = Arc::clone(&self.file);
                Next::Reading(tokio::task::spawn_blocking(move || piece.read(&file)))
            }
        };
    }
}

impl Piece {
    fn read(self, file: &File) -> io::Result<Bytes> {
        let range = match self {
            Self::Text(bytes) => return Ok(bytes),
            Self::File(range) if range.is_empty() => return Ok(Bytes::new()),
            Self::File(range) => range,
        };
        let length = usize::try_from(range.end - range.start).map_err(io::Error::other)?;
        let mut bytes = Vec::with_capacity(length);
        while bytes.len() < length {
            let at = range.start + bytes.len() as u64;
            let read = rustix::io::pread(file, rustix::buffer::spare_capacity(&mut bytes), at);
            match read {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        bytes.truncate(length);
        Ok(Bytes::from(bytes))
    }
}

impl HttpBody for FileBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let bytes = match &mut self.next {
            Next::Nothing => return Poll::Ready(None),
            Next::Here(bytes) => std::mem::take(bytes),
            Next::Reading(reading) => {
                match ready!(Pin::new(reading).poll(cx))
                    .unwrap_or_else(|error| Err(io::Error::other(error)))
                {
                    Ok(bytes) => bytes,
                    Err(error) => {
                        // The head is gone already: all that is left is to break off.
                        tracing::error!(%error, "reading a stored content failed");
                        self.next = Next::Nothing;
                        return Poll::Ready(Some(Err(error)));
                    }
                }
            }
        };
        self.read_ahead();
        let sent = bytes.len() as u64;
        self.left -= sent;
        self.app.metrics().sent(sent);
        Poll::Ready(Some(Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt;
    use std::io::Write;

    fn app() -> App {
        App::new(crate::config::Config::from_vars([]).unwrap())
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
