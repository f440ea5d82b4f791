//! Data keys of Vault's transit engine: one in use, and those that earlier texts and other replicas were sealed under.
//!
//! Vault makes a data key and gives it twice: plain, for memory alone, and wrapped under its own key, to stand beside
//! what was sealed. Whoever may ask Vault to unwrap it can open the text, so that replicas share sessions and a copy of
//! the state store is worth nothing.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::json;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::domain::secret::Secret;
use crate::vault::seal::{DerivedKeys, MasterKey, SealError};
use crate::vault::server::{
    InvalidVaultPath, PolicyRule, Vault, VaultError, VaultErrorKind, VaultPath, reply,
};

/// Keys that are kept unwrapped; beyond it they are asked for again.
const MAX_KNOWN: usize = 256;

/// After Vault failed, nothing is asked for so long: whoever needs a key that is not at hand is told at once.
const REST: Duration = Duration::from_secs(1);

/// How often it is looked whether the key in use has to be replaced, at the least.
const LONGEST_LOOK: Duration = Duration::from_secs(30);

/// The longest wrapped key that is taken, in bytes. Vault's have about 100.
const MAX_WRAPPED: usize = 512;

/// Which key of Vault wraps ours, and how long a data key is used.
#[derive(Debug, Clone)]
pub struct Options {
    make: VaultPath,
    unwrap: VaultPath,
    data_key_life: Duration,
}

impl Options {
    /// The key `key` of the transit engine at `mount`. One data key seals for `data_key_life`; a new version of Vault's
    /// key is taken up within this time.
    ///
    /// # Errors
    /// [`InvalidVaultPath`] when the key's name is more than one segment of a path, or none.
    pub fn new(mount: &VaultPath, key: &str, data_key_life: Duration) -> Result<Self, InvalidVaultPath> {
        if key.contains('/') {
            return Err(InvalidVaultPath);
        }
        let make = mount.join(&format!("datakey/plaintext/{key}"))?;
        Ok(Self { make, unwrap: mount.join(&format!("decrypt/{key}"))?, data_key_life })
    }
}

/// A data key as Vault wrapped it: `vault:v1:…`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct WrappedKey {
    text: Box<str>,
    version: u32,
}

impl WrappedKey {
    /// Parses `vault:v`, the version of Vault's key, `:`, base64.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (version, base64) = text.strip_prefix("vault:v")?.split_once(':')?;
        let version = version.parse().ok().filter(|version| *version > 0)?;
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b"+/=".contains(&b);
        let fits = text.len() <= MAX_WRAPPED && !base64.is_empty() && base64.bytes().all(allowed);
        fits.then(|| Self { text: text.into(), version })
    }

    /// The version of Vault's key.
    #[must_use]
    pub const fn version(&self) -> u32 {
        self.version
    }

    /// As it stands beside what was sealed.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8] {
        self.text.as_bytes()
    }
}

/// A data key at hand.
#[derive(Debug)]
pub struct DataKey {
    wrapped: WrappedKey,
    keys: DerivedKeys,
    made: Instant,
}

impl DataKey {
    /// Its wrapped form.
    #[must_use]
    pub const fn wrapped(&self) -> &WrappedKey {
        &self.wrapped
    }

    /// The keys of all purposes.
    #[must_use]
    pub const fn keys(&self) -> &DerivedKeys {
        &self.keys
    }
}

/// The data keys of this process.
pub struct KeyRing {
    vault: Vault,
    options: Options,
    current: RwLock<Option<Arc<DataKey>>>,
    known: Mutex<HashMap<WrappedKey, Arc<DataKey>>>,
    /// Held while Vault is asked, so that one asks for all; says until when it is left in peace.
    asking: tokio::sync::Mutex<Option<Instant>>,
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyRing").field("options", &self.options).finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
struct Made {
    ciphertext: String,
    #[serde(deserialize_with = "reply::secret")]
    plaintext: Secret<String>,
}

#[derive(Deserialize)]
struct Unwrapped {
    #[serde(deserialize_with = "reply::secret")]
    plaintext: Secret<String>,
}

impl KeyRing {
    /// A ring without keys; nothing is asked yet.
    #[must_use]
    pub fn new(vault: Vault, options: Options) -> Self {
        let (current, known, asking) = (RwLock::default(), Mutex::default(), tokio::sync::Mutex::default());
        Self { vault, options, current, known, asking }
    }

    /// The key that seals now. [`KeyRing::keep_fresh`] gets it ahead of the first need, and replaces it.
    pub async fn current(&self) -> Result<Arc<DataKey>, SealError> {
        if let Some(key) = self.held() {
            return Ok(key);
        }
        self.ask(|| self.held(), self.make_key()).await
    }

    /// The key of a sealed text.
    ///
    /// # Errors
    /// [`SealError::NotOurs`] when Vault says that it did not wrap it, or no longer unwraps it.
    pub async fn unwrap(&self, wrapped: &WrappedKey) -> Result<Arc<DataKey>, SealError> {
        let known = || self.known().get(wrapped).cloned();
        if let Some(key) = known() {
            return Ok(key);
        }
        self.ask(known, self.unwrap_key(wrapped)).await
    }

    /// What Vault's policy has to allow.
    #[must_use]
    pub fn rules(&self) -> [PolicyRule; 2] {
        [&self.options.make, &self.options.unwrap].map(|path| PolicyRule::update(path.clone()))
    }

