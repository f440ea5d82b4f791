//! `logboom cat`: the bytes of objects, and records by their references.

use crate::api::logs::LogLine;
use crate::cli::error::CliError;
use crate::cli::printer::Printer;
use crate::cli::remote::{Place, Remote};
use crate::cli::search_output::{Lines, line_bytes};
use crate::client::{Client, ClientError};
use crate::domain::reference::Reference;
use reqwest::Method;

/// Prints objects, or records by their references.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  logboom cat payments/team-a/app.log.gz
  logboom cat --raw payments/team-a/app.log.gz > app.log.gz
  logboom cat -B 5 -A 5 'aws/payments/team-a/app.log.gz@\"…\"#4711+88'")]
pub struct Arguments {
    /// BUCKET/KEY, or the reference of a record as a search tells it.
    #[arg(required = true)]
    what: Vec<String>,
    /// As it is stored: no compression is taken off.
    #[arg(long)]
    raw: bool,
    /// Records before a record that is named by its reference.
    #[arg(short = 'B', long, value_name = "N", default_value_t = 0)]
    before: u64,
    /// Records after it.
    #[arg(short = 'A', long, value_name = "N", default_value_t = 0)]
    after: u64,
    #[command(flatten)]
    remote: Remote,
}

/// Prints them one after the other.
pub fn run(arguments: &Arguments, printer: &Printer) -> Result<(), CliError> {
    arguments.remote.run(async |client| {
        for what in &arguments.what {
            let more = match Reference::parse(what) {
                Ok(_) => record(&client, what, arguments, printer).await?,
                Err(_) => object(&client, what, arguments, printer).await?,
            };
            if !more {
                break;
            }
        }
        Ok(())
    })
}

/// Prints an object; tells whether somebody still reads.
async fn object(
    client: &Client,
    what: &str,
    arguments: &Arguments,
    printer: &Printer,
) -> Result<bool, CliError> {
    let place: Place = what.parse().map_err(CliError::usage)?;
    let ask = place.object(client)?;
    let ask = if arguments.raw { ask } else { ask.query("decode", "true") };
    let mut answer = client.send(ask).await?;
    while let Some(chunk) = answer.chunk().await.map_err(ClientError::Cut)? {
        if !printer.stream(&chunk)? {
            return Ok(false);
        }
    }
    Ok(true)
}

async fn record(
    client: &Client,
    what: &str,
    arguments: &Arguments,
    printer: &Printer,
) -> Result<bool, CliError> {
    let ask = client.ask(Method::GET, ["logs"]).query("around", what);
    let ask = ask.query("before", &arguments.before.to_string()).query("after", &arguments.after.to_string());
    let mut lines = Lines::new(client.send(ask).await?);
    let mut found = false;
    while let Some((line, _)) = lines.next().await? {
        let LogLine::Record(record) = line else { continue };
        found |= !record.context;
        let mut bytes = line_bytes(&record);
        bytes.push(b'\n');
        if !printer.stream(&bytes)? {
            return Ok(false);
        }
    }
    if found { Ok(true) } else { Err(CliError::remote("there is no such record in the object")) }
}
