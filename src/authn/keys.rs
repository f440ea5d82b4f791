//! An issuer's discovery document and keys, kept for at most a quarter of an hour.
//!
//! A refresh replaces the set, so that a withdrawn key stops working. An unknown key id causes a refresh, for all
//! callers together at most once in an interval. When the issuer is away the set goes on until its greatest age.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::Mutex;

use crate::authn::discovery::{Discovery, DiscoveryError, IssuerAddress};
use crate::authn::fetch::{Fetch, FetchError};
use crate::authn::jwt::SigningAlgorithm;
use crate::authn::key_set::{InvalidKeySet, Key, KeySet};
use crate::domain::time::{Clock, Timestamp};

/// The greatest age that can be configured for keys.
pub const MAX_KEY_AGE: Duration = Duration::from_mins(15);

/// How long keys are kept and how often they are asked for.
#[derive(Debug, Clone, Copy)]
pub struct KeyLimits {
    /// The age at which keys are no longer used. At most [`MAX_KEY_AGE`].
    pub max_age: Duration,
    /// The least time between two refreshes, whatever causes them.
    pub refetch_interval: Duration,
}

/// What an issuer said, and when.
#[derive(Debug)]
pub struct Snapshot {
    /// Its discovery document.
    pub discovery: Discovery,
    /// Its keys.
    pub keys: KeySet,
    /// When they were read.
    pub read_at: Timestamp,
}

/// Why a key cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The issuer publishes no such key.
    #[error("the issuer publishes no key that fits the token")]
    Unknown,
    /// The issuer cannot be asked, and what it said before is too old.
    #[error("the keys of issuer `{issuer}` cannot be had")]
    Away {
        /// The issuer.
        issuer: String,
        /// Why not; absent when a call failed a moment ago and the next one waits.
        #[source]
        cause: Option<Arc<RefreshError>>,
    },
}

/// Why a refresh failed.
#[derive(Debug, thiserror::Error)]
pub enum RefreshError {
    /// Discovery failed.
    #[error(transparent)]
    Discovery(#[from] DiscoveryError),
    /// The key set cannot be had.
    #[error("cannot read the key set")]
    Fetch(#[from] FetchError),
    /// The key set cannot be used.
    #[error(transparent)]
    Keys(#[from] InvalidKeySet),
}

/// One issuer.
#[derive(Debug)]
pub struct Issuer {
    address: IssuerAddress,
    limits: KeyLimits,
    fetch: Fetch,
    clock: Arc<dyn Clock>,
    current: RwLock<Option<Arc<Snapshot>>>,
    refreshing: Mutex<Attempt>,
}

/// The last try to refresh.
#[derive(Debug, Default)]
struct Attempt {
    began_at: Option<Timestamp>,
    failure: Option<Arc<RefreshError>>,
}

impl Issuer {
    /// Makes an issuer; nothing is asked yet.
    #[must_use]
    pub fn new(address: IssuerAddress, limits: KeyLimits, fetch: Fetch, clock: Arc<dyn Clock>) -> Self {
        let limits = KeyLimits { max_age: limits.max_age.min(MAX_KEY_AGE), ..limits };
        let (current, refreshing) = (RwLock::default(), Mutex::default());
        Self { address, limits, fetch, clock, current, refreshing }
    }

    /// The issuer's name, exactly.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.address.issuer
    }

    /// The client that calls this issuer.
    #[must_use]
    pub const fn fetch(&self) -> &Fetch {
        &self.fetch
    }

    /// What is known without asking, while it is not too old.
    #[must_use]
    pub fn known(&self) -> Option<Arc<Snapshot>> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner).clone()?;
        (self.age(&current) < self.limits.max_age).then_some(current)
    }

    /// What the issuer says, asked where needed. From a third of the greatest age on one caller refreshes while the
    /// others go on with what is known.
    pub async fn snapshot(&self) -> Result<Arc<Snapshot>, KeyError> {
        if let Some(known) = self.known() {
            if self.age(&known) >= self.limits.max_age / 3
                && let Ok(mut attempt) = self.refreshing.try_lock()
            {
                self.refresh(&mut attempt).await;
            }
            return Ok(self.known().unwrap_or(known));
        }
        let mut attempt = self.refreshing.lock().await;
        if self.known().is_none() {
            self.refresh(&mut attempt).await;
        }
        self.known().ok_or_else(|| KeyError::Away {
            issuer: self.address.issuer.clone(),
            cause: attempt.failure.clone(),
        })
    }

    /// The key for a token.
    pub async fn key(&self, kid: Option<&str>, algorithm: SigningAlgorithm) -> Result<Arc<Key>, KeyError> {
        let seen = self.snapshot().await?;
        if let Some(key) = seen.keys.find(kid, algorithm) {
            return Ok(key);
        }
        let mut attempt = self.refreshing.lock().await;
        let unchanged = self.known().is_none_or(|now| Arc::ptr_eq(&now, &seen));
        if unchanged {
            self.refresh(&mut attempt).await;
        }
        self.known().and_then(|now| now.keys.find(kid, algorithm)).ok_or(KeyError::Unknown)
    }

    /// Forgets everything, so that the next caller asks the issuer.
    pub async fn forget(&self) {
        let mut attempt = self.refreshing.lock().await;
        *attempt = Attempt::default();
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Stands in for a refresh.
    #[cfg(test)]
    pub(in crate::authn) fn seed(&self, snapshot: Snapshot) {
        *self.current.write().unwrap() = Some(Arc::new(snapshot));
    }

    /// Asks the issuer, unless it was asked a moment ago.
    async fn refresh(&self, attempt: &mut Attempt) {
        let now = self.clock.now();
        if attempt.began_at.is_some_and(|began| now.since(began) < self.limits.refetch_interval) {
            return;
        }
        attempt.began_at = Some(now);
        match self.read().await {
            Ok(snapshot) => {
                attempt.failure = None;
                *self.current.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(snapshot));
            }
            Err(error) => {
                let error: Arc<RefreshError> = Arc::new(error);
                tracing::warn!(issuer = self.name(), error = %Chain(&*error), "keys could not be refreshed");
                attempt.failure = Some(error);
            }
        }
    }

    async fn read(&self) -> Result<Snapshot, RefreshError> {
        let read_at = self.clock.now();
        let discovery = self.address.discover(&self.fetch).await?;
        let keys = KeySet::parse(&self.fetch.get(&discovery.jwks_uri).await?)?;
        Ok(Snapshot { discovery, keys, read_at })
    }

    fn age(&self, snapshot: &Snapshot) -> Duration {
        self.clock.now().since(snapshot.read_at)
    }
}

/// An error with its causes, on one line.
struct Chain<'a>(&'a (dyn std::error::Error + 'static));

impl std::fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)?;
        let mut next = self.0.source();
        while let Some(cause) = next {
            write!(f, ": {cause}")?;
            next = cause.source();
        }
        Ok(())
    }
}
