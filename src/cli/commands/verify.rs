//! `logboom verify`: whether a receipt is the server's, and whether what it speaks of is still so.

use std::path::{Path, PathBuf};

use futures::{StreamExt, stream};
use reqwest::Method;
use reqwest::header::ETAG;

use crate::api::receipts::{Receipt, ReceiptKeys, ReceiptObject, SignedReceipt};
use crate::cli::commands::serve::runtime;
use crate::cli::error::CliError;
use crate::cli::printer::Printer;
use crate::cli::pulled::Pulled;
use crate::cli::receipt::{self, RecordHash};
use crate::cli::remote::Remote;
use crate::cli::table::{json, size};
use crate::cli::terminal::safe;
use crate::client::{Client, ClientError};
use crate::domain::jws::PublicKey;

/// Objects that are asked for at once.
const AT_ONCE: usize = 8;

/// How many objects and gaps are named.
const NAMED: usize = 20;

/// Checks the receipt of a search or of a pull.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  logboom search 'timeout' payments --since 2h --json --receipt receipt.json > records.ndjson
  logboom verify receipt.json --records records.ndjson
  logboom verify pulled/receipt.json --keys keys.json

The exit code is 0 when everything holds, and 2 when something does not.")]
pub struct Arguments {
    /// The receipt. Records of a pull are looked for beside it.
    receipt: PathBuf,
    /// A file with the server's keys, to check without asking the server: what GET /api/v1/receipt-keys tells.
    #[arg(long, value_name = "FILE")]
    keys: Option<PathBuf>,
    /// The records that the search told, as search --json printed them.
    #[arg(long, value_name = "FILE")]
    records: Option<PathBuf>,
    /// Asks the server whether the objects are still those that were read.
    #[arg(long)]
    objects: bool,
    /// Prints what the receipt says as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    remote: Remote,
}

/// Checks it.
pub fn run(arguments: &Arguments, printer: &Printer) -> Result<(), CliError> {
    let keys = keys(arguments)?;
    let receipts = match receipt::read::<SignedReceipt>(&arguments.receipt)? {
        Some(signed) => vec![receipt::check(&signed, &keys)?],
        None => pulled(arguments, &keys)?,
    };
    if let (Some(records), [receipt]) = (&arguments.records, receipts.as_slice()) {
        same_records(records, receipt)?;
    }
    if arguments.objects {
        let considered = receipts.iter().flat_map(|receipt| &receipt.considered).collect();
        arguments.remote.run(async |client| objects(&client, considered, printer).await)?;
    }
    for receipt in &receipts {
        printer.data(&if arguments.json { json(receipt) } else { told(receipt) })?;
    }
    let records = arguments.records.is_some() || receipts.len() > 1;
    printer.note(if records { "the signature holds, and so do the records" } else { "the signature holds" });
    Ok(())
}

fn keys(arguments: &Arguments) -> Result<Vec<PublicKey>, CliError> {
    if let Some(file) = &arguments.keys {
        return receipt::keys(file);
    }
    let client = arguments.remote.open_client()?;
    let keys: ReceiptKeys = runtime()?.block_on(client.read(client.ask(Method::GET, ["receipt-keys"])))?;
    Ok(keys.usable())
}

/// The receipts of a pull, held against its files and against each other.
fn pulled(arguments: &Arguments, keys: &[PublicKey]) -> Result<Vec<Receipt>, CliError> {
    let path = &arguments.receipt;
    let pulled = receipt::read::<Pulled>(path)?;
    let pulled = pulled.ok_or_else(|| CliError::remote(format!("{} is no receipt", path.display())))?;
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut receipts = Vec::new();
    for part in &pulled.parts {
        let receipt = receipt::check(&part.receipt, keys)?;
        same_records(&folder.join(part.file_name()?), &receipt)?;
        receipts.push(receipt);
    }
    pulled.covers(&receipts)?;
    Ok(receipts)
}

