//! Workload identity: a proof of what this machine is, exchanged at a cloud for an access token. Nothing is stored anywhere.
//!
//! To Google by workload identity federation, with or without a service account that is impersonated afterwards
//! (<https://cloud.google.com/iam/docs/workload-identity-federation-with-other-clouds>). To Azure by a federated credential
//! of an application (<https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow>, third case).

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde_json::json;
use url::Url;
use zeroize::Zeroizing;

use crate::domain::credential::Credential;
use crate::domain::proof::{IssueToken, ProveIdentity, SignedRequest};
use crate::domain::secret::Secret;
use crate::vault::exchange::{Exchange, ExchangeError, Form, Token};
use crate::vault::fixed::SecretText;
use crate::vault::kinds::azure::SCOPE;
use crate::vault::kinds::{ObtainError, Obtained};
use crate::vault::server::reply::secret;

/// What a token for Google may do that reads: read objects, nothing else.
const READ_ONLY: &str = "https://www.googleapis.com/auth/devstorage.read_only";

/// What a token may do that asks for another account's: call IAM, nothing else.
const IAM: &str = "https://www.googleapis.com/auth/iam";

/// What a token must be allowed to impersonate a service account with.
const CLOUD_PLATFORM: &str = "https://www.googleapis.com/auth/cloud-platform";

/// How long an impersonated token lasts: Google's longest without a policy of its own.
const IMPERSONATED: Duration = Duration::from_hours(1);

/// A proof and where it is exchanged.
#[derive(Debug, Clone)]
pub struct Federation {
    /// What is shown.
    pub proof: Proof,
    /// To whom.
    pub target: Target,
}

/// What shows who we are.
#[derive(Debug, Clone)]
pub enum Proof {
    /// A signed question to AWS "who am I", which Google asks in our place.
    AwsSigned(Arc<dyn ProveIdentity>),
    /// A JWT that is issued for the audience whenever it is needed.
    Issued(Arc<dyn IssueToken>),
    /// A JWT in a file that the platform renews.
    File(PathBuf),
}

/// Who takes the proof.
#[derive(Debug, Clone)]
pub enum Target {
    /// Google's security token service.
    Google(Google),
    /// Entra.
    Entra(Entra),
}

/// A provider of a workload identity pool.
#[derive(Debug, Clone)]
pub struct Google {
    /// `//iam.googleapis.com/projects/…/providers/…`.
    pub audience: String,
    /// Where proofs are exchanged.
    pub token_endpoint: Url,
    /// Where a service account is impersonated, if one is.
    pub impersonation: Option<Url>,
    /// Whether the token is to ask for tokens of accounts that are vended, instead of reading objects.
    pub vends: bool,
}

/// An application with a federated credential.
#[derive(Debug, Clone)]
pub struct Entra {
    /// Its id.
    pub client_id: String,
    /// Its directory's token endpoint.
    pub token_endpoint: Url,
}

impl Federation {
    pub(super) async fn fetch(&self, exchange: &Exchange) -> Result<Obtained, ObtainError> {
        match &self.target {
            Target::Google(google) => {
                let token = google.token(exchange, &self.proof).await?;
                Ok(Obtained::lasting(Credential::GcpAccessToken(token.secret), token.life))
            }
            Target::Entra(entra) => {
                let token = entra.token(exchange, &self.proof).await?;
                Ok(Obtained::lasting(Credential::AzureAccessToken(token.secret), token.life))
            }
        }
    }
}

impl Google {
    async fn token(&self, exchange: &Exchange, proof: &Proof) -> Result<Token, ExchangeError> {
        let (kind, subject) = match proof {
            Proof::AwsSigned(identity) => {
                let signed = identity.prove().await.map_err(|error| unproven(error.0))?;
                ("urn:ietf:params:aws:token-type:aws4_request", written(&signed))
            }
            other => ("urn:ietf:params:oauth:token-type:jwt", other.jwt().await?),
        };
        let own = if self.vends { IAM } else { READ_ONLY };
        let scope = if self.impersonation.is_some() { CLOUD_PLATFORM } else { own };
        let form = Form::new()
            .with("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange")
            .with("audience", &self.audience)
            .with("scope", scope)
            .with("requested_token_type", "urn:ietf:params:oauth:token-type:access_token")
            .with("subject_token_type", kind)
            .with("subject_token", subject.expose());
        let token = exchange.token(&self.token_endpoint, form).await?;
        match &self.impersonation {
            Some(endpoint) => impersonated(exchange, endpoint, &token.secret, own).await,
            None => Ok(token),
        }
    }
}

#[derive(Deserialize)]
struct Impersonated {
    #[serde(rename = "accessToken", deserialize_with = "secret")]
    token: Secret<String>,
}

async fn impersonated(
    exchange: &Exchange,
    endpoint: &Url,
    bearer: &Secret<String>,
    scope: &str,
) -> Result<Token, ExchangeError> {
    let body = json!({ "scope": [scope], "lifetime": format!("{}s", IMPERSONATED.as_secs()) });
    let given: Impersonated = exchange.post(endpoint, bearer, &body).await?;
    if given.token.expose().is_empty() {
        return Err(ExchangeError::new("unexpected-answer", "the impersonated token is empty"));
    }
    Ok(Token { secret: given.token, life: IMPERSONATED })
}

/// The signed request as Google reads it: JSON, percent-encoded.
fn written(signed: &SignedRequest) -> Secret<String> {
    let headers: Vec<_> =
        signed.headers.iter().map(|(name, value)| json!({ "key": name, "value": value.expose() })).collect();
    let request = json!({ "url": signed.url, "method": signed.method, "headers": headers });
    let text = Zeroizing::new(request.to_string());
    Secret::new(utf8_percent_encode(&text, NON_ALPHANUMERIC).to_string())
}

impl Entra {
    async fn token(&self, exchange: &Exchange, proof: &Proof) -> Result<Token, ExchangeError> {
        let assertion = proof.jwt().await?;
        let form = Form::new()
            .with("grant_type", "client_credentials")
            .with("client_id", &self.client_id)
            .with("scope", SCOPE)
            .with("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
            .with("client_assertion", assertion.expose());
        exchange.token(&self.token_endpoint, form).await
    }
}

impl Proof {
    async fn jwt(&self) -> Result<Secret<String>, ExchangeError> {
        match self {
            Self::Issued(issuer) => issuer.token().await.map_err(|error| unproven(error.0)),
            Self::File(path) => SecretText::File(path.clone()).read().await.map_err(unproven),
            Self::AwsSigned(_) => Err(unproven("a signed request is no token".to_owned())),
        }
    }
}

fn unproven(what: String) -> ExchangeError {
    ExchangeError::new("no-proof", what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signed_request_is_written_as_google_reads_it() {
        let signed = SignedRequest {
            method: "POST",
            url: "https://sts.eu-central-1.amazonaws.com?Action=GetCallerIdentity&Version=2011-06-15"
                .to_owned(),
            headers: vec![("x-amz-date".to_owned(), Secret::new("20261123T150000Z".to_owned()))],
            body: "",
        };
        let text = written(&signed);
        assert!(text.expose().bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'%'));
        let decoded = percent_encoding::percent_decode_str(text.expose()).decode_utf8().unwrap();
        let read: serde_json::Value = serde_json::from_str(&decoded).unwrap();
        assert_eq!(read["method"], "POST");
        assert_eq!(read["url"], signed.url.as_str());
        assert_eq!(read["headers"], json!([{"key": "x-amz-date", "value": "20261123T150000Z"}]));
    }
}
