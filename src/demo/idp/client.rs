//! The demo's two clients. Both are public, so they prove themselves by PKCE alone.

use url::{Host, Url};

use crate::demo::idp::issuer::Issuer;
use crate::demo::idp::params::Params;

/// The client of the service, for logins of browsers.
pub const CLIENT_ID: &str = "logboom-demo";

/// The client of the command line.
pub const COMMAND_LINE_CLIENT_ID: &str = "logboom-demo-cli";

/// Who asks for a login.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Client {
    /// The service.
    Service,
    /// A command line on this machine.
    CommandLine,
}

impl Client {
    /// Every client.
    pub const ALL: [Self; 2] = [Self::Service, Self::CommandLine];

    /// Its id.
    #[must_use]
    pub const fn id(self) -> &'static str {
        match self {
            Self::Service => CLIENT_ID,
            Self::CommandLine => COMMAND_LINE_CLIENT_ID,
        }
    }

    /// The client that a request names.
    #[must_use]
    pub fn of(params: &Params) -> Option<Self> {
        Self::ALL.into_iter().find(|client| params.is("client_id", client.id()))
    }

    /// Whether codes may go to an address: the service's own, or any port of 127.0.0.1 for the command line, which takes
    /// whichever is free (RFC 8252, section 7.3).
    #[must_use]
    pub fn returns_to(self, address: &str, issuer: &Issuer) -> bool {
        match self {
            Self::Service => address == issuer.redirect_uri(),
            Self::CommandLine => Url::parse(address).is_ok_and(|url| {
                let loopback = matches!(url.host(), Some(Host::Ipv4(ip)) if ip.octets() == [127, 0, 0, 1]);
                // Written exactly so, without a user, a query or anything else.
                let exactly = url.port().map(|port| format!("http://127.0.0.1:{port}/callback"));
                loopback && exactly.as_deref() == Some(address)
            }),
        }
    }
}
