//! Who the caller is.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::principal::{Principal, Proof};

/// The caller, as the identity provider's token says and the site's claim mapping keeps it.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Session {
    /// The issuer that vouches for the caller.
    pub issuer: String,
    /// The caller within that issuer. Issuer and subject together are the identity.
    pub subject: String,
    /// A name for display.
    pub name: String,
    /// The groups that policies can name.
    pub groups: Vec<String>,
    /// False when the identity provider left groups out of the token, so that absence proves nothing.
    pub groups_complete: bool,
    /// The highest label that the caller may see.
    pub clearance: String,
    /// `session` (cookie) or `bearer`.
    pub proof: String,
    /// When the session or token ends at the latest (RFC 3339).
    pub expires_at: String,
}

impl From<&Principal> for Session {
    fn from(principal: &Principal) -> Self {
        Self {
            issuer: principal.id.issuer.clone(),
            subject: principal.id.subject.clone(),
            name: principal.name.clone(),
            groups: principal.groups.iter().map(|group| group.as_str().to_owned()).collect(),
            groups_complete: principal.groups_complete,
            clearance: principal.clearance.as_str().to_owned(),
            proof: match principal.proof {
                Proof::Session => "session".to_owned(),
                Proof::Bearer => "bearer".to_owned(),
            },
            expires_at: principal.expires_at.to_string(),
        }
    }
}

/// A session that was ended.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct LoggedOut {
    /// Where a browser goes to end the login at the identity provider too; absent where it has no such page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_session_url: Option<String>,
}
