//! What an identity provider, or somebody who plays one, cannot make a login believe.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use logboom::authn::bearer::{BearerOptions, TokenChecks};
use logboom::authn::code_flow::{Callback, Flow, LoginError, RefreshError};
use logboom::authn::discovery::IssuerAddress;
use logboom::authn::fetch::FetchLimits;
use logboom::authn::jwt::SigningAlgorithm;
use logboom::authn::keys::KeyLimits;
use logboom::authn::oidc::{Login, Provider};
use logboom::authn::options::{ClientProof, CommandLineOptions, LoginOptions, ProviderOptions};
use logboom::authn::presets::Preset;
use logboom::authn::{Authenticator, BuildError, Options, SessionLimits};
use logboom::db::{self, Db};
use logboom::domain::label::LabelOrder;
use logboom::domain::secret::Secret;
use logboom::domain::time::{Clock, SystemClock};
use logboom::vault::seal::Keys;
use serde_json::{Value, json};

use crate::doubles::idp::{Idp, Key};

pub(super) struct Site {
    pub(super) idp: Idp,
    pub(super) key: Key,
    provider: Arc<Provider>,
    pub(super) authenticator: Authenticator,
}

impl Site {
    pub(super) async fn start() -> Self {
        let key = Key::new("k1");
        let idp = Idp::start(&key).await;
        let authenticator = build(identity(&idp.issuer)).await.expect("an authenticator");
        let provider = Arc::clone(authenticator.logins().providers().first().expect("a provider"));
        Self { idp, key, provider, authenticator }
    }

    /// A login whose ID token is changed by the test before the double signs it.
    async fn login(&self, header: Value, change: impl FnOnce(&mut Value)) -> Result<Login, LoginError> {
        let begun = self.provider.begin().await.expect("a login begins");
        let mut claims = self.claims(&begun.flow.nonce);
        change(&mut claims);
        self.answer_with(&self.key.sign(&header, &claims));
        self.finish(&begun.flow).await
    }

    fn claims(&self, nonce: &str) -> Value {
        let now = SystemClock.now().unix_seconds();
        json!({"iss": self.idp.issuer, "aud": "client", "sub": "ana", "nonce": nonce, "iat": now, "exp": now + 300,
               "given_name": "Ana Lima", "name": "Ana Lima", "email_verified": "true", "sid": "s-1"})
    }

    fn answer_with(&self, id_token: &str) {
        let token = json!({"access_token": "opaque", "token_type": "Bearer", "expires_in": 300,
                           "refresh_token": "r-1", "id_token": id_token});
        self.idp.change(|says| says.token = (200, token));
    }

    async fn finish(&self, flow: &Flow) -> Result<Login, LoginError> {
        self.provider.finish(flow, &Self::callback(Some(&self.idp.issuer))).await
    }

    fn callback(iss: Option<&str>) -> Callback {
        let code = Some(Secret::new("code-1".to_owned()));
        Callback { code, iss: iss.map(str::to_owned), error: None }
    }
}

async fn build(options: Options) -> Result<Authenticator, BuildError> {
    let store = db::Options {
        url: Secret::new("sqlite::memory:".to_owned()),
        max_connections: 1,
        acquire_timeout: Duration::from_secs(5),
        migrate_at_start: true,
    };
    let db = Db::open(&store).await.expect("a database");
    let keys = Keys::local(&Secret::new([7; 32])).expect("keys");
    Authenticator::build(options, db, &keys, Arc::new(SystemClock))
}

fn header() -> Value {
    json!({"alg": "ES256", "kid": "k1", "typ": "JWT"})
}

fn identity(issuer: &str) -> Options {
    let labels = LabelOrder::new(&["public", "internal"]).expect("labels");
    let preset = Preset::find("cyberark").expect("a preset");
    let provider = ProviderOptions {
        name: "main".to_owned(),
        address: IssuerAddress {
            issuer: issuer.to_owned(),
            endpoint_hosts: Vec::new(),
            allow_loopback_http: true,
        },
        fetch: FetchLimits { timeout: Duration::from_secs(5), max_bytes: 1 << 20, allow_loopback_http: true },
        keys: KeyLimits { max_age: Duration::from_mins(15), refetch_interval: Duration::from_secs(10) },
        checks: TokenChecks {
            algorithms: vec![SigningAlgorithm::parse("ES256").expect("an algorithm")],
            leeway: Duration::from_mins(1),
        },
        mapping: preset.mapping(labels.lowest().clone()).expect("a mapping"),
        bearer: BearerOptions {
            audiences: vec!["api".to_owned()],
            clients: None,
            require_at_jwt: false,
            max_lifetime: Duration::from_hours(1),
        },
        login: Some(LoginOptions {
            client_id: "client".to_owned(),
            client: ClientProof::Post(Secret::new("s3cret".to_owned())),
            scopes: vec!["profile".to_owned()],
        }),
        command_line: None,
    };
    Options {
        public_url: "https://logs.example/".parse().expect("a URL"),
        providers: vec![provider],
        sessions: SessionLimits {
            idle: Duration::from_mins(15),
            absolute: Duration::from_hours(12),
            max_per_person: 10,
        },
        labels,
        remembered_tokens: 100,
    }
}

