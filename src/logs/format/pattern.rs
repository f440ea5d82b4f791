//! Timestamps as somebody describes them, in the signs of `strptime`.

use jiff::Timestamp;
use jiff::fmt::strtime::BrokenDownTime;
use jiff::tz::TimeZone;

use crate::domain::record::RecordTime;
use crate::logs::format::time::Assumed;

/// Why a text is no pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPattern {
    /// What it writes it cannot read.
    #[error(
        "is a pattern that cannot be read by: expected signs such as %Y-%m-%d %H:%M:%S%.f %z, documented as strptime; zones by name are not read"
    )]
    Unreadable,
    /// It says too little.
    #[error(
        "has to tell at least month, day, hour and minute (%I only with %p), or the seconds since 1970 (%s)"
    )]
    Vague,
}

/// How a timestamp is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    text: String,
    begins: Begins,
}

/// With what timestamps begin, so that not every place in a line has to be tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Begins {
    Digit,
    Letter,
    Sign(u8),
    Anyhow,
}

/// Some time at which no two parts of a date are the same, and whose hour needs the afternoon: 2026-11-23T16:05:07Z.
const SAMPLE: i64 = 1_795_449_907;

impl Pattern {
    /// A pattern that reads what it writes.
    ///
    /// # Errors
    /// [`InvalidPattern`].
    pub fn parse(text: &str) -> Result<Self, InvalidPattern> {
        let sample = Timestamp::from_second(SAMPLE).map_err(|_| InvalidPattern::Unreadable)?;
        let time = BrokenDownTime::from(&sample.to_zoned(TimeZone::UTC));
        let written = time.to_string(text).map_err(|_| InvalidPattern::Unreadable)?;
        let begins = match (text.as_bytes().first(), written.as_bytes().first()) {
            (_, Some(b)) if b.is_ascii_digit() => Begins::Digit,
            (_, Some(b)) if b.is_ascii_alphabetic() => Begins::Letter,
            (Some(first), _) if *first != b'%' => Begins::Sign(*first),
            _ => Begins::Anyhow,
        };
        let pattern = Self { text: text.to_owned(), begins };
        let (read, _) =
            BrokenDownTime::parse_prefix(text, &written).map_err(|_| InvalidPattern::Unreadable)?;
        if read.iana_time_zone().is_some() {
            return Err(InvalidPattern::Unreadable);
        }
        let sample = RecordTime::from_unix_nanos(sample.as_second().saturating_mul(1_000_000_000));
        let read = pattern.at(written.as_bytes(), Assumed::new(sample, 0)).ok_or(InvalidPattern::Vague)?;
        let minute = |time: RecordTime| time.unix_nanos().div_euclid(60_000_000_000);
        if minute(read) != minute(sample) {
            return Err(InvalidPattern::Vague);
        }
        Ok(pattern)
    }

    /// Finds the timestamp of a line, and where it begins.
    pub fn find(&self, line: &[u8], assumed: Assumed) -> Option<(usize, RecordTime)> {
        let mut before = b' ';
        line.iter().enumerate().find_map(|(start, first)| {
            let free = !std::mem::replace(&mut before, *first).is_ascii_alphanumeric();
            let begins = match self.begins {
                Begins::Digit => free && first.is_ascii_digit(),
                Begins::Letter => free && first.is_ascii_alphabetic(),
                Begins::Sign(sign) => *first == sign,
                Begins::Anyhow => free,
            };
            begins.then(|| self.at(line.get(start..)?, assumed).map(|time| (start, time)))?
        })
    }

    fn at(&self, text: &[u8], assumed: Assumed) -> Option<RecordTime> {
        let (read, _) = BrokenDownTime::parse_prefix(&self.text, text).ok()?;
        if read.timestamp().is_some() {
            return nanos(read.to_timestamp().ok()?);
        }
        if let Some(offset) = read.offset() {
            return nanos(offset.to_timestamp(read.to_datetime().ok()?).ok()?);
        }
        let time = read.to_time().ok()?;
        let seconds =
            i64::from(time.hour()) * 3600 + i64::from(time.minute()) * 60 + i64::from(time.second());
        let (year, month, day) = match read.to_date() {
            Ok(date) => (Some(date.year().into()), date.month(), date.day()),
            Err(_) if read.year().is_none() => (None, read.month()?, read.day()?),
            Err(_) => return None,
        };
        assumed.instant((year, month.into(), day.into()), seconds, time.subsec_nanosecond().into())
    }
}

fn nanos(time: Timestamp) -> Option<RecordTime> {
    i64::try_from(time.as_nanosecond()).ok().map(RecordTime::from_unix_nanos)
}
