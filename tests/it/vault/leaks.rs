//! The program as it is run, at its most talkative: what passes between it and Vault is nowhere to be found.

use std::collections::BTreeSet;
use std::process::Command;

use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use logboom::domain::credential::Credential;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use crate::harness::azurite;
use crate::harness::four;
use crate::harness::ministack::Ministack;
use crate::harness::openbao::{OpenBao, openbao};
use crate::harness::servers::{Server, answers, free_port};
use crate::harness::site::Site;
use crate::harness::tap::Tap;
use crate::harness::tls::certificates;
use crate::vault::lent::{buckets, key_values};
use crate::vault::{Place, Role, eventually, file};

mod lent;
mod vended;

/// A KV engine with the credential of a bucket at each provider, and a role that may read it.
async fn everything(bao: &OpenBao) -> (Role, String) {
    let (mount, credentials) = key_values(bao).await;
    let settings = credentials + &buckets(&four::fill().await).await;
    let policy = bao.policy(&format!("{mount}/data/logs/*"), &["read"]).await;
    let more = json!({"token_period": "3s", "token_policies": [policy]});
    (Role::make(bao, &Place::make(bao).await, more).await, settings)
}

/// The program with a wrapped secret id, writing every line that it can.
fn serve(
    site: &Site,
    ports: (u16, u16),
    vault: &str,
    (role, wrapping): (&Role, &str),
    more: &str,
) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_logboom"));
    let config = site.config(&format!("http://127.0.0.1:{}", ports.0));
    let settings = std::fs::read_to_string(&config).expect("the settings");
    std::fs::write(&config, settings + more).expect("the settings");
    command.args(["serve", "--config"]).arg(config);
    for (key, value) in [
        ("HTTP__LISTEN", format!("127.0.0.1:{}", ports.0)),
        ("HTTP__OPERATIONS_LISTEN", format!("127.0.0.1:{}", ports.1)),
        ("TELEMETRY__FILTER", "trace".to_owned()),
        ("VAULT__ADDRESS", vault.to_owned()),
        ("VAULT__RETRY_LEAST", "200ms".to_owned()),
        ("STORES__EXTRA_CA", certificates().ca.display().to_string()),
        ("LEASES__KV_REFRESH", "1s".to_owned()),
        ("VAULT__SIGN_IN__METHOD", "approle".to_owned()),
        ("VAULT__SIGN_IN__MOUNT", role.mount.clone()),
        ("VAULT__SIGN_IN__ROLE_ID", role.role_id.clone()),
        ("VAULT__SIGN_IN__SECRET_ID", format!("file:{}", file(wrapping).display())),
        ("VAULT__SIGN_IN__WRAPPED", "true".to_owned()),
    ] {
        command.env(format!("LOGBOOM__{key}"), value);
    }
    command
}

/// Everything that the program shows to anybody, by where it was found.
async fn shown(site: &Site, server: &Server, operations: u16) -> Vec<(String, Vec<u8>)> {
    let mut all = vec![("its log".to_owned(), server.log())];
    for path in ["/metrics", "/readyz"] {
        let answer = reqwest::get(format!("http://127.0.0.1:{operations}{path}")).await.expect("an answer");
        all.push((path.to_owned(), answer.bytes().await.expect("a body").to_vec()));
    }
    for entry in ["environ", "cmdline"] {
        let bytes = std::fs::read(format!("/proc/{}/{entry}", server.pid()));
        all.extend(bytes.ok().map(|bytes| (entry.to_owned(), bytes)));
    }
    for entry in std::fs::read_dir(site.folder()).expect("the site's folder") {
        let path = entry.expect("an entry").path();
        if path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("state.db")) {
            all.push((path.display().to_string(), std::fs::read(&path).expect("a file")));
        }
    }
    all
}

/// No secret is in any place, as it is or in a form that a line or a URL would give it.
fn assert_unseen(places: &[(String, Vec<u8>)], secrets: &BTreeSet<String>) {
    for (place, bytes) in places {
        let text = String::from_utf8_lossy(bytes);
        for secret in secrets {
            let encoded = utf8_percent_encode(secret, NON_ALPHANUMERIC).to_string();
            let forms = [
                secret.clone(),
                BASE64_STANDARD.encode(secret),
                BASE64_URL_SAFE_NO_PAD.encode(secret),
                encoded,
            ];
            assert!(!forms.iter().any(|form| text.contains(form)), "{secret} is in {place}");
            // A key is kept as bytes.
            let raw = BASE64_STANDARD.decode(secret).ok().filter(|raw| raw.len() >= 16);
            let found = raw.is_some_and(|raw| bytes.windows(raw.len()).any(|window| window == raw));
            assert!(!found, "the bytes of {secret} are in {place}");
        }
    }
}

#[tokio::test]
async fn no_secret_that_passes_between_the_program_and_vault_is_shown_anywhere() {
    let bao = openbao().await;
    let (role, settings) = everything(bao).await;
    let wrapping = bao.wrapped(&role.secret_id_path(), &json!({}), 60).await;
    let tap = Tap::before(bao.address()).await;
    let site = Site::start().await;
    let ports = (free_port(), free_port());
    let ready = format!("http://127.0.0.1:{}/readyz", ports.1);
    let command = serve(&site, ports, &tap.address, (&role, &wrapping), &settings);
    let server = Server::start("logboom", command, async || answers(&ready).await).await;
    let asked = |path: &str| tap.asked().iter().filter(|asked| asked.ends_with(path)).count();
    eventually(async || (asked("/renew-self") >= 1).then_some(())).await;
    // A renewal that is refused, and a second sign-in.
    for accessor in role.tokens(bao).await {
        bao.put("auth/token/revoke-accessor", &json!({ "accessor": accessor })).await;
    }
    eventually(async || (asked("/login") >= 2).then_some(())).await;
    // It lists a key of each bucket.
    eventually(async || {
        let told: Value = reqwest::get(&ready).await.ok()?.json().await.ok()?;
        (told["status"] == "ready").then_some(())
    })
    .await;

    let secrets = tap.secrets();
    let Credential::AwsKeys { secret_access_key, .. } = Ministack::root() else { panic!("keys") };
    for known in [wrapping.as_str(), secret_access_key.expose(), azurite::ACCOUNT_KEY] {
        assert!(secrets.contains(known), "{known} passed");
    }
    let all = shown(&site, &server, ports.1).await;
    assert!(String::from_utf8_lossy(&all[0].1).contains("signed in to Vault"));
    assert_unseen(&all, &secrets);
    server.stop();
}
