//! Sealing what leaves memory: AES-256-GCM under keys derived from one master key, one for each purpose.
//!
//! The master key is a local one, or a data key of Vault's transit engine (`key_ring`), whose wrapped form then stands
//! beside what it sealed. The associated data binds a sealed text to its place, so that one that was moved to another
//! row, person or listing does not open.
//!
//! - Local: `1 ‖ nonce (12) ‖ ciphertext ‖ tag (16)`.
//! - Vault: `2 ‖ length of the wrapped key (2) ‖ wrapped key ‖ nonce (12) ‖ ciphertext ‖ tag (16)`.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::hkdf;
use zeroize::Zeroize;

use crate::domain::secret::Secret;
use crate::vault::key_ring::{KeyRing, WrappedKey};

/// Sealed under the local key.
const LOCAL: u8 = 1;

/// Sealed under a data key of Vault.
const WRAPPED: u8 = 2;

/// The master key, 32 bytes.
pub type MasterKey = Secret<[u8; 32]>;

/// What a derived key is for. Texts sealed for one purpose do not open for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Sessions at rest: principal and tokens.
    Session,
    /// Logins under way: verifier, nonce, return path.
    LoginFlow,
    /// Page tokens of listings.
    PageToken,
}

impl Purpose {
    const fn info(self) -> &'static [u8] {
        match self {
            Self::Session => b"logboom session v1",
            Self::LoginFlow => b"logboom login-flow v1",
            Self::PageToken => b"logboom page-token v1",
        }
    }
}

/// The keys of all purposes, derived from one master key.
pub struct DerivedKeys {
    session: RandomizedNonceKey,
    login_flow: RandomizedNonceKey,
    page_token: RandomizedNonceKey,
}

impl fmt::Debug for DerivedKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DerivedKeys(…)")
    }
}

impl DerivedKeys {
    /// Derives them (HKDF-SHA-256).
    pub fn new(master: &MasterKey) -> Result<Self, SealError> {
        let prk = hkdf::Salt::new(hkdf::HKDF_SHA256, b"logboom").extract(master.expose());
        let derive = |purpose: Purpose| {
            let mut bytes = [0_u8; 32];
            prk.expand(&[purpose.info()], hkdf::HKDF_SHA256)
                .and_then(|okm| okm.fill(&mut bytes))
                .map_err(|_| SealError::Crypto)?;
            let key = RandomizedNonceKey::new(&AES_256_GCM, &bytes).map_err(|_| SealError::Crypto);
            bytes.zeroize();
            key
        };
        Ok(Self {
            session: derive(Purpose::Session)?,
            login_flow: derive(Purpose::LoginFlow)?,
            page_token: derive(Purpose::PageToken)?,
        })
    }

    const fn of(&self, purpose: Purpose) -> &RandomizedNonceKey {
        match purpose {
            Purpose::Session => &self.session,
            Purpose::LoginFlow => &self.login_flow,
            Purpose::PageToken => &self.page_token,
        }
    }

    /// Appends nonce, ciphertext and tag.
    fn seal(
        &self,
        purpose: Purpose,
        associated: &[u8],
        plain: &[u8],
        to: &mut Vec<u8>,
    ) -> Result<(), SealError> {
        let mut body = plain.to_vec();
        let nonce = self
            .of(purpose)
            .seal_in_place_append_tag(Aad::from(associated), &mut body)
            .map_err(|_| SealError::Crypto)?;
        to.extend_from_slice(nonce.as_ref());
        to.append(&mut body);
        Ok(())
    }

    fn open(&self, purpose: Purpose, associated: &[u8], sealed: &[u8]) -> Result<Secret<Vec<u8>>, SealError> {
        let (nonce, body) = sealed.split_at_checked(NONCE_LEN).ok_or(SealError::NotOurs)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| SealError::NotOurs)?;
        let mut body = body.to_vec();
        let length = self
            .of(purpose)
            .open_in_place(nonce, Aad::from(associated), &mut body)
            .map_err(|_| SealError::NotOurs)?
            .len();
        body.truncate(length);
        Ok(Secret::new(body))
    }
}

/// Where the keys come from. Clones share them.
#[derive(Debug, Clone)]
pub enum Keys {
    /// One key that never changes.
    Local(Arc<DerivedKeys>),
    /// Data keys of Vault; what an earlier local key sealed still opens.
    Vault {
        /// The data keys.
        ring: Arc<KeyRing>,
        /// The local key from before.
        earlier: Option<Arc<DerivedKeys>>,
    },
}

impl Keys {
    /// A local key.
    pub fn local(master: &MasterKey) -> Result<Self, SealError> {
        Ok(Self::Local(Arc::new(DerivedKeys::new(master)?)))
    }

    /// Data keys of Vault, and the local key that was used before there was one.
    pub fn vault(ring: KeyRing, earlier: Option<&MasterKey>) -> Result<Self, SealError> {
        let earlier = earlier.map(DerivedKeys::new).transpose()?.map(Arc::new);
        Ok(Self::Vault { ring: Arc::new(ring), earlier })
    }

    /// The data keys, where Vault has them.
    #[must_use]
    pub const fn ring(&self) -> Option<&Arc<KeyRing>> {
        match self {
            Self::Local(_) => None,
            Self::Vault { ring, .. } => Some(ring),
        }
    }
}

