//! Client secrets, tokens and signatures: in requests and links, and nowhere else.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use logboom::domain::credential::Credential;
use logboom::domain::key::Delimiter;
use logboom::domain::secret::Secret;
use logboom::domain::time::{Clock, SystemClock};
use logboom::provider::{LinkOptions, Store, StoreErrorKind};
use tracing_subscriber::filter::LevelFilter;

use crate::contract::store::{key, page, read};
use crate::harness::azurite::{AUDIENCE, Azurite, token};
use crate::harness::recorder::Recorder;
use crate::providers::azure::{answer, open_with};

/// Entra, as far as a client secret needs it. It quotes what it gets, as a careless server might.
async fn entra(access_token: String) -> Recorder {
    Recorder::https(move |request| {
        let json = "Content-Type: application/json\r\n";
        if request.contains("client_secret=SECRET-right") {
            let body = serde_json::json!({
                "token_type": "Bearer", "expires_in": 3600, "access_token": access_token,
            });
            return answer("200 OK", json, &body.to_string());
        }
        let quoted = request.split("\r\n\r\n").nth(1);
        let body = serde_json::json!({
            "error": "invalid_client", "error_codes": [7_000_215], "error_description": quoted,
        });
        answer("401 Unauthorized", json, &body.to_string())
    })
    .await
}

fn application(entra: &Recorder, azurite: &Azurite, container: &str, secret: &str) -> Store {
    let credential = Credential::AzureClientSecret {
        tenant_id: "9c1f6c5e-0000-4000-8000-000000000001".to_owned(),
        client_id: "9c1f6c5e-0000-4000-8000-000000000003".to_owned(),
        client_secret: Secret::new(secret.to_owned()),
        authority: Some(format!("https://{}", entra.addr())),
    };
    open_with(&azurite.endpoint(), container, &credential)
}

#[tokio::test]
async fn a_client_secret_becomes_a_token_and_stays_out_of_every_error() {
    let entra = entra(token(AUDIENCE)).await;
    let azurite = Azurite::shared().await;
    let container = azurite.container().await;
    azurite.put(&container, "k", "text").await;
    let store = application(&entra, azurite, &container, "SECRET-right");
    assert_eq!(read(&store, "k").await.unwrap(), b"text");
    store.head(&key("k")).await.unwrap();
    assert_eq!(entra.requests().len(), 1, "the token is asked for once");
    let refused = application(&entra, azurite, &container, "SECRET-wrong").head(&key("k")).await.unwrap_err();
    assert_eq!(refused.kind, StoreErrorKind::NoCredential);
    let told = format!("{refused:?} {refused} {}", refused.cause.as_ref().unwrap());
    assert!(told.contains("Entra answered 401 7000215"), "{told}");
    assert!(!told.contains("SECRET"), "{told}");
}

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

#[tokio::test]
async fn the_most_talkative_log_holds_no_secret() {
    let access_token = token(AUDIENCE);
    let entra = entra(access_token.clone()).await;
    let azurite = Azurite::shared().await;
    let container = azurite.container().await;
    azurite.put(&container, "k", "text").await;
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(LevelFilter::TRACE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    // With one subscriber alone, an event that another test's thread meets first would be off for all threads.
    let _second = tracing::Dispatch::new(tracing_subscriber::registry());
    let url = {
        // The runtime of a test has one thread, so this catches its background tasks as well.
        let _logging = tracing::subscriber::set_default(subscriber);
        let store = application(&entra, azurite, &container, "SECRET-right");
        read(&store, "k").await.unwrap();
        store.head(&key("absent")).await.unwrap_err();
        store.list(&page("", Some(Delimiter), 10)).await.unwrap();
        application(&entra, azurite, &container, "SECRET-wrong").head(&key("k")).await.unwrap_err();
        let options = LinkOptions {
            ttl: Duration::from_mins(5),
            now: SystemClock.now(),
            content_disposition: "attachment".to_owned(),
            content_type: "text/plain".to_owned(),
        };
        store.links().expect("links").link(&key("k"), &options).await.unwrap().url
    };
    let logged = String::from_utf8(log.0.lock().expect("no poison").clone()).unwrap();
    assert!(logged.contains("<== Response"), "the SDK does log at this level:\n{logged}");
    let signature = url.expose().split("sig=").nth(1).unwrap();
    for secret in ["SECRET", &access_token, "sig=", signature] {
        assert!(!logged.contains(secret), "{secret} is in the log");
    }
}
