//! All credentials of the service by name: the fixed ones and the leased ones.

use std::sync::Arc;

use async_trait::async_trait;

use crate::domain::credential::{CredentialName, LeasedCredential};
use crate::vault::fixed::FixedCredentials;
use crate::vault::kinds::Reference;
use crate::vault::leases::Leases;
use crate::vault::server::PolicyRule;
use crate::vault::{CredentialSource, LeaseError};

/// Both kinds of source.
#[derive(Debug, Clone)]
pub struct Sources {
    fixed: Arc<FixedCredentials>,
    leases: Arc<Leases>,
}

impl Sources {
    /// Puts them together. A name is in one of them.
    #[must_use]
    pub const fn new(fixed: Arc<FixedCredentials>, leases: Arc<Leases>) -> Self {
        Self { fixed, leases }
    }

    /// The kind of a credential, as the configuration has it.
    #[must_use]
    pub fn kind(&self, name: &CredentialName) -> Option<&'static str> {
        self.leases.reference(name).map(Reference::kind).or_else(|| self.fixed.kind(name))
    }

    /// What Vault's policy has to allow for a credential; `None` where Vault is not asked for it.
    #[must_use]
    pub fn rule(&self, name: &CredentialName) -> Option<PolicyRule> {
        self.leases.reference(name)?.rule()
    }
}

#[async_trait]
impl CredentialSource for Sources {
    async fn lease(&self, name: &CredentialName) -> Result<LeasedCredential, LeaseError> {
        if self.leases.knows(name) { self.leases.lease(name).await } else { self.fixed.lease(name).await }
    }

    fn refused(&self, name: &CredentialName, leased: &LeasedCredential) {
        self.leases.refused(name, leased);
    }
}
