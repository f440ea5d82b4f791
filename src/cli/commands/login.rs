//! `logboom login`: a person proves to their identity provider who they are, in a browser, and the tokens are kept.

use std::sync::Arc;
use std::time::Duration;

use reqwest::{Method, StatusCode};

use crate::api::login::{CommandLineLogin, LoginOptions};
use crate::api::session::Session;
use crate::authn::code_flow::LoginError;
use crate::authn::program::device::DeviceError;
use crate::authn::program::{Program, Tokens};
use crate::cli::commands::serve::runtime;
use crate::cli::error::{CliError, Kind};
use crate::cli::logins::folder::Folder;
use crate::cli::logins::loopback::Loopback;
use crate::cli::logins::{Home, Login, browser, program};
use crate::cli::printer::Printer;
use crate::cli::remote::Server;
use crate::cli::terminal::safe;
use crate::client::{Client, ClientError};
use crate::domain::time::SystemClock;

/// How long a login in a browser may take, as on the server.
const LOGIN_TIME: Duration = Duration::from_mins(10);

/// Logs in to a server with a browser, and keeps the login.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The login is kept in $XDG_STATE_HOME/logboom/logins (else ~/.local/state/logboom/logins), a file for each server that only
you can read, and is renewed by itself as long as the identity provider allows. `logboom logout` ends it.

Examples:
  logboom login --server https://logs.example.com
  logboom login --server https://logs.example.com --device      # no browser on this machine")]
pub struct Arguments {
    #[command(flatten)]
    server: Server,
    /// One of several identity providers, by its name.
    #[arg(long, value_name = "NAME")]
    idp: Option<String>,
    /// Shows a code to type in on another device, for machines without a browser.
    #[arg(long)]
    device: bool,
    /// Prints the address, and opens no browser.
    #[arg(long, conflicts_with = "device")]
    no_browser: bool,
    /// The port on 127.0.0.1 that the browser comes back to, where the identity provider knows one alone; any when 0.
    #[arg(long, value_name = "PORT", default_value_t = 0, conflicts_with = "device")]
    port: u16,
    #[command(flatten)]
    home: Home,
}

/// Logs in.
pub fn run(arguments: &Arguments, printer: &Printer) -> Result<(), CliError> {
    let folder = arguments.home.folder()?;
    // Whoever cannot keep a login is told before they go to the browser.
    drop(folder.lock()?);
    runtime()?.block_on(log_in(arguments, &folder, printer))
}

async fn log_in(arguments: &Arguments, folder: &Folder, printer: &Printer) -> Result<(), CliError> {
    let server = &arguments.server.address;
    let provider = provider(arguments).await?;
    let program = program(server, &provider, Arc::new(SystemClock));
    let program = program.map_err(|error| CliError::failed(&error))?;
    let tokens = if arguments.device {
        on_another_device(&program, printer).await?
    } else {
        in_a_browser(&program, arguments, printer).await?
    };
    let session = match session(arguments, &tokens).await {
        Ok(session) => session,
        Err(error) => {
            give_back(&program, &tokens).await;
            return Err(error);
        }
    };
    let renewed = tokens.refresh_token.is_some();
    let login = Login { server: server.clone(), provider, tokens };
    keep(folder, login).await?;
    let until = if renewed { String::new() } else { format!(" until {}", session.expires_at) };
    printer.note(&format!(
        "logged in to {server} as {} ({}){until}",
        safe(&session.name),
        safe(&session.subject)
    ));
    Ok(())
}

