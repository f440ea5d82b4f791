//! What Vault answers: data, a lease, a token. Parsed straight into types that do not show it.

use std::fmt;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};

use crate::domain::secret::Secret;
use crate::vault::server::error::VaultError;

/// The name of a lease. It holds the path of the secret, so it is not shown.
#[derive(Debug, Clone)]
pub struct LeaseId(Secret<String>);

impl LeaseId {
    /// The id as Vault wants it back.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose()
    }
}

/// An answer of Vault.
#[derive(Clone)]
pub struct Reply<T> {
    /// What was asked for; `None` where Vault answers with nothing.
    pub data: Option<T>,
    /// The lease on it; `None` for what is not leased.
    pub lease: Option<Lease>,
    /// The token of a sign-in.
    pub auth: Option<Auth>,
}

impl<T> fmt::Debug for Reply<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply").field("lease", &self.lease).finish_non_exhaustive()
    }
}

impl<T> Reply<T> {
    /// The data, which this request must have.
    pub fn into_data(self) -> Result<T, VaultError> {
        self.data.ok_or_else(VaultError::unexpected)
    }
}

/// A lease on a secret.
#[derive(Debug, Clone)]
pub struct Lease {
    /// Its name; `None` when there is nothing to renew or revoke (Vault's STS tokens).
    pub id: Option<LeaseId>,
    /// How long it lasts from the answer on.
    pub duration: Duration,
    /// Whether Vault would give more time.
    pub renewable: bool,
}

/// A token of Vault.
#[derive(Debug, Clone, Deserialize)]
pub struct Auth {
    /// The token.
    #[serde(rename = "client_token", deserialize_with = "secret")]
    pub token: Secret<String>,
    /// How long it lasts from the answer on; zero for one that does not end.
    #[serde(rename = "lease_duration", deserialize_with = "seconds")]
    pub duration: Duration,
    /// Whether Vault would give more time.
    pub renewable: bool,
}

/// The outer form of every answer.
/// Source: <https://developer.hashicorp.com/vault/api-docs#vault-s-api> (response of a read with a lease).
#[derive(Deserialize)]
pub(super) struct Envelope<T> {
    #[serde(default = "none")]
    data: Option<T>,
    auth: Option<Auth>,
    #[serde(default = "empty", deserialize_with = "secret")]
    lease_id: Secret<String>,
    #[serde(default, deserialize_with = "seconds")]
    lease_duration: Duration,
    #[serde(default)]
    renewable: bool,
}

impl<T: DeserializeOwned> Envelope<T> {
    /// Parses a body; an empty one (204) is an answer without data.
    pub(super) fn parse(body: &[u8]) -> Result<Self, VaultError> {
        let body = if body.is_empty() { b"{}" } else { body };
        // The parser's own words could quote a secret.
        serde_json::from_slice(body).map_err(|_| VaultError::unexpected())
    }
}

impl<T> From<Envelope<T>> for Reply<T> {
    fn from(envelope: Envelope<T>) -> Self {
        let id = (!envelope.lease_id.expose().is_empty()).then_some(LeaseId(envelope.lease_id));
        let leased = id.is_some() || !envelope.lease_duration.is_zero();
        let lease =
            leased.then_some(Lease { id, duration: envelope.lease_duration, renewable: envelope.renewable });
        Self { data: envelope.data, lease, auth: envelope.auth }
    }
}

fn none<T>() -> Option<T> {
    None
}

fn empty() -> Secret<String> {
    Secret::new(String::new())
}

/// Reads a text straight into a secret; for fields of data as well.
pub fn secret<'de, D: Deserializer<'de>>(from: D) -> Result<Secret<String>, D::Error> {
    Ok(Secret::new(Option::<String>::deserialize(from)?.unwrap_or_default()))
}

fn seconds<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    Ok(Duration::from_secs(u64::deserialize(from)?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(body: &str) -> Result<Reply<serde_json::Value>, VaultError> {
        Envelope::parse(body.as_bytes()).map(Reply::from)
    }

    #[test]
    fn an_answer_is_read_with_its_lease_and_its_token() {
        let read =
            parse(r#"{"lease_id":"aws/creds/r/1","lease_duration":60,"renewable":true,"data":{"k":1}}"#);
        let read = read.unwrap();
        assert!(!format!("{read:?}").contains("aws/creds"));
        let lease = read.lease.unwrap();
        assert_eq!(
            (lease.id.unwrap().expose(), lease.duration.as_secs(), lease.renewable),
            ("aws/creds/r/1", 60, true)
        );
        let auth =
            parse(r#"{"auth":{"client_token":"SECRET","lease_duration":5,"renewable":false}}"#).unwrap().auth;
        assert!(!format!("{auth:?}").contains("SECRET"));
        assert_eq!(auth.unwrap().token.expose(), "SECRET");
        let empty = parse("").unwrap();
        assert!(empty.data.is_none() && empty.lease.is_none() && empty.auth.is_none());
    }

    #[test]
    fn what_is_not_an_answer_is_refused_without_quoting_it() {
        for bad in ["[1]", "{", r#"{"lease_duration":"SECRET"}"#, r#"{"auth":{"client_token":["SECRET"]}}"#] {
            let error = parse(bad).unwrap_err();
            assert!(!format!("{error:?} {error}").contains("SECRET"), "{bad}");
        }
        let deep = format!("{{\"data\":{}", "[".repeat(100_000));
        assert!(parse(&deep).is_err());
    }

    proptest! {
        #[test]
        fn no_answer_makes_the_reader_panic(body in "\\PC{0,60}|\\{\"(data|auth|lease_id|lease_duration|renewable)\":[a-z0-9\"{}\\[\\]:,.-]{0,40}\\}") {
            let _read = parse(&body);
        }
    }
}
