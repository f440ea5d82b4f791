//! `POST /api/v1/buckets/{bucket}/credentials`.

use std::time::Duration;

use axum::Json;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use http::HeaderValue;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::api::credentials::{
    AwsKeys, CloudBucket, CredentialFormat, CredentialsRequest, CredentialsView, ObjectLink, Rung, VendedView,
};
use crate::authz::permit::{Permit, ScopeTarget, VendCredentials};
use crate::domain::bucket::{Bucket, Provider};
use crate::domain::key::Prefix;
use crate::domain::scope::Scope;
use crate::domain::time::Timestamp;
use crate::http::credential_forms;
use crate::http::disposition;
use crate::http::extract::{body, target};
use crate::http::guard::Ask;
use crate::http::problem::{Problem, Slug, store};
use crate::http::request_id;
use crate::http::state::AppState;
use crate::provider::vend::{Vended, VendedSecret};
use crate::service::vending::{self, Given, VendAsk, VendError};

/// The parsed body of a request for credentials.
#[derive(Debug)]
pub struct Vend {
    ttl: Duration,
    format: CredentialFormat,
}

impl Ask for Vend {
    type Target = ScopeTarget;

    async fn load(state: &AppState, request: Request) -> Result<(ScopeTarget, Self), Problem> {
        let uri = request.uri().clone();
        let asked: CredentialsRequest = body::json(request).await?;
        let (field, prefixes) = match (asked.prefix, asked.prefixes) {
            (Some(_), Some(_)) => {
                return Err(Problem::invalid_field("prefix", "give prefix or prefixes, not both"));
            }
            (Some(prefix), None) => ("prefix", vec![prefix]),
            (None, prefixes) => ("prefixes", prefixes.unwrap_or_default()),
        };
        let prefixes: Result<Vec<_>, _> = prefixes.iter().map(|text| Prefix::parse(text)).collect();
        let prefixes = prefixes.map_err(|error| Problem::invalid_field(field, error))?;
        let scope = Scope::parse(&prefixes).map_err(|error| Problem::invalid_field(field, error))?;
        let limits = &state.vend_limits;
        let ttl = asked.ttl_seconds.map_or(limits.default_ttl, Duration::from_secs);
        if ttl.is_zero() || ttl > limits.max_ttl {
            let message = format!("expected 1 to {}", limits.max_ttl.as_secs());
            return Err(Problem::invalid_field("ttl_seconds", message));
        }
        let bucket = target::bucket(state, &uri)?;
        Ok((ScopeTarget { bucket, scope }, Self { ttl, format: asked.format }))
    }
}

/// Vends.
pub async fn vend(
    state: AppState,
    permit: Permit<VendCredentials, ScopeTarget>,
    asked: Vend,
) -> Result<Response, Problem> {
    let bucket = &permit.resource().bucket;
    if !is_form_of(asked.format, bucket.provider) {
        let message = format!("is not a form of provider {}; expected json or env", bucket.provider);
        return Err(Problem::invalid_field("format", message));
    }
    let ask = VendAsk {
        ttl: asked.ttl,
        only_one: asked.format != CredentialFormat::Json,
        request_id: request_id::current(),
        link_answer: |key| (disposition::attachment(key), "application/octet-stream".to_owned()),
    };
    let means = (&*state.stores, &*state.canary, &state.vend_limits);
    let given = vending::vend(means, &permit, &ask, state.clock.now()).await;
    let given = given.map_err(|error| problem(bucket, error))?;
    tell(&permit, &given);
    let answer = match (&given, asked.format) {
        (Given::Credentials(vended), format) if format != CredentialFormat::Json => {
            let [only] = vended.as_slice() else { return Err(Problem::not_found()) };
            let (media, text) = credential_forms::write(bucket, only, format);
            ([(CONTENT_TYPE, HeaderValue::from_static(media))], text).into_response()
        }
        _ => Json(view(permit.resource(), given)).into_response(),
    };
    // A credential is nobody's to keep but the caller's.
    Ok(([(CACHE_CONTROL, HeaderValue::from_static("no-store"))], answer).into_response())
}

/// Whether a form is one that the provider's tools read.
const fn is_form_of(format: CredentialFormat, provider: Provider) -> bool {
    match format {
        CredentialFormat::Json | CredentialFormat::Env => true,
        CredentialFormat::CredentialProcess | CredentialFormat::AwsCli => matches!(provider, Provider::Aws),
        CredentialFormat::Gcloud => matches!(provider, Provider::Gcp),
        CredentialFormat::Az => matches!(provider, Provider::Azure),
    }
}

