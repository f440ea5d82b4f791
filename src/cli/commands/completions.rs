//! `logboom completions`: what a shell needs to complete commands and options.

use clap::Command;
use clap_complete::{Shell, generate};

use crate::cli::error::CliError;
use crate::cli::printer::Printer;

/// Prints what a shell needs to complete commands and options.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Where it goes, as a rule:
  bash  logboom completions bash > ~/.local/share/bash-completion/completions/logboom
  zsh   logboom completions zsh > a folder of $fpath, as _logboom
  fish  logboom completions fish > ~/.config/fish/completions/logboom.fish")]
pub struct Arguments {
    /// The shell.
    #[arg(value_enum)]
    shell: Shell,
}

/// Prints it.
pub fn run(arguments: &Arguments, command: &Command, printer: &Printer) -> Result<(), CliError> {
    let mut text = Vec::new();
    generate(arguments.shell, &mut visible(command), "logboom", &mut text);
    printer.stream(&text).map(drop)
}

/// The command without what is hidden: what is there for variables alone has no place on a command line, and the generators
/// do not ask.
fn visible(command: &Command) -> Command {
    let arguments = command.get_arguments().filter(|argument| !argument.is_hide_set()).cloned();
    let mut shown = Command::new(command.get_name().to_owned())
        .args(arguments)
        .subcommands(command.get_subcommands().filter(|below| !below.is_hide_set()).map(visible));
    if let Some(about) = command.get_about() {
        shown = shown.about(about.clone());
    }
    shown
}
