//! Talking to Vault: one signed-in client, bounded in time and size, that says nothing of what it carries.
//!
//! The requests are `vaultrs` endpoints, or [`request`] for what `vaultrs` lacks; the transport is our own
//! ([`transport`]), since its errors hold whole answers and its reads have no limit.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rustify::Endpoint;
use rustify::enums::RequestMethod;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use url::Url;

use crate::domain::secret::Secret;
use crate::vault::server::reply::{Envelope, LeaseId, Reply};
use crate::vault::server::request::{Headers, PlainRequest};
use crate::vault::server::transport::Transport;

pub mod error;
pub mod path;
pub mod reply;
pub mod request;
pub mod transport;

pub use error::{VaultError, VaultErrorKind};
pub use path::VaultPath;

/// How Vault is reached.
#[derive(Debug, Clone)]
pub struct Options {
    /// Vault's base address, `https://vault.example:8200`; plain HTTP only to a loopback address.
    pub address: Url,
    /// The namespace (Vault Enterprise, `OpenBao`), without slashes at its ends.
    pub namespace: Option<String>,
    /// Certificates that are trusted instead of the machine's own, PEM.
    pub ca_pem: Option<String>,
    /// Time to connect.
    pub connect_timeout: Duration,
    /// Time for a whole call.
    pub timeout: Duration,
    /// How the service proves to Vault who it is.
    pub sign_in: SignIn,
}

/// How the service proves to Vault who it is.
#[derive(Debug, Clone)]
pub enum SignIn {
    /// A token that is valid as it stands.
    Token(Secret<String>),
}

/// A signed-in client of Vault. Clones share one sign-in.
#[derive(Clone)]
pub struct Vault(Arc<Inner>);

struct Inner {
    transport: Transport,
    namespace: Option<String>,
    sign_in: SignIn,
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Vault(…)")
    }
}

impl Vault {
    /// A client; nothing is sent yet.
    pub fn new(options: Options) -> Result<Self, VaultError> {
        let transport = Transport::new(&options)?;
        Ok(Self(Arc::new(Inner { transport, namespace: options.namespace, sign_in: options.sign_in })))
    }

    /// Sends a request in the service's own name.
    pub async fn call<E: Endpoint>(&self, endpoint: E) -> Result<Reply<E::Response>, VaultError> {
        let SignIn::Token(token) = &self.0.sign_in;
        self.send(endpoint, Some(token)).await
    }

    /// Reads a path.
    pub async fn read<T: DeserializeOwned + Send + Sync>(
        &self,
        path: &VaultPath,
    ) -> Result<Reply<T>, VaultError> {
        self.call(PlainRequest::<T>::new(RequestMethod::GET, path)).await
    }

    /// Writes to a path: most of Vault's verbs are writes that answer.
    pub async fn write<B: Serialize + Sync, T: DeserializeOwned + Send + Sync>(
        &self,
        path: &VaultPath,
        body: &B,
    ) -> Result<Reply<T>, VaultError> {
        self.call(PlainRequest::<T>::new(RequestMethod::POST, path).with_body(body)?).await
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

    async fn send<E: Endpoint>(
        &self,
        endpoint: E,
        token: Option<&Secret<String>>,
    ) -> Result<Reply<E::Response>, VaultError> {
        let headers = Headers { token, namespace: self.0.namespace.as_deref() };
        let mut answer = endpoint
            .with_middleware(&headers)
            .exec(&self.0.transport)
            .await
            .map_err(VaultError::from_transport)?;
        let envelope = Envelope::parse(answer.response.body());
        zeroize::Zeroize::zeroize(answer.response.body_mut());
        Ok(envelope?.into())
    }
}
