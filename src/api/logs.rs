//! Searches: what is asked, and the lines of the answer.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::api::receipts::SignedReceipt;

/// What to search for.
#[derive(Debug, Clone, Default, Serialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct SearchQuery {
    /// Where: a bucket's id, alone or with a prefix behind it (`payments/team-a/app/`). May stand several times.
    /// Required but for `around`.
    #[param(required = false)]
    pub bucket: Vec<String>,
    /// The earliest time of a record (RFC 3339). Required but for `around`.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[param(required = false)]
    pub from: String,
    /// The first time that is too late (RFC 3339). Required but for `around`.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[param(required = false)]
    pub to: String,
    /// The filter: words, `"quoted text"`, `/expressions/`, `field=value`, `and`, `or`, `not`. Everything without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub q: Option<String>,
    /// `sensitive` or `insensitive`: whether upper and lower case differ. They do without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub case: Option<String>,
    /// `asc` (the oldest first, also without it) or `desc`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order: Option<String>,
    /// At most so many records; all of them without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
    /// So many records before each that matches.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<u64>,
    /// So many records after each that matches.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<u64>,
    /// Names of fields, with commas between them, that are told beside the line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fields: Option<String>,
    /// Goes on behind an earlier answer: the `cursor` of its summary.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// Whether lines of progress are wanted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub progress: Option<bool>,
    /// Whether a signed receipt is wanted: what was read, with versions and hashes. It stands in the summary.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub receipt: Option<bool>,
    /// The `ref` of a record: in place of a search, this one and, by `before` and `after`, those around it, as they stand in the
    /// object. Then `bucket`, `from` and `to` are left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub around: Option<String>,
}

/// One line of the answer to a search.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum LogLine {
    /// A record.
    Record(LogRecord),
    /// How far the search is; only when asked for.
    Progress(SearchProgress),
    /// The last line of a search.
    Summary(SearchSummary),
    /// Of somebody who follows: nothing more came up to now.
    Heartbeat(Heartbeat),
    /// Of somebody who follows: something went wrong, and is tried again.
    Warning(SearchWarning),
    /// The last line of somebody who follows.
    End(FollowEnd),
}

/// A sign of life, and how far somebody who follows is.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Heartbeat {
    /// The server's time (RFC 3339).
    pub time: String,
    /// Goes on from here, given back as `cursor`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// Why following ended.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct FollowEnd {
    /// `time`: one answer takes no longer; `allowance`: the caller's searches have read as many bytes as they may for now; or
    /// `forbidden`: it is not permitted any more.
    pub reason: String,
    /// Goes on from here, given back as `cursor`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// What to follow.
#[derive(Debug, Clone, Default, Serialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct FollowQuery {
    /// Where: a bucket's id, alone or with a prefix behind it. May stand several times.
    pub bucket: Vec<String>,
    /// The filter, as for a search.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub q: Option<String>,
    /// `sensitive` or `insensitive`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub case: Option<String>,
    /// Names of fields, with commas between them, that are told beside the line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fields: Option<String>,
    /// Goes on where an earlier answer was: the newest `cursor` of its heartbeats. Now without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// A record.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct LogRecord {
    /// When it was written (RFC 3339, up to nanoseconds); `null` when it does not tell. It then stands behind the record before it.
    pub time: Option<String>,
    /// The bucket's id.
    pub bucket: String,
    /// The object's exact key.
    pub key: String,
    /// Where it begins in the decoded object, in bytes.
    pub offset: u64,
    /// How many bytes it has.
    pub length: u64,
    /// Names it for good: provider, bucket, key, version, offset and length.
    #[serde(rename = "ref")]
    pub reference: String,
    /// The record as it stands in the object; absent when it is not UTF-8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<String>,
    /// The same in base64, when it is not UTF-8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line_base64: Option<String>,
    /// Whether it only stands next to one that matches.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub context: bool,
    /// The fields that were asked for, where it has them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fields: Option<serde_json::Map<String, serde_json::Value>>,
}

