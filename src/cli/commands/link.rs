//! `logboom link`: a URL that opens one object for a short time.

use std::time::Duration;

use reqwest::Method;

use crate::api::links::{Link, LinkRequest};
use crate::cli::error::CliError;
use crate::cli::printer::Printer;
use crate::cli::remote::{Place, Remote};
use crate::cli::table::json;
use crate::config::setting::duration;

/// Makes a link that opens one object for whoever has it.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// BUCKET/KEY.
    object: Place,
    /// How long it holds, such as 15m; at most what the site allows.
    #[arg(long, value_name = "TIME", value_parser = ttl)]
    ttl: Option<Duration>,
    /// Prints the answer as JSON, with the time at which it ends.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    remote: Remote,
}

fn ttl(text: &str) -> Result<Duration, &'static str> {
    duration(text).ok_or("expected a time with its unit, such as 30s, 15m or 12h")
}

/// Prints the link; when it ends goes to standard error.
pub fn run(arguments: &Arguments, printer: &Printer) -> Result<(), CliError> {
    let key = arguments.object.key()?.to_owned();
    let request = LinkRequest { key, ttl_seconds: arguments.ttl.map(|ttl| ttl.as_secs().max(1)) };
    let link: Link = arguments.remote.run(async |client| {
        let ask = client.ask(Method::POST, ["buckets", &arguments.object.bucket, "links"]).json(&request);
        Ok(client.read(ask).await?)
    })?;
    if arguments.json {
        return printer.data(&json(&link));
    }
    printer.note(&format!("holds until {}", link.expires_at));
    printer.data(&format!("{}\n", link.url))
}
