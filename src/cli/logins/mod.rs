//! Logins of the command line: how one is made, where it is kept, how it is renewed.

use std::path::PathBuf;
use std::sync::Arc;

use url::Url;

use crate::api::login::CommandLineLogin;
use crate::authn::fetch::FetchError;
use crate::authn::options;
use crate::authn::program::{Program, Tokens};
use crate::cli::error::CliError;
use crate::cli::logins::folder::Folder;
use crate::client::is_loopback;
use crate::domain::time::Clock;

pub mod browser;
pub mod folder;
pub mod loopback;
pub mod renewal;

/// A login to one server.
#[derive(Debug, Clone)]
pub struct Login {
    /// The server.
    pub server: Url,
    /// The identity provider, as the server told it at the login.
    pub provider: CommandLineLogin,
    /// What the provider gave.
    pub tokens: Tokens,
}

/// The program's side of an identity provider. Plain HTTP is for one on this machine that a server on this machine names: a
/// server elsewhere has no business with what listens here.
///
/// # Errors
/// [`FetchError`] when there can be no HTTP client.
pub fn program(
    server: &Url,
    provider: &CommandLineLogin,
    clock: Arc<dyn Clock>,
) -> Result<Program, FetchError> {
    let login = options::CommandLineLogin {
        name: provider.name.clone(),
        issuer: provider.issuer.clone(),
        endpoint_hosts: provider.endpoint_hosts.clone(),
        client: options::CommandLineOptions {
            client_id: provider.client_id.clone(),
            scopes: provider.scopes.clone(),
            resource: provider.resource.clone(),
        },
    };
    let issuer_here = Url::parse(&provider.issuer).is_ok_and(|issuer| is_loopback(&issuer));
    Program::new(&login, issuer_here && is_loopback(server), clock)
}

/// Where logins are kept: the state folder of the XDG base directory specification.
#[derive(Debug, Clone, clap::Args)]
pub struct Home {
    // Only for the variables.
    #[arg(long, env = "XDG_STATE_HOME", hide = true)]
    state_home: Option<PathBuf>,
    #[arg(long, env = "HOME", hide = true)]
    home: Option<PathBuf>,
}

impl Home {
    /// The folder of logins.
    ///
    /// # Errors
    /// [`CliError`] when there is no home for it.
    pub fn folder(&self) -> Result<Folder, CliError> {
        // The specification has relative paths ignored.
        let absolute = |path: &Option<PathBuf>| path.clone().filter(|path| path.is_absolute());
        let below_home = || absolute(&self.home).map(|home| home.join(".local/state"));
        let state = absolute(&self.state_home).or_else(below_home);
        let state = state.ok_or_else(|| {
            CliError::remote("there is no folder to keep a login in").hint("set HOME or XDG_STATE_HOME")
        })?;
        Ok(Folder::new(state.join("logboom/logins")))
    }
}
