//! Redaction: what people who may not see everything get in place of secrets and personal data.
//!
//! A record of JSON is looked at as what it says, so that no escape hides anything; every other record as its bytes, with
//! escapes of letters undone. In doubt more is redacted. What is written in another way, such as base64 or several characters of a
//! value in fields of their own, is not found; `docs/admin/redaction.md` says so to those who rely on it.

use std::borrow::Cow;
use std::sync::Arc;

use regex::bytes::{Regex, RegexBuilder};

use crate::logs::redact::counts::Counts;
use crate::logs::redact::detect::Detector;
use crate::logs::redact::value::{Open, Reach};

pub mod across;
pub mod counts;
pub mod detect;
mod json;
pub mod stream;
mod value;

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
    json_paths: Vec<Path>,
    /// What paths end with, for JSON within text and for documents over several lines.
    last_names: Vec<LastName>,
    /// What counts for values that go because their names say that they are secret; `None` when they stay.
    secret_names: Option<Arc<str>>,
    /// What counts for what cannot be looked at.
    binary: Arc<str>,
    too_long: Arc<str>,
}

/// A path of names to a member that goes.
#[derive(Debug)]
struct Path {
    rule: Arc<str>,
    names: Vec<String>,
}

/// Finds the value of a member by its name alone.
#[derive(Debug)]
struct LastName {
    /// The backslashes before the name's quote; and a value that is no object and no list, with quotes or without.
    scalar: Rule,
    /// The backslashes before the name's quote; and the bracket of a value, or the end of the text.
    opens: Regex,
}

#[derive(Debug)]
struct Rule {
    /// Under which name its places count.
    name: Arc<str>,
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
    /// How many places were redacted, by rule.
    pub counts: Counts,
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
            Ok(Rule { name: Arc::from(name.as_str()), marker: marker(name), regex, check: |_| true })
        });
        let known = rules.detectors.iter().flat_map(|detector| {
            detector.expressions().iter().map(|(expression, check)| {
                let regex = Regex::new(expression).map_err(|error| InvalidPattern(error.to_string()))?;
                let name = detector.name();
                Ok(Rule { name: Arc::from(name), marker: marker(name), regex, check: *check })
            })
        });
        let json_paths: Vec<_> = rules.json_paths.iter().map(|path| Path::parse(path)).collect();
        let last_names = json_paths.iter().map(last_name).collect::<Result<_, _>>()?;
        let secret_names =
            rules.detectors.contains(&Detector::Token).then(|| Arc::from(Detector::Token.name()));
        Ok(Self {
            rules: known.chain(own).collect::<Result<_, _>>()?,
            json_paths,
            last_names,
            secret_names,
            binary: Arc::from(BINARY),
            too_long: Arc::from(stream::TOO_LONG),
        })
    }

    /// A record as it may be seen.
    #[must_use]
    pub fn redact<'r>(&self, record: &'r [u8]) -> Redacted<'r> {
        if memchr::memchr(0, record).is_some() {
            return Redacted::whole(BINARY, &self.binary);
        }
        // What is no text, such as bytes that are compressed once more, is of no use to anybody in what this gives.
        match String::from_utf8_lossy(record) {
            Cow::Borrowed(_) => self.readable(record),
            Cow::Owned(text) => {
                let Redacted { bytes, counts } = self.readable(text.as_bytes());
                Redacted { bytes: Cow::Owned(bytes.into_owned()), counts }
            }
        }
    }

    fn readable<'r>(&self, record: &'r [u8]) -> Redacted<'r> {
        self.json(record).unwrap_or_else(|| self.as_text(record))
    }

    /// What stands in place of a record that is too long to be looked at.
    #[must_use]
    pub fn too_long(&self) -> Redacted<'static> {
        Redacted::whole(stream::TOO_LONG, &self.too_long)
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
        if found.counts.is_empty() {
            return plain;
        }
        let mut counts = plain.counts;
        counts.take_in(&found.counts);
        Redacted { bytes: Cow::Owned(found.bytes.into_owned()), counts }
    }

    fn as_it_stands<'r>(&self, text: &'r [u8], names: bool) -> Redacted<'r> {
        let mut found: Vec<Place<'_>> = Vec::new();
        let by_name = self.last_names.iter().filter(|_| names);
        for rule in &self.rules {
            for captures in rule.regex.captures_iter(text) {
                let whole = captures.get(0);
                let Some(place) = captures.iter().skip(1).flatten().next().or(whole) else { continue };
                if !place.is_empty() && (rule.check)(place.as_bytes()) {
                    found.push(Place::new(place.start(), place.end(), rule));
                }
            }
        }
        found.extend(by_name.flat_map(|name| name.scalars(text).chain(name.values(text))));
        if found.is_empty() {
            return Redacted::untouched(text);
        }
        found.sort_by_key(|place| (place.start, std::cmp::Reverse(place.end)));
        let (mut out, mut done, mut counts) = (Vec::with_capacity(text.len()), 0, Counts::default());
        for place in found {
            if place.start >= done {
                out.extend_from_slice(text.get(done..place.start).unwrap_or_default());
                out.extend_from_slice(place.quote);
                out.extend_from_slice(place.rule.marker.as_bytes());
                out.extend_from_slice(place.quote);
                counts.add(&place.rule.name);
            }
            // What overlaps is one place.
            done = done.max(place.end);
        }
        out.extend_from_slice(text.get(done..).unwrap_or_default());
        Redacted { bytes: Cow::Owned(out), counts }
    }
}

