//! `logboom pull`: all that lies in a span of time, in part files that are fetched side by side.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures::{StreamExt, TryStreamExt, stream};
use indicatif::{ProgressBar, ProgressStyle};
use reqwest::Method;

use crate::api::logs::{LogLine, LogRecord, SearchSummary};
use crate::api::receipts::SignedReceipt;
use crate::cli::error::CliError;
use crate::cli::printer::Printer;
use crate::cli::pulled::{Pulled, PulledPart, Request, next, unchecked};
use crate::cli::receipt::{self, RecordHash};
use crate::cli::remote::Remote;
use crate::cli::search_output::{Lines, line_bytes};
use crate::client::{Client, ClientError};
use crate::config::setting::duration;
use crate::domain::record::RecordTime;
use crate::domain::time::{Clock, SystemClock};

/// How often a part is tried whose answer breaks off.
const TRIES: u32 = 5;

/// Fetches what lies in a span of time into files, several at once; what was interrupted goes on.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  logboom pull payments checkout/app/ --since 7d --into incident-42
  logboom pull payments --from 2026-11-20T00:00:00Z --to 2026-11-23T00:00:00Z -q 'status>=500' --into errors --merge errors.log

The same command again goes on where it was interrupted. The folder then holds a file for each part, in the lines of the
API, and receipt.json, which `logboom verify` checks.")]
pub struct Arguments {
    /// Where from: BUCKET or BUCKET/PREFIX.
    #[arg(required = true, value_name = "PLACE")]
    places: Vec<String>,
    /// The folder that the files go to.
    #[arg(long, value_name = "FOLDER")]
    into: PathBuf,
    /// Only records that match this filter.
    #[arg(short, long, value_name = "FILTER", default_value = "", hide_default_value = true)]
    query: String,
    /// How long back, such as 12h or 7d; a day when nothing is said.
    #[arg(long, value_name = "TIME", value_parser = span, conflicts_with = "from")]
    since: Option<Duration>,
    /// The earliest time (RFC 3339).
    #[arg(long, value_name = "TIME", value_parser = time)]
    from: Option<RecordTime>,
    /// The first time that is too late; now when nothing is said.
    #[arg(long, value_name = "TIME", value_parser = time)]
    to: Option<RecordTime>,
    /// How much time one part holds.
    #[arg(long, value_name = "TIME", value_parser = span, default_value = "1h")]
    part: Duration,
    /// Parts that are fetched at once.
    #[arg(short, long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=32))]
    parallel: u8,
    /// Writes all records in order of time into this file, as they stand in their objects.
    #[arg(long, value_name = "FILE")]
    merge: Option<PathBuf>,
    #[command(flatten)]
    remote: Remote,
}

fn span(text: &str) -> Result<Duration, &'static str> {
    let told = "expected a time with its unit, such as 15m, 12h or 7d";
    duration(text).filter(|time| *time >= Duration::from_secs(1)).ok_or(told)
}

fn time(text: &str) -> Result<RecordTime, String> {
    RecordTime::parse(text).map_err(|error| error.to_string())
}

/// Pulls.
pub fn run(arguments: &Arguments, printer: &Printer) -> Result<(), CliError> {
    let request = begin(arguments)?;
    let folder = &arguments.into;
    arguments.remote.run(async |client| {
        let spans = request.spans()?;
        let bar = ProgressBar::new(spans.len() as u64);
        let style = ProgressStyle::with_template("{bar:30} {pos} of {len} parts, {eta} left");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        let parts = stream::iter(spans)
            .map(|(from, to)| part(&client, &request, folder, (from, to)))
            .buffered(usize::from(arguments.parallel))
            .inspect_ok(|_| bar.inc(1))
            .try_collect::<Vec<Vec<PulledPart>>>()
            .await?;
        bar.finish_and_clear();
        let pulled = Pulled { request: request.clone(), parts: parts.into_iter().flatten().collect() };
        let file = folder.join("receipt.json");
        receipt::write(&file, &pulled)?;
        if let Some(merged) = &arguments.merge {
            merge(&pulled, folder, merged)?;
        }
        let (told, complete) = pulled.told()?;
        printer.note(&format!("{told}; the receipt is {}", file.display()));
        if complete {
            return Ok(());
        }
        Err(CliError::remote("the records are not complete").hint("logboom verify says what is missing"))
    })
}

/// Makes the folder, or finds what was begun there.
fn begin(arguments: &Arguments) -> Result<Request, CliError> {
    let file = arguments.into.join("pull.json");
    std::fs::create_dir_all(&arguments.into).map_err(|error| file_error(&arguments.into, &error))?;
    let before: Option<Request> = if file.exists() { receipt::read(&file)? } else { None };
    let to = arguments.to.unwrap_or_else(|| RecordTime::from(SystemClock.now()));
    let back = arguments.since.unwrap_or(Duration::from_hours(24));
    let mut request = Request {
        server: arguments.remote.server().to_string(),
        places: arguments.places.clone(),
        query: arguments.query.clone(),
        from: arguments.from.unwrap_or_else(|| to.minus(back)).to_string(),
        to: to.to_string(),
        part_seconds: arguments.part.as_secs(),
    };
    if let Some(before) = before {
        // What counts from now goes on with the times of the first run.
        if arguments.to.is_none() {
            (request.from, request.to) = match arguments.from {
                None => (before.from.clone(), before.to.clone()),
                Some(_) => (request.from, before.to.clone()),
            };
        }
        if request != before {
            let told = format!("{} holds another pull", arguments.into.display());
            return Err(CliError::remote(told).hint("say another folder, or take this one away"));
        }
    }
    receipt::write(&file, &request)?;
    Ok(request)
}

