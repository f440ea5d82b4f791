//! What a search asks for, from the query string.

use std::time::Duration;

use http::Uri;
use percent_encoding::percent_decode_str;

use crate::api::problem::FieldProblem;
use crate::authz::permit::SearchTarget;
use crate::domain::bucket::BucketId;
use crate::domain::key::{ObjectKey, Prefix};
use crate::domain::record::RecordTime;
use crate::domain::reference::Reference;
use crate::domain::time::Timestamp;
use crate::domain::time_range::TimeRange;
use crate::http::problem::Problem;
use crate::http::state::AppState;
use crate::logs::filter::Filter;
use crate::logs::merge::Order;
use crate::service::follow::FollowMark;
use crate::service::histogram::{Bars, MAX_BARS, MIN_BARS};
use crate::service::search::{Bookmark, SearchAsk, SearchLimits};

/// How often progress is told.
const PROGRESS_EVERY: Duration = Duration::from_millis(500);

/// How many bars a histogram has at most, where nobody says.
const DEFAULT_BARS: u64 = 60;

/// The most fields that can be asked for.
const MAX_FIELDS: usize = 100;

/// A search as it was asked for.
#[derive(Debug)]
pub struct Search {
    /// What is asked of each object.
    pub ask: SearchAsk,
    /// The fields that are wanted beside the line.
    pub fields: Vec<String>,
    /// The one record that is looked for, in place of a search.
    pub around: Option<Reference>,
}

/// What to count.
#[derive(Debug)]
pub struct CountAsk {
    /// What is asked of each object.
    pub ask: SearchAsk,
    /// Where the bars stand.
    pub bars: Bars,
    /// The field whose values are counted.
    pub by: Option<String>,
}

/// What to follow.
#[derive(Debug)]
pub struct FollowAsk {
    /// What is asked of each object.
    pub ask: SearchAsk,
    /// The fields that are wanted beside the line.
    pub fields: Vec<String>,
    /// Where to go on.
    pub mark: Option<FollowMark>,
    /// Whether lines are wanted as server-sent events.
    pub events: bool,
}

/// Parses scopes and search.
pub fn of(state: &AppState, uri: &Uri) -> Result<(Vec<SearchTarget>, Search), Problem> {
    let mut raw = Raw::parse(uri, &NAMES)?;
    let limits = &state.search_limits;
    if let Some(text) = raw.take("around") {
        let search = raw.around(&text, limits)?;
        let reference = search.around.as_ref().ok_or_else(Problem::not_found)?;
        let bucket = state.buckets.find(&reference.bucket);
        let bucket = bucket.filter(|bucket| bucket.provider == reference.provider);
        let key = Prefix::parse(reference.key.as_str()).map_err(|_| Problem::not_found())?;
        return Ok((vec![SearchTarget::new(bucket.ok_or_else(Problem::not_found)?, key)], search));
    }
    let search = raw.search(limits, Problems::default())?;
    Ok((targets(state, &raw)?, search))
}

/// Parses scopes and what to count.
pub fn of_histogram(state: &AppState, uri: &Uri) -> Result<(Vec<SearchTarget>, CountAsk), Problem> {
    let mut raw = Raw::parse(uri, &HISTOGRAM_NAMES)?;
    let mut problems = Problems::default();
    let bars = raw.number("bars", MIN_BARS as u64, MAX_BARS as u64, &mut problems).unwrap_or(DEFAULT_BARS);
    let by = raw.take("by").filter(|name| !name.is_empty());
    let search = raw.search(&state.search_limits, problems)?;
    let bars = Bars::over(search.ask.range, usize::try_from(bars).unwrap_or(MAX_BARS));
    Ok((targets(state, &raw)?, CountAsk { ask: search.ask, bars, by }))
}

/// Parses scopes and what to follow.
pub fn of_follow(
    state: &AppState,
    uri: &Uri,
    events: bool,
    last: Option<&str>,
) -> Result<(Vec<SearchTarget>, FollowAsk), Problem> {
    let mut raw = Raw::parse(uri, &FOLLOW_NAMES)?;
    let mut problems = Problems::default();
    // A browser that comes back asks with the cursor that it began with, and says what it had last.
    let cursor = raw.take("cursor").filter(|_| last.is_none()).or_else(|| last.map(str::to_owned));
    let mark = cursor.and_then(|text| problems.of("cursor", follow_mark(&text).ok_or("is not one of ours")));
    raw.others.push(("from".to_owned(), RecordTime::MIN.to_string()));
    raw.others.push(("to".to_owned(), RecordTime::MAX.to_string()));
    let Search { ask, fields, .. } = raw.search(&state.search_limits, problems)?;
    Ok((targets(state, &raw)?, FollowAsk { ask, fields, mark, events }))
}

fn targets(state: &AppState, raw: &Raw) -> Result<Vec<SearchTarget>, Problem> {
    raw.buckets.iter().map(|scope| target(state, scope)).collect()
}

