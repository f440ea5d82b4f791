//! Which access tokens come through the door.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};

use super::*;
use crate::authn::presets::Preset;
use crate::authn::testing::{ISSUER, TestClock, TestKey, issuer, publish, with};
use crate::domain::label::LabelOrder;
use crate::domain::principal::Group;

struct Door {
    clock: Arc<TestClock>,
    issuer: Arc<Issuer>,
    key: TestKey,
    bearers: Bearers,
}

impl Door {
    fn new() -> Self {
        Self::with_options(|_| {})
    }

    fn with_options(change: impl FnOnce(&mut BearerOptions)) -> Self {
        let clock = TestClock::start();
        let key = TestKey::ec("k1");
        let issuer = issuer(&clock, &[&key, &TestKey::rsa("r1")]);
        let labels = LabelOrder::new(&["public", "internal"]).unwrap();
        let mut mapping = Preset::find("standard").unwrap().mapping(labels.lowest().clone()).unwrap();
        mapping.group_names.insert("Team A".to_owned(), Group::parse("team-a").unwrap());
        let mut options = BearerOptions {
            audiences: vec!["ours".to_owned()],
            clients: None,
            require_at_jwt: false,
            max_lifetime: Duration::from_hours(1),
        };
        change(&mut options);
        let algorithms = ["ES256", "RS256"].map(|name| SigningAlgorithm::parse(name).unwrap()).to_vec();
        let checks = TokenChecks { algorithms, leeway: Duration::from_mins(1) };
        let door = BearerDoor { issuer: Arc::clone(&issuer), options, checks, mapping: Arc::new(mapping) };
        let bearers = Bearers::new(vec![door], Arc::clone(&clock) as Arc<dyn Clock>, 100);
        Self { clock, issuer, key, bearers }
    }

    fn claims(&self) -> Value {
        let now = self.clock.seconds();
        json!({"iss": ISSUER, "aud": "ours", "sub": "ana", "exp": now + 300, "iat": now, "nbf": now - 5,
               "groups": ["Team A", "Everybody"]})
    }

    async fn ask(&self, token: &str) -> Result<Arc<Principal>, BearerError> {
        self.bearers.authenticate(token).await
    }

    async fn claims_with(&self, changes: Value) -> Result<Arc<Principal>, BearerError> {
        self.ask(&self.key.sign(&self.key.header(), &with(self.claims(), &changes))).await
    }

    async fn header_with(&self, changes: Value) -> Result<Arc<Principal>, BearerError> {
        self.ask(&self.key.sign(&with(self.key.header(), &changes), &self.claims())).await
    }
}

#[tokio::test]
async fn a_valid_token_is_a_person_with_mapped_groups_alone() {
    let door = Door::new();
    let person = door.claims_with(json!({})).await.unwrap();
    assert_eq!(person.id.to_string(), format!("{ISSUER}#ana"));
    assert_eq!(person.groups.iter().map(Group::as_str).collect::<Vec<_>>(), ["team-a"]);
    assert_eq!(person.proof, Proof::Bearer);
    let rsa = TestKey::rsa("r1");
    door.ask(&rsa.sign(&rsa.header(), &door.claims())).await.unwrap();
}

#[tokio::test]
async fn only_configured_asymmetric_algorithms_sign() {
    let door = Door::new();
    let claims = BASE64.encode(door.claims().to_string());
    for alg in ["none", "None", "NONE", "nOnE", "RS1", "HS256", ""] {
        let header = BASE64.encode(json!({"alg": alg, "kid": "k1"}).to_string());
        let bare = door.ask(&format!("{header}.{claims}.")).await;
        assert!(matches!(bare, Err(BearerError::Jwt(InvalidJwt::Algorithm))), "{alg}: {bare:?}");
    }
    let rsa = TestKey::rsa("r1");
    let n = BASE64.decode(rsa.jwk["n"].as_str().unwrap()).unwrap();
    let header = BASE64.encode(json!({"alg": "HS256", "kid": "r1"}).to_string());
    let signed = format!("{header}.{claims}");
    for secret in [n.as_slice(), b"the client secret", rsa.jwk.to_string().as_bytes()] {
        let key = EncodingKey::from_secret(secret);
        let signature = jsonwebtoken::crypto::sign(signed.as_bytes(), &key, Algorithm::HS256).unwrap();
        assert!(door.ask(&format!("{signed}.{signature}")).await.is_err());
    }
    assert!(door.header_with(json!({"alg": "RS256"})).await.is_err(), "RS256 on an EC key");
    assert!(
        door.header_with(json!({"alg": "RS256", "kid": "r1"})).await.is_err(),
        "an EC signature as RS256"
    );
    assert!(door.header_with(json!({"alg": "ES384"})).await.is_err());
    assert!(door.header_with(json!({"alg": "absent"})).await.is_err());
    for junk in [
        "",
        ".",
        "..",
        "...",
        "a.b.c",
        "a.b.c.d.e",
        &format!("{}.x", door.key.sign(&door.key.header(), &door.claims())),
    ] {
        assert!(matches!(door.ask(junk).await, Err(BearerError::Jwt(_))), "{junk}");
    }
}

