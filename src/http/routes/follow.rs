//! `GET /api/v1/logs/tail`: records as they come, as NDJSON or as server-sent events.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::{StreamExt, stream};
use http::HeaderValue;
use http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE};
use tokio::time::Instant;

use crate::api::logs::{FollowEnd, Heartbeat, LogLine, SearchWarning};
use crate::authz::permit::{ReadObject, SearchTarget};
use crate::domain::record::RecordTime;
use crate::domain::time_range::TimeRange;
use crate::http::body::ObjectBody;
use crate::http::extract::cursor::follow_cursor;
use crate::http::extract::search::{self, FollowAsk};
use crate::http::guard::{AskAll, Permits};
use crate::http::log_lines::{self, RecordWriter};
use crate::http::problem::Problem;
use crate::http::routes::logs::planned;
use crate::http::searches;
use crate::http::state::AppState;
use crate::logs::allowance::Allowance;
use crate::logs::read::{Cut, Ending, Piece, Reading};
use crate::service::find::{Find, Plan};
use crate::service::follow::{Follow, FollowMark};
use crate::service::search::read;

/// How far back and ahead of now the newest objects are looked for, beside what the layouts add to that.
const AROUND_NOW: Duration = Duration::from_mins(15);

/// The longest wait between looks while a cloud fails.
const MAX_REST: Duration = Duration::from_mins(1);

impl AskAll for FollowAsk {
    type Target = SearchTarget;

    async fn load(state: &AppState, request: Request) -> Result<(Vec<SearchTarget>, Self), Problem> {
        let headers = request.headers();
        let accept = headers.get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
        // HTML standard, section 9.2: a browser that comes back says which event it had last.
        let last = headers.get("last-event-id").and_then(|value| value.to_str().ok());
        search::of_follow(state, request.uri(), accept.contains("text/event-stream"), last)
    }
}

/// Follows, until the time that one answer may take is over; then it is gone on with by its cursor.
pub async fn follow(
    state: AppState,
    permits: Permits<ReadObject, SearchTarget>,
    asked: FollowAsk,
) -> Result<Response, Problem> {
    let principal =
        permits.each.first().map(|permit| Arc::clone(permit.principal())).ok_or_else(Problem::not_found)?;
    let (slot, allowance) = searches::begin(&state, &principal.id)?;
    let left = principal.expires_at.since(state.clock.now()).min(state.search_limits.follow_time);
    let bucket = permits.each.first().map(|permit| permit.resource().bucket.id.to_string());
    let metrics = Arc::clone(&state.metrics);
    let events = asked.events;
    let (now, every) = (Instant::now(), state.search_limits.follow_every);
    let following = Following {
        state,
        allowance,
        permits,
        asked,
        before: None,
        follow: None,
        batch: None,
        next: now,
        deadline: now + left,
        rest: every,
    };
    let lines = stream::unfold(Some(following), async |following| {
        let mut following = following?;
        let (lines, goes_on) = following.next().await;
        let bytes = if following.asked.events { as_events(&lines) } else { lines };
        Some((Ok(bytes), goes_on.then_some(following)))
    });
    let body = ObjectBody::start(lines.boxed(), None, bucket.unwrap_or_default(), metrics, slot);
    let media = if events { "text/event-stream" } else { "application/x-ndjson" };
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static(media)),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    Ok((headers, body).into_response())
}

struct Following {
    state: AppState,
    allowance: Allowance,
    permits: Permits<ReadObject, SearchTarget>,
    asked: FollowAsk,
    /// `None` before the first look.
    follow: Option<Follow>,
    batch: Option<(Reading, Plan)>,
    /// How far they were before the batch.
    before: Option<FollowMark>,
    /// When to look next.
    next: Instant,
    deadline: Instant,
    /// How long to wait after that.
    rest: Duration,
}

impl Following {
    /// The next lines, and whether any come after them.
    async fn next(&mut self) -> (Bytes, bool) {
        loop {
            while let Some((reading, _)) = &mut self.batch {
                match reading.next().await {
                    Some(Piece::Records(records)) => return (records.into(), true),
                    Some(Piece::Progress(_)) => {}
                    Some(Piece::End(Ending { cut: Some(Cut::Allowance), .. })) => {
                        // What the batch has not told is told again.
                        let cursor = self.before.as_ref().map(follow_cursor);
                        return (end("allowance", cursor), false);
                    }
                    Some(Piece::End(ending)) => return (self.end_batch(&ending), true),
                    None => self.batch = None,
                }
            }
            if self.next >= self.deadline {
                tokio::time::sleep_until(self.deadline).await;
                return (end("time", self.cursor()), false);
            }
            tokio::time::sleep_until(self.next).await;
            self.next = Instant::now() + self.rest;
            if !self.is_permitted() {
                return (end("forbidden", self.cursor()), false);
            }
            if let Some(lines) = self.look().await {
                return (lines, true);
            }
        }
    }

