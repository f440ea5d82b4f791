//! Times as the layouts write them, always in UTC.

use jiff::civil::DateTime;
use jiff::tz::Offset;

use crate::demo::error::DemoError;
use crate::domain::time::Timestamp;

/// One hour in seconds.
pub const HOUR_SECONDS: i64 = 3600;

/// A time that every layout can write: the years 1970 to 9999.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment {
    at: Timestamp,
    civil: DateTime,
}

impl Moment {
    /// Takes a time.
    ///
    /// # Errors
    /// [`DemoError::InvalidTime`] outside the years that layouts can write.
    pub fn new(at: Timestamp) -> Result<Self, DemoError> {
        let time = jiff::Timestamp::from_millisecond(at.unix_millis()).map_err(|_| DemoError::InvalidTime)?;
        let civil = Offset::UTC.to_datetime(time);
        if (1970..=9999).contains(&civil.year()) {
            Ok(Self { at, civil })
        } else {
            Err(DemoError::InvalidTime)
        }
    }

    /// The time itself.
    #[must_use]
    pub const fn at(self) -> Timestamp {
        self.at
    }

    /// In the words of `strftime`.
    #[must_use]
    pub fn write(self, format: &str) -> String {
        self.civil.strftime(format).to_string()
    }

    /// RFC 3339 with so many further digits after the milliseconds.
    #[must_use]
    pub fn precise(self, digits: &str) -> String {
        let millis = self.at.unix_millis().rem_euclid(1000);
        format!("{}.{millis:03}{digits}Z", self.write("%Y-%m-%dT%H:%M:%S"))
    }
}
