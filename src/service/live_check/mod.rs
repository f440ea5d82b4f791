//! Tries what the service will need: signs in to Vault, gets the credential of each bucket, and lists one object of each.
//!
//! It goes the way of a request, through the same sources and stores. What is found is words of our own: no secret, and
//! nothing that a server answered.

use std::fmt;
use std::num::NonZeroU16;
use std::sync::Arc;
use std::time::Duration;

use futures::stream::{self, StreamExt};
use tokio::time::{Instant, sleep, timeout};

use crate::domain::bucket::Bucket;
use crate::domain::credential::CredentialName;
use crate::domain::key::Prefix;
use crate::provider::ListOptions;
use crate::service::live_check::advice::About;
use crate::service::stores::Stores;
use crate::vault::key_ring::KeyRing;
use crate::vault::kinds::ObtainError;
use crate::vault::server::{Vault, VaultErrorKind};
use crate::vault::signer::Signer;
use crate::vault::sources::Sources;
use crate::vault::{CredentialSource, LeaseError};

mod advice;
#[cfg(test)]
mod tests;

/// Between two questions for a credential that did not come in time.
const PAUSE: Duration = Duration::from_millis(100);

/// How far a check may go.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Buckets that are tried at once; at least 1.
    pub at_once: usize,
    /// How long each of them may take for its credential, and again for its listing.
    pub each: Duration,
}

/// What is tried.
#[derive(Debug)]
pub struct LiveCheck {
    /// Vault, where there is one.
    pub vault: Option<Vault>,
    /// The data keys that seal sessions, where Vault makes them.
    pub ring: Option<Arc<KeyRing>>,
    /// What signs receipts, where Vault does.
    pub signer: Option<Arc<Signer>>,
    /// All credentials.
    pub sources: Arc<Sources>,
    /// All stores.
    pub stores: Arc<Stores>,
    /// How far to go.
    pub limits: Limits,
}

/// How one step went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// It works.
    Ok,
    /// It does not.
    Failed,
    /// What it needs failed already.
    NotTried,
}

impl Mark {
    /// A stable word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Failed => "failed",
            Self::NotTried => "not tried",
        }
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What failed, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// What happened.
    pub what: String,
    /// What to do; the first is the likeliest.
    pub remedies: Vec<Remedy>,
}

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remedy {
    /// In words.
    pub text: String,
    /// Rules of a policy, or statements of a permission, as they are to be written.
    pub lines: Vec<String>,
}

/// How a step that belongs to no bucket went.
#[derive(Debug, Clone)]
pub struct Step {
    /// How it went.
    pub mark: Mark,
    /// How long it took.
    pub took: Duration,
    /// Why it failed.
    pub trouble: Option<Trouble>,
}

/// How a bucket stands.
#[derive(Debug, Clone)]
pub struct BucketReport {
    /// Which one.
    pub bucket: Arc<Bucket>,
    /// The kind of its credential, as the configuration has it.
    pub kind: &'static str,
    /// Whether its credential could be had.
    pub credential: Mark,
    /// Whether it could be listed.
    pub listing: Mark,
    /// How long both took.
    pub took: Duration,
    /// Why one of them failed.
    pub trouble: Option<Trouble>,
}

/// How everything stands.
#[derive(Debug, Clone)]
pub struct Report {
    /// Signing in to Vault, where there is one.
    pub vault: Option<Step>,
    /// Having a data key made and unwrapped, where Vault does that.
    pub sealing: Option<Step>,
    /// Having something signed, and checking it, where Vault does that.
    pub signing: Option<Step>,
    /// The buckets, in the order of the configuration.
    pub buckets: Vec<BucketReport>,
}

impl Report {
    /// How many of these do not work, those that were not tried included.
    #[must_use]
    pub fn failures(&self) -> usize {
        let steps = self
            .vault
            .iter()
            .chain(&self.sealing)
            .chain(&self.signing)
            .filter(|step| step.mark != Mark::Ok)
            .count();
        steps + self.buckets.iter().filter(|bucket| bucket.listing != Mark::Ok).count()
    }
}

async fn try_sealing(ring: &KeyRing) -> Result<(), Trouble> {
    ring.try_out().await.map_err(|error| advice::on_sealing(&error, &ring.rules()))
}

