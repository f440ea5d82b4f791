//! The lines of a search's answer.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::Serialize;

use crate::api::logs::{ByteCounts, ObjectCounts, SearchSummary, SearchWarning};
use crate::domain::bucket::Bucket;
use crate::domain::object::ObjectMeta;
use crate::domain::record::Position;
use crate::domain::reference::Reference;
use crate::http::extract::cursor::cursor;
use crate::logs::decode::DecodeError;
use crate::logs::found::{Record, Write};
use crate::logs::object::ObjectError;
use crate::logs::read::{Cut, Ending, Failed};
use crate::provider::StoreErrorKind;
use crate::service::find::Plan;
use crate::service::search::bookmark;

/// The most warnings that are told.
const MAX_WARNINGS: usize = 100;

/// A value as a line.
pub fn line(value: &impl Serialize) -> Bytes {
    // The types that are written here have no maps with other keys than texts, so this does not fail.
    let mut line = serde_json::to_vec(value).unwrap_or_default();
    line.push(b'\n');
    Bytes::from(line)
}

/// Writes the records of one object.
#[derive(Debug)]
pub struct RecordWriter {
    /// `"bucket":"…","key":"…"`, the same in each line.
    object: String,
    /// The reference up to its offset, as JSON without the quote at its end.
    reference: String,
    fields: Arc<[String]>,
}

impl RecordWriter {
    /// A writer for an object.
    pub fn new(bucket: &Bucket, meta: &ObjectMeta, fields: Arc<[String]>) -> Self {
        let reference = Reference {
            provider: bucket.provider,
            bucket: bucket.id.clone(),
            key: meta.key.clone(),
            version: meta.etag.clone(),
            position: Position { offset: 0, length: 0 },
        };
        let mut reference = quoted(reference.to_string().strip_suffix("#0+0").unwrap_or_default());
        reference.pop();
        let object =
            format!("\"bucket\":{},\"key\":{}", quoted(bucket.id.as_str()), quoted(meta.key.as_str()));
        Self { object, reference, fields }
    }

