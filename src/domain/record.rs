//! One entry of a log: when it was written, and where it stands.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp as Instant;

use crate::domain::time::Timestamp;

/// When a record was written, in nanoseconds since 1970-01-01T00:00:00Z. Finer than [`crate::domain::time::Timestamp`], since the
/// order of records is decided by it. Reaches from 1677 to 2262.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordTime(i64);

impl RecordTime {
    /// Before every other time.
    pub const MIN: Self = Self(i64::MIN);
    /// After every other time.
    pub const MAX: Self = Self(i64::MAX);

    /// Parses RFC 3339, to the nanosecond.
    ///
    /// # Errors
    /// [`InvalidRecordTime`] for everything else, and for times before 1677-09-21 or after 2262-04-11.
    pub fn parse(text: &str) -> Result<Self, InvalidRecordTime> {
        let instant: Instant = text.parse().map_err(|_| InvalidRecordTime)?;
        i64::try_from(instant.as_nanosecond()).map(Self).map_err(|_| InvalidRecordTime)
    }

    /// This long after it; the latest time where there is none such.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)))
    }

    /// This long before it; the earliest time where there is none such.
    #[must_use]
    pub fn minus(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)))
    }

    /// From nanoseconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub const fn from_unix_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub const fn unix_nanos(self) -> i64 {
        self.0
    }
}

impl fmt::Display for RecordTime {
    /// RFC 3339 in UTC, with as many digits of the second as it has.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let instant = Instant::from_nanosecond(i128::from(self.0)).map_err(|_| fmt::Error)?;
        write!(f, "{instant}")
    }
}

impl From<Timestamp> for RecordTime {
    fn from(time: Timestamp) -> Self {
        Self(time.unix_millis().saturating_mul(1_000_000))
    }
}

/// The text is no time of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected a time such as 2026-11-23T14:05:00Z, between 1678 and 2261")]
pub struct InvalidRecordTime;

/// Where a record stands in its object, counted in decoded bytes, without the line's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// Offset of its first byte.
    pub offset: u64,
    /// How many bytes it has.
    pub length: u64,
}

#[cfg(test)]
mod tests {
    use super::RecordTime;

    #[test]
    fn a_time_is_shown_with_as_many_digits_as_it_has() {
        let shown = |nanos| RecordTime::from_unix_nanos(nanos).to_string();
        assert_eq!(shown(0), "1970-01-01T00:00:00Z");
        assert_eq!(shown(1_700_000_000_123_456_789), "2023-11-14T22:13:20.123456789Z");
        assert_eq!(shown(-1_500_000_000), "1969-12-31T23:59:58.5Z");
        assert_eq!(shown(i64::MIN), "1677-09-21T00:12:43.145224192Z");
    }
}