/// How far a search is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SearchProgress {
    /// Objects that are read.
    pub objects_done: usize,
    /// Objects that will be.
    pub objects: usize,
    /// Stored bytes that are read.
    pub bytes_done: u64,
    /// Stored bytes that will be.
    pub bytes: u64,
}

/// What became of the search.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SearchSummary {
    /// Whether every record that was asked for was told.
    pub complete: bool,
    /// Why not: `limit`, `time`, `allowance` (the caller's searches have read as many bytes as they may for now), `too-many-objects-at-once`, `withheld`, `archived` or `failed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Records that were told, without those of the context.
    pub records: u64,
    /// Objects.
    pub objects: ObjectCounts,
    /// Bytes.
    pub bytes: ByteCounts,
    /// What an operator or a writer of logs should look at, at most 100.
    pub warnings: Vec<SearchWarning>,
    /// How many warnings there are in all.
    pub warnings_total: u64,
    /// How many places were redacted in what was told; absent when none was.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub redacted: u64,
    /// The same by the names of rules: detectors, patterns, paths, and `binary` and `line-too-long` for what could not be looked at.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub redacted_by: BTreeMap<String, u64>,
    /// Asks for what comes after, given back as `cursor`; absent when nothing does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// The signed receipt, where one was asked for and could be signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt: Option<SignedReceipt>,
    /// How long it took.
    pub elapsed_ms: u64,
}

/// Objects of a search.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ObjectCounts {
    /// Found by listing.
    pub listed: u64,
    /// Read to their end.
    pub read: u64,
    /// Not read.
    pub skipped: SkippedCounts,
}

/// Why objects were not read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SkippedCounts {
    /// They can hold nothing of the time asked for.
    pub outside_range: u64,
    /// Their keys are of none of the bucket's layouts, so nobody knows of which time they are.
    pub other_layout: u64,
    /// They have to be restored first.
    pub archived: u64,
    /// The caller may not read them.
    pub withheld: u64,
    /// They failed; the warnings name them.
    pub failed: u64,
}

/// Bytes of a search.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ByteCounts {
    /// As stored.
    pub stored: u64,
    /// As decoded.
    pub decoded: u64,
}

/// Something that went wrong with one object.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SearchWarning {
    /// The bucket's id.
    pub bucket: String,
    /// The object's key; absent when it is about all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// What, in words.
    pub what: String,
}

/// What to count.
#[derive(Debug, Clone, Default, Serialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct HistogramQuery {
    /// Where: a bucket's id, alone or with a prefix behind it. May stand several times.
    pub bucket: Vec<String>,
    /// The earliest time of a record (RFC 3339).
    pub from: String,
    /// The first time that is too late (RFC 3339).
    pub to: String,
    /// The filter, as for a search.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub q: Option<String>,
    /// `sensitive` or `insensitive`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub case: Option<String>,
    /// At most so many bars, 10 to 1,000; 60 without it. Their width is one that people think in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bars: Option<u64>,
    /// A field by whose values the records of each bar are counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
}

/// How many records there are over time.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Histogram {
    /// The width of each bar, in seconds.
    pub bar_seconds: f64,
    /// The bars, without a gap.
    pub bars: Vec<HistogramBar>,
    /// What was read, and whether all was counted.
    pub summary: SearchSummary,
}

/// One stretch of time.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct HistogramBar {
    /// Where it begins (RFC 3339).
    pub from: String,
    /// Its records.
    pub count: u64,
    /// Its records by the values of the field asked for: the twenty most frequent of all bars.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub by: BTreeMap<String, u64>,
    /// Its records with another value.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub other: u64,
    /// Its records that do not have the field.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub without: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
const fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// What a search would read.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SearchPlan {
    /// Objects.
    pub objects: ObjectCounts,
    /// Their stored bytes.
    pub bytes: u64,
    /// Calls to the clouds that it took to find them.
    pub list_calls: u64,
    /// The objects, the first 1,000 in order of bucket and key.
    pub first: Vec<PlannedObject>,
}

/// An object that would be read.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct PlannedObject {
    /// The bucket's id.
    pub bucket: String,
    /// The object's key.
    pub key: String,
    /// Stored size in bytes.
    pub size: u64,
}
