//! Timestamps as they stand in records.
//!
//! Read by hand, since one is read for each record that is told.

use std::sync::Arc;

use jiff::civil;
use jiff::tz::Offset;

use crate::domain::record::RecordTime;
use crate::logs::format::pattern::Pattern;

/// How far into a line a timestamp is looked for, in bytes.
pub const SEARCHED_BYTES: usize = 256;

/// What is taken for granted of timestamps that do not say it themselves. Small, since it goes along with each one that is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Assumed {
    /// Seconds east of Greenwich.
    offset: i32,
    /// The year of the newest time that one without a year can be,
    year: i16,
    /// and its month, day and second of the day, as one number that sorts.
    newest: i32,
}

impl Assumed {
    /// Timestamps without an offset are so many seconds east; those without a year are the last such that are not after `newest`.
    #[must_use]
    pub fn new(newest: RecordTime, offset_seconds: i32) -> Self {
        let seconds = newest.unix_nanos().div_euclid(1_000_000_000).saturating_add(offset_seconds.into());
        let local = jiff::Timestamp::from_second(seconds).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        let local = Offset::UTC.to_datetime(local);
        let newest = in_year(local.month().into(), local.day().into(), seconds.rem_euclid(86_400));
        Self { offset: offset_seconds, year: local.year(), newest: i32::try_from(newest).unwrap_or(i32::MAX) }
    }

    /// A local time, where it does not say how far it is from UTC.
    #[must_use]
    pub fn instant(
        self,
        (year, month, day): (Option<i64>, i64, i64),
        seconds: i64,
        fraction: i64,
    ) -> Option<RecordTime> {
        let utc = seconds.checked_sub(self.offset.into())?;
        if let Some(year) = year {
            return instant(year, month, day, utc, fraction);
        }
        let is_over = in_year(month, day, seconds) > self.newest.into();
        let newest = i64::from(self.year) - i64::from(is_over);
        // Eight years hold every day of the calendar, but for those around 2100.
        (0..8).find_map(|back| instant(newest - back, month, day, utc, fraction))
    }
}

/// Month, day and second of the day as one number that sorts as they do; each is small.
const fn in_year(month: i64, day: i64, seconds: i64) -> i64 {
    (month * 32 + day) * 86_400 + seconds
}

/// How a line says when it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TimeStyle {
    /// RFC 3339 and its relatives: a space or `T`, a point or comma before the fraction, with or without offset.
    Rfc3339,
    /// Apache and nginx: `10/Oct/2000:13:55:36 -0700`.
    Apache,
    /// RFC 3164: `Oct 11 22:14:15`, without a year.
    Syslog,
    /// Seconds, milli-, micro- or nanoseconds since 1970, told apart by their size, at the line's start.
    Epoch,
    /// A number of this unit since 1970, whatever its size, at the line's start.
    Since1970(Unit),
    /// As somebody described it.
    Pattern(Arc<Pattern>),
}

impl TimeStyle {
    /// Every style that can be found out, the surest first.
    pub const ALL: [Self; 4] = [Self::Rfc3339, Self::Apache, Self::Syslog, Self::Epoch];

    /// Finds the timestamp of a line, and where it begins.
    #[must_use]
    pub fn find(&self, line: &[u8], assumed: Assumed) -> Option<(usize, RecordTime)> {
        let line = line.get(..SEARCHED_BYTES).unwrap_or(line);
        match self {
            Self::Rfc3339 => rfc3339(line, assumed),
            Self::Apache => apache(line, assumed),
            Self::Syslog => syslog(line, assumed),
            Self::Epoch => epoch(line).map(|time| (0, time)),
            Self::Since1970(unit) => unit.at(line).map(|time| (0, time)),
            Self::Pattern(pattern) => pattern.find(line, assumed),
        }
    }
}

/// What a number counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Seconds.
    Seconds,
    /// Milliseconds.
    Millis,
    /// Microseconds.
    Micros,
    /// Nanoseconds.
    Nanos,
}

impl Unit {
    /// How many nanoseconds it has.
    const fn nanos(self) -> i64 {
        match self {
            Self::Seconds => 1_000_000_000,
            Self::Millis => 1_000_000,
            Self::Micros => 1_000,
            Self::Nanos => 1,
        }
    }

