//! Who signs the receipts of searches.

use std::sync::Arc;

use crate::domain::jws::{Jws, PublicKey};
use crate::vault::signer::Signer;

/// The signer, where somebody set one up.
#[derive(Debug, Clone)]
pub struct Receipts(Option<Arc<Signer>>);

/// Why there is no signature and no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptError {
    /// Nobody set up a key.
    #[error("there is no key that signs receipts")]
    NotSetUp,
    /// The key's keeper does not answer, or refuses; the log says more.
    #[error("the key that signs receipts cannot be asked for")]
    Away,
}

impl Receipts {
    /// Signs with this.
    #[must_use]
    pub const fn new(signer: Option<Arc<Signer>>) -> Self {
        Self(signer)
    }

    /// Signs a text of a kind.
    ///
    /// # Errors
    /// [`ReceiptError`].
    pub async fn sign(&self, kind: &str, text: &[u8]) -> Result<Jws, ReceiptError> {
        let signer = self.0.as_ref().ok_or(ReceiptError::NotSetUp)?;
        signer.sign(kind, text).await.map_err(|error| away(&error))
    }

    /// The keys that receipts are checked with.
    ///
    /// # Errors
    /// [`ReceiptError`].
    pub async fn keys(&self) -> Result<Vec<PublicKey>, ReceiptError> {
        let signer = self.0.as_ref().ok_or(ReceiptError::NotSetUp)?;
        signer.public_keys().await.map_err(|error| away(&error))
    }
}

fn away(error: &(dyn std::error::Error + 'static)) -> ReceiptError {
    let cause = error.source().map(ToString::to_string);
    tracing::warn!(%error, cause, "receipts cannot be signed");
    ReceiptError::Away
}
