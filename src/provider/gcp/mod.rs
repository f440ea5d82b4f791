//! Google Cloud Storage.
//!
//! Objects are read and listed through the JSON API, with google-cloud-auth's tokens, over one shared HTTP client.
//! google-cloud-storage signs the links. Its own reader is not used: it tells neither when an object was written
//! nor which range the answer holds, and conditions could not be judged before bytes are handed on.

use std::fmt;

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use url::Url;

use crate::domain::bucket::Bucket;
use crate::domain::credential::Credential;
use crate::domain::key::ObjectKey;
use crate::domain::object::ObjectMeta;
use crate::provider::error::{StoreError, StoreErrorKind, StoreOperation};
use crate::provider::wire::{self, Wire};
use crate::provider::{GetOptions, ListOptions, Listing, ObjectStore, Opened, SignLinks, Store};

mod error;
mod list;
mod place;
mod proof;
mod read;
mod sign;
mod vend;

#[cfg(test)]
mod tests;

use place::Place;
use proof::{Proof, READ_ONLY};
use sign::LinkMaker;

/// The client for all buckets in Google Cloud Storage: one pool of connections.
#[derive(Debug, Clone)]
pub struct Gcs {
    wire: Wire,
}

impl Gcs {
    /// Builds the client. Nothing is sent yet.
    pub fn new(options: &wire::Options) -> Result<Self, StoreError> {
        Ok(Self { wire: Wire::new(options)? })
    }

    /// Opens one bucket with one credential. Nothing is sent to the bucket yet.
    ///
    /// It must be called within a tokio runtime: google-cloud-auth renews tokens in a task of its own.
    pub fn open(&self, bucket: &Bucket, credential: &Credential) -> Result<Store, StoreError> {
        let place = Place::of(bucket)?;
        let proof = Proof::of(credential, READ_ONLY)?;
        let links = LinkMaker::new(&place, credential)?;
        Ok(std::sync::Arc::new(GcsStore { wire: self.wire.clone(), place, proof, links }))
    }
}

/// One bucket in Google Cloud Storage.
pub struct GcsStore {
    wire: Wire,
    place: Place,
    proof: Proof,
    /// Absent where nothing could sign them.
    links: Option<LinkMaker>,
}

impl fmt::Debug for GcsStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GcsStore").field("place", &self.place).finish_non_exhaustive()
    }
}

impl GcsStore {
    /// Sends a GET and waits for the head of its answer, whatever its status.
    async fn ask(
        &self,
        operation: StoreOperation,
        url: &Url,
        headers: HeaderMap,
    ) -> Result<Response<Incoming>, StoreError> {
        let mut request = Request::new(Full::<Bytes>::default());
        *request.uri_mut() = url.as_str().parse().map_err(|cause: http::uri::InvalidUri| {
            StoreError::caused_by(operation, StoreErrorKind::Invalid, cause)
        })?;
        *request.headers_mut() = headers;
        self.wire.send(operation, request).await
    }
}

#[async_trait]
impl ObjectStore for GcsStore {
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