/// Which identity provider the server sends people to.
async fn provider(arguments: &Arguments) -> Result<CommandLineLogin, CliError> {
    let client = Client::anonymous(&arguments.server.address)?;
    let options: LoginOptions = match client.read(client.ask(Method::GET, ["login-options"])).await {
        Err(ClientError::Refused(problem)) if problem.status == StatusCode::NOT_FOUND => {
            return Err(CliError::remote("this server is too old for logins on the command line")
                .hint("set LOGBOOM_TOKEN, or name a file with a token: --token-file FILE"));
        }
        options => options?,
    };
    let mut offered = options.command_line.into_iter();
    let Some(name) = &arguments.idp else {
        return offered.next().ok_or_else(|| {
            CliError::remote("logins on the command line are not set up at this server")
                .hint(
                    "whoever runs it registers a public client and names it: identity.command_line.client_id",
                )
                .hint("until then, set LOGBOOM_TOKEN, or name a file with a token: --token-file FILE")
        });
    };
    let names: Vec<_> = offered.clone().map(|provider| safe(&provider.name)).collect();
    offered.find(|provider| provider.name == *name).ok_or_else(|| {
        let message = "no identity provider of this server bears this name".to_owned();
        CliError { kind: Kind::Usage, message, hints: vec![format!("there are: {}", names.join(", "))] }
    })
}

async fn in_a_browser(
    program: &Program,
    arguments: &Arguments,
    printer: &Printer,
) -> Result<Tokens, CliError> {
    let page = Loopback::bind(arguments.port).await.map_err(|error| {
        CliError::failed(&error).hint("the browser comes back to a port on 127.0.0.1; --port chooses another")
    })?;
    let address = page.address().clone();
    let begun = program.begin(&address).await.map_err(|error| failed(&error))?;
    printer.note(&format!("Log in here:\n\n  {}\n", begun.location));
    if !arguments.no_browser && browser::open(&begun.location).is_err() {
        printer.note("No browser could be opened; open the address yourself, or log in with --device.");
    }
    let answer = tokio::time::timeout(LOGIN_TIME, page.wait(&begun.state, printer)).await;
    let answer = answer.map_err(|_| CliError::remote("nobody logged in for ten minutes"))?;
    let answer = answer.map_err(|error| CliError::failed(&error))?;
    program.finish(&begun.flow, &address, &answer).await.map_err(|error| failed(&error))
}

async fn on_another_device(program: &Program, printer: &Printer) -> Result<Tokens, CliError> {
    let device = program.begin_device().await.map_err(|error| not_on_a_device(&error))?;
    let code = safe(&device.user_code);
    printer.note(&format!(
        "Open this address on any device:\n\n  {}\n\nand type in this code: {code}\n",
        device.page
    ));
    if let Some(page) = &device.page_with_code {
        printer.note(&format!("The same with the code in it:\n\n  {page}\n"));
    }
    program.wait(&device, tokio::time::sleep).await.map_err(|error| not_on_a_device(&error))
}

/// Asks the server whom it takes the tokens for: a login that it does not know is none.
async fn session(arguments: &Arguments, tokens: &Tokens) -> Result<Session, CliError> {
    let client = Client::new(&arguments.server.address, Arc::new(tokens.access_token.clone()))?;
    client.read(client.ask(Method::GET, ["session"])).await.map_err(|error| match error {
        ClientError::NotRecognised { problem, .. } => CliError::remote(
            "the identity provider logged you in, but the server does not take its access token",
        )
        .hint("for whoever runs the server: it is opaque, or its audience is not in identity.audiences")
        .hint(format!("request id: {}", problem.request_id)),
        other => other.into(),
    })
}

async fn give_back(program: &Program, tokens: &Tokens) {
    if let Some(token) = &tokens.refresh_token {
        // What stopped the login is told; this is only tidied up.
        let _revoked = program.revoke(token).await;
    }
}

async fn keep(folder: &Folder, login: Login) -> Result<(), CliError> {
    let folder = folder.clone();
    let kept = tokio::task::spawn_blocking(move || folder.lock()?.write(&login)).await;
    Ok(kept.map_err(|error| CliError::failed(&error))??)
}

fn failed(error: &LoginError) -> CliError {
    CliError { kind: Kind::Remote, ..CliError::failed(error) }
}

fn not_on_a_device(error: &DeviceError) -> CliError {
    let told = CliError { kind: Kind::Remote, ..CliError::failed(error) };
    match error {
        DeviceError::NotOffered => told.hint("log in without --device"),
        DeviceError::Expired => told.hint("run the command again for another code"),
        DeviceError::Denied | DeviceError::Login(_) => told,
    }
}
