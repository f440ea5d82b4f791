//! `logboom man`: the manual, made from the same words as `--help`.

use std::fs;
use std::path::PathBuf;

use clap::Command;
use clap_mangen::{Man, generate_to};

use crate::cli::error::CliError;
use crate::cli::printer::Printer;

/// Prints the manual of a command, or writes all of them into a folder.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  logboom man search | man -l -
  logboom man --directory ~/.local/share/man/man1")]
pub struct Arguments {
    /// The command, such as `search` or `idp doctor`; the program itself when absent.
    #[arg(value_name = "COMMAND", conflicts_with = "directory")]
    command: Vec<String>,
    /// Writes a page for each command into this folder.
    #[arg(long, value_name = "DIR")]
    directory: Option<PathBuf>,
}

/// Prints or writes.
pub fn run(arguments: &Arguments, mut program: Command, printer: &Printer) -> Result<(), CliError> {
    if let Some(folder) = &arguments.directory {
        let written = fs::create_dir_all(folder).and_then(|()| generate_to(program, folder));
        return written
            .map_err(|error| CliError::usage(format!("cannot write into {}: {error}", folder.display())));
    }
    // Gives each command its whole name.
    program.build();
    let mut command = &program;
    for name in &arguments.command {
        command = command.find_subcommand(name).ok_or_else(|| {
            CliError::usage(format!("there is no command `{name}`")).hint("logboom --help lists them")
        })?;
    }
    let mut text = Vec::new();
    Man::new(command.clone()).render(&mut text).map_err(|error| CliError::failed(&error))?;
    printer.stream(&text).map(drop)
}
