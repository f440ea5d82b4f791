//! The one place that writes to the terminal.

use std::io::{self, Write};

use crate::cli::error::CliError;

/// Writes data to standard output and everything else to standard error. A reader that closed the pipe is content.
#[derive(Debug, Default)]
pub struct Printer;

impl Printer {
    /// Writes data.
    pub fn data(&self, text: &str) -> Result<(), CliError> {
        let mut out = io::stdout().lock();
        match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(CliError::output(&error)),
            _ => Ok(()),
        }
    }

    /// Writes some of a stream of data. Tells whether somebody still reads it.
    pub fn stream(&self, bytes: &[u8]) -> Result<bool, CliError> {
        let mut out = io::stdout().lock();
        match out.write_all(bytes).and_then(|()| out.flush()) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
            Err(error) => Err(CliError::output(&error)),
        }
    }

    /// Writes a message for the person at the terminal.
    pub fn note(&self, text: &str) {
        // Nobody is left to be told when standard error is gone.
        let _unheard = writeln!(io::stderr().lock(), "{text}");
    }

    /// Writes an error and what can be done about it.
    pub fn error(&self, error: &CliError) {
        self.note(&format!("error: {}", error.message));
        for hint in &error.hints {
            self.note(&format!("hint: {hint}"));
        }
    }
}
