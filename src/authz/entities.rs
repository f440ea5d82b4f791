//! From the words of the domain to Cedar's entities. Ids are values, never text that is parsed.

use std::collections::{BTreeSet, HashMap, HashSet};

use cedar_policy::{
    Context as CedarContext, Entities, Entity, EntityId, EntityTypeName, EntityUid, Request,
    RestrictedExpression,
};

use crate::authz::permit::Place;
use crate::authz::{Context, EvaluationError};
use crate::domain::action::ActionName;
use crate::domain::bucket::{Bucket, BucketId};
use crate::domain::key::Prefix;
use crate::domain::principal::{Group, Principal, PrincipalId, Proof};

/// The entity types of the schema, parsed once.
#[derive(Debug)]
pub struct Types {
    user: EntityTypeName,
    group: EntityTypeName,
    bucket: EntityTypeName,
    prefix: EntityTypeName,
    object: EntityTypeName,
    action: EntityTypeName,
}

impl Types {
    /// Parses the names.
    pub fn new() -> Result<Self, EvaluationError> {
        let name = |text: &str| text.parse().map_err(|_| EvaluationError::Schema);
        Ok(Self {
            user: name("User")?,
            group: name("Group")?,
            bucket: name("Bucket")?,
            prefix: name("Prefix")?,
            object: name("Object")?,
            action: name("Action")?,
        })
    }

    /// The entity of a person.
    pub fn user(&self, id: &PrincipalId) -> EntityUid {
        uid(&self.user, &id.to_string())
    }

    /// The entity of a group.
    pub fn group(&self, group: &Group) -> EntityUid {
        uid(&self.group, group.as_str())
    }

    /// Whether the entity is a group.
    pub fn is_group(&self, entity: &EntityUid) -> bool {
        *entity.type_name() == self.group
    }

    /// The place that a literal of a policy names; `None` for users, groups and actions.
    pub fn literal(&self, entity: &EntityUid) -> Option<Result<Literal, InvalidLiteral>> {
        let kind = entity.type_name();
        let id = entity.id().unescaped();
        if *kind == self.bucket {
            return Some(BucketId::parse(id).map(|_| Literal::Bucket).map_err(|_| InvalidLiteral));
        }
        let folder = *kind == self.prefix;
        if !folder && *kind != self.object {
            return None;
        }
        let parsed = id.split_once('/').and_then(|(bucket, rest)| {
            let bucket = BucketId::parse(bucket).ok()?;
            let prefix = Prefix::parse(rest).ok().filter(|prefix| !prefix.is_root())?;
            match (folder, prefix.is_folder()) {
                (true, true) => Some(Literal::Folder(bucket, prefix)),
                (true, false) => None,
                (false, _) => Some(Literal::Object(bucket, rest.to_owned())),
            }
        });
        Some(parsed.ok_or(InvalidLiteral))
    }

    fn place(&self, bucket: &Bucket, place: Place<'_>) -> EntityUid {
        let id = &bucket.id;
        match place {
            Place::Folder(prefix) if !prefix.is_root() => {
                uid(&self.prefix, &format!("{id}/{}", prefix.as_str()))
            }
            Place::Bucket | Place::Folder(_) => uid(&self.bucket, id.as_str()),
            Place::Object(key) => uid(&self.object, &format!("{id}/{}", key.as_str())),
        }
    }

    /// The request to decide on.
    pub fn request(
        &self,
        principal: &Principal,
        action: ActionName,
        bucket: &Bucket,
        place: Place<'_>,
        context: &Context,
    ) -> Result<Request, EvaluationError> {
        let action = uid(&self.action, action.as_str());
        let now = ("now".to_owned(), RestrictedExpression::new_long(context.now.unix_millis()));
        let ip = context.ip.map(|ip| ("ip".to_owned(), RestrictedExpression::new_ip(ip.to_string())));
        let context = CedarContext::from_pairs(std::iter::once(now).chain(ip));
        let context = context.map_err(|_| EvaluationError::Context)?;
        let (principal, resource) = (self.user(&principal.id), self.place(bucket, place));
        Request::new(principal, action, resource, context, None).map_err(|_| EvaluationError::Context)
    }

    /// The entities that the request speaks of. Of the folders above the place only those that policies name are
    /// there: no policy can see the others, and a key with a thousand slashes stays cheap.
    pub fn entities(
        &self,
        principal: &Principal,
        bucket: &Bucket,
        place: Place<'_>,
        named: &BTreeSet<Prefix>,
    ) -> Result<Entities, EvaluationError> {
        let bucket_uid = self.place(bucket, Place::Bucket);
        let mut all = vec![self.person(principal)?];
        let above: Vec<Prefix> = match place {
            Place::Bucket => Vec::new(),
            Place::Folder(prefix) => {
                prefix.folders().filter(|folder| folder != prefix && named.contains(folder)).collect()
            }
            Place::Object(key) => key.ancestors().filter(|folder| named.contains(folder)).collect(),
        };
        let mut parents = HashSet::from([bucket_uid.clone()]);
        for folder in &above {
            let uid = self.place(bucket, Place::Folder(folder));
            all.push(self.entity(bucket, uid.clone(), HashSet::from([bucket_uid.clone()]))?);
            parents.insert(uid);
        }
        let own = self.place(bucket, place);
        if own != bucket_uid {
            all.push(self.entity(bucket, own, parents)?);
        }
        all.push(self.entity(bucket, bucket_uid, HashSet::new())?);
        Entities::from_entities(all, None).map_err(|_| EvaluationError::Entities)
    }

    fn person(&self, principal: &Principal) -> Result<Entity, EvaluationError> {
        let proof = match principal.proof {
            Proof::Session => "session",
            Proof::Bearer => "bearer",
        };
        let attributes = HashMap::from([
            ("clearance".to_owned(), RestrictedExpression::new_long(i64::from(principal.clearance.rank()))),
            ("groups_complete".to_owned(), RestrictedExpression::new_bool(principal.groups_complete)),
            ("proof".to_owned(), RestrictedExpression::new_string(proof.to_owned())),
        ]);
        let groups = principal.groups.iter().map(|group| self.group(group)).collect();
        Entity::new(self.user(&principal.id), attributes, groups).map_err(|_| EvaluationError::Entities)
    }

    fn entity(
        &self,
        bucket: &Bucket,
        uid: EntityUid,
        parents: HashSet<EntityUid>,
    ) -> Result<Entity, EvaluationError> {
        let text = |text: &str| RestrictedExpression::new_string(text.to_owned());
        let attributes = HashMap::from([
            ("provider".to_owned(), text(bucket.provider.as_str())),
            ("owner".to_owned(), RestrictedExpression::new_entity_uid(self.group(&bucket.owner))),
            ("label".to_owned(), RestrictedExpression::new_long(i64::from(bucket.label.rank()))),
            ("label_name".to_owned(), text(bucket.label.as_str())),
        ]);
        Entity::new(uid, attributes, parents).map_err(|_| EvaluationError::Entities)
    }
}

fn uid(kind: &EntityTypeName, id: &str) -> EntityUid {
    EntityUid::from_type_name_and_id(kind.clone(), EntityId::new(id))
}

/// A place that a policy names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Literal {
    /// A bucket as a whole.
    Bucket,
    /// A folder of a bucket.
    Folder(BucketId, Prefix),
    /// One object of a bucket.
    Object(BucketId, String),
}

/// A place that can never be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a bucket is written \"id\", a prefix \"id/folder/\" with a slash at its end, an object \"id/key\"")]
pub struct InvalidLiteral;
