//! `logboom check-config`: reads the configuration and the policies and says everything that is wrong; with `--live` it
//! also tries what they name.

use crate::app::live;
use crate::authz::Authorizer;
use crate::cli::ConfigFile;
use crate::cli::commands::live_report;
use crate::cli::commands::serve::{keep_memory_private, runtime, stop_signal};
use crate::cli::error::{CliError, Kind};
use crate::cli::printer::Printer;
use crate::config::Config;
use crate::service::live_check::Report;
use crate::telemetry::error_chain;

const HELP: &str = "\
With --live:
  signs in to Vault, where one is configured, has it make one data key where sessions are sealed by transit
  and one signature where receipts are signed by transit,
  gets the credential of each bucket and lists one object, as the service will; reads no object
  prints a table, and for each failure what to do, with the least policy of Vault or permission of the cloud
  gives back what it was lent, and its token, at the end
A secret id that works once (wrapped = true, or secret_id_num_uses = 1) is spent by signing in.

Exit codes: 0 all is well, 3 the configuration or the policies are wrong, 4 a problem was found.";

/// What to check.
#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
pub struct Arguments {
    #[command(flatten)]
    file: ConfigFile,
    /// Also signs in to Vault, gets each credential, and lists one object of each bucket.
    #[arg(long)]
    live: bool,
    /// Prints JSON.
    #[arg(long, requires = "live")]
    json: bool,
    /// Spends the wrapped secret id, which then has to be delivered anew for the service.
    #[arg(long, requires = "live")]
    spend_wrapped: bool,
}

/// Checks. Without `--live` nothing is started, and the network is not asked.
pub fn run(arguments: &Arguments, printer: &Printer) -> Result<(), CliError> {
    if arguments.live {
        // Before anything secret is read. It is no reason not to check.
        let _best_effort = keep_memory_private();
    }
    let file = &arguments.file.config;
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
        config.credentials.len() + config.lent.len(),
        config.identity.options.providers.len(),
        config.policies.display(),
    );
    if !arguments.json {
        printer.data(&summary)?;
    }
    if arguments.live { try_out(config, arguments, printer) } else { Ok(()) }
}

fn try_out(config: Config, arguments: &Arguments, printer: &Printer) -> Result<(), CliError> {
    let spends = config.vault.as_ref().is_some_and(crate::config::vault::Vault::spends_its_secret);
    if spends && !arguments.spend_wrapped {
        let message = "the secret id for Vault is wrapped, and signing in would spend it".to_owned();
        let hint =
            "deliver one for the check, and another one for the service afterwards; then add --spend-wrapped";
        return Err(CliError { kind: Kind::Usage, message, hints: vec![hint.to_owned()] });
    }
    let report = runtime()?.block_on(async {
        let stop = stop_signal()?;
        live::check(config, &stop).await.map_err(|error| CliError::failed(&error))
    })?;
    let Some(report) = report else {
        return Err(CliError {
            kind: Kind::Failed,
            message: "it was told to stop".to_owned(),
            hints: Vec::new(),
        });
    };
    let text = if arguments.json { live_report::as_json(&report) } else { live_report::as_text(&report) };
    printer.data(&text)?;
    verdict(&report)
}

fn verdict(report: &Report) -> Result<(), CliError> {
    match report.failures() {
        0 => Ok(()),
        1 => Err(CliError::found("1 of these does not work")),
        more => Err(CliError::found(format!("{more} of these do not work"))),
    }
}
