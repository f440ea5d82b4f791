//! Decisions that were made already, so that a hot object costs a look-up and not an evaluation.
//!
//! A decision depends on the policies, the principal, the bucket, the action and the place. Policies can tell two
//! places of a bucket apart only by the folders and objects that they name (see [`crate::authz::view`]), so places
//! under the same named folder share a decision. Nothing is remembered where a policy asks about circumstances, such
//! as the time. The memory belongs to one snapshot of the policies and goes with it.

use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, PoisonError, RwLock};

use crate::authz::permit::Place;
use crate::authz::policies::Slice;
use crate::domain::action::ActionName;
use crate::domain::bucket::Bucket;
use crate::domain::decision::Decision;
use crate::domain::key::Prefix;
use crate::domain::principal::Principal;

/// Principals that are remembered; beyond it the memory begins anew.
const MAX_PRINCIPALS: usize = 4096;

/// Decisions that are remembered of one principal; beyond it theirs begin anew.
const MAX_DECISIONS: usize = 1024;

/// One value by its address. It holds the value, so the address cannot come to mean another one.
#[derive(Debug)]
struct Same<T>(Arc<T>);

impl<T> PartialEq for Same<T> {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl<T> Eq for Same<T> {}

impl<T> Hash for Same<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.0).hash(state);
    }
}

/// Places that no policy can tell apart.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The bucket.
    Bucket,
    /// A folder that a policy names.
    NamedFolder(Prefix),
    /// A folder below this named one, or below none.
    Folder(Option<Prefix>),
    /// An object below this named folder, or below none.
    Object(Option<Prefix>),
}

/// Decisions by bucket, action and kind of place.
type Decisions = HashMap<(Same<Bucket>, ActionName, Kind), Decision>;

/// One principal with the policies that can concern them, and the decisions made so far.
#[derive(Debug)]
pub struct Known {
    /// The policies.
    pub slice: Arc<Slice>,
    decisions: RwLock<Decisions>,
}

impl Known {
    /// The kind of a place; `None` where every place has to be decided by itself.
    pub fn kind(&self, bucket: &Bucket, place: Place<'_>) -> Option<Kind> {
        if self.slice.asks_circumstances {
            return None;
        }
        let folders = self.slice.folders.get(&bucket.id);
        let named = |folder: &Prefix| folders.is_some_and(|named| named.contains(folder));
        Some(match place {
            Place::Bucket => Kind::Bucket,
            Place::Folder(folder) if folder.is_root() => Kind::Bucket,
            Place::Folder(folder) if named(folder) => Kind::NamedFolder(folder.clone()),
            Place::Folder(folder) if folders.is_some() => Kind::Folder(folder.folders().find(named)),
            Place::Folder(_) => Kind::Folder(None),
            Place::Object(key) if self.slice.objects.get(&bucket.id).is_some_and(|all| all.contains(key)) => {
                return None;
            }
            Place::Object(key) if folders.is_some() => Kind::Object(key.ancestors().find(named)),
            Place::Object(_) => Kind::Object(None),
        })
    }

    /// The decision on a place of this kind, if it was made before.
    pub fn recall(&self, bucket: &Arc<Bucket>, action: ActionName, kind: &Kind) -> Option<Decision> {
        let key = (Same(Arc::clone(bucket)), action, kind.clone());
        self.decisions.read().unwrap_or_else(PoisonError::into_inner).get(&key).cloned()
    }

    /// Keeps a decision.
    pub fn remember(&self, bucket: &Arc<Bucket>, action: ActionName, kind: Kind, decision: &Decision) {
        let mut decisions = self.decisions.write().unwrap_or_else(PoisonError::into_inner);
        if decisions.len() >= MAX_DECISIONS {
            decisions.clear();
        }
        decisions.insert((Same(Arc::clone(bucket)), action, kind), decision.clone());
    }
}

/// The principals of the last while.
#[derive(Debug, Default)]
pub struct Memory(RwLock<HashMap<Same<Principal>, Arc<Known>>>);

impl Memory {
    /// What is known of a principal. The same person with a fresher token is another value and is looked at anew.
    pub fn of(&self, principal: &Arc<Principal>, slice: impl FnOnce() -> Arc<Slice>) -> Arc<Known> {
        let key = Same(Arc::clone(principal));
        if let Some(known) = self.0.read().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return Arc::clone(known);
        }
        let known = Arc::new(Known { slice: slice(), decisions: RwLock::default() });
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MAX_PRINCIPALS {
            all.clear();
        }
        all.insert(key, Arc::clone(&known));
        known
    }
}
