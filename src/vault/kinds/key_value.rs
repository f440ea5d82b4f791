//! KV version 2: a static secret that somebody rotates by writing a new version.
//! Source: <https://developer.hashicorp.com/vault/api-docs/secret/kv/kv-v2#read-secret-version>.

use serde::Deserialize;
use serde_json::Value;

use crate::domain::credential::Credential;
use crate::domain::secret::Secret;
use crate::vault::kinds::{ObtainError, Obtained};
use crate::vault::server::reply::secret;
use crate::vault::server::{PolicyRule, Vault, VaultPath};

/// What a secret holds, and so which members it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holds {
    /// `access_key_id`, `secret_access_key`, and `session_token` where there is one.
    AwsKeys,
    /// `key`: the JSON document, as a text or as it is.
    GcpServiceAccountKey,
    /// `tenant_id`, `client_id`, `client_secret`, and `authority` where it is not the public cloud's.
    AzureClientSecret,
    /// `account_key`.
    AzureAccountKey,
}

/// A secret in the KV engine.
#[derive(Debug, Clone)]
pub struct KeyValue {
    /// `MOUNT/data/PATH`.
    path: VaultPath,
    holds: Holds,
}

impl KeyValue {
    /// A secret below a mount.
    ///
    /// # Errors
    /// [`crate::vault::server::path::InvalidVaultPath`] when both together are no path.
    pub fn new(
        mount: &VaultPath,
        path: &str,
        holds: Holds,
    ) -> Result<Self, crate::vault::server::path::InvalidVaultPath> {
        Ok(Self { path: mount.join("data")?.join(path)?, holds })
    }

    pub(super) fn rule(&self) -> PolicyRule {
        PolicyRule::read(self.path.clone())
    }

    pub(super) async fn fetch(&self, vault: &Vault) -> Result<Obtained, ObtainError> {
        match self.holds {
            Holds::AwsKeys => self.read(vault, AwsKeys::credential).await,
            Holds::GcpServiceAccountKey => self.read(vault, GcpKey::credential).await,
            Holds::AzureClientSecret => self.read(vault, Application::credential).await,
            Holds::AzureAccountKey => self.read(vault, AccountKey::credential).await,
        }
    }

    async fn read<T: for<'de> Deserialize<'de> + Send + Sync>(
        &self,
        vault: &Vault,
        credential: impl FnOnce(T) -> Option<Credential>,
    ) -> Result<Obtained, ObtainError> {
        let read = vault.read::<Versioned<T>>(&self.path).await?.into_data()?;
        let data = read.data.ok_or(ObtainError::Unfit("the newest version was deleted"))?;
        let credential = credential(data).ok_or(ObtainError::Unfit("the secret lacks a member"))?;
        Ok(Obtained {
            credential,
            life: None,
            lease: None,
            version: Some(read.metadata.version),
            principal: None,
        })
    }
}

#[derive(Deserialize)]
struct Versioned<T> {
    #[serde(bound(deserialize = "T: Deserialize<'de>"))]
    data: Option<T>,
    metadata: Metadata,
}

#[derive(Deserialize)]
struct Metadata {
    version: u64,
}

fn nothing() -> Secret<String> {
    Secret::new(String::new())
}

fn given(text: Secret<String>) -> Option<Secret<String>> {
    (!text.expose().is_empty()).then_some(text)
}

#[derive(Deserialize)]
struct AwsKeys {
    #[serde(default)]
    access_key_id: String,
    #[serde(default = "nothing", deserialize_with = "secret")]
    secret_access_key: Secret<String>,
    #[serde(default = "nothing", deserialize_with = "secret")]
    session_token: Secret<String>,
}

impl AwsKeys {
    fn credential(self) -> Option<Credential> {
        (!self.access_key_id.is_empty()).then_some(())?;
        Some(Credential::AwsKeys {
            access_key_id: self.access_key_id,
            secret_access_key: given(self.secret_access_key)?,
            session_token: given(self.session_token),
        })
    }
}

#[derive(Deserialize)]
struct GcpKey {
    #[serde(default = "nothing", deserialize_with = "document")]
    key: Secret<String>,
}

/// A document within the document stays what it is.
fn document<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Secret<String>, D::Error> {
    Ok(Secret::new(match Value::deserialize(from)? {
        Value::String(text) => text,
        Value::Null => String::new(),
        other => other.to_string(),
    }))
}

impl GcpKey {
    fn credential(self) -> Option<Credential> {
        given(self.key).map(Credential::GcpServiceAccountKey)
    }
}

#[derive(Deserialize)]
struct Application {
    #[serde(default)]
    tenant_id: String,
    #[serde(default)]
    client_id: String,
    #[serde(default = "nothing", deserialize_with = "secret")]
    client_secret: Secret<String>,
    #[serde(default)]
    authority: Option<String>,
}

impl Application {
    fn credential(self) -> Option<Credential> {
        (!self.tenant_id.is_empty() && !self.client_id.is_empty()).then_some(())?;
        Some(Credential::AzureClientSecret {
            tenant_id: self.tenant_id,
            client_id: self.client_id,
            client_secret: given(self.client_secret)?,
            authority: self.authority,
        })
    }
}

#[derive(Deserialize)]
struct AccountKey {
    #[serde(default = "nothing", deserialize_with = "secret")]
    account_key: Secret<String>,
}

impl AccountKey {
    fn credential(self) -> Option<Credential> {
        given(self.account_key).map(Credential::AzureAccountKey)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parsed<T: for<'de> Deserialize<'de>>(text: &Value) -> T {
        serde_json::from_value::<Versioned<T>>(text.clone()).unwrap().data.unwrap()
    }

    #[test]
    fn a_service_account_key_is_taken_as_a_text_and_as_a_document() {
        for key in [json!("{\"type\":\"service_account\"}"), json!({"type": "service_account"})] {
            let read = json!({"data": {"key": key}, "metadata": {"version": 3}});
            let Some(Credential::GcpServiceAccountKey(found)) = parsed::<GcpKey>(&read).credential() else {
                panic!("a key")
            };
            assert_eq!(found.expose(), "{\"type\":\"service_account\"}");
        }
    }

    #[test]
    fn a_secret_that_lacks_a_member_is_no_credential() {
        let read = |data: Value| json!({"data": data, "metadata": {"version": 1}});
        assert!(parsed::<AwsKeys>(&read(json!({"access_key_id": "AKIA"}))).credential().is_none());
        assert!(parsed::<AwsKeys>(&read(json!({"secret_access_key": "SECRET"}))).credential().is_none());
        assert!(parsed::<Application>(&read(json!({"client_secret": "SECRET"}))).credential().is_none());
        assert!(parsed::<AccountKey>(&read(json!({"account_key": null}))).credential().is_none());
        assert!(parsed::<GcpKey>(&read(json!({}))).credential().is_none());
    }
}
