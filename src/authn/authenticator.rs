//! The one door for proofs of identity. None is taken yet: every caller is a stranger.

use std::sync::Arc;

use http::HeaderMap;
use tokio_util::sync::CancellationToken;

use crate::db::Db;
use crate::domain::principal::Principal;
use crate::domain::time::Clock;
use crate::vault::seal::MasterKey;

/// Settings of identity.
#[derive(Debug, Clone)]
pub struct Options {}

/// Why the authenticator could not be built.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the identity settings do not fit together")]
pub struct BuildError;

/// Why a caller was not recognised.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AuthnError {
    /// No proof, or one that does not hold.
    #[error("not recognised")]
    Unauthenticated,
    /// The identity provider or the session store cannot be asked.
    #[error("{what} cannot be asked")]
    Unavailable {
        /// Which of them.
        what: &'static str,
    },
}

/// A recognised caller.
#[derive(Debug, Clone)]
pub struct Authenticated {
    /// Who they are.
    pub principal: Arc<Principal>,
}

/// Recognises callers.
#[derive(Debug)]
pub struct Authenticator {}

impl Authenticator {
    /// Puts the parts together.
    pub fn build(
        _options: Options,
        _db: Db,
        _master_key: &MasterKey,
        _clock: Arc<dyn Clock>,
    ) -> Result<Self, BuildError> {
        Ok(Self {})
    }

    /// Recognises the caller of a request.
    pub async fn authenticate(&self, _headers: &HeaderMap) -> Result<Authenticated, AuthnError> {
        std::future::ready(Err(AuthnError::Unauthenticated)).await
    }

    /// Each identity provider with what is wrong with it.
    pub async fn health(&self) -> Vec<(String, Option<String>)> {
        std::future::ready(Vec::new()).await
    }

    /// Removes what has expired, until the token is cancelled.
    pub async fn housekeeping(&self, stop: CancellationToken) {
        stop.cancelled().await;
    }
}
