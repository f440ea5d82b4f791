//! Credentials for a provider, and the names by which buckets refer to them.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::domain::secret::Secret;
use crate::domain::time::Timestamp;

/// The name under which a credential is configured.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CredentialName(String);

impl CredentialName {
    /// Parses 1 to 63 of `a-z`, `0-9`, `-` and `_`.
    ///
    /// # Errors
    /// [`InvalidCredentialName`] otherwise.
    pub fn parse(text: &str) -> Result<Self, InvalidCredentialName> {
        let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_';
        if (1..=63).contains(&text.len()) && text.bytes().all(allowed) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidCredentialName)
        }
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CredentialName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The text is no credential name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a credential name is 1 to 63 characters from a-z, 0-9, - and _")]
pub struct InvalidCredentialName;

/// What a provider's client needs to prove who we are.
#[derive(Debug, Clone)]
pub enum Credential {
    /// No proof: a public bucket, a directory, or an emulator that asks for none.
    Anonymous,
    /// Whatever the machine offers: the provider SDK's own default chain (task role, metadata server, managed identity).
    Ambient,
    /// An AWS key pair, with a session token when it came from STS.
    AwsKeys {
        /// Access key id (`AKIA…` or `ASIA…`).
        access_key_id: String,
        /// Secret access key.
        secret_access_key: Secret<String>,
        /// Session token of temporary keys.
        session_token: Option<Secret<String>>,
    },
    /// The JSON document of a GCP service-account key.
    GcpServiceAccountKey(Secret<String>),
    /// A GCP OAuth 2.0 access token.
    GcpAccessToken(Secret<String>),
    /// An Entra application that signs in with a client secret.
    AzureClientSecret {
        /// Directory (tenant) id.
        tenant_id: String,
        /// Application (client) id.
        client_id: String,
        /// Client secret.
        client_secret: Secret<String>,
        /// Entra's base URL when it is not the public cloud's.
        authority: Option<String>,
    },
    /// An Entra access token for `https://storage.azure.com`.
    AzureAccessToken(Secret<String>),
    /// The key of an Azure storage account (base64), which may do everything in it.
    AzureAccountKey(Secret<String>),
}

/// A credential with the time until which it may be used.
#[derive(Debug, Clone)]
pub struct LeasedCredential {
    /// The proof itself.
    pub credential: Credential,
    /// When it is no longer used, a margin for clocks that run apart taken off already; `None` for one that does not end
    /// by itself.
    pub expires_at: Option<Timestamp>,
    /// Whether it is still the one to use; its source says so at any time.
    pub validity: Validity,
}

/// Whether a leased credential is still the one to use. Clones share one answer.
#[derive(Debug, Clone, Default)]
pub struct Validity(Arc<AtomicBool>);

impl Validity {
    /// From now on another credential is to be asked for.
    pub fn end(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// Whether nobody ended it yet.
    #[must_use]
    pub fn holds(&self) -> bool {
        !self.0.load(Ordering::Acquire)
    }

    /// Whether both speak of the same credential.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}
