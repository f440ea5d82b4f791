//! The body of an opened object: timed while its reader asks, and taken up again where it broke off.
//!
//! A body is never read from the start again, since its first bytes may be out already. It goes on by range with
//! `If-Match` on the same entity tag, so what follows is of the same version or an error.

use std::ops::ControlFlow;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::{Stream, StreamExt};
use tokio::time::{Instant, Sleep, sleep, sleep_until};

use crate::domain::key::ObjectKey;
use crate::domain::object::{ByteRange, Conditions, ContentRange, ETag, ETagMatch};
use crate::provider::error::{StoreError, StoreErrorKind, StoreOperation};
use crate::provider::guarded::BucketGuard;
use crate::provider::guarded::retry::pause_before;
use crate::provider::guarded::slots::Slot;
use crate::provider::guarded::stats::Outcome;
use crate::provider::{ByteStream, GetOptions, Opened, Store};

/// Puts an opened object's body under guard. The slot is free again when the body has ended or is dropped.
pub fn guard_body(store: &Store, guard: &Arc<BucketGuard>, slot: Slot, opened: Opened) -> Opened {
    let Opened { meta, range, body } = opened;
    let (next, end) = match range {
        Some(range) => (range.first, range.last.saturating_add(1)),
        None => (0, meta.size_bytes),
    };
    let source = Source {
        store: Arc::clone(store),
        guard: Arc::clone(guard),
        key: meta.key.clone(),
        etag: meta.etag.clone(),
        total: range.map_or(meta.size_bytes, |range| range.total),
    };
    let body = GuardedBody {
        state: State::Reading(body),
        source: Arc::new(source),
        next,
        end,
        resumes: 0,
        idle: None,
        asked_at: None,
        slot: Some(slot),
    };
    Opened { meta, range, body: body.boxed() }
}

/// Where the bytes come from.
struct Source {
    store: Store,
    guard: Arc<BucketGuard>,
    key: ObjectKey,
    etag: Option<ETag>,
    total: u64,
}

struct GuardedBody {
    state: State,
    source: Arc<Source>,
    /// Offset in the object of the next byte to hand on.
    next: u64,
    /// Offset behind the last byte.
    end: u64,
    resumes: u32,
    idle: Option<Pin<Box<Sleep>>>,
    /// Since when the reader waits for more; `None` while it is not asking.
    asked_at: Option<Instant>,
    slot: Option<Slot>,
}

/// What to do with a piece: hand something to the reader, or read on.
type Step = ControlFlow<Option<Result<Bytes, StoreError>>>;

enum State {
    Reading(ByteStream),
    Resuming(BoxFuture<'static, Result<ByteStream, StoreError>>),
    Ended,
}

impl Stream for GuardedBody {
    type Item = Result<Bytes, StoreError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        loop {
            let step = match &mut this.state {
                State::Ended => return Poll::Ready(None),
                State::Resuming(opening) => match ready!(opening.as_mut().poll(cx)) {
                    Ok(body) => {
                        this.state = State::Reading(body);
                        Step::Continue(())
                    }
                    Err(error) => this.fail(error),
                },
                State::Reading(body) => {
                    let piece = match body.poll_next_unpin(cx) {
                        Poll::Ready(piece) => piece,
                        Poll::Pending => {
                            ready!(this.poll_idle(cx));
                            Some(Err(StoreError::new(StoreOperation::Read, StoreErrorKind::TimedOut)))
                        }
                    };
                    this.asked_at = None;
                    this.judge(piece)
                }
            };
            if let Step::Break(item) = step {
                return Poll::Ready(item);
            }
        }
    }
}

impl GuardedBody {
    /// Judges what came: something for the reader, or a reason to go on.
    fn judge(&mut self, piece: Option<Result<Bytes, StoreError>>) -> Step {
        let missing = self.end.saturating_sub(self.next);
        match piece {
            Some(Ok(bytes)) if bytes.is_empty() => Step::Continue(()),
            Some(Ok(bytes)) if bytes.len() as u64 <= missing => {
                self.next += bytes.len() as u64;
                Step::Break(Some(Ok(bytes)))
            }
            Some(Ok(_)) => self.fail(read_error(StoreErrorKind::Unexpected, "more bytes than announced")),
            None if missing == 0 => self.finish(),
            // All bytes are out: how the connection ends no longer matters, what a checksum says does.
            Some(Err(error)) if missing == 0 && error.kind.is_transient() => self.finish(),
            Some(Err(error)) => self.go_on_after(error),
            None => self.go_on_after(read_error(StoreErrorKind::Unavailable, "fewer bytes than announced")),
        }
    }

