//! The kinds of values that settings hold, and how each is written.
//!
//! A value from the environment arrives as text, so every kind also reads from text.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use toml::Value;

use crate::config::reader::Setting;

impl Setting for String {
    const EXPECTED: &'static str = "a text that is not empty";

    fn read(value: &Value) -> Option<Self> {
        value.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
    }
}

impl Setting for bool {
    const EXPECTED: &'static str = "true or false";

    fn read(value: &Value) -> Option<Self> {
        value.as_bool().or_else(|| value.as_str()?.parse().ok())
    }
}

impl Setting for u64 {
    const EXPECTED: &'static str = "a whole number of at least 1";

    fn read(value: &Value) -> Option<Self> {
        let number = match value {
            Value::Integer(number) => Self::try_from(*number).ok(),
            Value::String(text) => text.parse().ok(),
            _ => None,
        };
        number.filter(|number| *number > 0)
    }
}

/// A number, or none at all, which is written 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OrNone(pub Option<u64>);

impl Setting for OrNone {
    const EXPECTED: &'static str = "a whole number, or 0 for no limit";

    fn read(value: &Value) -> Option<Self> {
        let none = matches!(value, Value::Integer(0)) || value.as_str() == Some("0");
        if none { Some(Self(None)) } else { u64::read(value).map(|number| Self(Some(number))) }
    }
}

impl Setting for u32 {
    const EXPECTED: &'static str = "a whole number from 1 to 4294967295";

    fn read(value: &Value) -> Option<Self> {
        u64::read(value)?.try_into().ok()
    }
}

impl Setting for usize {
    const EXPECTED: &'static str = "a whole number of at least 1";

    fn read(value: &Value) -> Option<Self> {
        u64::read(value)?.try_into().ok()
    }
}

impl Setting for SocketAddr {
    const EXPECTED: &'static str = "an address and port such as 127.0.0.1:8080";

    fn read(value: &Value) -> Option<Self> {
        value.as_str()?.parse().ok()
    }
}

impl Setting for PathBuf {
    const EXPECTED: &'static str = "a path";

    fn read(value: &Value) -> Option<Self> {
        String::read(value).map(Self::from)
    }
}

impl Setting for Duration {
    const EXPECTED: &'static str = "a time with its unit, such as 500ms, 30s, 15m, 12h or 7d";

    fn read(value: &Value) -> Option<Self> {
        duration(value.as_str()?)
    }
}

/// A time with its unit, such as `15m`; more than none.
#[must_use]
pub fn duration(text: &str) -> Option<Duration> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(digits)?;
    let number: u64 = number.parse().ok()?;
    let millis: u64 = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    number.checked_mul(millis).filter(|total| *total > 0).map(Duration::from_millis)
}

impl Setting for Vec<String> {
    const EXPECTED: &'static str = "a list of texts (in the environment: separated by commas)";

    fn read(value: &Value) -> Option<Self> {
        match value {
            Value::Array(items) => items.iter().map(|item| item.as_str().map(str::to_owned)).collect(),
            Value::String(text) => Some(
                text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect(),
            ),
            _ => None,
        }
    }
}
