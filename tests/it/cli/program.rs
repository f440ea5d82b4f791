//! The messages of a login on the command line, with an identity provider that says whatever a test wants.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use logboom::authn::code_flow::{Callback, Flow, LoginError};
use logboom::authn::options::{CommandLineLogin, CommandLineOptions};
use logboom::authn::program::device::{Device, DeviceError};
use logboom::authn::program::{Program, Revocation, Tokens};
use logboom::domain::secret::Secret;
use logboom::domain::time::{Clock, SystemClock};
use serde_json::{Value, json};
use url::Url;

use crate::doubles::idp::{Idp, Key};

struct Setting {
    idp: Idp,
    key: Key,
    program: Program,
    callback: Url,
}

impl Setting {
    async fn start() -> Self {
        let key = Key::new("k1");
        let idp = Idp::start(&key).await;
        let device = idp.issuer.replace("/logboom/", "/device");
        idp.change(|says| says.discovery["device_authorization_endpoint"] = json!(device));
        let login = CommandLineLogin {
            name: "main".to_owned(),
            issuer: idp.issuer.clone(),
            endpoint_hosts: Vec::new(),
            client: CommandLineOptions {
                client_id: "cli".to_owned(),
                scopes: vec!["openid".to_owned(), "offline_access".to_owned()],
                resource: Some("https://logs.example/".to_owned()),
            },
        };
        let program = Program::new(&login, true, Arc::new(SystemClock)).expect("a client");
        Self { idp, key, program, callback: "http://127.0.0.1:49152/callback".parse().expect("a URL") }
    }

    fn id_token(&self, change: impl FnOnce(&mut Value)) -> String {
        let now = SystemClock.now().unix_seconds();
        let mut claims =
            json!({"iss": self.idp.issuer, "aud": "cli", "sub": "ana", "iat": now, "exp": now + 300});
        change(&mut claims);
        self.key.sign(&json!({"alg": "ES256", "kid": "k1"}), &claims)
    }

    /// What the token endpoint answers with an ID token.
    fn tokens(&self, change: impl FnOnce(&mut Value)) -> (u16, Value) {
        let id_token = self.id_token(change);
        let tokens = json!({"access_token": "access-1", "token_type": "Bearer", "expires_in": 300,
                            "refresh_token": "refresh-1", "id_token": id_token});
        (200, tokens)
    }

    async fn finish(&self, flow: &Flow) -> Result<Tokens, LoginError> {
        let (code, iss) = (Some(Secret::new("the-code".to_owned())), Some(self.idp.issuer.clone()));
        self.program.finish(flow, &self.callback, &Callback { code, iss, error: None }).await
    }

    async fn device(&self, change: &Value) -> Result<Device, DeviceError> {
        let mut answer = json!({"device_code": "device-1", "user_code": "WDJB-MJHT", "expires_in": 600, "interval": 2,
                                "verification_uri": "https://idp.example/device"});
        answer.as_object_mut().expect("an object").extend(change.as_object().expect("an object").clone());
        self.idp.change(|says| says.device = (200, answer));
        self.program.begin_device().await
    }

    /// Waits at a provider that gives these answers one after the other, without any waiting of the test; answers the
    /// pauses in seconds too.
    async fn wait(
        &self,
        device: &Device,
        answers: Vec<(u16, Value)>,
    ) -> (Result<Tokens, DeviceError>, Vec<u64>) {
        let (answers, pauses) = (Mutex::new(VecDeque::from(answers)), Mutex::new(Vec::new()));
        let next = || {
            let answer = answers.lock().expect("no poison").pop_front().expect("an answer is left");
            self.idp.change(|says| says.token = answer);
        };
        next();
        let pause = |time: Duration| {
            pauses.lock().expect("no poison").push(time.as_secs());
            next();
            std::future::ready(())
        };
        let waited = self.program.wait(device, pause).await;
        (waited, pauses.into_inner().expect("no poison"))
    }
}

