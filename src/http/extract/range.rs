//! `Range`, RFC 9110 section 14: one byte range. Several at once are answered with the whole object, as the RFC allows.

use http::HeaderMap;
use http::header::RANGE;

use crate::domain::object::ByteRange;

/// What a `Range` header asks for. Headers that make no sense are ignored, as the RFC says.
#[must_use]
pub fn of(headers: &HeaderMap) -> Option<ByteRange> {
    let mut values = headers.get_all(RANGE).iter();
    let (value, more) = (values.next()?, values.next());
    // Two fields make one list, which is no single range.
    if more.is_some() { None } else { parse(value.to_str().ok()?) }
}

fn parse(text: &str) -> Option<ByteRange> {
    let (unit, spec) = text.split_once('=')?;
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return None;
    }
    let (first, last) = spec.trim().split_once('-')?;
    match (first, last) {
        ("", last) => number(last).filter(|count| *count > 0).map(ByteRange::Last),
        (first, "") => number(first).map(ByteRange::From),
        (first, last) => {
            let (first, last) = (number(first)?, number(last)?);
            (first <= last).then_some(ByteRange::Between { first, last })
        }
    }
}

/// Digits alone: `u64::from_str` would take a sign.
fn number(text: &str) -> Option<u64> {
    (!text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok()).flatten()
}