/// `payments` or `payments/team-a/app/`.
fn target(state: &AppState, scope: &str) -> Result<SearchTarget, Problem> {
    let (id, prefix) = scope.split_once('/').unwrap_or((scope, ""));
    let prefix = Prefix::parse(prefix).map_err(|error| Problem::invalid_field("bucket", error))?;
    let bucket = BucketId::parse(id).ok().and_then(|id| state.buckets.find(&id));
    Ok(SearchTarget::new(bucket.ok_or_else(Problem::not_found)?, prefix))
}

/// The parameters as texts.
#[derive(Debug, Default)]
struct Raw {
    buckets: Vec<String>,
    others: Vec<(String, String)>,
}

/// Every parameter beside `bucket`.
const NAMES: [&str; 12] = [
    "from", "to", "q", "case", "order", "limit", "before", "after", "fields", "cursor", "progress", "around",
];

/// Every parameter of a histogram beside `bucket`.
const HISTOGRAM_NAMES: [&str; 6] = ["from", "to", "q", "case", "bars", "by"];

/// Every parameter of following beside `bucket`.
const FOLLOW_NAMES: [&str; 4] = ["q", "case", "fields", "cursor"];

impl Raw {
    fn parse(uri: &Uri, names: &[&str]) -> Result<Self, Problem> {
        let query = uri.query().unwrap_or_default();
        let decoded: Vec<u8> = percent_decode_str(query).collect();
        if std::str::from_utf8(&decoded).is_err() {
            return Err(Problem::invalid_field("query", "is not UTF-8"));
        }
        let mut raw = Self::default();
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            let again = raw.others.iter().any(|(known, _)| *known == name);
            match name.as_ref() {
                "bucket" => raw.buckets.push(value.into_owned()),
                _ if again => return Err(Problem::invalid_field(&name, "stands more than once")),
                name if names.contains(&name) => raw.others.push((name.to_owned(), value.into_owned())),
                name => return Err(Problem::invalid_field(name, "is not a parameter here")),
            }
        }
        Ok(raw)
    }

    fn take(&mut self, name: &str) -> Option<String> {
        let at = self.others.iter().position(|(known, _)| known == name)?;
        Some(self.others.swap_remove(at).1)
    }

    fn search(&mut self, limits: &SearchLimits, mut problems: Problems) -> Result<Search, Problem> {
        if self.buckets.is_empty() || self.buckets.len() > limits.scopes {
            problems.add("bucket", format!("expected 1 to {} of them", limits.scopes));
        }
        let range = self.range(&mut problems);
        let filter = problems.of("q", Filter::parse(&self.take("q").unwrap_or_default(), &limits.filter));
        let fold_case = match self.take("case").as_deref() {
            None | Some("sensitive") => false,
            Some("insensitive") => true,
            Some(_) => problems.add("case", "expected sensitive or insensitive".to_owned()),
        };
        let order = match self.take("order").as_deref() {
            None | Some("asc") => Order::Ascending,
            Some("desc") => Order::Descending,
            Some(_) => {
                problems.add("order", "expected asc or desc".to_owned());
                Order::Ascending
            }
        };
        let limit = self.number("limit", 1, u64::MAX, &mut problems);
        let context = self.context(limits, &mut problems);
        let fields = self.fields(&mut problems);
        let after = self
            .take("cursor")
            .map(|text| problems.of("cursor", bookmark(&text).ok_or("is not one of ours")));
        let progress = self.take("progress").is_some_and(|text| match text.as_str() {
            "true" => true,
            "false" => false,
            _ => problems.add("progress", "expected true or false".to_owned()),
        });
        let (Some(range), Some(filter)) = (range, filter) else { return Err(problems.told()) };
        if !problems.0.is_empty() {
            return Err(problems.told());
        }
        let progress_every = progress.then_some(PROGRESS_EVERY);
        let after = after.flatten();
        let at = None;
        let ask = SearchAsk { range, filter, fold_case, order, limit, at, context, after, progress_every };
        Ok(Search { ask, fields, around: None })
    }

    /// One record, and those around it.
    fn around(&mut self, text: &str, limits: &SearchLimits) -> Result<Search, Problem> {
        let mut problems = Problems::default();
        let reference = problems.of("around", Reference::parse(text));
        let context = self.context(limits, &mut problems);
        let fields = self.fields(&mut problems);
        let others = self.others.iter().map(|(name, _)| name.as_str());
        for name in others.chain(self.buckets.first().map(|_| "bucket")) {
            problems.add(name, "has no meaning beside around, which names one record".to_owned());
        }
        let range = TimeRange::new(RecordTime::MIN, RecordTime::MAX).ok();
        let filter = Filter::parse("", &limits.filter).ok();
        let (Some(reference), Some(range), Some(filter)) = (reference, range, filter) else {
            return Err(problems.told());
        };
        if !problems.0.is_empty() {
            return Err(problems.told());
        }
        let ask = SearchAsk {
            range,
            filter,
            fold_case: false,
            order: Order::Ascending,
            limit: None,
            at: Some(reference.position.offset),
            context,
            after: None,
            progress_every: None,
        };
        Ok(Search { ask, fields, around: Some(reference) })
    }

    fn context(&mut self, limits: &SearchLimits, problems: &mut Problems) -> (usize, usize) {
        let most = limits.context_lines as u64;
        let mut lines = |name| {
            let lines = self.number(name, 0, most, problems).unwrap_or(0);
            usize::try_from(lines).unwrap_or(0)
        };
        (lines("before"), lines("after"))
    }

    fn range(&mut self, problems: &mut Problems) -> Option<TimeRange> {
        let mut time = |name: &str| {
            let text = self.take(name).ok_or_else(|| "is missing".to_owned());
            let time = text.and_then(|text| RecordTime::parse(&text).map_err(|error| error.to_string()));
            problems.of(name, time)
        };
        let (from, to) = (time("from"), time("to"));
        problems.of("to", TimeRange::new(from?, to?))
    }

    fn number(&mut self, name: &str, least: u64, most: u64, problems: &mut Problems) -> Option<u64> {
        let text = self.take(name)?;
        let number = text.parse().ok().filter(|number| (least..=most).contains(number));
        problems.of(
            name,
            number.ok_or_else(|| match most {
                u64::MAX => format!("expected a number from {least}"),
                most => format!("expected {least} to {most}"),
            }),
        )
    }

    fn fields(&mut self, problems: &mut Problems) -> Vec<String> {
        let text = self.take("fields").unwrap_or_default();
        let fields: Vec<String> =
            text.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect();
        if fields.len() > MAX_FIELDS {
            problems.add("fields", format!("expected at most {MAX_FIELDS} names"));
        }
        fields
    }
}

