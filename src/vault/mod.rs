//! Credentials: from the name that a bucket bears to the proof that its provider wants.
//!
//! The seam is [`CredentialSource`]. Today's source is [`fixed`]: references to environment variables and files,
//! or the machine's ambient chain.

use std::fmt;

use async_trait::async_trait;

use crate::domain::credential::{CredentialName, LeasedCredential};

pub mod fixed;
pub mod seal;
pub mod server;

/// Where credentials come from.
#[async_trait]
pub trait CredentialSource: fmt::Debug + Send + Sync {
    /// Gets the credential of that name, fresh enough to be used now.
    async fn lease(&self, name: &CredentialName) -> Result<LeasedCredential, LeaseError>;
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
}
