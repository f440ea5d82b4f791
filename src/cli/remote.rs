//! Which server the verbs of engineers ask, and as whom.

use std::path::{Path, PathBuf};

use reqwest::Method;
use url::Url;

use crate::cli::commands::serve::runtime;
use crate::cli::error::{CliError, Kind};
use crate::client::{Ask, Client, ClientError};
use crate::domain::secret::Secret;

/// The most bytes of a file with a token.
const MAX_TOKEN_BYTES: u64 = 64 * 1024;

/// The server, and the token that is shown to it.
#[derive(Debug, Clone, clap::Args)]
pub struct Remote {
    /// The server's address.
    #[arg(long, env = "LOGBOOM_SERVER", value_name = "URL", default_value = "http://127.0.0.1:8080")]
    server: Url,
    /// A file with an access token, or with the header that carries one. `LOGBOOM_TOKEN` can hold the token itself.
    #[arg(long, env = "LOGBOOM_TOKEN_FILE", value_name = "FILE")]
    token_file: Option<PathBuf>,
    // Only for the variable: on a command line everybody on the machine could read it.
    #[arg(long, env = "LOGBOOM_TOKEN", hide = true, hide_env_values = true)]
    token: Option<String>,
}

impl Remote {
    /// The server's address.
    #[must_use]
    pub const fn server(&self) -> &Url {
        &self.server
    }

    /// A client for what the server tells everybody.
    ///
    /// # Errors
    /// [`CliError`] when it could be changed on its way.
    pub fn open_client(&self) -> Result<Client, CliError> {
        Ok(Client::without_token(&self.server)?)
    }

    /// A client for it.
    ///
    /// # Errors
    /// [`CliError`] when there is no token, or it would travel unprotected.
    pub fn client(&self) -> Result<Client, CliError> {
        let token = match (&self.token, &self.token_file) {
            (Some(token), _) => Secret::new(token.clone()),
            (None, Some(file)) => from_file(file)?,
            (None, None) => {
                return Err(CliError::remote("no access token is given").hint(
                    "set LOGBOOM_TOKEN, or name a file that holds it: --token-file .demo/engineer.header",
                ));
            }
        };
        Ok(Client::new(&self.server, &token)?)
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
        if let ClientError::Refused(problem) = error {
            told.hints.extend(problem.hint);
            told.hints.extend(
                (!problem.reasons.is_empty()).then(|| format!("reasons: {}", problem.reasons.join(", "))),
            );
            told.hints.push(format!("request id: {}", problem.request_id));
        }
        told
    }
}
