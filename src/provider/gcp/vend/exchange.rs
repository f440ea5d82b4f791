//! The two calls behind a vended token: a short token of the account that is vended, and the narrow token for it.
//!
//! Sources: <https://cloud.google.com/iam/docs/reference/credentials/rest/v1/projects.serviceAccounts/generateAccessToken>,
//! <https://cloud.google.com/iam/docs/reference/sts/rest/v1/TopLevel/token>.

use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode};
use http_body_util::Full;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::json;
use url::form_urlencoded::Serializer;
use zeroize::Zeroizing;

use crate::domain::secret::Secret;
use crate::domain::time::Timestamp;
use crate::provider::error::{StoreError, StoreErrorKind, StoreOperation};
use crate::provider::wire::{self, Wire};

/// The largest answer, in bytes. Google's tokens have up to 12 KiB.
const MAX_ANSWER_BYTES: usize = 64 * 1024;

/// What the vended account's token may do before it is narrowed.
const READ_ONLY: &str = "https://www.googleapis.com/auth/devstorage.read_only";

/// What stays as it is in a segment of a path.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Whom a refusal is told of, and what most likely lacks.
struct Whom {
    name: &'static str,
    /// On 401 and 403.
    lacks: &'static str,
}

const IAM: Whom = Whom {
    name: "IAM Credentials",
    lacks: "the credential that vends needs iam.serviceAccounts.getAccessToken on the account, and a token of \
            scope iam or cloud-platform",
};

const STS: Whom =
    Whom { name: "Google's token service", lacks: "the Security Token Service API has to be on" };

const OPERATION: StoreOperation = StoreOperation::Vend;

/// Where tokens are asked for.
pub(super) struct TokenServices {
    pub(super) wire: Wire,
    /// Base URL of IAM Credentials, without a trailing slash.
    pub(super) iam_credentials: String,
    /// Base URL of the Security Token Service, without a trailing slash.
    pub(super) sts: String,
}

/// A token with its end.
pub(super) struct Token {
    pub(super) secret: Secret<String>,
    pub(super) expires_at: Timestamp,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Generated {
    #[serde(deserialize_with = "secret")]
    access_token: Secret<String>,
    expire_time: String,
}

#[derive(Deserialize)]
struct Exchanged {
    #[serde(deserialize_with = "secret")]
    access_token: Secret<String>,
    /// Absent where the narrow token lives as long as the one that it was made of.
    expires_in: Option<u64>,
}

/// Reads a text straight into a secret.
fn secret<'de, D: Deserializer<'de>>(from: D) -> Result<Secret<String>, D::Error> {
    String::deserialize(from).map(Secret::new)
}

impl TokenServices {
    /// Asks IAM Credentials, with our own proof, for a token of this account that reads Cloud Storage for so long.
    pub(super) async fn impersonate(
        &self,
        proof: HeaderMap,
        account: &str,
        ttl: Duration,
        now: Timestamp,
    ) -> Result<Token, StoreError> {
        let account = utf8_percent_encode(account, SEGMENT);
        let url =
            format!("{}/v1/projects/-/serviceAccounts/{account}:generateAccessToken", self.iam_credentials);
        let body = json!({"scope": [READ_ONLY], "lifetime": format!("{}s", ttl.as_secs())}).to_string();
        let mut request = request(&url, "application/json", body.into())?;
        request.headers_mut().extend(proof);
        let generated: Generated = ask(&self.wire, &IAM, request).await?;
        let expires_at = Timestamp::parse(&generated.expire_time).map_err(|_| unreadable())?;
        token(generated.access_token, expires_at, now)
    }

    /// Exchanges a token for one that the boundary narrows. It never lives longer.
    pub(super) async fn narrow(
        &self,
        subject: &Token,
        options: &str,
        now: Timestamp,
    ) -> Result<Token, StoreError> {
        let access_token = "urn:ietf:params:oauth:token-type:access_token";
        let form = Zeroizing::new(
            Serializer::new(String::with_capacity(16 * 1024))
                .append_pair("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange")
                .append_pair("requested_token_type", access_token)
                .append_pair("subject_token_type", access_token)
                .append_pair("subject_token", subject.secret.expose())
                .append_pair("options", options)
                .finish(),
        );
        let body = Bytes::copy_from_slice(form.as_bytes());
        let request = request(&format!("{}/v1/token", self.sts), "application/x-www-form-urlencoded", body)?;
        let exchanged: Exchanged = ask(&self.wire, &STS, request).await?;
        let told = exchanged.expires_in.map(|seconds| now.plus(Duration::from_secs(seconds)));
        let expires_at = told.map_or(subject.expires_at, |told| told.min(subject.expires_at));
        if exchanged.access_token.expose() == subject.secret.expose() {
            return Err(unexpected("the token was not narrowed"));
        }
        token(exchanged.access_token, expires_at, now)
    }
}

fn token(secret: Secret<String>, expires_at: Timestamp, now: Timestamp) -> Result<Token, StoreError> {
    if expires_at <= now {
        return Err(unexpected("the token had ended when it came"));
    }
    // It goes into headers and command lines: no token of Google's has anything but visible ASCII.
    if secret.expose().is_empty() || !secret.expose().bytes().all(|b| b.is_ascii_graphic()) {
        return Err(unreadable());
    }
    Ok(Token { secret, expires_at })
}

fn request(url: &str, kind: &'static str, body: Bytes) -> Result<Request<Full<Bytes>>, StoreError> {
    let built = Request::builder()
        .method(Method::POST)
        .uri(url)
        .header(CONTENT_TYPE, HeaderValue::from_static(kind))
        .body(Full::new(body));
    built.map_err(|_| unexpected("the endpoint is no URL"))
}

async fn ask<T: DeserializeOwned>(
    wire: &Wire,
    whom: &Whom,
    request: Request<Full<Bytes>>,
) -> Result<T, StoreError> {
    let answer = wire.send(OPERATION, request).await?;
    let status = answer.status();
    if status != StatusCode::OK {
        // Of a refusal the status is told, nothing else: its text quotes accounts, and may quote tokens.
        let kind = kind(status, answer.headers());
        let lacks = if kind == StoreErrorKind::Denied { format!(": {}", whom.lacks) } else { String::new() };
        let cause = format!("{} answered {}{lacks}", whom.name, status.as_u16());
        return Err(StoreError::caused_by(OPERATION, kind, cause));
    }
    let body = wire::read_all(OPERATION, answer.into_body(), MAX_ANSWER_BYTES).await?;
    // The parser's own words could quote a secret.
    serde_json::from_slice(&body).map_err(|_| unreadable())
}

fn kind(status: StatusCode, headers: &HeaderMap) -> StoreErrorKind {
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => StoreErrorKind::Denied,
        StatusCode::TOO_MANY_REQUESTS => {
            let seconds = headers.get(http::header::RETRY_AFTER).and_then(|value| value.to_str().ok());
            let seconds = seconds.and_then(|text| text.parse().ok());
            StoreErrorKind::Throttled { retry_after: seconds.map(Duration::from_secs) }
        }
        StatusCode::REQUEST_TIMEOUT => StoreErrorKind::Unavailable,
        status if status.is_server_error() => StoreErrorKind::Unavailable,
        // An account that is not there, a boundary that Google does not take: our set-up is wrong.
        _ => StoreErrorKind::Unexpected,
    }
}

fn unreadable() -> StoreError {
    unexpected("the token endpoint's answer is not of the expected form")
}

fn unexpected(what: &'static str) -> StoreError {
    StoreError::caused_by(OPERATION, StoreErrorKind::Unexpected, what)
}
