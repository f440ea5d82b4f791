//! `logboom logout`: forgets a login, and gives its refresh token back.

use std::sync::Arc;

use crate::authn::program::Revocation;
use crate::cli::commands::serve::runtime;
use crate::cli::error::CliError;
use crate::cli::logins::{Home, Login, program};
use crate::cli::printer::Printer;
use crate::cli::remote::Server;
use crate::domain::time::SystemClock;
use crate::telemetry::error_chain;

/// Ends the login to a server and forgets it.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    server: Server,
    #[command(flatten)]
    home: Home,
}

/// Logs out.
pub fn run(arguments: &Arguments, printer: &Printer) -> Result<(), CliError> {
    let (folder, server) = (arguments.home.folder()?, &arguments.server.address);
    let locked = folder.lock()?;
    let login = folder.read(server);
    // What cannot be read, or others could read, goes all the same.
    locked.remove(server)?;
    match login {
        Ok(Some(login)) => {
            runtime()?.block_on(end(&login, printer));
            printer.note(&format!("logged out of {server}"));
        }
        Ok(None) => printer.note(&format!("nobody is logged in to {server}")),
        Err(error) => {
            printer.note(&format!("warning: {}", error_chain(&error)));
            printer.note("warning: the file is removed; the login at the identity provider goes on");
        }
    }
    Ok(())
}

/// Ends it at the identity provider. Here it has ended already.
async fn end(login: &Login, printer: &Printer) {
    let Some(token) = &login.tokens.refresh_token else { return };
    let goes_on = |why: &str| {
        printer.note(&format!("warning: the refresh token was not given back: {why}; it ends with its time"));
    };
    match program(&login.server, &login.provider, Arc::new(SystemClock)) {
        Ok(program) => match program.revoke(token).await {
            Ok(Revocation::Done) => {}
            Ok(Revocation::NotOffered) => goes_on("the identity provider has no place for it"),
            Err(error) => goes_on(&error_chain(&error)),
        },
        Err(error) => goes_on(&error_chain(&error)),
    }
}
