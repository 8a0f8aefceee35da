//! The body of a download: chunks that block to be read, the next one being read while one is sent.
//!
//! What may be read when an answer begins goes out to its end, unless what asked for it ends meanwhile:
//! a session, a token, a link, an account. Then the answer breaks off.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::body::{Body, Bytes, HttpBody};
use http_body::{Frame, SizeHint};
use tokio::task::JoinHandle;

use super::state::App;
use crate::error::{Error, Result};

/// Bytes read and sent together. A slow client holds two of these.
pub const CHUNK: usize = 512 << 10;
/// A body of at most this many bytes is read whole before the answer begins.
const SMALL: u64 = 64 << 10;
/// Bytes that may go out before it is asked again whether who asked for them still may.
const UNCHECKED: u64 = 8 << 20;

/// Bytes in order, read chunk by chunk.
pub trait Source: Send + Unpin + 'static {
    /// The next bytes, at least one unless there are no more. Blocks.
    fn read_chunk(&mut self) -> io::Result<Bytes>;
}

/// Makes a body of the `length` bytes of a source. Blocks: what is small is read whole, and of
/// what is large the beginning.
pub fn read_body(app: &App, mut source: impl Source, length: u64) -> Result<Body> {
    let unreadable = |error| Error::internal("A stored content cannot be read.").because(error);
    let first = match length {
        0 => Bytes::new(),
        _ => read_some(&mut source).map_err(unreadable)?,
    };
    if length > SMALL {
        return Ok(Body::new(ReadBody {
            app: app.clone(),
            left: length,
            unchecked: 0,
            next: Next::Here(source, first),
        }));
    }
    app.metrics().sent(length);
    if first.len() as u64 == length {
        return Ok(Body::from(first));
    }
    let mut all = first.to_vec();
    while (all.len() as u64) < length {
        all.extend_from_slice(&read_some(&mut source).map_err(unreadable)?);
    }
    Ok(Body::from(all))
}

fn read_some(source: &mut impl Source) -> io::Result<Bytes> {
    match source.read_chunk()? {
        bytes if bytes.is_empty() => Err(io::ErrorKind::UnexpectedEof.into()),
        bytes => Ok(bytes),
    }
}

struct ReadBody<S> {
    app: App,
    /// Bytes not sent yet.
    left: u64,
    /// Bytes sent since the last check.
    unchecked: u64,
    next: Next<S>,
}

enum Next<S> {
    Nothing,
    Here(S, Bytes),
    Reading(JoinHandle<io::Result<(S, Bytes)>>),
}

impl<S: Source> Next<S> {
    /// Begins to read; if an application is given, after having required that who asked still may.
    fn begin(mut source: S, check: Option<App>) -> Self {
        Self::Reading(tokio::task::spawn_blocking(move || {
            if let Some(app) = check {
                let library = app.library().map_err(io::Error::other)?;
                library.require_credential().map_err(io::Error::other)?;
            }
            let bytes = read_some(&mut source)?;
            Ok((source, bytes))
        }))
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<(S, Bytes)>>> {
        if let Self::Reading(reading) = self {
            let read = ready!(Pin::new(reading).poll(cx));
            *self = Self::Nothing;
            let read = read.unwrap_or_else(|error| Err(io::Error::other(error)));
            return Poll::Ready(Some(read));
        }
        Poll::Ready(match std::mem::replace(self, Self::Nothing) {
            Self::Here(source, bytes) => Some(Ok((source, bytes))),
            Self::Nothing | Self::Reading(_) => None,
        })
    }
}

impl<S: Source> HttpBody for ReadBody<S> {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let (source, bytes) = match ready!(self.next.poll(cx)) {
            None => return Poll::Ready(None),
            Some(Ok(read)) => read,
            Some(Err(error)) => {
                // The head is gone already: all that is left is to break off.
                tracing::error!(%error, "an answer with a stored content breaks off");
                return Poll::Ready(Some(Err(error)));
            }
        };
        let sent = bytes.len() as u64;
        self.left = self.left.saturating_sub(sent);
        self.unchecked += sent;
        if self.left > 0 {
            let is_due = self.unchecked >= UNCHECKED;
            let check = is_due.then(|| self.app.clone());
            self.unchecked = if is_due { 0 } else { self.unchecked };
            self.next = Next::begin(source, check);
        }
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
