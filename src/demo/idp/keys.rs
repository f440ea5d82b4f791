//! The signing key of one run, and random names. The key lives in memory and ends with the process.

use std::fmt;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde_json::{Value, json};

use crate::demo::error::DemoError;

/// A fresh EC P-256 key that signs with ES256.
pub struct SigningKey {
    encoding: EncodingKey,
    decoding: DecodingKey,
    jwk: Value,
    id: String,
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.id)
    }
}

impl SigningKey {
    /// Makes a key.
    pub fn generate() -> Result<Self, DemoError> {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map_err(|_| DemoError::Key)?;
        let document = pair.to_pkcs8v1().map_err(|_| DemoError::Key)?;
        // SEC 1: an uncompressed point is 04 ‖ x ‖ y, 32 bytes each.
        let point = pair.public_key().as_ref();
        let (x, y) = point.get(1..).and_then(|xy| xy.split_at_checked(32)).ok_or(DemoError::Key)?;
        let (x, y) = (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y));
        let id = thumbprint(&x, &y);
        let jwk =
            json!({"kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": id, "x": x, "y": y});
        Ok(Self {
            encoding: EncodingKey::from_ec_der(document.as_ref()),
            decoding: DecodingKey::from_ec_components(&x, &y).map_err(|_| DemoError::Key)?,
            jwk,
            id,
        })
    }

    /// The public half as a key set.
    #[must_use]
    pub fn jwks(&self) -> Value {
        json!({"keys": [self.jwk]})
    }

    /// Signs claims as a token of the given `typ`.
    pub fn sign(&self, typ: &str, claims: &Value) -> Result<String, DemoError> {
        let header =
            Header { typ: Some(typ.to_owned()), kid: Some(self.id.clone()), ..Header::new(Algorithm::ES256) };
        jsonwebtoken::encode(&header, claims, &self.encoding).map_err(|_| DemoError::Key)
    }

    /// Reads the claims of an ID token of ours, expired or not: a logout may come long after the login.
    #[must_use]
    pub fn open_hint(&self, token: &str, issuer: &str, audience: &str) -> Option<Value> {
        let mut validation = Validation::new(Algorithm::ES256);
        validation.validate_exp = false;
        validation.set_issuer(&[issuer]);
        validation.set_audience(&[audience]);
        jsonwebtoken::decode(token, &self.decoding, &validation).ok().map(|data| data.claims)
    }
}

/// The key's thumbprint (RFC 7638), so that a new key has a new id.
fn thumbprint(x: &str, y: &str) -> String {
    let members = format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#);
    sha256(members.as_bytes())
}

/// SHA-256 in unpadded base64url, as PKCE and thumbprints write it.
pub fn sha256(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA256, bytes))
}

/// A name of 256 random bits that nobody can guess.
pub fn random_name() -> Result<String, DemoError> {
    let mut bytes = [0_u8; 32];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| DemoError::Key)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}
