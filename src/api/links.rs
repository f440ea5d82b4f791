//! Links: URLs that open one object for a short time.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Which object a link opens, and for how long.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LinkRequest {
    /// The exact key.
    pub key: String,
    /// How long, in seconds; at most what the site allows. The site's default when absent.
    #[serde(default)]
    #[schema(minimum = 1)]
    pub ttl_seconds: Option<u64>,
}

/// A link. Whoever holds it can read the object until it expires.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct Link {
    /// The URL at the cloud.
    pub url: String,
    /// When it stops working (RFC 3339).
    pub expires_at: String,
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Link").field("expires_at", &self.expires_at).finish_non_exhaustive()
    }
}
