//! Counters in the Prometheus text format. No label holds a person, a key or a secret.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use crate::telemetry::leases::LeaseMetrics;

/// Upper bounds of the time until an answer begins, in seconds.
const SECONDS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0];

/// What a request is counted under.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct RequestLabels {
    /// The method.
    pub method: String,
    /// The route's path as in the table, or `unmatched`.
    pub route: String,
    /// The status.
    pub status: u16,
}

/// What a time is measured under.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct RouteLabels {
    /// The route's path as in the table, or `unmatched`.
    pub route: String,
}

/// What refusals are counted under.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ProblemLabels {
    /// The problem's slug.
    pub slug: String,
}

/// What calls to a bucket's provider are counted under.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct StoreLabels {
    /// The bucket's id.
    pub bucket: String,
    /// `list`, `head`, `get`, `read`, `link` or `vend`.
    pub operation: String,
    /// How it ended.
    pub outcome: String,
}

/// What is told of a bucket.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct BucketLabels {
    /// The bucket's id.
    pub bucket: String,
}

/// What calls to Vault are counted under.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct VaultLabels {
    /// `sign_in`, `renew` or `call`.
    pub operation: String,
    /// How it ended.
    pub outcome: String,
}

/// All metrics of the process.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    /// Answers by route and status.
    pub requests: Family<RequestLabels, Counter>,
    /// Time until the answer began.
    pub seconds: Family<RouteLabels, Histogram, fn() -> Histogram>,
    /// Problems by slug.
    pub problems: Family<ProblemLabels, Counter>,
    /// Calls to the providers.
    pub store_calls: Family<StoreLabels, Counter>,
    /// Calls to Vault.
    pub vault_calls: Family<VaultLabels, Counter>,
    /// Whether we are signed in to Vault.
    pub vault_signed_in: Gauge,
    /// Seconds until the token of Vault is no longer used.
    pub vault_token_seconds: Gauge,
    /// Lent credentials.
    pub leases: LeaseMetrics,
    /// What the canary found of each bucket's vending.
    pub vending_narrow: Family<BucketLabels, Gauge>,
    /// Bodies under way.
    pub streams: Gauge,
    /// Bytes of objects sent.
    pub bytes_sent: Counter<u64, AtomicU64>,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// Registers every metric.
    #[must_use]
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix("logboom");
        let requests = Family::default();
        registry.register("http_requests", "Answers by route and status", requests.clone());
        let seconds: Family<RouteLabels, Histogram, fn() -> Histogram> =
            Family::new_with_constructor(|| Histogram::new(SECONDS));
        registry.register("http_answer_seconds", "Time until an answer began", seconds.clone());
        let problems = Family::default();
        registry.register("problems", "Problems by slug", problems.clone());
        let store_calls = Family::default();
        registry.register("store_calls", "Calls to the buckets' providers", store_calls.clone());
        let vault_calls = Family::default();
        registry.register("vault_calls", "Calls to Vault", vault_calls.clone());
        let vault_signed_in = Gauge::default();
        let help = "1 while signed in to Vault, 0 without";
        registry.register("vault_signed_in", help, vault_signed_in.clone());
        let vault_token_seconds = Gauge::default();
        let help = "Seconds until the token of Vault is no longer used; 0 without one, or without an end";
        registry.register("vault_token_seconds", help, vault_token_seconds.clone());
        let leases = LeaseMetrics::new(&mut registry);
        let vending_narrow = Family::default();
        let help = "1 while what is vended was last found narrow, 0 when it reached too far";
        registry.register("vending_narrow", help, vending_narrow.clone());
        let streams = Gauge::default();
        registry.register("object_streams", "Object bodies under way", streams.clone());
        let bytes_sent = Counter::default();
        registry.register("object_sent_bytes", "Bytes of objects sent", bytes_sent.clone());
        Self {
            registry,
            requests,
            seconds,
            problems,
            store_calls,
            vault_calls,
            vault_signed_in,
            vault_token_seconds,
            leases,
            vending_narrow,
            streams,
            bytes_sent,
        }
    }

    /// Counts one answer.
    pub fn answered(&self, method: &str, route: &str, status: u16, took: Duration) {
        let labels = RequestLabels { method: method.to_owned(), route: route.to_owned(), status };
        self.requests.get_or_create(&labels).inc();
        let labels = RouteLabels { route: route.to_owned() };
        self.seconds.get_or_create(&labels).observe(took.as_secs_f64());
    }

    /// Takes over a count that is kept elsewhere.
    pub fn store_called(&self, labels: &StoreLabels, count: u64) {
        self.store_calls.get_or_create(labels).inner().store(count, Ordering::Relaxed);
    }

    /// Takes over a count that the client of Vault keeps.
    pub fn vault_called(&self, labels: &VaultLabels, count: u64) {
        self.vault_calls.get_or_create(labels).inner().store(count, Ordering::Relaxed);
    }

    /// Everything in the Prometheus text format.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        match encode(&mut text, &self.registry) {
            Ok(()) => text,
            Err(_) => String::new(),
        }
    }
}
