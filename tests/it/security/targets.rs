//! Request targets as an attacker writes them, byte by byte.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::harness::app::TestApp;
use crate::harness::four;

/// Sends one raw request line with a token and a `Host`, and reads the whole answer.
async fn raw(app: &TestApp, target: &str, host: &str) -> String {
    let address = app.url.trim_start_matches("http://");
    let token = app.token("ana", &["team-a"]);
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    let request =
        format!("GET {target} HTTP/1.1\r\n{host}Authorization: Bearer {token}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("bytes");
    let mut answer = Vec::new();
    let _closed = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or_default()
}

#[tokio::test]
async fn dots_in_a_key_are_letters_of_the_key_and_a_hash_is_refused() {
    let app = four::start().await;
    let host = format!("Host: {}\r\n", app.url.trim_start_matches("http://"));
    for bucket in four::BUCKETS {
        let object = |key: &str| format!("/api/v1/buckets/{bucket}/objects/{key}");
        for key in ["team-a/../team-b/secret.log", "team-a/%2e%2e/team-b/secret.log", "./team-b/secret.log"] {
            let answer = raw(&app, &object(key), &host).await;
            assert!(matches!(status(&answer), "400" | "404"), "{bucket} {key}: {answer}");
            assert!(!answer.contains("CANARY"));
        }
        let cut = raw(&app, &object("team-a/app.log#x"), &host).await;
        assert_eq!(status(&cut), "400", "{bucket}: {cut}");
        for odd in ["team-a/app.log%00", "team-a/%ff"] {
            assert_eq!(status(&raw(&app, &object(odd), &host).await), "400", "{bucket} {odd}");
        }
        assert_eq!(status(&raw(&app, &object("team-a/app.log"), &host).await), "200", "{bucket}");
    }
    for target in ["/api/v1/buckets/../objects/x", "/api/v1/buckets/aws-logs%2F../objects/x"] {
        assert_eq!(status(&raw(&app, target, &host).await), "404", "{target}");
    }
}

#[tokio::test]
async fn links_and_redirects_never_come_from_the_host_header() {
    let app = four::start().await;
    let ours = app.url.trim_start_matches("http://").to_owned();
    let host = |name: &str| format!("Host: {name}\r\n");
    for (target, host) in [
        ("/auth/login".to_owned(), host("evil.example")),
        ("http://evil.example/auth/login".to_owned(), host(&ours)),
        ("/auth/login".to_owned(), host(&ours) + &host("evil.example")),
        ("/auth/login".to_owned(), host(&format!("{ours}@evil.example"))),
        ("/api/v1/session".to_owned(), String::new()),
    ] {
        let answer = raw(&app, &target, &host).await;
        assert!(matches!(status(&answer), "400" | "421"), "{target} {host}: {answer}");
        assert!(!answer.contains("evil.example"));
    }
    let right = raw(&app, "/auth/login", &host(&ours)).await;
    assert_eq!(status(&right), "303", "{right}");
    assert!(
        right.contains(&format!("redirect_uri=http%3A%2F%2F{}%2Fauth%2Fcallback", ours.replace(':', "%3A")))
    );
}

#[tokio::test]
async fn identity_headers_from_outside_mean_nothing() {
    let app = four::start().await;
    let anonymous = app.anonymous();
    for (name, value) in [
        ("x-forwarded-user", "adm"),
        ("x-auth-request-user", "adm"),
        ("x-auth-request-groups", "owners"),
        ("remote-user", "adm"),
        ("x-amzn-oidc-identity", "adm"),
        ("x-amzn-oidc-data", "e30.e30.x"),
        ("x-pomerium-jwt-assertion", "e30.e30.x"),
        ("x-forwarded-client-cert", "Hash=1;Subject=\"CN=adm\""),
        ("ssl-client-s-dn", "CN=adm"),
        ("x-forwarded-uri", "/healthz"),
        ("user-agent", "ELB-HealthChecker/2.0"),
    ] {
        anonymous.get_with("/api/v1/buckets", name, value).await.problem(401, "unauthenticated");
    }
}
