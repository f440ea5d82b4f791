//! What a caller reads when a request does not succeed: RFC 9457 problems with our own words.
//!
//! The only file that knows which status a failure has. Texts of causes never reach the body.

use std::fmt;

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::HeaderValue;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};

use crate::api::problem::{FieldProblem, ProblemBody};
use crate::authn::{AuthnError, Away};
use crate::domain::decision::Decision;

pub mod pages;
pub mod slug;
pub mod store;

pub use slug::Slug;

/// A problem on its way to the caller. The request id is added by the outermost layer.
#[derive(Debug, Clone)]
pub struct Problem {
    slug: Slug,
    detail: Box<str>,
    hint: Option<Box<str>>,
    reasons: Vec<String>,
    errors: Vec<FieldProblem>,
    retry_after_seconds: Option<u64>,
    content_range: Option<u64>,
}

impl Problem {
    /// What happened, in words.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// A problem with its own sentence about what happened to which resource.
    pub fn new(slug: Slug, detail: impl Into<String>) -> Self {
        Self {
            slug,
            detail: detail.into().into(),
            hint: None,
            reasons: Vec::new(),
            errors: Vec::new(),
            retry_after_seconds: None,
            content_range: None,
        }
    }

    /// 400 with the fields that are wrong.
    #[must_use]
    pub fn invalid(errors: Vec<FieldProblem>) -> Self {
        let detail = match errors.as_slice() {
            [only] => format!("{}: {}", only.field, only.message),
            more => format!("{} fields are not valid", more.len()),
        };
        Self { errors, ..Self::new(Slug::InvalidRequest, detail) }
    }

    /// 400 with one field that is wrong.
    pub fn invalid_field(field: &str, message: impl fmt::Display) -> Self {
        Self::invalid(vec![FieldProblem { field: field.to_owned(), message: message.to_string() }])
    }

    /// The keys of sessions and page tokens cannot be had.
    #[must_use]
    pub fn vault_away() -> Self {
        Self::new(Slug::VaultUnavailable, "Vault, which keeps the keys of sessions, is away")
            .hint("Try again shortly")
            .retry_after(5)
    }

    /// The one answer for what is not there and for what the caller may not know of.
    #[must_use]
    pub fn not_found() -> Self {
        Self::new(Slug::NotFound, "There is no such resource, or you may not know of it")
            .hint("Check the name; GET /api/v1/buckets lists what you may see")
    }

    /// 500 for what cannot happen; the error goes to the log alone.
    pub fn internal(error: &(dyn std::error::Error + 'static)) -> Self {
        tracing::error!(chain = crate::telemetry::error_chain(error), "an internal error");
        Self::new(Slug::Internal, "The request met a defect of ours")
            .hint("Give the request id to the people who run this service")
    }

    /// What the caller can do next.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into().into());
        self
    }

    /// Why the permission check said no: ids of the policies that decided.
    #[must_use]
    pub fn reasons(mut self, decision: &Decision) -> Self {
        self.reasons = if decision.errors.is_empty() && decision.determined_by.is_empty() {
            vec!["no policy permits it".to_owned()]
        } else {
            let forbid = decision.determined_by.iter().map(|id| format!("forbidden by policy {id}"));
            let broken = decision.errors.iter().map(|id| format!("policy {id} could not be evaluated"));
            forbid.chain(broken).collect()
        };
        self
    }

    /// When to try again.
    #[must_use]
    pub const fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after_seconds = Some(if seconds == 0 { 1 } else { seconds });
        self
    }

    /// The size for the `Content-Range` of a 416.
    #[must_use]
    pub const fn of_size(mut self, total: u64) -> Self {
        self.content_range = Some(total);
        self
    }

    /// The kind.
    #[must_use]
    pub const fn slug(&self) -> Slug {
        self.slug
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (slug, status, title) = self.slug.parts();
        let body = ProblemBody {
            kind: format!("/problems/{slug}"),
            title: title.to_owned(),
            status: status.as_u16(),
            detail: self.detail.into(),
            hint: self.hint.map(Into::into),
            reasons: self.reasons,
            errors: self.errors,
            request_id: crate::http::request_id::current(),
        };
        let mut response = (status, Json(body)).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(seconds) = self.retry_after_seconds {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Some(value) = self.content_range.and_then(|total| format!("bytes */{total}").parse().ok()) {
            headers.insert(http::header::CONTENT_RANGE, value);
        }
        if self.slug == Slug::Unauthenticated {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer error=\"invalid_token\""));
        }
        response.extensions_mut().insert(self.slug);
        response
    }
}

impl From<AuthnError> for Problem {
    fn from(error: AuthnError) -> Self {
        match error {
            AuthnError::Unauthenticated => Self::new(
                Slug::Unauthenticated,
                "There is no valid session or access token with this request",
            )
            .hint(
                "Sign in at /auth/login, or send Authorization: Bearer with an access token for this service",
            ),
            AuthnError::Unavailable(away) => {
                let slug = match away {
                    Away::IdentityProvider => Slug::IdentityProviderUnavailable,
                    Away::StateStore => Slug::StateStoreUnavailable,
                    Away::Vault => Slug::VaultUnavailable,
                };
                let detail = format!("Nobody can be recognised now: {away} is away");
                Self::new(slug, detail).hint("Try again shortly").retry_after(5)
            }
        }
    }
}
