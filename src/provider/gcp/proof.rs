//! What a request proves who we are with.

use google_cloud_auth::credentials::{CacheableResource, Credentials, service_account};
use http::header::AUTHORIZATION;
use http::{Extensions, HeaderMap, HeaderValue};

use crate::domain::credential::Credential;
use crate::domain::secret::Secret;
use crate::provider::error::{StoreError, StoreErrorKind, StoreOperation};

/// What a token may do that reads: read objects, nothing else.
pub(super) const READ_ONLY: &str = "https://www.googleapis.com/auth/devstorage.read_only";

/// What a token may do that asks for another account's: call IAM, nothing else.
pub(super) const IMPERSONATE: &str = "https://www.googleapis.com/auth/iam";

/// Where a request's `Authorization` comes from.
pub(super) enum Proof {
    /// No header at all.
    Anonymous,
    /// The same token on each request.
    Token(HeaderValue),
    /// google-cloud-auth, which keeps a token and renews it.
    Google(Credentials),
}

impl Proof {
    /// The proof for requests that need this scope. A token that was made elsewhere has whatever scope it has.
    pub(super) fn of(credential: &Credential, scope: &str) -> Result<Self, StoreError> {
        Ok(match credential {
            Credential::Anonymous => Self::Anonymous,
            Credential::GcpAccessToken(token) => Self::Token(bearer(token)?),
            Credential::GcpServiceAccountKey(document) => Self::Google(
                service_account::Builder::new(parse_key(document)?)
                    .with_access_specifier(service_account::AccessSpecifier::from_scopes([scope]))
                    .build()
                    .map_err(|_| {
                        no_credential("the service-account key lacks a field or holds a wrong one")
                    })?,
            ),
            Credential::Ambient => Self::Google(
                google_cloud_auth::credentials::Builder::default()
                    .with_scopes([scope])
                    .build()
                    .map_err(|_| no_credential("this machine offers no Google credential"))?,
            ),
            Credential::AwsKeys { .. }
            | Credential::AzureClientSecret { .. }
            | Credential::AzureAccessToken(_)
            | Credential::AzureAccountKey(_) => {
                return Err(no_credential("the credential is another provider's"));
            }
        })
    }

    /// The headers that prove it.
    pub(super) async fn headers(&self, operation: StoreOperation) -> Result<HeaderMap, StoreError> {
        match self {
            Self::Anonymous => Ok(HeaderMap::new()),
            Self::Token(value) => Ok(HeaderMap::from_iter([(AUTHORIZATION, value.clone())])),
            Self::Google(credentials) => match credentials.headers(Extensions::new()).await {
                Ok(CacheableResource::New { data, .. }) => Ok(data),
                Ok(CacheableResource::NotModified) => Err(StoreError::caused_by(
                    operation,
                    StoreErrorKind::NoCredential,
                    "google-cloud-auth gave no token",
                )),
                // Its text is left out: a token endpoint may quote what it was sent.
                Err(cause) if cause.is_transient() => Err(StoreError::caused_by(
                    operation,
                    StoreErrorKind::Unavailable,
                    "Google's token could not be had for now",
                )),
                Err(_) => Err(StoreError::caused_by(
                    operation,
                    StoreErrorKind::NoCredential,
                    "Google's token could not be had",
                )),
            },
        }
    }
}

/// Reads a service-account key document.
pub(super) fn parse_key(document: &Secret<String>) -> Result<serde_json::Value, StoreError> {
    // serde's own message can quote what it read.
    serde_json::from_str(document.expose())
        .map_err(|_| no_credential("the service-account key is no JSON document"))
}

/// The header that shows a token.
pub(super) fn bearer(token: &Secret<String>) -> Result<HeaderValue, StoreError> {
    let text = Secret::new(format!("Bearer {}", token.expose()));
    let mut value = HeaderValue::from_str(text.expose())
        .map_err(|_| no_credential("the access token has characters that no header can have"))?;
    value.set_sensitive(true);
    Ok(value)
}

/// The credential is none that this provider can use.
pub(super) fn no_credential(text: &'static str) -> StoreError {
    StoreError::caused_by(StoreOperation::Connect, StoreErrorKind::NoCredential, text)
}
