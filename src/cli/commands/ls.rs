//! `logboom ls`: what lies in a bucket.

use reqwest::Method;

use crate::api::objects::{ObjectList, ObjectView};
use crate::cli::error::CliError;
use crate::cli::printer::Printer;
use crate::cli::remote::{Place, Remote};
use crate::cli::table::{json, size};
use crate::cli::terminal::{is_terminal, safe};

/// Lists what lies below a bucket or a prefix.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  logboom ls payments
  logboom ls -l payments/AWSLogs/111122223333/
  logboom ls -R payments | logboom layouts test cloudtrail")]
pub struct Arguments {
    /// Where: BUCKET or BUCKET/PREFIX.
    place: Place,
    /// Everything below, not only the next folders.
    #[arg(short = 'R', long)]
    recursive: bool,
    /// With size and time.
    #[arg(short, long)]
    long: bool,
    /// Prints each object as a line of JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    remote: Remote,
}

/// Prints it, page by page.
pub fn run(arguments: &Arguments, printer: &Printer) -> Result<(), CliError> {
    let Place { bucket, rest } = &arguments.place;
    arguments.remote.run(async |client| {
        let mut token = None;
        loop {
            let ask = client.ask(Method::GET, ["buckets", bucket, "objects"]).query("prefix", rest);
            let ask = if arguments.recursive { ask } else { ask.query("delimiter", "/") };
            let page: ObjectList = client.read(ask.query_if("page_token", token)).await?;
            if !printer.stream(page_text(arguments, &page).as_bytes())? {
                return Ok(());
            }
            token = page.next_page_token;
            if token.is_none() {
                return Ok(());
            }
        }
    })
}

fn page_text(arguments: &Arguments, page: &ObjectList) -> String {
    let shown = |key: &str| if is_terminal() { safe(key) } else { key.to_owned() };
    let folders = page.prefixes.iter().map(|prefix| match (arguments.json, arguments.long) {
        (true, _) => json(&serde_json::json!({ "prefix": prefix })),
        (_, true) => format!("{:>10}  {:20}  {}\n", "-", "-", shown(prefix)),
        _ => format!("{}\n", shown(prefix)),
    });
    let objects = page.objects.iter().map(|object| match (arguments.json, arguments.long) {
        (true, _) => json(object),
        (_, true) => long(object, &shown(&object.key)),
        _ => format!("{}\n", shown(&object.key)),
    });
    folders.chain(objects).collect()
}

fn long(object: &ObjectView, key: &str) -> String {
    let time = object.last_modified.as_deref().unwrap_or("-");
    let archived = if object.archived { "  (archived)" } else { "" };
    format!("{:>10}  {time:20}  {key}{archived}\n", size(object.size))
}
