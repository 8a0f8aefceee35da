//! One connection: HTTP/1.1 on a socket, from its first byte to a close that loses no answer.

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::header::CONNECTION;
use axum::http::{HeaderValue, Request, Response};
use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tower::Service;

use super::patience::PatientStream;
use super::request_head::Exchanges;
use super::server::Stage;
use super::visitor::Peer;

/// How long a connection may wait for its next request, from the end of the one before to the
/// end of the next head. A head of which a part is there has less time: see [`PatientStream`].
const IDLE_PATIENCE: Duration = Duration::from_secs(75);
/// Most bytes of a request's head, and most fields in it; what has more gets a bare 431. Our own
/// limits, which say what was wrong, are below it.
const MAX_HEAD_BYTES: usize = 256 << 10;
const MAX_HEAD_FIELDS: usize = 200;
/// Most bytes that wait in memory for one connection: a head has to fit. Of a body far fewer wait,
/// because [`PatientStream`] reads few at once.
const MAX_BUFFER_BYTES: usize = 288 << 10;
/// How long what a client still sends is read and thrown away after the last answer.
const LINGER: Duration = Duration::from_secs(3);

/// Serves requests until the client goes, or until the process stops and the request in
/// flight is answered. `stall` is how long the client may take nothing of an answer, and how
/// long it may take over a head that it has begun.
pub async fn serve(
    stream: TcpStream,
    router: Router,
    stall: Duration,
    mut stage: watch::Receiver<Stage>,
) {
    // Without it, a small answer waits for the acknowledgement of the one before it.
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let Ok(peer) = stream.peer_addr() else {
        return;
    };
    let exchanges = Exchanges::default();
    let io = TokioIo::new(PatientStream::new(stream, stall, exchanges.clone()));
    let service = service_fn(move |mut request: Request<Incoming>| {
        exchanges.begin();
        request.extensions_mut().insert(Peer(peer.ip()));
        answer(router.clone(), request, exchanges.clone())
    });
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(IDLE_PATIENCE)
        .max_header_size(MAX_HEAD_BYTES)
        .max_headers(MAX_HEAD_FIELDS)
        .max_buf_size(MAX_BUFFER_BYTES)
        .serve_connection(io, service);
    let mut stopping = false;
    let ended = loop {
        tokio::select! {
            ended = poll_fn(|cx| connection.poll_without_shutdown(cx)) => break ended,
            _ = stage.wait_for(|stage| *stage == Stage::Stopping), if !stopping => {
                stopping = true;
                Pin::new(&mut connection).graceful_shutdown();
            }
        }
    };
    match ended {
        Ok(()) => {
            close(
                connection.into_parts().io.into_inner().into_inner(),
                stopping,
            )
            .await
        }
        Err(error) => tracing::debug!(%error, "a connection broke off"),
    }
}

type Answer = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

/// A connection whose request was answered before its body was read cannot carry another one,
/// and the answer has to say so: else the client sends its next request into the close.
fn answer(mut router: Router, request: Request<Incoming>, exchanges: Exchanges) -> Answer {
    let ended = Arc::new(AtomicBool::new(request.body().is_end_stream()));
    let watched = request.map(|body| {
        let ended = Arc::clone(&ended);
        Body::new(Watched { body, ended })
    });
    Box::pin(async move {
        let mut answer = router.call(watched).await?;
        if ended.load(Ordering::Relaxed) {
            exchanges.end();
        } else {
            let close = HeaderValue::from_static("close");
            answer.headers_mut().insert(CONNECTION, close);
        }
        Ok(answer)
    })
}

/// A request's body that tells whether it was read to its end.
struct Watched {
    body: Incoming,
    ended: Arc<AtomicBool>,
}

impl HttpBody for Watched {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        if matches!(frame, Poll::Ready(None)) || self.body.is_end_stream() {
            self.ended.store(true, Ordering::Relaxed);
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A socket closed while its client still sends is reset, and the reset can overtake the
/// answer (a 413, say). So we say that we are done, and listen a little longer.
async fn close(mut stream: TcpStream, stopping: bool) {
    if stream.shutdown().await.is_err() || stopping {
        return;
    }
    let mut waste = vec![0; 16 << 10];
    let drained = async { while matches!(stream.read(&mut waste).await, Ok(1..)) {} };
    let _ = tokio::time::timeout(LINGER, drained).await;
}
