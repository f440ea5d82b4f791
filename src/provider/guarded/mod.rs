//! The wrapper that every store gets: a concurrency limit, time limits, retries, resumption and a circuit breaker.
//!
//! One [`BucketGuard`] belongs to one bucket and outlives the store it guards: when a lease ends and the client
//! is built anew, the new store is wrapped by the same guard, so limits and breaker go on. The vendors' own
//! retries are switched off in the adapters; what is tried again, and when not, is said here alone.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::Instant;

use crate::domain::key::ObjectKey;
use crate::domain::object::ObjectMeta;
use crate::domain::time::Clock;
use crate::provider::error::{StoreError, StoreErrorKind, StoreOperation};
use crate::provider::vend::Fit;
use crate::provider::{
    GetOptions, Link, LinkOptions, ListOptions, Listing, ObjectStore, Opened, SignLinks, Store,
};

mod breaker;
mod health;
mod resume;
mod retry;
mod slots;
mod stats;

#[cfg(test)]
mod tests;

use breaker::Breaker;
pub use breaker::BreakerState;
use health::Health;
pub use health::StoreHealth;
use slots::Slots;
pub use stats::{OPERATIONS, Outcome, Stats};

/// How far a bucket's store may go.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Calls and open bodies at once; at least 1.
    pub concurrent: usize,
    /// Calls that may wait for a slot; one more is [`StoreErrorKind::Busy`].
    pub queue: usize,
    /// How long a call waits for a slot before it is [`StoreErrorKind::Busy`].
    pub queue_wait: Duration,
    /// From sending a call to its headers, connecting included, for each attempt.
    pub header_timeout: Duration,
    /// Between two pieces of a body while its reader asks for more. A reader that does not ask is never timed.
    pub idle_timeout: Duration,
    /// How often a call is made at most, the first time included; at least 1.
    pub attempts: u32,
    /// From the call to its headers, waiting, all attempts and the pauses between them included.
    pub total_deadline: Duration,
    /// The longest pause before the second attempt; it doubles for each further one.
    pub backoff_base: Duration,
    /// The longest pause of all. A provider that asks for more than this is not tried again.
    pub backoff_cap: Duration,
    /// How often one body is taken up again after it broke off.
    pub resumes: u32,
    /// How many transient failures in a row open the breaker; at least 1.
    pub breaker_failures: u32,
    /// How long the breaker stays open before one call may probe; up to a quarter more, by chance.
    pub breaker_pause: Duration,
}

/// The limits, breaker, health and counters of one bucket.
pub struct BucketGuard {
    limits: Limits,
    clock: Arc<dyn Clock>,
    slots: Slots,
    breaker: Breaker,
    health: Health,
    stats: Arc<Stats>,
}

impl BucketGuard {
    /// A guard with nothing in flight and a closed breaker.
    pub fn new(limits: Limits, clock: Arc<dyn Clock>) -> Arc<Self> {
        let stats = Arc::new(Stats::default());
        let slots = Slots::new(&limits, Arc::clone(&stats));
        let breaker = Breaker::new(limits.breaker_failures, limits.breaker_pause);
        Arc::new(Self { limits, clock, slots, breaker, health: Health::default(), stats })
    }

    /// The same store under this guard.
    pub fn wrap(self: &Arc<Self>, store: Store) -> Store {
        Arc::new(Guarded { store, guard: Arc::clone(self) })
    }

    /// Vends under the bucket's time limits, retries and counters. Like a link it takes no slot and leaves the breaker alone:
    /// it is another service of the cloud that is asked.
    pub async fn vend<F>(&self, vend: impl Fn() -> F) -> Result<Fit, StoreError>
    where
        F: Future<Output = Result<Fit, StoreError>>,
    {
        let deadline = Instant::now() + self.limits.total_deadline;
        self.call(StoreOperation::Vend, deadline, vend).await
    }

    /// When calls last went well or wrong, and what the breaker says: for `/readyz`.
    pub fn health(&self) -> StoreHealth {
        self.health.view(self.breaker.state())
    }

    /// The counters: for metrics.
    pub fn stats(&self) -> &Arc<Stats> {
        &self.stats
    }

    /// Writes down how a call, or the reading of a body, ended.
    fn note(&self, operation: StoreOperation, error: Option<&StoreErrorKind>) {
        self.stats.count(operation, error.map_or(Outcome::Ok, Outcome::of));
        self.health.note(self.clock.now(), error);
    }
}

impl fmt::Debug for BucketGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BucketGuard").field("limits", &self.limits).finish_non_exhaustive()
    }
}

/// A store under its bucket's guard.
#[derive(Debug)]
struct Guarded {
    store: Store,
    guard: Arc<BucketGuard>,
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl ObjectStore for Guarded {
    async fn list(&self, options: &ListOptions) -> Result<Listing, StoreError> {
        let operation = StoreOperation::List;
        let deadline = self.deadline();
        let _slot = self.guard.slots.enter(operation, deadline).await?;
        self.guard.call(operation, deadline, || self.store.list(options)).await
    }

    async fn head(&self, key: &ObjectKey) -> Result<ObjectMeta, StoreError> {
        let operation = StoreOperation::Head;
        let deadline = self.deadline();
        let _slot = self.guard.slots.enter(operation, deadline).await?;
        self.guard.call(operation, deadline, || self.store.head(key)).await
    }

    async fn get(&self, key: &ObjectKey, options: &GetOptions) -> Result<Opened, StoreError> {
        let operation = StoreOperation::Get;
        let deadline = self.deadline();
        let slot = self.guard.slots.enter(operation, deadline).await?;
        let opened = self.guard.call(operation, deadline, || self.store.get(key, options)).await?;
        Ok(resume::guard_body(&self.store, &self.guard, slot, opened))
    }

    fn links(&self) -> Option<&dyn SignLinks> {
        self.store.links().map(|_| self as &dyn SignLinks)
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl SignLinks for Guarded {
    /// Most links are signed without asking the cloud, so a link takes no slot and neither obeys nor moves the breaker.
    async fn link(&self, key: &ObjectKey, options: &LinkOptions) -> Result<Link, StoreError> {
        let operation = StoreOperation::Link;
        let Some(links) = self.store.links() else {
            return Err(StoreError::new(operation, StoreErrorKind::Unsupported));
        };
        self.guard.call(operation, self.deadline(), || links.link(key, options)).await
    }
}

impl Guarded {
    fn deadline(&self) -> Instant {
        Instant::now() + self.guard.limits.total_deadline
    }
}
