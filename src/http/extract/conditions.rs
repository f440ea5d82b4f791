//! `If-Match` and its relatives, RFC 9110 section 13, and `If-Range`.

use http::header::{HeaderName, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE};
use http::{HeaderMap, HeaderValue};

use crate::domain::object::{Conditions, ETag, ETagMatch};
use crate::domain::time::Timestamp;
use crate::http::problem::Problem;

/// The most entity tags in one header.
const MAX_TAGS: usize = 32;

/// What stands between two entity tags.
const BETWEEN: [char; 3] = [' ', '\t', ','];

/// The forms of RFC 850 and of C's `asctime`.
const OBSOLETE_DATES: [&str; 2] = ["%A, %d-%b-%y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y"];

/// The conditions of a read. Dates that cannot be read are ignored, as the RFC says; lists of tags that cannot be are refused.
pub fn of(headers: &HeaderMap) -> Result<Conditions, Problem> {
    Ok(Conditions {
        if_match: tags(headers, &IF_MATCH, Weak::NeverMatches)?,
        if_none_match: tags(headers, &IF_NONE_MATCH, Weak::Matches)?,
        if_modified_since: date(headers, &IF_MODIFIED_SINCE),
        if_unmodified_since: date(headers, &IF_UNMODIFIED_SINCE),
    })
}

/// What `If-Range` asks: the range only if the object is still this version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IfRange {
    /// The header is absent: the range as it stands.
    Absent,
    /// A strong tag.
    Tag(ETag),
    /// A date; the range holds only if it equals `Last-Modified` exactly.
    Date(Timestamp),
    /// Something that no version can equal: the whole object.
    Never,
}

/// Reads `If-Range`.
#[must_use]
pub fn if_range(headers: &HeaderMap) -> IfRange {
    let Some(value) = headers.get(IF_RANGE) else { return IfRange::Absent };
    let Ok(text) = value.to_str() else { return IfRange::Never };
    if text.starts_with('"') {
        return ETag::parse(text).map_or(IfRange::Never, IfRange::Tag);
    }
    http_date(text).map_or(IfRange::Never, IfRange::Date)
}

#[derive(Clone, Copy)]
enum Weak {
    /// Weak comparison: `W/"x"` equals `"x"`.
    Matches,
    /// Strong comparison: a weak tag equals nothing.
    NeverMatches,
}

fn tags(headers: &HeaderMap, name: &HeaderName, weak: Weak) -> Result<Option<ETagMatch>, Problem> {
    let mut found = Vec::new();
    let mut present = false;
    for value in headers.get_all(name) {
        present = true;
        let invalid = || Problem::invalid_field(name.as_str(), "expected entity tags such as \"abc\", or *");
        let text = value.to_str().map_err(|_| invalid())?.trim();
        if text == "*" {
            return Ok(Some(ETagMatch::Any));
        }
        let mut list = text.trim_start_matches(BETWEEN);
        while !list.is_empty() {
            let (is_weak, bare, rest) = first_tag(list).ok_or_else(invalid)?;
            // An empty tag is one by the RFC, and no object of ours has it.
            if !bare.is_empty() && (!is_weak || matches!(weak, Weak::Matches)) {
                found.push(ETag::parse(bare).map_err(|_| invalid())?);
            }
            list = rest;
        }
        if found.len() > MAX_TAGS {
            return Err(Problem::invalid_field(name.as_str(), "at most 32 entity tags"));
        }
    }
    Ok(present.then_some(ETagMatch::OneOf(found)))
}

/// Takes the first entity tag off a list: whether it is weak, what is between its quotes (a comma may be), the rest.
fn first_tag(list: &str) -> Option<(bool, &str, &str)> {
    let (is_weak, quoted) = list.strip_prefix("W/").map_or((false, list), |quoted| (true, quoted));
    let (bare, rest) = quoted.strip_prefix('"')?.split_once('"')?;
    let next = rest.trim_start_matches(BETWEEN);
    (next.is_empty() || rest.trim_start().starts_with(',')).then_some((is_weak, bare, next))
}

fn date(headers: &HeaderMap, name: &HeaderName) -> Option<Timestamp> {
    headers.get(name).map(HeaderValue::to_str)?.ok().and_then(http_date)
}

/// Reads an HTTP date in any of the three forms that RFC 9110 section 5.6.7 asks of a reader.
#[must_use]
pub fn http_date(text: &str) -> Option<Timestamp> {
    let today = || jiff::fmt::rfc2822::parse(text).ok().map(|time| time.timestamp());
    let time = today().or_else(|| OBSOLETE_DATES.iter().find_map(|form| obsolete_date(form, text)))?;
    Some(Timestamp::from_unix_millis(time.as_millisecond()))
}

fn obsolete_date(form: &str, text: &str) -> Option<jiff::Timestamp> {
    let time = jiff::civil::DateTime::strptime(form, text).ok()?;
    time.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|time| time.timestamp())
}

/// Writes an HTTP date.
#[must_use]
pub fn to_http_date(time: Timestamp) -> Option<HeaderValue> {
    let time = jiff::Timestamp::from_second(time.unix_seconds()).ok()?;
    HeaderValue::from_str(&time.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()).ok()
}
