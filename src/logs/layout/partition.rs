//! Partitions: the folders, or hours, for each of which a sequence of objects should have one.

use jiff::civil;

use crate::domain::key::{ObjectKey, Prefix};
use crate::domain::record::RecordTime;
use crate::domain::time_range::TimeRange;
use crate::logs::layout::Layout;
use crate::logs::layout::names::Names;
use crate::logs::layout::template::{self, Part, Template, Unit};

/// Where an object stands in its sequence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partition {
    /// Its folder, with the date's parts as templates write them.
    pub sequence: String,
    /// The beginning of its partition, in the layout's time zone.
    pub start: civil::DateTime,
}

impl Layout {
    /// The partition of an object; `None` when the key is not of this layout, or the layout promises no regular objects.
    #[must_use]
    pub fn partition(&self, key: &ObjectKey) -> Option<Partition> {
        self.templates.iter().find_map(|template| {
            let start = template.read(key.as_str())?;
            let start = template::floor(start, unit(template)?);
            let folders = template.segments.split_last()?.1.iter();
            let sequence = folders.zip(key.as_str().split('/')).map(|(segment, text)| {
                let dated = segment.finest().is_some();
                (if dated { shown(&segment.parts) } else { text.to_owned() }) + "/"
            });
            Some(Partition { sequence: sequence.collect(), start })
        })
    }

    /// The partitions of a sequence that hold records of a span: how they begin there, and from when to when they go.
    pub fn partitions(
        &self,
        sequence: &str,
        range: TimeRange,
    ) -> impl Iterator<Item = (civil::DateTime, RecordTime, RecordTime)> + use<> {
        let unit = self.templates.iter().find(|template| fits(template, sequence)).and_then(unit);
        let unit = unit.unwrap_or(Unit::Day);
        let offset = self.offset;
        let first = template::floor(template::to_local(range.from(), offset), unit);
        let starts = std::iter::successors(Some(first), move |start| {
            let next = template::next(*start, unit);
            // At the calendar's end there is no next.
            (next > *start).then_some(next)
        });
        let spans = starts.map(move |start| {
            let time = |local| template::to_record_time(local, offset);
            (start, time(start), time(template::next(start, unit)))
        });
        spans.take_while(move |(_, from, _)| *from < range.to())
    }

    /// Whether keys of this partition can begin with a prefix.
    #[must_use]
    pub fn lies_in(&self, sequence: &str, start: civil::DateTime, prefix: &Prefix) -> bool {
        let folder = [Unit::Year, Unit::Month, Unit::Day, Unit::Hour, Unit::Minute]
            .iter()
            .fold(sequence.to_owned(), |text, unit| text.replace(&unit.to_string(), &unit.of(start)));
        folder.starts_with(prefix.as_str()) || prefix.as_str().starts_with(&folder)
    }
}

/// How long a partition is. Names to the minute or second tell when something was delivered; only their folders are regular.
fn unit(template: &Template) -> Option<Unit> {
    if template.finest() <= Unit::Hour {
        return Some(template.finest());
    }
    let folders = template.segments.split_last()?.1;
    let finest = folders.iter().filter_map(template::Segment::finest).max()?;
    (finest >= Unit::Day).then(|| finest.min(Unit::Hour))
}

fn shown(parts: &[Part]) -> String {
    let part = |part: &Part| match part {
        Part::Text(text) => text.clone(),
        Part::Any(Some(name)) => format!("{{{name}}}"),
        Part::Any(None) => "*".to_owned(),
        Part::Time(unit) => unit.to_string(),
    };
    parts.iter().map(part).collect()
}

/// Whether a sequence is one of this template's.
fn fits(template: &Template, sequence: &str) -> bool {
    let Some((_, folders)) = template.segments.split_last() else { return false };
    let mut texts = sequence.split_terminator('/');
    let mut known = Names::new();
    let each = folders.iter().all(|segment| {
        texts.next().is_some_and(|text| match segment.finest() {
            Some(_) => text == shown(&segment.parts),
            None => segment.names(text, &known).map(|told| known.extend(told)).is_some(),
        })
    });
    each && texts.next().is_none()
}
