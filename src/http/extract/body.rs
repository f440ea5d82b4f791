//! JSON bodies: the right content type, bounded, no unknown members.

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{FromRequest, Request};
use serde::de::DeserializeOwned;

use crate::http::problem::{Problem, Slug};

/// Reads the JSON body of a request.
pub async fn json<T: DeserializeOwned>(request: Request) -> Result<T, Problem> {
    match Json::<T>::from_request(request, &()).await {
        Ok(Json(value)) => Ok(value),
        Err(JsonRejection::MissingJsonContentType(_)) => {
            Err(Problem::invalid_field("Content-Type", "expected application/json"))
        }
        Err(JsonRejection::BytesRejection(_)) => {
            Err(Problem::new(Slug::TooLarge, "The body is over the size limit, or broke off"))
        }
        Err(JsonRejection::JsonDataError(error)) => {
            let text = error.body_text();
            let text = text.rsplit_once("target type: ").map_or(text.as_str(), |(_, reason)| reason);
            Err(Problem::invalid_field("body", text))
        }
        Err(_) => Err(Problem::invalid_field("body", "expected one JSON object")),
    }
}
