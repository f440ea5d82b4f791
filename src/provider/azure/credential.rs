//! From a leased credential to what `azure_core` asks for tokens.
//!
//! The machine's own identity is a workload identity where the platform mounted one, else the managed identity.
//! Developers' tools (`az`, `azd`) are never asked.

use std::sync::Arc;

use async_trait::async_trait;
use azure_core::cloud::{CloudConfiguration, CustomConfiguration};
use azure_core::credentials::{AccessToken, Secret as SdkSecret, TokenCredential, TokenRequestOptions};
use azure_core::http::ClientOptions;
use azure_core::time::OffsetDateTime;
use azure_identity::{
    ClientAssertionCredentialOptions, ClientSecretCredential, ClientSecretCredentialOptions,
    ManagedIdentityCredential, ManagedIdentityCredentialOptions, WorkloadIdentityCredential,
    WorkloadIdentityCredentialOptions,
};

use crate::domain::credential::Credential;
use crate::domain::secret::Secret;
use crate::provider::azure::error;
use crate::provider::error::StoreOperation;
use crate::provider::{StoreError, StoreErrorKind};

/// The source of tokens; `None` for requests without any proof.
pub(super) fn token(
    credential: &Credential,
    client: &ClientOptions,
) -> Result<Option<Arc<dyn TokenCredential>>, StoreError> {
    let token: Arc<dyn TokenCredential> = match credential {
        Credential::Anonymous => return Ok(None),
        Credential::Ambient => ambient(client)?,
        Credential::AzureAccessToken(token) => Arc::new(StaticToken(token.clone())),
        Credential::AzureClientSecret { tenant_id, client_id, client_secret, authority } => {
            let secret = SdkSecret::new(client_secret.expose().clone());
            let mut client = client.clone();
            client.cloud = Some(Arc::new(cloud(authority.as_deref())));
            let options = ClientSecretCredentialOptions { client_options: client };
            ClientSecretCredential::new(tenant_id, client_id.clone(), secret, Some(options))
                .map_err(unusable)?
        }
        Credential::AwsKeys { .. }
        | Credential::GcpServiceAccountKey(_)
        | Credential::GcpAccessToken(_)
        | Credential::AzureAccountKey(_) => {
            return Err(StoreError::caused_by(
                StoreOperation::Connect,
                StoreErrorKind::NoCredential,
                "the credential is another cloud's, or no token",
            ));
        }
    };
    Ok(Some(token))
}

fn ambient(client: &ClientOptions) -> Result<Arc<dyn TokenCredential>, StoreError> {
    let workload = WorkloadIdentityCredentialOptions {
        credential_options: ClientAssertionCredentialOptions { client_options: client.clone() },
        ..WorkloadIdentityCredentialOptions::default()
    };
    if let Ok(credential) = WorkloadIdentityCredential::new(Some(workload)) {
        return Ok(credential);
    }
    let managed = ManagedIdentityCredentialOptions {
        client_options: client.clone(),
        ..ManagedIdentityCredentialOptions::default()
    };
    Ok(ManagedIdentityCredential::new(Some(managed)).map_err(unusable)?)
}

/// Always explicit: without it the SDK would take the authority from the environment.
fn cloud(authority: Option<&str>) -> CloudConfiguration {
    let Some(authority) = authority else { return CloudConfiguration::AzurePublic };
    let mut custom = CustomConfiguration::default();
    authority.clone_into(&mut custom.authority_host);
    custom.into()
}

#[expect(clippy::needless_pass_by_value, reason = "it stands in `map_err`")]
fn unusable(cause: azure_core::Error) -> StoreError {
    let mut failed = error::failed(StoreOperation::Connect, &cause);
    failed.kind = StoreErrorKind::NoCredential;
    failed
}

/// A token that somebody else renews: when it ends, the store that holds it is opened anew.
#[derive(Debug)]
struct StaticToken(Secret<String>);

/// 9999-12-31T23:59:59Z: the SDK shall never hold back a token whose end it cannot know.
const NO_END: i64 = 253_402_300_799;

#[async_trait]
impl TokenCredential for StaticToken {
    async fn get_token(
        &self,
        _scopes: &[&str],
        _options: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        let end = OffsetDateTime::from_unix_timestamp(NO_END).unwrap_or(OffsetDateTime::UNIX_EPOCH);
        Ok(AccessToken::new(self.0.expose().clone(), end))
    }
}
