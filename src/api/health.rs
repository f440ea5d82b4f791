//! Whether the service can do its work.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Readiness with each dependency.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Readiness {
    /// `ready`, `degraded` (a bucket, the identity provider or Vault is away) or `unavailable` (nothing can be answered).
    pub status: String,
    /// What the service depends on.
    pub dependencies: Vec<Dependency>,
}

/// One dependency.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Dependency {
    /// `state-store`, `identity-provider`, `vault`, `credential` or `bucket`.
    pub kind: String,
    /// Which one; absent where the caller has not to know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Whether the last look found it well.
    pub ok: bool,
    /// What was wrong, as a stable word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// How old this finding is.
    pub age_seconds: u64,
    /// How a lent credential stands: `unasked`, `held`, `ageing` (held, but not renewed in time) or `failing`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// Since how many seconds that credential is held.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_seconds: Option<u64>,
    /// For how many seconds more it may be used, where it has an end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left_seconds: Option<u64>,
}
