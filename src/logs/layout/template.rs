//! Templates: how the time of a key's records is written in the key.

use std::fmt;

use jiff::civil;
use jiff::tz::Offset;
use regex::Regex;

use crate::domain::record::RecordTime;
use crate::logs::layout::names::{self, Names};

/// A part of a date.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unit {
    /// `{yyyy}`
    Year,
    /// `{MM}`
    Month,
    /// `{dd}`
    Day,
    /// `{HH}`
    Hour,
    /// `{mm}`
    Minute,
    /// `{ss}`
    Second,
}

impl Unit {
    const ALL: [(&'static str, Self); 6] = [
        ("yyyy", Self::Year),
        ("MM", Self::Month),
        ("dd", Self::Day),
        ("HH", Self::Hour),
        ("mm", Self::Minute),
        ("ss", Self::Second),
    ];

    /// How many digits it has.
    pub const fn digits(self) -> usize {
        if matches!(self, Self::Year) { 4 } else { 2 }
    }

    /// What stands for it in a key of this time.
    #[must_use]
    pub fn of(self, time: civil::DateTime) -> String {
        match self {
            Self::Year => format!("{:04}", time.year()),
            Self::Month => format!("{:02}", time.month()),
            Self::Day => format!("{:02}", time.day()),
            Self::Hour => format!("{:02}", time.hour()),
            Self::Minute => format!("{:02}", time.minute()),
            Self::Second => format!("{:02}", time.second()),
        }
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Self::ALL.iter().find(|(_, unit)| unit == self).map_or("", |(name, _)| name);
        write!(f, "{{{name}}}")
    }
}

/// A piece of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// Exactly this.
    Text(String),
    /// Anything but a slash; the same name is the same text everywhere. Without a name it is `*`.
    Any(Option<String>),
    /// Digits of a date.
    Time(Unit),
}

/// One part of a path, without its slashes.
#[derive(Debug, Clone)]
pub struct Segment {
    /// Its pieces.
    pub parts: Vec<Part>,
    regex: Regex,
}

/// A whole template.
#[derive(Debug, Clone)]
pub struct Template {
    text: String,
    /// Its parts, folder by folder; the last is the object's name.
    pub segments: Vec<Segment>,
    regex: Regex,
    units: Vec<Unit>,
    /// Whether a name stands in it more than once, and has to say the same everywhere.
    repeats: bool,
}

/// Why a text is no template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTemplate {
    /// A brace without its other.
    #[error("a brace is not closed, or stands alone")]
    Brace,
    /// A name of signs that names do not have.
    #[error(
        "{{{0}}} is neither a part of a date ({{yyyy}}, {{MM}}, {{dd}}, {{HH}}, {{mm}}, {{ss}}) nor a name of small letters, digits and _"
    )]
    Name(String),
    /// It tells no day.
    #[error("a template tells at least the day: {{yyyy}}, {{MM}} and {{dd}}")]
    NoDay,
    /// A date with a gap, such as minutes without hours.
    #[error("the parts of the date have a gap")]
    Gap,
    /// Two slashes in a row, or one at the beginning or the end.
    #[error("a part between two slashes is empty, or a slash stands at the beginning or end")]
    EmptySegment,
    /// Too long to be one.
    #[error("a template has at most 1024 bytes")]
    TooLong,
}

impl Template {
    /// Parses a template.
    ///
    /// # Errors
    /// [`InvalidTemplate`].
    pub fn parse(text: &str) -> Result<Self, InvalidTemplate> {
        if text.len() > 1024 {
            return Err(InvalidTemplate::TooLong);
        }
        let segments: Result<Vec<_>, _> = text.split('/').map(Segment::parse).collect();
        let segments = segments?;
        let parts: Vec<_> = segments.iter().flat_map(|segment| &segment.parts).collect();
        let units: Vec<_> = parts
            .iter()
            .filter_map(|part| match part {
                Part::Time(unit) => Some(*unit),
                Part::Text(_) | Part::Any(_) => None,
            })
            .collect();
        let finest = units.iter().max().copied().filter(|finest| *finest >= Unit::Day);
        let finest = finest.ok_or(InvalidTemplate::NoDay)?;
        if Unit::ALL.iter().any(|(_, unit)| *unit <= finest && !units.contains(unit)) {
            return Err(if finest == Unit::Day { InvalidTemplate::NoDay } else { InvalidTemplate::Gap });
        }
        let names: Vec<_> = parts.iter().filter(|part| matches!(part, Part::Any(Some(_)))).collect();
        let repeats =
            names.iter().enumerate().any(|(at, name)| names.iter().take(at).any(|other| other == name));
        let whole: Vec<_> = segments.iter().map(|segment| expression(&segment.parts, "[^/]*?")).collect();
        let regex = anchored(&whole.join("/")).ok_or(InvalidTemplate::TooLong)?;
        Ok(Self { text: text.to_owned(), segments, regex, units, repeats })
    }

