//! Credentials that the site's configuration refers to: environment variables, files, or the ambient chain.
//!
//! Files are read anew on each lease, so that a rotated secret is taken up without a restart.
//! Environment variables are read once, by `config`, and handed over as values.

use std::collections::BTreeMap;
use std::path::PathBuf;

use async_trait::async_trait;

use crate::domain::credential::{Credential, CredentialName, LeasedCredential, Validity};
use crate::domain::secret::Secret;
use crate::vault::{CredentialSource, LeaseError};

/// The largest secret file that is read, in bytes; a GCP key document has about 2,400.
const MAX_SECRET_BYTES: u64 = 64 * 1024;

/// Where one secret text comes from.
#[derive(Debug, Clone)]
pub enum SecretText {
    /// Taken from the environment when the configuration was read.
    Value(Secret<String>),
    /// The content of a file, without trailing line ends.
    File(PathBuf),
}

impl SecretText {
    /// Reads it. What is wrong is told without what was read.
    pub(super) async fn read(&self) -> Result<Secret<String>, String> {
        match self {
            Self::Value(value) => Ok(value.clone()),
            Self::File(path) => read_secret_file(path).await,
        }
    }
}

/// How one credential is put together.
#[derive(Debug, Clone)]
pub enum CredentialRecipe {
    /// No proof at all.
    Anonymous,
    /// The provider SDK's default chain.
    Ambient,
    /// An AWS key pair.
    AwsKeys {
        /// Access key id.
        access_key_id: SecretText,
        /// Secret access key.
        secret_access_key: SecretText,
        /// Session token of temporary keys.
        session_token: Option<SecretText>,
    },
    /// A GCP service-account key document.
    GcpServiceAccountKey(SecretText),
    /// A GCP access token that something else renews.
    GcpAccessToken(SecretText),
    /// An Entra application with a client secret.
    AzureClientSecret {
        /// Directory (tenant) id.
        tenant_id: String,
        /// Application (client) id.
        client_id: String,
        /// Client secret.
        client_secret: SecretText,
        /// Entra's base URL when it is not the public cloud's.
        authority: Option<String>,
    },
    /// An Entra access token that something else renews.
    AzureAccessToken(SecretText),
    /// The key of an Azure storage account.
    AzureAccountKey(SecretText),
}

impl CredentialRecipe {
    /// The kind, as the configuration has it.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Anonymous => "anonymous",
            Self::Ambient => "ambient",
            Self::AwsKeys { .. } => "aws-keys",
            Self::GcpServiceAccountKey(_) => "gcp-service-account-key",
            Self::GcpAccessToken(_) => "gcp-access-token",
            Self::AzureClientSecret { .. } => "azure-client-secret",
            Self::AzureAccessToken(_) => "azure-access-token",
            Self::AzureAccountKey(_) => "azure-account-key",
        }
    }
}

/// The configured credentials by name.
#[derive(Debug)]
pub struct FixedCredentials {
    recipes: BTreeMap<CredentialName, CredentialRecipe>,
}

impl FixedCredentials {
    /// Takes the configured recipes.
    #[must_use]
    pub const fn new(recipes: BTreeMap<CredentialName, CredentialRecipe>) -> Self {
        Self { recipes }
    }

    /// The kind of a credential, where one of that name is here.
    #[must_use]
    pub fn kind(&self, name: &CredentialName) -> Option<&'static str> {
        self.recipes.get(name).map(CredentialRecipe::kind)
    }
}

#[async_trait]
impl CredentialSource for FixedCredentials {
    async fn lease(&self, name: &CredentialName) -> Result<LeasedCredential, LeaseError> {
        let recipe = self.recipes.get(name).ok_or_else(|| LeaseError::Unknown { name: name.clone() })?;
        let credential = prepare(name, recipe).await?;
        Ok(LeasedCredential { credential, expires_at: None, validity: Validity::default() })
    }

    /// Each lease reads anew, so there is nothing to look into.
    fn refused(&self, _name: &CredentialName, _leased: &LeasedCredential) {}
}

async fn prepare(name: &CredentialName, recipe: &CredentialRecipe) -> Result<Credential, LeaseError> {
    Ok(match recipe {
        CredentialRecipe::Anonymous => Credential::Anonymous,
        CredentialRecipe::Ambient => Credential::Ambient,
        CredentialRecipe::AwsKeys { access_key_id, secret_access_key, session_token } => {
            Credential::AwsKeys {
                access_key_id: read(name, access_key_id).await?.expose().clone(),
                secret_access_key: read(name, secret_access_key).await?,
                session_token: match session_token {
                    Some(text) => Some(read(name, text).await?),
                    None => None,
                },
            }
        }
        CredentialRecipe::GcpServiceAccountKey(text) => {
            Credential::GcpServiceAccountKey(read(name, text).await?)
        }
        CredentialRecipe::GcpAccessToken(text) => Credential::GcpAccessToken(read(name, text).await?),
        CredentialRecipe::AzureClientSecret { tenant_id, client_id, client_secret, authority } => {
            Credential::AzureClientSecret {
                tenant_id: tenant_id.clone(),
                client_id: client_id.clone(),
                client_secret: read(name, client_secret).await?,
                authority: authority.clone(),
            }
        }
        CredentialRecipe::AzureAccessToken(text) => Credential::AzureAccessToken(read(name, text).await?),
        CredentialRecipe::AzureAccountKey(text) => Credential::AzureAccountKey(read(name, text).await?),
    })
}

async fn read(name: &CredentialName, text: &SecretText) -> Result<Secret<String>, LeaseError> {
    text.read().await.map_err(|what| LeaseError::Unreadable { name: name.clone(), what })
}

async fn read_secret_file(path: &PathBuf) -> Result<Secret<String>, String> {
    let describe = |problem: &str| format!("file {}: {problem}", path.display());
    let size = tokio::fs::metadata(path).await.map_err(|e| describe(&e.kind().to_string()))?.len();
    if size > MAX_SECRET_BYTES {
        return Err(describe("larger than 64 KiB"));
    }
    let content = tokio::fs::read_to_string(path).await.map_err(|e| describe(&e.kind().to_string()))?;
    let content = Secret::new(content);
    let value = content.expose().trim_end_matches(['\r', '\n']);
    if value.is_empty() {
        return Err(describe("empty"));
    }
    Ok(Secret::new(value.to_owned()))
}
