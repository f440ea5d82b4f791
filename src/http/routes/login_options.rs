//! `GET /api/v1/login-options`.

use axum::Json;
use axum::extract::State;

use crate::api::login::{CommandLineLogin, LoginOptions};
use crate::http::state::AppState;

/// Answers where a command line can log in. The identity provider is not asked.
pub async fn get(State(state): State<AppState>) -> Json<LoginOptions> {
    let offered = state.authenticator.command_line().iter().cloned();
    let command_line = offered.map(|login| CommandLineLogin {
        name: login.name,
        issuer: login.issuer,
        endpoint_hosts: login.endpoint_hosts,
        client_id: login.client.client_id,
        scopes: login.client.scopes,
        resource: login.client.resource,
    });
    Json(LoginOptions { command_line: command_line.collect() })
}
