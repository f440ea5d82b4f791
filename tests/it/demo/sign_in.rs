//! The demo's identity provider over a real socket, used by the `openidconnect` client library.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use logboom::authn::bearer::{BearerDoor, BearerOptions, Bearers, TokenChecks};
use logboom::authn::claim_path::ClaimPath;
use logboom::authn::claims::ClaimMapping;
use logboom::authn::discovery::IssuerAddress;
use logboom::authn::fetch::{Fetch, FetchLimits};
use logboom::authn::jwt::SigningAlgorithm;
use logboom::authn::keys::{Issuer, KeyLimits};
use logboom::authn::presets::Preset;
use logboom::demo::idp::{API_AUDIENCE, CLIENT_ID, DemoIdp, Person};
use logboom::demo::prepare::HEADER_TTL;
use logboom::domain::label::LabelOrder;
use logboom::domain::principal::Group;
use logboom::domain::time::SystemClock;
use openidconnect::core::{
    CoreAuthenticationFlow, CoreClient, CoreJwsSigningAlgorithm, CoreProviderMetadata,
};
use openidconnect::{
    AuthorizationCode, ClientId, CsrfToken, HttpRequest, HttpResponse, IssuerUrl, Nonce, OAuth2TokenResponse,
    PkceCodeChallenge, RedirectUrl, TokenResponse,
};
use reqwest::header::LOCATION;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use url::Url;

/// A running identity provider; it stops with the value.
struct Running {
    origin: String,
    idp: DemoIdp,
    http: reqwest::Client,
    _server: JoinSet<()>,
}

impl Running {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let origin = format!("http://{}", listener.local_addr().expect("an address"));
        let idp = DemoIdp::new(&origin, Arc::new(SystemClock)).expect("an identity provider");
        let (mut server, router) = (JoinSet::new(), idp.router());
        server.spawn(async move { axum::serve(listener, router).await.expect("it serves") });
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build();
        Self { origin, idp, http: http.expect("a client"), _server: server }
    }

    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, reqwest::Error> {
        let (parts, body) = request.into_parts();
        let request = self.http.request(parts.method, parts.uri.to_string()).headers(parts.headers);
        let response = request.body(body).send().await?;
        let (status, headers) = (response.status(), response.headers().clone());
        let mut answer = HttpResponse::new(response.bytes().await?.to_vec());
        *answer.status_mut() = status;
        *answer.headers_mut() = headers;
        Ok(answer)
    }

    /// Presses a person's button on the page that the client sent the browser to.
    async fn choose(&self, page: &Url, person: &str) -> Url {
        let mut form: Vec<(String, String)> = page.query_pairs().into_owned().collect();
        form.push(("person".to_owned(), person.to_owned()));
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let address = format!("{}{}", self.origin, page.path());
        let request = self.http.post(address).header("origin", &self.origin).body(body);
        let response = request.send().await.expect("an answer");
        let back = response.headers().get(LOCATION).expect("a redirect").to_str().expect("text");
        Url::parse(back).expect("a URL")
    }
}

#[tokio::test]
async fn a_standard_client_signs_somebody_in_and_renews_the_tokens() {
    let running = Running::start().await;
    let call = |request| running.call(request);
    let issuer = IssuerUrl::new(format!("{}/demo-idp", running.origin)).expect("an issuer");
    let metadata = CoreProviderMetadata::discover_async(issuer, &call).await.expect("discovery");
    let back = RedirectUrl::new(format!("{}/auth/callback", running.origin)).expect("a URL");
    let client = CoreClient::from_provider_metadata(metadata, ClientId::new(CLIENT_ID.to_owned()), None)
        .set_redirect_uri(back);
    let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
    let flow = CoreAuthenticationFlow::AuthorizationCode;
    let (page, state, nonce) = client
        .authorize_url(flow, CsrfToken::new_random, Nonce::new_random)
        .set_pkce_challenge(challenge)
        .url();
    let back = running.choose(&page, "owner").await;
    let find = |name: &str| back.query_pairs().find(|(n, _)| n == name).map(|(_, v)| v.into_owned());
    assert_eq!(find("state").as_ref(), Some(state.secret()));
    let code = AuthorizationCode::new(find("code").expect("a code"));
    let exchange = client.exchange_code(code).expect("a token endpoint").set_pkce_verifier(verifier);
    let tokens = exchange.request_async(&call).await.expect("tokens");
    let es256 = [CoreJwsSigningAlgorithm::EcdsaP256Sha256];
    let id_token = tokens.id_token().expect("an ID token");
    let proof = client.id_token_verifier().set_allowed_algs(es256);
    let claims = id_token.claims(&proof, &nonce).expect("a valid ID token");
    assert_eq!(claims.subject().as_str(), "demo-owner");
    let renewal = tokens.refresh_token().expect("a refresh token");
    let renewed = client.exchange_refresh_token(renewal).expect("a token endpoint");
    assert!(renewed.request_async(&call).await.expect("tokens").refresh_token().is_some());
}

/// What the demo's configuration makes of claims.
fn mapping() -> ClaimMapping {
    let labels = LabelOrder::new(&["public", "internal", "confidential", "restricted"]).expect("labels");
    let groups = ["engineers", "payments-owners", "security-officers"];
    let groups = groups.map(|name| (name.to_owned(), Group::parse(name).expect("a group")));
    let standard =
        Preset::find("standard").expect("a preset").mapping(labels.lowest().clone()).expect("a mapping");
    ClaimMapping {
        group_names: BTreeMap::from(groups),
        clearance: Some(ClaimPath::parse("clearance").expect("a path")),
        clearance_names: labels.iter().map(|label| (label.as_str().to_owned(), label.clone())).collect(),
        ..standard
    }
}

fn door(running: &Running) -> BearerDoor {
    let limits =
        FetchLimits { timeout: Duration::from_secs(5), max_bytes: 65_536, allow_loopback_http: true };
    let address =
        IssuerAddress { issuer: running.idp.issuer(), endpoint_hosts: Vec::new(), allow_loopback_http: true };
    let keys = KeyLimits { max_age: Duration::from_mins(15), refetch_interval: Duration::from_secs(10) };
    let fetch = Fetch::new(limits).expect("a client");
    BearerDoor {
        issuer: Arc::new(Issuer::new(address, keys, fetch, Arc::new(SystemClock))),
        options: BearerOptions {
            audiences: vec![API_AUDIENCE.to_owned()],
            clients: Some(vec![CLIENT_ID.to_owned()]),
            require_at_jwt: true,
            max_lifetime: HEADER_TTL,
        },
        checks: TokenChecks {
            algorithms: vec![SigningAlgorithm::parse("ES256").expect("an algorithm")],
            leeway: Duration::ZERO,
        },
        mapping: Arc::new(mapping()),
    }
}

#[tokio::test]
async fn a_token_for_curl_passes_the_strictest_door() {
    let running = Running::start().await;
    let bearers = Bearers::new(vec![door(&running)], Arc::new(SystemClock), 8);
    for person in Person::ALL {
        let token = running.idp.access_token_for(person, HEADER_TTL).expect("a token");
        let principal = bearers.authenticate(token.expose()).await.expect("a principal");
        assert_eq!(principal.id.subject, person.subject());
        assert!(principal.groups_complete && principal.groups.len() == person.groups().len());
        assert_eq!(principal.clearance.as_str(), person.clearance());
    }
}
