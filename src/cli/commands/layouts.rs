//! `logboom layouts`: which presets there are, and what a layout makes of given keys.

use std::io::{BufRead, IsTerminal, stdin};
use std::time::Duration;

use clap::{Args, Subcommand};

use crate::cli::error::{CliError, Kind};
use crate::cli::printer::Printer;
use crate::config::bucket_logs::offset_seconds;
use crate::config::setting;
use crate::domain::key::ObjectKey;
use crate::logs::layout::presets::{PRESETS, Preset};
use crate::logs::layout::{Layout, LayoutOptions};

/// Verbs about layouts: how keys tell the time.
#[derive(Debug, Subcommand)]
pub enum Layouts {
    /// Lists the presets, with a key of each as its vendor documents it.
    List,
    /// Says of which span each key is. Ends with 4 when a key is of no layout.
    #[command(after_help = "Examples:
  logboom layouts test cloudtrail 'AWSLogs/…/111122223333_CloudTrail_us-east-2_20150801T0210Z_x.json.gz'
  logboom ls -R payments | logboom layouts test '{service}/{yyyy}/{MM}/{dd}/{HH}/*.gz'")]
    Test(Test),
}

/// What to test.
#[derive(Debug, Args)]
pub struct Test {
    /// The name of a preset, or a template such as {service}/{yyyy}/{MM}/{dd}/{HH}/*.gz.
    layout: String,
    /// Keys; read from standard input, one a line, when there are none.
    keys: Vec<String>,
    /// A folder that stands in front of every key, such as export/.
    #[arg(long, default_value = "")]
    root: String,
    /// Time zone of the times in keys: UTC, or an offset such as +02:00.
    #[arg(long, value_name = "OFFSET", default_value = "UTC", allow_hyphen_values = true, value_parser = zone)]
    time_zone: i32,
    /// How much earlier than its key says a record can be, such as 15m.
    #[arg(long, value_name = "TIME", value_parser = duration)]
    slack: Option<Duration>,
}

fn zone(text: &str) -> Result<i32, String> {
    offset_seconds(text).ok_or_else(|| "expected UTC or an offset such as +02:00".to_owned())
}

fn duration(text: &str) -> Result<Duration, String> {
    setting::duration(text).ok_or_else(|| "expected a time with its unit, such as 30s, 15m or 12h".to_owned())
}

/// Runs one of the verbs.
pub fn run(command: &Layouts, printer: &Printer) -> Result<(), CliError> {
    match command {
        Layouts::List => printer.data(&list()),
        Layouts::Test(test) => run_test(test, printer),
    }
}

fn list() -> String {
    let entry = |preset: &Preset<'_>| {
        let (name, templates) = (preset.name, preset.templates.join("\n  "));
        format!("{name}\n  {templates}\n  e.g. {}\n  {}\n", preset.example, preset.source)
    };
    PRESETS.iter().map(entry).collect::<Vec<_>>().join("\n")
}

fn run_test(test: &Test, printer: &Printer) -> Result<(), CliError> {
    let options =
        LayoutOptions { root: test.root.clone(), offset_seconds: test.time_zone, slack: test.slack };
    let layout = Layout::parse(&test.layout, &options).map_err(|error| CliError {
        kind: Kind::Usage,
        message: format!("{} {error}", test.layout),
        hints: Vec::new(),
    })?;
    let mut strangers = 0_u64;
    let mut tell = |key: &str| {
        let window = ObjectKey::parse(key).ok().and_then(|key| layout.window(&key));
        strangers = strangers.saturating_add(u64::from(window.is_none()));
        printer.data(&match window {
            Some(window) => format!("{}\t{}\t{key}\n", window.earliest, window.end),
            None => format!("-\t-\t{key}\n"),
        })
    };
    for key in &test.keys {
        tell(key)?;
    }
    if test.keys.is_empty() {
        if stdin().is_terminal() {
            printer.note("reading keys from standard input, one a line");
        }
        for line in stdin().lock().lines() {
            tell(&line.map_err(|error| CliError::failed(&error))?)?;
        }
    }
    match strangers {
        0 => Ok(()),
        count => Err(CliError::found(format!("{count} keys are not of this layout")).hint(
            "the template names every folder down to the object; * and {name} stand for text without a slash",
        )),
    }
}
