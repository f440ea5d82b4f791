//! A credential on our side, and the times that its life is counted by.

use std::time::Duration;

use tokio::time::Instant;

use crate::domain::credential::{LeasedCredential, Validity};
use crate::domain::time::Timestamp;
use crate::vault::kinds::Obtained;
use crate::vault::leases::Options;
use crate::vault::server::reply::LeaseId;
use crate::vault::server::{refresh_after, up_to};

/// A credential in use.
pub(super) struct Held {
    pub(super) obtained: Obtained,
    pub(super) validity: Validity,
    /// When we got it first; renewals leave it.
    pub(super) since: Instant,
    /// When it is no longer used.
    pub(super) ends: Option<Instant>,
    /// When it is renewed, read again or replaced.
    pub(super) refresh: Instant,
    /// The sign-in that its lease hangs on.
    pub(super) generation: u64,
    /// How long it lasted when it was new: an end that renewing cannot move shows by less than this.
    first_life: Option<Duration>,
}

impl Held {
    /// A credential that was asked for at a moment. Its life counts from there, so that no answer's way makes it longer.
    pub(super) fn new(obtained: Obtained, asked: Instant, generation: u64, options: &Options) -> Self {
        let first_life = obtained.life;
        let (ends, refresh) = times(&obtained, asked, options);
        Self { obtained, validity: Validity::default(), since: asked, ends, refresh, generation, first_life }
    }

    /// The same credential with another life, or read again.
    pub(super) fn again(&self, obtained: Obtained, asked: Instant, options: &Options) -> Self {
        let (ends, refresh) = times(&obtained, asked, options);
        Self {
            obtained,
            validity: self.validity.clone(),
            since: self.since,
            ends,
            refresh,
            generation: self.generation,
            first_life: self.first_life,
        }
    }

    /// The lease, if it can be asked for more time.
    pub(super) fn renewable(&self, generation: u64) -> Option<(&LeaseId, Duration)> {
        let lease = self.obtained.lease.as_ref().filter(|lease| lease.renewable)?;
        // Vault ends a lease with the token that asked for it, so another token's is not worth renewing.
        (generation == self.generation).then_some(())?;
        Some((lease.id.as_ref()?, self.first_life?))
    }

    /// Whether a renewal gave it less than two thirds of what it began with: it comes to its last end (`max_ttl`).
    pub(super) fn is_near_its_last_end(&self, renewed: Duration) -> bool {
        self.first_life.is_some_and(|first| renewed * 3 < first * 2)
    }

    /// Whether it is a secret that is read again, not lent.
    pub(super) fn is_read(&self) -> bool {
        self.obtained.version.is_some()
    }

    pub(super) fn lease_id(&self) -> Option<&LeaseId> {
        self.obtained.lease.as_ref()?.id.as_ref()
    }

    pub(super) fn is_usable(&self) -> bool {
        self.validity.holds() && self.ends.is_none_or(|end| Instant::now() < end)
    }

    /// As users of it see it.
    pub(super) fn leased(&self, now: Timestamp) -> LeasedCredential {
        let left = self.ends.map(|end| end.saturating_duration_since(Instant::now()));
        LeasedCredential {
            credential: self.obtained.credential.clone(),
            expires_at: left.map(|left| now.plus(left)),
            validity: self.validity.clone(),
        }
    }
}

/// When it ends, and when it is looked after.
fn times(obtained: &Obtained, asked: Instant, options: &Options) -> (Option<Instant>, Instant) {
    if let Some(life) = obtained.life {
        return (Some(asked + usable(life)), asked + refresh_after(life));
    }
    // Nobody tells when a static secret ends: it is read again, and used for a while when that fails.
    let every = options.read_again;
    (Some(asked + options.unread), asked + every - up_to(every / 4))
}

/// Clocks run apart, and a request takes its time: the last tenth, at most 30 s, is left out.
fn usable(life: Duration) -> Duration {
    life.saturating_sub((life / 10).min(Duration::from_secs(30)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::credential::Credential;
    use crate::vault::leases::testing::options;

    fn obtained(life: Option<u64>) -> Obtained {
        Obtained {
            credential: Credential::Anonymous,
            life: life.map(Duration::from_secs),
            lease: None,
            version: None,
            principal: None,
        }
    }

    #[test]
    fn a_credential_of_seconds_is_refreshed_and_left_before_its_end() {
        for life in [2, 60, 3600] {
            let asked = Instant::now();
            let held = Held::new(obtained(Some(life)), asked, 1, &options());
            let life = Duration::from_secs(life);
            assert!(held.refresh - asked >= life / 2 && held.refresh - asked < life * 2 / 3, "{life:?}");
            let ends = held.ends.unwrap() - asked;
            assert!(ends < life && ends >= life * 9 / 10, "{ends:?}");
        }
    }

    #[test]
    fn a_secret_without_an_end_is_read_again_and_not_used_for_ever() {
        let asked = Instant::now();
        let held = Held::new(obtained(None), asked, 1, &options());
        assert!(held.refresh - asked <= options().read_again);
        assert_eq!(held.ends, Some(asked + options().unread));
    }
}
