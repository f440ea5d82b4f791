//! Signatures that anybody can check: JSON Web Signatures (RFC 7515) by Ed25519 (RFC 8037).

use aws_lc_rs::digest;
use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// The length of a public key, in bytes (RFC 8032, 5.1.5).
pub const KEY_BYTES: usize = 32;

/// Checks signatures of one key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublicKey([u8; KEY_BYTES]);

/// A signed text in its three parts, each in base64url.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Jws {
    /// The header: algorithm, key and kind.
    pub protected: String,
    /// The text.
    pub payload: String,
    /// The signature over both.
    pub signature: String,
}

/// Why a signature does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JwsError {
    /// It cannot be read.
    #[error("is no signed text of this kind")]
    Malformed,
    /// None of the keys has this id.
    #[error("is signed by the key {kid}, which is none of the known ones")]
    UnknownKey {
        /// The key's id.
        kid: String,
    },
    /// The signature is not of this text.
    #[error("was changed after it was signed, or was signed by somebody else")]
    Forged,
}

impl PublicKey {
    /// A key from its bytes.
    #[must_use]
    pub const fn new(bytes: [u8; KEY_BYTES]) -> Self {
        Self(bytes)
    }

    /// A key from its coordinate as JSON Web Keys have it (`x`).
    #[must_use]
    pub fn parse(coordinate: &str) -> Option<Self> {
        URL_SAFE_NO_PAD.decode(coordinate).ok()?.try_into().ok().map(Self)
    }

    /// Its coordinate as JSON Web Keys have it (`x`).
    #[must_use]
    pub fn coordinate(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }

    /// Its id: the thumbprint of RFC 7638.
    #[must_use]
    pub fn id(&self) -> String {
        let members = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#, self.coordinate());
        URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, members.as_bytes()))
    }
}

impl Jws {
    /// What is to be signed for a text: header and payload, and the bytes that the signature is made of.
    #[must_use]
    pub fn unsigned(kind: &str, key: &PublicKey, text: &[u8]) -> (Self, Vec<u8>) {
        let header = format!(r#"{{"alg":"EdDSA","kid":"{}","typ":"{kind}"}}"#, key.id());
        let (protected, payload) = (URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(text));
        let unsigned = Self { protected, payload, signature: String::new() };
        let bytes = unsigned.signed_bytes();
        (unsigned, bytes)
    }

    /// With its signature.
    #[must_use]
    pub fn signed(self, signature: &[u8]) -> Self {
        Self { signature: URL_SAFE_NO_PAD.encode(signature), ..self }
    }

    fn signed_bytes(&self) -> Vec<u8> {
        format!("{}.{}", self.protected, self.payload).into_bytes()
    }

    /// The text, if one of the keys signed it as this kind.
    ///
    /// # Errors
    /// [`JwsError`].
    pub fn verify(&self, kind: &str, keys: &[PublicKey]) -> Result<Vec<u8>, JwsError> {
        let decode = |text: &str| URL_SAFE_NO_PAD.decode(text).map_err(|_| JwsError::Malformed);
        let header: serde_json::Value =
            serde_json::from_slice(&decode(&self.protected)?).map_err(|_| JwsError::Malformed)?;
        let member = |name: &str| header.get(name).and_then(serde_json::Value::as_str);
        // What a header demands to be understood (RFC 7515, 4.1.11) is not.
        if member("alg") != Some("EdDSA") || member("typ") != Some(kind) || header.get("crit").is_some() {
            return Err(JwsError::Malformed);
        }
        let id = member("kid").ok_or(JwsError::Malformed)?;
        let key = keys.iter().find(|key| key.id() == id);
        let key = key.ok_or_else(|| JwsError::UnknownKey { kid: id.chars().take(64).collect() })?;
        let signature = decode(&self.signature)?;
        UnparsedPublicKey::new(&ED25519, key.0)
            .verify(&self.signed_bytes(), &signature)
            .map_err(|_| JwsError::Forged)?;
        decode(&self.payload)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_key_has_the_thumbprint_of_the_standards_example() {
        // RFC 8037, appendix A.3.
        let key = PublicKey::parse("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo").unwrap();
        assert_eq!(key.id(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    }

    #[test]
    fn the_standards_example_of_a_signature_holds_but_for_its_kind() {
        // RFC 8037, appendix A.4; its header names neither key nor kind, so it is none of ours.
        let jws = Jws {
            protected: "eyJhbGciOiJFZERTQSJ9".to_owned(),
            payload: "RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc".to_owned(),
            signature:
                "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"
                    .to_owned(),
        };
        let key = PublicKey::parse("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo").unwrap();
        let signature = URL_SAFE_NO_PAD.decode(&jws.signature).unwrap();
        assert!(UnparsedPublicKey::new(&ED25519, key.0).verify(&jws.signed_bytes(), &signature).is_ok());
        assert_eq!(jws.verify("logboom-receipt+json", &[key]), Err(JwsError::Malformed));
    }

    proptest! {
        #[test]
        fn no_texts_as_a_signature_end_the_program(protected in ".{0,80}", payload in ".{0,20}", signature in ".{0,20}") {
            let key = PublicKey::new([7; KEY_BYTES]);
            let jws = Jws { protected, payload, signature };
            prop_assert!(jws.verify("kind", &[key]).is_err());
        }
    }
}
