//! `logboom buckets`: what the caller may see.

use reqwest::Method;

use crate::api::buckets::BucketList;
use crate::cli::error::CliError;
use crate::cli::printer::Printer;
use crate::cli::remote::Remote;
use crate::cli::table::{json, table};

/// Lists the buckets that you may do anything in.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    remote: Remote,
    /// Prints the answer as JSON.
    #[arg(long)]
    json: bool,
}

/// Prints them.
pub fn run(arguments: &Arguments, printer: &Printer) -> Result<(), CliError> {
    let list: BucketList =
        arguments.remote.run(async |client| Ok(client.read(client.ask(Method::GET, ["buckets"])).await?))?;
    if arguments.json {
        return printer.data(&json(&list));
    }
    let rows = list.buckets.into_iter().map(|bucket| {
        [
            bucket.id,
            bucket.provider,
            bucket.region.unwrap_or_default(),
            bucket.label,
            bucket.owner,
            bucket.actions.join(" "),
        ]
    });
    printer.data(&table(["BUCKET", "CLOUD", "REGION", "LABEL", "OWNER", "YOU MAY"], rows))
}