    /// A number at the beginning of some bytes, with or without a fraction.
    fn at(self, text: &[u8]) -> Option<RecordTime> {
        let digits = text.iter().take_while(|b| b.is_ascii_digit()).count();
        let (whole, rest) = text.split_at_checked(digits)?;
        let whole: i64 = std::str::from_utf8(whole).ok()?.parse().ok()?;
        let mut behind = Cursor(rest);
        // A thousand-millionth of the unit is the finest that is read.
        let fraction = behind.fraction().checked_mul(self.nanos())?.div_euclid(1_000_000_000);
        // The year of a date is no such number.
        let ends = behind.0.first().is_none_or(|b| !b.is_ascii_alphanumeric() && !b"-/:.".contains(b));
        let nanos = whole.checked_mul(self.nanos())?.checked_add(fraction)?;
        ends.then(|| RecordTime::from_unix_nanos(nanos))
    }

    /// The unit of a number of this size: seconds up to the year 5138, and so on.
    const fn of_size(size: f64) -> Self {
        if size < 1e11 {
            Self::Seconds
        } else if size < 1e14 {
            Self::Millis
        } else if size < 1e17 {
            Self::Micros
        } else {
            Self::Nanos
        }
    }
}

/// How the times of an object's records are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Times {
    /// As they are written; found out of each when it is `None`.
    pub style: Option<TimeStyle>,
    /// What they do not say themselves.
    pub assumed: Assumed,
}

impl Times {
    /// A timestamp that is a text of its own: a field's value.
    #[must_use]
    pub fn of_value(&self, text: &str) -> Option<RecordTime> {
        let text = text.as_bytes();
        if let Some(style) = &self.style {
            return style.find(text, self.assumed).map(|(_, time)| time);
        }
        let found = rfc3339(text, self.assumed).or_else(|| apache(text, self.assumed));
        if let Some((_, time)) = found.or_else(|| syslog(text, self.assumed)) {
            return Some(time);
        }
        epoch(text).filter(|_| text.iter().all(|b| b.is_ascii_digit() || *b == b'.'))
    }

    /// A number of seconds or of smaller parts, told by its size where the unit is not known.
    #[must_use]
    pub fn of_number(&self, number: f64) -> Option<RecordTime> {
        let unit = match &self.style {
            None | Some(TimeStyle::Epoch) => Unit::of_size(number.abs()),
            Some(TimeStyle::Since1970(unit)) => *unit,
            Some(_) => return None,
        };
        #[expect(clippy::cast_precision_loss, reason = "the units are powers of ten below 2^53")]
        let nanos = number * unit.nanos() as f64;
        // The comparison is false for what is no number.
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_precision_loss,
            reason = "the range is checked"
        )]
        (nanos.abs() < i64::MAX as f64).then(|| RecordTime::from_unix_nanos(nanos as i64))
    }
}

fn rfc3339(line: &[u8], assumed: Assumed) -> Option<(usize, RecordTime)> {
    let dashes = memchr::memchr_iter(b'-', line);
    dashes.filter_map(|dash| dash.checked_sub(4)).find_map(|start| {
        let before = start.checked_sub(1).and_then(|at| line.get(at));
        let free = before.is_none_or(|b| !b.is_ascii_alphanumeric() && *b != b'-');
        let time = line.get(start..).filter(|_| free).and_then(|text| rfc3339_at(text, assumed))?;
        Some((start, time))
    })
}

/// `YYYY-MM-DD[T ]HH:MM:SS[.,fraction][Z|±hh:mm|±hhmm]` at the beginning of some bytes.
fn rfc3339_at(text: &[u8], assumed: Assumed) -> Option<RecordTime> {
    let mut cursor = Cursor(text);
    let year = cursor.number(4)?;
    cursor.sign(b"-")?;
    let month = cursor.number(2)?;
    cursor.sign(b"-")?;
    let day = cursor.number(2)?;
    cursor.sign(b"T t_")?;
    let seconds = cursor.clock()?;
    let fraction = cursor.fraction();
    let offset = cursor.offset().unwrap_or(assumed.offset.into());
    instant(year, month, day, seconds.checked_sub(offset)?, fraction)
}

fn apache(line: &[u8], assumed: Assumed) -> Option<(usize, RecordTime)> {
    memchr::memchr_iter(b'/', line).filter_map(|slash| slash.checked_sub(2)).find_map(|start| {
        let mut cursor = Cursor(line.get(start..)?);
        let day = cursor.number(2)?;
        cursor.sign(b"/")?;
        let month = cursor.month()?;
        cursor.sign(b"/")?;
        let year = cursor.number(4)?;
        cursor.sign(b":")?;
        let seconds = cursor.clock()?;
        let offset = cursor.sign(b" ").and_then(|()| cursor.offset()).unwrap_or(assumed.offset.into());
        Some((start, instant(year, month, day, seconds.checked_sub(offset)?, 0)?))
    })
}

