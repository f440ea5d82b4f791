//! Where a command line logs people in.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Where a command line can log in.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct LoginOptions {
    /// The identity providers that have a client for it, the default one first. Empty where this is not set up.
    pub command_line: Vec<CommandLineLogin>,
}

/// One identity provider, and the public client for command lines there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CommandLineLogin {
    /// The provider's name here.
    pub name: String,
    /// The issuer, exactly; its discovery document has the endpoints.
    pub issuer: String,
    /// Hosts beside the issuer's own on which endpoints may lie.
    #[serde(default)]
    pub endpoint_hosts: Vec<String>,
    /// The client, which has no secret: PKCE protects it.
    pub client_id: String,
    /// What to ask for.
    pub scopes: Vec<String>,
    /// The resource indicator (RFC 8707) to send along, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
}
