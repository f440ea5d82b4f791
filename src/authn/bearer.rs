//! Access tokens in `Authorization: Bearer`: which are taken, and who they stand for.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;

use crate::authn::claims::{ClaimMapping, Claims, InvalidClaims};
use crate::authn::jwt::{InvalidJwt, SigningAlgorithm, Unverified};
use crate::authn::keys::{Issuer, KeyError};
use crate::authn::random;
use crate::authn::standard::{self, InvalidToken};
use crate::domain::principal::{Principal, PrincipalId, Proof};
use crate::domain::time::{Clock, Timestamp};

/// The longest access token in bytes.
pub const MAX_TOKEN_BYTES: usize = 16 * 1024;

/// Which access tokens are taken from an issuer.
#[derive(Debug, Clone)]
pub struct BearerOptions {
    /// The audience: a token must name one of these. Never empty, and no client id of a login unless `typ` is required.
    pub audiences: Vec<String>,
    /// Clients (`azp` or `client_id`) that may ask; all of the issuer's when absent.
    pub clients: Option<Vec<String>>,
    /// Whether the header must say `at+jwt` (RFC 9068), as providers that follow it do.
    pub require_at_jwt: bool,
    /// The longest life of a token, `exp - iat`.
    pub max_lifetime: Duration,
}

/// How the signature and times of an issuer's tokens are checked.
#[derive(Debug, Clone)]
pub struct TokenChecks {
    /// The algorithms.
    pub algorithms: Vec<SigningAlgorithm>,
    /// The clock difference that is forgiven, at most 60 s.
    pub leeway: Duration,
}

