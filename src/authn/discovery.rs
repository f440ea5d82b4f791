//! What an issuer says of itself (OpenID Connect Discovery 1.0). The issuer is compared byte by byte.

use serde::Deserialize;
use url::Url;

use crate::authn::fetch::{Fetch, FetchError, may_call};

/// The part of the discovery document that is used here.
#[derive(Debug, Clone, Deserialize)]
pub struct Discovery {
    /// The issuer.
    pub issuer: String,
    /// Where its keys are.
    pub jwks_uri: Url,
    /// Where a login begins.
    pub authorization_endpoint: Option<Url>,
    /// Where codes become tokens.
    pub token_endpoint: Option<Url>,
    /// Where a login at the provider ends.
    pub end_session_endpoint: Option<Url>,
    /// Where refresh tokens are given back.
    pub revocation_endpoint: Option<Url>,
    /// Where a login on another device begins (RFC 8628).
    pub device_authorization_endpoint: Option<Url>,
    /// PKCE methods; absent when the provider does not say.
    pub code_challenge_methods_supported: Option<Vec<String>>,
    /// Whether the callback names the issuer (RFC 9207).
    #[serde(default)]
    pub authorization_response_iss_parameter_supported: bool,
    /// Response types; `code` must be among them.
    pub response_types_supported: Option<Vec<String>>,
}

/// Why a discovery document cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DiscoveryError {
    /// The configured issuer is no address that may be called.
    #[error("issuer `{0}` is neither https nor an allowed loopback address")]
    IssuerAddress(String),
    /// The document cannot be had.
    #[error("cannot read the discovery document at `{url}`")]
    Fetch {
        /// Where it should be.
        url: String,
        /// Why not.
        #[source]
        cause: FetchError,
    },
    /// The document is no discovery document.
    #[error("the answer at `{url}` is no discovery document")]
    Malformed {
        /// Where it is.
        url: String,
        /// What the parser says.
        #[source]
        cause: serde_json::Error,
    },
    /// The document is another issuer's. A slash more or less is another issuer.
    #[error("the discovery document says its issuer is `{found}`, configured is `{configured}`")]
    OtherIssuer {
        /// The configured issuer.
        configured: String,
        /// What the document says.
        found: String,
    },
    /// An endpoint lies on a host that is not allowed, or is not https.
    #[error(
        "the discovery document's {endpoint} `{url}` is not https on the issuer's host or an allowed one"
    )]
    Endpoint {
        /// Which endpoint.
        endpoint: &'static str,
        /// Where it lies.
        url: String,
    },
    /// The provider lists PKCE methods without S256.
    #[error("the identity provider does not offer PKCE with S256")]
    NoS256,
    /// The provider does not offer the authorization code flow.
    #[error("the identity provider does not offer the authorization code flow")]
    NoCodeFlow,
}

/// An issuer and what is trusted about its addresses.
#[derive(Debug, Clone)]
pub struct IssuerAddress {
    /// The issuer, exactly as it stands in tokens.
    pub issuer: String,
    /// Hosts beside the issuer's own on which its endpoints may lie.
    pub endpoint_hosts: Vec<String>,
    /// Whether plain HTTP to loopback is allowed.
    pub allow_loopback_http: bool,
}

impl IssuerAddress {
    /// Where the document is: the issuer, without a slash at its end, and the well-known path.
    pub fn document(&self) -> Result<Url, DiscoveryError> {
        let bad = || DiscoveryError::IssuerAddress(self.issuer.clone());
        let url = Url::parse(&self.issuer).map_err(|_| bad())?;
        if !may_call(&url, self.allow_loopback_http) || url.query().is_some() || url.fragment().is_some() {
            return Err(bad());
        }
        let issuer = self.issuer.strip_suffix('/').unwrap_or(&self.issuer);
        Url::parse(&format!("{issuer}/.well-known/openid-configuration")).map_err(|_| bad())
    }

    /// Fetches and checks the document.
    pub async fn discover(&self, fetch: &Fetch) -> Result<Discovery, DiscoveryError> {
        let url = self.document()?;
        let text =
            fetch.get(&url).await.map_err(|cause| DiscoveryError::Fetch { url: url.to_string(), cause })?;
        let discovery: Discovery = serde_json::from_slice(&text)
            .map_err(|cause| DiscoveryError::Malformed { url: url.to_string(), cause })?;
        self.check(&discovery, url.host_str())?;
        Ok(discovery)
    }

    fn check(&self, found: &Discovery, host: Option<&str>) -> Result<(), DiscoveryError> {
        if found.issuer != self.issuer {
            return Err(DiscoveryError::OtherIssuer {
                configured: self.issuer.clone(),
                found: found.issuer.chars().take(300).collect(),
            });
        }
        let endpoints = [
            ("jwks_uri", Some(&found.jwks_uri)),
            ("authorization_endpoint", found.authorization_endpoint.as_ref()),
            ("token_endpoint", found.token_endpoint.as_ref()),
            ("end_session_endpoint", found.end_session_endpoint.as_ref()),
            ("revocation_endpoint", found.revocation_endpoint.as_ref()),
            ("device_authorization_endpoint", found.device_authorization_endpoint.as_ref()),
        ];
        for (endpoint, url) in endpoints {
            let Some(url) = url else { continue };
            let known = url.host_str() == host
                || self.endpoint_hosts.iter().any(|allowed| url.host_str() == Some(allowed.as_str()));
            if !known || !may_call(url, self.allow_loopback_http) {
                return Err(DiscoveryError::Endpoint { endpoint, url: url.to_string() });
            }
        }
        let lacks = |list: &Option<Vec<String>>, what: &str| {
            list.as_ref().is_some_and(|list| !list.iter().any(|item| item == what))
        };
        if lacks(&found.code_challenge_methods_supported, "S256") {
            return Err(DiscoveryError::NoS256);
        }
        if lacks(&found.response_types_supported, "code") {
            return Err(DiscoveryError::NoCodeFlow);
        }
        Ok(())
    }
}