    /// Starts to resume, if that is still allowed and can be done safely.
    fn go_on_after(&mut self, error: StoreError) -> Step {
        let limits = &self.source.guard.limits;
        let allowed = error.kind.is_transient() && self.resumes < limits.resumes;
        let pause = pause_before(self.resumes, &error.kind, limits).filter(|_| allowed);
        let (Some(pause), Some(etag)) = (pause, self.source.etag.clone()) else { return self.fail(error) };
        self.resumes += 1;
        let rest =
            ContentRange { first: self.next, last: self.end.saturating_sub(1), total: self.source.total };
        let source = Arc::clone(&self.source);
        self.state = State::Resuming(Box::pin(async move {
            sleep(pause).await;
            source.open_rest(rest, etag).await
        }));
        Step::Continue(())
    }

    /// Ready when the reader has waited for too long. The timer is set once for each idle time, not for each piece:
    /// when it rings for an earlier piece, it is set for what is left of this one.
    fn poll_idle(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let until = *self.asked_at.get_or_insert_with(Instant::now) + self.source.guard.limits.idle_timeout;
        let idle = self.idle.get_or_insert_with(|| Box::pin(sleep_until(until)));
        loop {
            ready!(idle.as_mut().poll(cx));
            if until <= Instant::now() {
                return Poll::Ready(());
            }
            idle.as_mut().reset(until);
        }
    }

    fn finish(&mut self) -> Step {
        self.source.guard.note(StoreOperation::Read, None);
        self.close();
        Step::Break(None)
    }

    fn fail(&mut self, error: StoreError) -> Step {
        self.source.guard.note(StoreOperation::Read, Some(&error.kind));
        self.close();
        Step::Break(Some(Err(error)))
    }

    fn close(&mut self) {
        self.state = State::Ended;
        self.slot = None;
    }
}

impl Drop for GuardedBody {
    fn drop(&mut self) {
        if self.slot.is_some() {
            let read_all = self.next == self.end;
            let outcome = if read_all { Outcome::Ok } else { Outcome::Abandoned };
            self.source.guard.stats.count(StoreOperation::Read, outcome);
        }
    }
}

impl Source {
    /// Opens what is left of the object, only if it is still the same version.
    async fn open_rest(&self, rest: ContentRange, etag: ETag) -> Result<ByteStream, StoreError> {
        self.guard.stats.count_resume();
        let options = GetOptions {
            range: Some(ByteRange::Between { first: rest.first, last: rest.last }),
            conditions: Conditions {
                if_match: Some(ETagMatch::OneOf(vec![etag.clone()])),
                ..Conditions::default()
            },
        };
        let deadline = Instant::now() + self.guard.limits.total_deadline;
        let call = self.guard.call(StoreOperation::Get, deadline, || self.store.get(&self.key, &options));
        let opened = call.await.map_err(during_read)?;
        if opened.meta.etag.as_ref() == Some(&etag) && opened.range == Some(rest) {
            Ok(opened.body)
        } else {
            Err(changed())
        }
    }
}

/// An error of the call that resumes, as the reader of the body sees it.
fn during_read(error: StoreError) -> StoreError {
    match error.kind {
        StoreErrorKind::PreconditionFailed
        | StoreErrorKind::NoSuchObject
        | StoreErrorKind::RangeNotSatisfiable { .. } => changed(),
        _ => StoreError { operation: StoreOperation::Read, ..error },
    }
}

fn changed() -> StoreError {
    read_error(StoreErrorKind::Unavailable, "the object changed while being read")
}

fn read_error(kind: StoreErrorKind, why: &'static str) -> StoreError {
    StoreError::caused_by(StoreOperation::Read, kind, why)
}
