//! The GCP engine: access tokens of a roleset, a static account or an impersonated one.
//!
//! The tokens are not leased: they end by themselves, and nothing can be renewed or given back.
//! Source: <https://developer.hashicorp.com/vault/api-docs/secret/gcp>.

use std::time::Duration;

use serde::Deserialize;

use crate::domain::credential::Credential;
use crate::domain::secret::Secret;
use crate::vault::kinds::{ObtainError, Obtained};
use crate::vault::server::path::InvalidVaultPath;
use crate::vault::server::reply::secret;
use crate::vault::server::{PolicyRule, Vault, VaultPath};

/// Whose token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GcpAccount {
    /// Of a service account that Vault made for a roleset.
    Roleset,
    /// Of a service account that somebody else made.
    Static,
    /// Of a service account that Vault's own impersonates.
    Impersonated,
}

impl GcpAccount {
    const fn segment(self) -> &'static str {
        match self {
            Self::Roleset => "roleset",
            Self::Static => "static-account",
            Self::Impersonated => "impersonated-account",
        }
    }
}

/// An account of the GCP engine.
#[derive(Debug, Clone)]
pub struct GcpEngine {
    path: VaultPath,
}

#[derive(Deserialize)]
struct Token {
    #[serde(deserialize_with = "secret")]
    token: Secret<String>,
    token_ttl: u64,
}

impl GcpEngine {
    /// An account below a mount.
    ///
    /// # Errors
    /// [`InvalidVaultPath`] when both together are no path.
    pub fn new(mount: &VaultPath, account: GcpAccount, name: &str) -> Result<Self, InvalidVaultPath> {
        Ok(Self { path: mount.join(account.segment())?.join(name)?.join("token")? })
    }

    pub(super) fn rule(&self) -> PolicyRule {
        PolicyRule::read(self.path.clone())
    }

    pub(super) async fn fetch(&self, vault: &Vault) -> Result<Obtained, ObtainError> {
        let given = vault.read::<Token>(&self.path).await?.into_data()?;
        if given.token.expose().is_empty() || given.token_ttl == 0 {
            return Err(ObtainError::Unfit("the token is empty or has ended"));
        }
        let life = Duration::from_secs(given.token_ttl);
        Ok(Obtained::lasting(Credential::GcpAccessToken(given.token), life))
    }
}
