//! Redaction: what people who may not see everything get in place of secrets and personal data.
//!
//! A record of JSON is looked at as what it says, so that no escape hides anything; every other record as its bytes, with
//! escapes of letters undone. In doubt more is redacted. What is written in another way, such as base64 or several characters of a
//! value in fields of their own, is not found; `docs/admin/redaction.md` says so to those who rely on it.

use std::borrow::Cow;

use regex::bytes::{Regex, RegexBuilder};
use serde_json::{Map, Value};

use crate::logs::redact::detect::Detector;

pub mod detect;
pub mod stream;

#[cfg(test)]
mod tests;

/// The largest a compiled expression can be, in bytes.
const REGEX_BYTES: usize = 1024 * 1024;

/// What stands in place of a value that a path names.
const BY_PATH: &str = "path";

/// What stands in place of bytes that are no text, such as UTF-16 or what was compressed twice.
pub const BINARY: &str = "binary";

/// What a site redacts of a bucket.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RedactionRules {
    /// Detectors by their names.
    pub detectors: Vec<Detector>,
    /// Expressions under names of the site's own; a group, where there is one, is what goes.
    pub patterns: Vec<(String, String)>,
    /// Members of JSON records whose values go, whatever they are.
    pub json_paths: Vec<String>,
}

/// An expression is none, or grows too large.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("is not an expression that can be used: {0}")]
pub struct InvalidPattern(String);

/// The rules, ready.
#[derive(Debug)]
pub struct Redactor {
    rules: Vec<Rule>,
    json_paths: Vec<Vec<String>>,
    /// What paths end with, for JSON within text and for documents over several lines.
    last_names: Vec<Rule>,
    /// Whether values go whose names say that they are secret.
    secret_names: bool,
}

#[derive(Debug)]
struct Rule {
    marker: String,
    regex: Regex,
    /// What else has to hold of what was found.
    check: fn(&[u8]) -> bool,
}

/// A record as it may be seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redacted<'r> {
    /// Its bytes; borrowed when nothing was redacted.
    pub bytes: Cow<'r, [u8]>,
    /// How many places were redacted.
    pub count: u64,
}

impl Redactor {
    /// Makes rules ready.
    ///
    /// # Errors
    /// [`InvalidPattern`] for an expression of the site's own.
    pub fn new(rules: &RedactionRules) -> Result<Self, InvalidPattern> {
        let own = rules.patterns.iter().map(|(name, pattern)| {
            let regex = RegexBuilder::new(pattern).size_limit(REGEX_BYTES).build();
            let regex = regex.map_err(|error| InvalidPattern(error.to_string()))?;
            Ok(Rule { marker: marker(name), regex, check: |_| true })
        });
        let known = rules.detectors.iter().flat_map(|detector| {
            detector.expressions().iter().map(|(expression, check)| {
                let regex = Regex::new(expression).map_err(|error| InvalidPattern(error.to_string()))?;
                Ok(Rule { marker: marker(detector.name()), regex, check: *check })
            })
        });
        let json_paths =
            rules.json_paths.iter().map(|path| path.split('.').map(str::to_owned).collect()).collect();
        let last_names = rules.json_paths.iter().map(|path| last_name(path)).collect::<Result<_, _>>()?;
        let secret_names = rules.detectors.contains(&Detector::Token);
        Ok(Self { rules: known.chain(own).collect::<Result<_, _>>()?, json_paths, last_names, secret_names })
    }

