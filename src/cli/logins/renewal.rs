//! A kept login as a source of tokens: an access token that has ended is replaced with the refresh token.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::Mutex;

use crate::authn::code_flow::RefreshError;
use crate::authn::program::Tokens;
use crate::cli::logins::folder::{Folder, FolderError, Locked};
use crate::cli::logins::{Login, program};
use crate::client::token::{TokenError, TokenSource};
use crate::domain::secret::Secret;
use crate::domain::time::Clock;

/// A token that ends within this time is replaced: it has to arrive before it ends.
const AHEAD: Duration = Duration::from_secs(30);

/// A login that is kept.
#[derive(Debug)]
pub struct KeptLogin {
    folder: Folder,
    clock: Arc<dyn Clock>,
    current: Mutex<Login>,
}

impl KeptLogin {
    /// A login that was read from a folder.
    #[must_use]
    pub fn new(folder: Folder, login: Login, clock: Arc<dyn Clock>) -> Self {
        Self { folder, clock, current: Mutex::new(login) }
    }

    fn holds(&self, tokens: &Tokens, ahead: Duration) -> bool {
        tokens.expires_at.is_none_or(|end| self.clock.now().plus(ahead) < end)
    }

    /// What is kept by now, renewed where no other program did it meanwhile.
    async fn renewed(&self, known: &Login) -> Result<Login, TokenError> {
        let folder = self.folder.clone();
        let locked = tokio::task::spawn_blocking(move || folder.lock()).await;
        let locked = locked.map_err(|error| TokenError::Unavailable(error.into()))?.map_err(unavailable)?;
        let kept = self.folder.read(&known.server).map_err(unavailable)?.ok_or(TokenError::Ended)?;
        if self.holds(&kept.tokens, AHEAD) {
            return Ok(kept);
        }
        match self.refresh(&kept, &locked).await {
            // What goes on for some seconds more may be enough.
            Err(TokenError::Unavailable(_)) if self.holds(&kept.tokens, Duration::ZERO) => Ok(kept),
            renewed => renewed,
        }
    }

    async fn refresh(&self, kept: &Login, locked: &Locked) -> Result<Login, TokenError> {
        let Some(token) = &kept.tokens.refresh_token else {
            locked.remove(&kept.server).map_err(unavailable)?;
            return Err(TokenError::Ended);
        };
        let program = program(&kept.server, &kept.provider, Arc::clone(&self.clock));
        let program = program.map_err(|error| TokenError::Unavailable(error.into()))?;
        match program.refresh(token).await {
            Ok(tokens) => {
                let login = Login { tokens, ..kept.clone() };
                locked.write(&login).map_err(unavailable)?;
                Ok(login)
            }
            Err(RefreshError::Ended(_)) => {
                locked.remove(&kept.server).map_err(unavailable)?;
                Err(TokenError::Ended)
            }
            Err(error @ RefreshError::Unavailable(_)) => Err(TokenError::Unavailable(error.into())),
        }
    }
}

#[async_trait]
impl TokenSource for KeptLogin {
    async fn token(&self) -> Result<Secret<String>, TokenError> {
        let mut current = self.current.lock().await;
        if !self.holds(&current.tokens, AHEAD) {
            *current = self.renewed(&current).await?;
        }
        Ok(current.tokens.access_token.clone())
    }
}

fn unavailable(error: FolderError) -> TokenError {
    TokenError::Unavailable(error.into())
}