/// Why an access token is not taken.
#[derive(Debug, thiserror::Error)]
pub enum BearerError {
    /// No such issuer, or it takes no access tokens.
    #[error("the token's issuer is not configured for access tokens")]
    UnknownIssuer,
    /// The token is no signed JWT of an allowed kind.
    #[error(transparent)]
    Jwt(#[from] InvalidJwt),
    /// A claim does not hold.
    #[error(transparent)]
    Token(#[from] InvalidToken),
    /// The claims name no person.
    #[error(transparent)]
    Claims(#[from] InvalidClaims),
    /// The key cannot be had.
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// What verifies the access tokens of one issuer.
#[derive(Debug)]
pub struct BearerDoor {
    /// The issuer.
    pub issuer: Arc<Issuer>,
    /// Which tokens it takes.
    pub options: BearerOptions,
    /// Signature and times.
    pub checks: TokenChecks,
    /// Claims to person.
    pub mapping: Arc<ClaimMapping>,
}

impl BearerDoor {
    async fn verify(
        &self,
        token: Unverified<'_>,
        now: Timestamp,
    ) -> Result<(Principal, [u8; 32]), BearerError> {
        self.check_typ(token.typ.as_deref())?;
        let key = self.issuer.key(token.kid.as_deref(), token.algorithm).await?;
        let claims = token.verify(key.decoding())?;
        standard::issuer(&claims, self.issuer.name())?;
        let audiences = standard::audiences(&claims)?;
        if !audiences.iter().any(|audience| self.options.audiences.iter().any(|ours| ours == audience)) {
            return Err(InvalidToken::Audience.into());
        }
        standard::subject(&claims)?;
        let times = standard::times(&claims, now, self.checks.leeway)?;
        let issued_at = times.issued_at.ok_or(InvalidToken::IssuedAt)?;
        if times.expires_at.since(issued_at) > self.options.max_lifetime {
            return Err(InvalidToken::Lifetime.into());
        }
        only_access_token(&claims)?;
        self.check_client(&claims)?;
        let person = self.mapping.person(&claims)?;
        let principal = Principal {
            id: PrincipalId { issuer: self.issuer.name().to_owned(), subject: person.subject },
            name: person.name,
            groups: person.groups,
            groups_complete: person.groups_complete,
            clearance: person.clearance,
            proof: Proof::Bearer,
            expires_at: times.expires_at,
        };
        Ok((principal, key.thumbprint()))
    }

    fn check_typ(&self, typ: Option<&str>) -> Result<(), InvalidToken> {
        let typ = typ.map(str::to_ascii_lowercase);
        match typ.as_deref() {
            Some("at+jwt" | "application/at+jwt") => Ok(()),
            None | Some("jwt" | "application/jwt") if !self.options.require_at_jwt => Ok(()),
            _ => Err(InvalidToken::Kind("its `typ` is not that of an access token")),
        }
    }

    fn check_client(&self, claims: &Claims) -> Result<(), InvalidToken> {
        let Some(allowed) = &self.options.clients else { return Ok(()) };
        let named: Vec<_> =
            ["azp", "client_id", "appid", "cid"].iter().filter_map(|name| claims.get(*name)).collect();
        let all_known = named
            .iter()
            .all(|value| value.as_str().is_some_and(|client| allowed.iter().any(|known| known == client)));
        if all_known && !named.is_empty() { Ok(()) } else { Err(InvalidToken::Client) }
    }
}

/// Refuses tokens of the same issuer and key that are for another door: ID, refresh and logout tokens, and tokens
/// that are bound to a key whose possession a plain bearer request does not show.
fn only_access_token(claims: &Claims) -> Result<(), InvalidToken> {
    if claims.contains_key("cnf") {
        return Err(InvalidToken::Confirmation);
    }
    // An ID token answers a nonce or vouches for what came with it; an access token does neither.
    for name in ["nonce", "at_hash", "c_hash", "s_hash"] {
        if claims.contains_key(name) {
            return Err(InvalidToken::Kind("it is an ID token"));
        }
    }
    if claims.contains_key("events") {
        return Err(InvalidToken::Kind("it tells of an event"));
    }
    // Keycloak and Cognito say in a claim what a token is for.
    for (name, access) in [("typ", "Bearer"), ("token_use", "access")] {
        if claims.get(name).is_some_and(|value| value.as_str() != Some(access)) {
            return Err(InvalidToken::Kind("its claims say that it is no access token"));
        }
    }
    match claims.get("scope") {
        None | Some(Value::String(_)) => Ok(()),
        Some(_) => Err(InvalidToken::Kind("its scope is no text")),
    }
}

/// All doors, and the tokens that came through one: a token is verified once, then remembered.
#[derive(Debug)]
pub struct Bearers {
    doors: Vec<BearerDoor>,
    clock: Arc<dyn Clock>,
    remembered: Mutex<HashMap<[u8; 32], Remembered>>,
    capacity: usize,
}

#[derive(Debug, Clone)]
struct Remembered {
    principal: Arc<Principal>,
    door: usize,
    key: [u8; 32],
}

impl Bearers {
    /// Makes the doors; `capacity` bounds how many tokens are remembered.
    #[must_use]
    pub fn new(doors: Vec<BearerDoor>, clock: Arc<dyn Clock>, capacity: usize) -> Self {
        Self { doors, clock, remembered: Mutex::default(), capacity }
    }

    /// Who a token stands for.
    pub async fn authenticate(&self, token: &str) -> Result<Arc<Principal>, BearerError> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(InvalidJwt::TooLong.into());
        }
        let name = random::hash(token);
        if let Some(principal) = self.recall(&name) {
            return Ok(principal);
        }
        let (door, place) = self.door(token)?;
        let parsed = Unverified::parse(token, MAX_TOKEN_BYTES, &door.checks.algorithms)?;
        let (principal, key) = door.verify(parsed, self.clock.now()).await?;
        let principal = Arc::new(principal);
        self.remember(name, Remembered { principal: Arc::clone(&principal), door: place, key });
        Ok(principal)
    }

    /// The door of the issuer that the token claims. Nothing is believed yet.
    fn door(&self, token: &str) -> Result<(&BearerDoor, usize), BearerError> {
        let any: Vec<_> = self.doors.iter().flat_map(|door| door.checks.algorithms.iter().copied()).collect();
        let claimed = Unverified::parse(token, MAX_TOKEN_BYTES, &any)?;
        let issuer = claimed.claimed_issuer().ok_or(InvalidToken::Issuer)?;
        let place = self.doors.iter().position(|door| door.issuer.name() == issuer);
        let place = place.ok_or(BearerError::UnknownIssuer)?;
        Ok((self.doors.get(place).ok_or(BearerError::UnknownIssuer)?, place))
    }

    /// A remembered token still counts while it has not expired and its key is still published.
    fn recall(&self, name: &[u8; 32]) -> Option<Arc<Principal>> {
        let found = self.remembered.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned()?;
        let known = self.doors.get(found.door)?.issuer.known()?;
        let fresh = self.clock.now() < found.principal.expires_at && known.keys.holds(&found.key);
        fresh.then_some(found.principal)
    }

    fn remember(&self, name: [u8; 32], token: Remembered) {
        let now = self.clock.now();
        let mut remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        if remembered.len() >= self.capacity {
            remembered.retain(|_, other| other.principal.expires_at > now);
        }
        if remembered.len() >= self.capacity {
            // Full of living tokens: whichever goes is verified again when it comes back.
            remembered.clear();
        }
        remembered.insert(name, token);
    }
}

#[cfg(test)]
mod tests;
