//! How many stored bytes the searches of one caller may read in a stretch of time, so that nobody takes the clouds, or the
//! bill for them, for themselves.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::domain::time::{Clock, Timestamp};

/// How much, in which stretch of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AllowanceLimits {
    /// Stored bytes; `None` for any number.
    pub bytes: Option<u64>,
    /// The stretch; it begins with a caller's first read.
    pub window: Duration,
}

/// What one caller may still read; clones count together.
#[derive(Debug, Clone)]
pub struct Allowance {
    limits: AllowanceLimits,
    clock: Arc<dyn Clock>,
    spent: Arc<Mutex<Spent>>,
}

#[derive(Debug, Clone, Copy)]
struct Spent {
    since: Timestamp,
    bytes: u64,
}

impl Allowance {
    /// Of a caller who has read nothing yet.
    #[must_use]
    pub fn new(limits: AllowanceLimits, clock: Arc<dyn Clock>) -> Self {
        let spent = Spent { since: clock.now(), bytes: 0 };
        Self { limits, clock, spent: Arc::new(Mutex::new(spent)) }
    }

    /// Whether nobody uses it, and nothing is left to be known of it.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        let spent = *self.spent.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::strong_count(&self.spent) == 1 && self.clock.now().since(spent.since) >= self.limits.window
    }

    /// Takes note of bytes that were read.
    pub fn charge(&self, bytes: u64) {
        let mut spent = self.spent.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.clock.now();
        if now.since(spent.since) >= self.limits.window {
            *spent = Spent { since: now, bytes: 0 };
        }
        if spent.bytes == 0 {
            spent.since = now;
        }
        spent.bytes = spent.bytes.saturating_add(bytes);
    }

    /// How long nothing more may be read; `None` when something may.
    #[must_use]
    pub fn pause(&self) -> Option<Duration> {
        let spent = *self.spent.lock().unwrap_or_else(PoisonError::into_inner);
        let left = self.limits.window.checked_sub(self.clock.now().since(spent.since))?;
        self.limits.bytes.filter(|limit| spent.bytes >= *limit && !left.is_zero()).map(|_| left)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};

    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, Default)]
    struct Hand(AtomicI64);

    impl Clock for Hand {
        fn now(&self) -> Timestamp {
            Timestamp::from_unix_millis(self.0.load(Ordering::SeqCst))
        }
    }

    fn allowance(bytes: Option<u64>) -> (Allowance, Arc<Hand>) {
        let hand = Arc::<Hand>::default();
        let limits = AllowanceLimits { bytes, window: Duration::from_mins(1) };
        (Allowance::new(limits, Arc::<Hand>::clone(&hand)), hand)
    }

    #[test]
    fn whoever_has_read_as_much_as_they_may_waits_until_the_time_since_the_first_read_is_over() {
        let (one, hand) = allowance(Some(100));
        let other = one.clone();
        hand.0.store(30_000, Ordering::SeqCst);
        one.charge(99);
        assert_eq!(other.pause(), None);
        hand.0.store(50_000, Ordering::SeqCst);
        other.charge(1);
        assert_eq!(one.pause(), Some(Duration::from_secs(40)));
        hand.0.store(89_999, Ordering::SeqCst);
        assert_eq!(one.pause(), Some(Duration::from_millis(1)));
        hand.0.store(90_000, Ordering::SeqCst);
        assert_eq!(one.pause(), None);
        one.charge(100);
        assert_eq!(other.pause(), Some(Duration::from_mins(1)));
        hand.0.store(150_000, Ordering::SeqCst);
        assert!(!one.is_idle(), "somebody reads");
        drop(other);
        assert!(one.is_idle());
    }

    #[test]
    fn without_a_limit_nobody_waits() {
        let (one, _) = allowance(None);
        one.charge(u64::MAX);
        one.charge(u64::MAX);
        assert_eq!(one.pause(), None);
    }

    proptest! {
        #[test]
        fn no_more_than_the_limit_and_one_read_passes_in_any_window(
            reads in prop::collection::vec((0_i64..30_000, 1_u64..60), 1..60),
        ) {
            let (one, hand) = allowance(Some(100));
            let mut window = (i64::MIN, 0);
            for (wait, bytes) in reads {
                let now = hand.0.fetch_add(wait, Ordering::SeqCst) + wait;
                if let Some(pause) = one.pause() {
                    prop_assert!(window.1 >= 100 && pause <= Duration::from_mins(1));
                    continue;
                }
                if window.0 == i64::MIN || now - window.0 >= 60_000 {
                    window = (now, 0);
                }
                one.charge(bytes);
                window.1 += bytes;
                prop_assert!(window.1 < 100 + 60);
            }
        }
    }
}
