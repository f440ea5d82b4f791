//! TLS and mutual TLS, terminated in the process.

use reqwest::Method;

use crate::harness::app::Setup;
use crate::harness::tls::certificates;

fn tls(more: &str) -> Setup {
    let files = certificates();
    let (certificate, key) = (files.cert.display(), files.key.display());
    let tls = format!("[http.tls]\ncertificate = \"{certificate}\"\nkey = \"{key}\"\n{more}\n");
    Setup { tls, ..Setup::default() }
}

#[tokio::test]
async fn the_api_is_served_inside_tls_and_plain_http_gets_nothing() {
    let app = tls("").start().await;
    let answer = app.caller("ana", &[]).get("/api/v1/session").await;
    assert_eq!(answer.json()["subject"], "ana");
    assert_eq!(answer.header("strict-transport-security"), "max-age=31536000; includeSubDomains");
    let plain = app.url.replace("https://", "http://");
    assert!(reqwest::get(format!("{plain}/healthz")).await.is_err());
}

#[tokio::test]
async fn with_mutual_tls_only_clients_with_a_certificate_of_the_authority_get_in() {
    let authority = certificates().ca.display().to_string();
    let app = tls(&format!("client_ca = \"{authority}\"")).start().await;
    let anonymous = app.anonymous();
    assert!(anonymous.request(Method::GET, "/healthz").send().await.is_err());

    let pem = std::fs::read(&certificates().client).expect("a certificate");
    let ca = reqwest::Certificate::from_pem(&certificates().ca_pem()).expect("a certificate");
    let client = reqwest::Client::builder()
        .tls_certs_only([ca])
        .identity(reqwest::Identity::from_pem(&pem).expect("an identity"))
        .no_proxy()
        .build()
        .expect("a client");
    let answer = client.get(format!("{}/healthz", app.url)).send().await.expect("an answer");
    assert_eq!(answer.status().as_u16(), 200);
    // A certificate opens the connection; who asks is still a matter of sessions and tokens.
    let answer = client.get(format!("{}/api/v1/session", app.url)).send().await.expect("an answer");
    assert_eq!(answer.status().as_u16(), 401);
}
