//! Links: a URL of the cloud that opens one object for a short time.

use std::time::Duration;

use crate::authz::permit::{CreateLink, ObjectTarget, Permit};
use crate::domain::time::Timestamp;
use crate::provider::error::StoreOperation;
use crate::provider::{Link, LinkOptions, StoreError, StoreErrorKind};
use crate::service::stores::Stores;

/// How long links may live.
#[derive(Debug, Clone, Copy)]
pub struct LinkLimits {
    /// When the caller does not say.
    pub default_ttl: Duration,
    /// At the most.
    pub max_ttl: Duration,
}

/// What a link answers with, inside its signature.
#[derive(Debug, Clone)]
pub struct LinkAnswer {
    /// `Content-Disposition`.
    pub content_disposition: String,
    /// `Content-Type`.
    pub content_type: String,
}

/// Makes a link that ends no later than the caller's own proof of identity.
pub async fn create(
    stores: &Stores,
    permit: &Permit<CreateLink, ObjectTarget>,
    ttl: Duration,
    answer: LinkAnswer,
    now: Timestamp,
) -> Result<Link, StoreError> {
    let target = permit.resource();
    let store = stores.open(&target.bucket);
    let unsupported = StoreError::new(StoreOperation::Link, StoreErrorKind::Unsupported);
    let signer = store.links().ok_or(unsupported)?;
    let ttl = ttl.min(permit.principal().expires_at.since(now));
    let options = LinkOptions {
        ttl,
        now,
        content_disposition: answer.content_disposition,
        content_type: answer.content_type,
    };
    // Whether the object exists is found out before a link to nothing is handed on.
    store.head(&target.key).await?;
    signer.link(&target.key, &options).await
}
