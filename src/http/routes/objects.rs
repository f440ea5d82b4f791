//! `GET /api/v1/buckets/{bucket}/objects`: listings.

use std::num::NonZeroU16;

use axum::Json;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};

use crate::api::objects::{ListQuery, ObjectList, ObjectView};
use crate::authz::permit::{ListObjects, ListTarget, Permit};
use crate::domain::key::{Delimiter, Prefix};
use crate::domain::object::ObjectMeta;
use crate::http::extract::{query, target};
use crate::http::guard::Ask;
use crate::http::problem::{Problem, store};
use crate::http::state::AppState;
use crate::provider::MAX_PAGE;
use crate::service::objects::{self, ListAsk};
use crate::service::page_token::{Listing, PageTokenError, Position};

/// The parsed query of a listing.
#[derive(Debug)]
pub struct List {
    delimiter: Option<Delimiter>,
    limit: NonZeroU16,
    page_token: Option<String>,
}

impl Ask for List {
    type Target = ListTarget;

    async fn load(state: &AppState, request: Request) -> Result<(ListTarget, Self), Problem> {
        let asked: ListQuery = query::parse(request.uri())?;
        let prefix = Prefix::parse(asked.prefix.as_deref().unwrap_or_default());
        let prefix = prefix.map_err(|error| Problem::invalid_field("prefix", error))?;
        let delimiter = asked.delimiter.as_deref().filter(|text| !text.is_empty()).map(Delimiter::parse);
        let delimiter = delimiter.transpose().map_err(|e| Problem::invalid_field("delimiter", e))?;
        let limit = NonZeroU16::new(asked.limit.unwrap_or(MAX_PAGE)).filter(|limit| limit.get() <= MAX_PAGE);
        let limit = limit.ok_or_else(|| Problem::invalid_field("limit", "expected 1 to 1000"))?;
        let bucket = target::bucket(state, request.uri())?;
        Ok((ListTarget { bucket, prefix }, Self { delimiter, limit, page_token: asked.page_token }))
    }
}

fn page_token_problem(error: PageTokenError) -> Problem {
    match error {
        PageTokenError::Invalid => Problem::invalid_field("page_token", error),
        PageTokenError::Away => Problem::vault_away(),
    }
}

/// An object of a page. The tag of stored bytes, which is often their MD5, would let a reader try out what is redacted.
fn view(meta: &ObjectMeta, redacted: bool) -> ObjectView {
    let view = ObjectView::from(meta);
    ObjectView { etag: view.etag.filter(|_| !redacted), ..view }
}

/// Lists one page.
pub async fn list(
    state: AppState,
    permit: Permit<ListObjects, ListTarget>,
    asked: List,
) -> Result<Response, Problem> {
    let target = permit.resource();
    let listing = Listing {
        principal: &permit.principal().id,
        bucket: &target.bucket.id,
        prefix: &target.prefix,
        folded: asked.delimiter.is_some(),
    };
    let now = state.clock.now();
    let position = match asked.page_token.as_deref() {
        Some(token) => Some(state.page_tokens.open(listing, token, now).await.map_err(page_token_problem)?),
        None => None,
    };
    let ask = ListAsk { delimiter: asked.delimiter, limit: asked.limit, position };
    let page = objects::list(&state.stores, &permit, &ask).await;
    let page = page.map_err(|error| store::problem(&target.bucket, &error))?;
    let next = page.next.map(|(scope, cursor)| Position::new(scope, cursor, now));
    let next = match next {
        Some(position) => {
            let made = state.page_tokens.make(listing, &position).await;
            Some(made.map_err(|error| {
                if error.is_away() { Problem::vault_away() } else { Problem::internal(&error) }
            })?)
        }
        None => None,
    };
    let body = ObjectList {
        prefixes: page.prefixes.iter().map(|prefix| prefix.as_str().to_owned()).collect(),
        objects: page.objects.iter().map(|meta| view(meta, target.bucket.redacted)).collect(),
        next_page_token: next,
        label: target.bucket.label.to_string(),
    };
    Ok(Json(body).into_response())
}
