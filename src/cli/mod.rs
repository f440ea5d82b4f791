//! The command line. Data goes to standard output, everything else to standard error.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

use crate::cli::printer::Printer;

pub mod commands;
pub mod error;
pub mod logins;
pub mod printer;
pub mod pulled;
pub mod receipt;
pub mod remote;
pub mod search_output;
pub mod table;
pub mod terminal;

/// One login, one permission check and one API over the logs in S3, GCS, Azure Blob Storage and directories.
#[derive(Debug, Parser)]
#[command(name = "logboom", version, about, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serves the API until it is told to stop (SIGTERM, SIGINT), then drains.
    Serve(ConfigFile),
    /// Serves a demo on loopback: sample logs, an identity provider of its own, nothing else to install.
    Demo(commands::demo::Arguments),
    /// Brings the state store's tables up to date.
    Migrate(ConfigFile),
    /// Prints the contract (`OpenAPI` 3.1).
    Openapi,
    /// Reads the configuration and says everything that is wrong with it; with --live, tries what it names.
    CheckConfig(commands::check_config::Arguments),
    /// Says how keys tell the time.
    #[command(subcommand)]
    Layouts(commands::layouts::Layouts),
    /// Logs in to a server with a browser, and keeps the login for the commands below.
    Login(commands::login::Arguments),
    /// Ends a login and forgets it.
    Logout(commands::logout::Arguments),
    /// Lists the buckets that you may do anything in.
    Buckets(commands::buckets::Arguments),
    /// Lists what lies below a bucket or a prefix.
    Ls(commands::ls::Arguments),
    /// Prints objects, or records by their references.
    Cat(commands::cat::Arguments),
    /// Saves an object; a download that broke off goes on.
    Get(commands::get::Arguments),
    /// Makes a link that opens one object for a short time.
    Link(commands::link::Arguments),
    /// Finds records of several buckets, in order of time.
    Search(commands::search::Arguments),
    /// Fetches what lies in a span of time into files, several at once; what was interrupted goes on.
    Pull(commands::pull::Arguments),
    /// Checks the receipt of a search or of a pull.
    Verify(commands::verify::Arguments),
    /// Follows buckets: records as they come.
    Tail(commands::tail::Arguments),
    /// Looks after the identity providers.
    #[command(subcommand)]
    Idp(commands::idp::Idp),
    /// Prints what a shell needs to complete commands and options.
    Completions(commands::completions::Arguments),
    /// Prints the manual of a command, or writes all of them into a folder.
    Man(commands::man::Arguments),
}

/// Where the configuration is.
#[derive(Debug, Clone, clap::Args)]
pub struct ConfigFile {
    /// The configuration file; settings can also come from LOGBOOM__… variables.
    #[arg(long, value_name = "FILE", default_value = "/etc/logboom/logboom.toml")]
    pub config: PathBuf,
}

/// Runs the program with these arguments, the program's name first.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            // clap knows which of its messages belong to which stream.
            let code = u8::try_from(error.exit_code()).unwrap_or(2);
            return if error.print().is_ok() { ExitCode::from(code) } else { ExitCode::FAILURE };
        }
    };
    let printer = Printer;
    let outcome = match cli.command {
        Command::Login(arguments) => commands::login::run(&arguments, &printer),
        Command::Logout(arguments) => commands::logout::run(&arguments, &printer),
        Command::Buckets(arguments) => commands::buckets::run(&arguments, &printer),
        Command::Ls(arguments) => commands::ls::run(&arguments, &printer),
        Command::Cat(arguments) => commands::cat::run(&arguments, &printer),
        Command::Get(arguments) => commands::get::run(&arguments, &printer),
        Command::Link(arguments) => commands::link::run(&arguments, &printer),
        Command::Pull(arguments) => commands::pull::run(&arguments, &printer),
        Command::Verify(arguments) => commands::verify::run(&arguments, &printer),
        Command::Tail(arguments) => commands::tail::run(&arguments, &printer),
        Command::Search(arguments) => match commands::search::run(&arguments, &printer) {
            Ok(code) => return code,
            Err(error) => Err(error),
        },
        Command::Completions(arguments) => commands::completions::run(&arguments, &Cli::command(), &printer),
        Command::Man(arguments) => commands::man::run(&arguments, Cli::command(), &printer),
        Command::Idp(command) => commands::idp::run(&command, &printer),
        Command::Layouts(command) => commands::layouts::run(&command, &printer),
        Command::Serve(file) => commands::serve::run(&file.config),
        Command::Demo(arguments) => commands::demo::run(&arguments, &printer),
        Command::Migrate(file) => commands::migrate::run(&file.config, &printer),
        Command::Openapi => commands::openapi::run(&printer),
        Command::CheckConfig(arguments) => commands::check_config::run(&arguments, &printer),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            printer.error(&error);
            error.exit_code()
        }
    }
}
