//! Tokens that AWS issues about the role that this process runs in, for Entra to trust.
//! Source: <https://docs.aws.amazon.com/STS/latest/APIReference/API_GetWebIdentityToken.html>; the account has outbound
//! identity federation switched on, and the role may call `sts:GetWebIdentityToken`.

use std::fmt;

use async_trait::async_trait;
use aws_sdk_s3::config::{BehaviorVersion, Region, SharedHttpClient};
use tokio::sync::OnceCell;

use crate::domain::proof::{IssueToken, ProofError};
use crate::domain::secret::Secret;
use crate::provider::StoreError;
use crate::provider::aws::sdk_client;
use crate::provider::wire::Options;

/// How long a token is good: it is exchanged at once.
const SECONDS: i32 = 300;

/// Whom the tokens are for: the audience that Entra's federated credentials have.
/// Source: <https://learn.microsoft.com/graph/api/resources/federatedidentitycredential>.
const AUDIENCE: &str = "api://AzureADTokenExchange";

/// Asks STS for tokens.
pub struct WebIdentity {
    options: Options,
    region: Option<String>,
    client: OnceCell<aws_sdk_sts::Client>,
}

impl fmt::Debug for WebIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebIdentity").field("region", &self.region).finish_non_exhaustive()
    }
}

impl WebIdentity {
    /// Takes the region whose STS is asked. Nothing is sent yet.
    #[must_use]
    pub fn new(options: Options, region: Option<String>) -> Self {
        Self { options, region, client: OnceCell::new() }
    }

    async fn client(&self) -> Result<&aws_sdk_sts::Client, StoreError> {
        let made = self.client.get_or_try_init(|| async {
            let http: SharedHttpClient = sdk_client(&self.options)?;
            let region = self.region.clone().unwrap_or_else(|| "us-east-1".to_owned());
            let config = aws_config::defaults(BehaviorVersion::latest())
                .region(Region::new(region))
                .http_client(http)
                .load()
                .await;
            Ok(aws_sdk_sts::Client::new(&config))
        });
        made.await
    }
}

#[async_trait]
impl IssueToken for WebIdentity {
    async fn token(&self) -> Result<Secret<String>, ProofError> {
        let client = self.client().await.map_err(|error| ProofError(error.to_string()))?;
        let asked = client
            .get_web_identity_token()
            .audience(AUDIENCE)
            // The one that Entra takes.
            .signing_algorithm("RS256")
            .duration_seconds(SECONDS)
            .send()
            .await;
        // The SDK's own text is left out, because it can quote what it sent.
        let answer = asked.map_err(|_| {
            ProofError(
                "AWS issued no token: see whether the role may call sts:GetWebIdentityToken".to_owned(),
            )
        })?;
        let token = answer.web_identity_token.filter(|token| !token.is_empty());
        token.map(Secret::new).ok_or_else(|| ProofError("AWS issued an empty token".to_owned()))
    }
}
