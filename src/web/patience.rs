//! Patience with clients: as long as bytes move, a transfer may take for ever; when none have
//! moved for a while, it ends. No thread waits in the meantime.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use http_body_util::BodyExt;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf, Take};
use tokio::time::{Instant, Sleep};

use super::request_head::{Exchanges, HeadClock};
use crate::error::{Error, Kind};

/// Most bytes that one read of a connection hands on. Whoever reads makes room for twice as much
/// as soon as a read fills the room it made, and that room is most of the memory of many uploads
/// at once: so this is a little below a power of two, and the room stays at 64 KiB.
const READ_BYTES: u64 = 63 << 10;

/// A clock that runs only while the other side is waited for.
struct Patience {
    limit: Duration,
    waiting: bool,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Patience {
    fn new(limit: Duration) -> Self {
        Self {
            limit,
            waiting: false,
            timer: None,
        }
    }

    /// Something moved.
    fn moved(&mut self) {
        self.waiting = false;
    }

    /// Nothing moved; ready once that has been so for the whole limit.
    fn poll_over(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let timer = self
            .timer
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(self.limit)));
        if !self.waiting {
            self.waiting = true;
            timer.as_mut().reset(Instant::now() + self.limit);
        }
        ready!(timer.as_mut().poll(cx));
        self.waiting = false;
        Poll::Ready(())
    }
}

/// A request's body that fails with [`Kind::Stalled`] when its client sends nothing for too long.
/// Its errors are [`Error`]s.
struct PatientBody {
    inner: Body,
    patience: Patience,
}

/// Wraps a request's body; one that is known to be empty stays as it is.
pub fn patient(body: Body, limit: Duration) -> Body {
    if body.is_end_stream() {
        return body;
    }
    Body::new(PatientBody {
        inner: body,
        patience: Patience::new(limit),
    })
}

/// What went wrong with a body that [`patient`] has wrapped.
pub fn body_error(error: axum::Error) -> Error {
    match error.into_inner().downcast::<Error>() {
        Ok(error) => *error,
        Err(error) => broken_off(error),
    }
}

fn broken_off(error: Box<dyn std::error::Error + Send + Sync>) -> Error {
    let first: &(dyn std::error::Error + 'static) = error.as_ref();
    let malformed = std::iter::successors(Some(first), |cause| cause.source())
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|cause| {
            matches!(
                cause.kind(),
                io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData
            )
        });
    let (kind, sentence) = if malformed {
        (
            Kind::Invalid,
            "The body's chunks are malformed; nothing of it was stored.",
        )
    } else {
        (
            Kind::Stalled,
            "The body ended before it was complete; nothing of it was stored.",
        )
    };
    Error::new(kind, sentence).because(error)
}