fn same_records(path: &Path, receipt: &Receipt) -> Result<(), CliError> {
    if RecordHash::of_file(path)? == receipt.records_sha256 {
        return Ok(());
    }
    Err(CliError::remote(format!("the records in {} are not those of the receipt", path.display())))
}

/// Whether the objects are still those that were read.
async fn objects(
    client: &Client,
    considered: Vec<&ReceiptObject>,
    printer: &Printer,
) -> Result<(), CliError> {
    let asks = considered.into_iter().filter(|object| object.etag.is_some()).map(async |object| {
        let ask = client.ask(Method::HEAD, ["buckets", &object.bucket, "object"]).query("key", &object.key);
        let now = match client.send(ask).await {
            Ok(answer) => answer.headers().get(ETAG).and_then(|tag| tag.to_str().ok()).map(str::to_owned),
            Err(ClientError::Foreign { status }) if status == reqwest::StatusCode::NOT_FOUND => None,
            Err(ClientError::Refused(problem)) if problem.status == 404 => None,
            Err(error) => return Err(CliError::from(error)),
        };
        Ok((object, now))
    });
    let mut answers = stream::iter(asks).buffered(AT_ONCE);
    let (mut same, mut other) = (0_u64, 0_u64);
    while let Some(answer) = answers.next().await {
        let (object, now) = answer?;
        if now == object.etag {
            same = same.saturating_add(1);
            continue;
        }
        other = other.saturating_add(1);
        let what = if now.is_some() { "is another version by now" } else { "is gone, or not yours to read" };
        printer.note(&format!("{}/{} {what}", object.bucket, safe(&object.key)));
    }
    if other > 0 {
        return Err(CliError::remote(format!("{other} objects are not those that were read; {same} are")));
    }
    printer.note(&format!("{same} objects are still those that were read"));
    Ok(())
}

/// A receipt in words.
fn told(receipt: &Receipt) -> String {
    let Receipt { search, objects, bytes, .. } = receipt;
    let parameters: Vec<String> =
        search.parameters.iter().map(|(name, value)| format!("{name}={}", safe(value))).collect();
    let complete = match &receipt.reason {
        _ if receipt.complete => "complete".to_owned(),
        Some(reason) => format!("NOT complete: {reason}"),
        None => "NOT complete".to_owned(),
    };
    let mut text = format!(
        "searched {} ({})\nby {} at {}\non {}\n{complete}: {} records, {} redacted\n{} objects listed, {} read ({}), {} outside of the time, {} of no known layout, {} archived, {} withheld, {} failed\n",
        search.bucket.join(" "),
        parameters.join(" "),
        safe(&receipt.principal.subject),
        safe(&receipt.principal.issuer),
        safe(&receipt.server),
        receipt.records,
        receipt.redacted,
        objects.listed,
        objects.read,
        size(bytes.stored),
        objects.skipped.outside_range,
        objects.skipped.other_layout,
        objects.skipped.archived,
        objects.skipped.withheld,
        objects.skipped.failed,
    );
    let unread = receipt.considered.iter().filter(|object| object.outcome != "read");
    let named = unread.clone().take(NAMED).map(|object| {
        let why = object.why.as_deref().unwrap_or("the search needed no more of it");
        format!("  {}: {}/{} {why}\n", object.outcome, object.bucket, safe(&object.key))
    });
    text.extend(named);
    text.push_str(&more(unread.count()));
    let gaps = receipt.gaps.iter().take(NAMED);
    text.extend(gaps.map(|gap| {
        format!("  no object: {}/{} from {} to {}\n", gap.bucket, safe(&gap.sequence), gap.from, gap.to)
    }));
    text.push_str(&more(receipt.gaps.len()));
    let unknown = receipt.gaps_unknown.iter();
    text.extend(
        unknown.map(|gap| {
            format!("  {}: nobody can say whether objects are missing ({})\n", gap.bucket, gap.why)
        }),
    );
    text
}

fn more(count: usize) -> String {
    match count.checked_sub(NAMED) {
        None | Some(0) => String::new(),
        Some(more) => format!("  and {more} more; --json shows all\n"),
    }
}