#[tokio::test]
async fn a_login_at_an_issuer_with_a_slash_at_its_end_names_the_person() {
    let site = Site::start().await;
    let login = site.login(header(), |_| {}).await.expect("a login");
    let principal = login.principal.expect("a person");
    assert_eq!((principal.id.subject.as_str(), principal.name.as_str()), ("ana", "Ana Lima"));
    assert_eq!((principal.id.issuer.as_str(), principal.groups_complete), (site.idp.issuer.as_str(), false));
    assert_eq!(login.idp_session.as_deref(), Some("s-1"));
    let [body] = &site.idp.asked("/token")[..] else { panic!("one token request") };
    for part in ["grant_type=authorization_code", "code=code-1", "code_verifier=", "client_secret=s3cret"] {
        assert!(body.contains(part), "{part}");
    }
}

#[tokio::test]
async fn every_login_has_its_own_state_nonce_and_challenge() {
    let site = Site::start().await;
    let mut seen = BTreeSet::new();
    for _ in 0..100 {
        let begun = site.provider.begin().await.expect("a login begins");
        let query = |name: &str| {
            let found = begun.location.query_pairs().find(|(key, _)| key == name);
            found.unwrap_or_else(|| panic!("{name} is there")).1.into_owned()
        };
        assert_eq!((query("response_type"), query("code_challenge_method")), ("code".into(), "S256".into()));
        assert_eq!(query("code_challenge").len(), 43);
        assert_eq!(query("redirect_uri"), "https://logs.example/auth/callback");
        assert!(query("scope").split(' ').any(|scope| scope == "openid"));
        for value in ["state", "nonce", "code_challenge"].map(query) {
            assert!(value.len() >= 43 && seen.insert(value));
        }
    }
}

#[tokio::test]
async fn an_id_token_gives_the_nonce_back() {
    let site = Site::start().await;
    for nonce in [json!(""), json!("another"), json!(null), json!(["n"])] {
        let answer = site.login(header(), |claims| claims["nonce"] = nonce.clone()).await;
        assert!(matches!(answer, Err(LoginError::Token(_) | LoginError::Malformed)), "{nonce}: {answer:?}");
    }
    let absent =
        site.login(header(), |claims| drop(claims.as_object_mut().expect("claims").remove("nonce"))).await;
    assert!(matches!(absent, Err(LoginError::Token(_))));
}

#[tokio::test]
async fn an_id_token_is_checked_for_issuer_audience_party_and_time() {
    let site = Site::start().await;
    let now = SystemClock.now().unix_seconds();
    let without_slash = site.idp.issuer.trim_end_matches('/').to_owned();
    for (name, value) in [
        ("iss", json!("https://other.example/")),
        ("iss", json!(without_slash)),
        ("aud", json!("other")),
        ("aud", json!(["client", "other"])),
        ("azp", json!("other")),
        ("exp", json!(now - 61)),
        ("iat", json!(now + 600)),
        ("at_hash", json!("AAAA")),
        ("sub", json!("")),
    ] {
        let answer = site.login(header(), |claims| claims[name] = value.clone()).await;
        assert!(
            matches!(answer, Err(LoginError::Token(_) | LoginError::Malformed)),
            "{name} {value}: {answer:?}"
        );
    }
    let both = |claims: &mut Value| {
        claims["aud"] = json!(["client", "other"]);
        claims["azp"] = json!("other");
    };
    assert!(site.login(header(), both).await.is_err());
}

#[tokio::test]
async fn an_id_token_is_signed_by_a_published_key_with_an_allowed_algorithm() {
    let site = Site::start().await;
    for changed in [
        json!({"alg": "none"}),
        json!({"alg": "HS256", "kid": "k1"}),
        json!({"alg": "ES256", "kid": "unknown"}),
        json!({"alg": "ES256", "kid": "k1", "typ": "logout+jwt"}),
        json!({"alg": "ES256", "kid": "k1", "typ": "at+jwt"}),
    ] {
        let answer = site.login(changed.clone(), |_| {}).await;
        assert!(matches!(answer, Err(LoginError::Token(_) | LoginError::Malformed)), "{changed}: {answer:?}");
    }
    let begun = site.provider.begin().await.expect("a login begins");
    site.answer_with(&Key::new("k1").sign(&header(), &site.claims(&begun.flow.nonce)));
    assert!(matches!(site.finish(&begun.flow).await, Err(LoginError::Token(_))), "a stranger's key");
}

#[tokio::test]
async fn a_callback_that_names_another_issuer_or_none_sends_no_code_anywhere() {
    let site = Site::start().await;
    let begun = site.provider.begin().await.expect("a login begins");
    let (extra, less) = (format!("{}/", site.idp.issuer), site.idp.issuer.trim_end_matches('/'));
    for iss in [None, Some("https://idp2.example"), Some(extra.as_str()), Some(less)] {
        let answer = site.provider.finish(&begun.flow, &Site::callback(iss)).await;
        assert!(matches!(answer, Err(LoginError::OtherIssuer)), "{iss:?}");
    }
    assert!(site.idp.asked("/token").is_empty());
}

