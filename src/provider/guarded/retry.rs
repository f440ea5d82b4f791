//! One call with its time limits: made again, after a pause with full jitter, while failures are of a kind that passes.

use std::future::Future;
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};

use crate::provider::error::{StoreError, StoreErrorKind, StoreOperation};
use crate::provider::guarded::{BucketGuard, Limits};

impl BucketGuard {
    /// Makes a call until it succeeds, fails for good, or attempts or time run out, and notes how it ended.
    pub(super) async fn call<T, F>(
        &self,
        operation: StoreOperation,
        deadline: Instant,
        make: impl Fn() -> F,
    ) -> Result<T, StoreError>
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        let result = self.attempts(operation, deadline, make).await;
        self.note(operation, result.as_ref().err().map(|error| &error.kind));
        result
    }

    async fn attempts<T, F>(
        &self,
        operation: StoreOperation,
        deadline: Instant,
        make: impl Fn() -> F,
    ) -> Result<T, StoreError>
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        let mut error = match self.attempt(operation, deadline, make()).await {
            Attempt::Done(result) => return result,
            Attempt::Again(error) => error,
            Attempt::NotMade { retry_after } => {
                return Err(StoreError::new(operation, StoreErrorKind::BreakerOpen { retry_after }));
            }
        };
        for retry in 0..self.limits.attempts.saturating_sub(1) {
            let Some(pause) = pause_before(retry, &error.kind, &self.limits) else { break };
            if Instant::now() + pause >= deadline {
                break;
            }
            sleep(pause).await;
            self.stats.count_retry();
            error = match self.attempt(operation, deadline, make()).await {
                Attempt::Done(result) => return result,
                Attempt::Again(error) => error,
                // The breaker opened in between: what was seen says more than that it is open.
                Attempt::NotMade { .. } => break,
            };
        }
        Err(error)
    }

    async fn attempt<T>(
        &self,
        operation: StoreOperation,
        deadline: Instant,
        call: impl Future<Output = Result<T, StoreError>>,
    ) -> Attempt<T> {
        let leave = if matches!(operation, StoreOperation::Link | StoreOperation::Vend) {
            None
        } else {
            match self.breaker.ask() {
                Ok(leave) => Some(leave),
                Err(retry_after) => return Attempt::NotMade { retry_after },
            }
        };
        let until = deadline.min(Instant::now() + self.limits.header_timeout);
        let result = timeout_at(until, call)
            .await
            .unwrap_or_else(|_| Err(StoreError::new(operation, StoreErrorKind::TimedOut)));
        match result {
            Err(error) if error.kind.is_transient() => {
                if let Some(leave) = leave {
                    leave.failed();
                }
                Attempt::Again(error)
            }
            done => {
                // Without a credential the provider was not asked, so nothing is known of it.
                let asked = !matches!(&done, Err(error) if error.kind == StoreErrorKind::NoCredential);
                if let Some(leave) = leave.filter(|_| asked) {
                    leave.answered();
                }
                Attempt::Done(done)
            }
        }
    }
}

enum Attempt<T> {
    Done(Result<T, StoreError>),
    Again(StoreError),
    NotMade { retry_after: Duration },
}

/// How long to wait before the retry (counted from 0); `None` when the provider asks for more than we wait.
pub fn pause_before(retry: u32, kind: &StoreErrorKind, limits: &Limits) -> Option<Duration> {
    let ceiling = limits.backoff_base.saturating_mul(1 << retry.min(16)).min(limits.backoff_cap);
    match kind {
        StoreErrorKind::Throttled { retry_after: Some(wanted) } => {
            // Everybody was told the same moment: jitter spreads them behind it, never before it.
            (*wanted <= limits.backoff_cap).then(|| *wanted + up_to(limits.backoff_base))
        }
        _ => Some(up_to(ceiling)),
    }
}

/// A random duration up to the ceiling: "full jitter" of the AWS Architecture Blog, "Exponential Backoff And Jitter".
pub fn up_to(ceiling: Duration) -> Duration {
    // The standard library seeds each `RandomState` anew; nothing secret hangs on this number.
    let random = RandomState::new().hash_one(0_u8) >> 32;
    let nanos = (u128::from(random) * ceiling.as_nanos()) >> 32;
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}
