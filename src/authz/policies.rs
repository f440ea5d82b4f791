//! Policies from files: parsed, validated against the schema, and sorted by whom they can concern.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::path::Path;

use cedar_policy::{
    Effect, EntityUid, Policy, PolicyId, PolicySet, PrincipalConstraint, Schema, ValidationMode,
    ValidationWarning, Validator,
};
use miette::Diagnostic;

use crate::authz::entities::{Literal, Types};
use crate::domain::bucket::BucketId;
use crate::domain::key::{ObjectKey, Prefix};
use crate::domain::principal::{Group, PrincipalId};

/// The largest policy file, in bytes.
const MAX_FILE_BYTES: u64 = 1024 * 1024;

/// Why policies cannot be used: every problem at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyError(pub Vec<PolicyProblem>);

/// One thing that is wrong with a policy file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyProblem {
    /// The file.
    pub file: String,
    /// Line and column, from 1; absent for the file as a whole.
    pub position: Option<(usize, usize)>,
    /// What is wrong.
    pub message: String,
}

impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the policies have {} problem(s)", self.0.len())?;
        for problem in &self.0 {
            match problem.position {
                Some((line, column)) => write!(f, "\n  {}:{line}:{column}: ", problem.file)?,
                None => write!(f, "\n  {}: ", problem.file)?,
            }
            f.write_str(&problem.message)?;
        }
        Ok(())
    }
}

impl std::error::Error for PolicyError {}

/// The text of one policy file.
#[derive(Debug, Clone)]
pub struct Source {
    /// Its name, for messages and for policies without an id of their own.
    pub name: String,
    /// Its text.
    pub text: String,
}

/// Reads every `*.cedar` file of a directory, in the order of their names.
pub fn read(directory: &Path) -> Result<Vec<Source>, PolicyError> {
    let whole = |file: &Path, message: String| {
        PolicyError(vec![PolicyProblem { file: file.display().to_string(), position: None, message }])
    };
    let cannot =
        |file: &Path, error: &std::io::Error| whole(file, format!("cannot be read: {}", error.kind()));
    let entries = std::fs::read_dir(directory).map_err(|error| cannot(directory, &error))?;
    let mut sources = Vec::new();
    for entry in entries {
        let path = entry.map_err(|error| cannot(directory, &error))?.path();
        if path.extension().is_none_or(|extension| extension != "cedar") {
            continue;
        }
        let size = path.metadata().map_err(|error| cannot(&path, &error))?.len();
        if size > MAX_FILE_BYTES {
            return Err(whole(&path, "is larger than 1 MiB".to_owned()));
        }
        let text = std::fs::read_to_string(&path).map_err(|error| cannot(&path, &error))?;
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        sources.push(Source { name, text });
    }
    sources.sort_by(|left, right| left.name.cmp(&right.name));
    if sources.is_empty() {
        return Err(whole(directory, "has no *.cedar file, so nobody could do anything".to_owned()));
    }
    Ok(sources)
}

/// All policies in force, sorted by whom they can concern.
#[derive(Debug)]
pub struct Policies {
    always: Vec<Policy>,
    of: HashMap<EntityUid, Vec<Policy>>,
    /// Whether a forbid speaks of groups, so that a person whose groups are not all known cannot be cleared of it.
    forbids_by_group: bool,
}

/// The policies that can concern one person, with the places that they name.
#[derive(Debug)]
pub struct Slice {
    /// The policies.
    pub set: PolicySet,
    /// Named folders by bucket.
    pub folders: BTreeMap<BucketId, BTreeSet<Prefix>>,
    /// Named objects by bucket.
    pub objects: BTreeMap<BucketId, BTreeSet<ObjectKey>>,
    /// Whether any policy asks about the circumstances of a request, such as the time.
    pub asks_circumstances: bool,
}

impl Policies {
    /// Parses and validates.
    pub fn parse(sources: &[Source], schema: &Schema, types: &Types) -> Result<Self, PolicyError> {
        let mut problems = Vec::new();
        let mut ids: BTreeMap<String, String> = BTreeMap::new();
        let mut all = Vec::new();
        for source in sources {
            match parse_file(source, schema, types) {
                Ok(policies) => {
                    for policy in policies {
                        let id = policy.id().to_string();
                        if let Some(other) = ids.insert(id.clone(), source.name.clone()) {
                            problems.push(PolicyProblem {
                                file: source.name.clone(),
                                position: None,
                                message: format!("the id `{id}` is taken by a policy in {other}"),
                            });
                        }
                        all.push(policy);
                    }
                }
                Err(mut found) => problems.append(&mut found),
            }
        }
        if problems.is_empty() { Ok(Self::sorted(all, types)) } else { Err(PolicyError(problems)) }
    }

    fn sorted(all: Vec<Policy>, types: &Types) -> Self {
        let forbids_by_group =
            all.iter().any(|policy| policy.effect() == Effect::Forbid && asks_for_groups(policy, types));
        let mut policies = Self { always: Vec::new(), of: HashMap::new(), forbids_by_group };
        for policy in all {
            match policy.principal_constraint() {
                PrincipalConstraint::In(whom)
                | PrincipalConstraint::Eq(whom)
                | PrincipalConstraint::IsIn(_, whom) => {
                    policies.of.entry(whom).or_default().push(policy);
                }
                PrincipalConstraint::Any | PrincipalConstraint::Is(_) => policies.always.push(policy),
            }
        }
        policies
    }

