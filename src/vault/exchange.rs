//! Exchanging proofs for access tokens at the clouds' token endpoints: one request each, bounded in time and size, of which
//! nothing is repeated.

use std::fmt;
use std::time::Duration;

use http::StatusCode;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::redirect::Policy;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use url::{Url, form_urlencoded};
use zeroize::Zeroizing;

use crate::domain::secret::Secret;
use crate::vault::server::reply::secret;

/// The largest answer in bytes; tokens of Entra and Google have some KiB.
const MAX_ANSWER_BYTES: usize = 64 * 1024;

/// The longest wait that an answer may ask of us.
const LONGEST_WAIT: Duration = Duration::from_mins(5);

/// How token endpoints are reached.
#[derive(Debug, Clone)]
pub struct Options {
    /// Time to connect.
    pub connect_timeout: Duration,
    /// Time for a whole exchange.
    pub timeout: Duration,
    /// Certificates that are trusted beside the machine's own, PEM.
    pub extra_ca_pem: Option<String>,
}

/// The way to the token endpoints.
#[derive(Clone)]
pub struct Exchange {
    http: reqwest::Client,
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Exchange(…)")
    }
}

/// Why there is no token. The answer is not in it.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{what}")]
pub struct ExchangeError {
    what: String,
    word: &'static str,
    /// Whether the endpoint refused the proof itself.
    pub(super) refused: bool,
    /// How long it asks us to wait.
    pub(super) retry_after: Option<Duration>,
}

impl ExchangeError {
    pub(super) fn new(word: &'static str, what: impl Into<String>) -> Self {
        Self { what: what.into(), word, refused: false, retry_after: None }
    }

    /// A stable word for metrics and readiness.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        self.word
    }
}

/// An access token.
#[derive(Debug)]
pub(super) struct Token {
    pub(super) secret: Secret<String>,
    /// How long it lasts from the answer on.
    pub(super) life: Duration,
}

/// The answer of RFC 6749, section 5.1.
#[derive(Deserialize)]
struct TokenAnswer {
    #[serde(deserialize_with = "secret")]
    access_token: Secret<String>,
    expires_in: u64,
}

/// A form on its way to an endpoint, wiped when dropped.
pub(super) struct Form(Zeroizing<String>);

impl Form {
    pub(super) fn new() -> Self {
        Self(Zeroizing::new(String::new()))
    }

    pub(super) fn with(mut self, name: &str, value: &str) -> Self {
        if !self.0.is_empty() {
            self.0.push('&');
        }
        self.0.push_str(name);
        self.0.push('=');
        form_urlencoded::byte_serialize(value.as_bytes()).for_each(|piece| self.0.push_str(piece));
        self
    }
}

impl Exchange {
    /// Builds the client. Nothing is sent yet.
    pub fn new(options: &Options) -> Result<Self, ExchangeError> {
        let unusable = |_| ExchangeError::new("misconfigured", "the TLS settings cannot be used");
        let mut builder = reqwest::Client::builder()
            .redirect(Policy::none())
            .referer(false)
            .no_proxy()
            .connect_timeout(options.connect_timeout)
            .timeout(options.timeout);
        if let Some(pem) = &options.extra_ca_pem {
            let roots = reqwest::Certificate::from_pem_bundle(pem.as_bytes()).map_err(unusable)?;
            builder = builder.tls_certs_merge(roots);
        }
        Ok(Self { http: builder.build().map_err(unusable)? })
    }

    /// Asks for an access token as RFC 6749 has it.
    pub(super) async fn token(&self, endpoint: &Url, form: Form) -> Result<Token, ExchangeError> {
        let request = self
            .http
            .post(endpoint.clone())
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(form.0.as_bytes().to_vec());
        let answer: TokenAnswer = self.ask(request).await?;
        if answer.access_token.expose().is_empty() || answer.expires_in == 0 {
            return Err(unexpected());
        }
        Ok(Token { secret: answer.access_token, life: Duration::from_secs(answer.expires_in) })
    }

    /// Posts JSON with a bearer token and reads JSON.
    pub(super) async fn post<T: DeserializeOwned>(
        &self,
        endpoint: &Url,
        bearer: &Secret<String>,
        body: &serde_json::Value,
    ) -> Result<T, ExchangeError> {
        self.ask(self.http.post(endpoint.clone()).bearer_auth(bearer.expose()).json(body)).await
    }

    async fn ask<T: DeserializeOwned>(&self, request: reqwest::RequestBuilder) -> Result<T, ExchangeError> {
        let mut answer = request.send().await.map_err(unreachable)?;
        if !answer.status().is_success() {
            return Err(refused(&answer));
        }
        let mut body = Zeroizing::new(Vec::with_capacity(8 * 1024));
        while let Some(chunk) = answer.chunk().await.map_err(unreachable)? {
            if body.len() + chunk.len() > MAX_ANSWER_BYTES {
                return Err(unexpected());
            }
            body.extend_from_slice(&chunk);
        }
        // The parser's own words could quote a secret.
        serde_json::from_slice(&body).map_err(|_| unexpected())
    }
}

fn unexpected() -> ExchangeError {
    ExchangeError::new("unexpected-answer", "the token endpoint's answer is not of the expected form")
}

#[expect(clippy::needless_pass_by_value, reason = "it stands in `map_err`")]
fn unreachable(error: reqwest::Error) -> ExchangeError {
    let what = if error.is_timeout() { "did not answer in time" } else { "cannot be reached" };
    ExchangeError::new("unreachable", format!("the token endpoint {what}"))
}

fn refused(answer: &reqwest::Response) -> ExchangeError {
    let status = answer.status();
    let seconds = answer.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
    let word = match status {
        StatusCode::TOO_MANY_REQUESTS => "throttled",
        _ if status.is_server_error() => "unexpected-answer",
        _ => "proof-refused",
    };
    ExchangeError {
        what: format!("the token endpoint answered {}", status.as_u16()),
        word,
        refused: word == "proof-refused",
        retry_after: seconds.map(|seconds| Duration::from_secs(seconds).min(LONGEST_WAIT)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_written_so_that_no_value_reaches_into_the_next() {
        let form = Form::new().with("client_secret", "a&b=c %~").with("scope", "x");
        assert_eq!(form.0.as_str(), "client_secret=a%26b%3Dc+%25%7E&scope=x");
    }
}
