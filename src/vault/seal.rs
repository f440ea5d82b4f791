//! Sealing what leaves memory: AES-256-GCM under keys derived from one master key, one for each purpose.
//!
//! A sealed text is `version (1) ‖ nonce (12) ‖ ciphertext ‖ tag (16)`. The associated data binds it to its place,
//! so that a sealed text moved to another row, person or listing does not open.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::hkdf;
use zeroize::Zeroize;

use crate::domain::secret::Secret;

/// The one layout of sealed texts so far.
const VERSION: u8 = 1;

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

/// Seals and opens texts for one purpose.
pub struct Sealer {
    key: RandomizedNonceKey,
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealer(…)")
    }
}

impl Sealer {
    /// Derives the purpose's key (HKDF-SHA-256).
    pub fn new(master: &MasterKey, purpose: Purpose) -> Result<Self, SealError> {
        let prk = hkdf::Salt::new(hkdf::HKDF_SHA256, b"logboom").extract(master.expose());
        let mut bytes = [0_u8; 32];
        prk.expand(&[purpose.info()], hkdf::HKDF_SHA256)
            .and_then(|okm| okm.fill(&mut bytes))
            .map_err(|_| SealError::Crypto)?;
        let key = RandomizedNonceKey::new(&AES_256_GCM, &bytes).map_err(|_| SealError::Crypto);
        bytes.zeroize();
        Ok(Self { key: key? })
    }

    /// Seals a text together with what it belongs to.
    pub fn seal(&self, associated: &[u8], plain: &[u8]) -> Result<Vec<u8>, SealError> {
        let mut body = plain.to_vec();
        let nonce = self
            .key
            .seal_in_place_append_tag(Aad::from(associated), &mut body)
            .map_err(|_| SealError::Crypto)?;
        let mut sealed = Vec::with_capacity(1 + NONCE_LEN + body.len());
        sealed.push(VERSION);
        sealed.extend_from_slice(nonce.as_ref());
        sealed.append(&mut body);
        Ok(sealed)
    }

    /// Opens a sealed text.
    ///
    /// # Errors
    /// [`SealError::NotOurs`] when it is cut, changed, of another key, or belongs elsewhere.
    pub fn open(&self, associated: &[u8], sealed: &[u8]) -> Result<Secret<Vec<u8>>, SealError> {
        let (version, rest) = sealed.split_first().ok_or(SealError::NotOurs)?;
        let (nonce, body) = rest.split_at_checked(NONCE_LEN).ok_or(SealError::NotOurs)?;
        if *version != VERSION {
            return Err(SealError::NotOurs);
        }
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| SealError::NotOurs)?;
        let mut body = body.to_vec();
        let length = self
            .key
            .open_in_place(nonce, Aad::from(associated), &mut body)
            .map_err(|_| SealError::NotOurs)?
            .len();
        body.truncate(length);
        Ok(Secret::new(body))
    }
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
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealer(purpose: Purpose) -> Sealer {
        Sealer::new(&Secret::new([7; 32]), purpose).unwrap()
    }

    #[test]
    fn a_sealed_text_opens_in_its_own_place_only() {
        let pages = sealer(Purpose::PageToken);
        let sealed = pages.seal(b"pay", b"cursor").unwrap();
        assert_eq!(pages.open(b"pay", &sealed).unwrap().expose(), b"cursor");
        assert_eq!(pages.open(b"other", &sealed).unwrap_err(), SealError::NotOurs);
        assert_eq!(sealer(Purpose::Session).open(b"pay", &sealed).unwrap_err(), SealError::NotOurs);
    }

    #[test]
    fn any_flipped_or_missing_byte_is_found() {
        let pages = sealer(Purpose::PageToken);
        let sealed = pages.seal(b"", b"cursor").unwrap();
        for at in 0..sealed.len() {
            let mut bad = sealed.clone();
            bad[at] ^= 1;
            assert!(pages.open(b"", &bad).is_err(), "byte {at}");
            assert!(pages.open(b"", &sealed[..at]).is_err(), "cut at {at}");
        }
    }
}
