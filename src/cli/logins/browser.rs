//! Opens an address in the person's browser.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use url::Url;

/// The desktop's own way of opening an address.
const OPENER: &str = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };

/// Opens it. Whether anything is seen of it cannot be known, so the address is printed as well.
///
/// # Errors
/// When there is no such program here.
pub fn open(address: &Url) -> io::Result<()> {
    Command::new(OPENER)
        .arg(address.as_str())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        // Ctrl-C in this terminal does not end a browser that began with this command.
        .process_group(0)
        .spawn()
        .map(drop)
}
