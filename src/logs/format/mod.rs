//! What a record's bytes mean: when it was written, and its fields.

use std::borrow::Cow;
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::domain::record::RecordTime;
use crate::logs::format::columns::Columns;
use crate::logs::format::options::{FormatName, FormatOptions};
use crate::logs::format::time::{Assumed, TimeStyle, Times};

mod columns;
mod event;
mod json;
pub mod options;
mod pattern;
pub mod time;

#[cfg(test)]
mod tests;

/// How much of an object's beginning is looked at to find out its format, in bytes.
pub const HEAD_BYTES: usize = 64 * 1024;

/// How much of a line is looked at to tell whether it begins a record, in bytes.
pub const LINE_HEAD_BYTES: usize = time::SEARCHED_BYTES;

/// The format of an object's records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Format {
    kind: Kind,
    times: Times,
    /// The path of the field with the time; the usual ones are tried when it is `None`.
    time_field: Option<Arc<str>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    /// Lines of text. Where the style of their timestamps is known, a line without one belongs to the record before it.
    Text(Option<TimeStyle>),
    /// Lines of columns, such as access logs.
    Columns(Columns),
    /// An object of JSON on each line.
    JsonLines,
    /// JSON with records in an array: of a member such as `Records`, or of its own.
    JsonArray,
}

impl Format {
    /// The format of an object by its beginning, as far as `options` leave it open. `newest` is the newest time that a timestamp
    /// without a year can be.
    #[must_use]
    pub fn of(head: &[u8], options: &FormatOptions, newest: RecordTime) -> Self {
        let head = head.get(..HEAD_BYTES).unwrap_or(head);
        let mut lines = head.split(|b| *b == b'\n').filter(|line| !line.trim_ascii().is_empty());
        let first = lines.next().unwrap_or_default().trim_ascii();
        let assumed = Assumed::new(newest, options.offset_seconds);
        let json = || json_of(first, head);
        let known = match options.name {
            None => json(),
            Some(FormatName::Json) => Some(json().unwrap_or(Kind::JsonLines)),
            Some(FormatName::JsonLines) => Some(Kind::JsonLines),
            Some(FormatName::JsonArray) => Some(Kind::JsonArray),
            Some(_) => None,
        };
        let kind = known.unwrap_or_else(|| {
            let lines: Vec<_> = std::iter::once(first).chain(lines).take(20).collect();
            let columns = match options.name {
                None => Columns::detect(&lines, assumed),
                Some(name) => Columns::of(name, &lines),
            };
            let text = || Kind::Text(style_of(&lines, options.time_style.as_ref(), assumed));
            columns.map_or_else(text, Kind::Columns)
        });
        let times = Times { style: options.time_style.clone(), assumed };
        Self { kind, times, time_field: options.time_field.clone() }
    }

    /// The format's name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match &self.kind {
            Kind::Text(_) => "text",
            Kind::Columns(columns) => columns.name(),
            Kind::JsonLines => "json-lines",
            Kind::JsonArray => "json-array",
        }
    }

    /// Whether records are elements of an array, not lines.
    #[must_use]
    pub const fn is_array(&self) -> bool {
        matches!(self.kind, Kind::JsonArray)
    }

    /// Whether every line is a record.
    #[must_use]
    pub const fn is_line_by_line(&self) -> bool {
        matches!(self.kind, Kind::JsonLines | Kind::Text(None) | Kind::Columns(_))
    }

    /// Whether a line begins a record. Others belong to the record before them.
    #[must_use]
    pub fn begins_record(&self, line: &[u8]) -> bool {
        match &self.kind {
            Kind::Text(Some(style)) => {
                !line.first().is_some_and(u8::is_ascii_whitespace)
                    && style.find(line, self.times.assumed).is_some()
            }
            Kind::Text(None) | Kind::Columns(_) | Kind::JsonLines | Kind::JsonArray => true,
        }
    }

    /// When a record was written, as it says itself.
    #[must_use]
    pub fn time(&self, frame: &[u8]) -> Option<RecordTime> {
        match &self.kind {
            Kind::Text(style) => style.as_ref()?.find(frame, self.times.assumed).map(|(_, time)| time),
            Kind::Columns(columns) => columns.time(frame, self.times.assumed),
            Kind::JsonLines | Kind::JsonArray => {
                let (path, times) = (self.time_field.as_deref(), &self.times);
                json::quick_time(frame, path, times).or_else(|| json::time_of(&object(frame)?, path, times))
            }
        }
    }

    /// The text of a record's field.
    #[must_use]
    pub fn field<'f>(&self, frame: &'f [u8], path: &str) -> Option<Cow<'f, str>> {
        match &self.kind {
            Kind::Text(_) if event::is_in(frame) => event::field(frame, path),
            Kind::Text(_) => pairs(frame).find(|(name, _)| name == path).map(|(_, value)| value),
            Kind::Columns(columns) => columns.field(frame, path),
            Kind::JsonLines | Kind::JsonArray => {
                if let Some(text) = json::quick_text(frame, path) {
                    return Some(Cow::Borrowed(text));
                }
                let record = object(frame)?;
                json::find(&record, path).map(|value| Cow::Owned(json::text(value).into_owned()))
            }
        }
    }

    /// Some fields of a record, under the names that were asked for; those that it has not are left out.
    #[must_use]
    pub fn fields(&self, frame: &[u8], paths: &[String]) -> Map<String, Value> {
        let record = match self.kind {
            Kind::Text(_) | Kind::Columns(_) => None,
            Kind::JsonLines | Kind::JsonArray => object(frame),
        };
        let value = |path: &String| match &record {
            Some(record) => json::find(record, path).cloned(),
            None => self.field(frame, path).map(|text| Value::String(text.into_owned())),
        };
        paths.iter().filter_map(|path| Some((path.clone(), value(path)?))).collect()
    }
}

