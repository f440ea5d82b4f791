//! The credentials that Vault or a cloud lends: one of each, however many ask, renewed or replaced ahead of its end, given
//! back when nobody needs it any more.
//!
//! Each credential has a task of its own, which the first request wakes. Requests take what it holds, or wait for what it
//! is about to get; a request that goes away stops nothing.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::future::join_all;

use crate::domain::credential::{CredentialName, LeasedCredential};
use crate::domain::time::Clock;
use crate::vault::kinds::{Means, Reference};
use crate::vault::leases::slot::Slot;
use crate::vault::server::Pauses;
use crate::vault::{CredentialSource, LeaseError};

mod held;
mod slot;
mod task;
#[cfg(test)]
mod testing;

pub use slot::{LeaseState, LeaseView};

/// How credentials are held.
#[derive(Debug, Clone)]
pub struct Options {
    /// How long a request waits for a credential that is not there yet.
    pub wait: Duration,
    /// How often a static secret is read again.
    pub read_again: Duration,
    /// How long a static secret is used while it cannot be read again.
    pub unread: Duration,
    /// How long one that was replaced is left alone before it is given back, for those who still use it.
    pub grace: Duration,
    /// How long giving back may take at the end.
    pub give_back: Duration,
    /// How long it rests after failures.
    pub pauses: Pauses,
}

/// All leased credentials of the service.
pub struct Leases {
    slots: BTreeMap<CredentialName, Slot>,
    wait: Duration,
    give_back: Duration,
    clock: Arc<dyn Clock>,
}

impl fmt::Debug for Leases {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Leases").field("names", &self.slots.keys()).finish_non_exhaustive()
    }
}

impl Leases {
    /// Takes what is configured. Nothing is asked for yet.
    #[must_use]
    pub fn new(
        references: BTreeMap<CredentialName, Reference>,
        means: &Means,
        options: &Options,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let slot = |(name, reference): (CredentialName, Reference)| {
            let slot = Slot::new(name.clone(), reference, means.clone(), options.clone());
            (name, slot)
        };
        let slots = references.into_iter().map(slot).collect();
        Self { slots, wait: options.wait, give_back: options.give_back, clock }
    }

    /// Whether a credential of that name is leased here.
    #[must_use]
    pub fn knows(&self, name: &CredentialName) -> bool {
        self.slots.contains_key(name)
    }

    /// What a credential refers to.
    #[must_use]
    pub fn reference(&self, name: &CredentialName) -> Option<&Reference> {
        self.slots.get(name).map(Slot::reference)
    }

    /// How each credential stands, without what it is. Asks nobody.
    pub fn views(&self) -> impl Iterator<Item = (&CredentialName, LeaseView)> {
        self.slots.iter().map(|(name, slot)| (name, slot.view()))
    }

    /// Gives one credential back, because the bucket that it opened is gone. Asking for it again gets a new one.
    pub async fn release(&self, name: &CredentialName) {
        if let Some(slot) = self.slots.get(name) {
            slot.release(self.give_back, false).await;
        }
    }

    /// Gives everything back. Later requests fail.
    pub async fn close(&self) {
        join_all(self.slots.values().map(|slot| slot.release(self.give_back, true))).await;
    }
}

#[async_trait]
impl CredentialSource for Leases {
    async fn lease(&self, name: &CredentialName) -> Result<LeasedCredential, LeaseError> {
        let slot = self.slots.get(name).ok_or_else(|| LeaseError::Unknown { name: name.clone() })?;
        match slot.take(self.wait).await {
            Ok(held) => Ok(held.leased(self.clock.now())),
            Err(cause) => Err(LeaseError::Unavailable { name: name.clone(), cause }),
        }
    }

    fn refused(&self, name: &CredentialName, leased: &LeasedCredential) {
        if let Some(slot) = self.slots.get(name) {
            slot.refused(&leased.validity);
        }
    }
}
