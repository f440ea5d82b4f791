//! Who is asking: sessions and bearer tokens in, one principal out.

pub mod authenticator;
pub mod bearer;
pub mod claim_path;
pub mod claims;
pub mod code_flow;
pub mod cookie;
pub mod discovery;
pub mod doctor;
pub mod fetch;
pub mod id_token;
pub mod jwt;
pub mod key_set;
pub mod keys;
pub mod login;
pub mod oidc;
pub mod options;
pub mod presets;
pub mod program;
mod random;
pub mod record;
mod refresh;
pub mod return_path;
mod revoke;
pub mod session;
pub mod standard;
mod strict_json;
mod token_endpoint;

#[cfg(test)]
mod testing;

pub use authenticator::{Authenticated, Authenticator, AuthnError, Away, BuildError};
pub use options::{Options, SessionLimits};
