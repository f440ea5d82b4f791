//! The permission check: Cedar policies in, [`permit::Permit`]s out.
//!
//! Default deny. A forbid beats every permit, and a decision that cannot be made is a denial. Deciding is pure and
//! synchronous, on a snapshot of the policies.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::net::IpAddr;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

use cedar_policy::{AuthorizationError, Authorizer as Engine, Decision as Verdict, Schema};

use crate::authz::entities::Types;
use crate::authz::memory::{Known, Memory};
use crate::authz::permit::{Action, Denied, Permit, Place, Resource};
use crate::authz::policies::{Policies, PolicyProblem, Slice, Source};
use crate::authz::view::{ListingView, Region};
use crate::domain::action::ActionName;
use crate::domain::bucket::Bucket;
use crate::domain::decision::Decision;
use crate::domain::key::{ObjectKey, Prefix};
use crate::domain::principal::{Group, Principal, PrincipalId};
use crate::domain::scope::Scope;
use crate::domain::time::Timestamp;

mod entities;
mod memory;
pub mod permit;
pub mod policies;
pub mod view;

#[cfg(test)]
mod tests;

pub use policies::PolicyError;

/// The schema, which `docs/admin/policies.md` explains.
const SCHEMA: &str = include_str!("schema.cedarschema");

/// Slices that are remembered; beyond it the memory begins anew.
const MAX_SLICES: usize = 4096;

/// The circumstances of a request that policies can ask about.
#[derive(Debug, Clone)]
pub struct Context {
    /// The caller's address.
    pub ip: Option<IpAddr>,
    /// The time.
    pub now: Timestamp,
}

/// Why a decision could not be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EvaluationError {
    /// The schema does not have what the code expects.
    #[error("schema")]
    Schema,
    /// The entities could not be built.
    #[error("entities")]
    Entities,
    /// The request could not be built.
    #[error("context")]
    Context,
}

/// Whom a slice of policies is for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Whom {
    /// Only where a policy names the person; everybody else of the same groups shares a slice.
    person: Option<PrincipalId>,
    groups: BTreeSet<Group>,
}

/// Decides.
pub struct Authorizer {
    engine: Engine,
    types: Types,
    policies: Policies,
    slices: RwLock<HashMap<Whom, Arc<Slice>>>,
    memory: Memory,
}

impl fmt::Debug for Authorizer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authorizer").finish_non_exhaustive()
    }
}

impl Authorizer {
    /// Loads the policies of a directory.
    ///
    /// # Errors
    /// [`PolicyError`] with every problem of every file; policies are in force all together or not at all.
    pub fn load(directory: &Path) -> Result<Self, PolicyError> {
        Self::from_sources(&policies::read(directory)?)
    }

    /// Takes policies as texts.
    pub fn from_sources(sources: &[Source]) -> Result<Self, PolicyError> {
        let broken = |message: String| {
            PolicyError(vec![PolicyProblem {
                file: "schema.cedarschema".to_owned(),
                position: None,
                message,
            }])
        };
        let (schema, _) = Schema::from_cedarschema_str(SCHEMA).map_err(|error| broken(error.to_string()))?;
        let types = Types::new().map_err(|error| broken(error.to_string()))?;
        let policies = Policies::parse(sources, &schema, &types)?;
        Ok(Self {
            engine: Engine::new(),
            types,
            policies,
            slices: RwLock::default(),
            memory: Memory::default(),
        })
    }

    /// Decides whether the principal may do `A` with the resource.
    ///
    /// A listing is permitted when its folder may be listed, or a folder below it: the permit's view says what is shown.
    pub fn decide<A: Action, R: Resource>(
        &self,
        principal: &Arc<Principal>,
        resource: R,
        context: &Context,
    ) -> Result<Permit<A, R>, Denied<R>> {
        let known = self.known(principal);
        let ask = Ask { authorizer: self, known: &known, principal, bucket: resource.bucket(), context };
        let (decision, view) = match (resource.listing(), resource.scope()) {
            (Some(prefix), _) => ask.about_listing(A::NAME, prefix),
            (None, Some(scope)) => (ask.about_scope(A::NAME, scope), ListingView::default()),
            (None, None) => {
                let link = A::NAME == ActionName::CreateLink && resource.bucket().redacted;
                let also = resource.also().or_else(|| link.then_some(ActionName::ReadUnredacted));
                let also = || also.map(|also| ask.about(also, resource.place()));
                let decision = ask.about(A::NAME, resource.place());
                let denied = also().filter(|also| decision.allowed && !also.allowed);
                (denied.unwrap_or(decision), ListingView::default())
            }
        };
        if decision.allowed {
            let sees_all = !resource.bucket().redacted
                || ask.about(ActionName::ReadUnredacted, resource.place()).allowed;
            return Ok(Permit::new(Arc::clone(principal), resource, decision, (view, sees_all)));
        }
        let visible = match resource.place() {
            Place::Object(key) => {
                let folder = key.ancestors().next().unwrap_or_else(Prefix::root);
                ask.about(ActionName::ListObjects, Place::Folder(&folder)).allowed
            }
            Place::Bucket | Place::Folder(_) => {
                ActionName::ALL.into_iter().any(|action| ask.anywhere(action))
            }
        };
        Err(Denied { resource, visible, decision })
    }

