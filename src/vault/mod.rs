//! Credentials: from the name that a bucket bears to the proof that its provider wants.
//!
//! The seam is [`CredentialSource`]. [`fixed`] are references to environment variables and files, or the machine's ambient
//! chain; [`leases`] are lent by Vault or exchanged at a cloud, in the [`kinds`] that there are; [`sources`] is both.

use std::fmt;

use async_trait::async_trait;

use crate::domain::credential::{CredentialName, LeasedCredential};
use crate::vault::kinds::ObtainError;

pub mod exchange;
pub mod fixed;
pub mod key_ring;
pub mod kinds;
pub mod leases;
pub mod seal;
pub mod server;
pub mod signer;
pub mod sources;

/// Where credentials come from.
#[async_trait]
pub trait CredentialSource: fmt::Debug + Send + Sync {
    /// Gets the credential of that name, fresh enough to be used now.
    async fn lease(&self, name: &CredentialName) -> Result<LeasedCredential, LeaseError>;

    /// Tells that the provider refused a credential that was leased here, so that it can be looked into. Returns at once.
    fn refused(&self, name: &CredentialName, leased: &LeasedCredential);
}

/// Why a credential could not be had.
#[derive(Debug, thiserror::Error)]
pub enum LeaseError {
    /// No credential is configured under the name.
    #[error("no credential `{name}` is configured")]
    Unknown {
        /// The name that was asked for.
        name: CredentialName,
    },
    /// A reference points at something that is not there or cannot be read.
    #[error("credential `{name}` cannot be read: {what}")]
    Unreadable {
        /// The name that was asked for.
        name: CredentialName,
        /// Which reference failed, without its content.
        what: String,
    },
    /// It is lent, and cannot be had now; it is tried again by itself.
    #[error("credential `{name}` cannot be had now")]
    Unavailable {
        /// The name that was asked for.
        name: CredentialName,
        /// Why.
        #[source]
        cause: ObtainError,
    },
}