/// RFC 3164 section 4.1.2, with or without the priority in front.
fn syslog(line: &[u8], assumed: Assumed) -> Option<(usize, RecordTime)> {
    let start = match line.first()? {
        b'<' => memchr::memchr(b'>', line.get(..6)?)?.checked_add(1)?,
        _ => 0,
    };
    let mut cursor = Cursor(line.get(start..)?);
    let month = cursor.month()?;
    cursor.sign(b" ")?;
    let day = if cursor.sign(b" ").is_some() { cursor.number(1)? } else { cursor.number(2)? };
    cursor.sign(b" ")?;
    let seconds = cursor.clock()?;
    Some((start, assumed.instant((None, month, day), seconds, 0)?))
}

fn epoch(line: &[u8]) -> Option<RecordTime> {
    let digits = line.iter().take_while(|b| b.is_ascii_digit()).count();
    let (whole, rest) = line.split_at_checked(digits)?;
    let number: i64 = std::str::from_utf8(whole).ok()?.parse().ok()?;
    let ends = rest.first().is_none_or(|b| !b.is_ascii_alphanumeric());
    let nanos = match digits {
        10 => {
            let mut behind = Cursor(rest);
            number.checked_mul(1_000_000_000)?.checked_add(behind.fraction())?
        }
        13 => number.checked_mul(1_000_000)?,
        16 => number.checked_mul(1_000)?,
        19 => number,
        _ => return None,
    };
    ends.then(|| RecordTime::from_unix_nanos(nanos))
}

fn instant(year: i64, month: i64, day: i64, seconds: i64, fraction: i64) -> Option<RecordTime> {
    let small = |number: i64| i8::try_from(number).ok();
    let date = civil::Date::new(i16::try_from(year).ok()?, small(month)?, small(day)?).ok()?;
    let midnight = Offset::UTC.to_timestamp(date.to_datetime(civil::Time::midnight())).ok()?;
    let seconds = midnight.as_second().checked_add(seconds)?;
    let nanos = seconds.checked_mul(1_000_000_000)?.checked_add(fraction)?;
    Some(RecordTime::from_unix_nanos(nanos))
}

/// What is left to be read.
struct Cursor<'a>(&'a [u8]);

impl Cursor<'_> {
    fn number(&mut self, digits: usize) -> Option<i64> {
        let (head, rest) = self.0.split_at_checked(digits)?;
        let mut number = 0_i64;
        for byte in head {
            number = number * 10 + i64::from(byte.checked_sub(b'0').filter(|digit| *digit < 10)?);
        }
        self.0 = rest;
        Some(number)
    }

    fn sign(&mut self, one_of: &[u8]) -> Option<()> {
        let (first, rest) = self.0.split_first()?;
        one_of.contains(first).then(|| self.0 = rest)
    }

    /// `HH:MM:SS` as seconds; a leap second is the one before it.
    fn clock(&mut self) -> Option<i64> {
        let hour = self.number(2).filter(|hour| *hour < 24)?;
        self.sign(b":")?;
        let minute = self.number(2).filter(|minute| *minute < 60)?;
        self.sign(b":")?;
        let second = self.number(2).filter(|second| *second <= 60)?;
        Some(hour * 3600 + minute * 60 + second.min(59))
    }

    /// Nanoseconds behind a point or comma; further digits are passed over.
    fn fraction(&mut self) -> i64 {
        let before = self.0;
        if self.sign(b".,").is_none() || !self.0.first().is_some_and(u8::is_ascii_digit) {
            self.0 = before;
            return 0;
        }
        let (mut nanos, mut scale) = (0, 100_000_000);
        while let Some(digit) = self.number(1) {
            nanos += digit * scale;
            scale /= 10;
        }
        nanos
    }

    /// Seconds east of Greenwich: `Z`, `+02:00`, `+0200` or `+02`.
    fn offset(&mut self) -> Option<i64> {
        let (first, rest) = self.0.split_first()?;
        let sign = match first {
            b'Z' | b'z' => return Some(0),
            b'+' => 1,
            b'-' => -1,
            _ => return None,
        };
        self.0 = rest;
        let hours = self.number(2)?;
        let _colon = self.sign(b":");
        let minutes = self.number(2).unwrap_or(0);
        Some(sign * (hours * 3600 + minutes * 60))
    }

    fn month(&mut self) -> Option<i64> {
        const NAMES: [&[u8; 3]; 12] =
            [b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"];
        let (head, rest) = self.0.split_at_checked(3)?;
        let found = (1..).zip(NAMES).find(|(_, name)| name.as_slice() == head)?;
        self.0 = rest;
        Some(found.0)
    }
}
