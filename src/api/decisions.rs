//! "May I do this, and why?"

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A question about the caller's own permission. Give `key` or `prefix` or neither (the whole bucket).
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DecisionRequest {
    /// `ListObjects`, `ReadObject`, `CreateLink`, `VendCredentials` or `ReadUnredacted`.
    pub action: String,
    /// The bucket's id.
    pub bucket: String,
    /// An object's exact key.
    #[serde(default)]
    pub key: Option<String>,
    /// A prefix: empty or ending in `/`.
    #[serde(default)]
    pub prefix: Option<String>,
}

/// The answer.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = Decision)]
pub struct DecisionView {
    /// Whether it is allowed.
    pub allowed: bool,
    /// Ids of the policies that determined the answer; empty when nothing permits.
    pub determined_by: Vec<String>,
    /// Ids of policies that could not be evaluated; any of them makes the answer no.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<String>,
}