    /// Whether a forbid speaks of groups.
    pub const fn forbids_by_group(&self) -> bool {
        self.forbids_by_group
    }

    /// The policies whose scope can match a person; the others cannot change any decision about them.
    pub fn slice<'a>(
        &self,
        types: &Types,
        person: &PrincipalId,
        groups: impl IntoIterator<Item = &'a Group>,
    ) -> Slice {
        let person = types.user(person);
        let whom = std::iter::once(person).chain(groups.into_iter().map(|group| types.group(group)));
        let own = whom.filter_map(|entity| self.of.get(&entity)).flatten();
        let mut slice = Slice {
            set: PolicySet::new(),
            folders: BTreeMap::new(),
            objects: BTreeMap::new(),
            asks_circumstances: false,
        };
        for policy in self.always.iter().chain(own) {
            slice.asks_circumstances |= asks_circumstances(policy);
            for literal in policy.entity_literals().iter().filter_map(|entity| types.literal(entity)) {
                match literal {
                    Ok(Literal::Folder(bucket, folder)) => {
                        slice.folders.entry(bucket).or_default().insert(folder);
                    }
                    Ok(Literal::Object(bucket, key)) => {
                        slice.objects.entry(bucket).or_default().extend(ObjectKey::parse(&key));
                    }
                    Ok(Literal::Bucket) | Err(_) => {}
                }
            }
            // Ids are unique since the policies were parsed, so adding one cannot fail. If it did, a set that lacks
            // a forbid must not permit.
            if slice.set.add(policy.clone()).is_err() {
                slice.set = PolicySet::new();
                return slice;
            }
        }
        slice
    }

    /// Whether any policy is for this person by name, so that the slice is theirs alone.
    pub fn names(&self, types: &Types, person: &PrincipalId) -> bool {
        self.of.contains_key(&types.user(person))
    }
}

/// Whether a policy names `context`. One that cannot be told is taken to.
fn asks_circumstances(policy: &Policy) -> bool {
    policy.to_json().map_or(true, |json| json.to_string().contains("\"Var\":\"context\""))
}

fn parse_file(source: &Source, schema: &Schema, types: &Types) -> Result<Vec<Policy>, Vec<PolicyProblem>> {
    let set: PolicySet = source.text.parse().map_err(|errors: cedar_policy::ParseErrors| {
        errors.iter().map(|error| problem(source, error)).collect::<Vec<_>>()
    })?;
    let mut problems = Vec::new();
    if set.templates().next().is_some() {
        let message = "has a template; write policies without ?principal and ?resource".to_owned();
        problems.push(PolicyProblem { file: source.name.clone(), position: None, message });
    }
    let validated = Validator::new(schema.clone()).validate(&set, ValidationMode::Strict);
    problems.extend(validated.validation_errors().map(|error| problem(source, error)));
    let refused = validated.validation_warnings().filter(|warning| {
        matches!(
            warning,
            ValidationWarning::ImpossiblePolicy(_)
                | ValidationWarning::BidiCharsInString(_)
                | ValidationWarning::BidiCharsInIdentifier(_)
        )
    });
    problems.extend(refused.map(|warning| problem(source, warning)));
    let mut policies = Vec::new();
    for policy in set.policies() {
        let named = policy.annotation("id").map(str::to_owned);
        // The parser numbers the policies of a text from 0: policy0, policy1, …
        let number = policy.id().to_string().trim_start_matches("policy").to_owned();
        let id = named.unwrap_or_else(|| format!("{}#{number}", source.name));
        for literal in policy.entity_literals() {
            if let Some(Err(error)) = types.literal(&literal) {
                let message = format!("policy `{id}` names {literal}: {error}");
                problems.push(PolicyProblem { file: source.name.clone(), position: None, message });
            }
        }
        policies.push(policy.new_id(PolicyId::new(id)));
    }
    if problems.is_empty() { Ok(policies) } else { Err(problems) }
}

/// Whether the outcome of a policy may hang on a person's groups: it names a group, or tests what the person is in.
fn asks_for_groups(policy: &Policy, types: &Types) -> bool {
    // What cannot be looked into counts as asking.
    policy.entity_literals().iter().any(|entity| types.is_group(entity))
        || policy.to_json().map_or(true, |json| json.get("conditions").is_some_and(tests_membership))
}

/// Whether Cedar's JSON of an expression has an `in` whose left side is not the resource or the action.
fn tests_membership(json: &serde_json::Value) -> bool {
    match json {
        serde_json::Value::Array(items) => items.iter().any(tests_membership),
        serde_json::Value::Object(fields) => fields.iter().any(|(name, value)| {
            let of_a_place = value.pointer("/left/Var").is_some_and(|var| var != "principal");
            let is_in = name == "in" || (name == "is" && value.get("in").is_some());
            let membership = is_in && value.get("left").is_some() && !of_a_place;
            membership || tests_membership(value)
        }),
        _ => false,
    }
}

fn problem(source: &Source, error: &(impl Diagnostic + fmt::Display)) -> PolicyProblem {
    let offset = error.labels().and_then(|mut labels| labels.next()).map(|label| label.offset());
    let head = offset.and_then(|offset| source.text.get(..offset));
    let position = head.map(|head| {
        let line = head.matches('\n').count().saturating_add(1);
        let column = head.rsplit('\n').next().map_or(0, |last| last.chars().count()).saturating_add(1);
        (line, column)
    });
    PolicyProblem { file: source.name.clone(), position, message: error.to_string() }
}
