//! Sessions over HTTP: how they end, how their tokens are renewed, and who cannot use them.

use std::time::Duration;

use futures::future::join_all;
use http::Method;
use serde_json::{Value, json};

use crate::harness::site::{Browser, Replica, SESSION, Site, changed};

const FILE: &str = "/api/v1/buckets/pay/objects/team-a/app.log";
const BACK_CHANNEL: &str = "/auth/backchannel-logout";

/// A logout token of the identity provider; the word "absent" removes a claim.
fn logout_token(site: &Site, change: &Value) -> String {
    let now = site.now();
    let good = json!({"iss": site.idp.issuer, "aud": "client", "iat": now, "exp": now + 120, "jti": "j-1",
                      "events": {"http://schemas.openid.net/event/backchannel-logout": {}}});
    site.key.sign(&json!({"alg": "ES256", "kid": "k1", "typ": "logout+jwt"}), &changed(good, change))
}

#[tokio::test]
async fn a_logout_ends_the_session_at_the_server_and_gives_the_refresh_token_back() {
    let site = Site::start().await;
    let app = site.replica().await;
    let mut browser = Browser::at(&app);
    browser.log_in(&site, &json!({})).await;
    let object = browser.get(FILE).await;
    assert!(object.status == 200 && object.body.contains("CANARY-1"));
    assert!(matches!(object.header("cache-control"), "no-store" | "private, no-cache"), "{object:?}");
    let etag = object.header("etag").to_owned();
    let mut thief = browser.copy();
    let get = browser.get("/auth/logout").await;
    assert!(matches!(get.status, 404 | 405), "{get:?}");
    let forgotten =
        browser.send(Method::POST, "/auth/logout", &[("sec-fetch-site", "same-origin")], "").await;
    forgotten.is_problem(403, "cross-site-request");
    assert_eq!(browser.session().await.status, 200);
    let answer = browser.post("/auth/logout", "").await;
    assert_eq!(answer.status, 200);
    for part in ["\"cache\"", "\"cookies\"", "\"storage\""] {
        assert!(answer.header("clear-site-data").contains(part));
    }
    assert!(answer.set_cookie(SESSION).is_some_and(|line| line.contains("Max-Age=0")));
    let end = answer.json()["end_session_url"].as_str().expect("an address").to_owned();
    assert!(end.contains("client_id=client") && end.contains("post_logout_redirect_uri="), "{end}");
    assert!(!end.contains("id_token_hint"), "no token goes through the browser");
    thief.session().await.is_401();
    thief.send(Method::GET, FILE, &[("if-none-match", &etag)], "").await.is_401();
    let [revoked] = &site.idp.asked("/revoke")[..] else { panic!("one call") };
    for part in ["token=r-1", "token_type_hint=refresh_token", "client_id=client", "client_secret="] {
        assert!(revoked.contains(part), "{part}: {revoked}");
    }
}

#[tokio::test]
async fn the_right_logout_token_ends_the_right_sessions_and_a_wrong_one_none() {
    let site = Site::start().await;
    let (app, other) = (site.replica().await, site.replica().await);
    let [mut first, mut second, mut bob] = [Browser::at(&app), Browser::at(&app), Browser::at(&app)];
    first.log_in(&site, &json!({"sid": "1"})).await;
    second.log_in(&site, &json!({"sid": "2"})).await;
    bob.log_in(&site, &json!({"sub": "bob", "sid": "3"})).await;
    let mut idp = Browser::at(&other);
    let event = "http://schemas.openid.net/event/backchannel-logout";
    let now = site.now();
    for wrong in [
        json!({"sid": "1", "nonce": "n"}),
        json!({"sid": "1", "events": "absent"}),
        json!({"sid": "1", "events": {"other": {}}}),
        json!({"sid": "1", "events": [event]}),
        json!({"sid": "1", "events": {event: "text"}}),
        json!({"sid": "1", "aud": "other"}),
        json!({"sid": "1", "iss": "https://other.example/"}),
        json!({"sid": "1", "iat": now - 600}),
        json!({"sid": "1", "exp": now - 120}),
        json!({"sid": "1", "jti": "absent"}),
        json!({}),
    ] {
        let answer = idp.post_form(BACK_CHANNEL, "logout_token", &logout_token(&site, &wrong)).await;
        answer.is_problem(400, "invalid-request");
    }
    let (unsigned, id_token) = (format!("{BASE_NONE}."), site.id_token(&site.id_claims("n")));
    for token in [unsigned, id_token, String::new(), "x".repeat(100_000)] {
        assert_eq!(idp.post_form(BACK_CHANNEL, "logout_token", &token).await.status, 400);
    }
    for browser in [&mut first, &mut second, &mut bob] {
        assert_eq!(browser.session().await.status, 200);
    }
    let unknown = logout_token(&site, &json!({"sid": "9", "jti": "j-9"}));
    assert_eq!(idp.post_form(BACK_CHANNEL, "logout_token", &unknown).await.status, 200);
    let one = logout_token(&site, &json!({"sid": "1", "jti": "j-2"}));
    let answer = idp.post_form(BACK_CHANNEL, "logout_token", &one).await;
    assert_eq!((answer.status, answer.header("cache-control")), (200, "no-store"));
    idp.post_form(BACK_CHANNEL, "logout_token", &one).await.is_problem(400, "invalid-request");
    // The other replica may believe its cache for two seconds more.
    site.clock.advance(Duration::from_secs(3));
    first.session().await.is_401();
    assert_eq!((second.session().await.status, bob.session().await.status), (200, 200));
    first.log_in(&site, &json!({"sid": "4"})).await;
    let person = logout_token(&site, &json!({"sub": "ana", "jti": "j-3"}));
    assert_eq!(idp.post_form(BACK_CHANNEL, "logout_token", &person).await.status, 200);
    site.clock.advance(Duration::from_secs(3));
    first.session().await.is_401();
    second.session().await.is_401();
    assert_eq!(bob.session().await.status, 200);
}

