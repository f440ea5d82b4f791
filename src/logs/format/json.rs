//! Fields of JSON records.

use std::borrow::Cow;

use serde_json::{Map, Value};

use crate::domain::record::RecordTime;
use crate::logs::format::time::Times;

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
pub fn time_of(record: &Map<String, Value>, path: Option<&str>, times: &Times) -> Option<RecordTime> {
    let read = |value: &Value| match value {
        Value::String(text) => times.of_value(text),
        Value::Number(number) => match number.as_i64() {
            // A float would lose nanoseconds.
            Some(whole) => times.of_value(&whole.to_string()).or_else(|| times.of_number(number.as_f64()?)),
            None => times.of_number(number.as_f64()?),
        },
        _ => None,
    };
    match path {
        Some(path) => find(record, path).and_then(read),
        None => TIME_FIELDS.iter().filter_map(|name| record.get(*name)).find_map(read),
    }
}

/// The same without building the record, since it is asked of each one that is told. `None` also where this is not simple: what
/// stands there is not plain, or there are several ways to read the path.
pub fn quick_time(frame: &[u8], path: Option<&str>, times: &Times) -> Option<RecordTime> {
    if let Some(path) = path {
        return plain_time(member(frame, path.as_bytes())?, times);
    }
    let mut best: Option<(usize, RecordTime)> = None;
    for member in Members::of(frame)? {
        let (name, value) = member?;
        let rank = TIME_FIELDS.iter().position(|known| known.as_bytes() == name);
        let Some(rank) = rank.filter(|rank| best.is_none_or(|(known, _)| *rank < known)) else {
            continue;
        };
        let time = plain_time(value, times)?;
        if rank == 0 {
            return Some(time);
        }
        best = Some((rank, time));
    }
    best.map(|(_, time)| time)
}

/// The text of a member, without building the record. `None` also where this is not simple.
pub fn quick_text<'f>(frame: &'f [u8], path: &str) -> Option<&'f str> {
    let text = std::str::from_utf8(member(frame, path.as_bytes())?).ok()?;
    if let Some(bare) = text.strip_prefix('"') {
        return bare.strip_suffix('"').filter(|bare| !bare.contains('\\'));
    }
    // Other numbers can be written in several ways.
    let whole = text.len() < 18 && !text.starts_with('0') && text.bytes().all(|b| b.is_ascii_digit());
    (whole || matches!(text, "0" | "true" | "false" | "null")).then_some(text)
}

/// What stands at a path, as it is written. `None` also where [`find`] would have to try several ways.
fn member<'f>(frame: &'f [u8], path: &[u8]) -> Option<&'f [u8]> {
    let mut members = Members::of(frame)?;
    if !path.contains(&b'.') {
        return members.find_map(|found| found.filter(|(name, _)| *name == path)).map(|(_, value)| value);
    }
    let mut inner = None;
    for found in members {
        let (name, value) = found?;
        if name == path {
            return Some(value);
        }
        if let Some(rest) = path.strip_prefix(name).and_then(|rest| rest.strip_prefix(b".")) {
            if inner.is_some() {
                return None;
            }
            inner = Some((value, rest));
        }
    }
    let (value, rest) = inner?;
    // In an array the path goes on with a number, which is left to the slow way.
    value.starts_with(b"{").then(|| member(value, rest)).flatten()
}

fn plain_time(value: &[u8], times: &Times) -> Option<RecordTime> {
    let bare = value.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\"")).unwrap_or(value);
    let text = std::str::from_utf8(bare).ok().filter(|text| !text.contains('\\'))?;
    let is_number = bare.len() == value.len();
    if is_number && !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    times.of_value(text)
}

/// The members of an object as they stand in its text: names without their quotes, values as they are. The last is `None`
/// where it is no JSON, or a name is escaped.
struct Members<'f> {
    rest: &'f [u8],
    first: bool,
}

impl<'f> Members<'f> {
    fn of(frame: &'f [u8]) -> Option<Self> {
        Some(Self { rest: frame.trim_ascii_start().strip_prefix(b"{")?, first: true })
    }

    fn member(&mut self) -> Option<(&'f [u8], &'f [u8])> {
        let rest = self.rest.trim_ascii_start();
        let rest =
            if std::mem::take(&mut self.first) { rest } else { rest.strip_prefix(b",")?.trim_ascii_start() };
        let name = rest.get(..string(rest)?)?;
        let value = rest.get(name.len()..)?.trim_ascii_start().strip_prefix(b":")?.trim_ascii_start();
        let (value, rest) = value.split_at_checked(length(value)?)?;
        self.rest = rest;
        let name = name.get(1..name.len().checked_sub(1)?)?;
        (!name.contains(&b'\\')).then_some((name, value))
    }
}

impl<'f> Iterator for Members<'f> {
    type Item = Option<(&'f [u8], &'f [u8])>;

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.rest.trim_ascii_start();
        if rest.starts_with(b"}") {
            return None;
        }
        let member = self.member();
        if member.is_none() {
            // Nothing is known of what follows: this is the end.
            self.rest = b"}";
        }
        Some(member)
    }
}

