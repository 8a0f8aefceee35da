//! The body of a download by a link: what was charged and did not go out is given back at its end.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::body::{Body, Bytes, HttpBody};
use http_body::{Frame, SizeHint};

use super::state::{App, blocking};
use crate::library::Charge;

/// Wraps a body that was charged.
pub fn metered(app: &App, charge: Charge, body: Body) -> Body {
    Body::new(MeteredBody {
        app: app.clone(),
        unsent: charge.bytes,
        charge,
        body,
    })
}

struct MeteredBody {
    app: App,
    charge: Charge,
    /// Bytes that were charged and not handed to the connection yet.
    unsent: u64,
    body: Body,
}

impl HttpBody for MeteredBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        if let Some(Ok(frame)) = &frame {
            let sent = frame.data_ref().map_or(0, |data| data.len() as u64);
            self.unsent = self.unsent.saturating_sub(sent);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for MeteredBody {
    fn drop(&mut self) {
        if self.unsent == 0 {
            return;
        }
        let (charge, unsent) = (self.charge.clone(), self.unsent);
        let Ok(library) = self.app.library() else {
            return;
        };
        // Nobody waits for it. If the process ends first, the charge stays.
        drop(blocking(move || {
            let refunded = library.refund_download(&charge, unsent);
            if let Err(error) = refunded {
                tracing::warn!(%error, "a download that broke off could not be given back");
            }
            Ok(())
        }));
    }
}