/// `{"alg":"none"}` and no claims.
const BASE_NONE: &str = "eyJhbGciOiJub25lIn0.e30";

#[tokio::test]
async fn a_cross_site_page_cannot_act_with_the_victims_cookie() {
    let site = Site::start().await;
    let app = site.replica().await;
    let mut victim = Browser::at(&app);
    victim.log_in(&site, &json!({})).await;
    let origin = app.origin.clone();
    let question = r#"{"action":"ReadObject","bucket":"pay","key":"team-a/app.log"}"#;
    let mark = ("x-logboom-csrf", "1");
    for headers in [
        vec![
            ("origin", "https://evil.example"),
            ("sec-fetch-site", "cross-site"),
            ("content-type", "text/plain"),
        ],
        vec![("sec-fetch-site", "cross-site"), mark],
        vec![("sec-fetch-site", "same-site"), mark],
        vec![("origin", "null"), mark],
        vec![("origin", origin.as_str())],
        vec![],
    ] {
        for path in ["/api/v1/decisions", "/api/v1/buckets/pay/links", "/auth/logout"] {
            let answer = victim.send(Method::POST, path, &headers, question).await;
            answer.is_problem(403, "cross-site-request");
        }
    }
    assert_eq!(victim.session().await.status, 200, "nothing was ended");
    let own = [("origin", origin.as_str()), mark, ("content-type", "application/json")];
    assert_eq!(victim.send(Method::POST, "/api/v1/decisions", &own, question).await.status, 200);
    let token = format!("Bearer {}", site.access_token(&json!({})));
    let program = [
        ("authorization", token.as_str()),
        ("origin", "https://evil.example"),
        ("content-type", "application/json"),
    ];
    let answer = Browser::at(&app).send(Method::POST, "/api/v1/decisions", &program, question).await;
    assert_eq!(answer.status, 200, "a program's token is judged by policy alone: {answer:?}");
}

async fn poll(browser: &mut Browser) -> u16 {
    browser.send(Method::GET, "/api/v1/session", &[("x-logboom-poll", "1")], "").await.status
}

/// A login whose access token outlives the test, so that only our own times count.
async fn log_in_for_days(browser: &mut Browser, site: &Site) {
    let flow = browser.begin("").await;
    site.answer_with(&site.id_token(&site.id_claims(&flow.nonce)), "r-1", 1_000_000);
    let iss = ("iss", site.idp.issuer.as_str());
    assert_eq!(browser.call_back(&[("code", "c"), ("state", &flow.state), iss]).await.status, 303);
}

#[tokio::test]
async fn a_session_ends_after_idle_time_although_its_page_polls() {
    let site = Site::start().await;
    let app = site.replica().await;
    let mut browser = Browser::at(&app);
    log_in_for_days(&mut browser, &site).await;
    for _ in 0..14 {
        site.clock.advance(Duration::from_mins(1));
        assert_eq!(poll(&mut browser).await, 200);
    }
    site.clock.advance(Duration::from_mins(1));
    assert_eq!(poll(&mut browser).await, 401);
    browser.session().await.is_401();
}

#[tokio::test]
async fn a_session_ends_after_its_absolute_time_although_somebody_works() {
    let site = Site::start().await;
    let app = site.replica().await;
    let mut browser = Browser::at(&app);
    log_in_for_days(&mut browser, &site).await;
    let ends = browser.session().await.json()["expires_at"].as_str().expect("a time").to_owned();
    for _ in 0..71 {
        site.clock.advance(Duration::from_mins(10));
        let session = browser.session().await;
        assert_eq!((session.status, session.json()["expires_at"].as_str()), (200, Some(ends.as_str())));
    }
    site.clock.advance(Duration::from_mins(10));
    browser.session().await.is_401();
}

