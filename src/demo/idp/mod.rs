//! An OpenID provider inside the demo's own process: authorization code with PKCE, logins on another device, refresh with
//! rotation, logout.
//!
//! It asks for no password, so it cannot be made for anything but a loopback address ([`Issuer::parse`]) and
//! answers no request that names another host. What it deliberately lacks: clients other than the demo's two,
//! dynamic registration, userinfo, and anything kept beyond the process.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use serde_json::json;

use crate::demo::error::DemoError;
use crate::demo::idp::device::Device;
use crate::demo::idp::issuer::Issuer;
use crate::demo::idp::keys::SigningKey;
use crate::demo::idp::shelf::Shelf;
use crate::domain::secret::Secret;
use crate::domain::time::{Clock, Timestamp};

mod answer;
mod authorize;
mod client;
mod device;
mod discovery;
pub mod issuer;
mod keys;
mod logout;
mod page;
mod params;
pub mod person;
mod routes;
mod shelf;
mod token;

#[cfg(test)]
mod tests;

pub use crate::demo::idp::client::{CLIENT_ID, COMMAND_LINE_CLIENT_ID, Client};
pub use crate::demo::idp::person::Person;

/// The audience of access tokens.
pub const API_AUDIENCE: &str = "logboom-demo-api";

/// How long an authorization code can be redeemed.
const CODE_TTL: Duration = Duration::from_mins(1);

/// How long a login on another device waits.
const DEVICE_TTL: Duration = Duration::from_mins(10);

/// How long access and ID tokens hold.
const TOKEN_TTL: Duration = Duration::from_mins(10);

/// How long a login can be refreshed without being used.
const REFRESH_TTL: Duration = Duration::from_hours(8);

/// How many codes, or refresh tokens, are held at once.
const SHELF_CAPACITY: usize = 10_000;

/// The demo's identity provider.
#[derive(Debug, Clone)]
pub struct DemoIdp(Arc<State>);

#[derive(Debug)]
struct State {
    issuer: Issuer,
    key: SigningKey,
    clock: Arc<dyn Clock>,
    codes: Shelf<Code>,
    devices: Shelf<Device>,
    /// The device codes that belong to what people type in.
    user_codes: Shelf<String>,
    refreshes: Shelf<Login>,
    /// Names that were used up, and the login they belonged to: a second use ends that login.
    spent: Shelf<String>,
}

/// One login of one person.
#[derive(Debug, Clone)]
struct Login {
    id: String,
    person: Person,
    client: Client,
    scope: String,
    at: Timestamp,
}

/// What an authorization code stands for.
#[derive(Debug)]
struct Code {
    login: Login,
    redirect_uri: String,
    challenge: String,
    nonce: Option<String>,
}

impl DemoIdp {
    /// Starts an identity provider for a demo at this public URL, with a fresh signing key.
    ///
    /// # Errors
    /// [`DemoError::NotLoopback`] unless the host is in 127.0.0.0/8, `[::1]` or `localhost`.
    pub fn new(public_url: &str, clock: Arc<dyn Clock>) -> Result<Self, DemoError> {
        Ok(Self(Arc::new(State {
            issuer: Issuer::parse(public_url)?,
            key: SigningKey::generate()?,
            clock,
            codes: Shelf::new(SHELF_CAPACITY, CODE_TTL),
            devices: Shelf::new(SHELF_CAPACITY, DEVICE_TTL),
            user_codes: Shelf::new(SHELF_CAPACITY, DEVICE_TTL),
            refreshes: Shelf::new(SHELF_CAPACITY, REFRESH_TTL),
            spent: Shelf::new(SHELF_CAPACITY, REFRESH_TTL),
        })))
    }

    /// The issuer's identifier, as tokens and discovery carry it.
    #[must_use]
    pub fn issuer(&self) -> String {
        self.0.issuer.id()
    }

    /// The endpoints, with their full paths below `/demo-idp`: merge it, since `nest` strips paths that others read.
    pub fn router(&self) -> Router {
        routes::router(Arc::clone(&self.0))
    }

    /// An access token for a person, as the token endpoint would give it, that holds for `ttl`.
    pub fn access_token_for(&self, person: Person, ttl: Duration) -> Result<Secret<String>, DemoError> {
        self.0.access_token(person, Client::Service, ttl).map(Secret::new)
    }
}

impl State {
    fn access_token(&self, person: Person, client: Client, ttl: Duration) -> Result<String, DemoError> {
        let now = self.clock.now();
        // RFC 9068 names these claims and the type.
        let claims = json!({
            "iss": self.issuer.id(),
            "aud": API_AUDIENCE,
            "sub": person.subject(),
            "client_id": client.id(),
            "iat": now.unix_seconds(),
            "exp": now.plus(ttl).unix_seconds(),
            "jti": keys::random_name()?,
            "name": person.name(),
            "groups": person.groups(),
            "clearance": person.clearance(),
        });
        self.key.sign("at+jwt", &claims)
    }

    fn id_token(&self, login: &Login, nonce: Option<&str>) -> Result<String, DemoError> {
        let now = self.clock.now();
        let person = login.person;
        let mut claims = json!({
            "iss": self.issuer.id(),
            "aud": login.client.id(),
            "sub": person.subject(),
            "sid": login.id,
            "iat": now.unix_seconds(),
            "exp": now.plus(TOKEN_TTL).unix_seconds(),
            "auth_time": login.at.unix_seconds(),
            "name": person.name(),
            "groups": person.groups(),
            "clearance": person.clearance(),
        });
        if let (Some(nonce), Some(claims)) = (nonce, claims.as_object_mut()) {
            claims.insert("nonce".to_owned(), nonce.into());
        }
        self.key.sign("JWT", &claims)
    }

    /// Ends a login: whatever it could still be renewed or redeemed with is gone.
    fn end(&self, login: &str) {
        self.codes.remove_where(|code| code.login.id == login);
        self.refreshes.remove_where(|held| held.id == login);
    }
}
