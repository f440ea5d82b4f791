//! Callers who keep a connection and do not get on.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::harness::app::Setup;

#[tokio::test]
async fn half_a_header_is_not_waited_for_beyond_the_time_limit() {
    let app = Setup::default().start().await;
    let address = app.url.trim_start_matches("http://").to_owned();
    let mut stream = TcpStream::connect(&address).await.expect("a connection");
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: ").await.expect("bytes");
    let began = Instant::now();
    let mut rest = Vec::new();
    let _closed = stream.read_to_end(&mut rest).await;
    assert!(began.elapsed() < Duration::from_secs(6), "{:?}", began.elapsed());
}

#[tokio::test]
async fn headers_over_the_limit_are_refused_and_others_are_served_meanwhile() {
    let app = Setup::default().start().await;
    let address = app.url.trim_start_matches("http://").to_owned();
    let mut stream = TcpStream::connect(&address).await.expect("a connection");
    let huge = format!("GET /healthz HTTP/1.1\r\nHost: {address}\r\nX-Big: {}\r\n\r\n", "x".repeat(1 << 20));
    let _broken_off = stream.write_all(huge.as_bytes()).await;
    let mut answer = Vec::new();
    let _closed = stream.read_to_end(&mut answer).await;
    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431"), "{answer}");
    assert_eq!(app.anonymous().get("/healthz").await.status, 200);
}

#[tokio::test]
async fn a_body_over_the_limit_is_413_and_one_that_is_no_json_is_400() {
    let app = Setup::default().start().await;
    let ana = app.caller("ana", &[]);
    let post = |body: Vec<u8>| {
        let request = ana.request(reqwest::Method::POST, "/api/v1/decisions").body(body);
        ana.send(request.header("content-type", "application/json"))
    };
    post(vec![b' '; 2 << 20]).await.problem(413, "too-large");
    post(b"{".to_vec()).await.problem(400, "invalid-request");
    post("[".repeat(10_000).into_bytes()).await.problem(400, "invalid-request");
}
