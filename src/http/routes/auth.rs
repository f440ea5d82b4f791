//! `/auth/*`: a browser's login and its end.

use axum::Json;
use axum::extract::{Form, Request, State};
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, LOCATION, SET_COOKIE};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri};
use serde::Deserialize;

use crate::api::session::LoggedOut;
use crate::authn::code_flow::{Callback, LoginError};
use crate::authn::cookie;
use crate::authn::login::{BackChannelError, CallbackQuery, LOGIN_TIME, LogInError};
use crate::authn::return_path::ReturnPath;
use crate::authn::session::SessionError;
use crate::domain::secret::Secret;
use crate::http::csrf;
use crate::http::extract::query;
use crate::http::problem::{Problem, Slug};
use crate::http::state::AppState;

const CLEAR_SITE_DATA: HeaderName = HeaderName::from_static("clear-site-data");

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct LoginQuery {
    return_to: Option<String>,
    idp: Option<String>,
}

/// What identity providers add to the callback is theirs to say, so unknown parameters are no error here.
#[derive(Debug, Deserialize)]
struct CallbackParameters {
    state: Option<String>,
    code: Option<String>,
    iss: Option<String>,
    error: Option<String>,
}

/// Begins a login: to the identity provider, with a cookie that brings this browser back as itself.
pub async fn login(State(state): State<AppState>, request: Request) -> Result<Response, Problem> {
    if !is_top_navigation(request.headers()) {
        return Err(Problem::new(Slug::CrossSiteRequest, "A login begins with a person's own navigation")
            .hint("Open /auth/login in the browser's window, not inside another page"));
    }
    let asked: LoginQuery = query::parse(request.uri())?;
    // A place that is not ours is not worth a failed login: the person arrives at the home page.
    let return_to = asked.return_to.as_deref().and_then(|path| ReturnPath::parse(path).ok());
    let return_to = return_to.unwrap_or_else(ReturnPath::home);
    let headers = request.headers().clone();
    let begun = state.authenticator.logins().begin(asked.idp.as_deref(), &return_to, &headers).await;
    let begun = begun.map_err(|error| problem(&error))?;
    let cookie = cookie::login(begun.binding.expose(), LOGIN_TIME.as_secs());
    Ok(redirect(begun.location.as_str(), cookie.into_iter().collect()))
}

/// Whether the browser's window asks, not a frame, image or script. Browsers without Fetch Metadata are let through.
fn is_top_navigation(headers: &HeaderMap) -> bool {
    let given = |name: &str| headers.get(name).map(HeaderValue::as_bytes);
    given("sec-fetch-mode").is_none_or(|mode| mode == b"navigate")
        && given("sec-fetch-dest").is_none_or(|dest| dest == b"document")
}

/// Ends a login.
pub async fn callback(State(state): State<AppState>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    let mut response = match finish(&state, &parts.uri, &parts.headers).await {
        Ok(response) => response,
        Err(problem) => problem.into_response(),
    };
    response.headers_mut().append(SET_COOKIE, cookie::no_login());
    response
}

async fn finish(state: &AppState, uri: &Uri, headers: &HeaderMap) -> Result<Response, Problem> {
    let given: CallbackParameters = query::parse(uri)?;
    let answer = Callback { code: given.code.map(Secret::new), iss: given.iss, error: given.error };
    let query = CallbackQuery { state: given.state, answer };
    let finished =
        state.authenticator.logins().finish(&query, headers).await.map_err(|error| problem(&error))?;
    let cookie = cookie::session(finished.session_id.expose());
    Ok(redirect(finished.return_to.as_str(), cookie.into_iter().collect()))
}

/// Ends the session of the cookie, here and, by the address in the answer, at the identity provider.
pub async fn logout(State(state): State<AppState>, request: Request) -> Result<Response, Problem> {
    let public_url = &state.options.public_url;
    csrf::check(request.method(), request.headers(), public_url).map_err(|_cross_site| csrf::problem())?;
    let headers = request.headers().clone();
    let end_session_url = state.authenticator.logins().log_out(&headers, public_url).await;
    let end_session_url = end_session_url.map_err(|error| problem(&error.into()))?;
    let body = LoggedOut { end_session_url: end_session_url.map(|url| url.to_string()) };
    let mut response = Json(body).into_response();
    let headers = response.headers_mut();
    headers.insert(CLEAR_SITE_DATA, HeaderValue::from_static("\"cache\", \"cookies\", \"storage\""));
    headers.append(SET_COOKIE, cookie::no_session());
    Ok(response)
}

/// The form of a back-channel logout.
#[derive(Deserialize)]
pub struct BackChannelForm {
    /// The signed token.
    pub logout_token: String,
}

impl std::fmt::Debug for BackChannelForm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("BackChannelForm(…)")
    }
}

/// Takes a logout token of the identity provider.
pub async fn backchannel_logout(
    State(state): State<AppState>,
    form: Result<Form<BackChannelForm>, axum::extract::rejection::FormRejection>,
) -> Result<Response, Problem> {
    let refused = || Problem::new(Slug::InvalidRequest, "The logout token does not hold");
    let Form(form) = form.map_err(|_| refused())?;
    match state.authenticator.logins().back_channel(&form.logout_token).await {
        Ok(ended) => {
            tracing::info!(ended, "the identity provider ended sessions");
            Ok((StatusCode::OK, [(CACHE_CONTROL, "no-store")]).into_response())
        }
        Err(BackChannelError::Refused) => Err(refused()),
        Err(BackChannelError::Session(error)) => Err(problem(&error.into())),
    }
}

fn redirect(to: &str, cookies: Vec<HeaderValue>) -> Response {
    let mut response = StatusCode::SEE_OTHER.into_response();
    let headers = response.headers_mut();
    headers.extend(HeaderValue::try_from(to).ok().map(|to| (LOCATION, to)));
    for cookie in cookies {
        headers.append(SET_COOKIE, cookie);
    }
    response
}

fn problem(error: &LogInError) -> Problem {
    tracing::warn!(chain = crate::telemetry::error_chain(error), "a login failed");
    match error {
        LogInError::UnknownProvider => Problem::invalid_field("idp", "no identity provider bears this name"),
        LogInError::StateMismatch => Problem::new(
            Slug::LoginStateMismatch,
            "This login was not begun in this browser, or took too long",
        )
        .hint("Begin the login anew at /auth/login"),
        LogInError::Provider(LoginError::Unavailable(_)) => {
            Problem::new(Slug::IdentityProviderUnavailable, "The identity provider cannot be asked now")
                .hint("Try again shortly")
                .retry_after(5)
        }
        LogInError::Provider(_) => Problem::new(
            Slug::LoginFailed,
            "The identity provider refused the login, or its answer does not hold",
        )
        .hint("Try again; if it stays, give the request id to the people who run this service"),
        LogInError::Session(SessionError::Store(_)) => {
            Problem::new(Slug::StateStoreUnavailable, "Sessions cannot be kept now: the state store is away")
                .hint("Try again shortly")
                .retry_after(5)
        }
        LogInError::Session(SessionError::Seal(error)) if error.is_away() => Problem::vault_away(),
        LogInError::Session(SessionError::Seal(_) | SessionError::Random(_)) => {
            Problem::new(Slug::Internal, "The session could not be sealed")
                .hint("Give the request id to the people who run this service")
        }
    }
}
