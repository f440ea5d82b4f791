//! Why the demo could not be set up.

use std::io;
use std::path::PathBuf;

/// Why the demo could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// The public URL cannot be read.
    #[error("the demo's public URL is no URL")]
    InvalidUrl {
        /// What the URL parser said.
        #[source]
        cause: url::ParseError,
    },
    /// The public URL is not plain `http` on a loopback address.
    #[error(
        "the demo logs anybody in, so it runs on loopback alone: give a URL such as http://127.0.0.1:8080, not `{host}`"
    )]
    NotLoopback {
        /// The host that was given, or the whole URL when it has none.
        host: String,
    },
    /// The public URL has more than scheme, host and port.
    #[error("the demo's public URL is scheme, host and port alone, for example http://127.0.0.1:8080")]
    NotAnOrigin,
    /// The crypto library could not make or use a key.
    #[error("the demo's signing key cannot be made or used")]
    Key,
    /// A sample or header file could not be written.
    #[error("cannot write {}", path.display())]
    Write {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        #[source]
        cause: io::Error,
    },
    /// The preparation was cut short by a panic or a shutdown.
    #[error("the demo was not prepared to the end")]
    Stopped,
    /// The time given lies outside the calendar that log layouts can express.
    #[error("the time of the samples is outside the years 1970 to 9999")]
    InvalidTime,
}
