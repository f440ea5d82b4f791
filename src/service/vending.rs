//! Vending.

use std::time::Duration;

use crate::domain::key::Prefix;

/// Bounds of vending.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// How long a credential lives when the caller does not say.
    pub default_ttl: Duration,
    /// At the most.
    pub max_ttl: Duration,
    /// Into how many credentials one scope may be divided.
    pub max_credentials: usize,
    /// How many objects are linked one by one where the cloud has no credential that is narrow enough.
    pub max_links: usize,
}

/// How vending is tried while the service runs.
#[derive(Debug, Clone)]
pub struct CanaryOptions {
    /// How often; `None` for never.
    pub every: Option<Duration>,
    /// The folder in which it is tried.
    pub folder: Prefix,
}
