//! Findings about what the service depends on: looked at when asked, at most every few seconds, each with its age.

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use tokio::sync::Mutex;

use crate::api::health::{Dependency, Readiness as Report};
use crate::db::Db;
use crate::domain::bucket::Bucket;
use crate::domain::time::{Clock, Timestamp};
use crate::http::state::AppState;
use crate::provider::{ListOptions, StoreErrorKind};
use crate::service::vault_state::LentCredential;

/// A finding younger than this is told again instead of made anew.
const FRESH: Duration = Duration::from_secs(5);

/// The longest that one look takes.
const LOOK: Duration = Duration::from_secs(3);

/// The findings.
#[derive(Debug)]
pub struct Readiness {
    db: Db,
    clock: Arc<dyn Clock>,
    last: Mutex<Option<(Timestamp, Vec<Finding>)>>,
}

#[derive(Debug, Clone)]
struct Finding {
    kind: Kind,
    name: String,
    problem: Option<String>,
    lent: Option<Lent>,
}

/// How a lent credential stands.
#[derive(Debug, Clone)]
struct Lent {
    state: &'static str,
    held_seconds: Option<u64>,
    left_seconds: Option<u64>,
}

impl Finding {
    const fn new(kind: Kind, name: String, problem: Option<String>) -> Self {
        Self { kind, name, problem, lent: None }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    StateStore,
    IdentityProvider,
    Vault,
    Credential,
    Bucket,
}

impl Kind {
    const fn as_str(self) -> &'static str {
        match self {
            Self::StateStore => "state-store",
            Self::IdentityProvider => "identity-provider",
            Self::Vault => "vault",
            Self::Credential => "credential",
            Self::Bucket => "bucket",
        }
    }
}

/// Whose eyes a report is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// Anybody: no names.
    Public,
    /// Operators, on their own port.
    Operators,
}

impl Readiness {
    /// Nothing looked at yet.
    #[must_use]
    pub fn new(db: Db, clock: Arc<dyn Clock>) -> Self {
        Self { db, clock, last: Mutex::default() }
    }

    /// What is known now; all who ask at once share one look.
    pub async fn report(&self, state: &AppState, audience: Audience) -> Report {
        let mut last = self.last.lock().await;
        let now = self.clock.now();
        let outdated = last.as_ref().is_none_or(|(at, _)| now.since(*at) >= FRESH || *at > now);
        if outdated {
            *last = Some((now, self.look(state).await));
        }
        let (at, findings) = last.clone().unwrap_or((now, Vec::new()));
        report(&findings, self.clock.now().since(at), audience)
    }

    async fn look(&self, state: &AppState) -> Vec<Finding> {
        let store = async {
            let well = tokio::time::timeout(LOOK, self.db.ping()).await.is_ok_and(|ping| ping.is_ok());
            let problem = (!well).then(|| "unreachable".to_owned());
            vec![Finding::new(Kind::StateStore, "state store".to_owned(), problem)]
        };
        let providers = async {
            let looked = tokio::time::timeout(LOOK, state.authenticator.health()).await.unwrap_or_default();
            looked
                .into_iter()
                .map(|(name, problem)| Finding::new(Kind::IdentityProvider, name, problem))
                .collect::<Vec<_>>()
        };
        let buckets = join_all(state.buckets.iter().map(|bucket| look_at(state, bucket)));
        let vault = look_at_vault(state);
        let (mut findings, providers, vault, buckets) = tokio::join!(store, providers, vault, buckets);
        findings.extend(providers);
        findings.extend(vault);
        // After the buckets, which ask for them.
        findings.extend(state.vault.lent().map(lent));
        findings.extend(buckets);
        findings
    }
}

async fn look_at_vault(state: &AppState) -> Option<Finding> {
    let looked = match tokio::time::timeout(LOOK, state.vault.look()).await {
        Ok(looked) => looked?,
        Err(_) => Err("timed-out"),
    };
    let problem = looked.err().map(str::to_owned);
    Some(Finding::new(Kind::Vault, "Vault".to_owned(), problem))
}

fn lent(lent: LentCredential) -> Finding {
    let problem = lent.problem.map(str::to_owned);
    let standing =
        Lent { state: lent.state, held_seconds: lent.age_seconds, left_seconds: lent.left_seconds };
    Finding { lent: Some(standing), ..Finding::new(Kind::Credential, lent.name, problem) }
}

/// Lists one key of a bucket.
async fn look_at(state: &AppState, bucket: &Arc<Bucket>) -> Finding {
    let store = state.stores.open(bucket);
    let options = ListOptions {
        prefix: crate::domain::key::Prefix::root(),
        delimiter: None,
        limit: std::num::NonZeroU16::MIN,
        cursor: None,
    };
    let problem = match tokio::time::timeout(LOOK, store.list(&options)).await {
        Ok(Ok(_)) => None,
        Ok(Err(error)) => Some(word(&error.kind).to_owned()),
        Err(_) => Some("timed-out".to_owned()),
    };
    Finding::new(Kind::Bucket, bucket.id.to_string(), problem)
}

const fn word(kind: &StoreErrorKind) -> &'static str {
    match kind {
        StoreErrorKind::Denied => "credential-refused",
        StoreErrorKind::NoCredential => "no-credential",
        StoreErrorKind::NoSuchBucket => "no-such-bucket",
        StoreErrorKind::TimedOut => "timed-out",
        StoreErrorKind::BreakerOpen { .. } => "paused-after-failures",
        StoreErrorKind::Throttled { .. } | StoreErrorKind::Busy => "throttled",
        StoreErrorKind::Unavailable => "unreachable",
        StoreErrorKind::NoSuchObject
        | StoreErrorKind::NotModified
        | StoreErrorKind::PreconditionFailed
        | StoreErrorKind::RangeNotSatisfiable { .. }
        | StoreErrorKind::Archived { .. }
        | StoreErrorKind::Invalid
        | StoreErrorKind::Unsupported
        | StoreErrorKind::Unexpected => "unexpected-answer",
    }
}

fn report(findings: &[Finding], age: Duration, audience: Audience) -> Report {
    let failing = |kind| findings.iter().any(|finding| finding.kind == kind && finding.problem.is_some());
    let status = if failing(Kind::StateStore) {
        "unavailable"
    } else if [Kind::IdentityProvider, Kind::Vault, Kind::Credential, Kind::Bucket].into_iter().any(failing) {
        "degraded"
    } else {
        "ready"
    };
    let dependencies = findings.iter().map(|finding| Dependency {
        kind: finding.kind.as_str().to_owned(),
        name: (audience == Audience::Operators).then(|| finding.name.clone()),
        ok: finding.problem.is_none(),
        problem: finding.problem.clone(),
        age_seconds: age.as_secs(),
        state: finding.lent.as_ref().map(|lent| lent.state.to_owned()),
        held_seconds: finding.lent.as_ref().and_then(|lent| lent.held_seconds),
        left_seconds: finding.lent.as_ref().and_then(|lent| lent.left_seconds),
    });
    Report { status: status.to_owned(), dependencies: dependencies.collect() }
}
