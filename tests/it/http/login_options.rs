//! Where a command line can log in.

use serde_json::json;

use crate::harness::app::Setup;

#[tokio::test]
async fn a_server_tells_everybody_where_a_command_line_logs_in_and_nothing_else() {
    let settings = r#"
[identity.command_line]
client_id = "logboom-cli"
resource = "https://logs.example"
[identity.providers.second]
issuer = "https://second.example"
audiences = ["logboom-api"]
[identity.providers.third]
issuer = "https://third.example"
endpoint_hosts = ["tokens.third.example"]
audiences = ["logboom-api"]
command_line = { client_id = "other", scopes = ["openid", "api"] }
"#;
    let app = Setup { settings: settings.to_owned(), ..Setup::default() }.start().await;
    let answer = app.anonymous().get("/api/v1/login-options").await;
    assert_eq!(
        answer.json(),
        json!({"command_line": [
            {"name": "main", "issuer": app.idp.issuer, "endpoint_hosts": [], "client_id": "logboom-cli",
             "scopes": ["openid", "profile", "offline_access"], "resource": "https://logs.example"},
            {"name": "third", "issuer": "https://third.example", "endpoint_hosts": ["tokens.third.example"],
             "client_id": "other", "scopes": ["openid", "api"]},
        ]})
    );
    assert!(app.idp.asked_at_all().is_empty(), "strangers cause no call to the provider");
}

#[tokio::test]
async fn without_a_client_for_it_the_list_is_empty() {
    let app = Setup::default().start().await;
    let answer = app.anonymous().get("/api/v1/login-options").await;
    assert_eq!(answer.json(), json!({"command_line": []}));
}
