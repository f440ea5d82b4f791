//! What an operator sees: logs and metrics.

use std::error::Error;
use std::fmt::Write;

use tracing_subscriber::EnvFilter;

pub mod leases;
pub mod metrics;

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// One JSON object a line, for machines.
    Json,
    /// Text for a person at a terminal. Control characters are escaped.
    Text,
}

/// Settings of the logs.
#[derive(Debug, Clone)]
pub struct Options {
    /// How lines are written.
    pub format: LogFormat,
    /// Which lines are written, in the syntax of `tracing_subscriber::EnvFilter` (`info,logboom=debug`).
    pub filter: String,
}

/// Lines of the SDKs below these levels could hold headers with credentials, so no filter can switch them on.
const NEVER: [&str; 12] = [
    "aws_runtime=info",
    "aws_sdk_sts=info",
    "aws_smithy_runtime=info",
    "aws_sigv4=info",
    "aws_config=info",
    "hyper=info",
    "hyper_util=info",
    "h2=info",
    "reqwest=info",
    "rustify=warn",
    "typespec_client_core=info",
    "vaultrs=warn",
];

/// Starts writing logs to standard error. A second call changes nothing.
///
/// # Errors
/// [`InvalidFilter`] when the filter cannot be read.
pub fn start(options: &Options) -> Result<(), InvalidFilter> {
    let mut filter = EnvFilter::try_new(&options.filter).map_err(|_| InvalidFilter)?;
    for directive in NEVER {
        filter = filter.add_directive(directive.parse().map_err(|_| InvalidFilter)?);
    }
    let writer = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // An error here means that a subscriber is set already, as in tests; the first one stays.
    let _set = match options.format {
        LogFormat::Json => writer.json().flatten_event(true).try_init(),
        LogFormat::Text => writer.compact().try_init(),
    };
    Ok(())
}

/// The log filter cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the log filter is not one; write for example info or info,logboom=debug")]
pub struct InvalidFilter;

/// An error with all its causes in one line, each told once.
#[must_use]
pub fn error_chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(current) = cause {
        let _infallible = write!(text, ": {current}");
        cause = current.source();
    }
    text
}
