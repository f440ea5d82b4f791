//! Redaction of records of JSON: looked at as what they say, so that no escape hides anything.

use std::borrow::Cow;
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::logs::redact::counts::Counts;
use crate::logs::redact::detect::{self, Detector};
use crate::logs::redact::{BY_PATH, Path, Redacted, Redactor, marker};

impl Redactor {
    /// A record as it may be seen that is an object or a list of JSON; `None` when it is none.
    pub(super) fn json<'r>(&self, record: &'r [u8]) -> Option<Redacted<'r>> {
        if !matches!(record.trim_ascii_start().first(), Some(b'{' | b'[')) {
            return None;
        }
        let mut value: Value = serde_json::from_slice(record).ok()?;
        let mut counts = Counts::default();
        self.value(&mut value, &mut counts);
        self.paths(&mut value, &mut counts);
        // A name that stands twice is read once; what the first said would still be there as text.
        let twice = names_in(record) > names_of(&value);
        Some(match serde_json::to_vec(&value) {
            Ok(bytes) if twice || !counts.is_empty() => Redacted { bytes: Cow::Owned(bytes), counts },
            _ => still_json(self.with_escapes(record, false)),
        })
    }

    /// Takes away what stands at the paths, which begin anywhere: a document can hold a record at any depth.
    fn paths(&self, value: &mut Value, counts: &mut Counts) {
        match value {
            Value::Array(items) => items.iter_mut().for_each(|item| self.paths(item, counts)),
            Value::Object(_) => {
                self.json_paths.iter().for_each(|path| remove(value, &path.names, &path.rule, counts));
                let members = value.as_object_mut().into_iter().flat_map(Map::values_mut);
                members.for_each(|member| self.paths(member, counts));
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    fn value(&self, value: &mut Value, counts: &mut Counts) {
        match value {
            Value::String(text) => {
                self.text(text, counts);
            }
            Value::Number(number) => {
                // Card numbers are written as numbers too.
                let mut text = number.to_string();
                if self.text(&mut text, counts) {
                    *value = Value::String(text);
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.value(item, counts)),
            Value::Object(members) => self.members(members, counts),
            Value::Null | Value::Bool(_) => {}
        }
    }

    fn members(&self, members: &mut Map<String, Value>, counts: &mut Counts) {
        let before = std::mem::take(members);
        for (mut name, mut value) in before {
            match &self.secret_names {
                Some(rule) if detect::names_a_secret(&name) => self.blank(&mut value, rule, counts),
                Some(_) | None => self.value(&mut value, counts),
            }
            self.text(&mut name, counts);
            members.insert(name, value);
        }
    }

    /// Takes away all that a value says; names of members stay, as far as nothing is found in them.
    fn blank(&self, value: &mut Value, rule: &Arc<str>, counts: &mut Counts) {
        match value {
            Value::Null | Value::Bool(_) => {}
            Value::Array(items) => items.iter_mut().for_each(|item| self.blank(item, rule, counts)),
            Value::Object(members) => {
                for (mut name, mut member) in std::mem::take(members) {
                    self.blank(&mut member, rule, counts);
                    self.text(&mut name, counts);
                    members.insert(name, member);
                }
            }
            Value::Number(_) | Value::String(_) => {
                *value = Value::String(marker(Detector::Token.name()));
                counts.add(rule);
            }
        }
    }

    /// Tells whether anything was redacted.
    fn text(&self, text: &mut String, counts: &mut Counts) -> bool {
        let redacted = self.as_text(text.as_bytes());
        if redacted.counts.is_empty() {
            return false;
        }
        counts.take_in(&redacted.counts);
        *text = String::from_utf8_lossy(&redacted.bytes).into_owned();
        true
    }
}

/// What was found in the text of JSON, and in none of its values: a site's own expression can name both a member and its value, and
/// an escape can look like the beginning of an address. What is no JSON any more is given as a string that holds it.
fn still_json(redacted: Redacted<'_>) -> Redacted<'_> {
    let is_json = || serde_json::from_slice::<serde::de::IgnoredAny>(&redacted.bytes).is_ok();
    if redacted.counts.is_empty() || is_json() {
        return redacted;
    }
    let text = Value::String(String::from_utf8_lossy(&redacted.bytes).into_owned());
    Redacted { bytes: Cow::Owned(text.to_string().into_bytes()), counts: redacted.counts }
}

/// How many names of members stand in a text of JSON, or a few more: what stands in a value can look like one.
fn names_in(text: &[u8]) -> usize {
    let colon = |at: usize| {
        text.get(at..)
            .and_then(|rest| rest.get(1..))
            .is_some_and(|rest| rest.trim_ascii_start().starts_with(b":"))
    };
    memchr::memchr_iter(b'"', text).filter(|at| colon(*at)).count()
}

/// How many members there are in a value, at every depth.
fn names_of(value: &Value) -> usize {
    match value {
        Value::Array(items) => items.iter().map(names_of).sum(),
        Value::Object(members) => members.values().map(|member| names_of(member).saturating_add(1)).sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
    }
}

/// Takes away what stands at a path; in arrays, of each item.
fn remove(value: &mut Value, names: &[String], rule: &Arc<str>, counts: &mut Counts) {
    match (value, names) {
        (Value::Array(items), names) => items.iter_mut().for_each(|item| remove(item, names, rule, counts)),
        (Value::Object(members), [name]) => {
            let mark = Value::String(marker(BY_PATH));
            if let Some(found) = members.get_mut(name).filter(|found| !found.is_null() && **found != mark) {
                *found = mark;
                counts.add(rule);
            }
        }
        (Value::Object(members), [name, rest @ ..]) => {
            if let Some(found) = members.get_mut(name) {
                remove(found, rest, rule, counts);
            }
        }
        _ => {}
    }
}

impl Path {
    /// A path of names with dots between them.
    pub(super) fn parse(text: &str) -> Self {
        Self { rule: Arc::from(text), names: text.split('.').map(str::to_owned).collect() }
    }

    /// The name of the member that goes.
    pub(super) fn last(&self) -> &str {
        self.names.last().map_or("", String::as_str)
    }
}
