//! The same for what is vended at Google and Azure: the tokens before they are narrowed, those that are handed on, signatures,
//! and the key that signs.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::process::Command;

use http::Method;
use logboom::domain::credential::Credential;
use percent_encoding::percent_decode_str;
use serde_json::json;

use crate::doubles::blobs::{Account, CONTAINER};
use crate::doubles::gcs::vending::VENDED;
use crate::doubles::gcs::{BUCKET, Gcs, account, whole};
use crate::harness::azurite::{ACCOUNT, AUDIENCE, token};
use crate::harness::recorder::Recorder;
use crate::harness::servers::{Server, answers, free_port};
use crate::harness::site::{Answer, Browser, Site};
use crate::harness::tls::certificates;
use crate::vault::file;
use crate::vault::leaks::{assert_unseen, shown};

/// Buckets of both clouds, and one of Google whose token services refuse and echo what they were sent.
fn settings(gcs: &Gcs, azure: &Account, echo: &Recorder, entra: &str) -> String {
    let Credential::GcpServiceAccountKey(key) = account::credential() else { panic!("a service account") };
    let (key, token) = (file(key.expose()), file(entra));
    let mut all = format!(
        "[credentials.gcp]\nkind = \"gcp-service-account-key\"\nkey = \"file:{}\"\n\
         [credentials.azure]\nkind = \"azure-access-token\"\ntoken = \"file:{}\"\n",
        key.display(),
        token.display()
    );
    let google = |services: &str| {
        format!(
            "service_account = \"{VENDED}\"\niam_endpoint = \"{services}\"\nsts_endpoint = \"{services}\""
        )
    };
    let (gcs, echo) = (gcs.endpoint(), format!("http://{}", echo.addr()));
    for (id, provider, name, endpoint, means) in [
        ("gcp-logs", "gcp", BUCKET, gcs.clone(), google(&gcs)),
        ("gcp-echo", "gcp", "echo", gcs, google(&echo)),
        ("azure-logs", "azure", CONTAINER, azure.endpoint(), "hierarchical = true".to_owned()),
    ] {
        let more = if provider == "azure" { format!("account = \"{ACCOUNT}\"\n") } else { String::new() };
        write!(
            all,
            "[buckets.{id}]\nprovider = \"{provider}\"\nname = \"{name}\"\nowner = \"owners\"\nlabel = \"public\"\n\
             credential = \"{provider}\"\nendpoint = \"{endpoint}\"\n{more}[buckets.{id}.vending]\n{means}\n"
        )
        .expect("memory");
    }
    all
}

fn serve(site: &Site, ports: (u16, u16), more: &str) -> Command {
    let config = site.config(&format!("http://127.0.0.1:{}", ports.0));
    let settings = std::fs::read_to_string(&config).expect("the settings");
    std::fs::write(&config, settings + more).expect("the settings");
    let mut command = Command::new(env!("CARGO_BIN_EXE_logboom"));
    command.args(["serve", "--config"]).arg(config);
    for (key, value) in [
        ("HTTP__LISTEN", format!("127.0.0.1:{}", ports.0)),
        ("HTTP__OPERATIONS_LISTEN", format!("127.0.0.1:{}", ports.1)),
        ("TELEMETRY__FILTER", "trace".to_owned()),
        ("STORES__EXTRA_CA", certificates().ca.display().to_string()),
    ] {
        command.env(format!("LOGBOOM__{key}"), value);
    }
    command
}

async fn vend(site: &Site, origin: &str, bucket: &str) -> Answer {
    let bearer = format!("Bearer {}", site.access_token(&json!({})));
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    let path = format!("/api/v1/buckets/{bucket}/credentials");
    Browser::to(origin).send(Method::POST, &path, &headers, r#"{"prefix":"team-a/"}"#).await
}

#[tokio::test]
async fn no_secret_of_what_is_vended_is_shown_anywhere_but_to_its_holder() {
    let (gcs, azure) = (Gcs::start(None).await, Account::start().await);
    let echo = Recorder::http(|request| whole("500 Oops", "", request.as_bytes())).await;
    let (site, entra) = (Site::start().await, token(AUDIENCE));
    let ports = (free_port(), free_port());
    let ready = format!("http://127.0.0.1:{}/readyz", ports.1);
    let command = serve(&site, ports, &settings(&gcs, &azure, &echo, &entra));
    let server = Server::start("logboom", command, async || answers(&ready).await).await;
    let origin = format!("http://127.0.0.1:{}", ports.0);
    let google = vend(&site, &origin, "gcp-logs").await.json();
    let signed = vend(&site, &origin, "azure-logs").await.json();
    let failed = vend(&site, &origin, "gcp-echo").await;
    failed.is_problem(503, "store-unavailable");
    let narrow = google["credentials"][0]["gcp_access_token"].as_str().expect("a token").to_owned();
    let sas = signed["credentials"][0]["azure_sas"].as_str().expect("a signature");
    let signature = sas.split("sig=").nth(1).expect("a signature");
    let bearers = gcs.server().requests().into_iter().chain(echo.requests());
    let proofs = bearers.filter_map(|request| {
        let after = request.split("authorization: Bearer ").nth(1)?;
        after.lines().next().map(str::to_owned)
    });
    let mut secrets: BTreeSet<String> = proofs.collect();
    assert!(secrets.len() >= 2, "a proof for each bucket of Google: {}", secrets.len());
    secrets.extend(["ya29.SECRET-wide-0".to_owned(), "SECRET-delegation-key-of-the-double".to_owned()]);
    secrets.extend([narrow, entra, signature.to_owned()]);
    secrets.insert(percent_decode_str(signature).decode_utf8().expect("text").into_owned());
    let mut places = shown(&site, &server, ports.1).await;
    places.push(("a problem".to_owned(), failed.text().into_bytes()));
    let log = String::from_utf8_lossy(&places[0].1).into_owned();
    for told in ["\"level\":\"DEBUG\"", "\"message\":\"vended\"", "IAM Credentials answered 500"] {
        assert!(log.contains(told), "it does log {told}");
    }
    assert_unseen(&places, &secrets);
    server.stop();
}