fn error(code: &str) -> (u16, Value) {
    (400, json!({"error": code}))
}

fn form(body: &str) -> Vec<(String, String)> {
    url::form_urlencoded::parse(body.as_bytes()).into_owned().collect()
}

fn holds(pairs: &[(String, String)], name: &str, value: &str) -> bool {
    pairs.iter().any(|(found, held)| found == name && held == value)
}

#[tokio::test]
async fn a_program_shows_pkce_and_no_secret_and_says_what_the_token_is_for() {
    let setting = Setting::start().await;
    let begun = setting.program.begin(&setting.callback).await.expect("a login begins");
    let asked: Vec<_> = begun.location.query_pairs().into_owned().collect();
    assert!(holds(&asked, "code_challenge_method", "S256") && holds(&asked, "client_id", "cli"), "{asked:?}");
    assert!(holds(&asked, "redirect_uri", setting.callback.as_str()), "{asked:?}");
    assert!(holds(&asked, "scope", "openid offline_access"), "{asked:?}");
    assert!(holds(&asked, "resource", "https://logs.example/"), "{asked:?}");
    assert!(holds(&asked, "state", &begun.state) && holds(&asked, "nonce", &begun.flow.nonce), "{asked:?}");
    let answer = setting.tokens(|claims| claims["nonce"] = json!(begun.flow.nonce));
    setting.idp.change(|says| says.token = answer);
    let tokens = setting.finish(&begun.flow).await.expect("tokens");
    assert_eq!(tokens.access_token.expose(), "access-1");
    assert_eq!(tokens.refresh_token.expect("one").expose(), "refresh-1");
    let sent = form(&setting.idp.asked("/token")[0]);
    assert!(holds(&sent, "code_verifier", begun.flow.verifier.expose()), "{sent:?}");
    assert!(holds(&sent, "resource", "https://logs.example/"), "{sent:?}");
    assert!(!sent.iter().any(|(name, _)| name == "client_secret"), "{sent:?}");
}

#[tokio::test]
async fn a_program_takes_no_tokens_whose_id_token_is_not_for_this_login() {
    let setting = Setting::start().await;
    let begun = setting.program.begin(&setting.callback).await.expect("a login begins");
    let nonce = json!(begun.flow.nonce);
    let changes: [&dyn Fn(&mut Value); 4] = [
        &|claims| claims["nonce"] = json!("another"),
        &|_| {},
        &|claims| (claims["nonce"], claims["aud"]) = (nonce.clone(), json!("logboom")),
        &|claims| (claims["nonce"], claims["iss"]) = (nonce.clone(), json!("https://evil.example")),
    ];
    for change in changes {
        let answer = setting.tokens(change);
        setting.idp.change(|says| says.token = answer);
        assert!(matches!(setting.finish(&begun.flow).await, Err(LoginError::Token(_))));
    }
    setting.idp.change(|says| says.token = (200, json!({"access_token": "a", "token_type": "Bearer"})));
    assert!(matches!(setting.finish(&begun.flow).await, Err(LoginError::NoIdToken)));
}

#[tokio::test]
async fn a_code_of_another_issuer_is_sent_nowhere() {
    let setting = Setting::start().await;
    let begun = setting.program.begin(&setting.callback).await.expect("a login begins");
    for iss in [None, Some("https://evil.example/".to_owned())] {
        let callback = Callback { code: Some(Secret::new("the-code".to_owned())), iss, error: None };
        let finished = setting.program.finish(&begun.flow, &setting.callback, &callback).await;
        assert!(matches!(finished, Err(LoginError::OtherIssuer)));
    }
    assert!(setting.idp.asked("/token").is_empty());
}

