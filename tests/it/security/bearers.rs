//! Access tokens over HTTP against the running application.

use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use http::Method;
use serde_json::{Value, json};

use crate::doubles::idp::{Idp, Key};
use crate::harness::site::{Browser, SESSION, Site};

const FILE: &str = "/api/v1/buckets/pay/objects/team-a/app.log";

fn at_jwt() -> Value {
    json!({"alg": "ES256", "kid": "k1", "typ": "at+jwt"})
}

/// A token signed with a shared secret.
fn hmac(secret: &[u8], header: &Value, claims: &Value) -> String {
    let signed = format!("{}.{}", BASE64.encode(header.to_string()), BASE64.encode(claims.to_string()));
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, secret);
    let signature = aws_lc_rs::hmac::sign(&key, signed.as_bytes());
    format!("{signed}.{}", BASE64.encode(signature.as_ref()))
}

#[tokio::test]
async fn only_the_configured_asymmetric_algorithms_sign_an_access_token() {
    let site = Site::start().await;
    let app = site.replica().await;
    let mut caller = Browser::at(&app);
    let good = site.access_token(&json!({}));
    assert_eq!(caller.get_with("/api/v1/session", &good).await.json()["subject"], "ana");
    let unsigned = good.rsplit_once('.').expect("three parts").0;
    let mut tokens =
        vec![format!("{good}."), format!("{good}.x.y"), unsigned.to_owned(), format!("{unsigned}.")];
    for alg in ["none", "None", "NONE", "nOnE", "RS1", "RS256", "HS256", "", "ES384"] {
        let token = site.signed(&json!({"alg": alg, "kid": "k1", "typ": "at+jwt"}), &json!({}));
        tokens.push(format!("{}.", token.rsplit_once('.').expect("three parts").0));
        tokens.push(token);
    }
    tokens.push(site.signed(&json!({"kid": "k1"}), &json!({})));
    let public = site.key.jwk.to_string();
    for (secret, kid) in [(public.as_bytes(), "k1"), (b"SECRET-of-the-client", "client"), (b"", "k1")] {
        tokens.push(hmac(
            secret,
            &json!({"alg": "HS256", "kid": kid, "typ": "at+jwt"}),
            &site.access_claims(),
        ));
    }
    for token in tokens {
        caller.get_with("/api/v1/session", &token).await.is_401();
        caller.get_with(FILE, &token).await.is_401();
    }
}

#[tokio::test]
async fn a_token_for_somebody_else_is_no_token_here() {
    let site = Site::start().await;
    let app = site.replica().await;
    let mut caller = Browser::at(&app);
    for audience in [
        json!("other-api"),
        json!("absent"),
        json!(null),
        json!(5),
        json!(""),
        json!([]),
        json!(["other-api"]),
        json!("API"),
        json!("api "),
        json!({"a": "api"}),
        json!("client"),
    ] {
        caller.get_with("/api/v1/session", &site.access_token(&json!({"aud": audience}))).await.is_401();
    }
    let both = site.access_token(&json!({"aud": ["other-api", "api"]}));
    assert_eq!(caller.get_with("/api/v1/session", &both).await.status, 200);
}

#[tokio::test]
async fn time_claims_are_numbers_are_there_and_are_checked() {
    let site = Site::start().await;
    let app = site.replica().await;
    let mut caller = Browser::at(&app);
    let now = site.now();
    for change in [
        json!({"exp": "absent"}),
        json!({"exp": "4102444800"}),
        json!({"exp": null}),
        json!({"exp": -1}),
        json!({"exp": 1e300}),
        json!({"exp": [4_102_444_800_u64]}),
        json!({"exp": now - 61}),
        json!({"nbf": now + 120}),
        json!({"nbf": "4102444790"}),
        json!({"iat": now + 600}),
        json!({"iat": "absent"}),
        json!({"exp": now + 86_400 + 60}),
    ] {
        caller.get_with("/api/v1/session", &site.access_token(&change)).await.is_401();
    }
    for change in [json!({"exp": now + 5}), json!({"nbf": now - 5})] {
        assert_eq!(
            caller.get_with("/api/v1/session", &site.access_token(&change)).await.status,
            200,
            "{change}"
        );
    }
}

#[tokio::test]
async fn each_kind_of_token_opens_only_its_own_door() {
    let site = Site::start().await;
    let app = site.replica().await;
    let mut caller = Browser::at(&app);
    let good = site.access_token(&json!({}));
    let id_token = site.id_token(&site.id_claims("n"));
    let logout_typ = json!({"alg": "ES256", "kid": "k1", "typ": "logout+jwt"});
    let event = json!({"events": {"http://schemas.openid.net/event/backchannel-logout": {}}});
    for token in [
        id_token.clone(),
        site.signed(&logout_typ, &event),
        site.signed(&at_jwt(), &event),
        "r-1".to_owned(),
        site.access_token(&json!({"cnf": {"jkt": "x"}})),
        site.access_token(&json!({"typ": "Refresh"})),
    ] {
        caller.get_with("/api/v1/session", &token).await.is_401();
    }
    for (name, value) in [
        ("authorization", format!("Basic {good}")),
        ("authorization", format!("DPoP {good}")),
        ("authorization", format!("bearer  {good}")),
        ("authorization", good.clone()),
        ("cookie", format!("{SESSION}={good}")),
        ("x-forwarded-user", "ana".to_owned()),
    ] {
        caller.send(Method::GET, "/api/v1/session", &[(name, &value)], "").await.is_401();
    }
    caller.get(&format!("/api/v1/session?access_token={good}")).await.is_401();
    let scheme = format!("bEARER {good}");
    let answer = caller.send(Method::GET, "/api/v1/session", &[("authorization", &scheme)], "").await;
    assert_eq!(answer.status, 200);
    let mut person = Browser::at(&app);
    person.log_in(&site, &json!({})).await;
    for token in [&id_token, &good] {
        let answer = caller.post_form("/auth/backchannel-logout", "logout_token", token).await;
        answer.is_problem(400, "invalid-request");
    }
    assert_eq!(person.session().await.status, 200);
}

