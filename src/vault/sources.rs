//! All credentials of the service by name: the fixed ones and the leased ones.

use std::sync::Arc;

use async_trait::async_trait;

use crate::domain::credential::{CredentialName, LeasedCredential};
use crate::vault::fixed::FixedCredentials;
use crate::vault::leases::Leases;
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