#[tokio::test]
async fn a_token_for_somebody_else_is_no_token_here() {
    let door = Door::new();
    for aud in [
        json!("other-api"),
        json!("absent"),
        json!(null),
        json!(5),
        json!(""),
        json!([]),
        json!(["other-api"]),
        json!("OURS"),
        json!("ours "),
        json!({"a": "ours"}),
        json!(["ours", 5]),
    ] {
        let answer = door.claims_with(json!({"aud": aud.clone()})).await;
        assert!(matches!(answer, Err(BearerError::Token(InvalidToken::Audience))), "{aud}: {answer:?}");
    }
    assert!(door.claims_with(json!({"aud": ["other-api", "ours"]})).await.is_ok());
    for iss in
        [json!("http://127.0.0.1:9/app"), json!("absent"), json!(null), json!(["http://127.0.0.1:9/app/"])]
    {
        assert!(door.claims_with(json!({"iss": iss.clone()})).await.is_err(), "{iss}");
    }
    for sub in [json!("absent"), json!(null), json!(7), json!("")] {
        assert!(door.claims_with(json!({"sub": sub.clone()})).await.is_err(), "{sub}");
    }
}

#[tokio::test]
async fn time_claims_are_numbers_are_there_and_are_checked() {
    let door = Door::new();
    let now = door.clock.seconds();
    for refused in [
        json!({"exp": "absent"}),
        json!({"exp": "4102444800"}),
        json!({"exp": null}),
        json!({"exp": -1}),
        json!({"exp": 1e300}),
        json!({"exp": [4_102_444_800_i64]}),
        json!({"exp": now - 61}),
        json!({"nbf": now + 120}),
        json!({"nbf": "4102444790"}),
        json!({"iat": now + 600}),
        json!({"iat": "absent"}),
        json!({"iat": null}),
        json!({"exp": now + 3601}),
    ] {
        assert!(door.claims_with(refused.clone()).await.is_err(), "{refused}");
    }
    for taken in
        [json!({"exp": now + 5}), json!({"nbf": now - 5}), json!({"nbf": "absent"}), json!({"exp": now - 59})]
    {
        assert!(door.claims_with(taken.clone()).await.is_ok(), "{taken}");
    }
}

#[tokio::test]
async fn each_kind_of_token_opens_only_its_own_door() {
    let door = Door::new();
    for typ in ["logout+jwt", "id_token+jwt", "dpop+jwt", "secevent+jwt"] {
        assert!(door.header_with(json!({"typ": typ})).await.is_err(), "{typ}");
    }
    for typ in [json!("JWT"), json!("application/AT+jwt"), json!("absent")] {
        assert!(door.header_with(json!({"typ": typ.clone()})).await.is_ok(), "{typ}");
    }
    for other in [
        json!({"nonce": "n"}),
        json!({"at_hash": "h"}),
        json!({"events": {}}),
        json!({"cnf": {"jkt": "t"}}),
        json!({"typ": "ID"}),
        json!({"typ": "Refresh"}),
        json!({"token_use": "id"}),
        json!({"scope": ["a"]}),
    ] {
        assert!(door.claims_with(other.clone()).await.is_err(), "{other}");
    }
    let strict = Door::with_options(|options| options.require_at_jwt = true);
    assert!(strict.claims_with(json!({})).await.is_ok());
    assert!(strict.header_with(json!({"typ": "JWT"})).await.is_err());
    assert!(strict.header_with(json!({"typ": "absent"})).await.is_err());
}

