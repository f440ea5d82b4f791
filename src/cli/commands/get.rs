//! `logboom get`: an object into a file, gone on with after an interruption.

use std::path::{Path, PathBuf};

use indicatif::{ProgressBar, ProgressStyle};
use reqwest::header::{CONTENT_RANGE, ETAG, IF_MATCH, RANGE};
use reqwest::{Response, StatusCode};
use tokio::fs::{File, OpenOptions};
use tokio::io::AsyncWriteExt;

use crate::cli::error::CliError;
use crate::cli::printer::Printer;
use crate::cli::remote::{Place, Remote};
use crate::client::{Client, ClientError};

/// How often a body that breaks off is gone on with.
const TRIES: u32 = 5;

/// Saves an object as it is stored. A download that broke off goes on where it ended.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// BUCKET/KEY.
    object: Place,
    /// Where to: a file, or a folder; the key's last part in this folder when nothing is said.
    #[arg(short, long, value_name = "PATH")]
    output: Option<PathBuf>,
    #[command(flatten)]
    remote: Remote,
}

/// Saves it.
pub fn run(arguments: &Arguments, printer: &Printer) -> Result<(), CliError> {
    let file = target(arguments)?;
    let part = beside(&file, "part");
    arguments.remote.run(async |client| {
        for _ in 1..TRIES {
            match download(arguments, &client, &part).await {
                Err(Step::Broken) => {}
                Err(Step::Failed(error)) => return Err(error),
                Ok(()) => return finish(&part, &file, printer).await,
            }
        }
        Err(CliError::remote("the download broke off again and again").hint(format!(
            "what came so far is kept in {}; the same command goes on with it",
            part.display()
        )))
    })
}

enum Step {
    /// The body broke off; what came is kept.
    Broken,
    Failed(CliError),
}

impl<E: Into<CliError>> From<E> for Step {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// Where the bytes go. A key's last part can be any text, so only a plain one names a file.
fn target(arguments: &Arguments) -> Result<PathBuf, CliError> {
    let key = arguments.object.key()?;
    let name = key.rsplit('/').next().unwrap_or(key);
    match &arguments.output {
        Some(path) if !path.is_dir() => Ok(path.clone()),
        _ if name == ".." || name == "." || name.contains('\0') => {
            Err(CliError::usage("the key's last part is no name of a file").hint("say --output FILE"))
        }
        Some(folder) => Ok(folder.join(name)),
        None => Ok(PathBuf::from(name)),
    }
}

fn beside(file: &Path, what: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".");
    name.push(what);
    PathBuf::from(name)
}

/// Fetches what is missing. The version that a part belongs to stands beside it.
async fn download(arguments: &Arguments, client: &Client, part: &Path) -> Result<(), Step> {
    let version_file = beside(part, "etag");
    let have = tokio::fs::metadata(part).await.map_or(0, |meta| meta.len());
    let version = tokio::fs::read_to_string(&version_file).await.ok().filter(|_| have > 0);
    let mut ask = arguments.object.object(client)?;
    if let Some(version) = &version {
        ask = ask.header(RANGE, &format!("bytes={have}-")).header(IF_MATCH, version);
    }
    let answer = match client.send(ask).await {
        Err(ClientError::Refused(problem)) if problem.status == 416 && version.is_some() => return Ok(()),
        Err(ClientError::Refused(problem)) if problem.status == 412 && version.is_some() => {
            // Another version by now: the part is of no use.
            let _gone = tokio::fs::remove_file(part).await;
            return Err(Step::Broken);
        }
        answer => answer?,
    };
    let from = if answer.status() == StatusCode::PARTIAL_CONTENT { have } else { 0 };
    let total = total(&answer);
    if let Some(tag) = answer.headers().get(ETAG).and_then(|tag| tag.to_str().ok()) {
        tokio::fs::write(&version_file, tag).await.map_err(|error| file_error(&version_file, &error))?;
    }
    let mut file =
        OpenOptions::new().create(true).write(true).truncate(from == 0).append(from > 0).open(part).await;
    let file = file.as_mut().map_err(|error| file_error(part, error))?;
    save(answer, file, part, (from, total)).await
}

async fn save(
    mut answer: Response,
    file: &mut File,
    part: &Path,
    (from, total): (u64, Option<u64>),
) -> Result<(), Step> {
    let bar = ProgressBar::new(total.unwrap_or(0)).with_position(from);
    let style =
        ProgressStyle::with_template("{bar:30} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    let mut written = from;
    let broken = loop {
        match answer.chunk().await {
            Ok(Some(chunk)) => {
                file.write_all(&chunk).await.map_err(|error| file_error(part, &error))?;
                written = written.saturating_add(chunk.len() as u64);
                bar.set_position(written);
            }
            Ok(None) => break total.is_some_and(|total| total != written),
            Err(_) => break true,
        }
    };
    file.sync_all().await.map_err(|error| file_error(part, &error))?;
    bar.finish_and_clear();
    if broken { Err(Step::Broken) } else { Ok(()) }
}

/// The size of the whole object.
fn total(answer: &Response) -> Option<u64> {
    match answer.headers().get(CONTENT_RANGE) {
        Some(range) => range.to_str().ok()?.rsplit_once('/')?.1.parse().ok(),
        None => answer.content_length(),
    }
}

async fn finish(part: &Path, file: &Path, printer: &Printer) -> Result<(), CliError> {
    tokio::fs::rename(part, file).await.map_err(|error| file_error(file, &error))?;
    let _gone = tokio::fs::remove_file(beside(part, "etag")).await;
    printer.note(&format!("saved {}", file.display()));
    Ok(())
}

fn file_error(path: &Path, error: &std::io::Error) -> CliError {
    CliError::remote(format!("cannot write {}: {error}", path.display()))
}
