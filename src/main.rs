//! Parses the command line, calls one function, returns its exit code.

use std::process::ExitCode;

use mimalloc::MiMalloc;

/// Each request makes some hundred short allocations on several threads, which the system's allocator is slow at.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    logboom::cli::run(std::env::args_os())
}
