//! One entry of a log: when it was written, and where it stands.

use std::fmt;

use jiff::Timestamp as Instant;

/// When a record was written, in nanoseconds since 1970-01-01T00:00:00Z. Finer than [`crate::domain::time::Timestamp`], since the
/// order of records is decided by it. Reaches from 1677 to 2262.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordTime(i64);

impl RecordTime {
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