/// What is wrong with a request, all of it.
#[derive(Debug, Default)]
struct Problems(Vec<FieldProblem>);

impl Problems {
    fn add(&mut self, field: &str, message: String) -> bool {
        self.0.push(FieldProblem { field: field.to_owned(), message });
        false
    }

    fn of<T, E: ToString>(&mut self, field: &str, parsed: Result<T, E>) -> Option<T> {
        match parsed {
            Ok(value) => Some(value),
            Err(error) => {
                self.add(field, error.to_string());
                None
            }
        }
    }

    fn told(self) -> Problem {
        Problem::invalid(self.0)
    }
}

/// A bookmark as a cursor: no secret, since its holder was told that record.
#[must_use]
pub fn cursor(bookmark: &Bookmark) -> String {
    let Bookmark { time, bucket, key, offset } = bookmark;
    let text = format!("1 {} {offset} {bucket} {}", time.unix_nanos(), key.as_str());
    base64::Engine::encode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, text)
}

/// A mark as a cursor: numbers that tell nothing to others.
#[must_use]
pub fn follow_cursor(mark: &FollowMark) -> String {
    let told: String =
        mark.told.iter().fold(String::new(), |text, (number, told)| format!("{text} {number:x}:{told:x}"));
    let text = format!("f1 {}{told}", mark.newest.unix_millis());
    base64::Engine::encode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, text)
}

/// The mark in a cursor; `None` when it is not one of ours.
#[must_use]
pub fn follow_mark(cursor: &str) -> Option<FollowMark> {
    let bytes = base64::Engine::decode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, cursor).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    let mut parts = text.split(' ');
    parts.next().filter(|version| *version == "f1")?;
    let newest = Timestamp::from_unix_millis(parts.next()?.parse().ok()?);
    let pair = |part: &str| {
        let (number, told) = part.split_once(':')?;
        Some((u64::from_str_radix(number, 16).ok()?, u64::from_str_radix(told, 16).ok()?))
    };
    Some(FollowMark { newest, told: parts.map(pair).collect::<Option<_>>()? })
}

/// The bookmark in a cursor; `None` when it is not one of ours.
#[must_use]
pub fn bookmark(cursor: &str) -> Option<Bookmark> {
    let bytes = base64::Engine::decode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, cursor).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    let mut parts = text.splitn(5, ' ');
    parts.next().filter(|version| *version == "1")?;
    Some(Bookmark {
        time: RecordTime::from_unix_nanos(parts.next()?.parse().ok()?),
        offset: parts.next()?.parse().ok()?,
        bucket: BucketId::parse(parts.next()?).ok()?,
        key: ObjectKey::parse(parts.next()?).ok()?,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_cursor_comes_back_as_the_bookmark_that_it_was(
            nanos: i64, offset: u64, key in "[ -~é]{1,40}",
        ) {
            let bookmark_before = Bookmark {
                time: RecordTime::from_unix_nanos(nanos),
                bucket: BucketId::parse("payments-aws").unwrap(),
                key: ObjectKey::parse(&key).unwrap(),
                offset,
            };
            prop_assert_eq!(bookmark(&cursor(&bookmark_before)), Some(bookmark_before));
        }

        #[test]
        fn a_mark_comes_back_as_what_it_was(newest: i64, told: Vec<(u64, u64)>) {
            let mark = FollowMark { newest: Timestamp::from_unix_millis(newest), told };
            prop_assert_eq!(follow_mark(&follow_cursor(&mark)), Some(mark));
        }

        #[test]
        fn no_text_as_a_cursor_ends_the_program(text in ".{0,80}") {
            let _either = (bookmark(&text), follow_mark(&text));
        }
    }
}