    /// Answers one question without giving a permit.
    pub fn question(
        &self,
        principal: &Arc<Principal>,
        action: ActionName,
        bucket: &Arc<Bucket>,
        place: Place<'_>,
        context: &Context,
    ) -> Decision {
        let known = self.known(principal);
        Ask { authorizer: self, known: &known, principal, bucket, context }.about(action, place)
    }

    /// What the principal may do somewhere in the bucket.
    pub fn bucket_actions(
        &self,
        principal: &Arc<Principal>,
        bucket: &Arc<Bucket>,
        context: &Context,
    ) -> Vec<ActionName> {
        let known = self.known(principal);
        let ask = Ask { authorizer: self, known: &known, principal, bucket, context };
        ActionName::ALL.into_iter().filter(|action| ask.anywhere(*action)).collect()
    }

    /// Whether the principal may know of the bucket: may do anything anywhere in it.
    pub fn sees_bucket(&self, principal: &Arc<Principal>, bucket: &Arc<Bucket>, context: &Context) -> bool {
        !self.bucket_actions(principal, bucket, context).is_empty()
    }

    fn known(&self, principal: &Arc<Principal>) -> Arc<Known> {
        self.memory.of(principal, || self.slice(principal))
    }

    fn slice(&self, principal: &Principal) -> Arc<Slice> {
        let person = self.policies.names(&self.types, &principal.id).then(|| principal.id.clone());
        let whom = Whom { person, groups: principal.groups.clone() };
        if let Some(slice) = self.slices.read().unwrap_or_else(PoisonError::into_inner).get(&whom) {
            return Arc::clone(slice);
        }
        let slice = Arc::new(self.policies.slice(&self.types, &principal.id, &principal.groups));
        let mut slices = self.slices.write().unwrap_or_else(PoisonError::into_inner);
        if slices.len() >= MAX_SLICES {
            slices.clear();
        }
        slices.insert(whom, Arc::clone(&slice));
        slice
    }
}

/// A principal asking about one bucket.
struct Ask<'a> {
    authorizer: &'a Authorizer,
    known: &'a Known,
    principal: &'a Arc<Principal>,
    bucket: &'a Arc<Bucket>,
    context: &'a Context,
}

