//! Vending: a credential of the cloud for some folders, or the next best thing, one step down a ladder at a time.
//!
//! A scope is never widened to make it fit. What no credential reaches exactly is linked object by object, and what is too much
//! for that is left to this service's own listing and reading.

use std::num::NonZeroU16;
use std::time::Duration;

use futures::{StreamExt, TryStreamExt, stream};

use crate::authz::permit::{Permit, ScopeTarget, VendCredentials};
use crate::domain::key::{ObjectKey, Prefix};
use crate::domain::object::ObjectMeta;
use crate::domain::scope::Scope;
use crate::domain::time::Timestamp;
use crate::provider::error::StoreOperation;
use crate::provider::vend::{Fit, Holder, VendOptions, Vended};
use crate::provider::{
    Link, LinkOptions, ListOptions, MAX_PAGE, SignLinks, Store, StoreError, StoreErrorKind,
};
use crate::service::canary::Canary;
use crate::service::stores::Stores;

/// Links that are signed at once: with some credentials each is a request to the cloud.
const SIGNED_AT_ONCE: usize = 8;

/// Bounds of vending.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// How long a credential lives when the caller does not say.
    pub default_ttl: Duration,
    /// At the most.
    pub max_ttl: Duration,
    /// Into how many credentials one scope may be divided.
    pub max_credentials: usize,
    /// How many objects are linked one by one where the cloud has no credential that is narrow enough.
    pub max_links: usize,
}

/// What is asked, beside what the permit says.
#[derive(Debug, Clone)]
pub struct VendAsk {
    /// How long.
    pub ttl: Duration,
    /// Whether anything but one credential is of use to the caller.
    pub only_one: bool,
    /// The request that asks: 32 hexadecimal digits.
    pub request_id: String,
    /// Disposition and type that links answer with, made from a key.
    pub link_answer: fn(&ObjectKey) -> (String, String),
}

/// What was given, and why it is not the step above.
#[derive(Debug)]
pub enum Given {
    /// Credentials, one or more.
    Credentials(Vec<Vended>),
    /// A link for each object.
    Links {
        /// Why there is no credential.
        why: String,
        /// The objects with their links, in key order.
        links: Vec<(ObjectKey, Link)>,
        /// Archived objects, which no link opens.
        archived: usize,
    },
    /// Nothing that could be handed on.
    Proxy {
        /// Why there are no links.
        why: String,
    },
}

/// Why nothing was given.
#[derive(Debug, thiserror::Error)]
pub enum VendError {
    /// Nobody set vending up for the bucket.
    #[error("vending is not set up for the bucket")]
    NotSetUp,
    /// The canary found that what is vended reaches too far, or could not find out yet.
    #[error("vending is stopped for the bucket")]
    Stopped,
    /// One credential does not reach it, and nothing else is of use.
    #[error("one credential does not reach the scope: {0}")]
    DoesNotFit(String),
    /// The cloud refused, or could not be asked.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Vends what the permit allows, ending no later than the caller's own proof of identity.
pub async fn vend(
    (stores, canary, limits): (&Stores, &Canary, &Limits),
    permit: &Permit<VendCredentials, ScopeTarget>,
    ask: &VendAsk,
    now: Timestamp,
) -> Result<Given, VendError> {
    let ScopeTarget { bucket, scope } = permit.resource();
    if bucket.vending.is_none() {
        return Err(VendError::NotSetUp);
    }
    if !canary.lets(&bucket.id) {
        return Err(VendError::Stopped);
    }
    let ttl = ask.ttl.min(limits.max_ttl).min(permit.principal().expires_at.since(now));
    let id = &permit.principal().id;
    let options = VendOptions {
        scope: scope.clone(),
        ttl,
        now,
        holder: Holder {
            subject: id.subject.clone(),
            issuer: id.issuer.clone(),
            request_id: ask.request_id.clone(),
        },
        max_credentials: limits.max_credentials,
    };
    match Box::pin(stores.vend(bucket, &options)).await? {
        Fit::Credentials(vended) if vended.len() > 1 && ask.only_one => {
            let why = format!("The cloud's limits divide it over {} credentials", vended.len());
            Err(VendError::DoesNotFit(why))
        }
        Fit::Credentials(vended) => Ok(Given::Credentials(vended)),
        Fit::DoesNotFit(why) if ask.only_one => Err(VendError::DoesNotFit(why)),
        Fit::DoesNotFit(why) => {
            Ok(links(&stores.open(bucket), scope, (ttl, now), why, (limits.max_links, ask)).await?)
        }
    }
}

/// A link for each object, as long as there are not too many.
async fn links(
    store: &Store,
    scope: &Scope,
    (ttl, now): (Duration, Timestamp),
    why: String,
    (most, ask): (usize, &VendAsk),
) -> Result<Given, StoreError> {
    let Some(signer) = store.links() else {
        return Ok(Given::Proxy { why: format!("{why}, and there are no links with this credential") });
    };
    let Some(objects) = objects(store, scope, most).await? else {
        return Ok(Given::Proxy { why: format!("{why}, and there are more than {most} objects to link") });
    };
    let (archived, readable): (Vec<_>, Vec<_>) = objects.into_iter().partition(|object| object.archived);
    let sign = |object: ObjectMeta| async move {
        let (content_disposition, content_type) = (ask.link_answer)(&object.key);
        let options = LinkOptions { ttl, now, content_disposition, content_type };
        let link = signed(signer, &object.key, &options).await?;
        Ok::<_, StoreError>(link.map(|link| (object.key, link)))
    };
    let links: Vec<_> = stream::iter(readable).map(sign).buffered(SIGNED_AT_ONCE).try_collect().await?;
    let unlinkable = links.iter().filter(|link| link.is_none()).count();
    if unlinkable > 0 {
        return Ok(Given::Proxy { why: format!("{why}, and {unlinkable} of the objects can have no link") });
    }
    Ok(Given::Links { why, links: links.into_iter().flatten().collect(), archived: archived.len() })
}

/// `None` for a key that a URL cannot name.
async fn signed(
    signer: &dyn SignLinks,
    key: &ObjectKey,
    options: &LinkOptions,
) -> Result<Option<Link>, StoreError> {
    match signer.link(key, options).await {
        Ok(link) => Ok(Some(link)),
        Err(error) if error.kind == StoreErrorKind::Unsupported => Ok(None),
        Err(error) => Err(error),
    }
}

/// Every object of the scope; `None` when there are more than `most`.
async fn objects(store: &Store, scope: &Scope, most: usize) -> Result<Option<Vec<ObjectMeta>>, StoreError> {
    let limit = NonZeroU16::new(MAX_PAGE)
        .ok_or_else(|| StoreError::new(StoreOperation::List, StoreErrorKind::Unexpected))?;
    let mut found = Vec::new();
    for folder in scope.folders() {
        let mut cursor = None;
        loop {
            let options = ListOptions { prefix: Prefix::clone(folder), delimiter: None, limit, cursor };
            let page = store.list(&options).await?;
            found.extend(page.objects);
            if found.len() > most {
                return Ok(None);
            }
            match page.next {
                Some(next) => cursor = Some(next),
                None => break,
            }
        }
    }
    Ok(Some(found))
}
