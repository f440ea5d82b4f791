//! `logboom openapi`: prints the contract.

use crate::cli::error::CliError;
use crate::cli::printer::Printer;
use crate::http::openapi;

/// Prints the contract as JSON.
pub fn run(printer: &Printer) -> Result<(), CliError> {
    let text = openapi::document().to_pretty_json().map_err(|error| CliError::failed(&error))?;
    printer.data(&format!("{text}\n"))
}
