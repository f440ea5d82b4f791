//! The whole way with `oidc-provider`, a certified server that shares no code with this service.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use url::Url;
use url::form_urlencoded::Serializer;

use crate::harness::oidc_provider::{API, OidcProvider, Visitor};
use crate::harness::site::{Browser, MovedClock, Replica, Site};

struct Setting {
    provider: OidcProvider,
    clock: Arc<MovedClock>,
    app: Replica,
    /// Keeps the folder.
    _site: Site,
}

/// The redirect of a program of the site's own.
const PROGRAM: &str = "https://program.example/back";

async fn setting() -> Setting {
    let site = Site::start().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let origin = format!("http://{}", listener.local_addr().expect("an address"));
    let provider = OidcProvider::start(&json!([
        {"client_id": "client", "client_secret": "SECRET-of-the-client", "grant_types": ["authorization_code", "refresh_token"],
         "redirect_uris": [format!("{origin}/auth/callback")], "post_logout_redirect_uris": [format!("{origin}/")],
         "token_endpoint_auth_method": "client_secret_basic",
         "backchannel_logout_uri": format!("{origin}/auth/backchannel-logout"), "backchannel_logout_session_required": true},
        {"client_id": "program", "token_endpoint_auth_method": "none", "grant_types": ["authorization_code"],
         "redirect_uris": [PROGRAM]},
    ]))
    .await;
    let config = site.config(&origin);
    let text = std::fs::read_to_string(&config).expect("the configuration");
    let text = text
        .replace(&site.idp.issuer, &provider.issuer)
        .replace("\"api\"", &format!("\"{API}\""))
        .replace("ES256", "RS256")
        .replace(
            "client_auth = \"post\"",
            "client_auth = \"basic\"\nscopes = [\"openid\", \"profile\", \"groups\"]",
        );
    std::fs::write(&config, text).expect("the configuration");
    let clock = Arc::new(MovedClock::default());
    let app = Replica::start(listener, &config, Arc::<MovedClock>::clone(&clock) as _).await;
    Setting { provider, clock, app, _site: site }
}

/// Logs in through the provider, as a browser does.
async fn log_in(browser: &mut Browser, visitor: &mut Visitor) {
    let flow = browser.begin("?return_to=/%3Fbucket%3Dpay").await;
    let back = visitor.log_in(&flow.location, "ana").await;
    assert!(back.query_pairs().any(|(name, _)| name == "iss"), "RFC 9207: {back}");
    let answer = browser.get(&format!("{}?{}", back.path(), back.query().expect("a query"))).await;
    assert_eq!((answer.status, answer.header("location")), (303, "/?bucket=pay"), "{answer:?}");
}

/// An access token for the API, as a program gets one.
async fn access_token(setting: &Setting, visitor: &mut Visitor) -> String {
    let verifier = "a-verifier-of-forty-three-characters-or-more";
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, verifier.as_bytes());
    let query = Serializer::new(String::new())
        .append_pair("client_id", "program")
        .append_pair("response_type", "code")
        .append_pair("redirect_uri", PROGRAM)
        .append_pair("scope", "openid read")
        .append_pair("state", "state-of-the-program")
        .append_pair("code_challenge", &BASE64.encode(digest))
        .append_pair("code_challenge_method", "S256")
        .finish();
    let page = Url::parse(&format!("{}/auth?{query}", setting.provider.issuer)).expect("a URL");
    let back = visitor.log_in(&page, "ana").await;
    let code = back.query_pairs().find(|(name, _)| name == "code").expect("a code").1.into_owned();
    let form = Serializer::new(String::new())
        .append_pair("client_id", "program")
        .append_pair("grant_type", "authorization_code")
        .append_pair("redirect_uri", PROGRAM)
        .append_pair("code", &code)
        .append_pair("code_verifier", verifier)
        .finish();
    let request = reqwest::Client::builder().no_proxy().build().expect("a client");
    let request = request.post(format!("{}/token", setting.provider.issuer));
    let request = request.header("content-type", "application/x-www-form-urlencoded").body(form);
    let answer: Value = request.send().await.expect("an answer").json().await.expect("JSON");
    answer["access_token"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
}

#[tokio::test]
async fn a_person_logs_in_is_refreshed_and_logs_out_everywhere_at_a_certified_provider() {
    let setting = setting().await;
    let mut visitor = Visitor::new();
    let (mut laptop, mut desk) = (Browser::at(&setting.app), Browser::at(&setting.app));
    log_in(&mut laptop, &mut visitor).await;
    log_in(&mut desk, &mut visitor).await;
    let session = laptop.session().await.json();
    assert_eq!((&session["subject"], &session["name"]), (&json!("ana"), &json!("ana of the test")));
    assert_eq!(
        (&session["groups"], &session["issuer"]),
        (&json!(["engineers"]), &json!(setting.provider.issuer))
    );
    let object = "/api/v1/buckets/pay/objects/team-a/app.log";
    assert!(laptop.get(object).await.body.contains("CANARY-1"));

    let token = access_token(&setting, &mut visitor).await;
    let mut program = Browser::at(&setting.app);
    let session = program.get_with("/api/v1/session", &token).await.json();
    assert_eq!((&session["subject"], &session["proof"]), (&json!("ana"), &json!("bearer")), "{session}");
    assert!(program.get_with(object, &token).await.body.contains("CANARY-1"));

    // Ahead of the end of its access token, twice: the refresh token rotates, and a used one would end the grant.
    for _ in 0..2 {
        setting.clock.advance(Duration::from_secs(250));
        assert_eq!(laptop.session().await.status, 200);
    }
    setting.clock.reset();

    let answer = laptop.post("/auth/logout", "").await.json();
    let end = Url::parse(answer["end_session_url"].as_str().expect("an address")).expect("a URL");
    assert_eq!(laptop.session().await.status, 401);
    assert_eq!(desk.session().await.status, 200, "another browser goes on until the provider says otherwise");
    visitor.log_out(&end).await;
    setting.clock.advance(Duration::from_secs(3));
    assert_eq!(desk.session().await.status, 401, "the back-channel logout ended it");
}
