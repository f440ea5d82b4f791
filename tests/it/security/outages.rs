//! What goes on while the identity provider is away, and what a restart loses: nothing.

use std::time::Duration;

use serde_json::json;

use crate::harness::site::{Browser, Site};

#[tokio::test]
async fn while_the_provider_is_away_sessions_and_known_keys_go_on_and_logins_wait() {
    let site = Site::start().await;
    let app = site.replica().await;
    let mut browser = Browser::at(&app);
    browser.log_in(&site, &json!({})).await;
    let mut program = Browser::at(&app);
    let token = site.access_token(&json!({"exp": site.now() + 7200}));
    assert_eq!(program.get_with("/api/v1/session", &token).await.status, 200);
    let flow = Browser::at(&app).begin("").await;
    assert!(!flow.state.is_empty());
    site.idp.change(|says| says.away = true);
    // A token is due for its refresh, and still holds.
    site.clock.advance(Duration::from_secs(280));
    assert_eq!(browser.session().await.status, 200);
    let fresh = site.access_token(&json!({}));
    for token in [&token, &fresh] {
        assert_eq!(program.get_with("/api/v1/session", token).await.status, 200);
    }
    // It has ended: the provider may have ended the login, and nobody can tell.
    site.clock.advance(Duration::from_mins(1));
    let answer = browser.session().await;
    answer.is_problem(503, "identity-provider-unavailable");
    assert!(!answer.header("retry-after").is_empty());
    // Keys are known for a quarter of an hour.
    site.clock.advance(Duration::from_mins(15));
    let answer = program.get_with("/api/v1/session", &token).await;
    answer.is_problem(503, "identity-provider-unavailable");
    let answer = Browser::at(&app).get("/auth/login").await;
    answer.is_problem(503, "identity-provider-unavailable");
    // Back again: the session is still there, unless it was idle too long.
    site.idp.change(|says| says.away = false);
    site.clock.advance(Duration::from_secs(30));
    assert_eq!(program.get_with("/api/v1/session", &token).await.status, 200);
    assert!(Browser::at(&app).begin("").await.location.as_str().contains("state="));
}

#[tokio::test]
async fn a_session_that_could_not_be_refreshed_goes_on_when_the_provider_is_back() {
    let site = Site::start().await;
    let app = site.replica().await;
    let mut browser = Browser::at(&app);
    browser.log_in(&site, &json!({})).await;
    for away in [true, false] {
        site.idp.change(|says| says.away = away);
        site.clock.advance(Duration::from_secs(if away { 301 } else { 30 }));
        let claims =
            site.id_token(&crate::harness::site::changed(site.id_claims(""), &json!({"nonce": "absent"})));
        site.answer_with(&claims, "r-2", 300);
        assert_eq!(browser.session().await.status, if away { 503 } else { 200 });
    }
}

#[tokio::test]
async fn killing_the_server_loses_no_session_and_no_login_under_way() {
    let site = Site::start().await;
    let app = site.replica().await;
    let (mut working, mut leaving) = (Browser::at(&app), Browser::at(&app));
    working.log_in(&site, &json!({})).await;
    let flow = leaving.begin("?return_to=/%3Fbucket%3Dpay").await;
    // Without a word to anybody.
    drop(app);
    let app = site.replica().await;
    let (mut working, mut leaving) = (working.moved_to(&app), leaving.moved_to(&app));
    assert_eq!(working.session().await.json()["subject"], "ana");
    let claims = site.id_claims(&flow.nonce);
    site.answer_with(&site.id_token(&claims), "r-2", 300);
    let iss = ("iss", site.idp.issuer.as_str());
    let back = leaving.call_back(&[("code", "c"), ("state", &flow.state), iss]).await;
    assert_eq!((back.status, back.header("location")), (303, "/?bucket=pay"));
    assert_eq!(leaving.session().await.status, 200);
    // A logout right after a restart still reaches the provider, whose endpoints this process did not know yet.
    app.stop().await;
    let app = site.replica().await;
    let mut working = working.moved_to(&app);
    let answer = working.post("/auth/logout", "").await;
    assert!(answer.json()["end_session_url"].is_string(), "{answer:?}");
    assert_eq!(site.idp.asked("/revoke").len(), 1);
}

#[tokio::test]
async fn while_the_state_store_is_away_the_answer_says_so_and_access_tokens_go_on() {
    let site = Site::start().await;
    let app = site.replica().await;
    let mut browser = Browser::at(&app);
    browser.log_in(&site, &json!({})).await;
    // A process that remembers nothing must ask the store.
    let fresh = site.replica().await;
    let mut moved = browser.moved_to(&fresh);
    site.take_state_store_away().await;
    let answer = moved.session().await;
    answer.is_problem(503, "state-store-unavailable");
    assert!(!answer.header("retry-after").is_empty());
    Browser::at(&fresh).get("/auth/login").await.is_problem(503, "state-store-unavailable");
    let token = site.access_token(&json!({}));
    assert_eq!(Browser::at(&fresh).get_with("/api/v1/session", &token).await.status, 200);
}
