//! What a caller reads when a cloud could not answer.

use crate::domain::bucket::{Bucket, Provider};
use crate::http::problem::{Problem, Slug};
use crate::provider::error::StoreOperation;
use crate::provider::{StoreError, StoreErrorKind};
use crate::telemetry::error_chain;

/// Puts a store's failure into words. The cause goes to the log alone.
#[must_use]
pub fn problem(bucket: &Bucket, error: &StoreError) -> Problem {
    if let Some(problem) = about_the_request(bucket, error) {
        return problem;
    }
    tracing::warn!(
        bucket.id = %bucket.id,
        operation = error.operation.as_str(),
        kind = %error.kind,
        chain = error_chain(error),
        "a store failed"
    );
    about_the_store(bucket, &error.kind)
}

/// What the caller can mend by asking differently.
fn about_the_request(bucket: &Bucket, error: &StoreError) -> Option<Problem> {
    let id = &bucket.id;
    let provider = bucket.provider;
    Some(match &error.kind {
        StoreErrorKind::NoSuchObject => Problem::not_found(),
        StoreErrorKind::NotModified | StoreErrorKind::PreconditionFailed => {
            let detail = format!("The object in bucket {id} is not that version");
            Problem::new(Slug::PreconditionFailed, detail).hint("Read its current ETag and decide again")
        }
        StoreErrorKind::RangeNotSatisfiable { total } => {
            let detail =
                format!("The object in bucket {id} has {total} bytes; the range begins behind its end");
            Problem::new(Slug::RangeNotSatisfiable, detail).of_size(*total)
        }
        StoreErrorKind::Archived { storage_class } => {
            let detail =
                format!("The object in bucket {id} is archived ({storage_class}): no bytes can be read now");
            Problem::new(Slug::ObjectArchived, detail).hint(how_to_restore(bucket))
        }
        StoreErrorKind::Invalid if error.operation == StoreOperation::List => {
            Problem::invalid_field("page_token", "is no longer valid; begin the listing anew")
        }
        StoreErrorKind::Invalid => {
            Problem::invalid_field("key", format!("is not a key that provider {provider} can hold"))
        }
        StoreErrorKind::Unsupported => Problem::new(
            Slug::NotSupportedByProvider,
            format!("Bucket {id} of provider {provider} cannot do this"),
        )
        .hint("Read the object through this API instead"),
        _ => return None,
    })
}

/// What only the provider, or the people who run the service, can mend.
fn about_the_store(bucket: &Bucket, kind: &StoreErrorKind) -> Problem {
    const OPERATORS: &str = "This is not about your own permission; tell the people who run this service";
    const SHORTLY: &str = "Try again shortly";
    let id = &bucket.id;
    let (slug, what, hint, seconds) = match kind {
        StoreErrorKind::NoSuchBucket => (Slug::StoreMisconfigured, "does not have it", OPERATORS, None),
        StoreErrorKind::Denied => {
            (Slug::StoreMisconfigured, "refuses the credential that this service has for it", OPERATORS, None)
        }
        StoreErrorKind::NoCredential => (
            Slug::CredentialsUnavailable,
            "cannot be asked: its credential cannot be had now",
            "Try again shortly. If it lasts, tell the people who run this service: /readyz on their port names the \
             credential and what is wrong, and the page of this problem says what to do",
            Some(10),
        ),
        StoreErrorKind::Throttled { retry_after } => {
            let seconds = retry_after.map_or(5, |wait| wait.as_secs());
            (Slug::StoreUnavailable, "asks us to slow down", SHORTLY, Some(seconds))
        }
        StoreErrorKind::Busy => {
            (Slug::StoreUnavailable, "has as many requests of ours under way as it may", SHORTLY, Some(2))
        }
        StoreErrorKind::BreakerOpen { retry_after } => {
            let what = "has failed repeatedly; requests to it are paused";
            (Slug::StoreUnavailable, what, SHORTLY, Some(retry_after.as_secs()))
        }
        StoreErrorKind::Unavailable => (Slug::StoreUnavailable, "cannot be reached", SHORTLY, Some(5)),
        StoreErrorKind::TimedOut => (Slug::StoreTimeout, "did not answer in time", SHORTLY, Some(5)),
        _ => (Slug::StoreMisconfigured, "gave an unexpected answer", OPERATORS, None),
    };
    let problem = Problem::new(slug, format!("The provider of bucket {id} {what}")).hint(hint);
    match seconds {
        Some(seconds) => problem.retry_after(seconds),
        None => problem,
    }
}

/// What a person does before an archived object can be read.
fn how_to_restore(bucket: &Bucket) -> String {
    let native = &bucket.native_name;
    match bucket.provider {
        Provider::Aws => format!(
            "Restore a copy first, which takes minutes to days depending on its class: aws s3api restore-object --bucket {native} --key <key> --restore-request '{{\"Days\":7}}'; then read it again"
        ),
        Provider::Azure => format!(
            "Rehydrate it first, which takes up to 15 hours: az storage blob set-tier --container-name {native} --name <key> --tier Hot; then read it again"
        ),
        Provider::Gcp | Provider::File => "Restore it at its provider first, then read it again".to_owned(),
    }
}
