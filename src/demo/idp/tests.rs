//! The identity provider as its client and its users see it, without a socket.

use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use axum::response::Response;
use http_body_util::BodyExt;
use proptest::prelude::*;
use serde_json::Value;
use tower::ServiceExt;
use url::Url;

use super::*;
use crate::demo::idp::params::Params;
use crate::domain::time::SystemClock;

const ORIGIN: &str = "http://127.0.0.1:8080";
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
// The pair is that of RFC 7636, appendix B.
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

#[derive(Debug)]
struct Hands(std::sync::atomic::AtomicI64);

impl Clock for Hands {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_seconds(self.0.load(std::sync::atomic::Ordering::SeqCst))
    }
}

fn idp() -> DemoIdp {
    DemoIdp::new(ORIGIN, Arc::new(SystemClock)).unwrap()
}

fn query(change: &[(&str, &str)]) -> String {
    let mut pairs = vec![
        ("client_id", CLIENT_ID),
        ("redirect_uri", "http://127.0.0.1:8080/auth/callback"),
        ("response_type", "code"),
        ("scope", "openid profile"),
        ("state", "s\"<1>"),
        ("nonce", "n1"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ];
    pairs.retain(|(name, _)| !change.iter().any(|(other, _)| other == name));
    pairs.extend(change);
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

async fn get(idp: &DemoIdp, path_and_query: &str) -> Response {
    let request = Request::get(path_and_query).header("host", "127.0.0.1:8080").body(Body::empty()).unwrap();
    idp.router().oneshot(request).await.unwrap()
}

async fn post(idp: &DemoIdp, path: &str, form: &[(&str, &str)], origin: &str) -> Response {
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    post_text(idp, path, body, origin).await
}

async fn post_text(idp: &DemoIdp, path: &str, body: String, origin: &str) -> Response {
    let request = Request::post(path)
        .header("host", "127.0.0.1:8080")
        .header("origin", origin)
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Body::from(body))
        .unwrap();
    idp.router().oneshot(request).await.unwrap()
}

fn location(response: &Response) -> Url {
    assert_eq!(response.status(), StatusCode::SEE_OTHER);
    Url::parse(response.headers()[header::LOCATION].to_str().unwrap()).unwrap()
}

fn param(url: &Url, name: &str) -> String {
    url.query_pairs().find(|(n, _)| n == name).map(|(_, v)| v.into_owned()).unwrap_or_default()
}

async fn json(response: Response) -> Value {
    serde_json::from_slice(&response.into_body().collect().await.unwrap().to_bytes()).unwrap()
}

async fn code_for(idp: &DemoIdp, person: Person) -> String {
    let body = format!("{}&person={}", query(&[]), person.slug());
    let back = location(&post_text(idp, "/demo-idp/authorize", body, ORIGIN).await);
    assert_eq!(param(&back, "state"), "s\"<1>");
    assert_eq!(param(&back, "iss"), "http://127.0.0.1:8080/demo-idp");
    param(&back, "code")
}

async fn redeem(idp: &DemoIdp, code: &str, verifier: &str) -> Response {
    let form = [
        ("grant_type", "authorization_code"),
        ("client_id", CLIENT_ID),
        ("redirect_uri", "http://127.0.0.1:8080/auth/callback"),
        ("code", code),
        ("code_verifier", verifier),
    ];
    post(idp, "/demo-idp/token", &form, ORIGIN).await
}

async fn refresh(idp: &DemoIdp, token: &str) -> Response {
    let form = [("grant_type", "refresh_token"), ("client_id", CLIENT_ID), ("refresh_token", token)];
    post(idp, "/demo-idp/token", &form, ORIGIN).await
}

fn claims(idp: &DemoIdp, token: &str, audience: &str) -> Value {
    idp.0.key.open_hint(token, &idp.issuer(), audience).expect("signed by the demo's key")
}

#[test]
fn only_loopback_origins_are_taken() {
    for good in ["http://127.0.0.1:8080", "http://127.9.9.9", "http://[::1]:1", "http://localhost:8080/"] {
        assert!(Issuer::parse(good).is_ok(), "{good}");
    }
    let bad = [
        "http://0.0.0.0:8080",
        "http://192.0.2.1",
        "http://[2001:db8::1]",
        "http://[::ffff:127.0.0.1]",
        "http://localhost.example.com",
        "http://127.0.0.1.example.com",
        "http://127.0.0.1@example.com",
        "http://127.0.0.1:8080/below",
        "http://user@127.0.0.1",
        "http://127.0.0.1?x",
        "ftp://127.0.0.1",
        "file:///etc",
        "127.0.0.1:8080",
        "",
    ];
    for url in bad {
        assert!(Issuer::parse(url).is_err(), "{url}");
    }
}

proptest! {
    #[test]
    fn whatever_is_taken_is_loopback(text in "(http://)?(127|[0-9]{1,3})\\.[0-9]{1,3}\\.[0-9]{1,3}\\.[0-9]{1,3}(@|:|/)?[a-z0-9.]{0,9}") {
        if let Ok(issuer) = Issuer::parse(&text) {
            let url = Url::parse(&issuer.id()).unwrap();
            let loopback = matches!(url.host(), Some(url::Host::Ipv4(address)) if address.is_loopback());
            prop_assert!(loopback, "{text}");
        }
    }

    #[test]
    fn parameters_never_panic_and_never_stand_twice(text in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = Params::parse(&text);
        prop_assert!(Params::parse(b"a=1&a=2").is_err());
    }
}

#[tokio::test]
async fn discovery_names_the_issuer_exactly_and_what_is_built() {
    let idp = idp();
    let document = json(get(&idp, "/demo-idp/.well-known/openid-configuration").await).await;
    assert_eq!(document["issuer"], idp.issuer());
    assert_eq!(document["code_challenge_methods_supported"][0], "S256");
    assert_eq!(document["authorization_response_iss_parameter_supported"], true);
    let keys = json(get(&idp, "/demo-idp/jwks").await).await;
    assert_eq!(keys["keys"][0]["crv"], "P-256");
    assert!(keys["keys"][0].get("d").is_none());
}

#[tokio::test]
async fn the_login_page_has_a_button_for_each_person_and_no_script() {
    let response = get(&idp(), &format!("/demo-idp/authorize?{}", query(&[]))).await;
    assert_eq!(response.status(), StatusCode::OK);
    let policy = response.headers()[header::CONTENT_SECURITY_POLICY].to_str().unwrap().to_owned();
    assert!(policy.starts_with("default-src 'none'") && policy.contains("form-action 'self'"));
    let html = String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap();
    for person in Person::ALL {
        assert!(html.contains(person.name()), "{person:?}");
    }
    assert!(html.contains("value=\"s&quot;&lt;1&gt;\""));
    assert!(!html.contains("<script") && !html.contains("{fields}"));
}

#[tokio::test]
async fn a_wrong_client_or_address_is_shown_here_and_never_redirected() {
    for change in [
        ("client_id", "other"),
        ("redirect_uri", "http://127.0.0.1:8080/auth/callback/"),
        ("redirect_uri", "http://127.0.0.1:9/auth/callback"),
        ("redirect_uri", "https://example.com/"),
    ] {
        let response = get(&idp(), &format!("/demo-idp/authorize?{}", query(&[change]))).await;
        assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{change:?}");
        assert!(response.headers().get(header::LOCATION).is_none());
    }
}

#[tokio::test]
async fn other_mistakes_go_back_to_the_client_with_state_and_issuer() {
    for (change, error) in [
        (("response_type", "token"), "unsupported_response_type"),
        (("code_challenge_method", "plain"), "invalid_request"),
        (("code_challenge", "short"), "invalid_request"),
        (("scope", "profile"), "invalid_scope"),
        (("prompt", "none"), "login_required"),
    ] {
        let back = location(&get(&idp(), &format!("/demo-idp/authorize?{}", query(&[change]))).await);
        assert_eq!(param(&back, "error"), error);
        assert_eq!(param(&back, "state"), "s\"<1>");
        assert_eq!(param(&back, "iss"), "http://127.0.0.1:8080/demo-idp");
    }
}

#[tokio::test]
async fn a_code_becomes_tokens_with_the_persons_claims() {
    let idp = idp();
    let code = code_for(&idp, Person::SecurityOfficer).await;
    let tokens = json(redeem(&idp, &code, VERIFIER).await).await;
    let id = claims(&idp, tokens["id_token"].as_str().unwrap(), CLIENT_ID);
    assert_eq!(id["nonce"], "n1");
    assert_eq!(id["sub"], "demo-security");
    let access = claims(&idp, tokens["access_token"].as_str().unwrap(), API_AUDIENCE);
    assert_eq!(access["groups"][0], "security-officers");
    assert_eq!(access["clearance"], "restricted");
    let header = jsonwebtoken::decode_header(tokens["access_token"].as_str().unwrap()).unwrap();
    assert_eq!(header.typ.as_deref(), Some("at+jwt"));
}

#[tokio::test]
async fn a_code_works_once_and_its_second_use_ends_the_login() {
    let idp = idp();
    let code = code_for(&idp, Person::Engineer).await;
    let tokens = json(redeem(&idp, &code, VERIFIER).await).await;
    assert_eq!(redeem(&idp, &code, VERIFIER).await.status(), StatusCode::BAD_REQUEST);
    let refreshed = refresh(&idp, tokens["refresh_token"].as_str().unwrap()).await;
    assert_eq!(json(refreshed).await["error"], "invalid_grant");
}

#[tokio::test]
async fn a_wrong_verifier_burns_the_code() {
    let idp = idp();
    let code = code_for(&idp, Person::Engineer).await;
    let wrong = "x".repeat(43);
    assert_eq!(json(redeem(&idp, &code, &wrong).await).await["error"], "invalid_grant");
    assert_eq!(json(redeem(&idp, &code, VERIFIER).await).await["error"], "invalid_grant");
}

#[tokio::test]
async fn a_code_is_too_old_after_a_minute() {
    let hands = Arc::new(Hands(1_800_000_000.into()));
    let idp = DemoIdp::new(ORIGIN, Arc::<Hands>::clone(&hands)).unwrap();
    let code = code_for(&idp, Person::Engineer).await;
    hands.0.fetch_add(60, std::sync::atomic::Ordering::SeqCst);
    assert_eq!(json(redeem(&idp, &code, VERIFIER).await).await["error"], "invalid_grant");
}

#[tokio::test]
async fn a_refresh_token_rotates_and_its_replay_ends_the_login() {
    let idp = idp();
    let code = code_for(&idp, Person::BucketOwner).await;
    let first = json(redeem(&idp, &code, VERIFIER).await).await["refresh_token"].as_str().unwrap().to_owned();
    let second = json(refresh(&idp, &first).await).await["refresh_token"].as_str().unwrap().to_owned();
    assert_ne!(first, second);
    assert_eq!(refresh(&idp, &first).await.status(), StatusCode::BAD_REQUEST);
    assert_eq!(refresh(&idp, &second).await.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_logout_ends_the_login_and_returns_to_the_registered_address_alone() {
    let idp = idp();
    let code = code_for(&idp, Person::Engineer).await;
    let tokens = json(redeem(&idp, &code, VERIFIER).await).await;
    let hint = tokens["id_token"].as_str().unwrap();
    let home = "http://127.0.0.1:8080/";
    let form = [("id_token_hint", hint), ("post_logout_redirect_uri", home), ("state", "bye")];
    let back = location(&post(&idp, "/demo-idp/logout", &form, ORIGIN).await);
    assert_eq!(back.as_str(), "http://127.0.0.1:8080/?state=bye");
    let refreshed = refresh(&idp, tokens["refresh_token"].as_str().unwrap()).await;
    assert_eq!(refreshed.status(), StatusCode::BAD_REQUEST);
    let elsewhere = [("post_logout_redirect_uri", "http://127.0.0.1:8080/x")];
    let response = post(&idp, "/demo-idp/logout", &elsewhere, ORIGIN).await;
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);
}

/// A command line's address to return to, and the changes that make an ask its own.
const CALLBACK: &str = "http://127.0.0.1:49152/callback";
const COMMAND_LINE: [(&str, &str); 2] = [("client_id", COMMAND_LINE_CLIENT_ID), ("redirect_uri", CALLBACK)];

#[tokio::test]
async fn a_command_line_comes_back_to_any_port_of_this_machine_and_its_codes_are_its_own() {
    let idp = idp();
    for elsewhere in [
        "http://127.0.0.1:8080/auth/callback",
        "http://127.0.0.1/callback",
        "http://127.0.0.1:49152/callback?x",
        "http://127.0.0.2:49152/callback",
        "http://localhost:49152/callback",
        "http://127.0.0.1:49152@example.com/callback",
        "https://127.0.0.1:49152/callback",
    ] {
        let ask = query(&[COMMAND_LINE[0], ("redirect_uri", elsewhere)]);
        let response = get(&idp, &format!("/demo-idp/authorize?{ask}")).await;
        assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{elsewhere}");
    }
    let page = get(&idp, &format!("/demo-idp/authorize?{}", query(&COMMAND_LINE))).await;
    let policies: Vec<_> = page.headers().get_all(header::CONTENT_SECURITY_POLICY).iter().collect();
    assert!(
        policies.len() == 1
            && policies[0].to_str().unwrap().ends_with("form-action 'self' http://127.0.0.1:49152")
    );
    let body = format!("{}&person=engineer", query(&COMMAND_LINE));
    let back = location(&post_text(&idp, "/demo-idp/authorize", body, ORIGIN).await);
    assert_eq!((back.port(), back.path()), (Some(49152), "/callback"));
    assert_eq!(redeem(&idp, &param(&back, "code"), VERIFIER).await.status(), StatusCode::BAD_REQUEST);
}

/// A moved clock, a provider, and the two codes of a device.
async fn device() -> (Arc<Hands>, DemoIdp, String, String) {
    let hands = Arc::new(Hands(1_800_000_000.into()));
    let idp = DemoIdp::new(ORIGIN, Arc::<Hands>::clone(&hands)).unwrap();
    let form = [COMMAND_LINE[0], ("scope", "openid groups")];
    let begun = json(post(&idp, "/demo-idp/device-authorization", &form, ORIGIN).await).await;
    let text = |name: &str| begun[name].as_str().unwrap().to_owned();
    (hands, idp, text("device_code"), text("user_code"))
}

async fn ask_again(idp: &DemoIdp, device_code: &str) -> Value {
    let grant = ("grant_type", "urn:ietf:params:oauth:grant-type:device_code");
    json(post(idp, "/demo-idp/token", &[COMMAND_LINE[0], grant, ("device_code", device_code)], ORIGIN).await)
        .await
}

#[tokio::test]
async fn a_device_logs_in_once_somebody_typed_its_code_in() {
    let (hands, idp, device_code, user_code) = device().await;
    assert_eq!(ask_again(&idp, &device_code).await["error"], "authorization_pending");
    assert_eq!(ask_again(&idp, &device_code).await["error"], "slow_down");
    let typed = user_code.to_lowercase().replace('-', " ");
    let form = [("user_code", typed.as_str()), ("person", "engineer")];
    let elsewhere = post(&idp, "/demo-idp/device", &form, "http://example.com").await;
    assert_eq!(elsewhere.status(), StatusCode::FORBIDDEN);
    assert_eq!(post(&idp, "/demo-idp/device", &form, ORIGIN).await.status(), StatusCode::OK);
    assert_eq!(post(&idp, "/demo-idp/device", &form, ORIGIN).await.status(), StatusCode::BAD_REQUEST);
    hands.0.fetch_add(2, std::sync::atomic::Ordering::SeqCst);
    let tokens = ask_again(&idp, &device_code).await;
    assert_eq!(claims(&idp, tokens["access_token"].as_str().unwrap(), API_AUDIENCE)["sub"], "demo-engineer");
    let id = claims(&idp, tokens["id_token"].as_str().unwrap(), COMMAND_LINE_CLIENT_ID);
    assert_eq!(id["groups"][0], "engineers");
    assert_eq!(ask_again(&idp, &device_code).await["error"], "expired_token");
}

#[tokio::test]
async fn the_code_of_a_device_ends_after_ten_minutes() {
    let (hands, idp, device_code, user_code) = device().await;
    hands.0.fetch_add(600, std::sync::atomic::Ordering::SeqCst);
    let form = [("user_code", user_code.as_str()), ("person", "engineer")];
    assert_eq!(post(&idp, "/demo-idp/device", &form, ORIGIN).await.status(), StatusCode::BAD_REQUEST);
    assert_eq!(ask_again(&idp, &device_code).await["error"], "expired_token");
}

#[tokio::test]
async fn a_page_elsewhere_can_neither_press_a_button_nor_name_another_host() {
    let idp = idp();
    let body = format!("{}&person=engineer", query(&[]));
    let response = post_text(&idp, "/demo-idp/authorize", body, "http://example.com").await;
    assert_eq!(response.status(), StatusCode::FORBIDDEN);
    let request = Request::get("/demo-idp/jwks").header("host", "rebound.example.com:8080");
    let response = idp.router().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(response.status(), StatusCode::MISDIRECTED_REQUEST);
}

#[test]
fn a_token_for_curl_holds_as_long_as_was_asked() {
    let idp = idp();
    let token = idp.access_token_for(Person::Engineer, Duration::from_hours(12)).unwrap();
    let claims = claims(&idp, token.expose(), API_AUDIENCE);
    let held = claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap();
    assert_eq!(held, 12 * 3600);
}
