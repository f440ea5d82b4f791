//! How lent credentials stand: by the name that they are configured under, and never by what they are.

use std::sync::atomic::Ordering;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// What a credential's times are told under.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CredentialLabels {
    credential: String,
}

/// What asking for a credential is counted under.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabels {
    credential: String,
    outcome: String,
}

/// The metrics of lent credentials.
#[derive(Debug)]
pub struct LeaseMetrics {
    held: Family<CredentialLabels, Gauge>,
    age: Family<CredentialLabels, Gauge>,
    left: Family<CredentialLabels, Gauge>,
    calls: Family<OutcomeLabels, Counter>,
}

/// One credential as it stands now.
#[derive(Debug, Clone, Copy)]
pub struct LeaseReading<'a> {
    /// Its name.
    pub credential: &'a str,
    /// Seconds since it is held; `None` when it is not.
    pub age_seconds: Option<u64>,
    /// Seconds until it is no longer used; `None` when it is not held, or has no end.
    pub left_seconds: Option<u64>,
}

impl LeaseMetrics {
    /// Registers them.
    #[must_use]
    pub fn new(registry: &mut Registry) -> Self {
        let all = Self {
            held: Family::default(),
            age: Family::default(),
            left: Family::default(),
            calls: Family::default(),
        };
        registry.register(
            "credential_held",
            "1 while the lent credential can be used, 0 without",
            all.held.clone(),
        );
        registry.register(
            "credential_age_seconds",
            "Since when the lent credential is held",
            all.age.clone(),
        );
        let help = "Until when the lent credential may be used; 0 without one, or without an end";
        registry.register("credential_left_seconds", help, all.left.clone());
        registry.register("credential_calls", "Lent credentials asked for, by outcome", all.calls.clone());
        all
    }

    /// Takes over how a credential stands.
    pub fn read(&self, reading: LeaseReading<'_>) {
        let labels = CredentialLabels { credential: reading.credential.to_owned() };
        let seconds = |value: Option<u64>| i64::try_from(value.unwrap_or_default()).unwrap_or(i64::MAX);
        self.held.get_or_create(&labels).set(i64::from(reading.age_seconds.is_some()));
        self.age.get_or_create(&labels).set(seconds(reading.age_seconds));
        self.left.get_or_create(&labels).set(seconds(reading.left_seconds));
    }

    /// Takes over how often asking for a credential ended in one way.
    pub fn called(&self, credential: &str, outcome: &str, count: u64) {
        let labels = OutcomeLabels { credential: credential.to_owned(), outcome: outcome.to_owned() };
        self.calls.get_or_create(&labels).inner().store(count, Ordering::Relaxed);
    }
}
