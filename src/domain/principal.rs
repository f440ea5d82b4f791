//! Who is behind a request: built by `authn` alone, from a token that was verified.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use crate::domain::label::Label;
use crate::domain::time::Timestamp;

/// A group that a policy can name. Kept only when the site's claim mapping lists it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Group(Arc<str>);

impl Group {
    /// Takes a group's name: 1 to 256 bytes without control characters.
    ///
    /// # Errors
    /// [`InvalidGroup`] otherwise.
    pub fn parse(text: &str) -> Result<Self, InvalidGroup> {
        if text.is_empty() || text.len() > 256 || text.chars().any(char::is_control) {
            return Err(InvalidGroup);
        }
        Ok(Self(text.into()))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The text is no group name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a group is 1 to 256 bytes without control characters")]
pub struct InvalidGroup;

/// A person's or service's identity: issuer and subject together, never an e-mail address or a name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PrincipalId {
    /// The exact issuer of the token.
    pub issuer: String,
    /// The subject within that issuer.
    pub subject: String,
}

impl fmt::Display for PrincipalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.issuer, self.subject)
    }
}

/// How the caller proved who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// A session cookie.
    Session,
    /// A bearer access token.
    Bearer,
}

/// The verified person or service behind a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// Issuer and subject.
    pub id: PrincipalId,
    /// A name for display only.
    pub name: String,
    /// The mapped groups.
    pub groups: BTreeSet<Group>,
    /// False when the identity provider left groups out of the token (overage), so that absence proves nothing.
    pub groups_complete: bool,
    /// The highest label that the person may see.
    pub clearance: Label,
    /// How they proved it.
    pub proof: Proof,
    /// When the proof ends.
    pub expires_at: Timestamp,
}
