//! The answer of a search as a person or a program reads it.

use std::ops::Range;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::Response;

use crate::api::logs::{LogLine, LogRecord, SearchSummary};
use crate::cli::error::CliError;
use crate::cli::table::size;
use crate::cli::terminal::safe;
use crate::client::ClientError;
use crate::logs::filter::Matcher;

/// The longest line: a record of the longest that a server lets through, written as JSON.
const MAX_LINE_BYTES: usize = 64 * 1024 * 1024;

/// The lines of an answer, as they come.
#[derive(Debug)]
pub struct Lines {
    answer: Response,
    buffer: Vec<u8>,
    /// Whether the last line came: only then the answer is whole.
    ended: bool,
}

impl Lines {
    /// Those of an answer that begins.
    pub const fn new(answer: Response) -> Self {
        Self { answer, buffer: Vec::new(), ended: false }
    }

    /// The next line, also as it was written; `None` after the summary.
    ///
    /// # Errors
    /// [`CliError`] when the answer broke off.
    pub async fn next(&mut self) -> Result<Option<(LogLine, Vec<u8>)>, CliError> {
        if self.ended {
            return Ok(None);
        }
        let mut searched = 0;
        loop {
            let rest = self.buffer.get(searched..).unwrap_or_default();
            if let Some(at) = memchr::memchr(b'\n', rest) {
                let line: Vec<u8> = self.buffer.drain(..=searched.saturating_add(at)).collect();
                let parsed: LogLine = serde_json::from_slice(&line).map_err(ClientError::Unreadable)?;
                self.ended = matches!(parsed, LogLine::Summary(_) | LogLine::End(_));
                return Ok(Some((parsed, line)));
            }
            searched = self.buffer.len();
            if searched > MAX_LINE_BYTES {
                return Err(ClientError::TooLarge.into());
            }
            match self.answer.chunk().await.map_err(ClientError::Cut)? {
                Some(chunk) => self.buffer.extend_from_slice(&chunk),
                None => return Err(CliError::remote("the answer broke off before its last line")),
            }
        }
    }
}

/// The record as it stands in its object.
pub fn line_bytes(record: &LogRecord) -> Vec<u8> {
    match (&record.line, &record.line_base64) {
        (Some(line), _) => line.clone().into_bytes(),
        (None, Some(encoded)) => STANDARD.decode(encoded).unwrap_or_default(),
        (None, None) => Vec::new(),
    }
}

/// How records are shown.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is asked for by itself")]
pub struct Style {
    /// With colours; they never say what the text does not.
    pub color: bool,
    /// For a terminal: control signs are shown, not done.
    pub safe: bool,
    /// With the object's key.
    pub keys: bool,
    /// Several buckets are searched, so each line says which.
    pub buckets: bool,
    /// Finds what is to be set off.
    pub matcher: Option<Matcher>,
}

impl Style {
    /// One record, with its line's end.
    pub fn show(&self, record: &LogRecord) -> Vec<u8> {
        let mark = if record.context { "-" } else { " " };
        let time = record.time.as_deref().unwrap_or("-");
        let mut head = format!("{time:30}{mark}");
        if self.buckets {
            head = format!("{head}{} ", record.bucket);
        }
        if self.keys {
            head = format!("{head}{} ", if self.safe { safe(&record.key) } else { record.key.clone() });
        }
        let mut out = self.painted("2", &head).into_bytes();
        let line = line_bytes(record);
        if self.safe {
            let text = String::from_utf8_lossy(&line);
            out.extend(self.highlighted(&text, record.context).into_bytes());
        } else {
            out.extend(line);
        }
        if let Some(fields) = record.fields.as_ref().filter(|fields| !fields.is_empty()) {
            let fields = serde_json::to_string(fields).unwrap_or_default();
            out.extend(format!("  {}", self.painted("36", &fields)).into_bytes());
        }
        out.push(b'\n');
        out
    }

    fn highlighted(&self, text: &str, context: bool) -> String {
        let matcher = self.matcher.as_ref().filter(|_| self.color && !context);
        let ranges: Vec<Range<usize>> =
            matcher.map(|matcher| matcher.highlights(text.as_bytes())).unwrap_or_default();
        let (mut shown, mut done) = (String::new(), 0);
        for range in ranges {
            let (before, found) = (text.get(done..range.start), text.get(range.clone()));
            // What ends inside a letter is not set off.
            let (Some(before), Some(found)) = (before, found) else { continue };
            shown.push_str(&lines(before));
            shown.push_str(&self.painted("1;31", &lines(found)));
            done = range.end;
        }
        shown + &lines(text.get(done..).unwrap_or_default())
    }

    fn painted(&self, color: &str, text: &str) -> String {
        if self.color { format!("\u{1b}[{color}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

/// A text of several lines, made safe line by line.
fn lines(text: &str) -> String {
    text.split('\n').map(|line| safe(line.trim_end_matches('\r'))).collect::<Vec<_>>().join("\n")
}

/// What became of the search, for standard error.
pub fn told(summary: &SearchSummary) -> String {
    let (objects, bytes) = (&summary.objects, &summary.bytes);
    let seconds = Duration::from_millis(summary.elapsed_ms).as_secs_f64();
    let mut told = vec![format!(
        "{} records in {} objects of {} ({} read, {} decoded) in {seconds:.1} s",
        summary.records,
        objects.read,
        objects.listed,
        size(bytes.stored),
        size(bytes.decoded),
    )];
    let skipped = [
        (objects.skipped.withheld, "objects are not yours to read"),
        (objects.skipped.archived, "objects have to be restored first"),
        (objects.skipped.other_layout, "objects are of no known layout"),
        (objects.skipped.failed, "objects could not be read to their end"),
    ];
    told.extend(
        skipped.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")),
    );
    let by: Vec<_> = summary.redacted_by.iter().map(|(rule, count)| format!("{rule} {count}")).collect();
    let by = if by.is_empty() { String::new() } else { format!(" ({})", by.join(", ")) };
    told.extend(
        (summary.redacted > 0)
            .then(|| safe(&format!("{} places are redacted for you{by}", summary.redacted))),
    );
    told.extend(summary.warnings.iter().map(|warning| {
        let key = warning.key.as_deref().map(|key| format!("{}/{key} ", warning.bucket)).unwrap_or_default();
        safe(&format!("warning: {key}{}", warning.what))
    }));
    let unsaid = summary.warnings_total.saturating_sub(summary.warnings.len() as u64);
    told.extend((unsaid > 0).then(|| format!("{unsaid} more warnings")));
    let reason = summary.reason.as_deref().unwrap_or("see the warnings");
    told.extend((!summary.complete).then(|| match reason {
        "limit" => "there may be more: this is the limit that you set".to_owned(),
        reason => format!("NOT COMPLETE: {reason}"),
    }));
    told.extend(summary.cursor.as_ref().map(|cursor| format!("to go on: --cursor {cursor}")));
    told.join("\n")
}
