//! Tokens, secret ids and paths: in requests to Vault, and nowhere else.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use logboom::domain::secret::Secret;
use logboom::vault::fixed::SecretText;
use logboom::vault::server::sign_in::SecretId;
use logboom::vault::server::{Vault, VaultOperation};
use serde_json::{Value, json};
use tracing_subscriber::filter::LevelFilter;

use crate::harness::recorder::Recorder;
use crate::vault::{Place, Role, eventually, path, vault};

/// What was logged, in memory.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("no poison").write(text)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A Vault whose every word is a secret, and that fails where a client would be tempted to tell.
async fn talkative() -> Recorder {
    let answer = |status: &str, body: &Value| {
        let body = body.to_string();
        let head = format!("HTTP/1.1 {status}\r\ncontent-type: application/json\r\nconnection: close\r\n");
        format!("{head}content-length: {}\r\n\r\n{body}", body.len()).into_bytes()
    };
    Recorder::http(move |request| match request.split(' ').nth(1).unwrap_or_default() {
        "/v1/sys/wrapping/lookup" => {
            answer("200 OK", &json!({"data": {"creation_path": "auth/approle/role/logboom/secret-id"}}))
        }
        "/v1/sys/wrapping/unwrap" => answer("200 OK", &json!({"data": {"secret_id": "SECRET-id"}})),
        "/v1/auth/approle/login" => {
            let auth = json!({"client_token": "SECRET-token", "lease_duration": 3, "renewable": true});
            answer("200 OK", &json!({ "auth": auth }))
        }
        "/v1/SECRET-path/known" => answer("200 OK", &json!({"data": {"word": "SECRET-word"}})),
        "/v1/SECRET-path/odd" => answer("200 OK", &json!({"data": {"word": ["SECRET-odd"]}})),
        _ => answer("500 Internal Server Error", &json!({"errors": ["SECRET-token failed", request]})),
    })
    .await
}

async fn use_it(vault: &Vault) {
    let place = Place { path: path("SECRET-path/known"), policy: String::new() };
    assert_eq!(place.read(vault).await.expect("it reads"), "SECRET-word");
    for bad in ["SECRET-path/odd", "SECRET-path/gone"] {
        let place = Place { path: path(bad), policy: String::new() };
        let error = place.read(vault).await.expect_err("no good answer");
        assert!(!format!("{error:?} {error}").contains("SECRET"), "{error:?}");
    }
    let renewals = async || {
        let counts = vault.counts();
        counts
            .keys()
            .any(|(operation, failed)| *operation == VaultOperation::Renew && failed.is_some())
            .then_some(())
    };
    eventually(renewals).await;
    vault.close().await;
    assert!(!format!("{vault:?} {:?}", vault.standing()).contains("SECRET"));
}

#[tokio::test]
async fn the_most_talkative_log_holds_no_token_no_secret_id_and_no_path() {
    let server = talkative().await;
    let role = Role { mount: "approle".to_owned(), role_id: "r".to_owned() };
    let wrapping = SecretText::Value(Secret::new("SECRET-wrapping".to_owned()));
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(LevelFilter::TRACE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    // With one subscriber alone, an event that another test's thread meets first would be off for all threads.
    let _second = tracing::Dispatch::new(tracing_subscriber::registry());
    {
        // The runtime of a test has one thread, so this catches the keeper's task as well.
        let _logging = tracing::subscriber::set_default(subscriber);
        let vault = vault(&format!("http://{}", server.addr()), role.by(SecretId::Wrapped(wrapping)));
        use_it(&vault).await;
    }
    let logged = String::from_utf8(log.0.lock().expect("no poison").clone()).expect("a text");
    for told in ["signed in to Vault", "could not be renewed", "could not be given back", "hyper"] {
        assert!(logged.contains(told), "it does log {told:?}:\n{logged}");
    }
    assert!(!logged.contains("SECRET"), "{logged}");
}
