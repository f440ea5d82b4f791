//! AWS S3, and stores that speak its protocol.
//!
//! Reading takes three calls: GET, HEAD and `ListObjectsV2`. They are signed with the SDK's own signer and sent through
//! one shared HTTP client, because the SDK's orchestration costs more than the rest of a small read. The credential chain
//! and the endpoint rules are the SDK's.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use http::{HeaderMap, Method, Response};
use hyper::body::Incoming;

use crate::domain::bucket::Bucket;
use crate::domain::credential::Credential;
use crate::domain::key::ObjectKey;
use crate::domain::object::ObjectMeta;
use crate::provider::aws::credentials::Keeper;
use crate::provider::aws::place::Place;
use crate::provider::aws::sign::LinkMaker;
use crate::provider::aws::wire::Wire;
use crate::provider::error::{StoreError, StoreOperation};
use crate::provider::{GetOptions, ListOptions, Listing, ObjectStore, Opened, SignLinks, Store};

mod credentials;
mod error;
pub mod identity;
mod list;
mod pace;
mod place;
mod read;
mod sign;
mod wire;
mod xml;

/// How the client towards S3 behaves.
#[derive(Debug, Clone)]
pub struct Options {
    /// Certificates (PEM) that are trusted beside the machine's own, for stores behind a private authority.
    pub extra_ca_pem: Option<Vec<u8>>,
    /// How long a connection may take to open.
    pub connect_timeout: Duration,
    /// How long an unused connection is kept.
    pub idle_timeout: Duration,
    /// The most that is read from a connection at once, in bytes; each slow reader holds about this much.
    pub read_buffer_bytes: usize,
}

/// The client for all S3 buckets: one pool of connections.
#[derive(Clone)]
pub struct S3 {
    wire: Arc<Wire>,
    sdk_http: aws_sdk_s3::config::SharedHttpClient,
}

impl fmt::Debug for S3 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("S3(…)")
    }
}

impl S3 {
    /// Builds the client. Nothing is sent yet.
    pub fn new(options: &Options) -> Result<Self, StoreError> {
        Ok(Self { wire: Arc::new(Wire::new(options)?), sdk_http: wire::sdk_client(options)? })
    }

    /// Opens one bucket with one credential. Nothing is sent to the bucket yet.
    pub async fn open(&self, bucket: &Bucket, credential: &Credential) -> Result<Store, StoreError> {
        let place = Place::resolve(bucket).await?;
        let keeper = Keeper::new(credential, &place.region, &self.sdk_http).await?;
        let links = keeper.clone().map(|keeper| LinkMaker::new(place.clone(), keeper));
        Ok(Arc::new(S3Store { wire: Arc::clone(&self.wire), place, keeper, links }))
    }
}

/// One bucket in S3.
pub struct S3Store {
    wire: Arc<Wire>,
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