    /// The writer as the scanner calls it.
    pub fn into_write(self) -> Arc<Write> {
        Arc::new(move |record: &Record<'_>, out: &mut Vec<u8>| self.write(record, out))
    }

    /// What serde would write of a [`crate::api::logs::LogRecord`], without building one.
    fn write(&self, record: &Record<'_>, out: &mut Vec<u8>) {
        let mut head =
            String::with_capacity(self.object.len().saturating_add(self.reference.len()).saturating_add(128));
        head.push_str("{\"type\":\"record\",\"time\":");
        // Writing to a String does not fail.
        let _written = match record.time {
            Some(time) => write!(head, "\"{time}\""),
            None => write!(head, "null"),
        };
        let (offset, length) = (record.position.offset, record.position.length);
        let _written = write!(
            head,
            ",{},\"offset\":{offset},\"length\":{length},\"ref\":{}#{offset}+{length}\"",
            self.object, self.reference
        );
        out.extend_from_slice(head.as_bytes());
        if let Ok(text) = std::str::from_utf8(record.line) {
            out.extend_from_slice(b",\"line\":");
            // Writing to a Vec does not fail, and a text always can be written.
            let _written = serde_json::to_writer(&mut *out, text);
        } else {
            out.extend_from_slice(b",\"line_base64\":\"");
            out.extend_from_slice(STANDARD.encode(record.line).as_bytes());
            out.push(b'"');
        }
        if record.context {
            out.extend_from_slice(b",\"context\":true");
        }
        if !self.fields.is_empty() {
            out.extend_from_slice(b",\"fields\":");
            let _written = serde_json::to_writer(&mut *out, &record.format.fields(record.line, &self.fields));
        }
        out.extend_from_slice(b"}\n");
    }
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// What became of a search.
pub fn summary(plan: &Plan, mut objects: ObjectCounts, ending: &Ending, took: Duration) -> SearchSummary {
    objects.skipped.failed = ending.failed.len() as u64;
    objects.read = (ending.progress.objects.saturating_sub(ending.failed.len())) as u64;
    let mut warnings: Vec<SearchWarning> =
        ending.failed.iter().take(MAX_WARNINGS).map(|failed| warning(plan, failed)).collect();
    let stats = &ending.progress.stats;
    let mut told = |count: u64, what: String| {
        if count > 0 {
            warnings.push(SearchWarning { bucket: String::new(), key: None, what });
        }
    };
    told(
        ending.late,
        format!("{} records stood further behind later ones than they may, and come late", ending.late),
    );
    told(
        plan.other_layout,
        format!(
            "{} objects were not read, since their keys are of none of the bucket's layouts",
            plan.other_layout
        ),
    );
    told(stats.oversize, format!("{} records are longer than allowed, and were cut", stats.oversize));
    let reason = match ending.cut {
        Some(Cut::Limit) => Some("limit"),
        Some(Cut::WallTime) => Some("time"),
        Some(Cut::Allowance) => Some("allowance"),
        Some(Cut::OpenObjects) => Some("too-many-objects-at-once"),
        None if !ending.failed.is_empty() => Some("failed"),
        None if plan.withheld > 0 => Some("withheld"),
        None if plan.archived > 0 => Some("archived"),
        None => None,
    };
    let last = ending.last.filter(|_| ending.cut.is_some());
    SearchSummary {
        complete: reason.is_none() && stats.oversize == 0,
        reason: reason.map(str::to_owned),
        records: ending.records,
        objects,
        bytes: ByteCounts { stored: stats.stored, decoded: stats.decoded },
        warnings_total: warnings.len().saturating_add(ending.failed.len().saturating_sub(MAX_WARNINGS))
            as u64,
        warnings,
        redacted: stats.redacted.total(),
        redacted_by: stats.redacted.iter().map(|(rule, count)| (rule.to_owned(), count)).collect(),
        cursor: last.and_then(|mark| bookmark(plan, mark)).map(|bookmark| cursor(&bookmark)),
        receipt: None,
        elapsed_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
    }
}

fn warning(plan: &Plan, failed: &Failed) -> SearchWarning {
    let found = usize::try_from(failed.run).ok().and_then(|at| plan.objects.get(at));
    SearchWarning {
        bucket: found.map(|found| found.bucket.id.to_string()).unwrap_or_default(),
        key: found.map(|found| found.candidate.meta.key.as_str().to_owned()),
        what: in_words(&failed.error).to_owned(),
    }
}

/// What a reader of the summary is told; nothing of the cloud's own answer.
pub fn in_words(error: &ObjectError) -> &'static str {
    match error {
        ObjectError::Decode(DecodeError::TooLarge) => {
            "decodes to more than the limit allows; read up to there"
        }
        ObjectError::Decode(DecodeError::Unsupported { what }) => what,
        ObjectError::Decode(DecodeError::Corrupt { .. }) => "is damaged; read up to the damage",
        ObjectError::Decode(DecodeError::Truncated) => {
            "ends in the middle of its compressed data; read up to there"
        }
        ObjectError::TooMany => "holds more matching records than can be put in order; none of them was told",
        ObjectError::Spent => "was not read to its end, because you have read as much as you may for now",
        ObjectError::Stopped => "was not read to its end, because the service stops",
        ObjectError::Store(error) => match error.kind {
            StoreErrorKind::NoSuchObject => "was removed meanwhile",
            StoreErrorKind::PreconditionFailed => "was replaced meanwhile; read up to there",
            StoreErrorKind::Archived { .. } => "has to be restored first",
            StoreErrorKind::Denied => "is refused to this service by its cloud",
            StoreErrorKind::NoCredential => "could not be read: the bucket's credential cannot be had",
            StoreErrorKind::TimedOut => "could not be read: its cloud took too long",
            _ => "could not be read: its cloud failed",
        },
    }
}
