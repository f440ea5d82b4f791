//! The keys of an issuer, read from its JWKS (RFC 7517). A key verifies only with its own type, curve and algorithm.

use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;

use crate::authn::jwt::SigningAlgorithm;
use crate::authn::random;

/// The most keys of a set that are looked at.
const MAX_KEYS: usize = 64;
/// The smallest RSA modulus, in bytes (2048 bits; RFC 7518 section 3.3).
const MIN_RSA_BYTES: usize = 256;
/// The largest RSA modulus, in bytes: beyond 8192 bits a check of a signature is a load of its own.
const MAX_RSA_BYTES: usize = 1024;

/// One public key.
pub struct Key {
    id: Option<String>,
    algorithms: Vec<Algorithm>,
    thumbprint: [u8; 32],
    decoding: DecodingKey,
}

impl Key {
    /// What the signature check takes.
    pub(in crate::authn) const fn decoding(&self) -> &DecodingKey {
        &self.decoding
    }

    /// A hash of the key itself, to tell whether it is still published.
    #[must_use]
    pub const fn thumbprint(&self) -> [u8; 32] {
        self.thumbprint
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key")
            .field("id", &self.id)
            .field("algorithms", &self.algorithms)
            .finish_non_exhaustive()
    }
}

/// The keys that an issuer publishes.
#[derive(Debug, Default)]
pub struct KeySet(Vec<Arc<Key>>);

/// The text is no JWKS, or holds no key that could be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the key set holds no usable signing key")]
pub struct InvalidKeySet;

#[derive(Deserialize)]
struct Document {
    keys: Vec<serde_json::Value>,
}

#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    alg: Option<String>,
    #[serde(rename = "use")]
    usage: Option<String>,
    key_ops: Option<Vec<String>>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

impl KeySet {
    /// Reads a JWKS. Keys that cannot be used here are left out.
    ///
    /// # Errors
    /// [`InvalidKeySet`] when none is left.
    pub fn parse(text: &[u8]) -> Result<Self, InvalidKeySet> {
        let document: Document = serde_json::from_slice(text).map_err(|_| InvalidKeySet)?;
        let keys: Vec<_> = document
            .keys
            .into_iter()
            .take(MAX_KEYS)
            .filter_map(|value| serde_json::from_value::<Jwk>(value).ok())
            .filter_map(|jwk| key(&jwk))
            .map(Arc::new)
            .collect();
        if keys.is_empty() { Err(InvalidKeySet) } else { Ok(Self(keys)) }
    }

    /// The key for a token: by key id where the token names one, else the only one that fits the algorithm.
    #[must_use]
    pub fn find(&self, kid: Option<&str>, algorithm: SigningAlgorithm) -> Option<Arc<Key>> {
        let mut fitting = self.0.iter().filter(|key| {
            key.algorithms.contains(&algorithm.inner())
                && kid.is_none_or(|kid| key.id.as_deref() == Some(kid))
        });
        let first = fitting.next()?;
        // Two keys under one id are two meanings of one token.
        fitting.next().is_none().then(|| Arc::clone(first))
    }

    /// Whether a key is in the set.
    #[must_use]
    pub fn holds(&self, thumbprint: &[u8; 32]) -> bool {
        self.0.iter().any(|key| key.thumbprint == *thumbprint)
    }

    /// How many keys can be used with one of these algorithms.
    #[must_use]
    pub fn fitting(&self, allowed: &[SigningAlgorithm]) -> usize {
        let fits = |key: &&Arc<Key>| allowed.iter().any(|one| key.algorithms.contains(&one.inner()));
        self.0.iter().filter(fits).count()
    }

    /// How many keys can be used.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn key(jwk: &Jwk) -> Option<Key> {
    let signs = jwk.usage.as_deref().is_none_or(|usage| usage == "sig")
        && jwk.key_ops.as_ref().is_none_or(|ops| ops.iter().any(|op| op == "verify"));
    if !signs {
        return None;
    }
    let (mut algorithms, decoding, material) = match jwk.kty.as_str() {
        "RSA" => rsa(jwk)?,
        "EC" => elliptic(jwk)?,
        "OKP" => edwards(jwk)?,
        _ => return None,
    };
    if let Some(only) = &jwk.alg {
        let only = SigningAlgorithm::parse(only)?.inner();
        algorithms.retain(|algorithm| *algorithm == only);
    }
    if algorithms.is_empty() {
        return None;
    }
    Some(Key { id: jwk.kid.clone(), algorithms, thumbprint: random::hash(&material), decoding })
}

type Material = (Vec<Algorithm>, DecodingKey, String);

fn rsa(jwk: &Jwk) -> Option<Material> {
    let (n, e) = (jwk.n.as_deref()?, jwk.e.as_deref()?);
    let modulus = BASE64_URL_SAFE_NO_PAD.decode(n).ok()?;
    let bytes = modulus.iter().skip_while(|byte| **byte == 0).count();
    if !(MIN_RSA_BYTES..=MAX_RSA_BYTES).contains(&bytes) {
        return None;
    }
    let algorithms = vec![
        Algorithm::RS256,
        Algorithm::RS384,
        Algorithm::RS512,
        Algorithm::PS256,
        Algorithm::PS384,
        Algorithm::PS512,
    ];
    Some((algorithms, DecodingKey::from_rsa_components(n, e).ok()?, format!("RSA {n} {e}")))
}

fn elliptic(jwk: &Jwk) -> Option<Material> {
    let (algorithm, width) = match jwk.crv.as_deref()? {
        "P-256" => (Algorithm::ES256, 32),
        "P-384" => (Algorithm::ES384, 48),
        _ => return None,
    };
    let (x, y) = (jwk.x.as_deref()?, jwk.y.as_deref()?);
    if [x, y].iter().any(|half| BASE64_URL_SAFE_NO_PAD.decode(half).map(|half| half.len()) != Ok(width)) {
        return None;
    }
    Some((vec![algorithm], DecodingKey::from_ec_components(x, y).ok()?, format!("EC {x} {y}")))
}

fn edwards(jwk: &Jwk) -> Option<Material> {
    let x = jwk.x.as_deref().filter(|_| jwk.crv.as_deref() == Some("Ed25519"))?;
    Some((vec![Algorithm::EdDSA], DecodingKey::from_ed_components(x).ok()?, format!("OKP {x}")))
}