    /// The finest part of a date in it.
    #[must_use]
    pub fn finest(&self) -> Unit {
        self.units.iter().max().copied().unwrap_or(Unit::Day)
    }

    /// The beginning of the span that the key tells, in local time; `None` when the key is not of this layout.
    #[must_use]
    pub fn read(&self, key: &str) -> Option<civil::DateTime> {
        let time = date(&self.regex, &self.units, key)?;
        (!self.repeats || self.names_agree(key)).then_some(time)
    }

    fn names_agree(&self, key: &str) -> bool {
        let folders = self.segments.iter().zip(key.split('/'));
        let mut known = Names::new();
        folders.into_iter().all(|(segment, text)| match segment.names(text, &known) {
            Some(told) => {
                known.extend(told);
                true
            }
            None => false,
        })
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Segment {
    fn parse(text: &str) -> Result<Self, InvalidTemplate> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}', '*']) {
            let (plain, behind) = rest.split_at_checked(at).ok_or(InvalidTemplate::Brace)?;
            if !plain.is_empty() {
                parts.push(Part::Text(plain.to_owned()));
            }
            let length = if behind.starts_with('*') {
                parts.push(Part::Any(None));
                1
            } else {
                let end =
                    behind.find('}').filter(|_| behind.starts_with('{')).ok_or(InvalidTemplate::Brace)?;
                parts.push(named(behind.get(1..end).unwrap_or_default())?);
                end.saturating_add(1)
            };
            rest = behind.get(length..).unwrap_or_default();
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.to_owned()));
        }
        if parts.is_empty() {
            return Err(InvalidTemplate::EmptySegment);
        }
        let regex = anchored(&expression(&parts, "([^/]*?)")).ok_or(InvalidTemplate::TooLong)?;
        Ok(Self { parts, regex })
    }

    /// Whether it is known without asking the cloud, given the names that are known.
    #[must_use]
    pub fn is_known(&self, names: &[(String, String)]) -> bool {
        self.parts.iter().all(|part| match part {
            Part::Any(name) => name.as_ref().is_some_and(|name| names.iter().any(|(known, _)| known == name)),
            Part::Text(_) | Part::Time(_) => true,
        })
    }

    /// The finest part of a date in it.
    #[must_use]
    pub fn finest(&self) -> Option<Unit> {
        self.parts
            .iter()
            .filter_map(|part| match part {
                Part::Time(unit) => Some(*unit),
                Part::Text(_) | Part::Any(_) => None,
            })
            .max()
    }

    /// What a text says of the names in it beside those that are known; `None` when it does not fit.
    #[must_use]
    pub fn names(&self, text: &str, known: &Names) -> Option<Names> {
        names::told(&self.parts, text, known)
    }

    /// Whether a text that fits tells this time, as far as it tells one.
    #[must_use]
    pub fn says(&self, text: &str, time: civil::DateTime) -> bool {
        let Some(captures) = self.regex.captures(text) else { return false };
        let groups = self.parts.iter().filter(|part| !matches!(part, Part::Text(_)));
        groups.zip(captures.iter().skip(1)).all(|(part, found)| match part {
            Part::Time(unit) => found.is_some_and(|found| found.as_str() == unit.of(time)),
            Part::Text(_) | Part::Any(_) => true,
        })
    }

    /// Whether it tells a date without what stands before it.
    #[must_use]
    pub fn has_year(&self) -> bool {
        self.parts.contains(&Part::Time(Unit::Year))
    }

    /// Its beginning, as far as it is known. The date's digits are those of a time, where all of a span begin alike.
    #[must_use]
    pub fn head(&self, names: &[(String, String)], first: civil::DateTime, last: civil::DateTime) -> String {
        let (mut head, mut other) = (String::new(), String::new());
        let mut before = None;
        for part in &self.parts {
            match part {
                Part::Text(text) => {
                    head.push_str(text);
                    other.push_str(text);
                }
                Part::Any(Some(name)) => {
                    let Some((_, value)) = names.iter().find(|(known, _)| known == name) else { break };
                    head.push_str(value);
                    other.push_str(value);
                }
                Part::Any(None) => break,
                // Texts of dates are in the order of time only from the year down.
                Part::Time(unit) if first != last && before.is_some_and(|before| before >= *unit) => break,
                Part::Time(unit) => {
                    before = Some(*unit);
                    head.push_str(&unit.of(first));
                    other.push_str(&unit.of(last));
                    if head != other {
                        break;
                    }
                }
            }
        }
        let alike = head.chars().zip(other.chars()).take_while(|(one, two)| one == two);
        alike.map(|(letter, _)| letter).collect()
    }
}

