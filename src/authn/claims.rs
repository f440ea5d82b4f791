//! From the claims of a verified token to a person: which claim means what is the site's configuration.
//!
//! Pure. Claims have strict types: a claim of another type than its meaning refuses the whole token, because a token
//! that says `"groups": 5` says nothing that can be relied on.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use crate::authn::claim_path::ClaimPath;
use crate::domain::label::Label;
use crate::domain::principal::Group;

/// The claims of a token.
pub type Claims = Map<String, Value>;

/// The most bytes of a subject. OpenID Connect Core section 2 allows 255.
const MAX_SUBJECT_BYTES: usize = 255;
/// The most bytes of a name that are kept.
const MAX_NAME_BYTES: usize = 256;

/// How a claim that is one text holds several names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Split {
    /// It does not: the text is one name, spaces and commas included.
    Whole,
    /// Names stand between commas.
    Commas,
    /// Names stand between spaces.
    Spaces,
}

/// Which claims say who somebody is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimMapping {
    /// The subject, `sub` unless the provider has a better one.
    pub subject: ClaimPath,
    /// The name for display: the first of these that is there.
    pub name: Vec<ClaimPath>,
    /// Groups or roles: all of these together.
    pub groups: Vec<ClaimPath>,
    /// How a groups claim that is one text is read.
    pub groups_split: Split,
    /// Where groups are objects: the member that holds the name.
    pub groups_member: Option<String>,
    /// Whether the provider always sends a groups claim, so that a token without any is incomplete.
    pub groups_required: bool,
    /// The provider's names of groups and what they are here. Exact; a name that is not listed is dropped.
    pub group_names: BTreeMap<String, Group>,
    /// The clearance; read like the groups, and the highest label of them counts.
    pub clearance: Option<ClaimPath>,
    /// The provider's words for clearances. Exact.
    pub clearance_names: BTreeMap<String, Label>,
    /// The clearance of a person for whom the token names none.
    pub lowest: Label,
}

/// What the claims say of a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// The subject within the issuer.
    pub subject: String,
    /// A name for display.
    pub name: String,
    /// The mapped groups.
    pub groups: BTreeSet<Group>,
    /// False when the token left groups out.
    pub groups_complete: bool,
    /// The clearance.
    pub clearance: Label,
}

/// A claim that cannot be taken for what it should say.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidClaims {
    /// The subject is missing, not a text, empty or too long.
    #[error("claim `{0}` is not a subject of 1 to 255 bytes")]
    Subject(String),
    /// The claim has another JSON type than its meaning needs.
    #[error("claim `{claim}` is not {expected}")]
    Type {
        /// The claim's path.
        claim: String,
        /// What it should have been.
        expected: &'static str,
    },
}

impl ClaimMapping {
    /// Reads a person out of the claims of a verified token.
    pub fn person(&self, claims: &Claims) -> Result<Person, InvalidClaims> {
        let subject = self.read_subject(claims)?;
        let name = self.read_name(claims)?.unwrap_or_else(|| subject.clone());
        let mut groups = BTreeSet::new();
        let mut present = false;
        for path in &self.groups {
            for name in self.names(claims, path)?.into_iter().inspect(|_| present = true).flatten() {
                groups.extend(self.group_names.get(name).cloned());
            }
        }
        let left_out = self.overage(claims)? || (self.groups_required && !self.groups.is_empty() && !present);
        let clearance = self.read_clearance(claims)?;
        Ok(Person { subject, name, groups, groups_complete: !left_out, clearance })
    }

    fn read_subject(&self, claims: &Claims) -> Result<String, InvalidClaims> {
        let subject = self.subject.find(claims).and_then(Value::as_str).unwrap_or_default();
        if subject.is_empty() || subject.len() > MAX_SUBJECT_BYTES || subject.chars().any(char::is_control) {
            return Err(InvalidClaims::Subject(self.subject.to_string()));
        }
        Ok(subject.to_owned())
    }

    fn read_name(&self, claims: &Claims) -> Result<Option<String>, InvalidClaims> {
        for path in &self.name {
            let Some(value) = path.find(claims) else { continue };
            let name = value.as_str().ok_or_else(|| wrong(path, "a text"))?;
            if !name.is_empty() {
                return Ok(Some(displayable(name)));
            }
        }
        Ok(None)
    }

    fn read_clearance(&self, claims: &Claims) -> Result<Label, InvalidClaims> {
        let Some(path) = &self.clearance else { return Ok(self.lowest.clone()) };
        let names = self.names(claims, path)?.unwrap_or_default();
        let highest =
            names.into_iter().filter_map(|name| self.clearance_names.get(name)).max_by_key(|l| l.rank());
        Ok(highest.unwrap_or(&self.lowest).clone())
    }

    /// The names that a claim holds; `None` when the token lacks it.
    fn names<'a>(&self, claims: &'a Claims, path: &ClaimPath) -> Result<Option<Vec<&'a str>>, InvalidClaims> {
        let Some(value) = path.find(claims) else { return Ok(None) };
        let names = match value {
            Value::String(text) => self.split(text),
            Value::Array(items) => items
                .iter()
                .map(|item| self.item(item).ok_or_else(|| wrong(path, "a list of names")))
                .collect::<Result<_, _>>()?,
            _ => return Err(wrong(path, "a name or a list of names")),
        };
        Ok(Some(names))
    }

    fn item<'a>(&self, item: &'a Value) -> Option<&'a str> {
        match item {
            Value::String(name) => Some(name),
            Value::Object(members) => members.get(self.groups_member.as_deref()?)?.as_str(),
            _ => None,
        }
    }

    fn split<'a>(&self, text: &'a str) -> Vec<&'a str> {
        match self.groups_split {
            Split::Whole => vec![text],
            Split::Commas => text.split(',').map(str::trim).filter(|name| !name.is_empty()).collect(),
            Split::Spaces => text.split(' ').filter(|name| !name.is_empty()).collect(),
        }
    }

    /// Whether the provider says that groups did not fit into the token (Entra ID: more than 200). The address of
    /// the rest, which the token offers too, is never called: it comes from the token.
    fn overage(&self, claims: &Claims) -> Result<bool, InvalidClaims> {
        let has_more = match claims.get("hasgroups") {
            None => false,
            Some(value) => boolean(value).ok_or_else(|| InvalidClaims::Type {
                claim: "hasgroups".to_owned(),
                expected: "true or false",
            })?,
        };
        let elsewhere = match claims.get("_claim_names") {
            None => claims.contains_key("_claim_sources"),
            Some(Value::Object(names)) => self.groups.iter().any(|path| names.contains_key(path.first())),
            Some(_) => {
                return Err(InvalidClaims::Type { claim: "_claim_names".to_owned(), expected: "an object" });
            }
        };
        Ok(has_more || elsewhere)
    }
}

/// A boolean claim. Some providers write it as text (CyberArk Identity documents `email_verified` so).
#[must_use]
pub fn boolean(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(value) => Some(*value),
        Value::String(text) if text.eq_ignore_ascii_case("true") => Some(true),
        Value::String(text) if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

fn wrong(path: &ClaimPath, expected: &'static str) -> InvalidClaims {
    InvalidClaims::Type { claim: path.to_string(), expected }
}

/// Names are shown, never compared: without control characters, and cut where they are long.
fn displayable(name: &str) -> String {
    let mut shown = String::new();
    for c in name.chars().filter(|c| !c.is_control()) {
        if shown.len() + c.len_utf8() > MAX_NAME_BYTES {
            break;
        }
        shown.push(c);
    }
    shown
}

#[cfg(test)]
mod tests;