    /// Policies change while somebody follows.
    fn is_permitted(&self) -> bool {
        let authorizer = &self.state.authorizer;
        self.permits.each.iter().all(|permit| {
            let (principal, target) = (permit.principal(), permit.resource().clone());
            authorizer.decide::<ReadObject, SearchTarget>(principal, target, &self.permits.context).is_ok()
        })
    }

    /// Looks for news, and begins to read them. Gives lines when there is nothing to read.
    async fn look(&mut self) -> Option<Bytes> {
        let now = RecordTime::from(self.state.clock.now());
        let range = TimeRange::new(now.minus(AROUND_NOW), now.plus(AROUND_NOW)).ok()?;
        let plan = match planned(&self.state, &self.permits, Find { range, gaps: false }, None).await {
            Ok(plan) => plan,
            Err(problem) => {
                self.rest =
                    self.rest.saturating_mul(2).min(MAX_REST.max(self.state.search_limits.follow_every));
                return Some(warning(String::new(), None, problem.detail().to_owned()));
            }
        };
        self.rest = self.state.search_limits.follow_every;
        let begun = self.follow.is_some();
        let follow = self.follow.get_or_insert_with(|| Follow::begin(&plan, self.asked.mark.as_ref()));
        self.before = Some(follow.mark());
        // What a mark does not know is news at once; without one nothing is at first.
        let news = if begun || self.asked.mark.is_some() { follow.news(&plan) } else { Plan::default() };
        if news.objects.is_empty() {
            return Some(self.heartbeat());
        }
        let fields: Arc<[String]> = self.asked.fields.clone().into();
        let writer = |bucket: &_, meta: &_| RecordWriter::new(bucket, meta, Arc::clone(&fields)).into_write();
        let means = (&*self.state.stores, &self.state.logs, &self.allowance);
        let reading = read(means, &news, &self.asked.ask, &self.state.search_limits, writer);
        self.batch = reading.ok().map(|reading| (reading, news));
        None
    }

    fn end_batch(&mut self, ending: &Ending) -> Bytes {
        let Some((_, plan)) = self.batch.take() else { return self.heartbeat() };
        let mut lines = Vec::new();
        for failed in &ending.failed {
            let found = usize::try_from(failed.run).ok().and_then(|at| plan.objects.get(at));
            if let (Some(found), Some(follow)) = (found, &mut self.follow) {
                follow.failed(found);
                let (bucket, key) =
                    (found.bucket.id.to_string(), found.candidate.meta.key.as_str().to_owned());
                lines.extend(warning(bucket, Some(key), log_lines::in_words(&failed.error).to_owned()));
            }
        }
        lines.extend(self.heartbeat());
        lines.into()
    }

    fn heartbeat(&self) -> Bytes {
        let time = self.state.clock.now().to_string();
        log_lines::line(&LogLine::Heartbeat(Heartbeat { time, cursor: self.cursor() }))
    }

    fn cursor(&self) -> Option<String> {
        let mark = self.follow.as_ref().map(Follow::mark).or_else(|| self.asked.mark.clone());
        mark.map(|mark| follow_cursor(&mark))
    }
}

fn end(reason: &str, cursor: Option<String>) -> Bytes {
    log_lines::line(&LogLine::End(FollowEnd { reason: reason.to_owned(), cursor }))
}

fn warning(bucket: String, key: Option<String>, what: String) -> Bytes {
    log_lines::line(&LogLine::Warning(SearchWarning { bucket, key, what }))
}

/// Lines as server-sent events, HTML standard, section 9.2: the name is the line's `type`, and what can be gone on from has an id.
fn as_events(lines: &Bytes) -> Bytes {
    let mut out = Vec::with_capacity(lines.len().saturating_mul(2));
    for line in lines.split(|b| *b == b'\n').filter(|line| !line.is_empty()) {
        let value = |name: &str| -> Option<&str> {
            let at = memchr::memmem::find(line, format!("\"{name}\":\"").as_bytes())?;
            let rest = std::str::from_utf8(line.get(at..)?).ok()?.split('"').nth(3)?;
            Some(rest)
        };
        let kind = value("type").unwrap_or("record");
        if kind == "heartbeat" || kind == "end" {
            out.extend(
                value("cursor").map(|cursor| format!("id: {cursor}\n")).unwrap_or_default().into_bytes(),
            );
        }
        out.extend(format!("event: {kind}\ndata: ").into_bytes());
        out.extend_from_slice(line);
        out.extend_from_slice(b"\n\n");
    }
    out.into()
}
