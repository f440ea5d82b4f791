//! The canary: now and then a credential is vended for a folder of its own, and what must not be reached with it is tried.
//!
//! Where the cloud lets one of these through, nothing is vended for the bucket until a later try finds it narrow again. A try that
//! comes to no finding, because the cloud is away, changes nothing.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::domain::bucket::{Bucket, BucketId, NativeName};
use crate::domain::key::{InvalidKey, ObjectKey, Prefix};
use crate::domain::scope::Scope;
use crate::domain::time::{Clock, Timestamp};
use crate::provider::StoreError;
use crate::provider::vend::{Attempt, Fit, Holder, Reach, VendOptions};
use crate::service::buckets::Buckets;
use crate::service::stores::Stores;

/// How long the canary's own credential lives: the least that every cloud gives.
const LIFE: Duration = Duration::from_mins(15);

/// How soon a try is made again that came to no finding.
const SOON: Duration = Duration::from_mins(1);

/// How long one bucket's try may take, so that a silent cloud does not hold up the others'.
const PATIENCE: Duration = Duration::from_secs(30);

/// How vending is tried while the service runs.
#[derive(Debug, Clone)]
pub struct CanaryOptions {
    /// How often; `None` for never.
    pub every: Option<Duration>,
    /// The folder in which it is tried.
    pub folder: Prefix,
}

/// What the last try that came to a finding found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// Everything that must be refused was refused.
    Narrow,
    /// Something was let through.
    TooWide {
        /// What.
        what: &'static str,
    },
    /// The cloud has no credential for a folder, so none is vended.
    NothingVended,
}

/// What a bucket's canary says.
#[derive(Debug, Clone)]
pub struct Sighting {
    /// What was found.
    pub finding: Finding,
    /// When.
    pub at: Timestamp,
}

/// The findings of all buckets.
#[derive(Debug)]
pub struct Canary {
    options: CanaryOptions,
    sightings: Mutex<HashMap<BucketId, Sighting>>,
}

impl Canary {
    /// A canary that has not looked yet.
    #[must_use]
    pub fn new(options: CanaryOptions) -> Self {
        Self { options, sightings: Mutex::default() }
    }

    /// Whether credentials may be vended for the bucket: where the canary looks, only after it found vending narrow.
    #[must_use]
    pub fn lets(&self, bucket: &BucketId) -> bool {
        let Some(_) = self.options.every else { return true };
        let sighting = self.sighting(bucket);
        sighting.is_some_and(|sighting| !matches!(sighting.finding, Finding::TooWide { .. }))
    }

    /// What was found last.
    #[must_use]
    pub fn sighting(&self, bucket: &BucketId) -> Option<Sighting> {
        self.sightings.lock().unwrap_or_else(PoisonError::into_inner).get(bucket).cloned()
    }

    /// Looks at every bucket that vends, again and again, until the token is cancelled.
    pub async fn watch(
        &self,
        stores: &Stores,
        buckets: &Buckets,
        clock: &dyn Clock,
        stop: &CancellationToken,
    ) {
        let Some(every) = self.options.every else { return };
        let rounds = async {
            loop {
                let mut all_found = true;
                for bucket in buckets.iter().filter(|bucket| bucket.vending.is_some()) {
                    let other = other_than(buckets, bucket);
                    all_found &= self.look(stores, bucket, other, clock.now()).await;
                }
                tokio::time::sleep(if all_found { every } else { every.min(SOON) }).await;
            }
        };
        let _stopped = stop.run_until_cancelled(rounds).await;
    }

