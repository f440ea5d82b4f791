//! Permission as a value: only [`crate::authz::Authorizer`] makes a [`Permit`], and what touches a customer's bytes takes one.

use std::fmt::Debug;
use std::marker::PhantomData;
use std::sync::Arc;

use crate::authz::view::ListingView;
use crate::domain::action::ActionName;
use crate::domain::bucket::Bucket;
use crate::domain::decision::Decision;
use crate::domain::key::{ObjectKey, Prefix};
use crate::domain::principal::Principal;
use crate::domain::scope::Scope;

/// An action as a type, so that a handler's signature says which one it needs.
pub trait Action: Debug {
    /// The action's name.
    const NAME: ActionName;
}

/// See the keys below a prefix.
#[derive(Debug, Clone, Copy)]
pub struct ListObjects;

/// Read an object's bytes and metadata.
#[derive(Debug, Clone, Copy)]
pub struct ReadObject;

/// Make a link to an object.
#[derive(Debug, Clone, Copy)]
pub struct CreateLink;

/// Get a credential that reads and lists some folders at the cloud.
#[derive(Debug, Clone, Copy)]
pub struct VendCredentials;

impl Action for ListObjects {
    const NAME: ActionName = ActionName::ListObjects;
}

impl Action for ReadObject {
    const NAME: ActionName = ActionName::ReadObject;
}

impl Action for CreateLink {
    const NAME: ActionName = ActionName::CreateLink;
}

impl Action for VendCredentials {
    const NAME: ActionName = ActionName::VendCredentials;
}

/// The place in a bucket that a decision is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place<'a> {
    /// The whole bucket.
    Bucket,
    /// A folder: a prefix that is empty (the whole bucket) or ends in `/`.
    Folder(&'a Prefix),
    /// One object.
    Object(&'a ObjectKey),
}

/// What a decision is about.
pub trait Resource: Debug {
    /// Its bucket.
    fn bucket(&self) -> &Arc<Bucket>;

    /// Its place in the bucket.
    fn place(&self) -> Place<'_>;

    /// The prefix that a listing asks for; `None` for everything that is no listing.
    fn listing(&self) -> Option<&Prefix> {
        None
    }

    /// The folders of which all must be allowed, with everything in them; `None` for what has one place.
    fn scope(&self) -> Option<&Scope> {
        None
    }

    /// Another action that must be allowed at the place too.
    fn also(&self) -> Option<ActionName> {
        None
    }
}

/// One object.
#[derive(Debug, Clone)]
pub struct ObjectTarget {
    /// Its bucket.
    pub bucket: Arc<Bucket>,
    /// Its exact key.
    pub key: ObjectKey,
}

impl Resource for ObjectTarget {
    fn bucket(&self) -> &Arc<Bucket> {
        &self.bucket
    }

    fn place(&self) -> Place<'_> {
        Place::Object(&self.key)
    }
}

/// The keys that begin with a prefix.
#[derive(Debug, Clone)]
pub struct ListTarget {
    /// The bucket.
    pub bucket: Arc<Bucket>,
    /// The prefix, with or without a slash at its end.
    pub prefix: Prefix,
}

impl Resource for ListTarget {
    fn bucket(&self) -> &Arc<Bucket> {
        &self.bucket
    }

    fn place(&self) -> Place<'_> {
        Place::Folder(&self.prefix)
    }

    fn listing(&self) -> Option<&Prefix> {
        Some(&self.prefix)
    }
}

/// The objects below a prefix, to be listed and read. Policies may still withhold single ones: each is decided on before it
/// is opened.
#[derive(Debug, Clone)]
pub struct SearchTarget {
    /// The bucket.
    pub bucket: Arc<Bucket>,
    /// The prefix, with or without a slash at its end.
    pub prefix: Prefix,
    folder: Prefix,
}

impl SearchTarget {
    /// What lies below a prefix of a bucket.
    #[must_use]
    pub fn new(bucket: Arc<Bucket>, prefix: Prefix) -> Self {
        // All keys with the prefix lie in this folder: the prefix itself, or what its last slash ends.
        let folder = prefix.folders().next().unwrap_or_else(Prefix::root);
        Self { bucket, prefix, folder }
    }
}

impl Resource for SearchTarget {
    fn bucket(&self) -> &Arc<Bucket> {
        &self.bucket
    }

    fn place(&self) -> Place<'_> {
        Place::Folder(&self.folder)
    }

    fn also(&self) -> Option<ActionName> {
        Some(ActionName::ListObjects)
    }
}

/// Whole folders of a bucket.
#[derive(Debug, Clone)]
pub struct ScopeTarget {
    /// The bucket.
    pub bucket: Arc<Bucket>,
    /// The folders.
    pub scope: Scope,
}

impl Resource for ScopeTarget {
    fn bucket(&self) -> &Arc<Bucket> {
        &self.bucket
    }

    fn place(&self) -> Place<'_> {
        Place::Folder(self.scope.first())
    }

    fn scope(&self) -> Option<&Scope> {
        Some(&self.scope)
    }
}

/// Proof that the principal may do `A` with the resource.
#[derive(Debug)]
pub struct Permit<A, R> {
    principal: Arc<Principal>,
    resource: R,
    decision: Decision,
    view: ListingView,
    sees_all: bool,
    action: PhantomData<A>,
}

impl<A: Action, R: Resource> Permit<A, R> {
    /// Only the authorizer calls this, after it has decided.
    pub(in crate::authz) fn new(
        principal: Arc<Principal>,
        resource: R,
        decision: Decision,
        (view, sees_all): (ListingView, bool),
    ) -> Self {
        Self { principal, resource, decision, view, sees_all, action: PhantomData }
    }

    /// Whether nothing there is redacted for them.
    #[must_use]
    pub const fn sees_all(&self) -> bool {
        self.sees_all
    }

    /// Who may.
    #[must_use]
    pub const fn principal(&self) -> &Arc<Principal> {
        &self.principal
    }

    /// With what.
    #[must_use]
    pub const fn resource(&self) -> &R {
        &self.resource
    }

    /// Why.
    #[must_use]
    pub const fn decision(&self) -> &Decision {
        &self.decision
    }
}

impl Permit<ListObjects, ListTarget> {
    /// What of the listing may be shown.
    #[must_use]
    pub const fn view(&self) -> &ListingView {
        &self.view
    }
}

/// A refusal.
#[derive(Debug)]
pub struct Denied<R> {
    /// What was asked for.
    pub resource: R,
    /// Whether the principal may know of it.
    pub visible: bool,
    /// Why.
    pub decision: Decision,
}
