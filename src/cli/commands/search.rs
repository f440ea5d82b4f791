//! `logboom search`: records of several buckets in order of time.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::ValueEnum;
use indicatif::{ProgressBar, ProgressStyle};
use reqwest::Method;

use crate::api::logs::{LogLine, SearchPlan, SearchProgress, SearchSummary};
use crate::cli::error::CliError;
use crate::cli::printer::Printer;
use crate::cli::receipt;
use crate::cli::remote::Remote;
use crate::cli::search_output::{Lines, Style, told};
use crate::cli::table::size;
use crate::cli::terminal::is_terminal;
use crate::client::{Ask, Client};
use crate::config::setting::duration;
use crate::domain::record::RecordTime;
use crate::domain::time::{Clock, SystemClock};
use crate::logs::filter::{Filter, FilterLimits, Matcher};

/// Only for setting off what was found; the server decides what a filter may be.
const LIMITS: FilterLimits =
    FilterLimits { text_bytes: 65_536, terms: 1024, depth: 64, regex_bytes: 8 * 1024 * 1024 };

/// Finds records of several buckets, in order of time.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  logboom search 'timeout' payments checkout --since 2h
  logboom search 'status>=500 and not path~health' payments/AWSLogs/ --from 2026-11-23T14:00:00Z --to 2026-11-23T14:20:00Z
  logboom search '\"connection reset\" or /panicked at .*\\.rs/' payments -C 3 --reverse --limit 20

The exit code is 0 when something was found, 1 when nothing was, 2 when the search failed or is not complete.")]
#[expect(clippy::struct_excessive_bools, reason = "flags of a command line")]
pub struct Arguments {
    /// What to look for: words, "quoted text", /expressions/, field=value, and, or, not. '' finds everything.
    filter: String,
    /// Where: BUCKET or BUCKET/PREFIX.
    #[arg(required = true, value_name = "PLACE")]
    places: Vec<String>,
    /// How long back, such as 15m, 2h or 7d; an hour when nothing is said.
    #[arg(long, value_name = "TIME", value_parser = since, conflicts_with = "from")]
    since: Option<Duration>,
    /// The earliest time (RFC 3339).
    #[arg(long, value_name = "TIME", value_parser = time)]
    from: Option<RecordTime>,
    /// The first time that is too late; now when nothing is said.
    #[arg(long, value_name = "TIME", value_parser = time)]
    to: Option<RecordTime>,
    /// Upper and lower case are the same.
    #[arg(short, long)]
    ignore_case: bool,
    /// Records before each match.
    #[arg(short = 'B', long, value_name = "N")]
    before: Option<u64>,
    /// Records after each match.
    #[arg(short = 'A', long, value_name = "N")]
    after: Option<u64>,
    /// Records on both sides of each match.
    #[arg(short = 'C', long, value_name = "N", conflicts_with_all = ["before", "after"])]
    context: Option<u64>,
    /// Fields to show behind each record, with commas between them.
    #[arg(long, value_name = "NAMES")]
    fields: Option<String>,
    /// Ends after so many records.
    #[arg(long, value_name = "N")]
    limit: Option<u64>,
    /// The newest first.
    #[arg(short, long)]
    reverse: bool,
    /// Goes on where an earlier search ended, by what it said at its end.
    #[arg(long)]
    cursor: Option<String>,
    /// Shows the object's key of each record.
    #[arg(short, long)]
    keys: bool,
    /// Prints the server's lines as they come: JSON, one a line, the summary last.
    #[arg(long)]
    json: bool,
    /// Writes a signed receipt of what was read into a file; `logboom verify` checks it.
    #[arg(long, value_name = "FILE", conflicts_with = "plan")]
    receipt: Option<PathBuf>,
    /// Says what would be read, and reads nothing.
    #[arg(long)]
    plan: bool,
    /// When to use colours.
    #[arg(long, value_enum, default_value = "auto")]
    color: Color,
    // https://no-color.org
    #[arg(env = "NO_COLOR", long, hide = true)]
    no_color: Option<String>,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Color {
    Auto,
    Always,
    Never,
}

fn since(text: &str) -> Result<Duration, &'static str> {
    duration(text).ok_or("expected a time with its unit, such as 15m, 2h or 7d")
}

fn time(text: &str) -> Result<RecordTime, String> {
    RecordTime::parse(text).map_err(|error| error.to_string())
}