#[tokio::test]
async fn a_shorter_life_at_the_provider_and_newer_logins_end_a_session_earlier() {
    let site = Site::start().await;
    let app = site.replica().await;
    let mut browser = Browser::at(&app);
    let flow = browser.begin("").await;
    site.answer_with(&site.id_token(&site.id_claims(&flow.nonce)), "", 300);
    site.idp.change(|says| drop(says.token.1.as_object_mut().expect("an answer").remove("refresh_token")));
    let iss = ("iss", site.idp.issuer.as_str());
    assert_eq!(browser.call_back(&[("code", "c"), ("state", &flow.state), iss]).await.status, 303);
    assert_eq!(browser.session().await.status, 200);
    site.clock.advance(Duration::from_secs(301));
    browser.session().await.is_401();
    let mut all = Vec::new();
    for _ in 0..11 {
        let mut another = Browser::at(&app);
        log_in_for_days(&mut another, &site).await;
        site.clock.advance(Duration::from_secs(1));
        all.push(another);
    }
    let mut statuses = Vec::new();
    for browser in &mut all {
        statuses.push(browser.session().await.status);
    }
    assert_eq!(
        (statuses.first(), statuses.iter().filter(|status| **status == 200).count()),
        (Some(&401), 10)
    );
}

/// Many requests at once, spread over replicas, with one session.
async fn at_once(browser: &Browser, replicas: &[&Replica]) -> Vec<u16> {
    let calls = (0..20).zip(replicas.iter().cycle()).map(|(_, replica)| {
        let mut copy = browser.copy().moved_to(replica);
        async move { copy.session().await.status }
    });
    join_all(calls).await
}

#[tokio::test]
async fn tokens_are_refreshed_once_for_all_requests_and_replicas_and_rotate() {
    let site = Site::start().await;
    let (one, two) = (site.replica().await, site.replica().await);
    let mut browser = Browser::at(&one);
    browser.log_in(&site, &json!({})).await;
    assert_eq!(site.idp.asked("/token").len(), 1);
    for (round, replicas) in [(2, &[&one][..]), (3, &[&one, &two][..])] {
        site.clock.advance(Duration::from_secs(301));
        let mut claims = site.id_claims("");
        claims.as_object_mut().expect("claims").remove("nonce");
        claims["name"] = json!(format!("Ana {round}"));
        site.answer_with(&site.id_token(&claims), &format!("r-{round}"), 300);
        assert_eq!(at_once(&browser, replicas).await, [200; 20]);
        let asked = site.idp.asked("/token");
        assert_eq!(asked.len(), round, "one refresh in this round");
        let before = format!("refresh_token=r-{}", round - 1);
        assert!(asked.last().is_some_and(|body| body.contains(&before)), "{asked:?}");
        assert_eq!(browser.session().await.json()["name"], format!("Ana {round}"));
    }
}

#[tokio::test]
async fn a_login_that_the_provider_ended_ends_here_at_the_next_refresh() {
    let site = Site::start().await;
    let app = site.replica().await;
    let mut browser = Browser::at(&app);
    browser.log_in(&site, &json!({})).await;
    site.idp.change(|says| says.token = (400, json!({"error": "invalid_grant"})));
    site.clock.advance(Duration::from_secs(301));
    browser.session().await.is_401();
    browser.get(FILE).await.is_401();
    // A refresh that answers with somebody else's ID token is no refresh of this session.
    browser.log_in(&site, &json!({})).await;
    site.answer_with(&site.id_token(&changed(site.id_claims("n"), &json!({"sub": "bob"}))), "r-2", 300);
    site.clock.advance(Duration::from_secs(301));
    browser.session().await.is_401();
}

#[tokio::test]
async fn a_caller_who_goes_away_during_a_refresh_loses_no_refresh_token() {
    let site = Site::start().await;
    let app = site.replica().await;
    let mut browser = Browser::at(&app);
    browser.log_in(&site, &json!({})).await;
    site.clock.advance(Duration::from_secs(301));
    let claims = changed(site.id_claims(""), &json!({"nonce": "absent", "name": "Ana Two"}));
    site.answer_with(&site.id_token(&claims), "r-2", 300);
    site.idp.change(|says| says.pause = Duration::from_millis(400));
    let mut gone = browser.copy();
    let given_up = tokio::time::timeout(Duration::from_millis(150), gone.session()).await;
    assert!(given_up.is_err(), "the caller did not wait for the answer");
    drop(gone);
    assert_eq!(browser.session().await.json()["name"], "Ana Two");
    let asked = site.idp.asked("/token");
    assert_eq!(asked.len(), 2, "one login and one refresh: {asked:?}");
}
