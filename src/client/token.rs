//! Where the access token of a request comes from.

use std::fmt;

use async_trait::async_trait;

use crate::domain::secret::Secret;

/// Has an access token for one server.
#[async_trait]
pub trait TokenSource: fmt::Debug + Send + Sync {
    /// The token of now.
    async fn token(&self) -> Result<Secret<String>, TokenError>;
}

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The login has ended.
    #[error("the login has ended")]
    Ended,
    /// It cannot be had now.
    #[error("the token cannot be had")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// A token that was given; nothing renews it.
#[async_trait]
impl TokenSource for Secret<String> {
    async fn token(&self) -> Result<Secret<String>, TokenError> {
        Ok(self.clone())
    }
}