impl HttpBody for PatientBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, Error>>> {
        match Pin::new(&mut self.inner).poll_frame(cx) {
            Poll::Ready(frame) => {
                self.patience.moved();
                Poll::Ready(
                    frame.map(|frame| frame.map_err(|error| broken_off(error.into_inner()))),
                )
            }
            Poll::Pending => {
                ready!(self.patience.poll_over(cx));
                let seconds = self.patience.limit.as_secs();
                Poll::Ready(Some(Err(Error::new(
                    Kind::Stalled,
                    format!(
                        "Nothing of the body arrived for {seconds} seconds; nothing of it was stored."
                    ),
                ))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.inner.size_hint()
    }
}

/// Collects a body of at most `limit` bytes.
pub async fn collect(body: Body, limit: usize) -> Result<Bytes, Error> {
    match http_body_util::Limited::new(body, limit).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<http_body_util::LengthLimitError>() => Err(Error::new(
            Kind::TooLarge,
            format!("The body is larger than {limit} bytes, the most for this address."),
        )),
        Err(error) => Err(match error.downcast::<axum::Error>() {
            Ok(error) => body_error(*error),
            Err(error) => broken_off(error),
        }),
    }
}

/// A connection whose writes fail when its client takes nothing for too long, and whose reads
/// fail when it leaves a request's head half-sent for as long. It reads at most [`READ_BYTES`] at
/// once.
pub struct PatientStream<S> {
    inner: Take<S>,
    head: HeadClock,
    patience: Patience,
}

impl<S: AsyncRead> PatientStream<S> {
    pub fn new(inner: S, limit: Duration, exchanges: Exchanges) -> Self {
        Self {
            inner: inner.take(READ_BYTES),
            head: HeadClock::new(limit, exchanges),
            patience: Patience::new(limit),
        }
    }

    pub fn into_inner(self) -> S {
        self.inner.into_inner()
    }

    fn watch<T>(
        &mut self,
        cx: &mut Context<'_>,
        progress: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        match progress {
            Poll::Ready(result) => {
                self.patience.moved();
                Poll::Ready(result)
            }
            Poll::Pending => {
                ready!(self.patience.poll_over(cx));
                Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
            }
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for PatientStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        self.inner.set_limit(READ_BYTES);
        let Poll::Ready(read) = Pin::new(&mut self.inner).poll_read(cx, buffer) else {
            ready!(self.head.poll_over(cx));
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        };
        if buffer.filled().len() > before {
            self.head.arrived();
        }
        Poll::Ready(read)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for PatientStream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let progress = Pin::new(self.inner.get_mut()).poll_write(cx, bytes);
        self.watch(cx, progress)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let progress = Pin::new(self.inner.get_mut()).poll_write_vectored(cx, slices);
        self.watch(cx, progress)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.get_ref().is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(self.inner.get_mut()).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(self.inner.get_mut()).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    #[tokio::test(start_paused = true)]
    async fn a_body_may_be_slow_but_not_silent() {
        let slow = futures_util::stream::unfold(0, |n| async move {
            tokio::time::sleep(Duration::from_secs(if n < 10 { 20 } else { 40 })).await;
            (n < 12).then(|| (Ok::<_, io::Error>(Bytes::from_static(b"x")), n + 1))
        });
        let mut body = patient(Body::from_stream(slow), Duration::from_secs(30));
        for _ in 0..10 {
            assert_eq!(
                body.frame().await.unwrap().unwrap().into_data().unwrap(),
                "x"
            );
        }
        let error = body_error(body.frame().await.unwrap().unwrap_err());
        assert_eq!(error.kind(), Kind::Stalled);
        assert!(error.sentence().contains("30 seconds"), "{error}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_reader_that_takes_nothing_ends_the_connection() {
        let (ours, _theirs) = tokio::io::duplex(16);
        let mut stream = PatientStream::new(ours, Duration::from_secs(5), Exchanges::default());
        let error = stream.write_all(&[0; 64]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_that_stays_half_ends_the_connection() {
        let (ours, mut client) = tokio::io::duplex(64);
        let mut stream = PatientStream::new(ours, Duration::from_secs(5), Exchanges::default());
        client.write_all(b"GET / HT").await.unwrap();
        let mut head = Vec::new();
        let error = stream.read_to_end(&mut head).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert_eq!(head, b"GET / HT");
    }

    #[tokio::test]
    async fn a_cut_body_is_no_complete_one() {
        let cut = futures_util::stream::iter([
            Ok(Bytes::from_static(b"half")),
            Err(io::Error::from(io::ErrorKind::UnexpectedEof)),
        ]);
        let error = collect(patient(Body::from_stream(cut), Duration::from_secs(5)), 100)
            .await
            .unwrap_err();
        assert_eq!(error.kind(), Kind::Stalled);
        let torn = futures_util::stream::iter([Err::<Bytes, _>(io::Error::from(
            io::ErrorKind::InvalidInput,
        ))]);
        let error = collect(
            patient(Body::from_stream(torn), Duration::from_secs(5)),
            100,
        )
        .await
        .unwrap_err();
        assert_eq!(error.kind(), Kind::Invalid);
        let error = collect(Body::from("too long"), 3).await.unwrap_err();
        assert_eq!(error.kind(), Kind::TooLarge);
    }
}
