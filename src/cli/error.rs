//! Why a command failed: what scripts see as an exit code, and what people read.

use std::error::Error;
use std::process::ExitCode;

use crate::config::InvalidConfig;
use crate::telemetry::error_chain;

/// What kind of failure it was. The codes are part of the command line's contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// 1: something failed.
    Failed,
    /// 2: the command line is wrong (clap's own code).
    Usage,
    /// 3: the configuration is wrong.
    Config,
    /// 4: a check found problems.
    Found,
    /// 2: the server refused or failed, or a file of this machine did. Of a search, 1 means that nothing was found.
    Remote,
}

/// A failed command.
#[derive(Debug)]
pub struct CliError {
    /// What kind.
    pub kind: Kind,
    /// What happened, causes included.
    pub message: String,
    /// What can be done.
    pub hints: Vec<String>,
}

impl CliError {
    /// A failure with its causes.
    pub fn failed(error: &(dyn Error + 'static)) -> Self {
        Self { kind: Kind::Failed, message: error_chain(error), hints: Vec::new() }
    }

    /// A check that found something; the findings were printed already.
    pub fn found(message: impl Into<String>) -> Self {
        Self { kind: Kind::Found, message: message.into(), hints: Vec::new() }
    }

    /// A verb of engineers failed.
    pub fn remote(message: impl Into<String>) -> Self {
        Self { kind: Kind::Remote, message: message.into(), hints: Vec::new() }
    }

    /// The command line is wrong.
    pub fn usage(message: impl Into<String>) -> Self {
        Self { kind: Kind::Usage, message: message.into(), hints: Vec::new() }
    }

    /// Standard output cannot be written.
    #[must_use]
    pub fn output(error: &std::io::Error) -> Self {
        Self { kind: Kind::Failed, message: format!("cannot write: {}", error.kind()), hints: Vec::new() }
    }

    /// Adds what can be done.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// The exit code.
    #[must_use]
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self.kind {
            Kind::Failed => 1,
            Kind::Usage | Kind::Remote => 2,
            Kind::Config => 3,
            Kind::Found => 4,
        })
    }
}

impl From<InvalidConfig> for CliError {
    fn from(error: InvalidConfig) -> Self {
        Self { kind: Kind::Config, message: error.to_string(), hints: Vec::new() }
            .hint("docs/admin/configuration.md explains every setting")
    }
}
