//! Fields of JSON records.

use std::borrow::Cow;

use serde_json::{Map, Value};

use crate::domain::record::RecordTime;
use crate::logs::format::time;

/// The fields that tell the time of a record, where none is configured; the first that is there counts.
const TIME_FIELDS: [&str; 12] = [
    "timestamp",
    "@timestamp",
    "time",
    "ts",
    "eventTime",
    "event_time",
    "datetime",
    "date",
    "timeGenerated",
    "receiveTimestamp",
    "t",
    "start_time",
];

/// When a record was written.
pub fn time_of(record: &Map<String, Value>, path: Option<&str>, year: i16) -> Option<RecordTime> {
    let read = |value: &Value| match value {
        Value::String(text) => time::of_value(text, year),
        Value::Number(number) => match number.as_i64() {
            // A float would lose nanoseconds.
            Some(whole) => {
                time::of_value(&whole.to_string(), year).or_else(|| time::of_number(number.as_f64()?))
            }
            None => time::of_number(number.as_f64()?),
        },
        _ => None,
    };
    match path {
        Some(path) => find(record, path).and_then(read),
        None => TIME_FIELDS.iter().filter_map(|name| record.get(*name)).find_map(read),
    }
}

/// The value at a path. A name with points in it counts as a whole first, and so does every beginning of the path.
pub fn find<'v>(record: &'v Map<String, Value>, path: &str) -> Option<&'v Value> {
    if let Some(value) = record.get(path) {
        return Some(value);
    }
    path.match_indices('.').find_map(|(at, _)| {
        let (head, rest) = (path.get(..at)?, path.get(at..)?.get(1..)?);
        match record.get(head)? {
            Value::Object(inner) => find(inner, rest),
            Value::Array(items) => items.get(rest.parse::<usize>().ok()?),
            _ => None,
        }
    })
}

/// A value as text: a string by itself, everything else as JSON writes it.
pub fn text(value: &Value) -> Cow<'_, str> {
    match value {
        Value::String(text) => Cow::Borrowed(text),
        other => Cow::Owned(other.to_string()),
    }
}
