//! `logboom check-config`: reads the configuration and the policies and says everything that is wrong.

use std::path::Path;

use crate::authz::Authorizer;
use crate::cli::error::{CliError, Kind};
use crate::cli::printer::Printer;
use crate::config::Config;
use crate::telemetry::error_chain;

/// Checks without starting anything and without asking the network.
pub fn run(file: &Path, printer: &Printer) -> Result<(), CliError> {
    let config = Config::load(Some(file))?;
    Authorizer::load(&config.policies).map_err(|error| CliError {
        kind: Kind::Config,
        message: error_chain(&error),
        hints: vec!["docs/admin/policies.md explains the policy files".to_owned()],
    })?;
    let summary = format!(
        "{} is well: {} buckets, {} credentials, {} identity providers, policies from {}\n",
        file.display(),
        config.buckets.len(),
        config.credentials.len(),
        config.identity.options.providers.len(),
        config.policies.display(),
    );
    printer.data(&summary)
}
