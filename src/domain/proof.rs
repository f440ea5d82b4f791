//! Proof of who this machine is, made for somebody else to check.

use std::fmt;

use async_trait::async_trait;

use crate::domain::secret::Secret;

/// A signed request that is not sent by us: whoever gets it sends it to the one who can tell who signed it.
pub struct SignedRequest {
    /// The method.
    pub method: &'static str,
    /// The whole URL.
    pub url: String,
    /// The headers, signature and session token among them.
    pub headers: Vec<(String, Secret<String>)>,
    /// The body.
    pub body: &'static str,
}

impl fmt::Debug for SignedRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignedRequest").field("url", &self.url).finish_non_exhaustive()
    }
}

/// Makes such proofs.
#[async_trait]
pub trait ProveIdentity: fmt::Debug + Send + Sync {
    /// A new proof, good for a few minutes.
    ///
    /// # Errors
    /// [`ProofError`] when the machine offers nothing to sign with.
    async fn prove(&self) -> Result<SignedRequest, ProofError>;
}

/// No proof could be made. Holds nothing that a source said.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}")]
pub struct ProofError(pub String);

/// Issues tokens that say who this machine is, for one audience.
#[async_trait]
pub trait IssueToken: fmt::Debug + Send + Sync {
    /// A new token, good for a few minutes.
    ///
    /// # Errors
    /// [`ProofError`] when nobody issues one.
    async fn token(&self) -> Result<Secret<String>, ProofError>;
}
