//! `[buckets.ID.logs]`: where the logs of a bucket lie, and how they are written.

use std::time::Duration;

use crate::config::reader::Section;
use crate::logs::format::options::{FormatName, FormatOptions};
use crate::logs::format::time::TimeStyle;
use crate::logs::layout::{Layout, LayoutOptions};

/// Reads the section.
pub fn logs(mut section: Section) -> (Vec<Layout>, FormatOptions) {
    let both = (layouts(&mut section), format(&mut section));
    section.close();
    both
}

fn layouts(section: &mut Section) -> Vec<Layout> {
    let names = section.optional::<Vec<String>>("layouts").flatten().unwrap_or_default();
    let root = section.optional::<String>("root").flatten().unwrap_or_default();
    let slack = section.optional::<Duration>("slack").flatten();
    if !root.is_empty() && !root.ends_with('/') {
        section.problem("root", "expected a folder such as prod/");
    }
    let options = LayoutOptions { root, offset_seconds: zone(section, "time_zone", "a key's"), slack };
    let mut layouts = Vec::new();
    for name in names {
        match Layout::parse(&name, &options) {
            Ok(layout) => layouts.push(layout),
            Err(error) => section.problem("layouts", format!("{name} {error}")),
        }
    }
    layouts
}

fn format(section: &mut Section) -> FormatOptions {
    let name = optional(section, "format", |text| {
        let known = FormatName::ALL.into_iter().find(|name| name.as_str() == text);
        known.ok_or_else(|| format!("expected one of {}", FormatName::ALL.map(FormatName::as_str).join(", ")))
    });
    let time_field = section.optional::<String>("time_field").flatten();
    let time_style = optional(section, "time_format", TimeStyle::parse);
    let offset_seconds = zone(section, "record_time_zone", "a record's");
    if time_field.is_some() && name.is_some_and(|name| !name.is_json()) {
        section.problem("time_field", "has a meaning for JSON alone");
    }
    if time_style.is_some() && name.is_some_and(FormatName::has_columns) {
        section
            .problem("time_format", "has no meaning for this format, whose times are always written alike");
    }
    FormatOptions { name, time_field: time_field.map(Into::into), time_style, offset_seconds }
}

fn optional<T, E: ToString>(
    section: &mut Section,
    key: &str,
    parse: impl FnOnce(&str) -> Result<T, E>,
) -> Option<T> {
    let text = section.optional::<String>(key).flatten()?;
    parse(&text).map_err(|error| section.problem(key, error.to_string())).ok()
}

fn zone(section: &mut Section, key: &str, whose: &str) -> i32 {
    let text = section.optional::<String>(key).flatten();
    let seconds = text.as_deref().map_or(Some(0), offset_seconds);
    if seconds.is_none() {
        let what = format!(
            "expected UTC or an offset such as +02:00; {whose} time is taken literally, without summer time"
        );
        section.problem(key, what);
    }
    seconds.unwrap_or(0)
}

/// A time zone that is `UTC` or an offset such as `+02:00`, in seconds east of Greenwich.
#[must_use]
pub fn offset_seconds(text: &str) -> Option<i32> {
    if text == "UTC" {
        return Some(0);
    }
    let (sign, rest) = match text.split_at_checked(1)? {
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    let (hours, minutes) = rest.split_once(':')?;
    let number = |text: &str, most: i32| {
        text.parse().ok().filter(|number| text.len() == 2 && (0..=most).contains(number))
    };
    Some(sign * (number(hours, 14)? * 3600 + number(minutes, 59)? * 60))
}

#[cfg(test)]
mod tests;
