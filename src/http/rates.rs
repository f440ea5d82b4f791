//! Requests per second of each principal.

use std::num::NonZeroU32;

use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use crate::domain::principal::PrincipalId;
use crate::http::problem::{Problem, Slug};

/// After this many principals the ones at rest are forgotten.
const CLEAN_UP_ABOVE: usize = 10_000;

/// One bucket of tokens for each principal.
#[derive(Debug)]
pub struct Rates {
    limiter: DefaultKeyedRateLimiter<PrincipalId>,
    clock: DefaultClock,
}

impl Rates {
    /// So many requests each second, and so many at once after a rest.
    #[must_use]
    pub fn new(per_second: NonZeroU32, burst: NonZeroU32) -> Self {
        let quota = Quota::per_second(per_second).allow_burst(burst);
        Self { limiter: RateLimiter::keyed(quota), clock: DefaultClock::default() }
    }

    /// Takes one request from the principal's allowance.
    pub fn check(&self, principal: &PrincipalId) -> Result<(), Problem> {
        if self.limiter.len() > CLEAN_UP_ABOVE {
            self.limiter.retain_recent();
        }
        self.limiter.check_key(principal).map_err(|until| {
            let wait = until.wait_time_from(self.clock.now());
            Problem::new(Slug::RateLimited, "You have made too many requests in a short time")
                .hint("Wait for the time in Retry-After, then go on")
                .retry_after(wait.as_secs().saturating_add(1))
        })
    }
}
