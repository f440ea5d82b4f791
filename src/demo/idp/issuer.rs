//! Where the demo's identity provider lives: an issuer URL that cannot be anything but loopback.

use url::{Host, Url};

use crate::demo::error::DemoError;

/// The path below which every endpoint of the demo's identity provider lies.
pub const BASE_PATH: &str = "/demo-idp";

/// The public origin of a demo, proven to be loopback.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issuer {
    origin: String,
    authority: String,
}

impl Issuer {
    /// Takes the public URL of the demo: `http` or `https`, a loopback host (127.0.0.0/8, `[::1]`, `localhost`), a port.
    ///
    /// # Errors
    /// [`DemoError`] for any other host, and for a URL with a path, query, fragment or user.
    pub fn parse(public_url: &str) -> Result<Self, DemoError> {
        let url = Url::parse(public_url).map_err(|cause| DemoError::InvalidUrl { cause })?;
        let loopback = match url.host() {
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            Some(Host::Domain(name)) => name == "localhost",
            None => false,
        };
        if !loopback || !matches!(url.scheme(), "http" | "https") {
            let host = url.host_str().unwrap_or(public_url).chars().take(256).collect();
            return Err(DemoError::NotLoopback { host });
        }
        let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
        if !bare || !url.username().is_empty() || url.password().is_some() {
            return Err(DemoError::NotAnOrigin);
        }
        let origin = url.origin().ascii_serialization();
        let authority = url.authority().to_owned();
        Ok(Self { origin, authority })
    }

    /// Scheme, host and port, as a browser writes an origin.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Host and port, as the `Host` header carries them.
    #[must_use]
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// The issuer's identifier, compared exactly: `http://127.0.0.1:8080/demo-idp`.
    #[must_use]
    pub fn id(&self) -> String {
        self.endpoint("")
    }

    /// The URL of an endpoint below the issuer.
    #[must_use]
    pub fn endpoint(&self, path: &str) -> String {
        format!("{}{BASE_PATH}{path}", self.origin)
    }

    /// The one address that codes are sent to.
    #[must_use]
    pub fn redirect_uri(&self) -> String {
        format!("{}/auth/callback", self.origin)
    }

    /// The one address that a logout returns to.
    #[must_use]
    pub fn post_logout_redirect_uri(&self) -> String {
        format!("{}/", self.origin)
    }
}
