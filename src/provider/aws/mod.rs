//! AWS S3, and stores that speak its protocol.
//!
//! Reading takes three calls: GET, HEAD and `ListObjectsV2`. They are signed with the SDK's own signer and sent through
//! one shared HTTP client, because the SDK's orchestration costs more than the rest of a small read. The credential chain
//! and the endpoint rules are the SDK's.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_s3::config::SharedHttpClient;
use aws_smithy_http_client::tls;
use http::{HeaderMap, Method, Response};
use hyper::body::Incoming;

use crate::domain::bucket::Bucket;
use crate::domain::credential::Credential;
use crate::domain::key::ObjectKey;
use crate::domain::object::ObjectMeta;
use crate::provider::aws::credentials::Keeper;
use crate::provider::aws::place::Place;
use crate::provider::aws::sign::LinkMaker;
use crate::provider::error::{StoreError, StoreErrorKind, StoreOperation};
use crate::provider::wire::{self, Wire};
use crate::provider::{GetOptions, ListOptions, Listing, ObjectStore, Opened, SignLinks, Store};

mod credentials;
mod error;
pub mod identity;
mod list;
mod place;
mod read;
mod session_policy;
mod sign;
mod vend;
pub mod web_identity;
mod xml;

/// The client for all S3 buckets: one pool of connections.
#[derive(Clone)]
pub struct S3 {
    wire: Wire,
    sdk_http: SharedHttpClient,
}

impl fmt::Debug for S3 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("S3(…)")
    }
}

impl S3 {
    /// Builds the client. Nothing is sent yet.
    pub fn new(options: &wire::Options) -> Result<Self, StoreError> {
        Ok(Self { wire: Wire::new(options)?, sdk_http: sdk_client(options)? })
    }

    /// Opens one bucket with one credential. Nothing is sent to the bucket yet.
    pub async fn open(&self, bucket: &Bucket, credential: &Credential) -> Result<Store, StoreError> {
        let place = Place::resolve(bucket).await?;
        let keeper = Keeper::new(credential, &place.region, &self.sdk_http).await?;
        let links = keeper.clone().map(|keeper| LinkMaker::new(place.clone(), keeper));
        Ok(Arc::new(S3Store { wire: self.wire.clone(), place, keeper, links }))
    }
}

/// The SDK's own client with the same trust, for the credential chain's calls.
fn sdk_client(options: &wire::Options) -> Result<SharedHttpClient, StoreError> {
    let mut trust = tls::TrustStore::empty().with_native_roots(true);
    if let Some(pem) = &options.extra_ca_pem {
        trust.add_pem_certificate(pem.as_bytes());
    }
    let context = tls::TlsContext::builder()
        .with_trust_store(trust)
        .build()
        .map_err(|cause| StoreError::caused_by(StoreOperation::Connect, StoreErrorKind::Unexpected, cause))?;
    Ok(aws_smithy_http_client::Builder::new()
        .tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::AwsLc))
        .tls_context(context)
        .build_https())
}

/// One bucket in S3.
pub struct S3Store {
    wire: Wire,
    place: Place,
    /// Absent for anonymous access.
    keeper: Option<Arc<Keeper>>,
    links: Option<LinkMaker>,
}

impl fmt::Debug for S3Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("S3Store").field("place", &self.place).finish_non_exhaustive()
    }
}

/// One request to the bucket.
struct Ask<'a> {
    operation: StoreOperation,
    method: Method,
    /// Empty for the bucket itself.
    key: &'a str,
    /// Already encoded; empty for none.
    query: &'a str,
    headers: HeaderMap,
}

impl S3Store {
    /// Signs and sends a request, and returns any answer that has a head.
    async fn send(&self, ask: Ask<'_>) -> Result<Response<Incoming>, StoreError> {
        let operation = ask.operation;
        let mut request = self.place.request(ask)?;
        if let Some(keeper) = &self.keeper {
            let identity = keeper.identity(operation).await?;
            sign::sign(operation, &mut request, &identity, &self.place.region)?;
        }
        self.wire.send(operation, request).await
    }
}

#[async_trait]
impl ObjectStore for S3Store {
    async fn list(&self, options: &ListOptions) -> Result<Listing, StoreError> {
        self.list_page(options).await
    }

    async fn head(&self, key: &ObjectKey) -> Result<ObjectMeta, StoreError> {
        self.read_meta(key).await
    }

    async fn get(&self, key: &ObjectKey, options: &GetOptions) -> Result<Opened, StoreError> {
        self.open_object(key, options).await
    }

    fn links(&self) -> Option<&dyn SignLinks> {
        self.links.as_ref().map(|links| links as &dyn SignLinks)
    }
}