fn named(name: &str) -> Result<Part, InvalidTemplate> {
    if let Some((_, unit)) = Unit::ALL.iter().find(|(known, _)| *known == name) {
        return Ok(Part::Time(*unit));
    }
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
    let fits = !name.is_empty() && name.len() <= 32 && name.bytes().all(plain);
    fits.then(|| Part::Any(Some(name.to_owned()))).ok_or_else(|| InvalidTemplate::Name(name.to_owned()))
}

/// The expression for some parts. Digits of dates are groups; what may be anything is one too where it is wanted.
fn expression(parts: &[Part], any: &str) -> String {
    let of = |part: &Part| match part {
        Part::Text(text) => regex::escape(text),
        Part::Any(_) => any.to_owned(),
        Part::Time(unit) => format!("([0-9]{{{}}})", unit.digits()),
    };
    parts.iter().map(of).collect()
}

fn anchored(expression: &str) -> Option<Regex> {
    Regex::new(&format!("^{expression}$")).ok()
}

fn date(regex: &Regex, units: &[Unit], text: &str) -> Option<civil::DateTime> {
    let captures = regex.captures(text)?;
    let mut fields = [1970, 1, 1, 0, 0, 0];
    for (unit, found) in units.iter().zip(captures.iter().skip(1)) {
        *fields.get_mut(*unit as usize)? = found?.as_str().parse::<i16>().ok()?;
    }
    let [year, month, day, hour, minute, second] = fields;
    let small = |number: i16| i8::try_from(number).ok();
    let date = civil::Date::new(year, small(month)?, small(day)?).ok()?;
    // A second that no clock shows would not be found again by its time, so such a key is none of this layout.
    let time = civil::Time::new(small(hour)?, small(minute)?, small(second)?, 0).ok()?;
    Some(civil::DateTime::from_parts(date, time))
}

/// The beginning of the part of a date that holds a time.
#[must_use]
pub fn floor(time: civil::DateTime, unit: Unit) -> civil::DateTime {
    let keep = |from: Unit, value: i8, least: i8| if unit >= from { value } else { least };
    civil::date(time.year(), keep(Unit::Month, time.month(), 1), keep(Unit::Day, time.day(), 1)).at(
        keep(Unit::Hour, time.hour(), 0),
        keep(Unit::Minute, time.minute(), 0),
        keep(Unit::Second, time.second(), 0),
        0,
    )
}

/// The beginning of the next part of a date; the same time at the calendar's end.
#[must_use]
pub fn next(time: civil::DateTime, unit: Unit) -> civil::DateTime {
    let span = jiff::Span::new();
    let span = match unit {
        Unit::Year => span.try_years(1),
        Unit::Month => span.try_months(1),
        Unit::Day => span.try_days(1),
        Unit::Hour => span.try_hours(1),
        Unit::Minute => span.try_minutes(1),
        Unit::Second => span.try_seconds(1),
    };
    span.and_then(|span| floor(time, unit).checked_add(span)).unwrap_or(time)
}

/// A local time as a time of records, kept within what these can be.
#[must_use]
pub fn to_record_time(time: civil::DateTime, offset: Offset) -> RecordTime {
    let Ok(instant) = offset.to_timestamp(time) else {
        return if time.year() < 1970 { RecordTime::MIN } else { RecordTime::MAX };
    };
    let least = i128::from(i64::MIN);
    let nanos = instant.as_nanosecond().clamp(least, i128::from(i64::MAX));
    RecordTime::from_unix_nanos(i64::try_from(nanos).unwrap_or(0))
}

/// A time of records as local time.
#[must_use]
pub fn to_local(time: RecordTime, offset: Offset) -> civil::DateTime {
    let instant = jiff::Timestamp::from_nanosecond(i128::from(time.unix_nanos())).unwrap_or_default();
    offset.to_datetime(instant)
}
