//! What a site says of the records of a bucket; what it leaves open is found out of each object.

use std::sync::Arc;

use crate::logs::format::pattern::{InvalidPattern, Pattern};
use crate::logs::format::time::{TimeStyle, Unit};

/// The formats by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FormatName {
    /// Lines of text.
    Text,
    /// JSON in lines or in an array, as each object begins.
    Json,
    /// An object of JSON on each line.
    JsonLines,
    /// JSON with records in an array: of a member such as `Records`, or of its own.
    JsonArray,
    /// Access logs of application and network load balancers of AWS.
    Elb,
    /// Access logs of classic load balancers of AWS.
    ElbClassic,
    /// Access logs of S3.
    S3Access,
    /// VPC flow logs.
    VpcFlow,
    /// W3C's extended format, with `#Fields:` in each object.
    W3c,
}

impl FormatName {
    /// Every one.
    pub const ALL: [Self; 9] = [
        Self::Text,
        Self::Json,
        Self::JsonLines,
        Self::JsonArray,
        Self::Elb,
        Self::ElbClassic,
        Self::S3Access,
        Self::VpcFlow,
        Self::W3c,
    ];

    /// As a site writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Json => "json",
            Self::JsonLines => "json-lines",
            Self::JsonArray => "json-array",
            Self::Elb => "elb",
            Self::ElbClassic => "elb-classic",
            Self::S3Access => "s3-access",
            Self::VpcFlow => "vpc-flow",
            Self::W3c => "w3c",
        }
    }

    /// Whether records are objects of JSON.
    #[must_use]
    pub const fn is_json(self) -> bool {
        matches!(self, Self::Json | Self::JsonLines | Self::JsonArray)
    }

    /// Whether the format says itself where the time stands and how it is written.
    #[must_use]
    pub const fn has_columns(self) -> bool {
        matches!(self, Self::Elb | Self::ElbClassic | Self::S3Access | Self::VpcFlow | Self::W3c)
    }
}

/// What is known of records before they are read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FormatOptions {
    /// The format; found out of each object's beginning when it is `None`.
    pub name: Option<FormatName>,
    /// The path of the field that tells when a JSON record was written, in place of the usual ones.
    pub time_field: Option<Arc<str>>,
    /// How times are written.
    pub time_style: Option<TimeStyle>,
    /// The zone of times that name none, in seconds east of Greenwich.
    pub offset_seconds: i32,
}

/// How times are written, by the names that a site may use; everything else is a pattern.
const STYLES: [(&str, TimeStyle); 8] = [
    ("rfc3339", TimeStyle::Rfc3339),
    ("apache", TimeStyle::Apache),
    ("syslog", TimeStyle::Syslog),
    ("epoch", TimeStyle::Epoch),
    ("epoch-s", TimeStyle::Since1970(Unit::Seconds)),
    ("epoch-ms", TimeStyle::Since1970(Unit::Millis)),
    ("epoch-us", TimeStyle::Since1970(Unit::Micros)),
    ("epoch-ns", TimeStyle::Since1970(Unit::Nanos)),
];

/// Why a text does not describe how times are written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTimeStyle {
    /// It is a name that is not known.
    #[error("expected {}, or a pattern such as %d/%m/%Y %H:%M:%S", STYLES.map(|(name, _)| name).join(", "))]
    Unknown,
    /// It is a pattern that does not do.
    #[error(transparent)]
    Pattern(#[from] InvalidPattern),
}

impl TimeStyle {
    /// A style by its name, or by a pattern.
    ///
    /// # Errors
    /// [`InvalidTimeStyle`].
    pub fn parse(text: &str) -> Result<Self, InvalidTimeStyle> {
        if let Some((_, style)) = STYLES.into_iter().find(|(name, _)| *name == text) {
            return Ok(style);
        }
        if !text.contains('%') {
            return Err(InvalidTimeStyle::Unknown);
        }
        Ok(Self::Pattern(Arc::new(Pattern::parse(text)?)))
    }
}

#[cfg(test)]
mod tests;
