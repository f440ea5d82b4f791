//! Parses the command line, calls one function, returns its exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    logboom::cli::run(std::env::args_os())
}
