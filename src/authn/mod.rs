//! Who is asking: sessions and bearer tokens in, one principal out.

pub mod authenticator;

pub use authenticator::{Authenticated, Authenticator, AuthnError, BuildError, Options};
