//! The AWS engine: keys of an IAM user (`creds`), or of STS (`sts`: an assumed role or a federation token).
//!
//! What the keys may do is the role's business in Vault: its `policy_document` narrows what the role in AWS may do to one
//! bucket. A request cannot narrow it further.
//! Source: <https://developer.hashicorp.com/vault/api-docs/secret/aws#generate-credentials>.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::domain::credential::Credential;
use crate::domain::secret::Secret;
use crate::vault::kinds::{ObtainError, Obtained};
use crate::vault::server::path::InvalidVaultPath;
use crate::vault::server::reply::secret;
use crate::vault::server::{PolicyRule, Vault, VaultPath};

/// A role of the AWS engine.
#[derive(Debug, Clone)]
pub struct AwsEngine {
    path: VaultPath,
    method: AwsMethod,
}

/// Which keys.
#[derive(Debug, Clone)]
pub enum AwsMethod {
    /// Of an IAM user that Vault makes and removes.
    User {
        /// How long IAM takes until every part of AWS knows a new key.
        settle: Duration,
    },
    /// Of STS.
    Sts(StsOptions),
}

/// What STS is asked for; what is absent is the role's own default.
#[derive(Debug, Clone, Serialize)]
pub struct StsOptions {
    #[serde(skip_serializing_if = "Option::is_none")]
    role_arn: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    role_session_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ttl: Option<String>,
}

impl StsOptions {
    /// Which of the role's ARNs, what the session is called, and how long its keys last.
    #[must_use]
    pub fn new(role_arn: Option<String>, role_session_name: Option<String>, ttl: Option<Duration>) -> Self {
        Self { role_arn, role_session_name, ttl: ttl.map(|ttl| format!("{}s", ttl.as_secs().max(1))) }
    }
}

#[derive(Deserialize)]
struct Keys {
    access_key: String,
    #[serde(deserialize_with = "secret")]
    secret_key: Secret<String>,
    /// The name until Vault 1.17; both are given after it.
    #[serde(default, deserialize_with = "maybe")]
    security_token: Option<Secret<String>>,
    #[serde(default, deserialize_with = "maybe")]
    session_token: Option<Secret<String>>,
    #[serde(default)]
    ttl: Option<u64>,
}

fn maybe<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<Secret<String>>, D::Error> {
    secret(from).map(|text| (!text.expose().is_empty()).then_some(text))
}

impl AwsEngine {
    /// A role below a mount.
    ///
    /// # Errors
    /// [`InvalidVaultPath`] when both together are no path.
    pub fn new(mount: &VaultPath, role: &str, method: AwsMethod) -> Result<Self, InvalidVaultPath> {
        let verb = if matches!(method, AwsMethod::User { .. }) { "creds" } else { "sts" };
        Ok(Self { path: mount.join(verb)?.join(role)?, method })
    }

    pub(super) fn rule(&self) -> PolicyRule {
        match &self.method {
            AwsMethod::User { .. } => PolicyRule::read(self.path.clone()),
            AwsMethod::Sts(_) => PolicyRule::update(self.path.clone()),
        }
    }

    pub(super) fn settle(&self) -> Duration {
        match &self.method {
            AwsMethod::User { settle } => *settle,
            AwsMethod::Sts(_) => Duration::ZERO,
        }
    }

    pub(super) async fn fetch(&self, vault: &Vault) -> Result<Obtained, ObtainError> {
        let reply = match &self.method {
            AwsMethod::User { .. } => vault.read::<Keys>(&self.path).await?,
            AwsMethod::Sts(options) => vault.write::<_, Keys>(&self.path, options).await?,
        };
        let mut obtained = Obtained::leased(Credential::Anonymous, &reply);
        let keys = reply.into_data()?;
        if keys.access_key.is_empty() || keys.secret_key.expose().is_empty() {
            return Err(ObtainError::Unfit("the keys lack a part"));
        }
        obtained.life = obtained.life.or(keys.ttl.filter(|ttl| *ttl > 0).map(Duration::from_secs));
        obtained.credential = Credential::AwsKeys {
            access_key_id: keys.access_key,
            secret_access_key: keys.secret_key,
            session_token: keys.session_token.or(keys.security_token),
        };
        Ok(obtained)
    }
}