#[tokio::test]
async fn a_token_cannot_bring_its_own_key_or_an_extension() {
    let door = Door::new();
    let stranger = TestKey::ec("k1");
    for brought in [
        json!({"jwk": stranger.jwk}),
        json!({"jku": "https://attacker.example/jwks"}),
        json!({"x5u": "https://attacker.example/c"}),
        json!({"kid": "../../../../dev/null"}),
        json!({"kid": "' OR 1=1 --"}),
        json!({"kid": 5}),
        json!({"kid": "k".repeat(1 << 20)}),
        json!({"kid": "absent"}),
    ] {
        let token = stranger.sign(&with(stranger.header(), &brought), &door.claims());
        assert!(door.ask(&token).await.is_err());
    }
    assert!(door.header_with(json!({"crit": ["exp2"]})).await.is_err());
    assert!(door.header_with(json!({"b64": false})).await.is_err());
    let twice = door.claims().to_string().replacen('{', r#"{"aud": "other", "#, 1);
    let signed = door.key.sign(&door.key.header(), &door.claims());
    let (header, _) = signed.split_once('.').unwrap();
    let answer = door.ask(&format!("{header}.{}.AAAA", BASE64.encode(twice))).await;
    assert!(matches!(answer, Err(BearerError::Jwt(InvalidJwt::Malformed))));
}

#[tokio::test]
async fn a_token_of_a_withdrawn_key_is_refused_even_if_it_was_seen_before() {
    let door = Door::new();
    let token = door.key.sign(&door.key.header(), &door.claims());
    door.ask(&token).await.unwrap();
    publish(&door.issuer, &door.clock, &[&TestKey::ec("k2")]);
    assert!(matches!(door.ask(&token).await, Err(BearerError::Key(_))));
}

#[tokio::test]
async fn keys_older_than_a_quarter_of_an_hour_are_not_used() {
    let door = Door::with_options(|options| options.max_lifetime = Duration::from_hours(9));
    let long = door.clock.seconds() + 7200;
    let token = door.key.sign(&door.key.header(), &with(door.claims(), &json!({"exp": long})));
    door.ask(&token).await.unwrap();
    door.clock.advance(Duration::from_mins(14));
    door.ask(&token).await.unwrap();
    door.clock.advance(Duration::from_secs(61));
    assert!(matches!(door.ask(&token).await, Err(BearerError::Key(KeyError::Away { .. }))));
}

#[tokio::test]
async fn a_remembered_token_ends_at_its_expiry() {
    let door = Door::new();
    let token = door.key.sign(&door.key.header(), &door.claims());
    door.ask(&token).await.unwrap();
    door.clock.advance(Duration::from_secs(361));
    assert!(matches!(door.ask(&token).await, Err(BearerError::Token(InvalidToken::Expired))));
}

#[tokio::test]
async fn only_listed_clients_ask_where_there_is_a_list() {
    let door = Door::with_options(|options| options.clients = Some(vec!["cli".to_owned()]));
    assert!(door.claims_with(json!({"azp": "cli"})).await.is_ok());
    assert!(door.claims_with(json!({"client_id": "cli"})).await.is_ok());
    assert!(door.claims_with(json!({"azp": "cli", "client_id": "other"})).await.is_err());
    assert!(door.claims_with(json!({"azp": "other"})).await.is_err());
    assert!(door.claims_with(json!({})).await.is_err());
}

#[tokio::test]
async fn groups_that_did_not_fit_make_the_person_incomplete() {
    let door = Door::new();
    for overage in [
        json!({"groups": "absent", "hasgroups": true}),
        json!({"groups": "absent", "hasgroups": "true"}),
        json!({"groups": "absent", "_claim_names": {"groups": "src1"},
               "_claim_sources": {"src1": {"endpoint": "http://127.0.0.1:9/groups"}}}),
    ] {
        let person = door.claims_with(overage).await.unwrap();
        assert!(!person.groups_complete && person.groups.is_empty());
    }
    assert!(door.claims_with(json!({})).await.unwrap().groups_complete);
}

proptest::proptest! {
    #[test]
    fn no_text_is_a_person(text in "[-_a-zA-Z0-9.=]{0,80}") {
        let door = Door::new();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        proptest::prop_assert!(runtime.block_on(door.ask(&text)).is_err());
    }
}
