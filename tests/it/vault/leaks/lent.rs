//! The same for what is lent: keys and tokens of the engines, their leases, tokens for a proof of identity, the data keys of
//! the transit engine.

use std::collections::BTreeSet;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use logboom::domain::credential::Credential;
use serde_json::json;

use crate::doubles::tokens::Tokens;
use crate::doubles::vault::{Engines, Loan, Refusal};
use crate::harness::azurite::{self, Azurite};
use crate::harness::fake_gcs::fake_gcs;
use crate::harness::four::{self, BUCKETS, Filled};
use crate::harness::ministack::ministack;
use crate::harness::openbao::{OpenBao, name, openbao};
use crate::harness::recorder::Recorder;
use crate::harness::servers::{Server, answers, free_port};
use crate::harness::site::{Browser, Site};
use crate::harness::tap::Tap;
use crate::vault::leaks::{assert_unseen, serve, shown};
use crate::vault::lent::{bucket, buckets, credential, lent_keys, lent_token};
use crate::vault::task_role::ecs;
use crate::vault::{Place, Role, eventually, file};

const JWT: &str = "eyJ.SECRET-of-the-platform.x";

const AUDIENCE: &str = "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/a";

/// What STS issues for Entra.
const ISSUED: &str = "eyJ.SECRET-that-aws-issued.x";

