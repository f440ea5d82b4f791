//! The demo's identity provider over a real socket, used by the `openidconnect` client library.

use std::sync::Arc;

use logboom::demo::idp::{CLIENT_ID, DemoIdp};
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
    http: reqwest::Client,
    _server: JoinSet<()>,
}

impl Running {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let origin = format!("http://{}", listener.local_addr().expect("an address"));
        let idp = DemoIdp::new(&origin, Arc::new(SystemClock)).expect("an identity provider");
        let mut server = JoinSet::new();
        server.spawn(async move { axum::serve(listener, idp.router()).await.expect("it serves") });
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build();
        Self { origin, http: http.expect("a client"), _server: server }
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
