//! `GET /api/v1/logs/histogram`: how many records there are over time.

use std::sync::Arc;
use std::time::Instant;

use axum::Json;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use http::header::CACHE_CONTROL;

use crate::api::logs::{Histogram, HistogramBar};
use crate::authz::permit::{ReadObject, SearchTarget};
use crate::http::extract::search::{self, CountAsk};
use crate::http::guard::{AskAll, Permits};
use crate::http::log_lines;
use crate::http::problem::Problem;
use crate::http::routes::logs::{counts, planned};
use crate::http::searches;
use crate::http::state::AppState;
use crate::logs::found::{Record, Write};
use crate::logs::read::{Ending, Piece};
use crate::service::find::Find;
use crate::service::histogram::{Tally, Value};
use crate::service::search::read;

impl AskAll for CountAsk {
    type Target = SearchTarget;

    async fn load(state: &AppState, request: Request) -> Result<(Vec<SearchTarget>, Self), Problem> {
        search::of_histogram(state, request.uri())
    }
}

/// Counts.
pub async fn count(
    state: AppState,
    permits: Permits<ReadObject, SearchTarget>,
    asked: CountAsk,
) -> Result<Response, Problem> {
    let began = Instant::now();
    let principal = permits.each.first().map(|permit| permit.principal().id.clone());
    let (_slot, allowance) = searches::begin(&state, &principal.ok_or_else(Problem::not_found)?)?;
    let plan = planned(&state, &permits, Find { range: asked.ask.range, gaps: false }, None).await?;
    let tally = Arc::new(Tally::new(asked.bars));
    let writer = |_: &_, _: &_| counting(Arc::clone(&tally), asked.by.clone());
    let means = (&*state.stores, &state.logs, &allowance);
    let reading = read(means, &plan, &asked.ask, &state.search_limits, writer);
    let mut reading = reading.map_err(|error| Problem::invalid_field("q", error))?;
    let ending = loop {
        match reading.next().await {
            Some(Piece::End(ending)) => break ending,
            Some(Piece::Records(_) | Piece::Progress(_)) => {}
            None => break Ending::default(),
        }
    };
    let bars = tally.bars();
    let mut summary = log_lines::summary(&plan, counts(&plan), &ending, began.elapsed());
    // A count cannot be gone on with.
    summary.cursor = None;
    summary.records = bars.iter().map(|bar| bar.count).sum();
    let starts = asked.bars.starts();
    let bars = starts.zip(bars).map(|(start, bar)| HistogramBar {
        from: start.to_string(),
        count: bar.count,
        by: bar.by,
        other: bar.other,
        without: bar.without,
    });
    #[expect(clippy::cast_precision_loss, reason = "widths are round")]
    let bar_seconds = asked.bars.width_nanos() as f64 / 1e9;
    let view = Histogram { bar_seconds, bars: bars.collect(), summary };
    Ok(([(CACHE_CONTROL, "no-store")], Json(view)).into_response())
}

/// Counts a record in place of writing it.
fn counting(tally: Arc<Tally>, by: Option<String>) -> Arc<Write> {
    Arc::new(move |record: &Record<'_>, _: &mut Vec<u8>| {
        let Some(path) = &by else { return tally.add(record.ordered, Value::NotAsked) };
        let value = record.format.field(record.line, path);
        tally.add(record.ordered, value.as_deref().map_or(Value::Absent, Value::Is));
    })
}
