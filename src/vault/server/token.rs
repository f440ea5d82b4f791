//! A token of Vault on our side: the secret, and the times that its life is counted by.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use tokio::time::Instant;

use crate::domain::secret::Secret;

/// What a sign-in brought.
pub(super) struct Grant {
    pub(super) secret: Secret<String>,
    /// How long it lasts; `None` for a token whose end is somebody else's business.
    pub(super) life: Option<Duration>,
    /// Whether Vault would give it more time.
    pub(super) renewable: bool,
    /// When to look after it, where its life does not say.
    pub(super) look_after: Option<Duration>,
    /// Whether it was made for us, so that we end it.
    pub(super) ours: bool,
}

/// A token in use.
pub(super) struct Token {
    pub(super) secret: Secret<String>,
    /// Counts sign-ins.
    pub(super) generation: u64,
    /// When the sign-in began. Lives are counted from before the request, so that no answer's way makes them longer.
    pub(super) since: Instant,
    /// When it is no longer used: a little before its end.
    pub(super) ends: Option<Instant>,
    /// When it is renewed or replaced.
    pub(super) refresh: Option<Instant>,
    pub(super) renewable: bool,
    pub(super) ours: bool,
    first_life: Option<Duration>,
}

impl Token {
    pub(super) fn new(grant: Grant, generation: u64, since: Instant) -> Self {
        // Some methods answer zero for a token without an end, such as a root token.
        let life = grant.life.filter(|life| !life.is_zero());
        Self {
            secret: grant.secret,
            generation,
            since,
            ends: life.map(|life| since + usable(life)),
            refresh: life.map(refresh_after).or(grant.look_after).map(|wait| since + wait),
            renewable: grant.renewable,
            ours: grant.ours,
            first_life: life,
        }
    }

    /// The same token, found again: its life counts from now, and how long we have it from before.
    pub(super) fn again(&self, grant: Grant, asked: Instant) -> Self {
        Self { since: self.since, ..Self::new(grant, self.generation, asked) }
    }

    /// The same token with the life that a renewal gave it.
    pub(super) fn renewed(&self, life: Duration, renewable: bool, asked: Instant) -> Self {
        let life = Some(life).filter(|life| !life.is_zero());
        Self {
            secret: self.secret.clone(),
            ends: life.map(|life| asked + usable(life)),
            refresh: life.map(|life| asked + refresh_after(life)),
            renewable,
            ..*self
        }
    }

    /// Whether a renewal gave it less than two thirds of what it began with: it comes to the end that renewing cannot
    /// move (`token_max_ttl`).
    pub(super) fn is_near_its_last_end(&self, renewed_life: Duration) -> bool {
        self.first_life.is_some_and(|first| renewed_life * 3 < first * 2 && !renewed_life.is_zero())
    }

    pub(super) fn has_ended(&self) -> bool {
        self.ends.is_some_and(|end| end <= Instant::now())
    }
}

/// Clocks run apart, and a request takes its time: the last tenth, at most 5 s, is left out.
fn usable(life: Duration) -> Duration {
    life.saturating_sub((life / 10).min(Duration::from_secs(5)))
}

/// Between a half and five eighths of the life: spread, and always before two thirds.
pub(in crate::vault) fn refresh_after(life: Duration) -> Duration {
    life / 2 + up_to(life / 8)
}

/// A random duration up to the ceiling: "full jitter" of the AWS Architecture Blog, "Exponential Backoff And Jitter".
pub(in crate::vault) fn up_to(ceiling: Duration) -> Duration {
    // The standard library seeds each `RandomState` anew; nothing secret hangs on this number.
    let random = RandomState::new().hash_one(0_u8) >> 32;
    let nanos = (u128::from(random) * ceiling.as_nanos()) >> 32;
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(life: u64) -> Token {
        let grant = Grant {
            secret: Secret::new("SECRET".to_owned()),
            life: Some(Duration::from_secs(life)),
            renewable: true,
            look_after: None,
            ours: true,
        };
        Token::new(grant, 1, Instant::now())
    }

    #[test]
    fn a_token_is_refreshed_before_two_thirds_of_its_life_and_not_all_at_once() {
        let refreshes: Vec<_> = (0..64).map(|_| token(3600)).map(|t| t.refresh.unwrap() - t.since).collect();
        for wait in &refreshes {
            assert!((1800..2400).contains(&wait.as_secs()), "{wait:?}");
        }
        assert!(refreshes.iter().any(|wait| *wait != refreshes[0]));
        let token = token(3600);
        assert_eq!(token.ends.unwrap() - token.since, Duration::from_secs(3595));
    }

    #[test]
    fn a_token_that_was_read_again_is_looked_after_one_interval_later_and_not_at_once() {
        let every = Duration::from_secs(5);
        let read = || Grant {
            secret: Secret::new("SECRET".to_owned()),
            life: None,
            renewable: false,
            look_after: Some(every),
            ours: false,
        };
        let first = Token::new(read(), 1, Instant::now());
        let second = first.again(read(), first.since + every);
        assert_eq!(second.refresh, Some(first.since + every * 2));
        assert_eq!((second.since, second.generation), (first.since, 1));
    }

    #[test]
    fn a_token_without_a_life_has_no_end() {
        let token = token(0);
        assert!(token.ends.is_none() && token.refresh.is_none() && !token.has_ended());
    }

    #[test]
    fn renewals_that_give_ever_less_show_the_last_end() {
        let token = token(60);
        assert!(!token.is_near_its_last_end(Duration::from_mins(1)));
        assert!(!token.is_near_its_last_end(Duration::from_secs(40)));
        assert!(token.is_near_its_last_end(Duration::from_secs(39)));
    }
}