#[tokio::test]
async fn one_request_brings_one_proof() {
    let site = Site::start().await;
    let app = site.replica().await;
    let mut person = Browser::at(&app);
    person.log_in(&site, &json!({})).await;
    let good = site.access_token(&json!({}));
    person.get_with("/api/v1/session", &good).await.is_401();
    let id = person.cookies.get(SESSION).expect("an id").clone();
    let mut other = Browser::at(&app);
    for line in [format!("{SESSION}={id}; {SESSION}={id}"), format!("{SESSION}=x; {SESSION}={id}")] {
        other.send(Method::GET, "/api/v1/session", &[("cookie", &line)], "").await.is_401();
    }
    let (one, two) = (format!("{SESSION}={id}"), format!("Bearer {good}"));
    other.send(Method::GET, "/api/v1/session", &[("cookie", &one), ("cookie", &one)], "").await.is_401();
    let twice = [("authorization", two.as_str()), ("authorization", &two)];
    other.send(Method::GET, "/api/v1/session", &twice, "").await.is_401();
    other.session().await.is_401();
    assert_eq!(person.session().await.status, 200);
}

#[tokio::test]
async fn a_token_cannot_bring_its_own_key() {
    let site = Site::start().await;
    let app = site.replica().await;
    let mut caller = Browser::at(&app);
    assert_eq!(caller.get_with("/api/v1/session", &site.access_token(&json!({}))).await.status, 200);
    let own = Key::new("own");
    let attacker = Idp::start(&own).await;
    let keys = format!("{}keys", attacker.issuer);
    let before = site.idp.asked("/keys").len();
    for header in [
        json!({"kid": "k1", "jwk": own.jwk}),
        json!({"kid": "own", "jwk": own.jwk}),
        json!({"kid": "k1", "jku": keys}),
        json!({"kid": "own", "x5u": keys}),
        json!({"kid": "k1", "x5c": ["MIIB"]}),
        json!({"kid": "../../../../dev/null"}),
        json!({"kid": "' OR 1=1 --"}),
        json!({"kid": "k".repeat(9_000)}),
        json!({"kid": "k1", "crit": ["exp2"], "exp2": 1}),
        json!({"kid": "unknown"}),
    ] {
        let mut header = header;
        header["alg"] = json!("ES256");
        header["typ"] = json!("at+jwt");
        let token = own.sign(&header, &site.access_claims());
        caller.get_with("/api/v1/session", &token).await.is_401();
    }
    let signed_by_us = site.signed(&json!({"alg": "ES256", "kid": "k1", "crit": ["exp2"]}), &json!({}));
    caller.get_with("/api/v1/session", &signed_by_us).await.is_401();
    assert!(attacker.asked_at_all().is_empty());
    assert!(site.idp.asked("/keys").len() <= before + 1);
}

#[tokio::test]
async fn a_key_that_the_provider_withdrew_stops_working() {
    let site = Site::start().await;
    let app = site.replica().await;
    let mut caller = Browser::at(&app);
    let old = site.access_token(&json!({"exp": site.now() + 7200}));
    assert_eq!(caller.get_with("/api/v1/session", &old).await.status, 200);
    let next = Key::new("k2");
    site.idp.change(|says| says.jwks = json!({"keys": [next.jwk]}));
    site.clock.advance(Duration::from_mins(15));
    caller.get_with("/api/v1/session", &old).await.is_401();
    let new = next.sign(&json!({"alg": "ES256", "kid": "k2", "typ": "at+jwt"}), &site.access_claims());
    assert_eq!(caller.get_with("/api/v1/session", &new).await.status, 200);
    assert_eq!(caller.get_with("/api/v1/session", &old).await.status, 401, "the set was replaced");
}

#[tokio::test]
async fn groups_that_did_not_fit_in_the_token_are_not_no_restriction() {
    let site = Site::start().await;
    let app = site.replica().await;
    let mut caller = Browser::at(&app);
    let attacker = Idp::start(&Key::new("own")).await;
    let endpoint = json!({"src1": {"endpoint": format!("{}groups", attacker.issuer)}});
    for change in [
        json!({"groups": "absent", "_claim_names": {"groups": "src1"}, "_claim_sources": endpoint}),
        json!({"groups": "absent", "hasgroups": true}),
        json!({"_claim_names": {"groups": "src1"}, "_claim_sources": endpoint}),
    ] {
        let token = site.access_token(&change);
        let session = caller.get_with("/api/v1/session", &token).await.json();
        assert_eq!(session["groups_complete"], json!(false), "{change}");
        let read = caller.get_with(FILE, &token).await;
        assert!(matches!(read.status, 403 | 404) && !read.body.contains("CANARY"), "{change}: {read:?}");
    }
    let contractor = site.access_token(&json!({"groups": ["engineers", "contractors"]}));
    assert_ne!(caller.get_with(FILE, &contractor).await.status, 200);
    let engineer = caller.get_with(FILE, &site.access_token(&json!({}))).await;
    assert!(engineer.status == 200 && engineer.body.contains("CANARY-1"));
    assert!(attacker.asked_at_all().is_empty(), "an address out of a token is never called");
}
