//! The claims that every kind of token has: issuer, audience, subject and times, with the JSON types that they must have.
//!
//! Checked here and not by the JWT library: version 10.4 of `jsonwebtoken` takes a token whose `aud` is absent, null
//! or a number although an audience is required of it.

use std::time::Duration;

use serde_json::Value;

use crate::authn::claims::Claims;
use crate::domain::time::Timestamp;

/// The largest clock difference that is forgiven.
pub const MAX_LEEWAY: Duration = Duration::from_mins(1);

/// The last second that RFC 3339 can write, 9999-12-31T23:59:59Z.
const LAST_SECOND: f64 = 253_402_300_799.0;

/// Which claim of a token does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidToken {
    /// `iss` is not the issuer.
    #[error("claim `iss` is not the issuer")]
    Issuer,
    /// `aud` does not name us.
    #[error("claim `aud` does not name this service")]
    Audience,
    /// `sub` is missing or no text.
    #[error("claim `sub` is missing or no text")]
    Subject,
    /// `exp` is missing or no number.
    #[error("claim `exp` is missing or no number")]
    NoExpiry,
    /// `exp` is past.
    #[error("the token has expired")]
    Expired,
    /// `nbf` is no number or lies ahead.
    #[error("claim `nbf` is no number or lies ahead")]
    NotBefore,
    /// `iat` is missing where it must be there, no number, or lies ahead.
    #[error("claim `iat` is missing, no number, or lies ahead")]
    IssuedAt,
    /// The token is valid for longer than is allowed.
    #[error("the token is valid for longer than is allowed")]
    Lifetime,
    /// The token is of another kind.
    #[error("the token is of another kind: {0}")]
    Kind(&'static str),
    /// The client that the token was made for is not on the list.
    #[error("the token was made for a client that is not allowed")]
    Client,
    /// The token needs proof of a key that this service cannot check.
    #[error("the token is bound to a key whose possession was not shown")]
    Confirmation,
    /// The nonce is not the one that was sent.
    #[error("claim `nonce` is not the one that was sent")]
    Nonce,
    /// `at_hash` does not fit the access token.
    #[error("claim `at_hash` does not fit the access token")]
    AccessTokenHash,
}

/// When a token holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    /// `exp`.
    pub expires_at: Timestamp,
    /// `iat`.
    pub issued_at: Option<Timestamp>,
}

/// Checks that `iss` is exactly the issuer.
pub fn issuer(claims: &Claims, issuer: &str) -> Result<(), InvalidToken> {
    if claims.get("iss").and_then(Value::as_str) == Some(issuer) { Ok(()) } else { Err(InvalidToken::Issuer) }
}

/// The audiences: one text or a list of texts.
pub fn audiences(claims: &Claims) -> Result<Vec<&str>, InvalidToken> {
    match claims.get("aud") {
        Some(Value::String(one)) => Ok(vec![one]),
        Some(Value::Array(items)) => {
            items.iter().map(|item| item.as_str().ok_or(InvalidToken::Audience)).collect()
        }
        _ => Err(InvalidToken::Audience),
    }
}

/// Checks that `sub` is a text that is not empty.
pub fn subject(claims: &Claims) -> Result<&str, InvalidToken> {
    claims.get("sub").and_then(Value::as_str).filter(|sub| !sub.is_empty()).ok_or(InvalidToken::Subject)
}

/// Checks `exp`, `nbf` and `iat` against the time.
pub fn times(claims: &Claims, now: Timestamp, leeway: Duration) -> Result<Times, InvalidToken> {
    let leeway = leeway.min(MAX_LEEWAY);
    let expires_at = date(claims.get("exp").ok_or(InvalidToken::NoExpiry)?).ok_or(InvalidToken::NoExpiry)?;
    if expires_at.plus(leeway) <= now {
        return Err(InvalidToken::Expired);
    }
    if let Some(value) = claims.get("nbf")
        && date(value).is_none_or(|from| from > now.plus(leeway))
    {
        return Err(InvalidToken::NotBefore);
    }
    let issued_at = claims.get("iat").map(|value| date(value).ok_or(InvalidToken::IssuedAt)).transpose()?;
    if issued_at.is_some_and(|at| at > now.plus(leeway)) {
        return Err(InvalidToken::IssuedAt);
    }
    Ok(Times { expires_at, issued_at })
}

/// A `NumericDate` (RFC 7519 section 2): a JSON number of seconds, between 1970 and 9999.
#[must_use]
pub fn date(value: &Value) -> Option<Timestamp> {
    let seconds = value.as_f64().filter(|seconds| (0.0..=LAST_SECOND).contains(seconds))?;
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the range was checked, and a fraction is cut on purpose"
    )]
    Some(Timestamp::from_unix_seconds(seconds as i64))
}
