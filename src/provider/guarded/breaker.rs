//! The circuit breaker: after so many failures in a row a bucket's calls are refused at once, until a probe goes well.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::provider::guarded::retry::up_to;

/// What the breaker does with the next call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BreakerState {
    /// Lets it through.
    Closed,
    /// Refuses it.
    Open {
        /// When a probe may be made.
        retry_after: Duration,
    },
    /// Lets one through to see, and refuses the others meanwhile.
    HalfOpen,
}

/// The breaker of one bucket.
pub struct Breaker {
    failures: u32,
    pause: Duration,
    state: Mutex<State>,
}

enum State {
    Closed { failures_in_a_row: u32 },
    Open { until: Instant },
    Probing,
}

/// Leave to make one call. Its maker says how it went; dropped without a word, a probe may be made by another.
pub struct Leave<'a> {
    breaker: &'a Breaker,
    probe: bool,
}

impl Breaker {
    pub fn new(failures: u32, pause: Duration) -> Self {
        Self { failures: failures.max(1), pause, state: Mutex::new(State::Closed { failures_in_a_row: 0 }) }
    }

    /// Leave to make a call, or how long to wait.
    pub fn ask(&self) -> Result<Leave<'_>, Duration> {
        let now = Instant::now();
        let mut state = self.lock();
        let probe = match *state {
            State::Closed { .. } => false,
            State::Open { until } if until <= now => true,
            State::Open { until } => return Err(until - now),
            State::Probing => return Err(self.pause),
        };
        if probe {
            *state = State::Probing;
        }
        Ok(Leave { breaker: self, probe })
    }

    pub fn state(&self) -> BreakerState {
        match *self.lock() {
            State::Closed { .. } => BreakerState::Closed,
            State::Open { until } => {
                let retry_after = until.saturating_duration_since(Instant::now());
                if retry_after.is_zero() {
                    BreakerState::HalfOpen
                } else {
                    BreakerState::Open { retry_after }
                }
            }
            State::Probing => BreakerState::HalfOpen,
        }
    }

    fn opened(&self) -> State {
        State::Open { until: Instant::now() + self.pause + up_to(self.pause / 4) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Leave<'_> {
    /// The provider answered, whatever it said.
    pub fn answered(mut self) {
        let mut state = self.breaker.lock();
        if self.probe || matches!(*state, State::Closed { .. }) {
            *state = State::Closed { failures_in_a_row: 0 };
        }
        self.probe = false;
    }

    /// The call failed in a way that may pass.
    pub fn failed(mut self) {
        let mut state = self.breaker.lock();
        match &mut *state {
            State::Closed { failures_in_a_row } => {
                *failures_in_a_row += 1;
                if *failures_in_a_row >= self.breaker.failures {
                    *state = self.breaker.opened();
                }
            }
            State::Probing if self.probe => *state = self.breaker.opened(),
            State::Probing | State::Open { .. } => {}
        }
        self.probe = false;
    }
}

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        if self.probe {
            *self.breaker.lock() = State::Open { until: Instant::now() };
        }
    }
}
