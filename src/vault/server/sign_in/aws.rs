//! AWS IAM: a signed `sts:GetCallerIdentity` that Vault, not we, sends to AWS.
//! Source: <https://developer.hashicorp.com/vault/api-docs/auth/aws#login>.

use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::json;
use vaultrs::api::auth::aws::requests::IamLoginRequest;
use zeroize::Zeroize;

use crate::domain::proof::ProveIdentity;
use crate::vault::server::error::VaultError;
use crate::vault::server::path::VaultPath;
use crate::vault::server::sign_in::Door;
use crate::vault::server::token::Grant;

/// A sign-in by the AWS role that the process runs in.
#[derive(Debug, Clone)]
pub struct AwsIam {
    /// Where the method is mounted, below `auth/`.
    pub mount: VaultPath,
    /// The role in Vault.
    pub role: String,
    /// Signs the request.
    pub identity: Arc<dyn ProveIdentity>,
}

impl AwsIam {
    pub(super) async fn sign_in(&self, door: &Door<'_>) -> Result<Grant, VaultError> {
        let proof = tokio::time::timeout(door.timeout, self.identity.prove()).await;
        let proof = proof.map_err(|_| VaultError::missing("AWS gave no credential in time".to_owned()))?;
        let proof = proof.map_err(|error| VaultError::missing(error.to_string()))?;
        let headers: serde_json::Map<_, _> =
            proof.headers.iter().map(|(name, value)| (name.clone(), json!([value.expose()]))).collect();
        let mut headers = serde_json::Value::Object(headers).to_string();
        let mut login = IamLoginRequest {
            mount: self.mount.to_string(),
            role: Some(self.role.clone()),
            iam_http_request_method: proof.method.to_owned(),
            iam_request_url: BASE64_STANDARD.encode(&proof.url),
            iam_request_body: BASE64_STANDARD.encode(proof.body),
            iam_request_headers: BASE64_STANDARD.encode(&headers),
        };
        let granted = door.log_in(&login).await;
        headers.zeroize();
        login.iam_request_headers.zeroize();
        granted
    }
}