/// Seals and opens texts for one purpose.
#[derive(Debug)]
pub struct Sealer {
    keys: Keys,
    purpose: Purpose,
}

impl Sealer {
    /// Seals and opens for a purpose.
    #[must_use]
    pub const fn new(keys: Keys, purpose: Purpose) -> Self {
        Self { keys, purpose }
    }

    /// Seals a text together with what it belongs to.
    ///
    /// # Errors
    /// [`SealError::Away`] when Vault has to be asked for the first data key and does not answer.
    pub async fn seal(&self, associated: &[u8], plain: &[u8]) -> Result<Vec<u8>, SealError> {
        match &self.keys {
            Keys::Local(keys) => {
                let mut sealed = vec![LOCAL];
                keys.seal(self.purpose, associated, plain, &mut sealed)?;
                Ok(sealed)
            }
            Keys::Vault { ring, .. } => {
                let key = ring.current().await?;
                let wrapped = key.wrapped().as_bytes();
                let length = u16::try_from(wrapped.len()).map_err(|_| SealError::Crypto)?;
                let mut sealed = vec![WRAPPED];
                sealed.extend_from_slice(&length.to_be_bytes());
                sealed.extend_from_slice(wrapped);
                key.keys().seal(self.purpose, associated, plain, &mut sealed)?;
                Ok(sealed)
            }
        }
    }

    /// Opens a sealed text.
    ///
    /// # Errors
    /// [`SealError::NotOurs`] when it is cut, changed, of another key, or belongs elsewhere; [`SealError::Away`] when
    /// Vault has to be asked for its key and does not answer.
    pub async fn open(&self, associated: &[u8], sealed: &[u8]) -> Result<Secret<Vec<u8>>, SealError> {
        let (version, rest) = sealed.split_first().ok_or(SealError::NotOurs)?;
        match (version, &self.keys) {
            (&LOCAL, Keys::Local(keys) | Keys::Vault { earlier: Some(keys), .. }) => {
                keys.open(self.purpose, associated, rest)
            }
            (&WRAPPED, Keys::Vault { ring, .. }) => {
                let (wrapped, rest) = split_wrapped(rest).ok_or(SealError::NotOurs)?;
                ring.unwrap(&wrapped).await?.keys().open(self.purpose, associated, rest)
            }
            _ => Err(SealError::NotOurs),
        }
    }

    /// Whether a text that opens should be sealed anew: its key is of an earlier version of Vault's key, or local while
    /// Vault has one.
    #[must_use]
    pub fn is_outdated(&self, sealed: &[u8]) -> bool {
        let Keys::Vault { ring, .. } = &self.keys else { return false };
        match sealed.split_first() {
            Some((&WRAPPED, rest)) => {
                split_wrapped(rest).is_some_and(|(wrapped, _)| ring.has_newer_than(wrapped.version()))
            }
            Some((&LOCAL, _)) => true,
            _ => false,
        }
    }
}

fn split_wrapped(rest: &[u8]) -> Option<(WrappedKey, &[u8])> {
    let (length, rest) = rest.split_first_chunk::<2>()?;
    let (wrapped, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
    Some((WrappedKey::parse(str::from_utf8(wrapped).ok()?)?, rest))
}

/// Why sealing or opening failed. It says nothing of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The text was not sealed by us for this place.
    #[error("the sealed text is not ours")]
    NotOurs,
    /// The crypto library refused.
    #[error("the crypto library refused")]
    Crypto,
    /// Vault, which keeps the keys, cannot be asked.
    #[error("Vault cannot be asked for a key")]
    Away,
}

impl SealError {
    /// Whether it is Vault that is missing, so that trying again can help.
    #[must_use]
    pub const fn is_away(self) -> bool {
        matches!(self, Self::Away)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealer(purpose: Purpose) -> Sealer {
        Sealer::new(Keys::local(&Secret::new([7; 32])).unwrap(), purpose)
    }

    #[tokio::test]
    async fn a_sealed_text_opens_in_its_own_place_only() {
        let pages = sealer(Purpose::PageToken);
        let sealed = pages.seal(b"pay", b"cursor").await.unwrap();
        assert_eq!(pages.open(b"pay", &sealed).await.unwrap().expose(), b"cursor");
        assert_eq!(pages.open(b"other", &sealed).await.unwrap_err(), SealError::NotOurs);
        let sessions = sealer(Purpose::Session);
        assert_eq!(sessions.open(b"pay", &sealed).await.unwrap_err(), SealError::NotOurs);
        assert!(!pages.is_outdated(&sealed));
    }

    #[tokio::test]
    async fn any_flipped_or_missing_byte_is_found() {
        let pages = sealer(Purpose::PageToken);
        let sealed = pages.seal(b"", b"cursor").await.unwrap();
        for at in 0..sealed.len() {
            let mut bad = sealed.clone();
            bad[at] ^= 1;
            assert!(pages.open(b"", &bad).await.is_err(), "byte {at}");
            assert!(pages.open(b"", &sealed[..at]).await.is_err(), "cut at {at}");
        }
    }
}
