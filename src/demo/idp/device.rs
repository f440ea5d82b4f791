//! Logins on another device (RFC 8628): a program gets two codes, a person types the short one in, and the token endpoint
//! is asked with the long one until they did.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{RawQuery, State as Shared};
use axum::http::header::CACHE_CONTROL;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::demo::error::DemoError;
use crate::demo::idp::answer::refuse;
use crate::demo::idp::authorize::from_own_page;
use crate::demo::idp::client::Client;
use crate::demo::idp::params::Params;
use crate::demo::idp::{DEVICE_TTL, Login, Person, State, keys, page};
use crate::domain::time::Timestamp;

/// The time between two questions of a program.
const INTERVAL: Duration = Duration::from_secs(2);

/// Letters that make no words and look like no digits (RFC 8628, section 6.1).
const LETTERS: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";

/// A login that waits for a person.
#[derive(Debug)]
pub struct Device {
    client: Client,
    scope: String,
    asked_at: Option<Timestamp>,
    login: Option<Login>,
}

/// What a program is told that asks how far it is.
#[derive(Debug)]
pub enum Progress {
    /// Somebody logged in.
    Chosen(Login),
    /// Nobody did yet.
    Pending,
    /// The same, and it asks too often.
    TooOften,
}

/// `POST`: a program begins a login.
pub async fn begin(Shared(state): Shared<Arc<State>>, body: Bytes) -> Response {
    let Ok(params) = Params::parse(&body) else {
        return refuse(StatusCode::BAD_REQUEST, "invalid_request", "a parameter stands twice or is too long");
    };
    // The service has a browser in front of it.
    let Some(client @ Client::CommandLine) = Client::of(&params) else {
        return refuse(StatusCode::UNAUTHORIZED, "invalid_client", "only the demo's command line may ask");
    };
    let scope = params.find("scope").unwrap_or_default().to_owned();
    if !scope.split(' ').any(|word| word == "openid") {
        return refuse(StatusCode::BAD_REQUEST, "invalid_scope", "ask for openid");
    }
    let device = Device { client, scope, asked_at: None, login: None };
    codes(&state, device).unwrap_or_else(|_| {
        refuse(StatusCode::INTERNAL_SERVER_ERROR, "server_error", "no random code can be made")
    })
}

fn codes(state: &State, device: Device) -> Result<Response, DemoError> {
    let (device_code, user_code, now) = (keys::random_name()?, user_code()?, state.clock.now());
    let kept = state.user_codes.put(user_code.clone(), device_code.clone(), now).is_ok()
        && state.devices.put(device_code.clone(), device, now).is_ok();
    if !kept {
        let busy = "too many logins are open";
        return Ok(refuse(StatusCode::SERVICE_UNAVAILABLE, "temporarily_unavailable", busy));
    }
    let page = state.issuer.endpoint("/device");
    let body = json!({
        "device_code": device_code,
        "user_code": user_code,
        "verification_uri": page,
        "verification_uri_complete": format!("{page}?user_code={user_code}"),
        "expires_in": DEVICE_TTL.as_secs(),
        "interval": INTERVAL.as_secs(),
    });
    Ok(([(CACHE_CONTROL, "no-store")], Json(body)).into_response())
}

/// `GET`: the page to type the code in.
pub async fn show(RawQuery(query): RawQuery) -> Response {
    match Params::parse(query.unwrap_or_default().as_bytes()) {
        Ok(params) => page::device(params.find("user_code").unwrap_or_default()),
        Err(_) => page::error(StatusCode::BAD_REQUEST, "A parameter stands twice or is too long."),
    }
}

/// `POST`: somebody typed a code in and pressed a button.
pub async fn choose(Shared(state): Shared<Arc<State>>, headers: HeaderMap, body: Bytes) -> Response {
    if !from_own_page(&state, &headers) {
        return page::error(StatusCode::FORBIDDEN, "Only the demo's own page can choose a person.");
    }
    let Ok(params) = Params::parse(&body) else {
        return page::error(StatusCode::BAD_REQUEST, "A parameter stands twice or is too long.");
    };
    let Some(person) = params.find("person").and_then(Person::find) else {
        return page::error(StatusCode::BAD_REQUEST, "Choose one of the people on the page.");
    };
    let (typed, now) = (written(params.find("user_code").unwrap_or_default()), state.clock.now());
    let Ok(id) = keys::random_name() else {
        return page::error(StatusCode::INTERNAL_SERVER_ERROR, "No random name can be made.");
    };
    let chosen = state.user_codes.take(&typed, now).and_then(|device_code| {
        state.devices.change(&device_code, now, |device| {
            device.login =
                Some(Login { id, person, client: device.client, scope: device.scope.clone(), at: now });
        })
    });
    match chosen {
        Some(()) => page::device_done(),
        None => page::error(StatusCode::BAD_REQUEST, "This code is unknown, used up or too old."),
    }
}

/// How far the login with this device code is; `None` when there is none.
pub fn progress(state: &State, client: Client, device_code: &str) -> Option<Progress> {
    let now = state.clock.now();
    let progress = state.devices.change(device_code, now, |device| {
        if device.client != client {
            return None;
        }
        // Half of the interval: a program's clock is not this one.
        let too_often = device.asked_at.is_some_and(|asked| now.since(asked) < INTERVAL / 2);
        device.asked_at = Some(now);
        Some(match &device.login {
            Some(login) => Progress::Chosen(login.clone()),
            None if too_often => Progress::TooOften,
            None => Progress::Pending,
        })
    })??;
    if matches!(progress, Progress::Chosen(_)) {
        state.devices.take(device_code, now)?;
    }
    Some(progress)
}

fn user_code() -> Result<String, DemoError> {
    let mut code = String::new();
    while code.len() < 9 {
        let mut byte = [0_u8; 1];
        aws_lc_rs::rand::fill(&mut byte).map_err(|_| DemoError::Key)?;
        // 240 is a multiple of 20, so that each letter is as likely.
        let letter = LETTERS.get(usize::from(byte[0] % 20)).filter(|_| byte[0] < 240);
        code.extend(letter.map(|letter| char::from(*letter)));
        if code.len() == 4 {
            code.push('-');
        }
    }
    Ok(code)
}

/// A code as it was given out, however it was typed.
fn written(typed: &str) -> String {
    let mut letters: String =
        typed.chars().filter(char::is_ascii_alphabetic).map(|c| c.to_ascii_uppercase()).take(9).collect();
    if letters.len() > 4 {
        letters.insert(4, '-');
    }
    letters
}
