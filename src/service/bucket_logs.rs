//! What is known of the logs in each bucket before they are read: where they lie, how they are written, what is taken away.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use crate::domain::bucket::BucketId;
use crate::domain::object::ObjectMeta;
use crate::domain::record::RecordTime;
use crate::logs::format::options::FormatOptions;
use crate::logs::layout::Layout;
use crate::logs::redact::Redactor;

/// How much later than its key says a timestamp without a year may be: as much as it may be earlier, since the year of a key is
/// sure, so the nearest is meant.
const HALF_A_YEAR: Duration = Duration::from_hours(24 * 182);

/// How much later than the object was written one may be: zones and clocks differ, but nothing is written ahead of its time.
const A_DAY: Duration = Duration::from_hours(24);

/// What is known of the logs in each bucket.
#[derive(Debug, Default)]
pub struct BucketLogs(HashMap<BucketId, LogsOf>);

/// What is known of the logs in one bucket.
#[derive(Debug, Default)]
pub struct LogsOf {
    /// How its keys tell their time; without any they do not.
    pub layouts: Vec<Layout>,
    /// How its records are written.
    pub format: Arc<FormatOptions>,
    /// What is taken away for those who may not see it all.
    pub redactor: Option<Arc<Redactor>>,
}

impl BucketLogs {
    /// Adds a bucket's.
    pub fn add(&mut self, bucket: BucketId, logs: LogsOf) {
        self.0.insert(bucket, logs);
    }

    /// How a bucket's keys tell their time.
    #[must_use]
    pub fn layouts(&self, bucket: &BucketId) -> &[Layout] {
        self.0.get(bucket).map_or(&[], |logs| logs.layouts.as_slice())
    }

    /// How a bucket's records are written.
    #[must_use]
    pub fn format(&self, bucket: &BucketId) -> Arc<FormatOptions> {
        self.0.get(bucket).map(|logs| Arc::clone(&logs.format)).unwrap_or_default()
    }

    /// What is taken away in a bucket for those who may not see it all.
    #[must_use]
    pub fn redactor(&self, bucket: &BucketId) -> Option<Arc<Redactor>> {
        self.0.get(bucket).and_then(|logs| logs.redactor.clone())
    }

    /// The newest time that a timestamp without a year can be in an object: by its key, since objects that were copied are younger
    /// than what they hold; else by when it was written.
    #[must_use]
    pub fn newest(&self, bucket: &BucketId, meta: &ObjectMeta) -> RecordTime {
        let window = self.layouts(bucket).iter().find_map(|layout| layout.window(&meta.key));
        let written = || meta.last_modified.map(|time| RecordTime::from(time).plus(A_DAY));
        let by_key = window.map(|window| window.end.plus(HALF_A_YEAR));
        by_key.or_else(written).unwrap_or(RecordTime::from_unix_nanos(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::key::ObjectKey;
    use crate::domain::time::Timestamp;
    use crate::logs::format::Format;
    use crate::logs::layout::LayoutOptions;

    /// The time of a syslog line in an object that was written then.
    fn time(key: &str, written: Option<&str>, line: &str) -> String {
        let bucket = BucketId::parse("b").unwrap();
        let layouts = vec![Layout::parse("{yyyy}/{MM}/{dd}/*", &LayoutOptions::default()).unwrap()];
        let mut logs = BucketLogs::default();
        logs.add(bucket.clone(), LogsOf { layouts, ..LogsOf::default() });
        let last_modified = written.map(|text| Timestamp::parse(text).unwrap());
        let meta = ObjectMeta {
            key: ObjectKey::parse(key).unwrap(),
            size_bytes: 1,
            etag: None,
            last_modified,
            storage_class: None,
            archived: false,
            content_type: None,
            content_encoding: None,
        };
        let format = Format::of(line.as_bytes(), &logs.format(&bucket), logs.newest(&bucket, &meta));
        format.time(line.as_bytes()).unwrap().to_string()
    }

    #[test]
    fn lines_around_new_year_have_the_year_of_their_object() {
        let (old, new) = ("Dec 31 23:59:59 h x", "Jan  1 00:00:01 h x");
        let last = "2026-12-31T23:59:59Z";
        let first = "2027-01-01T00:00:01Z";
        for (key, written) in [
            // By the key, whenever it was copied, and whether lines are early or late in it.
            ("2026/12/31/x", Some("2029-06-01T00:00:00Z")),
            ("2027/01/01/x", Some("2029-06-01T00:00:00Z")),
            ("2027/01/01/x", None),
            // By when it was written, where the key tells nothing.
            ("app.log", Some("2027-01-01T00:00:05Z")),
            ("app.log", Some("2027-11-01T00:00:00Z")),
        ] {
            assert_eq!(time(key, written, old), last, "{key} of {written:?}");
            assert_eq!(time(key, written, new), first, "{key} of {written:?}");
        }
        // A clock that is ahead, or a zone in the east.
        assert_eq!(time("app.log", Some("2026-12-31T20:00:00Z"), new), first);
        assert_eq!(time("app.log", Some("2026-12-30T20:00:00Z"), new), "2026-01-01T00:00:01Z");
    }
}
