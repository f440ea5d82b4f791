//! Query strings: unknown and repeated parameters are refused, so that nobody believes a misspelt limit.

use std::collections::BTreeSet;

use http::Uri;
use serde::de::DeserializeOwned;

use crate::api::problem::FieldProblem;
use crate::http::problem::Problem;

/// Parses the query of a request.
pub fn parse<T: DeserializeOwned>(uri: &Uri) -> Result<T, Problem> {
    let query = uri.query().unwrap_or_default();
    let mut seen = BTreeSet::new();
    for (name, _) in url::form_urlencoded::parse(query.as_bytes()) {
        if !seen.insert(name.clone()) {
            return Err(Problem::invalid_field(&name, "stands more than once"));
        }
    }
    // The lossy decoding above and axum's own turn bad UTF-8 into U+FFFD, which would name another key.
    let decoded: Vec<u8> = percent_encoding::percent_decode_str(query).collect();
    if std::str::from_utf8(&decoded).is_err() {
        return Err(Problem::invalid_field("query", "is not UTF-8"));
    }
    axum::extract::Query::try_from_uri(uri).map(|axum::extract::Query(value)| value).map_err(|error| {
        let message = error.body_text();
        let message = message.strip_prefix("Failed to deserialize query string: ").unwrap_or(&message);
        Problem::invalid(vec![FieldProblem { field: "query".to_owned(), message: message.to_owned() }])
    })
}
