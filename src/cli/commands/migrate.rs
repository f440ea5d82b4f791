//! `logboom migrate`: brings the state store's tables up to date.

use std::path::Path;

use crate::cli::commands::serve::runtime;
use crate::cli::error::CliError;
use crate::cli::printer::Printer;
use crate::config::Config;
use crate::db::Db;

/// Runs every migration that is still open.
pub fn run(file: &Path, printer: &Printer) -> Result<(), CliError> {
    let config = Config::load(Some(file))?;
    runtime()?.block_on(async {
        let options = crate::db::Options { migrate_at_start: false, ..config.state };
        let db = Db::open(&options).await.map_err(|error| CliError::failed(&error))?;
        db.migrate().await.map_err(|error| CliError::failed(&error))
    })?;
    printer.data("the state store is up to date\n")
}
