//! What is sealed of a session: who it is, and the tokens that never leave the server.

use serde::{Deserialize, Serialize};

use crate::authn::oidc::Login;
use crate::domain::label::LabelOrder;
use crate::domain::principal::{Group, Principal, PrincipalId, Proof};
use crate::domain::time::Timestamp;

/// The sealed part of a session. A JSON text inside the seal, so that a later version can add members.
#[derive(Clone, Serialize, Deserialize)]
pub struct SessionRecord {
    /// The configured name of the identity provider.
    pub provider: String,
    /// The exact issuer.
    pub issuer: String,
    /// The subject.
    pub subject: String,
    name: String,
    groups: Vec<String>,
    groups_complete: bool,
    clearance: String,
    /// For the logout at the identity provider.
    pub id_token: String,
    /// Absent when the identity provider gave none.
    pub refresh_token: Option<String>,
    access_token_ends_at: Option<i64>,
    /// Until when a replica has taken it on itself to refresh.
    pub refreshing_until: Option<i64>,
}

impl std::fmt::Debug for SessionRecord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SessionRecord")
            .field("provider", &self.provider)
            .field("subject", &self.subject)
            .finish_non_exhaustive()
    }
}

impl Drop for SessionRecord {
    fn drop(&mut self) {
        use zeroize::Zeroize;
        self.id_token.zeroize();
        self.refresh_token.zeroize();
    }
}

impl SessionRecord {
    /// The record of a login.
    #[must_use]
    pub fn new(provider: &str, principal: &Principal, id_token: &str) -> Self {
        Self {
            provider: provider.to_owned(),
            issuer: principal.id.issuer.clone(),
            subject: principal.id.subject.clone(),
            name: principal.name.clone(),
            groups: principal.groups.iter().map(|group| group.as_str().to_owned()).collect(),
            groups_complete: principal.groups_complete,
            clearance: principal.clearance.as_str().to_owned(),
            id_token: id_token.to_owned(),
            refresh_token: None,
            access_token_ends_at: None,
            refreshing_until: None,
        }
    }

    /// The same with what the token endpoint gave beside the ID token.
    #[must_use]
    pub fn with_tokens(
        mut self,
        refresh_token: Option<String>,
        access_token_ends_at: Option<Timestamp>,
    ) -> Self {
        self.refresh_token = refresh_token;
        self.access_token_ends_at = access_token_ends_at.map(Timestamp::unix_millis);
        self
    }

    /// The record after a refresh: new tokens, and the person anew where a new ID token tells of them.
    /// `None` when that is somebody else.
    #[must_use]
    pub fn refreshed(&self, login: Login) -> Option<Self> {
        let mut record = self.clone();
        record.refreshing_until = None;
        if let (Some(principal), Some(id_token)) = (&login.principal, &login.id_token) {
            if principal.id.issuer != self.issuer || principal.id.subject != self.subject {
                return None;
            }
            record = Self::new(&self.provider, principal, id_token.expose());
            record.refresh_token.clone_from(&self.refresh_token);
        }
        if let Some(token) = login.refresh_token {
            record.refresh_token = Some(token.expose().clone());
        }
        record.access_token_ends_at = login.access_token_expires_at.map(Timestamp::unix_millis);
        Some(record)
    }

    /// When the access token ends, where the identity provider said so.
    #[must_use]
    pub fn access_token_ends_at(&self) -> Option<Timestamp> {
        self.access_token_ends_at.map(Timestamp::from_unix_millis)
    }

    /// When the session ends with its access token: at its end where no refresh token can follow it.
    #[must_use]
    pub fn ends_at(&self) -> Option<Timestamp> {
        if self.refresh_token.is_some() { None } else { self.access_token_ends_at() }
    }

    /// The principal, whose label must still be one of the site's.
    #[must_use]
    pub fn principal(&self, labels: &LabelOrder, expires_at: Timestamp) -> Option<Principal> {
        Some(Principal {
            id: PrincipalId { issuer: self.issuer.clone(), subject: self.subject.clone() },
            name: self.name.clone(),
            groups: self.groups.iter().map(|group| Group::parse(group)).collect::<Result<_, _>>().ok()?,
            groups_complete: self.groups_complete,
            clearance: labels.find(&self.clearance)?.clone(),
            proof: Proof::Session,
            expires_at,
        })
    }

    /// The text to seal.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Reads the text.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }
}