/// How long the string is at whose first quote the text begins, with its quotes.
fn string(text: &[u8]) -> Option<usize> {
    let mut at = usize::from(text.first() == Some(&b'"'));
    while at > 0 {
        at = at.checked_add(memchr::memchr2(b'"', b'\\', text.get(at..)?)?)?;
        if text.get(at) == Some(&b'"') {
            return at.checked_add(1);
        }
        at = at.checked_add(2)?;
    }
    None
}

/// How long the value is with which the text begins.
fn length(text: &[u8]) -> Option<usize> {
    match text.first()? {
        b'"' => string(text),
        b'{' | b'[' => nested(text),
        _ => text.iter().position(|b| matches!(b, b',' | b'}' | b']' | b' ' | b'\t' | b'\r' | b'\n')),
    }
}

fn nested(text: &[u8]) -> Option<usize> {
    let (mut at, mut depth) = (0_usize, 0_usize);
    loop {
        match text.get(at)? {
            b'"' => at = at.checked_add(string(text.get(at..)?)?)?.checked_sub(1)?,
            b'{' | b'[' => depth = depth.checked_add(1)?,
            b'}' | b']' => depth = depth.checked_sub(1)?,
            _ => {}
        }
        at = at.checked_add(1)?;
        if depth == 0 {
            return Some(at);
        }
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::logs::format::time::{Assumed, TimeStyle, Unit};

    fn times() -> Times {
        Times { style: None, assumed: Assumed::new(RecordTime::from_unix_nanos(0), 0) }
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            any::<bool>().prop_map(Value::from),
            "[ -~é\\n]{0,12}".prop_map(Value::from),
            Just(json!("2026-11-23T14:05:06.25Z")),
            Just(json!(1_700_000_000_123_i64)),
        ];
        leaf.prop_recursive(3, 16, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map("[a-c\"\\\\{}\\[\\]]{0,3}", inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn the_quick_way_to_the_time_finds_what_the_slow_one_finds(
            record in prop::collection::btree_map(
                prop_oneof![prop::sample::select(&TIME_FIELDS[..]).prop_map(str::to_owned), "[a-c\"]{1,2}".boxed()],
                value(), 0..8,
            ),
            path in prop::option::of(prop::sample::select(vec!["time", "a", "a.b", "a.b.c"])),
            unit in prop::option::of(prop::sample::select(vec![Unit::Seconds, Unit::Millis])),
            pretty: bool,
        ) {
            let times = Times { style: unit.map(TimeStyle::Since1970), ..times() };
            let record: Map<String, Value> = record.into_iter().collect();
            let text = if pretty { serde_json::to_string_pretty(&record) } else { serde_json::to_string(&record) }.unwrap();
            if let Some(time) = quick_time(text.as_bytes(), path, &times) {
                prop_assert_eq!(Some(time), time_of(&record, path, &times), "{}", text);
            }
        }

        #[test]
        fn the_quick_way_to_a_member_finds_what_the_slow_one_finds(
            record in prop::collection::btree_map("[a-c.\"]{1,3}", value(), 0..6), name in "[a-c.]{1,4}",
        ) {
            let record: Map<String, Value> = record.into_iter().collect();
            let frame = serde_json::to_string(&record).unwrap();
            if let Some(quick) = quick_text(frame.as_bytes(), &name) {
                let slow = find(&record, &name).map(|value| text(value).into_owned());
                prop_assert_eq!(Some(quick), slow.as_deref(), "{}", frame);
            }
        }

        #[test]
        fn no_bytes_end_the_quick_way_in_a_panic(frame in prop::collection::vec(any::<u8>(), 0..60)) {
            let _either = (quick_time(&frame, None, &times()), quick_text(&frame, "a.b"));
        }
    }

    #[test]
    fn the_quick_way_suffices_for_what_is_usual() {
        let line = br#"{ "level":"ERROR", "tags":["a}",{"b":"]"}], "time":"2026-11-23T14:05:06Z","ok":true,"n":-1.5e3 }"#;
        assert_eq!(quick_time(line, None, &times()).unwrap().to_string(), "2026-11-23T14:05:06Z");
        assert_eq!(
            quick_time(br#"{"n":1,"ts":1700000000}"#, Some("ts"), &times()).unwrap().to_string(),
            "2023-11-14T22:13:20Z"
        );
        assert_eq!(quick_text(b"{\"b\":", "a"), None);
        assert_eq!(quick_time(br#"{"a":{"time":"2026-11-23T14:05:06Z"}}"#, None, &times()), None);
        let nested = br#"{"log":{"event.created":1},"event":{"id":7,"created":"2026-11-23T14:05:06Z"}}"#;
        assert_eq!(
            quick_time(nested, Some("event.created"), &times()).unwrap().to_string(),
            "2026-11-23T14:05:06Z"
        );
        assert_eq!(quick_text(nested, "event.id"), Some("7"));
        assert_eq!(quick_text(nested, "log.event.created"), Some("1"));
    }
}
