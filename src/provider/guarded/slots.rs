//! The concurrency limit: so many calls and open bodies at once, and a bounded queue before them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};

use crate::provider::error::{StoreError, StoreErrorKind, StoreOperation};
use crate::provider::guarded::Limits;
use crate::provider::guarded::stats::{Outcome, Stats};

/// The slots of one bucket.
pub struct Slots {
    free: Arc<Semaphore>,
    waiting: AtomicUsize,
    queue: usize,
    queue_wait: Duration,
    stats: Arc<Stats>,
}

/// One slot, free again when dropped.
pub struct Slot {
    _permit: OwnedSemaphorePermit,
    stats: Arc<Stats>,
}

impl Slots {
    pub fn new(limits: &Limits, stats: Arc<Stats>) -> Self {
        let concurrent = limits.concurrent.clamp(1, Semaphore::MAX_PERMITS);
        Self {
            free: Arc::new(Semaphore::new(concurrent)),
            waiting: AtomicUsize::new(0),
            queue: limits.queue,
            queue_wait: limits.queue_wait,
            stats,
        }
    }

    /// Takes a slot, or waits for one in the queue; [`StoreErrorKind::Busy`] when the queue is full or too slow.
    pub async fn enter(&self, operation: StoreOperation, deadline: Instant) -> Result<Slot, StoreError> {
        let permit = match Arc::clone(&self.free).try_acquire_owned() {
            Ok(permit) => Some(permit),
            Err(_) => self.wait(deadline).await,
        };
        let Some(permit) = permit else {
            self.stats.count(operation, Outcome::Busy);
            return Err(StoreError::new(operation, StoreErrorKind::Busy));
        };
        self.stats.enter();
        Ok(Slot { _permit: permit, stats: Arc::clone(&self.stats) })
    }

    async fn wait(&self, deadline: Instant) -> Option<OwnedSemaphorePermit> {
        let _place = Place::take(&self.waiting, self.queue)?;
        let until = deadline.min(Instant::now() + self.queue_wait);
        timeout_at(until, Arc::clone(&self.free).acquire_owned()).await.ok()?.ok()
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.stats.leave();
    }
}

/// A place in the queue, given back when the wait ends or its caller goes away.
struct Place<'a>(&'a AtomicUsize);

impl<'a> Place<'a> {
    fn take(waiting: &'a AtomicUsize, queue: usize) -> Option<Self> {
        let place = Self(waiting);
        (waiting.fetch_add(1, Ordering::AcqRel) < queue).then_some(place)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}
