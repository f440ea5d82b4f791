//! Azure Blob Storage: a bucket is a container.
//!
//! Reads and listings go through `azure_core`'s own pipeline with the same credential: `azure_storage_blob` 1.1 lists no
//! hierarchy, downloads in parallel parts that it buffers, and drops a key `..` from a URL. Delegation keys for links come
//! from that crate. Retries are `guarded`'s work: the SDK's are off.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use azure_core::http::headers::HeaderName;
use azure_core::http::policies::Policy;
use azure_core::http::policies::auth::BearerTokenAuthorizationPolicy;
use azure_core::http::{
    AsyncRawResponse, ClientOptions, Context, Method, Pipeline, PipelineStreamOptions, Request, RetryOptions,
    Transport, Url, UserAgentOptions,
};

use crate::domain::bucket::Bucket;
use crate::domain::credential::Credential;
use crate::domain::key::ObjectKey;
use crate::domain::object::ObjectMeta;
use crate::provider::azure::address::Address;
use crate::provider::azure::shared_key::SharedKey;
use crate::provider::azure::sign::Links;
use crate::provider::azure::transport::OverWire;
use crate::provider::error::StoreOperation;
use crate::provider::{
    GetOptions, Link, LinkOptions, ListOptions, Listing, ObjectStore, Opened, SignLinks, Store, StoreError,
    StoreErrorKind, wire,
};

mod address;
mod credential;
mod error;
mod list;
mod read;
mod shared_key;
mod sign;
mod transport;
mod vend;

#[cfg(test)]
mod tests;

/// The version of the service's protocol, equal to the one that `azure_storage_blob` 1.1 and `azure_storage_sas` 1.0 speak.
const API_VERSION: &str = "2026-04-06";

/// What Azure tokens are asked for.
const SCOPE: &str = "https://storage.azure.com/.default";

/// The client for all containers: one pool of connections.
#[derive(Clone)]
pub struct BlobStorage {
    client: ClientOptions,
    wire: wire::Wire,
    delegation_key_life: Duration,
}

impl fmt::Debug for BlobStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BlobStorage(…)")
    }
}

impl BlobStorage {
    /// Builds the client. Nothing is sent yet. A delegation key is used so long for links that are shorter than this;
    /// Azure allows at most seven days.
    ///
    /// # Errors
    /// [`StoreErrorKind::Unexpected`] when the certificates are none, or TLS cannot be set up.
    pub fn new(options: &wire::Options, delegation_key_life: Duration) -> Result<Self, StoreError> {
        let wire = wire::Wire::new(options)?;
        let client = ClientOptions {
            retry: RetryOptions::none(),
            transport: Some(Transport::new(Arc::new(OverWire(wire.clone())))),
            user_agent: UserAgentOptions { application_id: Some("logboom".to_owned()) },
            ..ClientOptions::default()
        };
        Ok(Self { client, wire, delegation_key_life })
    }

    /// Opens one container with one credential. Nothing is sent yet.
    ///
    /// # Errors
    /// [`StoreErrorKind::Invalid`] when the bucket has no account, or a name or endpoint that no container can have;
    /// [`StoreErrorKind::NoCredential`] when the credential is another cloud's or cannot be used.
    pub fn open(&self, bucket: &Bucket, credential: &Credential) -> Result<Store, StoreError> {
        let address = Address::of(bucket)?;
        if let Credential::AzureAccountKey(key) = credential {
            let signer: Arc<dyn Policy> = Arc::new(SharedKey::new(address.account(), key));
            let wire = Wire { pipeline: pipeline(self.client.clone(), Some(signer)), address };
            // Links signed with an account key cannot be withdrawn without a new key, so there are none.
            return Ok(Arc::new(AzureStore { wire, links: None }));
        }
        let token = credential::token(credential, &self.client)?;
        let links = match &token {
            Some(token) => {
                Some(Links::new(&address, Arc::clone(token), &self.client, self.delegation_key_life)?)
            }
            None => None,
        };
        let bearer = token
            .map(|token| Arc::new(BearerTokenAuthorizationPolicy::new(token, [SCOPE])) as Arc<dyn Policy>);
        let wire = Wire { pipeline: pipeline(self.client.clone(), bearer), address };
        Ok(Arc::new(AzureStore { wire, links }))
    }
}

fn pipeline(client: ClientOptions, proof: Option<Arc<dyn Policy>>) -> Pipeline {
    let proof = proof.into_iter().collect();
    Pipeline::new(Some("logboom"), option_env!("CARGO_PKG_VERSION"), client, Vec::new(), proof, None)
}

/// The way to one container: where it is, and the pipeline that authorises and sends.
struct Wire {
    address: Address,
    pipeline: Pipeline,
}

impl Wire {
    /// Sends one request without a body and answers with the head of whatever came back; the body has yet to arrive.
    async fn send(
        &self,
        operation: StoreOperation,
        method: Method,
        url: Url,
        headers: Vec<(HeaderName, String)>,
    ) -> Result<AsyncRawResponse, StoreError> {
        let mut request = Request::new(url, method);
        request.insert_header("x-ms-version", API_VERSION);
        for (name, value) in headers {
            request.insert_header(name, value);
        }
        let unchecked = PipelineStreamOptions { skip_checks: true, ..PipelineStreamOptions::default() };
        self.pipeline
            .stream(&Context::new(), &mut request, Some(unchecked))
            .await
            .map_err(|cause| error::failed(operation, &cause))
    }
}

/// One container.
struct AzureStore {
    wire: Wire,
    links: Option<Links>,
}

impl fmt::Debug for AzureStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AzureStore").field("address", &self.wire.address).finish_non_exhaustive()
    }
}

#[async_trait]
impl ObjectStore for AzureStore {
    async fn list(&self, options: &ListOptions) -> Result<Listing, StoreError> {
        list::list(&self.wire, options).await
    }

    async fn head(&self, key: &ObjectKey) -> Result<ObjectMeta, StoreError> {
        let url = list::address(&self.wire, StoreOperation::Head, key).await?;
        read::head(&self.wire, StoreOperation::Head, key, url).await
    }

    async fn get(&self, key: &ObjectKey, options: &GetOptions) -> Result<Opened, StoreError> {
        let url = list::address(&self.wire, StoreOperation::Get, key).await?;
        read::get(&self.wire, key, url, options).await
    }

    fn links(&self) -> Option<&dyn SignLinks> {
        self.links.is_some().then_some(self)
    }
}

#[async_trait]
impl SignLinks for AzureStore {
    async fn link(&self, key: &ObjectKey, options: &LinkOptions) -> Result<Link, StoreError> {
        let Some(links) = &self.links else {
            return Err(StoreError::new(StoreOperation::Link, StoreErrorKind::Unsupported));
        };
        let url = list::address(&self.wire, StoreOperation::Link, key).await?;
        links.sign(key, &url, options).await
    }
}
