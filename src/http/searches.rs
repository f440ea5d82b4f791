//! What every search has to have before it begins: a place among the caller's bodies under way, and bytes that it may read.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::domain::principal::PrincipalId;
use crate::domain::time::Clock;
use crate::http::problem::{Problem, Slug};
use crate::http::state::AppState;
use crate::http::streams::StreamSlot;
use crate::logs::allowance::{Allowance, AllowanceLimits};

/// Above this many principals those who have read nothing lately are forgotten.
const CLEAN_UP_ABOVE: usize = 10_000;

/// What each principal's searches may still read.
#[derive(Debug)]
pub struct Allowances {
    limits: AllowanceLimits,
    clock: Arc<dyn Clock>,
    each: Mutex<HashMap<PrincipalId, Allowance>>,
}

impl Allowances {
    /// Nobody has read anything yet.
    #[must_use]
    pub fn new(limits: AllowanceLimits, clock: Arc<dyn Clock>) -> Self {
        Self { limits, clock, each: Mutex::default() }
    }

    /// One principal's.
    #[must_use]
    pub fn of(&self, principal: &PrincipalId) -> Allowance {
        let mut each = self.each.lock().unwrap_or_else(PoisonError::into_inner);
        if each.len() > CLEAN_UP_ABOVE {
            each.retain(|_, allowance| !allowance.is_idle());
        }
        let fresh = || Allowance::new(self.limits, Arc::clone(&self.clock));
        each.entry(principal.clone()).or_insert_with(fresh).clone()
    }
}

/// A place, and the caller's allowance of bytes, unless either is used up.
pub fn begin(state: &AppState, principal: &PrincipalId) -> Result<(StreamSlot, Allowance), Problem> {
    let allowance = state.allowances.of(principal);
    if let Some(pause) = allowance.pause() {
        let AllowanceLimits { bytes, window } = state.allowances.limits;
        let (bytes, minutes) = (bytes.unwrap_or_default(), window.as_secs().div_ceil(60));
        let detail = format!(
            "Your searches have read the {bytes} stored bytes that they may read in {minutes} minutes"
        );
        return Err(Problem::new(Slug::RateLimited, detail)
            .hint("Wait for the time in Retry-After; a shorter span of time or a longer prefix reads less")
            .retry_after(pause.as_millis().div_ceil(1000).try_into().unwrap_or(u64::MAX)));
    }
    Ok((state.streams.open(principal)?, allowance))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};
    use std::time::Duration;

    use super::*;
    use crate::domain::time::Timestamp;

    #[derive(Debug, Default)]
    struct Hand(AtomicI64);

    impl Clock for Hand {
        fn now(&self) -> Timestamp {
            Timestamp::from_unix_millis(self.0.load(Ordering::SeqCst))
        }
    }

    #[test]
    fn each_principal_has_an_allowance_and_those_at_rest_are_forgotten() {
        let hand = Arc::<Hand>::default();
        let limits = AllowanceLimits { bytes: Some(1), window: Duration::from_mins(1) };
        let all = Allowances::new(limits, Arc::<Hand>::clone(&hand));
        let of = |subject: &str| {
            all.of(&PrincipalId { issuer: "https://idp".to_owned(), subject: subject.to_owned() })
        };
        let reading = of("reading");
        for number in 0..=CLEAN_UP_ABOVE {
            of(&number.to_string()).charge(1);
        }
        assert!(of("7").pause().is_some() && of("bob").pause().is_none());
        hand.0.store(60_000, Ordering::SeqCst);
        of("late").charge(1);
        let _another = of("another");
        assert!(all.each.lock().unwrap().len() < 5);
        reading.charge(1);
        assert!(of("reading").pause().is_some() && of("late").pause().is_some());
    }
}
