//! `logboom serve`: serves until told to stop.

use std::path::Path;

use rustix::io::Errno;
use rustix::process::{DumpableBehavior, set_dumpable_behavior};
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::cli::error::CliError;
use crate::config::Config;
use crate::telemetry;

/// Serves with the configuration in a file.
pub fn run(file: &Path) -> Result<(), CliError> {
    // Before anything secret is read.
    let private = keep_memory_private();
    let config = Config::load(Some(file))?;
    telemetry::start(&config.telemetry).map_err(|error| CliError::failed(&error))?;
    if let Err(error) = private {
        tracing::warn!(%error, "the memory of the process can be dumped and read by its own user");
    }
    runtime()?.block_on(async {
        let app = App::build(config).await.map_err(|error| CliError::failed(&error))?;
        tracing::info!(address = %app.address(), "serving");
        app.run(stop_signal()?).await;
        Ok(())
    })
}

/// No core dump is written of a process that holds credentials, and no other process of the same user reads its memory.
/// Source: `PR_SET_DUMPABLE(2const)` of the Linux manual.
pub fn keep_memory_private() -> Result<(), Errno> {
    set_dumpable_behavior(DumpableBehavior::NotDumpable)
}

/// The runtime of the process.
pub fn runtime() -> Result<Runtime, CliError> {
    Runtime::new().map_err(|error| CliError::failed(&error))
}

/// A token that SIGTERM or SIGINT cancels. The task that waits for them lives as long as the token is waited on.
pub fn stop_signal() -> Result<CancellationToken, CliError> {
    let token = CancellationToken::new();
    let cancel = token.clone();
    let mut terminate = signal(SignalKind::terminate()).map_err(|error| CliError::failed(&error))?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(|error| CliError::failed(&error))?;
    #[expect(clippy::disallowed_methods, reason = "the process's own signals have no owner but the process")]
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        cancel.cancel();
    });
    Ok(token)
}
