//! What a person can do: the product's list of actions and their text form.

use std::fmt;

/// The name of an action, as policies, decisions and audit write it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ActionName {
    /// See the keys below a prefix.
    ListObjects,
    /// Read an object's bytes and metadata.
    ReadObject,
    /// Make a link that lets its holder read one object for a short time.
    CreateLink,
    /// Get a credential of the cloud that reads some folders for a short time.
    VendCredentials,
    /// See what a bucket's redaction takes away from others.
    ReadUnredacted,
}

impl ActionName {
    /// Every action, in the order in which answers list them.
    pub const ALL: [Self; 5] =
        [Self::ListObjects, Self::ReadObject, Self::CreateLink, Self::VendCredentials, Self::ReadUnredacted];

    /// The name as text, equal to the action's id in Cedar.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ListObjects => "ListObjects",
            Self::ReadObject => "ReadObject",
            Self::CreateLink => "CreateLink",
            Self::VendCredentials => "VendCredentials",
            Self::ReadUnredacted => "ReadUnredacted",
        }
    }

    /// Parses the exact name.
    ///
    /// # Errors
    /// [`UnknownAction`] when no action bears the name.
    pub fn parse(text: &str) -> Result<Self, UnknownAction> {
        Self::ALL.into_iter().find(|action| action.as_str() == text).ok_or(UnknownAction)
    }
}

impl fmt::Display for ActionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// No action bears the given name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "no such action; the actions are ListObjects, ReadObject, CreateLink, VendCredentials and ReadUnredacted"
)]
pub struct UnknownAction;
