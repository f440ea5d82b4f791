//! How Vault stands, in words for readiness and metrics. Nothing that Vault gave is in them.

use std::sync::Arc;

use crate::vault::leases::Leases;
use crate::vault::server::{Standing, Vault, VaultError, VaultErrorKind, VaultOperation};

/// The Vault of this service, where there is one, and what is lent.
#[derive(Debug, Clone)]
pub struct VaultState {
    vault: Option<Vault>,
    leases: Arc<Leases>,
}

/// A lent credential from outside: all but what it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LentCredential {
    /// The name that it is configured under.
    pub name: String,
    /// `unasked`, `held`, `ageing` (held, but not renewed in time) or `failing`.
    pub state: &'static str,
    /// What went wrong last, until something goes well.
    pub problem: Option<&'static str>,
    /// Seconds since this one is held.
    pub age_seconds: Option<u64>,
    /// Seconds until it is no longer used, where it has an end.
    pub left_seconds: Option<u64>,
    /// How often asking for it ended in each way.
    pub calls: Vec<(&'static str, u64)>,
}

/// How often something was asked of Vault and ended in one way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VaultCalls {
    /// `sign_in`, `renew` or `call`.
    pub operation: &'static str,
    /// `ok`, or the kind of failure.
    pub outcome: &'static str,
    /// How often.
    pub count: u64,
}

impl VaultState {
    /// Takes the client, or none, and the lent credentials.
    #[must_use]
    pub const fn new(vault: Option<Vault>, leases: Arc<Leases>) -> Self {
        Self { vault, leases }
    }

    /// How each lent credential stands. Asks nobody.
    pub fn lent(&self) -> impl Iterator<Item = LentCredential> {
        self.leases.views().map(|(name, view)| LentCredential {
            name: name.to_string(),
            state: view.state.as_str(),
            problem: view.trouble,
            age_seconds: view.age.map(|age| age.as_secs()),
            left_seconds: view.left.map(|left| left.as_secs()),
            calls: view.counts.into_iter().collect(),
        })
    }

    /// Looks now: `None` without a Vault, else what is wrong, as a stable word.
    pub async fn look(&self) -> Option<Result<(), &'static str>> {
        Some(self.vault.as_ref()?.look().await.map_err(|error| word(&error)))
    }

    /// Whether we are signed in; `None` without a Vault.
    #[must_use]
    pub fn is_signed_in(&self) -> Option<bool> {
        Some(matches!(self.vault.as_ref()?.standing(), Standing::SignedIn { .. }))
    }

    /// Seconds until the token is no longer used; 0 without a token, or with one that has no end.
    #[must_use]
    pub fn token_seconds(&self) -> u64 {
        match self.vault.as_ref().map(Vault::standing) {
            Some(Standing::SignedIn { ends_in: Some(left) }) => left.as_secs(),
            _ => 0,
        }
    }

    /// The counters.
    #[must_use]
    pub fn calls(&self) -> Vec<VaultCalls> {
        let counts = self.vault.as_ref().map(Vault::counts).unwrap_or_default();
        let one =
            |((operation, outcome), count): ((VaultOperation, Option<VaultErrorKind>), u64)| VaultCalls {
                operation: operation.as_str(),
                outcome: outcome.map_or("ok", VaultErrorKind::as_str),
                count,
            };
        counts.into_iter().map(one).collect()
    }
}

const fn word(error: &VaultError) -> &'static str {
    match error.kind {
        VaultErrorKind::Setting => "misconfigured",
        VaultErrorKind::Unreachable => "unreachable",
        VaultErrorKind::Sealed => "sealed",
        VaultErrorKind::Standby => "standby",
        VaultErrorKind::Throttled => "throttled",
        VaultErrorKind::Denied | VaultErrorKind::NotFound | VaultErrorKind::Refused if error.signing_in => {
            "sign-in-refused"
        }
        VaultErrorKind::Denied
        | VaultErrorKind::NotFound
        | VaultErrorKind::Refused
        | VaultErrorKind::Failed
        | VaultErrorKind::Unexpected => "unexpected-answer",
    }
}
