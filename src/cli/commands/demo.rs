//! `logboom demo`: everything in one process on loopback.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use tokio::net::TcpListener;

use crate::app::{App, Extras, StartError};
use crate::cli::commands::serve::{runtime, stop_signal};
use crate::cli::error::CliError;
use crate::cli::printer::Printer;
use crate::config::Config;
use crate::demo::prepare;
use crate::domain::time::{Clock, SystemClock};
use crate::telemetry;

/// Settings of the demo.
#[derive(Debug, Clone, clap::Args)]
pub struct Arguments {
    /// Where samples, settings and state go; delete it to begin anew.
    #[arg(long, value_name = "DIR", default_value = ".demo")]
    directory: PathBuf,
    /// The port on 127.0.0.1; 0 takes a free one.
    #[arg(long, value_name = "PORT", default_value_t = 8080)]
    port: u16,
}

/// Prepares and serves the demo.
pub fn run(arguments: &Arguments, printer: &Printer) -> Result<(), CliError> {
    runtime()?.block_on(async {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, arguments.port));
        let listener = TcpListener::bind(address).await.map_err(|cause| {
            CliError::failed(&StartError::Listen { address, cause })
                .hint("choose another port with --port, or 0 for a free one")
        })?;
        let address = listener.local_addr().map_err(|error| CliError::failed(&error))?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let public_url = format!("http://{address}");
        let demo = prepare::prepare(&arguments.directory, &public_url, Arc::clone(&clock)).await;
        let demo = demo.map_err(|error| CliError::failed(&error))?;
        let config = Config::load(Some(&demo.config))?;
        telemetry::start(&config.telemetry).map_err(|error| CliError::failed(&error))?;
        let extras = Extras { clock, routes: demo.idp.router() };
        let app = App::build_on(listener, config, extras).await.map_err(|error| CliError::failed(&error))?;
        printer.data(&demo.banner)?;
        app.run(stop_signal()?).await;
        Ok(())
    })
}