#[tokio::test]
async fn a_device_waits_as_long_as_it_is_told_and_longer_when_it_asks_too_often() {
    let setting = Setting::start().await;
    let device = setting.device(&json!({})).await.expect("a code");
    assert_eq!(
        (device.user_code.as_str(), device.page.as_str()),
        ("WDJB-MJHT", "https://idp.example/device")
    );
    let answers = vec![
        error("authorization_pending"),
        error("slow_down"),
        error("authorization_pending"),
        setting.tokens(|_| {}),
    ];
    let (tokens, pauses) = setting.wait(&device, answers).await;
    assert_eq!(tokens.expect("tokens").access_token.expose(), "access-1");
    assert_eq!(pauses, [2, 7, 7]);
    assert!(holds(&form(&setting.idp.asked("/device")[0]), "scope", "openid offline_access"));
    for asked in setting.idp.asked("/token") {
        let sent = form(&asked);
        assert!(holds(&sent, "device_code", "device-1") && holds(&sent, "client_id", "cli"), "{sent:?}");
    }
}

#[tokio::test]
async fn a_device_never_asks_more_than_once_a_second() {
    let setting = Setting::start().await;
    let device = setting.device(&json!({"interval": 0})).await.expect("a code");
    let answers = vec![error("authorization_pending"), setting.tokens(|_| {})];
    assert_eq!(setting.wait(&device, answers).await.1, [1]);
}

#[tokio::test]
async fn a_device_tells_a_refusal_from_a_code_that_ended() {
    let setting = Setting::start().await;
    let device = setting.device(&json!({})).await.expect("a code");
    let (denied, _) = setting.wait(&device, vec![error("access_denied")]).await;
    assert!(matches!(denied, Err(DeviceError::Denied)));
    let (expired, _) =
        setting.wait(&device, vec![error("authorization_pending"), error("expired_token")]).await;
    assert!(matches!(expired, Err(DeviceError::Expired)));
    let (other, _) = setting.wait(&device, vec![error("<script>")]).await;
    assert_eq!(
        other.expect_err("it is refused").to_string(),
        "the identity provider refused the login: unknown_error"
    );
}

#[tokio::test]
async fn nobody_is_sent_to_a_page_that_is_not_https() {
    let setting = Setting::start().await;
    for page in ["http://idp.example/device", "javascript:alert(1)", "file:///etc/passwd"] {
        let refused = setting.device(&json!({"verification_uri": page})).await;
        assert!(matches!(refused, Err(DeviceError::Login(LoginError::Malformed))), "{page}");
    }
    let odd = setting.device(&json!({"verification_uri_complete": "file:///etc/passwd"})).await;
    assert_eq!(odd.expect("a code").page_with_code, None);
}

#[tokio::test]
async fn a_provider_without_a_place_for_it_is_told_from_one_that_refuses() {
    let setting = Setting::start().await;
    let refused = setting.program.begin_device().await;
    assert!(matches!(refused, Err(DeviceError::Login(LoginError::Refused { .. }))));
    let token = Secret::new("refresh-1".to_owned());
    assert_eq!(setting.program.revoke(&token).await.expect("taken"), Revocation::Done);
    assert!(holds(&form(&setting.idp.asked("/revoke")[0]), "token", "refresh-1"));

    let bare = Setting::start().await;
    bare.idp.change(|says| {
        let discovery = says.discovery.as_object_mut().expect("an object");
        discovery.retain(|name, _| {
            !matches!(name.as_str(), "revocation_endpoint" | "device_authorization_endpoint")
        });
    });
    assert!(matches!(bare.program.begin_device().await, Err(DeviceError::NotOffered)));
    assert_eq!(bare.program.revoke(&token).await.expect("nothing to do"), Revocation::NotOffered);
}

#[tokio::test]
async fn a_refresh_token_that_is_not_replaced_is_kept() {
    let setting = Setting::start().await;
    let answer = json!({"access_token": "access-2", "token_type": "Bearer", "expires_in": 300});
    setting.idp.change(|says| says.token = (200, answer));
    let tokens = setting.program.refresh(&Secret::new("refresh-1".to_owned())).await.expect("tokens");
    assert_eq!(tokens.access_token.expose(), "access-2");
    assert_eq!(tokens.refresh_token.expect("the old one").expose(), "refresh-1");
}