    /// A record as it may be seen.
    #[must_use]
    pub fn redact<'r>(&self, record: &'r [u8]) -> Redacted<'r> {
        if memchr::memchr(0, record).is_some() {
            return Redacted { bytes: Cow::Owned(marker(BINARY).into_bytes()), count: 1 };
        }
        // What is no text, such as bytes that are compressed once more, is of no use to anybody in what this gives.
        match String::from_utf8_lossy(record) {
            Cow::Borrowed(_) => self.readable(record),
            Cow::Owned(text) => {
                let Redacted { bytes, count } = self.readable(text.as_bytes());
                Redacted { bytes: Cow::Owned(bytes.into_owned()), count }
            }
        }
    }

    fn readable<'r>(&self, record: &'r [u8]) -> Redacted<'r> {
        let json = matches!(record.trim_ascii_start().first(), Some(b'{' | b'['));
        let parsed = json.then(|| serde_json::from_slice::<Value>(record).ok());
        let Some(mut value) = parsed.flatten() else { return self.as_text(record) };
        let mut count = 0;
        self.value(&mut value, &mut count);
        self.paths(&mut value, &mut count);
        // A name that stands twice is read once; what the first said would still be there as text.
        let twice = names_in(record) > names_of(&value);
        match serde_json::to_vec(&value) {
            Ok(bytes) if count > 0 || twice => Redacted { bytes: Cow::Owned(bytes), count },
            _ => still_json(self.with_escapes(record, false)),
        }
    }

    /// The same for the next of several lines, of which each is a record: a private key stands on many of them. `in_key` is what is
    /// known from the line before.
    #[must_use]
    pub fn redact_next<'r>(&self, record: &'r [u8], in_key: &mut bool) -> Redacted<'r> {
        let holds = |needle: &[u8]| memchr::memmem::find(record, needle).is_some();
        let ends = holds(b"-----END ");
        if *in_key {
            *in_key = !ends;
            return Redacted { bytes: Cow::Owned(marker(Detector::Token.name()).into_bytes()), count: 1 };
        }
        *in_key = self.secret_names && holds(b"-----BEGIN ") && holds(b"PRIVATE KEY-----") && !ends;
        self.redact(record)
    }

    /// What stands in place of a record that is too long to be looked at.
    #[must_use]
    pub fn too_long(&self) -> Redacted<'static> {
        Redacted { bytes: Cow::Owned(marker(stream::TOO_LONG).into_bytes()), count: 1 }
    }

    /// Redacts bytes of which nothing is known.
    pub fn as_text<'r>(&self, text: &'r [u8]) -> Redacted<'r> {
        self.with_escapes(text, true)
    }

    fn with_escapes<'r>(&self, text: &'r [u8], names: bool) -> Redacted<'r> {
        let plain = self.as_it_stands(text, names);
        // `\u0040` is an at sign for whoever reads the text as JSON.
        let Some(unescaped) = unescaped(&plain.bytes) else { return plain };
        let found = self.as_it_stands(&unescaped, names);
        if found.count == 0 {
            return plain;
        }
        Redacted {
            bytes: Cow::Owned(found.bytes.into_owned()),
            count: plain.count.saturating_add(found.count),
        }
    }

    fn as_it_stands<'r>(&self, text: &'r [u8], names: bool) -> Redacted<'r> {
        let mut found: Vec<(usize, usize, &str)> = Vec::new();
        let by_name = self.last_names.iter().filter(|_| names);
        for rule in self.rules.iter().chain(by_name) {
            for captures in rule.regex.captures_iter(text) {
                let whole = captures.get(0);
                let Some(place) = captures.iter().skip(1).flatten().next().or(whole) else { continue };
                if !place.is_empty() && (rule.check)(place.as_bytes()) {
                    found.push((place.start(), place.end(), &rule.marker));
                }
            }
        }
        if found.is_empty() {
            return Redacted { bytes: Cow::Borrowed(text), count: 0 };
        }
        found.sort_by_key(|(start, end, _)| (*start, std::cmp::Reverse(*end)));
        let (mut out, mut done, mut count) = (Vec::with_capacity(text.len()), 0, 0);
        for (start, end, marker) in found {
            if start >= done {
                out.extend_from_slice(text.get(done..start).unwrap_or_default());
                out.extend_from_slice(marker.as_bytes());
                count += 1;
            }
            // What overlaps is one place.
            done = done.max(end);
        }
        out.extend_from_slice(text.get(done..).unwrap_or_default());
        Redacted { bytes: Cow::Owned(out), count }
    }

    /// Takes away what stands at the paths, which begin anywhere: a document can hold a record at any depth.
    fn paths(&self, value: &mut Value, count: &mut u64) {
        match value {
            Value::Array(items) => items.iter_mut().for_each(|item| self.paths(item, count)),
            Value::Object(_) => {
                self.json_paths.iter().for_each(|path| remove(value, path, count));
                let members = value.as_object_mut().into_iter().flat_map(Map::values_mut);
                members.for_each(|member| self.paths(member, count));
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    fn value(&self, value: &mut Value, count: &mut u64) {
        match value {
            Value::String(text) => self.text(text, count),
            Value::Number(number) => {
                // Card numbers are written as numbers too.
                let mut text = number.to_string();
                let before = *count;
                self.text(&mut text, count);
                if *count > before {
                    *value = Value::String(text);
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.value(item, count)),
            Value::Object(members) => self.members(members, count),
            Value::Null | Value::Bool(_) => {}
        }
    }

    fn members(&self, members: &mut Map<String, Value>, count: &mut u64) {
        let before = std::mem::take(members);
        for (mut name, mut value) in before {
            if self.secret_names && detect::names_a_secret(&name) {
                blank(&mut value, count);
            } else {
                self.value(&mut value, count);
            }
            self.text(&mut name, count);
            members.insert(name, value);
        }
    }

    fn text(&self, text: &mut String, count: &mut u64) {
        let redacted = self.as_text(text.as_bytes());
        if redacted.count > 0 {
            *count += redacted.count;
            *text = String::from_utf8_lossy(&redacted.bytes).into_owned();
        }
    }
}

/// What was found in the text of JSON, and in none of its values: a site's own expression can name both a member and its value, and
/// an escape can look like the beginning of an address. What is no JSON any more is given as a string that holds it.
fn still_json(redacted: Redacted<'_>) -> Redacted<'_> {
    if redacted.count == 0 || serde_json::from_slice::<serde::de::IgnoredAny>(&redacted.bytes).is_ok() {
        return redacted;
    }
    let text = Value::String(String::from_utf8_lossy(&redacted.bytes).into_owned());
    Redacted { bytes: Cow::Owned(text.to_string().into_bytes()), count: redacted.count }
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

/// Takes away all that a value says.
fn blank(value: &mut Value, count: &mut u64) {
    match value {
        Value::Null | Value::Bool(_) => {}
        Value::Array(items) => items.iter_mut().for_each(|item| blank(item, count)),
        Value::Object(members) => members.values_mut().for_each(|member| blank(member, count)),
        Value::Number(_) | Value::String(_) => {
            *value = Value::String(marker(Detector::Token.name()));
            *count += 1;
        }
    }
}

/// What stands in the place of something.
pub fn marker(name: &str) -> String {
    format!("[redacted:{name}]")
}

/// Finds the value of the member that a path ends with where JSON cannot be read as a whole.
fn last_name(path: &str) -> Result<Rule, InvalidPattern> {
    let name = regex::escape(path.rsplit('.').next().unwrap_or(path));
    let pattern =
        format!(r#"(?s)\\*"{name}\\*"\s*:\s*(?:\\*"((?:[^"\\]|\\.)*)|([^\s,}}\]"\\{{\[][^\s,}}\]]*))"#);
    let regex = RegexBuilder::new(&pattern).size_limit(REGEX_BYTES).build();
    let regex = regex.map_err(|error| InvalidPattern(error.to_string()))?;
    Ok(Rule { marker: marker(BY_PATH), regex, check: |_| true })
}

/// Takes away what stands at a path; in arrays, of each item.
fn remove(value: &mut Value, path: &[String], count: &mut u64) {
    match (value, path) {
        (Value::Array(items), path) => items.iter_mut().for_each(|item| remove(item, path, count)),
        (Value::Object(members), [name]) => {
            if let Some(found) = members.get_mut(name).filter(|found| !found.is_null()) {
                let mark = Value::String(marker(BY_PATH));
                if *found == mark {
                    return;
                }
                *found = mark;
                *count += 1;
            }
        }
        (Value::Object(members), [name, rest @ ..]) => {
            if let Some(found) = members.get_mut(name) {
                remove(found, rest, count);
            }
        }
        _ => {}
    }
}

/// The text with JSON's escapes of ASCII undone; `None` where it has none.
fn unescaped(text: &[u8]) -> Option<Vec<u8>> {
    memchr::memchr(b'\\', text)?;
    let (mut out, mut rest, mut changed) = (Vec::with_capacity(text.len()), text, false);
    while let Some(at) = memchr::memchr(b'\\', rest) {
        let (before, escape) = rest.split_at_checked(at)?;
        out.extend_from_slice(before);
        let letter = escape.strip_prefix(b"\\u00").and_then(|digits| {
            let digits = std::str::from_utf8(digits.get(..2)?).ok()?;
            u8::from_str_radix(digits, 16).ok().filter(u8::is_ascii_graphic)
        });
        let (written, length) = match (letter, escape.get(1)) {
            (Some(letter), _) => (letter, 6),
            (None, Some(b'/')) => (b'/', 2),
            _ => (b'\\', 1),
        };
        changed |= length > 1;
        out.push(written);
        rest = escape.get(length..)?;
    }
    out.extend_from_slice(rest);
    changed.then_some(out)
}
