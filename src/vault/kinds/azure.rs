//! The Azure engine: a service principal that Vault makes, and the token of Entra that it signs in for.
//!
//! The parts of Entra learn of a new principal one after the other. Until they do, a sign-in is refused as if the principal
//! or its secret were wrong; that is tried again for a while, and only then believed.
//! Source: <https://developer.hashicorp.com/vault/api-docs/secret/azure#generate-credentials>.

use std::time::Duration;

use serde::Deserialize;
use tokio::time::{Instant, sleep};
use url::Url;

use crate::domain::credential::Credential;
use crate::domain::secret::Secret;
use crate::vault::exchange::{Exchange, Form, Token};
use crate::vault::kinds::{ObtainError, Obtained};
use crate::vault::server::path::InvalidVaultPath;
use crate::vault::server::reply::secret;
use crate::vault::server::{PolicyRule, Vault, VaultPath, up_to};

/// What Entra's tokens are asked for.
pub(super) const SCOPE: &str = "https://storage.azure.com/.default";

/// Between two tries while a principal is not known everywhere yet.
const PAUSE: Duration = Duration::from_secs(2);

/// A role of the Azure engine.
#[derive(Debug, Clone)]
pub struct AzureEngine {
    path: VaultPath,
    endpoint: Url,
    propagation: Duration,
}

/// Where Entra gives tokens to the applications of one directory.
///
/// # Errors
/// When the authority is no base URL.
pub fn token_endpoint(authority: &Url, tenant_id: &str) -> Result<Url, url::ParseError> {
    Url::parse(&format!("{}/{tenant_id}/oauth2/v2.0/token", authority.as_str().trim_end_matches('/')))
}

/// An application of Entra with its secret.
#[derive(Debug, Clone, Deserialize)]
pub(in crate::vault) struct ServicePrincipal {
    client_id: String,
    #[serde(deserialize_with = "secret")]
    client_secret: Secret<String>,
}

impl AzureEngine {
    /// A role below a mount, the directory's token endpoint, and how long Entra may take to learn of a new principal.
    ///
    /// # Errors
    /// [`InvalidVaultPath`] when mount and role together are no path.
    pub fn new(
        mount: &VaultPath,
        role: &str,
        endpoint: Url,
        propagation: Duration,
    ) -> Result<Self, InvalidVaultPath> {
        Ok(Self { path: mount.join("creds")?.join(role)?, endpoint, propagation })
    }

    pub(super) fn rule(&self) -> PolicyRule {
        PolicyRule::read(self.path.clone())
    }

    pub(super) async fn fetch(&self, vault: &Vault, exchange: &Exchange) -> Result<Obtained, ObtainError> {
        let reply = vault.read::<ServicePrincipal>(&self.path).await?;
        let asked = Instant::now();
        let mut obtained = Obtained::leased(Credential::Anonymous, &reply);
        let principal = reply.into_data()?;
        let token = match self.first_token(exchange, &principal).await {
            Ok(token) => token,
            Err(error) => {
                // Nobody could use it, so it must not lie about until its end.
                if let Some(id) = obtained.lease.as_ref().and_then(|lease| lease.id.as_ref()) {
                    let _best_effort = vault.revoke_lease(id).await;
                }
                return Err(error);
            }
        };
        let spent = asked.elapsed();
        if let Some(lease) = &mut obtained.lease {
            lease.duration = lease.duration.saturating_sub(spent);
        }
        obtained.credential = Credential::AzureAccessToken(token.secret);
        obtained.life = Some(shorter(obtained.life.map(|life| life.saturating_sub(spent)), token.life));
        obtained.principal = Some(principal);
        Ok(obtained)
    }

    /// Another token for the same principal, after its lease was renewed.
    pub(super) async fn redeem(&self, exchange: &Exchange, held: &Obtained) -> Result<Obtained, ObtainError> {
        let principal = held.principal.clone().ok_or(ObtainError::Unfit("there is no principal"))?;
        let token = self.token(exchange, &principal).await?;
        let leased = held.lease.as_ref().map(|lease| lease.duration);
        Ok(Obtained {
            credential: Credential::AzureAccessToken(token.secret),
            life: Some(shorter(leased, token.life)),
            lease: held.lease.clone(),
            version: None,
            principal: Some(principal),
        })
    }

    async fn first_token(
        &self,
        exchange: &Exchange,
        principal: &ServicePrincipal,
    ) -> Result<Token, ObtainError> {
        let until = Instant::now() + self.propagation;
        loop {
            match self.token(exchange, principal).await {
                Err(_) if Instant::now() < until => {
                    sleep(PAUSE.min(self.propagation / 8) + up_to(PAUSE / 4)).await;
                }
                ended => return ended,
            }
        }
    }

    async fn token(&self, exchange: &Exchange, principal: &ServicePrincipal) -> Result<Token, ObtainError> {
        let form = Form::new()
            .with("grant_type", "client_credentials")
            .with("client_id", &principal.client_id)
            .with("client_secret", principal.client_secret.expose())
            .with("scope", SCOPE);
        Ok(exchange.token(&self.endpoint, form).await?)
    }
}

fn shorter(lease: Option<Duration>, token: Duration) -> Duration {
    lease.map_or(token, |lease| lease.min(token))
}
