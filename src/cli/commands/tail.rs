//! `logboom tail`: records as they come.

use std::time::Duration;

use reqwest::Method;

use crate::api::logs::LogLine;
use crate::cli::error::CliError;
use crate::cli::printer::Printer;
use crate::cli::remote::Remote;
use crate::cli::search_output::{Lines, Style};
use crate::cli::terminal::is_terminal;
use crate::client::{Client, ClientError};

/// How long to wait before it goes on after a failure, at first and at most.
const REST: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));

/// How often in a row it may fail to go on.
const MAX_FAILURES: u32 = 10;

/// Follows buckets: records as they come, until Ctrl-C.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  logboom tail '' payments/api/
  logboom tail 'level=ERROR or status>=500' payments checkout --json | jq .line")]
pub struct Arguments {
    /// What to look for, as for search; '' is everything.
    filter: String,
    /// Where: BUCKET or BUCKET/PREFIX.
    #[arg(required = true, value_name = "PLACE")]
    places: Vec<String>,
    /// Upper and lower case are the same.
    #[arg(short, long)]
    ignore_case: bool,
    /// Fields to show behind each record, with commas between them.
    #[arg(long, value_name = "NAMES")]
    fields: Option<String>,
    /// Shows the object's key of each record.
    #[arg(short, long)]
    keys: bool,
    /// Prints the server's lines as they come: JSON, one a line.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    remote: Remote,
}

/// Follows. Goes on by itself when an answer ends.
pub fn run(arguments: &Arguments, printer: &Printer) -> Result<(), CliError> {
    let style = Style {
        color: false,
        safe: is_terminal(),
        keys: arguments.keys,
        buckets: arguments.places.len() > 1,
        matcher: None,
    };
    arguments.remote.run(async |client| {
        let (mut cursor, mut failures) = (None, 0);
        loop {
            let began = cursor.clone();
            match answer(arguments, &client, printer, &style, &mut cursor).await {
                Ok(Ended::NobodyReads) => return Ok(()),
                Ok(Ended::Forbidden) => return Err(CliError::remote("a policy no longer permits this")),
                Ok(Ended::Unknown(error)) => return Err(error),
                Ok(Ended::Allowance) => {
                    return Err(CliError::remote(
                        "your searches have read as many bytes as they may for now",
                    ));
                }
                Ok(Ended::Time) => failures = 0,
                // Whoever never got a first answer has asked for something that cannot be.
                Err(error) if cursor.is_none() => return Err(error),
                Err(error) => {
                    failures = if cursor == began { failures + 1 } else { 1 };
                    if failures > MAX_FAILURES {
                        return Err(error);
                    }
                    printer.note(&format!("{}; going on", error.message));
                    let rest = REST.0.saturating_mul(1 << failures.min(6)).min(REST.1);
                    tokio::time::sleep(rest).await;
                }
            }
        }
    })
}

enum Ended {
    NobodyReads,
    Forbidden,
    /// The server no longer knows who asks, and no later try would change that.
    Unknown(CliError),
    Allowance,
    Time,
}

async fn answer(
    arguments: &Arguments,
    client: &Client,
    printer: &Printer,
    style: &Style,
    cursor: &mut Option<String>,
) -> Result<Ended, CliError> {
    let places = arguments.places.iter();
    let ask = places
        .fold(client.ask(Method::GET, ["logs", "tail"]), |ask, place| ask.query("bucket", place))
        .query("q", &arguments.filter)
        .query_if("case", arguments.ignore_case.then_some("insensitive"))
        .query_if("fields", arguments.fields.as_deref())
        .query_if("cursor", cursor.as_deref());
    let answer = match client.send(ask.accept("application/x-ndjson")).await {
        Err(error @ (ClientError::LoginEnded { .. } | ClientError::NotRecognised { .. })) => {
            return Ok(Ended::Unknown(error.into()));
        }
        answer => answer?,
    };
    let mut lines = Lines::new(answer);
    while let Some((line, raw)) = lines.next().await? {
        let text = match &line {
            _ if arguments.json => raw,
            LogLine::Record(record) => style.show(record),
            LogLine::Warning(warning) => {
                printer.note(&format!("warning: {} {}", warning.bucket, warning.what));
                continue;
            }
            _ => Vec::new(),
        };
        if !text.is_empty() && !printer.stream(&text)? {
            return Ok(Ended::NobodyReads);
        }
        match line {
            LogLine::Heartbeat(heartbeat) => *cursor = heartbeat.cursor.or(cursor.take()),
            LogLine::End(end) => {
                *cursor = end.cursor.or(cursor.take());
                return Ok(match end.reason.as_str() {
                    "time" => Ended::Time,
                    "allowance" => Ended::Allowance,
                    _ => Ended::Forbidden,
                });
            }
            _ => {}
        }
    }
    Ok(Ended::Time)
}
