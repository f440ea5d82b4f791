//! Talking to Vault: one signed-in client, bounded in time and size, that says nothing of what it carries.
//!
//! The requests are `vaultrs` endpoints, or `request` for what `vaultrs` lacks; the transport is our own
//! (`transport`), since its errors hold whole answers and its reads have no limit. Who we are to Vault is the
//! business of [`sign_in`]; that we stay so, of `keeper`.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rustify::Endpoint;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use url::Url;

use crate::domain::secret::Secret;
use crate::vault::server::keeper::Keeper;
use crate::vault::server::reply::{LeaseId, Reply};
use crate::vault::server::request::PlainRequest;
use crate::vault::server::sign_in::Signer;
use crate::vault::server::tally::Tally;
use crate::vault::server::transport::Transport;

pub mod error;
pub mod path;
pub mod reply;
pub mod rule;
pub mod sign_in;

mod keeper;
mod request;
mod tally;
mod token;
mod transport;

pub use error::{VaultError, VaultErrorKind};
pub use keeper::{Pauses, Standing};
pub use path::{InvalidVaultPath, VaultPath};
pub use rule::PolicyRule;
pub use sign_in::SignIn;
pub use tally::{Counts, VaultOperation};
pub(super) use token::{refresh_after, up_to};
pub use transport::may_be_called;

/// How Vault is reached.
#[derive(Debug, Clone)]
pub struct Options {
    /// Vault's base address, `https://vault.example:8200`; plain HTTP only to a loopback address.
    pub address: Url,
    /// The namespace (Vault Enterprise, OpenBao), without slashes at its ends.
    pub namespace: Option<String>,
    /// Certificates that are trusted instead of the machine's own, PEM.
    pub ca_pem: Option<String>,
    /// The certificate that we show to Vault, its chain and its private key, PEM.
    pub client_pem: Option<Secret<String>>,
    /// Time to connect.
    pub connect_timeout: Duration,
    /// Time for a whole call, waiting for a sign-in included; and for each request of a sign-in.
    pub timeout: Duration,
    /// How the service proves to Vault who it is.
    pub sign_in: SignIn,
    /// How long it rests after a sign-in or a renewal that failed.
    pub pauses: Pauses,
}

/// A signed-in client of Vault. Clones share one sign-in.
#[derive(Clone)]
pub struct Vault {
    inner: Arc<Inner>,
    timeout: Duration,
}

struct Inner {
    transport: Arc<Transport>,
    keeper: Keeper,
    tally: Arc<Tally>,
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Vault(…)")
    }
}

impl Vault {
    /// A client; nothing is sent yet. The first call signs in.
    pub fn new(options: Options) -> Result<Self, VaultError> {
        let transport = Arc::new(Transport::new(&options)?);
        let signer = Signer::new(Arc::clone(&transport), options.sign_in, options.timeout);
        let tally = Arc::new(Tally::default());
        let keeper =
            Keeper::new(Arc::clone(&transport), signer, options.timeout, options.pauses, Arc::clone(&tally));
        Ok(Self { inner: Arc::new(Inner { transport, keeper, tally }), timeout: options.timeout })
    }

    /// The same client with another time for a whole call, for engines that are slow by nature.
    #[must_use]
    pub fn with_timeout(&self, timeout: Duration) -> Self {
        Self { inner: Arc::clone(&self.inner), timeout }
    }

    /// The time for a whole call.
    #[must_use]
    pub const fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Sends a request in the service's own name. A token that Vault no longer knows is replaced, once.
    pub async fn call<E: Endpoint>(&self, endpoint: E) -> Result<Reply<E::Response>, VaultError> {
        let answered = tokio::time::timeout(self.timeout, self.call_signed_in(&endpoint)).await;
        let answered = answered.unwrap_or_else(|_| Err(VaultError::late()));
        self.inner.tally.count(VaultOperation::Call, &answered);
        answered
    }

    /// Signs in, unless that is done already.
    pub async fn sign_in(&self) -> Result<(), VaultError> {
        let signed_in = tokio::time::timeout(self.timeout, self.inner.keeper.token()).await;
        signed_in.unwrap_or_else(|_| Err(VaultError::late())).map(|_| ())
    }

    /// Looks whether we are signed in and Vault serves. It asks `sys/health`, which needs no permission.
    pub async fn look(&self) -> Result<(), VaultError> {
        self.sign_in().await?;
        self.inner.transport.health(self.timeout).await
    }

    /// Looks, and asks Vault what it thinks of our token. A token that was put here is not asked about by signing in.
    ///
    /// # Errors
    /// [`VaultErrorKind::Denied`] when the token is not known, or may not ask about itself.
    pub async fn confirm(&self) -> Result<(), VaultError> {
        self.look().await?;
        self.read::<serde::de::IgnoredAny>(&VaultPath::LOOKUP_SELF).await.map(|_| ())
    }

    async fn call_signed_in<E: Endpoint>(&self, endpoint: &E) -> Result<Reply<E::Response>, VaultError> {
        let token = self.inner.keeper.token().await?;
        let first = self.inner.transport.ask(endpoint, Some(&token.secret), self.timeout).await;
        let Err(denied) = first else { return first };
        if denied.kind != VaultErrorKind::Denied {
            return Err(denied);
        }
        match self.inner.keeper.doubt(&token).await? {
            Some(fresh) => self.inner.transport.ask(endpoint, Some(&fresh.secret), self.timeout).await,
            None => Err(denied),
        }
    }

    /// Reads a path.
    pub async fn read<T: DeserializeOwned + Send + Sync>(
        &self,
        path: &VaultPath,
    ) -> Result<Reply<T>, VaultError> {
        self.call(PlainRequest::<T>::get(path)).await
    }

    /// Writes to a path: most of Vault's verbs are writes that answer.
    pub async fn write<B: Serialize + Sync, T: DeserializeOwned + Send + Sync>(
        &self,
        path: &VaultPath,
        body: &B,
    ) -> Result<Reply<T>, VaultError> {
        self.call(PlainRequest::<T>::post(path).with_body(body)?).await
    }

    /// Asks for more time on a lease. The answer says how much it got.
    pub async fn renew_lease(
        &self,
        lease: &LeaseId,
        increment: Duration,
    ) -> Result<Reply<serde_json::Value>, VaultError> {
        let body = json!({ "lease_id": lease.expose(), "increment": increment.as_secs() });
        self.write(&VaultPath::RENEW, &body).await
    }

    /// Ends a lease now.
    pub async fn revoke_lease(&self, lease: &LeaseId) -> Result<(), VaultError> {
        let body = json!({ "lease_id": lease.expose() });
        let _empty: Reply<serde_json::Value> = self.write(&VaultPath::REVOKE, &body).await?;
        Ok(())
    }

    /// Which sign-in holds: 0 before the first, one more with each new token.
    ///
    /// Vault ends the leases of a token together with it, so a lease from an earlier sign-in is best replaced.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.inner.keeper.generation()
    }

    /// How the sign-in stands, for readiness and metrics. Sends nothing.
    #[must_use]
    pub fn standing(&self) -> Standing {
        self.inner.keeper.standing()
    }

    /// How often each operation ended in each way.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.inner.tally.counts()
    }

    /// Gives back the tokens that this client signed in for, and with them every lease on them. Later calls fail.
    ///
    /// A token from a file belongs to whoever writes the file, and stays.
    pub async fn close(&self) {
        self.inner.keeper.close().await;
    }
}
