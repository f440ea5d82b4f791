//! Signing what others keep and check later: by a key of Vault's transit engine that never leaves it, or by one derived from the site's
//! own key.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use aws_lc_rs::hkdf;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::Mutex;
use tokio::time::Instant;
use zeroize::Zeroize;

use crate::domain::jws::{Jws, PublicKey};
use crate::vault::seal::MasterKey;
use crate::vault::server::{InvalidVaultPath, PolicyRule, Vault, VaultError, VaultPath, reply};

/// How long the public keys are not asked for again. A new version of Vault's key is taken up within this time.
const KEYS_LAST: Duration = Duration::from_mins(1);

/// The key of Vault that signs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    sign: VaultPath,
    keys: VaultPath,
}

/// Signs.
pub enum Signer {
    /// By a key derived from the site's own.
    Local {
        /// The key.
        pair: Box<Ed25519KeyPair>,
        /// Its public half.
        public: PublicKey,
    },
    /// By a key of Vault.
    Transit {
        /// Vault.
        vault: Vault,
        /// Where its key is.
        options: Options,
        /// The public keys by their versions, and since when they are known.
        known: Mutex<Option<(Instant, BTreeMap<u32, PublicKey>)>>,
    },
}

/// Why nothing was signed.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    /// Vault cannot be asked, or refuses.
    #[error("Vault did not sign")]
    Vault(#[from] VaultError),
    /// The key is not of the kind that is needed.
    #[error("the key is not of the type ed25519")]
    WrongKey,
    /// What came does not hold under the key's public half.
    #[error("what was signed does not hold under the key that is told of")]
    Forged,
}

#[derive(Deserialize)]
struct Made {
    signature: String,
}

#[derive(Deserialize)]
struct KeyInfo {
    /// The versions; those of keys that only encrypt are numbers.
    keys: BTreeMap<u32, Value>,
}

impl Options {
    /// The key `key` of the transit engine at `mount`.
    ///
    /// # Errors
    /// [`InvalidVaultPath`] when the key's name is more than one segment of a path, or none.
    pub fn new(mount: &VaultPath, key: &str) -> Result<Self, InvalidVaultPath> {
        if key.contains('/') {
            return Err(InvalidVaultPath);
        }
        Ok(Self { sign: mount.join(&format!("sign/{key}"))?, keys: mount.join(&format!("keys/{key}"))? })
    }
}

impl Signer {
    /// Signs by a key derived from the site's own (HKDF-SHA-256); `None` when the crypto library refuses.
    #[must_use]
    pub fn local(master: &MasterKey) -> Option<Self> {
        let prk = hkdf::Salt::new(hkdf::HKDF_SHA256, b"logboom").extract(master.expose());
        let mut seed = [0_u8; 32];
        let filled =
            prk.expand(&[b"logboom receipt v1"], hkdf::HKDF_SHA256).and_then(|okm| okm.fill(&mut seed));
        let pair = filled.ok().and_then(|()| Ed25519KeyPair::from_seed_unchecked(&seed).ok());
        seed.zeroize();
        let pair = Box::new(pair?);
        let public = PublicKey::new(pair.public_key().as_ref().try_into().ok()?);
        Some(Self::Local { pair, public })
    }

    /// Signs by a key of Vault. Nothing is asked yet.
    #[must_use]
    pub const fn transit(vault: Vault, options: Options) -> Self {
        Self::Transit { vault, options, known: Mutex::const_new(None) }
    }

    /// Whether Vault is asked for it.
    #[must_use]
    pub const fn asks_vault(&self) -> bool {
        matches!(self, Self::Transit { .. })
    }

    /// Signs a text of a kind.
    ///
    /// # Errors
    /// [`SignError`].
    pub async fn sign(&self, kind: &str, text: &[u8]) -> Result<Jws, SignError> {
        match self {
            Self::Local { pair, public } => {
                let (jws, bytes) = Jws::unsigned(kind, public, text);
                Ok(jws.signed(pair.sign(&bytes).as_ref()))
            }
            Self::Transit { vault, options, .. } => {
                let keys = self.versions().await?;
                let (version, public) = keys.last_key_value().ok_or(SignError::WrongKey)?;
                let (jws, bytes) = Jws::unsigned(kind, public, text);
                let body = json!({ "input": STANDARD.encode(bytes), "key_version": version });
                let made = vault.write::<_, Made>(&options.sign, &body).await;
                let made = made.and_then(reply::Reply::into_data)?;
                let signature = made.signature.rsplit(':').next().and_then(|text| STANDARD.decode(text).ok());
                Ok(jws.signed(&signature.ok_or_else(VaultError::unexpected)?))
            }
        }
    }