impl Ask<'_> {
    fn about(&self, action: ActionName, place: Place<'_>) -> Decision {
        if !self.principal.groups_complete && self.authorizer.policies.forbids_by_group() {
            return denied_by("groups of the caller are incomplete");
        }
        let kind = self.known.kind(self.bucket, place);
        if let Some(known) = kind.as_ref().and_then(|kind| self.known.recall(self.bucket, action, kind)) {
            return known;
        }
        let decision = self.evaluate(action, place).unwrap_or_else(|error| denied_by(&error.to_string()));
        if let Some(kind) = kind {
            self.known.remember(self.bucket, action, kind, &decision);
        }
        decision
    }

    fn evaluate(&self, action: ActionName, place: Place<'_>) -> Result<Decision, EvaluationError> {
        let Authorizer { engine, types, .. } = self.authorizer;
        let none = BTreeSet::new();
        let named = self.known.slice.folders.get(&self.bucket.id).unwrap_or(&none);
        let request = types.request(self.principal, action, self.bucket, place, self.context)?;
        let entities = types.entities(self.principal, self.bucket, place, named)?;
        let response = engine.is_authorized(&request, &self.known.slice.set, &entities);
        // Cedar skips a policy that fails to evaluate, a forbid too, so any error has to be a denial here.
        let errors = response.diagnostics().errors();
        let errors: Vec<String> = errors
            .map(|AuthorizationError::PolicyEvaluationError(error)| error.policy_id().to_string())
            .collect();
        let mut determined_by: Vec<String> =
            response.diagnostics().reason().map(ToString::to_string).collect();
        determined_by.sort();
        let allowed = response.decision() == Verdict::Allow && errors.is_empty();
        Ok(Decision { allowed, determined_by, errors })
    }

    /// The decision on a listing is the one that lets it go on: on its folder, else on something below the prefix.
    fn about_listing(&self, action: ActionName, prefix: &Prefix) -> (Decision, ListingView) {
        // All keys with the prefix lie in this folder: the prefix itself, or what its last slash ends.
        let folder = prefix.folders().next().unwrap_or_else(Prefix::root);
        let here = self.about(action, Place::Folder(&folder));
        let mut decision = here.clone();
        let mut region = |folder: &Prefix, itself: Decision| {
            let below = self.unnamed_folder(folder).map(|below| self.about(action, Place::Folder(&below)));
            let verdicts =
                Region { itself: itself.allowed, below: below.as_ref().is_some_and(|below| below.allowed) };
            for found in std::iter::once(itself).chain(below) {
                if found.allowed && !decision.allowed {
                    decision = found;
                }
            }
            verdicts
        };
        let own = region(&folder, here);
        let below = self.folders().filter(|named| prefix.covers(named.as_str()) && **named != folder);
        let named: BTreeMap<Prefix, Region> = below
            .map(|named| (named.clone(), region(named, self.about(action, Place::Folder(named)))))
            .collect();
        (decision, ListingView::new(prefix, &folder, own, &named))
    }

    /// The decision on whole folders: the first denial, if there is one. Whoever holds what is vended reads and lists, so
    /// these must be allowed too, at one place of each kind in the folders that policies can tell apart.
    fn about_scope(&self, action: ActionName, scope: &Scope) -> Decision {
        let first = self.about(action, Place::Folder(scope.first()));
        let redacted = self.bucket.redacted.then_some(ActionName::ReadUnredacted);
        let actions =
            || [action, ActionName::ReadObject, ActionName::ListObjects].into_iter().chain(redacted);
        let denial = scope
            .folders()
            .find_map(|folder| actions().find_map(|action| self.denial_within(action, folder)));
        denial.unwrap_or(first)
    }

    fn denial_within(&self, action: ActionName, folder: &Prefix) -> Option<Decision> {
        let denied = |place: Place<'_>| Some(self.about(action, place)).filter(|decision| !decision.allowed);
        let objects = action != ActionName::ListObjects;
        let at = |folder: &Prefix| {
            let below = || self.unnamed_folder(folder).and_then(|below| denied(Place::Folder(&below)));
            let object = || self.unnamed_object(folder).filter(|_| objects);
            let object = || object().and_then(|key| denied(Place::Object(&key)));
            denied(Place::Folder(folder)).or_else(below).or_else(object)
        };
        let inside = |named: &&Prefix| folder.covers(named.as_str()) && *named != folder;
        let named = || self.folders().filter(inside).find_map(at);
        let mut keys = self.objects().filter(|key| objects && folder.covers(key.as_str()));
        at(folder).or_else(named).or_else(|| keys.find_map(|key| denied(Place::Object(key))))
    }

    /// Whether the action is allowed anywhere in the bucket: one place is tried of each kind that policies can tell
    /// apart.
    fn anywhere(&self, action: ActionName) -> bool {
        let objects = action != ActionName::ListObjects;
        let allowed = |place: Place<'_>| self.about(action, place).allowed;
        let in_folder = |folder: &Prefix| {
            allowed(Place::Folder(folder))
                || self.unnamed_folder(folder).is_some_and(|below| allowed(Place::Folder(&below)))
                || (objects && self.unnamed_object(folder).is_some_and(|key| allowed(Place::Object(&key))))
        };
        in_folder(&Prefix::root())
            || self.folders().any(in_folder)
            || (objects && self.objects().any(|key| allowed(Place::Object(key))))
    }

    /// A folder in the given one that no policy names, standing for all such; `None` when no key is long enough to
    /// have one there.
    fn unnamed_folder(&self, folder: &Prefix) -> Option<Prefix> {
        let mut path = folder.as_str().to_owned();
        loop {
            path.push('_');
            let below = Prefix::parse(&format!("{path}/")).ok()?;
            if !self.known.slice.folders.get(&self.bucket.id).is_some_and(|named| named.contains(&below)) {
                return Some(below);
            }
        }
    }

    /// An object in the folder that no policy names, standing for all such.
    fn unnamed_object(&self, folder: &Prefix) -> Option<ObjectKey> {
        let mut path = folder.as_str().to_owned();
        loop {
            path.push('_');
            let key = ObjectKey::parse(&path).ok()?;
            if !self.known.slice.objects.get(&self.bucket.id).is_some_and(|named| named.contains(&key)) {
                return Some(key);
            }
        }
    }

    fn folders(&self) -> impl Iterator<Item = &Prefix> {
        self.known.slice.folders.get(&self.bucket.id).into_iter().flatten()
    }

    fn objects(&self) -> impl Iterator<Item = &ObjectKey> {
        self.known.slice.objects.get(&self.bucket.id).into_iter().flatten()
    }
}

fn denied_by(reason: &str) -> Decision {
    Decision { allowed: false, determined_by: Vec::new(), errors: vec![reason.to_owned()] }
}
