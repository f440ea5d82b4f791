//! ID and logout tokens: what must hold before anything in them is believed.

use aws_lc_rs::digest;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jsonwebtoken::Algorithm;
use serde_json::Value;
use subtle::ConstantTimeEq;

use crate::authn::bearer::TokenChecks;
use crate::authn::claims::Claims;
use crate::authn::jwt::{InvalidJwt, SigningAlgorithm, Unverified};
use crate::authn::keys::{Issuer, KeyError};
use crate::authn::standard::{self, InvalidToken, Times};
use crate::domain::time::Timestamp;

/// The longest ID token in bytes. A person in many hundred groups has one of this size; it never travels further.
pub const MAX_ID_TOKEN_BYTES: usize = 512 * 1024;
/// The longest logout token in bytes.
pub const MAX_LOGOUT_TOKEN_BYTES: usize = 16 * 1024;

/// The event of a logout token (OpenID Connect Back-Channel Logout 1.0 section 2.4).
const LOGOUT_EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";
/// The longest `jti` that is remembered, in bytes.
const MAX_JTI_BYTES: usize = 255;
/// The greatest age of a logout token.
const MAX_LOGOUT_AGE: std::time::Duration = std::time::Duration::from_mins(2);

/// Why a token of the identity provider is not believed.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// It is no signed JWT.
    #[error(transparent)]
    Jwt(#[from] InvalidJwt),
    /// A claim does not hold.
    #[error(transparent)]
    Token(#[from] InvalidToken),
    /// The key cannot be had.
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// What an ID token is checked against.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'a> {
    /// The issuer.
    pub issuer: &'a Issuer,
    /// Signature and times.
    pub checks: &'a TokenChecks,
    /// Our client id.
    pub client_id: &'a str,
    /// The time.
    pub now: Timestamp,
}

/// How the ID token came.
#[derive(Debug, Clone, Copy)]
pub enum Answer<'a> {
    /// To a login, with the nonce that was sent.
    Login {
        /// The nonce.
        nonce: &'a str,
    },
    /// To a refresh: a nonce may be missing (OpenID Connect Core section 12.2).
    Refresh,
}

impl Expected<'_> {
    /// Checks an ID token (OpenID Connect Core section 3.1.3.7).
    pub async fn id_token(
        &self,
        text: &str,
        access_token: &str,
        answer: Answer<'_>,
    ) -> Result<Claims, TokenError> {
        let token = Unverified::parse(text, MAX_ID_TOKEN_BYTES, &self.checks.algorithms)?;
        let algorithm = token.algorithm;
        if !matches!(token.typ.as_deref().map(str::to_ascii_lowercase).as_deref(), None | Some("jwt")) {
            return Err(InvalidToken::Kind("its `typ` is not that of an ID token").into());
        }
        let (claims, times) = self.verified(token).await?;
        times.issued_at.ok_or(InvalidToken::IssuedAt)?;
        standard::subject(&claims)?;
        if claims.contains_key("events") {
            return Err(InvalidToken::Kind("it tells of an event").into());
        }
        if let Answer::Login { nonce } = answer {
            let given = claims.get("nonce").and_then(Value::as_str).unwrap_or_default();
            if nonce.is_empty() || !bool::from(given.as_bytes().ct_eq(nonce.as_bytes())) {
                return Err(InvalidToken::Nonce.into());
            }
        }
        if let Some(given) = claims.get("at_hash")
            && given.as_str() != Some(half_hash(algorithm, access_token).as_str())
        {
            return Err(InvalidToken::AccessTokenHash.into());
        }
        Ok(claims)
    }

    /// Checks a logout token.
    pub async fn logout_token(&self, text: &str) -> Result<Logout, TokenError> {
        let token = Unverified::parse(text, MAX_LOGOUT_TOKEN_BYTES, &self.checks.algorithms)?;
        let typ = token.typ.as_deref().map(str::to_ascii_lowercase);
        if !matches!(typ.as_deref(), None | Some("jwt" | "logout+jwt" | "application/logout+jwt")) {
            return Err(InvalidToken::Kind("its `typ` is not that of a logout token").into());
        }
        let (claims, times) = self.verified(token).await?;
        let issued_at = times.issued_at.ok_or(InvalidToken::IssuedAt)?;
        if self.now.since(issued_at) > MAX_LOGOUT_AGE + self.checks.leeway {
            return Err(InvalidToken::IssuedAt.into());
        }
        let event =
            claims.get("events").and_then(Value::as_object).and_then(|events| events.get(LOGOUT_EVENT));
        if !event.is_some_and(Value::is_object) || claims.contains_key("nonce") {
            return Err(InvalidToken::Kind("it is no logout token").into());
        }
        let text = |name| match claims.get(name) {
            None => Ok(None),
            Some(Value::String(text)) if !text.is_empty() => Ok(Some(text.clone())),
            Some(_) => Err(InvalidToken::Kind("its `sub`, `sid` or `jti` is no text")),
        };
        let (subject, session, id) = (text("sub")?, text("sid")?, text("jti")?);
        let id = id.filter(|id| id.len() <= MAX_JTI_BYTES);
        let id = id.ok_or(InvalidToken::Kind("it has no `jti` of reasonable length"))?;
        if subject.is_none() && session.is_none() {
            return Err(InvalidToken::Kind("it names neither a person nor a session").into());
        }
        Ok(Logout { id, subject, session, expires_at: times.expires_at.plus(standard::MAX_LEEWAY) })
    }

    /// Signature, issuer, audience, authorized party and times.
    async fn verified(&self, token: Unverified<'_>) -> Result<(Claims, Times), TokenError> {
        let key = self.issuer.key(token.kid.as_deref(), token.algorithm).await?;
        let claims = token.verify(key.decoding())?;
        standard::issuer(&claims, self.issuer.name())?;
        let audiences = standard::audiences(&claims)?;
        let party = claims.get("azp");
        let ours = audiences.contains(&self.client_id)
            && party.is_none_or(|party| party.as_str() == Some(self.client_id))
            && (audiences.len() == 1 || party.is_some());
        if !ours {
            return Err(InvalidToken::Audience.into());
        }
        let times = standard::times(&claims, self.now, self.checks.leeway)?;
        Ok((claims, times))
    }
}

/// Whose sessions end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logout {
    /// The token's own name.
    pub id: String,
    /// The person.
    pub subject: Option<String>,
    /// The session at the identity provider.
    pub session: Option<String>,
    /// When the token could no longer be used again.
    pub expires_at: Timestamp,
}

/// The left half of the hash that goes with the algorithm, as `at_hash` has it.
fn half_hash(algorithm: SigningAlgorithm, text: &str) -> String {
    let hash = match algorithm.inner() {
        Algorithm::RS384 | Algorithm::PS384 | Algorithm::ES384 => &digest::SHA384,
        Algorithm::RS512 | Algorithm::PS512 | Algorithm::EdDSA => &digest::SHA512,
        _ => &digest::SHA256,
    };
    let hash = digest::digest(hash, text.as_bytes());
    let half = hash.as_ref().split_at_checked(hash.as_ref().len() / 2).map_or(&[][..], |(left, _)| left);
    BASE64_URL_SAFE_NO_PAD.encode(half)
}
