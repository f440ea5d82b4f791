//! Which server the verbs of engineers ask, and as whom.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use reqwest::Method;
use url::Url;

use crate::cli::commands::serve::runtime;
use crate::cli::error::{CliError, Kind};
use crate::cli::logins::Home;
use crate::cli::logins::folder::FolderError;
use crate::cli::logins::renewal::KeptLogin;
use crate::client::token::TokenSource;
use crate::client::{Ask, Client, ClientError};
use crate::domain::secret::Secret;
use crate::domain::time::SystemClock;

/// The most bytes of a file with a token.
const MAX_TOKEN_BYTES: u64 = 64 * 1024;

/// The server.
#[derive(Debug, Clone, clap::Args)]
pub struct Server {
    /// The server's address.
    #[arg(
        long = "server",
        env = "LOGBOOM_SERVER",
        value_name = "URL",
        default_value = "http://127.0.0.1:8080"
    )]
    pub address: Url,
}

/// The server, and the token that is shown to it.
#[derive(Debug, Clone, clap::Args)]
pub struct Remote {
    #[command(flatten)]
    server: Server,
    /// A file with an access token, or with the header that carries one. `LOGBOOM_TOKEN` can hold the token itself.
    /// Either goes before `logboom login`.
    #[arg(long, env = "LOGBOOM_TOKEN_FILE", value_name = "FILE")]
    token_file: Option<PathBuf>,
    // Only for the variable: on a command line everybody on the machine could read it.
    #[arg(long, env = "LOGBOOM_TOKEN", hide = true, hide_env_values = true)]
    token: Option<String>,
    #[command(flatten)]
    home: Home,
}

impl Remote {
    /// The server's address.
    #[must_use]
    pub const fn server(&self) -> &Url {
        &self.server.address
    }

    /// A client for what the server tells everybody.
    ///
    /// # Errors
    /// [`CliError`] when it could be changed on its way.
    pub fn open_client(&self) -> Result<Client, CliError> {
        Ok(Client::anonymous(&self.server.address)?)
    }

    /// A client for it.
    ///
    /// # Errors
    /// [`CliError`] when there is no token, or it would travel unprotected.
    pub fn client(&self) -> Result<Client, CliError> {
        let server = &self.server.address;
        // Before anybody is told that a token is missing, or one is looked for.
        Client::anonymous(server)?;
        let tokens: Arc<dyn TokenSource> = match (&self.token, &self.token_file) {
            (Some(token), _) => Arc::new(Secret::new(token.clone())),
            (None, Some(file)) => Arc::new(from_file(file)?),
            (None, None) => {
                let folder = self.home.folder()?;
                let login = folder.read(server)?.ok_or_else(|| {
                    CliError::remote("no access token is given, and nobody is logged in")
                        .hint(log_in(server.as_str()))
                        .hint("or set LOGBOOM_TOKEN, or name a file with a token: --token-file FILE")
                })?;
                Arc::new(KeptLogin::new(folder, login, Arc::new(SystemClock)))
            }
        };
        Ok(Client::new(server, tokens)?)
    }

    /// Does something with a client for it.
    ///
    /// # Errors
    /// [`CliError`] of what is done.
    pub fn run<T>(&self, work: impl AsyncFnOnce(Client) -> Result<T, CliError>) -> Result<T, CliError> {
        let client = self.client()?;
        runtime()?.block_on(work(client))
    }
}

fn from_file(file: &Path) -> Result<Secret<String>, CliError> {
    let failed = |error: std::io::Error| {
        CliError::remote(format!("cannot read the token in {}: {error}", file.display()))
    };
    let size = std::fs::metadata(file).map_err(failed)?.len();
    if size > MAX_TOKEN_BYTES {
        return Err(CliError::remote(format!("{} is too large to be a token", file.display())));
    }
    let text = std::fs::read_to_string(file).map_err(failed)?;
    let text = text.trim();
    Ok(Secret::new(text.strip_prefix("Authorization: Bearer ").unwrap_or(text).to_owned()))
}

/// A bucket, with a prefix or a key behind a slash.
#[derive(Debug, Clone)]
pub struct Place {
    /// The bucket's id.
    pub bucket: String,
    /// What stands behind it; may be empty.
    pub rest: String,
}

impl std::str::FromStr for Place {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (bucket, rest) = text.split_once('/').unwrap_or((text, ""));
        if bucket.is_empty() {
            return Err("expected a bucket, alone or with a prefix or key: payments/team-a/app.log");
        }
        Ok(Self { bucket: bucket.to_owned(), rest: rest.to_owned() })
    }
}

impl Place {
    /// The key, where it names an object.
    ///
    /// # Errors
    /// [`CliError`] when it names a bucket or a folder.
    pub fn key(&self) -> Result<&str, CliError> {
        if self.rest.is_empty() || self.rest.ends_with('/') {
            let message = format!("{}/{} is no object, but a place for objects", self.bucket, self.rest);
            return Err(CliError {
                kind: Kind::Usage,
                message,
                hints: vec!["logboom ls shows what lies there".to_owned()],
            });
        }
        Ok(&self.rest)
    }

    /// A request for the object. Its key goes into the query, since a path would have it cleaned on the way.
    ///
    /// # Errors
    /// [`CliError`] when it names no object.
    pub fn object(&self, client: &Client) -> Result<Ask, CliError> {
        Ok(client.ask(Method::GET, ["buckets", &self.bucket, "object"]).query("key", self.key()?))
    }
}

impl From<ClientError> for CliError {
    fn from(error: ClientError) -> Self {
        let mut told = Self { kind: Kind::Remote, ..Self::failed(&error) };
        let problem = match error {
            ClientError::Refused(problem) => problem,
            ClientError::NotRecognised { server, problem } => {
                // What the server would say of a browser's login is of no use here.
                told.hints.push(format!("{}; a token that is given goes before it", log_in(&server)));
                told.hints.push(format!("request id: {}", problem.request_id));
                return told;
            }
            ClientError::LoginEnded { server } => return told.hint(log_in(&server)),
            _ => return told,
        };
        told.hints.extend(problem.hint);
        told.hints.extend(
            (!problem.reasons.is_empty()).then(|| format!("reasons: {}", problem.reasons.join(", "))),
        );
        told.hints.push(format!("request id: {}", problem.request_id));
        told
    }
}

impl From<FolderError> for CliError {
    fn from(error: FolderError) -> Self {
        let told = Self { kind: Kind::Remote, ..Self::failed(&error) };
        match error {
            FolderError::NotPrivate { .. } => told.hint(
                "whoever read it may use the login: remove the file, log out at the identity provider, and log in again",
            ),
            FolderError::Malformed { .. } => told.hint("remove the file, and log in again"),
            FolderError::Io { .. } | FolderError::NotYours { .. } => told,
        }
    }
}

fn log_in(server: &str) -> String {
    format!("run: logboom login --server {}", server.trim_end_matches('/'))
}
