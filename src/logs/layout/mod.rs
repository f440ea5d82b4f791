//! Layouts: where in a bucket the records of a span of time lie.

use std::fmt;
use std::time::Duration;

use jiff::tz::Offset;

use crate::domain::key::ObjectKey;
use crate::domain::record::RecordTime;
use crate::domain::time_range::TimeRange;
use crate::logs::layout::template::{InvalidTemplate, Template};

mod names;
mod partition;
pub mod presets;
mod template;
mod walk;

#[cfg(test)]
mod tests;

pub use partition::Partition;
pub use walk::{Leaf, Walk};

/// How a bucket's keys tell the time of what they hold.
#[derive(Debug, Clone)]
pub struct Layout {
    name: String,
    templates: Vec<Template>,
    offset: Offset,
    /// How much earlier than its key's span a record can be.
    early: Duration,
    /// How much later.
    late: Duration,
}

/// The span in which all records of an object lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// None is earlier.
    pub earliest: RecordTime,
    /// None is this late or later.
    pub end: RecordTime,
}

/// Why a text is no layout.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("is neither the name of a preset ({known}) nor a template: {cause}", known = presets::names())]
pub struct InvalidLayout {
    /// What is wrong with it as a template.
    #[source]
    pub cause: InvalidTemplate,
}

/// What holds for all keys of a layout, beside its template.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LayoutOptions {
    /// What stands in front of every key; it ends in `/` or is empty.
    pub root: String,
    /// How far the times in keys are before UTC, in seconds to the east.
    pub offset_seconds: i32,
    /// How much earlier than its key says a record can be, in place of what the preset says.
    pub slack: Option<Duration>,
}

impl Layout {
    /// A preset by its name, or a template.
    ///
    /// # Errors
    /// [`InvalidLayout`].
    pub fn parse(text: &str, options: &LayoutOptions) -> Result<Self, InvalidLayout> {
        let own = presets::Preset {
            name: text,
            templates: &[text],
            early: Duration::ZERO,
            late: Duration::ZERO,
            example: "",
            source: "",
        };
        let preset = presets::find(text).unwrap_or(&own);
        let template = |text: &&str| Template::parse(&format!("{}{text}", options.root));
        let templates: Result<Vec<_>, _> = preset.templates.iter().map(template).collect();
        Ok(Self {
            name: text.to_owned(),
            templates: templates.map_err(|cause| InvalidLayout { cause })?,
            offset: Offset::from_seconds(options.offset_seconds).unwrap_or(Offset::UTC),
            early: options.slack.unwrap_or(preset.early),
            late: preset.late,
        })
    }

    /// The span in which all records of the object lie; `None` when the key is not of this layout.
    #[must_use]
    pub fn window(&self, key: &ObjectKey) -> Option<Window> {
        self.templates.iter().find_map(|template| {
            let start = template.read(key.as_str())?;
            let end = template::next(start, template.finest());
            let time = |local| template::to_record_time(local, self.offset);
            Some(Window { earliest: time(start).minus(self.early), end: time(end).plus(self.late) })
        })
    }

    /// Begins to find the keys that can hold records of a span, below a prefix.
    #[must_use]
    pub fn walk<'l>(&'l self, prefix: &'l str, range: TimeRange) -> Vec<Walk<'l>> {
        // The times that can stand in a key whose records lie in the range.
        let first = template::to_local(range.from().minus(self.late), self.offset);
        let last =
            template::to_local(range.to().plus(self.early).minus(Duration::from_nanos(1)), self.offset);
        self.templates.iter().map(|template| Walk::new(template, prefix, (first, last))).collect()
    }
}

impl Window {
    /// Whether a record of the range can lie in it.
    #[must_use]
    pub fn meets(self, range: TimeRange) -> bool {
        self.earliest < range.to() && range.from() < self.end
    }
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}