/// STS, which issues a token to whoever asks for one. Source: `GetWebIdentityToken`, AWS STS API Reference.
async fn issuer() -> Recorder {
    Recorder::http(|_| {
        let body = format!(
            "<GetWebIdentityTokenResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetWebIdentityTokenResult>\
             <WebIdentityToken>{ISSUED}</WebIdentityToken><Expiration>2099-01-01T00:00:00Z</Expiration>\
             </GetWebIdentityTokenResult></GetWebIdentityTokenResponse>"
        );
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/xml\r\nconnection: close";
        format!("{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len()).into_bytes()
    })
    .await
}

/// Lends for seconds, so that everything is renewed and replaced meanwhile.
async fn engines(filled: &Filled) -> Engines {
    let session = ministack().await.session(&filled.aws).await;
    Engines::start(move |path, number| match path.split('/').next() {
        Some("aws") => lent_keys(&session, 3, false),
        Some("gcp") => lent_token(&format!("ya29.SECRET-of-the-engine-{number}"), 3),
        _ => {
            let data = json!({"client_id": format!("p-{number}"), "client_secret": format!("SECRET-of-azure-{number}")});
            Loan { data, ttl: 3, max_ttl: 9, renewable: true }
        }
    })
    .await
}

/// A credential of each engine, of each proof, and one that cannot be had.
fn credentials(clouds: &Tokens) -> String {
    let (address, jwt) = (&clouds.address, file(JWT));
    let azure =
        format!("role = \"read\"\ntenant_id = \"t\"\nauthority = \"{address}\"\npropagation = \"10s\"");
    let by_role = format!(
        "audience = \"{AUDIENCE}\"\nregion = \"eu-central-1\"\nservice_account = \"r@p.iam.gserviceaccount.com\"\n\
         sts = \"{address}\"\niam = \"{address}\""
    );
    let by_file = format!(
        "tenant_id = \"t\"\nclient_id = \"app\"\nauthority = \"{address}\"\ntoken_file = \"{}\"",
        jwt.display()
    );
    let by_issue = format!(
        "tenant_id = \"t\"\nclient_id = \"other\"\nauthority = \"{address}\"\nregion = \"eu-central-1\""
    );
    credential("aws", "vault-aws", "role = \"read\"")
        + &credential("gcp", "vault-gcp", "account = \"roleset\"\nname = \"read\"")
        + &credential("azure", "vault-azure", &azure)
        + &credential("file", "vault-aws", "role = \"file\"\nmethod = \"creds\"\nsettle = \"1ms\"")
        + &credential("role", "federated-gcp", &by_role)
        + &credential("platform", "federated-azure", &by_file)
        + &credential("issued", "federated-azure", &by_issue)
        + &credential("nothing", "vault-kv", "path = \"SECRET-place-of-nothing\"\nholds = \"aws-keys\"")
}

/// Buckets beside the usual four, for the other credentials.
async fn more_buckets(filled: &Filled, third: &Filled) -> String {
    let as_other = |text: &str, provider: &str, other: &str| {
        text.replace(&format!("[buckets.{provider}-logs]"), &format!("[buckets.{other}-logs]"))
            .replace(&format!("credential = \"{provider}\""), &format!("credential = \"{other}\""))
    };
    let gcp = format!("endpoint = \"{}\"", fake_gcs().await.endpoint());
    let azure = Azurite::shared().await.endpoint();
    let azure = format!("account = \"{}\"\nendpoint = \"{azure}\"", azurite::ACCOUNT);
    let aws = format!("endpoint = \"{}\"", ministack().await.endpoint());
    as_other(&bucket("gcp", &filled.gcp, &gcp), "gcp", "role")
        + &as_other(&bucket("azure", &filled.azure, &azure), "azure", "platform")
        + &as_other(&bucket("azure", &third.azure, &azure), "azure", "issued")
        + &as_other(&bucket("aws", &filled.aws, &aws), "aws", "nothing")
}

/// A key of the transit engine and the settings that name it; the role may use it.
async fn transit(bao: &OpenBao) -> (Role, String) {
    let (mount, key) = (bao.mount("transit", &json!({})).await, name("sessions"));
    bao.put(&format!("{mount}/keys/{key}"), &json!({})).await;
    let make = bao.policy(&format!("{mount}/datakey/plaintext/{key}"), &["update"]).await;
    let open = bao.policy(&format!("{mount}/decrypt/{key}"), &["update"]).await;
    let more = json!({"token_period": "3s", "token_policies": [make, open]});
    let settings =
        format!("\n[session.transit]\nkey = \"{key}\"\nmount = \"{mount}\"\ndata_key_life = \"1s\"\n");
    (Role::make(bao, &Place::make(bao).await, more).await, settings)
}

/// Everybody reads everything for a while, somebody logs in, and Vault fails in between.
async fn busy(site: &Site, origin: &str, engines: &Engines) -> Vec<String> {
    let mut browser = Browser::to(origin);
    eventually(async || (Browser::to(origin).try_login(site, &json!({})).await.status == 303).then_some(()))
        .await;
    browser.log_in(site, &json!({})).await;
    let visitor = browser.copy();
    let all = BUCKETS.iter().copied().chain(["role-logs", "platform-logs", "issued-logs"]);
    let pages: Vec<_> = all.map(|bucket| format!("/api/v1/buckets/{bucket}/objects?limit=1")).collect();
    let round = async |browser: &mut Browser| {
        let mut good = 0;
        for page in &pages {
            good += usize::from(browser.get(page).await.status == 200);
        }
        good
    };
    let served = async || (round(&mut visitor.copy()).await == pages.len()).then_some(());
    eventually(served).await;
    let renewed = async || {
        round(&mut visitor.copy()).await;
        let book = engines.book();
        (book.renewed >= 2 && book.lent.values().all(|count| *count >= 2)).then_some(())
    };
    eventually(renewed).await;
    engines.refuse(Some(Refusal::all(503)));
    eventually(async || (round(&mut visitor.copy()).await < pages.len()).then_some(())).await;
    round(&mut browser).await;
    browser
        .get("/api/v1/buckets/nothing-logs/objects?limit=1")
        .await
        .is_problem(503, "credentials-unavailable");
    engines.refuse(None);
    eventually(served).await;
    round(&mut browser).await;
    browser.seen
}

/// Every secret that passed between the program and all whom it asks, of each kind at least one.
fn passed(tap: &Tap, clouds: &Tokens, own: &Credential, role: &Role) -> BTreeSet<String> {
    let mut secrets = tap.secrets();
    // The token's display name, which is where it signed in.
    secrets.remove(&role.mount);
    secrets.extend(clouds.secrets());
    let Credential::AwsKeys { secret_access_key, session_token: Some(token), .. } = own else {
        panic!("keys")
    };
    secrets.extend([secret_access_key.expose().clone(), token.expose().clone()]);
    let tokens = ["ya29.SECRET-of-the-engine-2", "ya29.SECRET-impersonated", JWT, ISSUED];
    for known in tokens.into_iter().chain(["SECRET-of-azure-1", "aws/sts/read/2"]) {
        assert!(secrets.contains(known), "{known} passed: {secrets:?}");
    }
    let is_key = |text: &String| BASE64_STANDARD.decode(text).is_ok_and(|raw| raw.len() == 32);
    assert!(secrets.iter().any(is_key), "a data key passed: {secrets:?}");
    assert!(secrets.iter().any(|text| text.contains("GetCallerIdentity")), "a signed request passed");
    secrets
}

#[tokio::test]
async fn no_lent_secret_and_no_data_key_is_shown_anywhere() {
    let (bao, filled) = (openbao().await, four::fill().await);
    let (other, third) = (four::fill().await, four::fill().await);
    let (engines, clouds) = (engines(&filled).await, Tokens::start(1).await);
    let (role, sealing) = transit(bao).await;
    let tap = Tap::before_both(bao.address(), &engines).await;
    let own = ministack().await.task_role(&name("logboom-task")).await;
    let (machine, sts) = (ecs(&own).await, issuer().await);
    let wrapping = bao.wrapped(&role.secret_id_path(), &json!({}), 60).await;
    let settings =
        sealing + &credentials(&clouds) + &buckets(&filled).await + &more_buckets(&other, &third).await;
    let site = Site::start().await;
    let ports = (free_port(), free_port());
    let mut command = serve(&site, ports, &tap.address, (&role, &wrapping), &settings);
    command.env("AWS_CONTAINER_CREDENTIALS_FULL_URI", format!("http://{}/credentials", machine.addr()));
    command.env("AWS_ENDPOINT_URL_STS", format!("http://{}", sts.addr()));
    command.env("AWS_EC2_METADATA_DISABLED", "true").env("AWS_CONFIG_FILE", "/nonexistent");
    command.env("LOGBOOM__LEASES__RETRY_LEAST", "200ms").env("LOGBOOM__LEASES__RETRY_MOST", "400ms");
    let ready = format!("http://127.0.0.1:{}/readyz", ports.1);
    let server = Server::start("logboom", command, async || answers(&ready).await).await;
    let seen = busy(&site, &format!("http://127.0.0.1:{}", ports.0), &engines).await;

    let secrets = passed(&tap, &clouds, &own, &role);
    let asked = sts.requests().concat();
    for told in [
        "Audience.member.1=api%3A%2F%2FAzureADTokenExchange",
        "SigningAlgorithm=RS256",
        "DurationSeconds=300",
    ] {
        assert!(asked.contains(told), "{told}: {asked}");
    }
    let mut all = shown(&site, &server, ports.1).await;
    all.extend(seen.into_iter().map(|text| ("an answer".to_owned(), text.into_bytes())));
    assert!(all.iter().any(|(place, _)| place.ends_with("-wal")), "the state store writes ahead");
    let log = String::from_utf8_lossy(&all[0].1).into_owned();
    for told in
        ["a credential was looked after", "a credential cannot be had", "a credential can be had again"]
    {
        assert!(log.contains(told), "it does log {told:?}");
    }
    assert_unseen(&all, &secrets);
    server.stop();
}
