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
        let secret_names = rules.detectors.contains(&Detector::Token);
        Ok(Self { rules: known.chain(own).collect::<Result<_, _>>()?, json_paths, secret_names })
    }

    /// A record as it may be seen.
    #[must_use]
    pub fn redact<'r>(&self, record: &'r [u8]) -> Redacted<'r> {
        match readable(record) {
            Cow::Borrowed(record) => self.readable(record),
            Cow::Owned(record) => {
                let Redacted { bytes, count } = self.readable(&record);
                Redacted { bytes: Cow::Owned(bytes.into_owned()), count }
            }
        }
    }

    fn readable<'r>(&self, record: &'r [u8]) -> Redacted<'r> {
        let parsed =
            record.trim_ascii_start().starts_with(b"{").then(|| serde_json::from_slice::<Value>(record).ok());
        let Some(mut value) = parsed.flatten() else { return self.as_text(record) };
        let mut count = 0;
        self.value(&mut value, &mut count);
        for path in &self.json_paths {
            remove(&mut value, path, &mut count);
        }
        // A name that stands twice is read once: what the first said is still there as text.
        match serde_json::to_vec(&value) {
            Ok(bytes) if count > 0 => Redacted { bytes: Cow::Owned(bytes), count },
            _ => self.as_text(record),
        }
    }

    /// Redacts bytes of which nothing is known.
    pub fn as_text<'r>(&self, text: &'r [u8]) -> Redacted<'r> {
        let plain = self.as_it_stands(text);
        // `\u0040` is an at sign for whoever reads the text as JSON.
        match unescaped(text) {
            Some(unescaped) => {
                let found = self.as_it_stands(&unescaped);
                if found.count > plain.count {
                    return Redacted { bytes: Cow::Owned(found.bytes.into_owned()), count: found.count };
                }
                plain
            }
            None => plain,
        }
    }

    fn as_it_stands<'r>(&self, text: &'r [u8]) -> Redacted<'r> {
        let mut found: Vec<(usize, usize, &str)> = Vec::new();
        for rule in &self.rules {
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
            let secret = self.secret_names && detect::names_a_secret(&name);
            if secret && !matches!(value, Value::Null | Value::Bool(_) | Value::Object(_) | Value::Array(_)) {
                value = Value::String(marker(Detector::Token.name()));
                *count += 1;
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

/// A record without what no rule can read: what is compressed once more, or stands there in letters of two bytes, would leave
/// whole. Bytes that are no text are gone for good in what this gives.
fn readable(record: &[u8]) -> Cow<'_, [u8]> {
    let text = match String::from_utf8_lossy(record) {
        Cow::Borrowed(_) => Cow::Borrowed(record),
        Cow::Owned(text) => Cow::Owned(text.into_bytes()),
    };
    if memchr::memchr(0, &text).is_none() {
        return text;
    }
    Cow::Owned(text.iter().copied().filter(|b| *b != 0).collect())
}

/// What stands in the place of something.
pub fn marker(name: &str) -> String {
    format!("[redacted:{name}]")
}

/// Takes away what stands at a path; in arrays, of each item.
fn remove(value: &mut Value, path: &[String], count: &mut u64) {
    match (value, path) {
        (Value::Array(items), path) => items.iter_mut().for_each(|item| remove(item, path, count)),
        (Value::Object(members), [name]) => {
            if let Some(found) = members.get_mut(name).filter(|found| !found.is_null()) {
                *found = Value::String(marker(BY_PATH));
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