#[tokio::test]
async fn what_a_provider_says_in_an_error_is_not_repeated() {
    let site = Site::start().await;
    let begun = site.provider.begin().await.expect("a login begins");
    let error = Some("<script>alert(1)</script>\r\n".to_owned());
    let callback = Callback { code: None, error, ..Site::callback(Some(&site.idp.issuer)) };
    let answer = site.provider.finish(&begun.flow, &callback).await.expect_err("a refusal");
    assert_eq!(answer.to_string(), "the identity provider refused the login: unknown_error");
}

#[tokio::test]
async fn a_provider_without_s256_or_of_another_name_begins_no_login() {
    for (name, value) in [
        ("code_challenge_methods_supported", json!(["plain"])),
        ("response_types_supported", json!(["token"])),
        ("issuer", json!("https://other.example/")),
        ("token_endpoint", json!("http://192.0.2.1/token")),
        ("jwks_uri", json!("https://attacker.example/keys")),
    ] {
        let site = Site::start().await;
        site.idp.change(|says| says.discovery[name] = value.clone());
        assert!(matches!(site.provider.begin().await, Err(LoginError::Unavailable(_))), "{name}");
        let [(_, Some(problem))] = &site.authenticator.health().await[..] else { panic!("a finding") };
        assert!(!problem.is_empty());
    }
}

#[tokio::test]
async fn a_client_of_command_lines_is_no_audience_because_its_id_tokens_bear_it() {
    let built = async |require_at_jwt| {
        let mut options = identity("https://idp.example/");
        let client_id = "api".to_owned();
        let client = CommandLineOptions { client_id, scopes: Vec::new(), resource: None };
        let provider = options.providers.first_mut().expect("a provider");
        provider.command_line = Some(client);
        provider.bearer.require_at_jwt = require_at_jwt;
        build(options).await
    };
    assert!(matches!(built(false).await, Err(BuildError::Audience { .. })));
    assert!(built(true).await.is_ok(), "the type tells them apart");
}

#[tokio::test]
async fn a_refresh_ends_only_when_the_provider_ends_it() {
    let site = Site::start().await;
    let token = Secret::new("r-1".to_owned());
    let refresh = || site.provider.refresh(&token);
    assert!(matches!(refresh().await, Err(RefreshError::Ended(_))), "invalid_grant");
    site.idp.change(|says| says.token = (503, json!({"error": "temporarily_unavailable"})));
    assert!(matches!(refresh().await, Err(RefreshError::Unavailable(_))));
    let mut claims = site.claims("not needed");
    claims.as_object_mut().expect("claims").remove("nonce");
    site.answer_with(&site.key.sign(&header(), &claims));
    let login = refresh().await.expect("new tokens");
    assert_eq!(login.principal.expect("a person").id.subject, "ana");
    site.idp.change(|says| {
        says.token = (200, json!({"access_token": "a", "token_type": "Bearer", "refresh_token": "r-2"}));
    });
    let login = refresh().await.expect("new tokens");
    assert!(login.principal.is_none() && login.refresh_token.is_some());
}

#[tokio::test]
async fn a_logout_token_is_taken_only_in_its_exact_form() {
    let site = Site::start().await;
    let now = SystemClock.now().unix_seconds();
    let event = json!({"http://schemas.openid.net/event/backchannel-logout": {}});
    let good = json!({"iss": site.idp.issuer, "aud": "client", "iat": now, "exp": now + 120, "jti": "j-1",
                      "sid": "s-1", "events": event});
    let typ = json!({"alg": "ES256", "kid": "k1", "typ": "logout+jwt"});
    let taken = site.provider.logout_token(&site.key.sign(&typ, &good)).await.expect("a logout");
    assert_eq!((taken.session.as_deref(), taken.subject), (Some("s-1"), None));
    for (name, value) in [
        ("nonce", json!("n")),
        ("events", json!(null)),
        ("events", json!({"other": {}})),
        ("events", json!([event])),
        ("aud", json!("other")),
        ("iss", json!("https://other.example/")),
        ("iat", json!(now - 600)),
        ("jti", json!(null)),
        ("sid", json!(5)),
        ("exp", json!(null)),
    ] {
        let mut claims = good.clone();
        claims[name] = value.clone();
        let answer = site.provider.logout_token(&site.key.sign(&typ, &claims)).await;
        assert!(answer.is_err(), "{name} {value}");
    }
    let mut nobody = good.clone();
    nobody.as_object_mut().expect("claims").remove("sid");
    assert!(site.provider.logout_token(&site.key.sign(&typ, &nobody)).await.is_err());
    let id_token = site.key.sign(&header(), &site.claims("n"));
    assert!(site.provider.logout_token(&id_token).await.is_err());
}