/// One part: in one file, or in several when the server ends an answer before its time.
async fn part(
    client: &Client,
    request: &Request,
    folder: &Path,
    (from, to): (RecordTime, RecordTime),
) -> Result<Vec<PulledPart>, CliError> {
    let mut parts: Vec<PulledPart> = Vec::new();
    let mut cursor = None;
    loop {
        let name = format!(
            "{}{}",
            plain(from),
            if parts.is_empty() { String::new() } else { format!("-{}", parts.len() + 1) }
        );
        let (part, next) = match kept(folder, &name)? {
            Some(kept) => kept,
            None => fetched(client, request, folder, (&name, from, to, cursor.as_deref())).await?,
        };
        parts.push(part);
        match next {
            Some(next) => cursor = Some(next),
            None => return Ok(parts),
        }
    }
}

/// A time as a file's name: `20261123T140000Z`.
fn plain(time: RecordTime) -> String {
    time.to_string().replace(['-', ':'], "")
}

/// A part that was fetched before: its receipt is there and fits to its records.
fn kept(folder: &Path, name: &str) -> Result<Option<(PulledPart, Option<String>)>, CliError> {
    let (records, beside) =
        (folder.join(format!("{name}.ndjson")), folder.join(format!("{name}.receipt.json")));
    if !records.exists() || !beside.exists() {
        return Ok(None);
    }
    let Some(signed) = receipt::read::<SignedReceipt>(&beside)? else { return Ok(None) };
    let Some(told) = unchecked(&signed) else { return Ok(None) };
    if RecordHash::of_file(&records)? != told.records_sha256 {
        return Ok(None);
    }
    let part = PulledPart { file: format!("{name}.ndjson"), receipt: signed };
    Ok(Some((part, next(told.reason.as_deref(), told.cursor))))
}

/// Fetches a part anew until one answer of it is whole.
async fn fetched(
    client: &Client,
    request: &Request,
    folder: &Path,
    (name, from, to, cursor): (&str, RecordTime, RecordTime, Option<&str>),
) -> Result<(PulledPart, Option<String>), CliError> {
    let records = folder.join(format!("{name}.ndjson"));
    let mut tries = 1;
    let summary = loop {
        let ask = request
            .places
            .iter()
            .fold(client.ask(Method::GET, ["logs"]), |ask, place| ask.query("bucket", place));
        let ask = ask
            .query("from", &from.to_string())
            .query("to", &to.to_string())
            .query("q", &request.query)
            .query("receipt", "true")
            // So that a server that searches is told from one that is gone.
            .query("progress", "true")
            .query_if("cursor", cursor)
            .accept("application/x-ndjson");
        match save(client.send(ask).await?, &folder.join(format!("{name}.part"))).await {
            Err(Broken::Off) if tries < TRIES => tries += 1,
            Err(Broken::Off) => {
                let told = format!("the answer for {from} broke off again and again");
                return Err(CliError::remote(told).hint("the same command goes on with what is missing"));
            }
            Err(Broken::Failed(error)) => return Err(error),
            Ok(summary) => break summary,
        }
    };
    let signed = summary.receipt.ok_or_else(receipt::missing)?;
    let renamed = std::fs::rename(folder.join(format!("{name}.part")), &records);
    renamed.map_err(|error| file_error(&records, &error))?;
    receipt::write(&folder.join(format!("{name}.receipt.json")), &signed)?;
    let part = PulledPart { file: format!("{name}.ndjson"), receipt: signed };
    Ok((part, next(summary.reason.as_deref(), summary.cursor)))
}

enum Broken {
    Off,
    Failed(CliError),
}

async fn save(answer: reqwest::Response, path: &Path) -> Result<SearchSummary, Broken> {
    let failed = |error: std::io::Error| Broken::Failed(file_error(path, &error));
    let mut file = std::io::BufWriter::new(File::create(path).map_err(failed)?);
    let mut lines = Lines::new(answer);
    loop {
        match lines.next().await {
            Ok(Some((LogLine::Record(_), line))) => file.write_all(&line).map_err(failed)?,
            Ok(Some((LogLine::Summary(summary), _))) => {
                file.flush().and_then(|()| file.get_ref().sync_all()).map_err(failed)?;
                return Ok(summary);
            }
            Ok(Some(_)) => {}
            Ok(None) | Err(_) => return Err(Broken::Off),
        }
    }
}

/// Writes all records one after the other: parts follow each other in time, and each is in order.
fn merge(pulled: &Pulled, folder: &Path, into: &Path) -> Result<(), CliError> {
    let failed = |error: std::io::Error| file_error(into, &error);
    let mut out = std::io::BufWriter::new(File::create(into).map_err(failed)?);
    for part in &pulled.parts {
        let path = folder.join(part.file_name()?);
        let lines = BufReader::new(File::open(&path).map_err(|error| file_error(&path, &error))?);
        for line in lines.split(b'\n') {
            let line = line.map_err(|error| file_error(&path, &error))?;
            let record: LogRecord = serde_json::from_slice(&line).map_err(ClientError::Unreadable)?;
            out.write_all(&line_bytes(&record)).and_then(|()| out.write_all(b"\n")).map_err(failed)?;
        }
    }
    out.flush().map_err(failed)
}

fn file_error(path: &Path, error: &std::io::Error) -> CliError {
    CliError::remote(format!("cannot write {}: {error}", path.display()))
}