async fn try_signing(signer: &Signer) -> Result<(), Trouble> {
    signer.try_out().await.map_err(|error| advice::on_signing(&error, &signer.rules()))
}

/// Tries a step that needs Vault, if Vault can be asked for anything.
async fn step(vault_lends: bool, tried: impl Future<Output = Result<(), Trouble>>) -> Step {
    if !vault_lends {
        return Step { mark: Mark::NotTried, took: Duration::ZERO, trouble: None };
    }
    let begun = Instant::now();
    let trouble = tried.await.err();
    let mark = if trouble.is_none() { Mark::Ok } else { Mark::Failed };
    Step { mark, took: begun.elapsed(), trouble }
}

impl LiveCheck {
    /// Tries everything. What is lent on the way stays with the sources, whose owner gives it back.
    pub async fn run(&self, buckets: Vec<Arc<Bucket>>) -> Report {
        let (vault, lends) = match &self.vault {
            Some(vault) => {
                let (step, lends) = self.sign_in(vault).await;
                (Some(step), lends)
            }
            None => (None, true),
        };
        let sealing = match &self.ring {
            Some(ring) => Some(step(lends, try_sealing(ring)).await),
            None => None,
        };
        let signing = match &self.signer {
            Some(signer) => Some(step(lends, Box::pin(try_signing(signer))).await),
            None => None,
        };
        let reports = buckets.into_iter().map(|bucket| self.bucket(bucket, lends));
        let buckets = stream::iter(reports).buffered(self.limits.at_once.max(1)).collect().await;
        Report { vault, sealing, signing, buckets }
    }

    /// Signs in, and says whether it is worth asking Vault for anything.
    async fn sign_in(&self, vault: &Vault) -> (Step, bool) {
        let begun = Instant::now();
        // Each of its calls has a time limit of its own.
        let answered = vault.confirm().await;
        let took = begun.elapsed();
        let Err(error) = answered else { return (Step { mark: Mark::Ok, took, trouble: None }, true) };
        // A token that may not ask about itself may still be allowed all else.
        let lends = error.kind == VaultErrorKind::Denied && !error.signing_in;
        (Step { mark: Mark::Failed, took, trouble: Some(advice::on_signing_in(&error)) }, lends)
    }

    async fn bucket(&self, bucket: Arc<Bucket>, vault_lends: bool) -> BucketReport {
        let begun = Instant::now();
        let (name, rule) = (&bucket.credential, self.sources.rule(&bucket.credential));
        let kind = self.sources.kind(name).unwrap_or("unknown");
        let (credential, listing, trouble) = if rule.is_some() && !vault_lends {
            (Mark::NotTried, Mark::NotTried, None)
        } else {
            let about = About { bucket: &bucket, kind, rule: rule.as_ref() };
            match self.lease(name).await {
                Err(error) => (Mark::Failed, Mark::NotTried, Some(about.credential(&error))),
                Ok(()) => match self.list(&bucket, &about).await {
                    Err(trouble) => (Mark::Ok, Mark::Failed, Some(trouble)),
                    Ok(()) => (Mark::Ok, Mark::Ok, None),
                },
            }
        };
        BucketReport { kind, credential, listing, took: begun.elapsed(), trouble, bucket }
    }

    /// Gets a credential, with more patience than a request has: a new principal of Entra takes a while to be known.
    async fn lease(&self, name: &CredentialName) -> Result<(), LeaseError> {
        let asking = async {
            loop {
                match self.sources.lease(name).await {
                    Err(LeaseError::Unavailable { cause: ObtainError::Late, .. }) => sleep(PAUSE).await,
                    other => return other.map(|_| ()),
                }
            }
        };
        let late = || LeaseError::Unavailable { name: name.clone(), cause: ObtainError::Late };
        timeout(self.limits.each, asking).await.unwrap_or_else(|_| Err(late()))
    }

    async fn list(&self, bucket: &Arc<Bucket>, about: &About<'_>) -> Result<(), Trouble> {
        let one =
            ListOptions { prefix: Prefix::root(), delimiter: None, limit: NonZeroU16::MIN, cursor: None };
        let store = self.stores.open(bucket);
        match timeout(self.limits.each, store.list(&one)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(about.listing(&error)),
            Err(_) => Err(about.late_listing()),
        }
    }
}
