//! One request is one request: shapes that two servers could read differently.

use crate::harness::app::{Setup, TestApp, directory};
use crate::harness::wire::{Wire, host};

const DECISION: &str = r#"{"action":"ReadObject","bucket":"file-logs","key":"team-a/app.log"}"#;

async fn app() -> TestApp {
    let root = directory().join("bucket");
    std::fs::create_dir_all(root.join("team-a")).expect("a folder");
    std::fs::write(root.join("team-a/app.log"), "CANARY").expect("a file");
    Setup::default().file("file-logs", &root).start().await
}

/// The head of a decision's question, without the lines that frame its body.
fn head(app: &TestApp) -> String {
    let (host, token) = (host(app), app.token("ana", &["team-a"]));
    format!(
        "POST /api/v1/decisions HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: application/json\r\n"
    )
}

#[tokio::test]
async fn a_body_of_doubtful_length_never_begins_a_second_request() {
    let app = app().await;
    let smuggled = format!("GET /healthz HTTP/1.1\r\nHost: {}\r\n\r\n", host(&app));
    for framing in [
        "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: xchunked\r\n",
        "Transfer-Encoding: chunked, identity\r\n",
        "Transfer-Encoding : chunked\r\n",
        "Transfer-Encoding: \x0bchunked\r\n",
        "Content-Length: +5\r\n",
        "Content-Length: 5, 6\r\n",
        "Content-Length: 5\r\nContent-Length: 6\r\n",
        "Content-Length: -1\r\n",
        "X-Folded: a\r\n b\r\n",
    ] {
        let mut wire = Wire::to(&app).await;
        wire.send(&format!("{}{framing}Connection: close\r\n\r\n0\r\n\r\n{smuggled}", head(&app))).await;
        let answers = wire.rest().await;
        assert!(answers.starts_with("HTTP/1.1 4"), "{framing:?}: {answers}");
        assert_eq!(answers.matches("HTTP/1.1 ").count(), 1, "{framing:?}: {answers}");
    }
    for size in ["0x5", "-5", "5 5", "fffffffffffffffff"] {
        let mut wire = Wire::to(&app).await;
        let framing = "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n";
        wire.send(&format!("{}{framing}{size}\r\nabcde\r\n0\r\n\r\n{smuggled}", head(&app))).await;
        let answers = wire.rest().await;
        assert!(answers.is_empty() || answers.starts_with("HTTP/1.1 4"), "{size:?}: {answers}");
        assert!(answers.matches("HTTP/1.1 ").count() < 2, "{size:?}: {answers}");
    }
}

#[tokio::test]
async fn a_hash_is_refused_in_a_request_that_follows_a_body_too() {
    let app = app().await;
    let mut wire = Wire::to(&app).await;
    wire.send(&format!("{}Content-Length: {}\r\n\r\n{DECISION}", head(&app), DECISION.len())).await;
    let first = wire.answer().await;
    assert!(first.starts_with("HTTP/1.1 200"), "{first}");
    let (host, token) = (host(&app), app.token("ana", &["team-a"]));
    wire.send(&format!(
        "GET /api/v1/buckets/file-logs/objects/team-a/app.log#x HTTP/1.1\r\nHost: {host}\r\n\
         Authorization: Bearer {token}\r\nConnection: close\r\n\r\n"
    ))
    .await;
    let second = wire.rest().await;
    assert!(second.starts_with("HTTP/1.1 400"), "{second}");
    assert!(!second.contains("CANARY"));
}
