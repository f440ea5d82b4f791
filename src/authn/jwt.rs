//! A signed token, taken apart strictly: three parts, an asymmetric algorithm, no critical headers, no second meaning.
//!
//! What the header brings along (`jwk`, `jku`, `x5u`, `x5c`) is never looked at: keys come from the issuer alone.
//! Claims can be believed only through [`Unverified::verify`].

use std::fmt;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey};
use serde_json::Value;

use crate::authn::claims::Claims;
use crate::authn::strict_json;

/// The longest key id that is looked up, in bytes.
const MAX_KID_BYTES: usize = 256;

/// Algorithms that a configuration can allow: all asymmetric, none with SHA-1.
pub const ALGORITHMS: [(&str, Algorithm); 9] = [
    ("RS256", Algorithm::RS256),
    ("RS384", Algorithm::RS384),
    ("RS512", Algorithm::RS512),
    ("PS256", Algorithm::PS256),
    ("PS384", Algorithm::PS384),
    ("PS512", Algorithm::PS512),
    ("ES256", Algorithm::ES256),
    ("ES384", Algorithm::ES384),
    ("EdDSA", Algorithm::EdDSA),
];

/// An asymmetric signing algorithm.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SigningAlgorithm(Algorithm);

impl SigningAlgorithm {
    /// Finds the algorithm by its exact JOSE name; `none` and shared secrets have no value here.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        ALGORITHMS.iter().find(|(known, _)| *known == name).map(|(_, algorithm)| Self(*algorithm))
    }

    /// The JOSE name.
    #[must_use]
    pub fn name(self) -> &'static str {
        ALGORITHMS.iter().find(|(_, algorithm)| *algorithm == self.0).map_or("", |(name, _)| name)
    }

    pub(in crate::authn) const fn inner(self) -> Algorithm {
        self.0
    }
}

impl fmt::Debug for SigningAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Why a text is no token that could be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidJwt {
    /// Longer than allowed.
    #[error("the token is too long")]
    TooLong,
    /// Not three parts of base64url with JSON objects in the first two.
    #[error("the token is no signed JWT")]
    Malformed,
    /// The algorithm is not on the list.
    #[error("the token's algorithm is not allowed")]
    Algorithm,
    /// The header demands an extension.
    #[error("the token's header demands an extension")]
    Critical,
    /// The signature does not fit.
    #[error("the token's signature does not hold")]
    Signature,
}

/// A token whose signature was not looked at yet.
#[derive(Clone)]
pub struct Unverified<'a> {
    /// The algorithm that the header names; it is on the allow-list.
    pub algorithm: SigningAlgorithm,
    /// The key id that the header names.
    pub kid: Option<String>,
    /// The type that the header names.
    pub typ: Option<String>,
    signed: &'a str,
    signature: &'a str,
    claims: Claims,
}

impl fmt::Debug for Unverified<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unverified").field("algorithm", &self.algorithm).finish_non_exhaustive()
    }
}

impl<'a> Unverified<'a> {
    /// Takes a token apart.
    pub fn parse(text: &'a str, max_bytes: usize, allowed: &[SigningAlgorithm]) -> Result<Self, InvalidJwt> {
        if text.len() > max_bytes {
            return Err(InvalidJwt::TooLong);
        }
        let (signed, signature) = text.rsplit_once('.').ok_or(InvalidJwt::Malformed)?;
        let (header, payload) = signed.split_once('.').ok_or(InvalidJwt::Malformed)?;
        let header = part(header)?;
        // More dots would be in the payload and are no base64url.
        let claims = part(payload)?;
        let algorithm = header.get("alg").and_then(Value::as_str).ok_or(InvalidJwt::Algorithm)?;
        let algorithm = SigningAlgorithm::parse(algorithm).ok_or(InvalidJwt::Algorithm)?;
        if !allowed.contains(&algorithm) {
            return Err(InvalidJwt::Algorithm);
        }
        // `b64: false` would change what is signed (RFC 7797); it is only valid together with `crit`.
        if header.contains_key("crit") || header.contains_key("b64") {
            return Err(InvalidJwt::Critical);
        }
        let kid = text_member(&header, "kid")?;
        if kid.as_ref().is_some_and(|kid| kid.len() > MAX_KID_BYTES) {
            return Err(InvalidJwt::Malformed);
        }
        Ok(Self { algorithm, kid, typ: text_member(&header, "typ")?, signed, signature, claims })
    }

    /// The claims, if the signature holds under the key. The caller has chosen a key that fits the algorithm.
    pub(in crate::authn) fn verify(self, key: &DecodingKey) -> Result<Claims, InvalidJwt> {
        let algorithm = self.algorithm.inner();
        match jsonwebtoken::crypto::verify(self.signature, self.signed.as_bytes(), key, algorithm) {
            Ok(true) => Ok(self.claims),
            Ok(false) | Err(_) => Err(InvalidJwt::Signature),
        }
    }

    /// The claims before anything is proven: to be shown to a person, never to be believed.
    pub(in crate::authn) const fn shown(&self) -> &Claims {
        &self.claims
    }

    /// The issuer that the token claims, before anything is proven: only to find out whom to ask for keys.
    #[must_use]
    pub fn claimed_issuer(&self) -> Option<&str> {
        self.claims.get("iss").and_then(Value::as_str)
    }
}

fn part(text: &str) -> Result<Claims, InvalidJwt> {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).map_err(|_| InvalidJwt::Malformed)?;
    strict_json::object(&bytes).map_err(|_| InvalidJwt::Malformed)
}

fn text_member(header: &Claims, name: &str) -> Result<Option<String>, InvalidJwt> {
    match header.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(InvalidJwt::Malformed),
    }
}