impl<'r> Redacted<'r> {
    /// A record of which nothing is redacted.
    pub fn untouched(record: &'r [u8]) -> Self {
        Self { bytes: Cow::Borrowed(record), counts: Counts::default() }
    }

    /// A record that goes as a whole.
    fn whole(what: &str, rule: &Arc<str>) -> Self {
        Self { bytes: Cow::Owned(marker(what).into_bytes()), counts: Counts::one(rule) }
    }
}

/// A place in a text that goes.
struct Place<'t> {
    start: usize,
    end: usize,
    rule: &'t Rule,
    /// What stands around the marker, where it has to be a string.
    quote: &'t [u8],
}

impl<'t> Place<'t> {
    const fn new(start: usize, end: usize, rule: &'t Rule) -> Self {
        Self { start, end, rule, quote: b"" }
    }
}

impl LastName {
    fn scalars<'t>(&'t self, text: &'t [u8]) -> impl Iterator<Item = Place<'t>> {
        self.scalar.regex.captures_iter(text).filter_map(move |found| {
            let place = |place: regex::bytes::Match<'_>| Place::new(place.start(), place.end(), &self.scalar);
            if let Some(text) = found.get(2) {
                return Some(place(text)).filter(|_| !text.is_empty());
            }
            let slashes = found.get(1)?;
            let quote = text.get(slashes.start()..slashes.end().saturating_add(1))?;
            Some(Place { quote, ..place(found.get(3)?) })
        })
    }

    /// The objects and lists under the name.
    fn values<'t>(&'t self, text: &'t [u8]) -> impl Iterator<Item = Place<'t>> {
        let mut done = 0;
        self.opens.captures_iter(text).filter_map(move |found| {
            let (slashes, bracket) = (found.get(1)?, found.get(2).filter(|bracket| !bracket.is_empty())?);
            // What lies inside of another value is not read again.
            if bracket.start() < done {
                return None;
            }
            let rest = text.get(bracket.start()..)?;
            let length = match Open::new(slashes.len()).read(rest) {
                Reach::Closed(length) => length,
                Reach::Open => rest.len(),
                // What is no JSON there goes with the rest of its line.
                Reach::Broken(at) => {
                    let line = rest.get(at..).and_then(|rest| memchr::memchr(b'\n', rest));
                    line.map_or(rest.len(), |newline| at.saturating_add(newline))
                }
            };
            let quote = text.get(slashes.start()..slashes.end().saturating_add(1))?;
            done = bracket.start().saturating_add(length);
            Some(Place { quote, ..Place::new(bracket.start(), done, &self.scalar) })
        })
    }
}

/// What stands in the place of something.
pub fn marker(name: &str) -> String {
    format!("[redacted:{name}]")
}

/// Finds the value of the member that a path ends with where JSON cannot be read as a whole.
fn last_name(path: &Path) -> Result<LastName, InvalidPattern> {
    let name = regex::escape(path.last());
    let regex = |pattern: &str| {
        let regex = RegexBuilder::new(pattern).size_limit(REGEX_BYTES).build();
        regex.map_err(|error| InvalidPattern(error.to_string()))
    };
    let scalar =
        format!(r#"(?s)(\\*)"{name}\\*"\s*:\s*(?:\\*"((?:[^"\\]|\\.)*)|([^\s,}}\]"\\{{\[][^\s,}}\]]*))"#);
    let opens = format!(r#"(\\*)"{name}\\*"\s*:\s*([\[{{]|$)"#);
    let name = Arc::clone(&path.rule);
    let scalar = Rule { name, marker: marker(BY_PATH), regex: regex(&scalar)?, check: |_| true };
    Ok(LastName { scalar, opens: regex(&opens)? })
}

/// The text with JSON's escapes undone, at whichever depth they stand; `None` where it has none. Ends of lines and other control
/// characters become spaces, so that a record stays one line.
fn unescaped(text: &[u8]) -> Option<Vec<u8>> {
    memchr::memchr(b'\\', text)?;
    let (mut out, mut rest, mut changed) = (Vec::with_capacity(text.len()), text, false);
    while let Some(at) = memchr::memchr(b'\\', rest) {
        let (before, escape) = rest.split_at_checked(at)?;
        out.extend_from_slice(before);
        let slashes = escape.iter().take_while(|b| **b == b'\\').count();
        let (run, behind) = escape.split_at_checked(slashes)?;
        rest = behind;
        if let Some((letter, length)) = escape_of(behind) {
            let letter = if letter.is_control() { ' ' } else { letter };
            out.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
            rest = behind.get(length..)?;
            changed = true;
        } else {
            out.extend_from_slice(run);
        }
    }
    out.extend_from_slice(rest);
    changed.then_some(out)
}

/// What an escape says, and how long it is behind its backslash.
fn escape_of(behind: &[u8]) -> Option<(char, usize)> {
    match behind.first()? {
        b'/' => Some(('/', 1)),
        b'n' | b't' | b'r' | b'b' | b'f' => Some((' ', 1)),
        b'u' => {
            let digits = std::str::from_utf8(behind.get(1..5)?).ok()?;
            let code = u32::from_str_radix(digits, 16).ok()?;
            // Halves of pairs are not put together: no rule looks for what they are.
            Some((char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER), 5))
        }
        _ => None,
    }
}
