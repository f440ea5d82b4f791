//! `GET /api/v1/logs` and `GET /api/v1/logs/plan`: records of several buckets in order of time.

use std::sync::Arc;
use std::time::Instant;

use axum::Json;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::{StreamExt, stream};
use http::HeaderValue;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};

use crate::api::logs::{
    LogLine, ObjectCounts, PlannedObject, SearchPlan, SearchProgress, SearchSummary, SkippedCounts,
};
use crate::authz::permit::{ReadObject, SearchTarget};
use crate::domain::reference::Reference;
use crate::http::body::ObjectBody;
use crate::http::extract::search::{self, Search};
use crate::http::guard::{AskAll, Permits};
use crate::http::log_lines::{self, RecordWriter};
use crate::http::problem::{Problem, Slug, store};
use crate::http::receipts::Draft;
use crate::http::searches;
use crate::http::state::AppState;
use crate::logs::plan::PlanError;
use crate::logs::read::{Ending, Piece, Reading};
use crate::provider::ByteStream;
use crate::service::find::{Find, Plan, SearchError, plan, single};
use crate::service::search::read;

/// How many objects of a plan are named.
const NAMED_OBJECTS: usize = 1000;

const NDJSON: HeaderValue = HeaderValue::from_static("application/x-ndjson");

impl AskAll for Search {
    type Target = SearchTarget;

    async fn load(state: &AppState, request: Request) -> Result<(Vec<SearchTarget>, Self), Problem> {
        search::of(state, request.uri())
    }
}

/// Says what a search would read.
pub async fn dry_run(
    state: AppState,
    permits: Permits<ReadObject, SearchTarget>,
    asked: Search,
) -> Result<Response, Problem> {
    let find = Find { range: asked.ask.rest(), gaps: false };
    let plan = planned(&state, &permits, find, asked.around.as_ref()).await?;
    let named = plan.objects.iter().take(NAMED_OBJECTS).map(|found| PlannedObject {
        bucket: found.bucket.id.to_string(),
        key: found.candidate.meta.key.as_str().to_owned(),
        size: found.candidate.meta.size_bytes,
    });
    let view = SearchPlan {
        objects: counts(&plan),
        bytes: plan.bytes,
        list_calls: plan.list_calls,
        first: named.collect(),
    };
    Ok(([(CACHE_CONTROL, "no-store")], Json(view)).into_response())
}

/// Searches.
pub async fn search(
    state: AppState,
    permits: Permits<ReadObject, SearchTarget>,
    asked: Search,
) -> Result<Response, Problem> {
    let began = Instant::now();
    let principal = permits.each.first().map(|permit| permit.principal().id.clone());
    let principal = principal.ok_or_else(Problem::not_found)?;
    let (slot, allowance) = searches::begin(&state, &principal)?;
    let find = Find { range: asked.ask.rest(), gaps: asked.receipt.is_some() };
    let plan = planned(&state, &permits, find, asked.around.as_ref()).await?;
    let draft = match asked.receipt {
        Some(search) => Some(Draft::begin(state.clone(), principal, search, &plan).await?),
        None => None,
    };
    let fields: Arc<[String]> = asked.fields.into();
    let writer = |bucket: &_, meta: &_| RecordWriter::new(bucket, meta, Arc::clone(&fields)).into_write();
    let means = (&*state.stores, &state.logs, &allowance);
    let reading = read(means, &plan, &asked.ask, &state.search_limits, writer);
    let reading = reading.map_err(|error| Problem::invalid_field("q", error))?;
    let bucket = permits.each.first().map(|permit| permit.resource().bucket.id.to_string());
    let lines = lines(Answer { reading, plan, began, goes_on: asked.around.is_none(), draft });
    let body = ObjectBody::start(lines, None, bucket.unwrap_or_default(), Arc::clone(&state.metrics), slot);
    Ok(([(CONTENT_TYPE, NDJSON), (CACHE_CONTROL, HeaderValue::from_static("no-store"))], body)
        .into_response())
}

/// Finds the objects: those of a span of time, or the one of a reference.
pub async fn planned(
    state: &AppState,
    permits: &Permits<ReadObject, SearchTarget>,
    find: Find,
    around: Option<&Reference>,
) -> Result<Plan, Problem> {
    if let (Some(reference), Some(permit)) = (around, permits.each.first()) {
        let means = (&*state.stores, &state.authorizer);
        let plan = single(means, permit, &permits.context, reference).await;
        return plan.map_err(|error| problem(&error));
    }
    let limits = &state.search_limits.plan;
    let means = (&*state.stores, &state.authorizer, &state.logs);
    let plan = plan(means, &permits.each, &permits.context, find, limits).await;
    plan.map_err(|error| problem(&error))
}

fn problem(SearchError { bucket, cause }: &SearchError) -> Problem {
    match cause {
        PlanError::Store(error) => store::problem(bucket, error),
        PlanError::TooLarge { limit, what } => {
            let detail = format!("The search needs more than {limit} {what} of bucket {}", bucket.id);
            Problem::new(Slug::SearchTooLarge, detail)
                .hint("Ask for a shorter span of time, or for a longer prefix: bucket=<id>/<prefix>")
        }
    }
}

/// The objects of a plan.
pub fn counts(plan: &Plan) -> ObjectCounts {
    let skipped = SkippedCounts {
        outside_range: plan.outside,
        other_layout: plan.other_layout,
        archived: plan.archived,
        withheld: plan.withheld,
        failed: 0,
    };
    ObjectCounts { listed: plan.listed, read: plan.objects.len() as u64, skipped }
}

/// An answer under way.
struct Answer {
    reading: Reading,
    plan: Plan,
    began: Instant,
    /// Whether a cursor can go on from its end.
    goes_on: bool,
    draft: Option<Draft>,
}

/// The answer's lines. Nothing is read before somebody asks for the next.
fn lines(answer: Answer) -> ByteStream {
    stream::unfold(answer, async |mut answer| {
        let bytes = match answer.reading.next().await? {
            Piece::Records(records) => {
                if let Some(draft) = &mut answer.draft {
                    draft.add(&records);
                }
                Bytes::from(records)
            }
            Piece::Progress(progress) => log_lines::line(&LogLine::Progress(SearchProgress {
                objects_done: progress.objects,
                objects: answer.plan.objects.len(),
                bytes_done: progress.stats.stored,
                bytes: answer.plan.bytes,
            })),
            Piece::End(ending) => log_lines::line(&LogLine::Summary(answer.summary(&ending).await)),
        };
        Some((Ok(bytes), answer))
    })
    .boxed()
}

impl Answer {
    async fn summary(&mut self, ending: &Ending) -> SearchSummary {
        let plan = &self.plan;
        let mut summary = log_lines::summary(plan, counts(plan), ending, self.began.elapsed());
        summary.cursor = summary.cursor.filter(|_| self.goes_on);
        if let Some(draft) = self.draft.take() {
            summary.receipt = draft.finish(plan, ending, &summary).await;
        }
        summary
    }
}
