//! What reaches Vault and the clouds, put together once for all that need it: serving, and checking before it.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::app::StartError;
use crate::config::Config;
use crate::domain::credential::Credential;
use crate::domain::proof::{IssueToken, ProveIdentity};
use crate::domain::time::Clock;
use crate::provider::aws::identity::CallerIdentity;
use crate::provider::aws::web_identity::WebIdentity;
use crate::service::stores::Stores;
use crate::vault::exchange::{self, Exchange};
use crate::vault::fixed::FixedCredentials;
use crate::vault::key_ring::KeyRing;
use crate::vault::kinds::Means;
use crate::vault::leases::Leases;
use crate::vault::seal::{Keys, SealError};
use crate::vault::server::{Vault, VaultError};
use crate::vault::signer::Signer;
use crate::vault::sources::Sources;

/// Vault, the credentials, the stores that they open, and the keys that seal.
#[derive(Debug, Clone)]
pub struct Reach {
    pub(super) vault: Option<Vault>,
    pub(super) leases: Arc<Leases>,
    pub(super) sources: Arc<Sources>,
    pub(super) stores: Arc<Stores>,
    pub(super) keys: Keys,
    pub(super) receipts: Option<Arc<Signer>>,
}

impl Reach {
    /// Puts them together, and takes what it needs for that out of the configuration. Nothing is sent yet: a Vault that is
    /// away must not keep the service down.
    pub(super) fn build(config: &mut Config, clock: &Arc<dyn Clock>) -> Result<Self, StartError> {
        let vault = vault(config)?;
        let leases = Arc::new(leases(config, vault.clone(), Arc::clone(clock))?);
        let receipts = signer(config, vault.as_ref()).map(Arc::new);
        let keys = sealing_keys(config, vault.as_ref())?;
        let fixed = Arc::new(FixedCredentials::new(std::mem::take(&mut config.credentials)));
        let sources = Arc::new(Sources::new(fixed, Arc::clone(&leases)));
        let source = Arc::clone(&sources);
        let stores = Arc::new(Stores::new(source, config.stores.clone(), Arc::clone(clock))?);
        Ok(Self { vault, leases, sources, stores, keys, receipts })
    }

    /// Signs in ahead of the first request, and keeps a data key at hand, until the token is cancelled. Whether that works is
    /// told by their own log lines, and by readiness.
    pub(super) async fn keep(&self, stop: &CancellationToken) {
        let sign_in = async {
            if let Some(vault) = &self.vault {
                let _told = stop.run_until_cancelled(vault.sign_in()).await;
            }
        };
        let fresh_keys = async {
            if let Some(ring) = self.keys.ring() {
                ring.keep_fresh(stop).await;
            }
        };
        tokio::join!(sign_in, fresh_keys);
    }

    /// Gives back what was lent, and then the token that it was lent to.
    pub(super) async fn close(&self) {
        self.leases.close().await;
        if let Some(vault) = &self.vault {
            vault.close().await;
        }
    }
}

/// The client of Vault, where one is configured.
fn vault(config: &mut Config) -> Result<Option<Vault>, VaultError> {
    let wire = config.stores.wire.clone();
    let configured = config.vault.take();
    let options = configured.map(|vault| {
        vault.options(|caller| Arc::new(CallerIdentity::new(wire, Credential::Ambient, caller)))
    });
    options.map(Vault::new).transpose()
}

/// The credentials that Vault or a cloud lends. Nothing is asked for yet.
fn leases(config: &mut Config, vault: Option<Vault>, clock: Arc<dyn Clock>) -> Result<Leases, StartError> {
    let wire = &config.stores.wire;
    let signer = |caller| -> Arc<dyn ProveIdentity> {
        Arc::new(CallerIdentity::new(wire.clone(), Credential::Ambient, caller))
    };
    let issuer = |region| -> Arc<dyn IssueToken> { Arc::new(WebIdentity::new(wire.clone(), region)) };
    let lent = std::mem::take(&mut config.lent);
    let references = lent.into_iter().map(|(name, lent)| (name, lent.reference(signer, issuer))).collect();
    let exchange = Exchange::new(&exchange::Options {
        connect_timeout: wire.connect_timeout,
        timeout: config.stores.limits.header_timeout,
        extra_ca_pem: wire.extra_ca_pem.clone(),
    })?;
    Ok(Leases::new(references, &Means { vault, exchange }, &config.leases, clock))
}

/// What signs receipts: a key of Vault, else one made of the site's own. Nothing where there is neither.
fn signer(config: &mut Config, vault: Option<&Vault>) -> Option<Signer> {
    match (config.receipts.take(), vault) {
        (Some(options), Some(vault)) => Some(Signer::transit(vault.clone(), options)),
        _ => config.sealing.local.as_ref().and_then(Signer::local),
    }
}

/// What seals sessions, logins and page tokens. Vault is not asked yet.
fn sealing_keys(config: &mut Config, vault: Option<&Vault>) -> Result<Keys, SealError> {
    let local = config.sealing.local.take();
    match (config.sealing.transit.take(), vault, local) {
        (Some(transit), Some(vault), earlier) => {
            Keys::vault(KeyRing::new(vault.clone(), transit), earlier.as_ref())
        }
        (_, _, Some(local)) => Keys::local(&local),
        // The configuration has one of them, and a Vault for the former.
        (_, _, None) => Err(SealError::Crypto),
    }
}