    /// The public keys, those of earlier versions included.
    ///
    /// # Errors
    /// [`SignError`].
    pub async fn public_keys(&self) -> Result<Vec<PublicKey>, SignError> {
        match self {
            Self::Local { public, .. } => Ok(vec![*public]),
            Self::Transit { .. } => Ok(self.versions().await?.into_values().collect()),
        }
    }

    /// Has something signed that is no receipt, and checks it.
    ///
    /// # Errors
    /// [`SignError`].
    pub async fn try_out(&self) -> Result<(), SignError> {
        const KIND: &str = "logboom-check+json";
        let signed = self.sign(KIND, b"{}").await?;
        let held = signed.verify(KIND, &self.public_keys().await?);
        held.map(drop).map_err(|_| SignError::Forged)
    }

    /// What Vault's policy has to allow; nothing for the site's own key.
    #[must_use]
    pub fn rules(&self) -> Vec<PolicyRule> {
        match self {
            Self::Local { .. } => Vec::new(),
            Self::Transit { options, .. } => {
                vec![PolicyRule::update(options.sign.clone()), PolicyRule::read(options.keys.clone())]
            }
        }
    }

    async fn versions(&self) -> Result<BTreeMap<u32, PublicKey>, SignError> {
        let Self::Transit { vault, options, known } = self else { return Ok(BTreeMap::new()) };
        let mut known = known.lock().await;
        if let Some((since, keys)) = &*known
            && since.elapsed() < KEYS_LAST
        {
            return Ok(keys.clone());
        }
        let info = vault.read::<KeyInfo>(&options.keys).await.and_then(reply::Reply::into_data)?;
        let parsed = info.keys.into_iter().map(|(version, key)| {
            let bytes = STANDARD.decode(key.get("public_key")?.as_str()?).ok()?;
            Some((version, PublicKey::new(bytes.try_into().ok()?)))
        });
        let keys: BTreeMap<_, _> = parsed.collect::<Option<_>>().ok_or(SignError::WrongKey)?;
        *known = Some((Instant::now(), keys.clone()));
        Ok(keys)
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Local { .. } => "Signer::Local(…)",
            Self::Transit { .. } => "Signer::Transit(…)",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::jws::JwsError;
    use crate::domain::secret::Secret;

    const KIND: &str = "logboom-receipt+json";

    #[tokio::test]
    async fn what_is_signed_holds_until_one_byte_of_it_is_another() {
        let signer = Signer::local(&Secret::new([7; 32])).unwrap();
        let keys = signer.public_keys().await.unwrap();
        let jws = signer.sign(KIND, br#"{"complete":true}"#).await.unwrap();
        assert_eq!(jws.verify(KIND, &keys).unwrap(), br#"{"complete":true}"#);
        assert_eq!(jws.verify("another+json", &keys), Err(JwsError::Malformed));
        let other = Signer::local(&Secret::new([8; 32])).unwrap().public_keys().await.unwrap();
        assert!(matches!(jws.verify(KIND, &other), Err(JwsError::UnknownKey { .. })));
        for part in 0..3 {
            let mut changed = jws.clone();
            let text = match part {
                0 => &mut changed.protected,
                1 => &mut changed.payload,
                _ => &mut changed.signature,
            };
            for at in 0..text.len() {
                let mut bytes = text.clone().into_bytes();
                bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
                let mut bad = jws.clone();
                let bad_text = String::from_utf8(bytes).unwrap();
                match part {
                    0 => bad.protected = bad_text,
                    1 => bad.payload = bad_text,
                    _ => bad.signature = bad_text,
                }
                assert!(bad.verify(KIND, &keys).is_err(), "part {part}, byte {at}");
            }
        }
    }
}
