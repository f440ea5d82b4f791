//! Gaps: partitions of a layout for which no object is there, although others of the same sequence are.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil;

use crate::domain::key::{ObjectKey, Prefix};
use crate::domain::record::RecordTime;
use crate::domain::time_range::TimeRange;
use crate::logs::layout::{Layout, Partition};

/// The most partitions that are looked at, of all sequences together.
const MAX_PARTITIONS: usize = 200_000;

/// Partitions without an object, one after the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// What the objects of the sequence have in common, with the date's parts as templates write them: `app/{yyyy}/{MM}/{dd}/`.
    pub sequence: String,
    /// Where the first begins.
    pub from: RecordTime,
    /// Where the last ends.
    pub to: RecordTime,
}

/// The sequences that were seen, and their partitions.
#[derive(Debug, Default)]
pub struct Sequences {
    /// By the layout's place among the bucket's, and the sequence.
    seen: BTreeMap<(usize, String), Sequence>,
}

#[derive(Debug)]
struct Sequence {
    starts: BTreeSet<civil::DateTime>,
    /// Whether somebody may know of it.
    named: bool,
}

/// There are more partitions in the span than are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooMany;

impl Sequences {
    /// Counts an object. `named` says whether whoever asks may read it; of others' sequences nothing is told.
    pub fn count(&mut self, layouts: &[Layout], key: &ObjectKey, named: bool) {
        let found = (0..).zip(layouts).find_map(|(at, layout)| Some((at, layout.partition(key)?)));
        let Some((at, Partition { sequence, start })) = found else { return };
        let known = self.seen.entry((at, sequence));
        let known = known.or_insert_with(|| Sequence { starts: BTreeSet::new(), named });
        known.starts.insert(start);
        known.named |= named;
    }