    /// Looks at one bucket. Tells whether it came to a finding.
    async fn look(
        &self,
        stores: &Stores,
        bucket: &Arc<Bucket>,
        other: Option<NativeName>,
        now: Timestamp,
    ) -> bool {
        let tried = tokio::time::timeout(PATIENCE, Box::pin(self.try_out(stores, bucket, other, now)));
        match tried.await.unwrap_or(Err(CanaryError::Silent)) {
            Ok(finding) => {
                match &finding {
                    Finding::TooWide { what } => tracing::error!(
                        bucket.id = %bucket.id, what, "a vended credential reaches too far; vending is stopped"
                    ),
                    found => tracing::info!(bucket.id = %bucket.id, ?found, "vending was tried"),
                }
                let sighting = Sighting { finding, at: now };
                let mut sightings = self.sightings.lock().unwrap_or_else(PoisonError::into_inner);
                sightings.insert(bucket.id.clone(), sighting);
                true
            }
            Err(error) => {
                let error: &(dyn std::error::Error + 'static) = &error;
                tracing::warn!(bucket.id = %bucket.id, error, "vending could not be tried");
                false
            }
        }
    }

    async fn try_out(
        &self,
        stores: &Stores,
        bucket: &Arc<Bucket>,
        other: Option<NativeName>,
        now: Timestamp,
    ) -> Result<Finding, CanaryError> {
        let plan = Plan::new(&self.options.folder, other)?;
        let holder = Holder {
            subject: "logboom-canary".to_owned(),
            issuer: "logboom".to_owned(),
            request_id: "canary".to_owned(),
        };
        let options = VendOptions { scope: plan.scope, ttl: LIFE, now, holder, max_credentials: 1 };
        let Fit::Credentials(vended) = stores.vend(bucket, &options).await? else {
            return Ok(Finding::NothingVended);
        };
        let vendor = stores.vendor(bucket).await?;
        for vended in &vended {
            // Only a credential that works proves anything by what it is refused.
            if vendor.attempt(vended, &plan.allowed).await? == Reach::Refused {
                return Err(CanaryError::Useless);
            }
            for (what, attempt) in &plan.refused {
                if vendor.attempt(vended, attempt).await? == Reach::Allowed {
                    return Ok(Finding::TooWide { what });
                }
            }
        }
        Ok(Finding::Narrow)
    }
}

/// What is tried.
struct Plan {
    scope: Scope,
    allowed: Attempt,
    refused: Vec<(&'static str, Attempt)>,
}

impl Plan {
    fn new(folder: &Prefix, other: Option<NativeName>) -> Result<Self, CanaryError> {
        let inner = Prefix::parse(&format!("{}a/", folder.as_str()))?;
        let sibling = Prefix::parse(&format!("{}a_b/", folder.as_str()))?;
        let key = |folder: &Prefix| ObjectKey::parse(&format!("{}canary", folder.as_str()));
        let mut refused = vec![
            ("read a sibling folder", Attempt::Read(key(&sibling)?)),
            ("list a sibling folder", Attempt::List(sibling)),
            ("list the bucket", Attempt::List(Prefix::root())),
            ("write", Attempt::Write(key(&inner)?)),
        ];
        refused.extend(other.map(|name| ("list another bucket", Attempt::OtherBucket(name))));
        let scope = Scope::folder(inner.clone()).map_err(|_| CanaryError::Useless)?;
        Ok(Self { scope, allowed: Attempt::List(inner), refused })
    }
}

/// Another bucket of the same provider, account and endpoint, where one is registered.
fn other_than(buckets: &Buckets, bucket: &Bucket) -> Option<NativeName> {
    let beside = |other: &&Arc<Bucket>| {
        other.provider == bucket.provider
            && other.endpoint == bucket.endpoint
            && other.account == bucket.account
            && other.native_name != bucket.native_name
    };
    buckets.iter().find(beside).map(|other| other.native_name.clone())
}

/// Why a try came to no finding.
#[derive(Debug, thiserror::Error)]
enum CanaryError {
    /// The folder makes no keys.
    #[error("the canary's folder cannot be used")]
    Folder(#[from] InvalidKey),
    /// What was vended does not even reach its own folder.
    #[error("what was vended does not list its own folder: see whether the role may list the bucket")]
    Useless,
    /// The cloud took too long.
    #[error("the cloud did not answer in time")]
    Silent,
    /// The cloud could not be asked.
    #[error("the cloud could not be asked")]
    Store(#[from] StoreError),
}
