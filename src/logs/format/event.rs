//! Security events in a line: CEF of `ArcSight`, LEEF of `QRadar`, usually behind a syslog header.

use std::borrow::Cow;

/// CEF's header: `ArcSight Common Event Format` version 26, "Header Information".
const CEF: [&str; 7] = [
    "cef_version",
    "device_vendor",
    "device_product",
    "device_version",
    "device_event_class_id",
    "name",
    "severity",
];

/// LEEF's header: IBM `QRadar` documentation, "LEEF event components".
const LEEF: [&str; 5] = ["leef_version", "vendor", "product", "version", "event_id"];

/// Whether a line holds an event.
pub fn is_in(line: &[u8]) -> bool {
    behind(line, b"CEF:").or_else(|| behind(line, b"LEEF:")).is_some()
}

/// A field of the event in a line.
pub fn field<'l>(line: &'l [u8], name: &str) -> Option<Cow<'l, str>> {
    if let Some(event) = behind(line, b"CEF:") {
        let (header, extension) = header(event, CEF.len());
        return in_header(&CEF, &header, name).or_else(|| member(extension, name, None));
    }
    let event = behind(line, b"LEEF:")?;
    let (mut parts, mut attributes) = header(event, LEEF.len());
    let mut separator = b'\t';
    if parts.first().is_some_and(|version| version.starts_with(b"2")) {
        // The sixth part of version 2 is what stands between attributes: a sign, or its number in hexadecimal.
        let (more, rest) = header(attributes, 1);
        separator = more.first().and_then(|text| delimiter(text)).unwrap_or(b'\t');
        attributes = rest;
    }
    parts.truncate(LEEF.len());
    in_header(&LEEF, &parts, name).or_else(|| member(attributes, name, Some(separator)))
}

fn behind<'l>(line: &'l [u8], mark: &[u8]) -> Option<&'l [u8]> {
    let at = memchr::memmem::find(line, mark)?;
    let begins = at == 0 || line.get(at.checked_sub(1)?).is_some_and(u8::is_ascii_whitespace);
    begins.then(|| line.get(at.saturating_add(mark.len())..)).flatten()
}

fn delimiter(text: &[u8]) -> Option<u8> {
    if let [sign] = text {
        return Some(*sign);
    }
    let text = std::str::from_utf8(text).ok()?;
    let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix('x'))?;
    u8::from_str_radix(digits, 16).ok()
}

/// So many parts between bars, and what stands behind them.
fn header(text: &[u8], count: usize) -> (Vec<&[u8]>, &[u8]) {
    let (mut parts, mut rest) = (Vec::new(), text);
    while parts.len() < count {
        let Some(end) = bar(rest) else { break };
        parts.push(rest.get(..end).unwrap_or_default());
        rest = rest.get(end..).and_then(|rest| rest.get(1..)).unwrap_or_default();
    }
    (parts, rest)
}

/// The first bar that no backslash stands before.
fn bar(text: &[u8]) -> Option<usize> {
    memchr::memchr_iter(b'|', text)
        .find(|at| at.checked_sub(1).is_none_or(|before| text.get(before) != Some(&b'\\')))
}

fn in_header<'l>(names: &[&str], parts: &[&'l [u8]], name: &str) -> Option<Cow<'l, str>> {
    let at = names.iter().position(|known| *known == name)?;
    parts.get(at).map(|part| unescaped(part))
}

/// The value of a member; without a separator it goes up to the space before the next name, as values hold spaces.
fn member<'l>(text: &'l [u8], name: &str, separator: Option<u8>) -> Option<Cow<'l, str>> {
    let starts = memchr::memmem::find_iter(text, name.as_bytes()).find(|at| {
        let before = at.checked_sub(1).and_then(|before| text.get(before));
        let after = text.get(at.saturating_add(name.len()));
        after == Some(&b'=') && before.is_none_or(|b| Some(*b) == separator || b.is_ascii_whitespace())
    })?;
    let value = text.get(starts.checked_add(name.len())?.checked_add(1)?..)?;
    let end = match separator {
        Some(separator) => memchr::memchr(separator, value).unwrap_or(value.len()),
        None => next_name(value),
    };
    Some(unescaped(value.get(..end)?.trim_ascii_end()))
}

/// Where the next `name=` begins, or the end.
fn next_name(value: &[u8]) -> usize {
    let name = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-' | b'[' | b']');
    memchr::memchr_iter(b'=', value)
        .filter(|at| at.checked_sub(1).is_some_and(|before| value.get(before) != Some(&b'\\')))
        .find_map(|at| {
            let before = value.get(..at)?;
            let space = before.iter().rposition(|b| !name(b))?;
            (before.get(space) == Some(&b' ') && space.checked_add(1)? < at).then_some(space)
        })
        .unwrap_or(value.len())
}

fn unescaped(text: &[u8]) -> Cow<'_, str> {
    let text = String::from_utf8_lossy(text);
    if !text.contains('\\') {
        return text;
    }
    let (mut out, mut letters) = (String::with_capacity(text.len()), text.chars());
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => match letters.next() {
                Some('n') => out.push('\n'),
                Some('r') => out.push('\r'),
                Some(other) => out.push(other),
                None => out.push('\\'),
            },
            other => out.push(other),
        }
    }
    Cow::Owned(out)
}
