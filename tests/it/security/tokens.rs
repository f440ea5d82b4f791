//! Access tokens of an issuer that is really asked for its keys.

use futures::future::join_all;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};
use logboom::authn::AuthnError;
use logboom::domain::time::{Clock, SystemClock};
use serde_json::json;

use super::login::Site;

fn bearer(site: &Site, kid: &str) -> HeaderMap {
    let now = SystemClock.now().unix_seconds();
    let claims = json!({"iss": site.idp.issuer, "aud": "api", "sub": "ana", "iat": now, "exp": now + 300});
    let token = site.key.sign(&json!({"alg": "ES256", "kid": kid, "typ": "at+jwt"}), &claims);
    let value = HeaderValue::from_str(&format!("Bearer {token}")).expect("a header");
    HeaderMap::from_iter([(AUTHORIZATION, value)])
}

#[tokio::test]
async fn unknown_keys_cost_the_issuer_no_more_than_one_call_in_an_interval() {
    let site = Site::start().await;
    let known = bearer(&site, "k1");
    let people = join_all((0..20).map(|_| site.authenticator.authenticate(&known))).await;
    assert!(people.iter().all(Result::is_ok));
    let strangers: Vec<_> = (0..20).map(|n| bearer(&site, &format!("k{}", n + 2))).collect();
    let answers = join_all(strangers.iter().map(|headers| site.authenticator.authenticate(headers))).await;
    assert!(answers.iter().all(|answer| matches!(answer, Err(AuthnError::Unauthenticated))));
    assert_eq!(site.idp.asked("/keys").len(), 1);
}

#[tokio::test]
async fn an_issuer_whose_keys_cannot_be_had_is_away_and_lets_nobody_in() {
    let site = Site::start().await;
    site.idp.change(|says| says.jwks = json!({"keys": []}));
    let answer = site.authenticator.authenticate(&bearer(&site, "k1")).await;
    assert!(matches!(answer, Err(AuthnError::Unavailable { .. })), "{answer:?}");
}

#[tokio::test]
async fn two_proofs_of_identity_are_none() {
    let site = Site::start().await;
    let mut twice = bearer(&site, "k1");
    let proof = twice.get(AUTHORIZATION).expect("a proof").clone();
    twice.append(AUTHORIZATION, proof);
    let answer = site.authenticator.authenticate(&twice).await;
    assert!(matches!(answer, Err(AuthnError::Unauthenticated)));
}