/// Searches. The exit code says whether something was found.
pub fn run(arguments: &Arguments, printer: &Printer) -> Result<ExitCode, CliError> {
    arguments.remote.run(async |client| {
        if arguments.plan {
            let plan: SearchPlan = client.read(ask(arguments, &client, &["logs", "plan"])).await?;
            return show_plan(&plan, arguments, printer);
        }
        let summary = search(arguments, &client, printer).await?;
        let Some(summary) = summary else { return Ok(ExitCode::SUCCESS) };
        if !arguments.json {
            printer.note(&told(&summary));
        }
        if let Some(file) = &arguments.receipt {
            let receipt = summary.receipt.as_ref();
            receipt::write(file, receipt.ok_or_else(receipt::missing)?)?;
        }
        let by_limit = summary.reason.as_deref() == Some("limit");
        Ok(match summary {
            SearchSummary { complete: false, .. } if !by_limit => ExitCode::from(2),
            SearchSummary { records: 0, .. } => ExitCode::from(1),
            _ => ExitCode::SUCCESS,
        })
    })
}

/// Prints what is found; `None` when nobody reads on.
async fn search(
    arguments: &Arguments,
    client: &Client,
    printer: &Printer,
) -> Result<Option<SearchSummary>, CliError> {
    let ask = ask(arguments, client, &["logs"]).query("progress", "true").accept("application/x-ndjson");
    let style = style(arguments);
    let bar = ProgressBar::new(0);
    bar.set_style(
        ProgressStyle::with_template("{bar:30} {msg}").unwrap_or_else(|_| ProgressStyle::default_bar()),
    );
    let mut lines = Lines::new(client.send(ask).await?);
    while let Some((line, raw)) = lines.next().await? {
        let text = match &line {
            LogLine::Progress(progress) => {
                show_progress(&bar, *progress);
                continue;
            }
            LogLine::Record(_) | LogLine::Summary(_) if arguments.json => raw,
            LogLine::Record(record) => style.show(record),
            LogLine::Summary(_) | LogLine::Heartbeat(_) | LogLine::Warning(_) | LogLine::End(_) => Vec::new(),
        };
        if !bar.suspend(|| printer.stream(&text))? {
            return Ok(None);
        }
        if let LogLine::Summary(summary) = line {
            bar.finish_and_clear();
            return Ok(Some(summary));
        }
    }
    Ok(None)
}

fn ask(arguments: &Arguments, client: &Client, path: &[&str]) -> Ask {
    let to = arguments.to.unwrap_or_else(|| RecordTime::from(SystemClock.now()));
    let back = arguments.since.unwrap_or(Duration::from_hours(1));
    let from = arguments.from.unwrap_or_else(|| to.minus(back));
    let lines = |own: Option<u64>| own.or(arguments.context);
    let places = arguments.places.iter();
    places
        .fold(client.ask(Method::GET, path.iter().copied()), |ask, place| ask.query("bucket", place))
        .query("from", &from.to_string())
        .query("to", &to.to_string())
        .query("q", &arguments.filter)
        .query_if("case", arguments.ignore_case.then_some("insensitive"))
        .query_if("before", lines(arguments.before))
        .query_if("after", lines(arguments.after))
        .query_if("fields", arguments.fields.as_deref())
        .query_if("limit", arguments.limit)
        .query_if("order", arguments.reverse.then_some("desc"))
        .query_if("cursor", arguments.cursor.as_deref())
        .query_if("receipt", arguments.receipt.as_ref().map(|_| true))
}

fn style(arguments: &Arguments) -> Style {
    let may = arguments.no_color.as_ref().is_none_or(String::is_empty) && is_terminal();
    let filter = Filter::parse(&arguments.filter, &LIMITS).ok();
    Style {
        color: arguments.color == Color::Always || (arguments.color == Color::Auto && may),
        safe: is_terminal() || arguments.color == Color::Always,
        keys: arguments.keys,
        buckets: arguments.places.len() > 1,
        matcher: filter.and_then(|filter| Matcher::new(&filter, arguments.ignore_case, &LIMITS).ok()),
    }
}

fn show_progress(bar: &ProgressBar, progress: SearchProgress) {
    bar.set_length(progress.bytes);
    bar.set_position(progress.bytes_done);
    let (done, all) = (size(progress.bytes_done), size(progress.bytes));
    bar.set_message(format!("{} of {} objects, {done} of {all}", progress.objects_done, progress.objects));
}

fn show_plan(plan: &SearchPlan, arguments: &Arguments, printer: &Printer) -> Result<ExitCode, CliError> {
    if arguments.json {
        printer.data(&crate::cli::table::json(plan))?;
    } else {
        let skipped = plan.objects.skipped;
        printer.data(&format!(
            "{} objects, {}, found by {} calls\n{} outside of the time, {} of no known layout, {} archived, {} not yours to read\n",
            plan.objects.read,
            size(plan.bytes),
            plan.list_calls,
            skipped.outside_range,
            skipped.other_layout,
            skipped.archived,
            skipped.withheld,
        ))?;
    }
    Ok(if plan.objects.read > 0 { ExitCode::SUCCESS } else { ExitCode::from(1) })
}