fn object(frame: &[u8]) -> Option<Map<String, Value>> {
    serde_json::from_slice(frame).ok()
}

fn is_json_line(line: &[u8]) -> bool {
    // `{"Records":[…]}` on one line is a document, although it is an object too.
    object(line).is_some_and(|record| !has_array(&record))
}

fn has_array(record: &Map<String, Value>) -> bool {
    let holds = |name: &str| matches!(record.get(name), Some(Value::Array(items)) if items.iter().all(Value::is_object));
    record.len() == 1 && (holds("Records") || holds("records"))
}

/// Whether a document's first member is an array of records, seen from its beginning alone.
fn holds_array(head: &[u8]) -> bool {
    let rest = head.trim_ascii_start().strip_prefix(b"{").map(<[u8]>::trim_ascii_start);
    let rest =
        rest.and_then(|rest| rest.strip_prefix(b"\"Records\"").or_else(|| rest.strip_prefix(b"\"records\"")));
    let rest = rest.map(<[u8]>::trim_ascii_start).and_then(|rest| rest.strip_prefix(b":"));
    rest.is_some_and(|rest| rest.trim_ascii_start().starts_with(b"["))
}

/// Whether it is JSON, by the first line and as much as is looked at.
fn json_of(first: &[u8], head: &[u8]) -> Option<Kind> {
    match first.first() {
        Some(b'[') if matches!(first.get(1..).map(<[u8]>::trim_ascii), Some([] | [b'{', ..])) => {
            Some(Kind::JsonArray)
        }
        Some(b'{') if is_json_line(first) => Some(Kind::JsonLines),
        Some(b'{') if holds_array(head) => Some(Kind::JsonArray),
        // A first line that does not fit into the head is a line still.
        Some(b'{') if first.len() >= HEAD_BYTES / 2 => Some(Kind::JsonLines),
        _ => None,
    }
}

/// The style of most lines' timestamps; the one that a site says where any line has it, so that an object of another kind beside
/// the usual ones is not taken for a single record.
fn style_of(lines: &[&[u8]], said: Option<&TimeStyle>, assumed: Assumed) -> Option<TimeStyle> {
    let lines: Vec<_> = lines.iter().filter(|line| !line.starts_with(b"#")).collect();
    let fits = |style: &TimeStyle| lines.iter().filter(|line| style.find(line, assumed).is_some()).count();
    if let Some(said) = said.filter(|said| fits(said) > 0) {
        return Some(said.clone());
    }
    let all = TimeStyle::ALL;
    let counted = all.iter().rev().map(|style| (fits(style), style));
    counted.max_by_key(|(fits, _)| *fits).filter(|(fits, _)| *fits > 0).map(|(_, style)| style.clone())
}

/// `key=value` and `key="quoted value"` in a line of text.
fn pairs(frame: &[u8]) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
    let is_name = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-' | b'@');
    memchr::memchr_iter(b'=', frame).filter_map(move |at| {
        let (before, behind) = (frame.get(..at)?, frame.get(at..)?.get(1..)?);
        let name_from = before.iter().rposition(|b| !is_name(*b)).map_or(0, |last| last.saturating_add(1));
        let name = before.get(name_from..).filter(|name| !name.is_empty())?;
        let value = if let Some(quoted) = behind.strip_prefix(b"\"") {
            quoted.get(..memchr::memchr(b'"', quoted).unwrap_or(quoted.len()))?
        } else {
            let ends = |b: &u8| b.is_ascii_whitespace() || matches!(b, b',' | b';' | b')' | b']');
            behind.get(..behind.iter().position(ends).unwrap_or(behind.len()))?
        };
        Some((String::from_utf8_lossy(name), String::from_utf8_lossy(value)))
    })
}
