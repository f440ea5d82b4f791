//! The findings of `logboom check-config --live`, for people and for programs.

use std::fmt::Write;

use serde_json::{Value, json};

use crate::service::live_check::{BucketReport, Mark, Remedy, Report, Step, Trouble};

const VAULT: &str = "(sign-in to Vault)";
const SEALING: &str = "(data key of Vault)";
const SIGNING: &str = "(signature of Vault)";
const HEAD: [&str; 7] = ["bucket", "provider", "credential", "kind", "fetched", "listed", "ms"];

/// One thing that was tried, with what it is called.
struct Entry<'a> {
    name: &'a str,
    trouble: Option<&'a Trouble>,
    cells: [String; 7],
}

/// A table, and below it what to do about each failure.
pub fn as_text(report: &Report) -> String {
    let entries = entries(report);
    let mut text = table(&entries);
    let mut told: Vec<(&Trouble, Vec<&str>)> = Vec::new();
    for (name, trouble) in entries.iter().filter_map(|entry| Some((entry.name, entry.trouble?))) {
        match told.iter_mut().find(|(known, _)| *known == trouble) {
            Some((_, names)) => names.push(name),
            None => told.push((trouble, vec![name])),
        }
    }
    for (trouble, names) in told {
        explain(&mut text, &names.join(", "), trouble);
    }
    text
}

fn entries(report: &Report) -> Vec<Entry<'_>> {
    let steps = [(VAULT, &report.vault), (SEALING, &report.sealing), (SIGNING, &report.signing)];
    let steps = steps.into_iter().filter_map(|(name, step)| Some(step_entry(name, step.as_ref()?)));
    steps.chain(report.buckets.iter().map(bucket_entry)).collect()
}

fn step_entry<'a>(name: &'a str, step: &'a Step) -> Entry<'a> {
    let none = || "-".to_owned();
    let mark = step.mark.to_string();
    let took = time(step.mark, step.took.as_millis());
    Entry {
        name,
        trouble: step.trouble.as_ref(),
        cells: [name.to_owned(), none(), none(), none(), mark, none(), took],
    }
}

fn bucket_entry(report: &BucketReport) -> Entry<'_> {
    let bucket = &report.bucket;
    let cells = [
        bucket.id.to_string(),
        bucket.provider.to_string(),
        bucket.credential.to_string(),
        report.kind.to_owned(),
        report.credential.to_string(),
        report.listing.to_string(),
        time(report.credential, report.took.as_millis()),
    ];
    Entry { name: bucket.id.as_str(), trouble: report.trouble.as_ref(), cells }
}

fn time(mark: Mark, millis: u128) -> String {
    if mark == Mark::NotTried { "-".to_owned() } else { millis.to_string() }
}

fn table(entries: &[Entry<'_>]) -> String {
    let head = HEAD.map(str::to_owned);
    let rows = || std::iter::once(&head).chain(entries.iter().map(|entry| &entry.cells));
    let mut widths = [0_usize; 7];
    for row in rows() {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    let mut text = String::new();
    for row in rows() {
        let mut line = String::new();
        for (at, (cell, width)) in row.iter().zip(widths).enumerate() {
            // The last column holds numbers.
            let _infallible = match at {
                6 => write!(line, "{cell:>width$}"),
                _ => write!(line, "{cell:<width$}  "),
            };
        }
        push(&mut text, line.trim_end());
    }
    text
}

fn explain(text: &mut String, names: &str, trouble: &Trouble) {
    push(text, "");
    push(text, &format!("{names}: {}", trouble.what));
    for remedy in &trouble.remedies {
        push(text, &format!("  {}", remedy.text));
        remedy.lines.iter().for_each(|line| push(text, &format!("    {line}")));
    }
}

fn push(text: &mut String, line: &str) {
    text.push_str(line);
    text.push('\n');
}

/// The same as one document.
pub fn as_json(report: &Report) -> String {
    let step = |step: &Option<Step>| step.as_ref().map(step_json);
    let buckets: Vec<_> = report.buckets.iter().map(bucket_json).collect();
    let document = json!({
        "ok": report.failures() == 0,
        "vault": step(&report.vault),
        "data_key": step(&report.sealing),
        "signature": step(&report.signing),
        "buckets": buckets,
    });
    format!("{document:#}\n")
}

fn step_json(step: &Step) -> Value {
    json!({
        "state": step.mark.as_str(),
        "milliseconds": millis(step.took),
        "problem": step.trouble.as_ref().map(trouble_json),
    })
}

fn bucket_json(report: &BucketReport) -> Value {
    let bucket = &report.bucket;
    json!({
        "bucket": bucket.id.as_str(),
        "provider": bucket.provider.as_str(),
        "credential": { "name": bucket.credential.as_str(), "kind": report.kind, "state": report.credential.as_str() },
        "list": report.listing.as_str(),
        "milliseconds": millis(report.took),
        "problem": report.trouble.as_ref().map(trouble_json),
    })
}

fn millis(time: std::time::Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn trouble_json(trouble: &Trouble) -> Value {
    let remedy = |remedy: &Remedy| json!({ "text": remedy.text, "lines": remedy.lines });
    json!({ "what": trouble.what, "do": trouble.remedies.iter().map(remedy).collect::<Vec<_>>() })
}