    /// Has one key made and unwrapped again, and keeps neither: whether Vault does for us what sealing needs.
    pub async fn try_out(&self) -> Result<(), VaultError> {
        let made =
            self.vault.write::<_, Made>(&self.options.make, &json!({ "bits": 256 })).await?.into_data()?;
        let body = json!({ "ciphertext": made.ciphertext });
        let unwrapped = self.vault.write::<_, Unwrapped>(&self.options.unwrap, &body).await?.into_data()?;
        let same = made.plaintext.expose() == unwrapped.plaintext.expose();
        same.then_some(()).ok_or_else(VaultError::unexpected)
    }

    /// Whether the key that seals now is of a later version of Vault's key.
    #[must_use]
    pub fn has_newer_than(&self, version: u32) -> bool {
        self.held().is_some_and(|key| key.wrapped.version > version)
    }

    /// Gets the first key, and replaces the one in use when its time is over, until the token is cancelled. While Vault is
    /// away the old one stays.
    pub async fn keep_fresh(&self, stop: &CancellationToken) {
        let life = self.options.data_key_life;
        let look = (life / 4).min(LONGEST_LOOK);
        let keeping = async {
            loop {
                // What fails is told by a warning, and tried again at the next look.
                let _told = match self.held() {
                    None => Box::pin(self.current()).await,
                    Some(key) if key.made.elapsed() + look > life => Box::pin(self.make_key()).await,
                    Some(key) => Ok(key),
                };
                tokio::time::sleep(look).await;
            }
        };
        let _stopped: Option<()> = stop.run_until_cancelled(keeping).await;
    }

    /// Waits for Vault's answer, or for the one that another request gets meanwhile.
    async fn ask(
        &self,
        at_hand: impl Fn() -> Option<Arc<DataKey>>,
        question: impl Future<Output = Result<Arc<DataKey>, SealError>>,
    ) -> Result<Arc<DataKey>, SealError> {
        let asked = async {
            let mut rest_until = self.asking.lock().await;
            if let Some(key) = at_hand() {
                return Ok(key);
            }
            if rest_until.is_some_and(|until| until > Instant::now()) {
                return Err(SealError::Away);
            }
            let answer = question.await;
            *rest_until = matches!(answer, Err(SealError::Away)).then(|| Instant::now() + REST);
            answer
        };
        // A call of Vault's own takes no longer than this; here the waits for other requests count too.
        tokio::time::timeout(self.vault.timeout(), asked).await.unwrap_or(Err(SealError::Away))
    }

    async fn make_key(&self) -> Result<Arc<DataKey>, SealError> {
        let made = self.vault.write::<_, Made>(&self.options.make, &json!({ "bits": 256 })).await;
        let made = made.and_then(reply::Reply::into_data).map_err(|error| Self::failed("made", &error))?;
        let wrapped = WrappedKey::parse(&made.ciphertext).ok_or(SealError::Away)?;
        let key = self.remember(wrapped, &made.plaintext)?;
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&key));
        tracing::debug!(version = key.wrapped.version, "a new data key seals");
        Ok(key)
    }

    async fn unwrap_key(&self, wrapped: &WrappedKey) -> Result<Arc<DataKey>, SealError> {
        let body = json!({ "ciphertext": &*wrapped.text });
        let unwrapped = self.vault.write::<_, Unwrapped>(&self.options.unwrap, &body).await;
        let unwrapped = unwrapped.and_then(reply::Reply::into_data).map_err(|error| match error.kind {
            // Vault understood, and says that the text is not one of its key, or of a version that it gave up.
            VaultErrorKind::Refused => SealError::NotOurs,
            _ => Self::failed("unwrapped", &error),
        })?;
        self.remember(wrapped.clone(), &unwrapped.plaintext)
    }

    fn failed(what: &str, error: &VaultError) -> SealError {
        tracing::warn!(%error, "a data key could not be {what}");
        SealError::Away
    }

    fn remember(&self, wrapped: WrappedKey, plain: &Secret<String>) -> Result<Arc<DataKey>, SealError> {
        let master = master(plain).ok_or(SealError::Away)?;
        let keys = DerivedKeys::new(&master)?;
        let key = Arc::new(DataKey { wrapped: wrapped.clone(), keys, made: Instant::now() });
        let mut known = self.known();
        if known.len() >= MAX_KNOWN {
            known.clear();
        }
        known.insert(wrapped, Arc::clone(&key));
        Ok(key)
    }

    fn held(&self) -> Option<Arc<DataKey>> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn known(&self) -> std::sync::MutexGuard<'_, HashMap<WrappedKey, Arc<DataKey>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// 32 bytes in base64. Every copy on the way is wiped.
fn master(text: &Secret<String>) -> Option<MasterKey> {
    let bytes = Secret::new(STANDARD.decode(text.expose()).ok()?);
    <[u8; 32]>::try_from(bytes.expose().as_slice()).ok().map(Secret::new)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_wrapped_key_names_its_version() {
        assert_eq!(WrappedKey::parse("vault:v12:AAec+/==").unwrap().version(), 12);
        for bad in [
            "",
            "vault:v1",
            "vault:v1:",
            "vault:v0:AA",
            "vault:v-1:AA",
            "vault:vx:AA",
            "vault:v1:A A",
            "v1:AA",
        ] {
            assert!(WrappedKey::parse(bad).is_none(), "{bad}");
        }
        assert!(WrappedKey::parse(&format!("vault:v1:{}", "A".repeat(MAX_WRAPPED))).is_none());
    }

    proptest! {
        #[test]
        fn what_parses_stays_as_it_was(text in "vault:v[0-9]{1,12}:[A-Za-z0-9+/=]{0,40}|\\PC{0,40}") {
            if let Some(key) = WrappedKey::parse(&text) {
                prop_assert_eq!(key.as_bytes(), text.as_bytes());
            }
        }
    }
}
