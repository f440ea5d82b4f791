//! An object's bytes on their way to the caller: counted, checked for completeness, and logged when they end.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::body::Body;
use bytes::Bytes;
use futures::Stream;
use http_body::{Frame, SizeHint};

use crate::http::streams::StreamSlot;
use crate::provider::ByteStream;
use crate::telemetry::error_chain;
use crate::telemetry::metrics::Metrics;

/// A body that is whole within this time is not worth a line of its own.
const AT_ONCE: Duration = Duration::from_secs(1);

/// Bytes of one object under way. Dropping it, as hyper does when the client goes away, drops the stream upstream.
pub struct ObjectBody {
    bytes: ByteStream,
    expected: Option<u64>,
    sent: u64,
    began: Instant,
    outcome: Outcome,
    bucket: String,
    span: tracing::Span,
    metrics: Arc<Metrics>,
    _slot: StreamSlot,
}

impl fmt::Debug for ObjectBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ObjectBody").field("sent", &self.sent).finish_non_exhaustive()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// Still flowing; at drop it means that the client went away.
    Flowing,
    Complete,
    Failed,
}

/// Why a body ends before its end. The client sees a connection that breaks off, never a short success.
#[derive(Debug, thiserror::Error)]
#[error("the object's bytes ended early")]
struct BrokenOff;

impl ObjectBody {
    /// A body of `expected` bytes, or of as many as come when that is not known.
    pub fn start(
        bytes: ByteStream,
        expected: Option<u64>,
        bucket: String,
        metrics: Arc<Metrics>,
        slot: StreamSlot,
    ) -> Body {
        metrics.streams.inc();
        let span = tracing::Span::current();
        let outcome = Outcome::Flowing;
        let began = Instant::now();
        Body::new(Self { bytes, expected, sent: 0, began, outcome, bucket, span, metrics, _slot: slot })
    }

    fn end(&mut self, outcome: Outcome) {
        self.outcome = outcome;
    }
}

impl http_body::Body for ObjectBody {
    type Data = Bytes;
    type Error = Box<dyn std::error::Error + Send + Sync>;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let this = self.get_mut();
        if this.outcome != Outcome::Flowing {
            return Poll::Ready(None);
        }
        match Pin::new(&mut this.bytes).poll_next(context) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Some(Ok(chunk))) => {
                this.sent = this.sent.saturating_add(chunk.len() as u64);
                if this.expected == Some(this.sent) {
                    this.end(Outcome::Complete);
                }
                Poll::Ready(Some(Ok(Frame::data(chunk))))
            }
            Poll::Ready(Some(Err(error))) => {
                this.end(Outcome::Failed);
                let _inside = this.span.enter();
                tracing::warn!(bucket.id = this.bucket, chain = error_chain(&error), "a body broke off");
                Poll::Ready(Some(Err(Box::new(BrokenOff))))
            }
            Poll::Ready(None) if this.expected.is_none_or(|expected| expected == this.sent) => {
                this.end(Outcome::Complete);
                Poll::Ready(None)
            }
            Poll::Ready(None) => {
                this.end(Outcome::Failed);
                Poll::Ready(Some(Err(Box::new(BrokenOff))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.outcome == Outcome::Complete
    }

    fn size_hint(&self) -> SizeHint {
        match self.expected {
            Some(expected) => SizeHint::with_exact(expected.saturating_sub(self.sent)),
            None => SizeHint::default(),
        }
    }
}

impl Drop for ObjectBody {
    fn drop(&mut self) {
        self.metrics.streams.dec();
        self.metrics.bytes_sent.inc_by(self.sent);
        let outcome = match self.outcome {
            Outcome::Complete => "complete",
            Outcome::Failed => "failed",
            Outcome::Flowing => "client-gone",
        };
        let _inside = self.span.enter();
        // What goes out at once is told by the line that says `answered`.
        if self.outcome == Outcome::Complete && self.began.elapsed() < AT_ONCE {
            tracing::debug!(bucket.id = self.bucket, bytes = self.sent, outcome, "a body ended");
        } else {
            tracing::info!(bucket.id = self.bucket, bytes = self.sent, outcome, "a body ended");
        }
    }
}