    /// The gaps in a span, up to now: what lies ahead cannot be missing.
    ///
    /// # Errors
    /// [`TooMany`].
    pub fn gaps(
        &self,
        layouts: &[Layout],
        prefix: &Prefix,
        range: TimeRange,
        now: RecordTime,
    ) -> Result<Vec<Gap>, TooMany> {
        let mut left = MAX_PARTITIONS;
        let mut gaps: Vec<Gap> = Vec::new();
        for ((at, name), sequence) in self.seen.iter().filter(|(_, sequence)| sequence.named) {
            let Some(layout) = layouts.get(*at) else { continue };
            let mut open: Option<Gap> = None;
            for (start, from, to) in layout.partitions(name, range) {
                left = left.checked_sub(1).ok_or(TooMany)?;
                let missing =
                    !sequence.starts.contains(&start) && to <= now && layout.lies_in(name, start, prefix);
                open = match (open, missing) {
                    (Some(gap), true) => Some(Gap { to, ..gap }),
                    (None, true) => Some(Gap { sequence: name.clone(), from, to }),
                    (gap, false) => {
                        gaps.extend(gap);
                        None
                    }
                };
            }
            gaps.extend(open);
        }
        Ok(gaps)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logs::layout::LayoutOptions;

    fn gaps(layout: &str, keys: &[&str], prefix: &str, (from, to, now): (&str, &str, &str)) -> Vec<String> {
        let layouts = [Layout::parse(layout, &LayoutOptions::default()).unwrap()];
        let mut sequences = Sequences::default();
        for key in keys {
            let named = !key.contains("secret");
            sequences.count(&layouts, &ObjectKey::parse(key).unwrap(), named);
        }
        let time = |text: &str| RecordTime::parse(text).unwrap();
        let range = TimeRange::new(time(from), time(to)).unwrap();
        let gaps = sequences.gaps(&layouts, &Prefix::parse(prefix).unwrap(), range, time(now)).unwrap();
        gaps.iter().map(|gap| format!("{} {} {}", gap.sequence, gap.from, gap.to)).collect()
    }

    const DAY: (&str, &str, &str) = ("2026-11-23T00:00:00Z", "2026-11-23T06:00:00Z", "2026-11-24T00:00:00Z");
    const HOURLY: &str = "{service}/{yyyy}/{MM}/{dd}/{HH}/*.gz";

    #[test]
    fn hours_without_an_object_are_named_for_each_sequence_by_itself() {
        let keys = [
            "app/2026/11/23/00/a.gz",
            "app/2026/11/23/01/a.gz",
            "app/2026/11/23/04/a.gz",
            "app/2026/11/23/05/b.gz",
            "web/2026/11/23/02/a.gz",
        ];
        assert_eq!(
            gaps(HOURLY, &keys, "", DAY),
            [
                "app/{yyyy}/{MM}/{dd}/{HH}/ 2026-11-23T02:00:00Z 2026-11-23T04:00:00Z",
                "web/{yyyy}/{MM}/{dd}/{HH}/ 2026-11-23T00:00:00Z 2026-11-23T02:00:00Z",
                "web/{yyyy}/{MM}/{dd}/{HH}/ 2026-11-23T03:00:00Z 2026-11-23T06:00:00Z",
            ]
        );
    }

    #[test]
    fn what_is_not_over_or_not_asked_for_or_not_to_be_known_is_no_gap() {
        let early = (DAY.0, DAY.1, "2026-11-23T03:30:00Z");
        assert_eq!(
            gaps(HOURLY, &["app/2026/11/23/00/a.gz"], "", early),
            ["app/{yyyy}/{MM}/{dd}/{HH}/ 2026-11-23T01:00:00Z 2026-11-23T03:00:00Z"]
        );
        assert_eq!(
            gaps(HOURLY, &["app/2026/11/23/01/a.gz"], "app/2026/11/23/0", early),
            [
                "app/{yyyy}/{MM}/{dd}/{HH}/ 2026-11-23T00:00:00Z 2026-11-23T01:00:00Z",
                "app/{yyyy}/{MM}/{dd}/{HH}/ 2026-11-23T02:00:00Z 2026-11-23T03:00:00Z",
            ]
        );
        assert!(gaps(HOURLY, &["app/2026/11/23/01/a.gz"], "app/2026/11/23/01/", early).is_empty());
        assert!(gaps(HOURLY, &["secret/2026/11/23/01/a.gz"], "", early).is_empty());
    }

    #[test]
    fn the_partition_is_the_folder_where_names_tell_when_they_were_delivered() {
        let key = "AWSLogs/123456789012/CloudTrail/eu-west-1/2026/11/23/123456789012_CloudTrail_eu-west-1_20261123T0105Z_a.json.gz";
        let days = ("2026-11-22T00:00:00Z", "2026-11-24T00:00:00Z", "2026-11-25T00:00:00Z");
        assert_eq!(
            gaps("cloudtrail", &[key], "", days),
            [
                "AWSLogs/123456789012/CloudTrail/eu-west-1/{yyyy}/{MM}/{dd}/ 2026-11-22T00:00:00Z 2026-11-23T00:00:00Z"
            ]
        );
        // Names in no folder come when they come.
        assert!(gaps("s3-access", &["2023-03-01-21-32-16-E568B2907131C0C0"], "", days).is_empty());
    }

    #[test]
    fn azure_writes_an_object_an_hour_although_its_folder_names_the_minute() {
        let key = "resourceId=/SUBSCRIPTIONS/S/RESOURCEGROUPS/G/PROVIDERS/P/K/R/y=2026/m=11/d=23/h=01/m=00/PT1H.json";
        let hours = ("2026-11-23T00:00:00Z", "2026-11-23T02:00:00Z", "2026-11-24T00:00:00Z");
        let found = gaps("azure-diagnostics", &[key], "", hours);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].ends_with("2026-11-23T00:00:00Z 2026-11-23T01:00:00Z"), "{found:?}");
    }
}
