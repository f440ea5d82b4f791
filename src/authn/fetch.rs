//! Calls to an identity provider: https only, no redirects, bounded in time and size.

use std::time::Duration;

use bytes::Bytes;
use url::{Host, Url};

/// Bounds of a call.
#[derive(Debug, Clone)]
pub struct FetchLimits {
    /// Time for a whole call.
    pub timeout: Duration,
    /// The largest answer in bytes.
    pub max_bytes: usize,
    /// Whether plain HTTP is allowed to a loopback address; for the demo and for tests.
    pub allow_loopback_http: bool,
}

/// Why an identity provider gave no answer that can be used.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The address must not be called.
    #[error("the address `{0}` is neither https nor an allowed loopback address")]
    Address(String),
    /// The call failed.
    #[error("cannot reach the identity provider")]
    Unreachable(#[source] reqwest::Error),
    /// The answer has a status other than success.
    #[error("the identity provider answered with status {0}")]
    Status(u16),
    /// The answer is over the limit.
    #[error("the identity provider's answer is too large")]
    TooLarge,
}

/// An HTTP client for identity providers.
#[derive(Debug, Clone)]
pub struct Fetch {
    client: reqwest::Client,
    limits: FetchLimits,
}

impl Fetch {
    /// Makes a client.
    pub fn new(limits: FetchLimits) -> Result<Self, FetchError> {
        let mut builder = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .connect_timeout(limits.timeout)
            .timeout(limits.timeout);
        if limits.allow_loopback_http {
            builder = builder.no_proxy();
        }
        Ok(Self { client: builder.build().map_err(FetchError::Unreachable)?, limits })
    }

    /// Reads an address; only a 200 is an answer.
    pub async fn get(&self, url: &Url) -> Result<Bytes, FetchError> {
        let request = http::Request::get(url.as_str()).header(http::header::ACCEPT, "application/json");
        let request = request.body(Vec::new()).map_err(|_| FetchError::Address(url.to_string()))?;
        let response = self.send(request).await?;
        match response.status().as_u16() {
            200 => Ok(Bytes::from(response.into_body())),
            status => Err(FetchError::Status(status)),
        }
    }

    /// Sends a request and reads the whole answer, whatever its status.
    pub async fn send(&self, request: http::Request<Vec<u8>>) -> Result<http::Response<Vec<u8>>, FetchError> {
        let uri = request.uri().to_string();
        match Url::parse(&uri) {
            Ok(url) if may_call(&url, self.limits.allow_loopback_http) => {}
            _ => return Err(FetchError::Address(uri)),
        }
        let request = reqwest::Request::try_from(request).map_err(FetchError::Unreachable)?;
        let mut response = self.client.execute(request).await.map_err(unreachable)?;
        let mut answer = http::Response::new(Vec::new());
        *answer.status_mut() = response.status();
        std::mem::swap(answer.headers_mut(), response.headers_mut());
        while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
            if answer.body().len() + chunk.len() > self.limits.max_bytes {
                return Err(FetchError::TooLarge);
            }
            answer.body_mut().extend_from_slice(&chunk);
        }
        Ok(answer)
    }
}

/// The address is left out of the error: an authorization code or a token could be in its query.
fn unreachable(error: reqwest::Error) -> FetchError {
    FetchError::Unreachable(error.without_url())
}

/// Whether an address of an identity provider may be called: https, or plain HTTP to loopback where that is allowed.
#[must_use]
pub fn may_call(url: &Url, allow_loopback_http: bool) -> bool {
    let loopback = match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => return false,
    };
    let plain = url.username().is_empty() && url.password().is_none();
    plain && (url.scheme() == "https" || (url.scheme() == "http" && loopback && allow_loopback_http))
}