/// The record of what was given to whom; nothing of the credential itself.
fn tell(permit: &Permit<VendCredentials, ScopeTarget>, given: &Given) {
    let ScopeTarget { bucket, scope } = permit.resource();
    let (rung, count, expires_at) = match given {
        Given::Credentials(vended) => {
            ("credentials", vended.len(), vended.iter().map(|one| one.expires_at).max())
        }
        Given::Links { links, .. } => {
            ("links", links.len(), links.iter().map(|(_, link)| link.expires_at).max())
        }
        Given::Proxy { .. } => ("proxy", 0, None),
    };
    tracing::info!(
        principal.subject = %permit.principal().id.subject,
        principal.issuer = %permit.principal().id.issuer,
        bucket.id = %bucket.id,
        prefixes = ?scope.folders().map(Prefix::as_str).collect::<Vec<_>>(),
        determined_by = ?permit.decision().determined_by,
        rung,
        count,
        expires_at = expires_at.map(|end| end.to_string()),
        "vended"
    );
}

fn problem(bucket: &Bucket, error: VendError) -> Problem {
    let id = &bucket.id;
    match error {
        VendError::NotSetUp => {
            Problem::new(Slug::VendingNotSetUp, format!("Nobody has set up vending for bucket {id}")).hint(
                "Read the objects through this API, or ask the people who run this service to set it up",
            )
        }
        VendError::Stopped => {
            Problem::new(Slug::VendingStopped, format!("Vending is stopped for bucket {id}"))
                .hint("Read the objects through this API meanwhile; the people who run this service see why")
                .retry_after(60)
        }
        VendError::DoesNotFit(why) => Problem::new(Slug::ScopeDoesNotFit, format!("Bucket {id}: {why}"))
            .hint(
                "Ask for fewer prefixes, or for the format json, which can hold several credentials or links",
            ),
        VendError::Store(error) => store::problem(bucket, &error),
    }
}

fn view(target: &ScopeTarget, given: Given) -> CredentialsView {
    let ScopeTarget { bucket, scope } = target;
    let mut view = CredentialsView {
        rung: Rung::Proxy,
        why: None,
        bucket: CloudBucket {
            provider: bucket.provider.to_string(),
            name: bucket.native_name.to_string(),
            region: bucket.region.clone(),
            account: bucket.account.clone(),
            endpoint: bucket.endpoint.clone(),
        },
        expires_at: None,
        credentials: Vec::new(),
        links: Vec::new(),
        archived: None,
        list: Vec::new(),
    };
    match given {
        Given::Credentials(vended) => {
            view.rung = if vended.len() == 1 { Rung::Credential } else { Rung::Credentials };
            view.why = (vended.len() > 1).then(|| "The cloud's limits divide it over several".to_owned());
            view.expires_at = first_end(vended.iter().map(|one| one.expires_at));
            view.credentials = vended.into_iter().map(vended_view).collect();
        }
        Given::Links { why, links, archived } => {
            view.rung = Rung::Links;
            view.why = Some(why);
            view.expires_at = first_end(links.iter().map(|(_, link)| link.expires_at));
            view.archived = (archived > 0).then_some(archived);
            let link = |(key, link): (crate::domain::key::ObjectKey, crate::provider::Link)| ObjectLink {
                key: key.as_str().to_owned(),
                url: link.url.expose().clone(),
                expires_at: link.expires_at.to_string(),
            };
            view.links = links.into_iter().map(link).collect();
        }
        Given::Proxy { why } => {
            view.why = Some(why);
            let listing = |folder: &Prefix| {
                let prefix = utf8_percent_encode(folder.as_str(), NON_ALPHANUMERIC);
                format!("/api/v1/buckets/{}/objects?prefix={prefix}", bucket.id)
            };
            view.list = scope.folders().map(listing).collect();
        }
    }
    view
}

fn first_end(ends: impl Iterator<Item = Timestamp>) -> Option<String> {
    ends.min().map(|end| end.to_string())
}

fn vended_view(vended: Vended) -> VendedView {
    let mut view = VendedView {
        prefixes: vended.folders.iter().map(|folder| folder.as_str().to_owned()).collect(),
        expires_at: vended.expires_at.to_string(),
        aws: None,
        gcp_access_token: None,
        azure_sas: None,
    };
    match vended.secret {
        VendedSecret::AwsKeys { access_key_id, secret_access_key, session_token } => {
            view.aws = Some(AwsKeys {
                access_key_id,
                secret_access_key: secret_access_key.expose().clone(),
                session_token: session_token.expose().clone(),
            });
        }
        VendedSecret::GcpAccessToken(token) => view.gcp_access_token = Some(token.expose().clone()),
        VendedSecret::AzureSas(sas) => view.azure_sas = Some(sas.expose().clone()),
    }
    view
}
