//! `logboom check-config --live`, on sites that are well and on sites that are not.

use std::fmt::Write;
use std::process::Command;

use logboom::domain::credential::Credential;
use logboom::vault::server::PolicyRule;
use serde_json::{Value, json};

use crate::doubles::vault::{Engines, TOKEN};
use crate::harness::azurite;
use crate::harness::four::{self, Filled};
use crate::harness::ministack::{Ministack, ministack};
use crate::harness::openbao::{OpenBao, name, openbao, text};
use crate::harness::servers::free_port;
use crate::harness::site::Site;
use crate::harness::tls::certificates;
use crate::vault::lent::{
    aws_keys, bucket, buckets, by_role, credential, gcp_key, key_values, keys, lent_keys, signed_in,
    write_secret,
};
use crate::vault::{Place, Role, file};

/// What a run printed.
struct Run {
    code: i32,
    out: String,
    err: String,
}

impl Run {
    /// Without what differs from run to run.
    fn snapshot(&self, names: &[(&str, &str)]) -> String {
        let mut out: String = self.out.lines().map(|line| without_time(line) + "\n").collect();
        for (from, to) in names {
            out = out.replace(from, to);
        }
        format!("exit code: {}\n----- stdout -----\n{out}----- stderr -----\n{}", self.code, self.err)
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|_| panic!("JSON: {}{}", self.out, self.err))
    }

    /// The line of the table that begins so, in words.
    #[track_caller]
    fn row(&self, begins: &str) -> Vec<&str> {
        let line = self.out.lines().find(|line| line.starts_with(begins));
        line.unwrap_or_else(|| panic!("{begins}: {}", self.out)).split_whitespace().collect()
    }

    /// What is told of one bucket or step, up to the next empty line.
    #[track_caller]
    fn told(&self, name: &str) -> &str {
        let begins = format!("\n\n{name}: ");
        let (_, rest) = self.out.split_once(&begins).unwrap_or_else(|| panic!("{name}: {}", self.out));
        rest.split("\n\n").next().unwrap_or_default()
    }

    /// None of these is anywhere.
    #[track_caller]
    fn hides(&self, secrets: &[&str]) {
        for secret in secrets {
            assert!(
                !self.out.contains(secret) && !self.err.contains(secret),
                "{secret}: {}{}",
                self.out,
                self.err
            );
        }
    }
}

/// The time of a row is its last word.
fn without_time(line: &str) -> String {
    match line.rsplit_once(' ') {
        Some((row, time)) if !time.is_empty() && time.bytes().all(|byte| byte.is_ascii_digit()) => {
            format!("{}  [ms]", row.trim_end())
        }
        _ if line.ends_with("  ms") => format!("{}  ms", line.trim_end_matches("ms").trim_end()),
        _ => line.to_owned(),
    }
}

async fn check(settings: &str, more: &[&str]) -> Run {
    let site = Site::start().await;
    let config = site.config("https://logs.example");
    let whole = std::fs::read_to_string(&config).expect("the settings") + settings;
    std::fs::write(&config, whole).expect("the settings");
    let mut command = Command::new(env!("CARGO_BIN_EXE_logboom"));
    command.args(["check-config", "--live", "--config"]).arg(&config).args(more);
    command.env("LOGBOOM__STORES__EXTRA_CA", &certificates().ca);
    let output = tokio::task::spawn_blocking(move || command.output()).await.expect("it ends");
    let output = output.expect("the program runs");
    let folder = site.folder().display().to_string();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text").replace(&folder, "/SITE");
    Run { code: output.status.code().expect("a code"), out: text(output.stdout), err: text(output.stderr) }
}

/// A role with the rules that the check names, and nothing else.
async fn role(bao: &OpenBao, paths: &[String]) -> Role {
    let mut policy = String::new();
    for rule in PolicyRule::OF_THE_TOKEN {
        writeln!(policy, "{rule}").expect("memory");
    }
    for path in paths {
        writeln!(policy, "path {path:?} {{ capabilities = [\"read\"] }}").expect("memory");
    }
    let least = name("least");
    bao.put(&format!("sys/policies/acl/{least}"), &json!({ "policy": policy })).await;
    let more = json!({"token_policies": [least], "token_no_default_policy": true});
    Role::make(bao, &Place::make(bao).await, more).await
}

/// The settings that sign in through a role.
async fn through(bao: &OpenBao, address: &str, role: &Role) -> String {
    let secret_id = file(&role.secret_id(bao).await);
    format!(
        "\n[vault]\naddress = \"{address}\"\ntimeout = \"2s\"\n[vault.sign_in]\nmethod = \"approle\"\n\
         mount = \"{}\"\nrole_id = \"{}\"\nsecret_id = \"file:{}\"\n",
        role.mount,
        role.role_id,
        secret_id.display()
    )
}

fn paths(mount: &str, names: &[&str]) -> Vec<String> {
    names.iter().map(|name| format!("{mount}/data/logs/{name}")).collect()
}

/// What stands in the engines, and must not be shown.
fn secrets() -> Vec<String> {
    let Credential::AwsKeys { secret_access_key, .. } = Ministack::root() else { panic!("keys") };
    let document: Value = serde_json::from_str(&text(&gcp_key()["key"])).expect("a document");
    let private_key = text(&document["private_key"]);
    let line = private_key.lines().nth(1).expect("a line of the key").to_owned();
    vec![secret_access_key.expose().clone(), azurite::ACCOUNT_KEY.to_owned(), line]
}

#[tokio::test]
async fn a_site_that_is_well_on_all_four_providers_is_said_to_be_well() {
    let bao = openbao().await;
    let (mount, credentials) = key_values(bao).await;
    let role = role(bao, &paths(&mount, &["aws", "gcp", "azure", "file"])).await;
    let filled = four::fill().await;
    let settings = through(bao, bao.address(), &role).await + &credentials + &buckets(&filled).await;
    let run = check(&settings, &[]).await;
    insta::assert_snapshot!(run.snapshot(&[]));
    let hidden = secrets();
    run.hides(&hidden.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(role.tokens(bao).await, Vec::<String>::new(), "its token is given back");

    let run = check(&settings, &["--json"]).await;
    let told = run.json();
    assert_eq!((run.code, &told["ok"], &told["vault"]["state"]), (0, &json!(true), &json!("ok")), "{told}");
    let marks = told["buckets"].as_array().expect("a list").iter().map(|bucket| &bucket["list"]);
    assert_eq!(marks.collect::<Vec<_>>(), vec!["ok"; 5]);
    assert_eq!(told["data_key"], Value::Null);
}

#[tokio::test]
async fn a_data_key_is_had_made_and_unwrapped_where_sessions_are_sealed_by_vault() {
    let bao = openbao().await;
    let transit = bao.mount("transit", &json!({})).await;
    bao.put(&format!("{transit}/keys/sessions"), &json!({})).await;
    let sealing = format!("[session.transit]\nkey = \"sessions\"\nmount = \"{transit}\"\n");
    let run = check(&(signed_in(bao.address(), bao.token()) + &sealing), &[]).await;
    assert_eq!((run.code, run.row("(data key of Vault)")[7]), (0, "ok"), "{}{}", run.out, run.err);

    let role = role(bao, &[]).await;
    let run = check(&(through(bao, bao.address(), &role).await + &sealing), &[]).await;
    assert_eq!((run.code, run.row("(data key of Vault)")[7]), (4, "failed"), "{}", run.out);
    for what in ["datakey/plaintext", "decrypt"] {
        let line = format!("path \"{transit}/{what}/sessions\" {{ capabilities = [\"update\"] }}");
        assert!(run.told("(data key of Vault)").contains(&line), "{}", run.out);
    }
}

#[tokio::test]
async fn a_signature_is_had_made_and_checked_where_receipts_are_signed_by_vault() {
    let bao = openbao().await;
    let transit = bao.mount("transit", &json!({})).await;
    bao.put(&format!("{transit}/keys/receipts"), &json!({ "type": "ed25519" })).await;
    bao.put(&format!("{transit}/keys/sessions"), &json!({})).await;
    let signing = |key: &str| format!("[receipts]\ntransit_key = \"{key}\"\ntransit_mount = \"{transit}\"\n");
    let run = check(&(signed_in(bao.address(), bao.token()) + &signing("receipts")), &["--json"]).await;
    assert_eq!((run.code, &run.json()["signature"]["state"]), (0, &json!("ok")), "{}{}", run.out, run.err);
    for wrong in ["sessions", "unknown"] {
        let run = check(&(signed_in(bao.address(), bao.token()) + &signing(wrong)), &[]).await;
        assert_eq!((run.code, run.row("(signature of Vault)")[6]), (4, "failed"), "{}", run.out);
        assert!(run.told("(signature of Vault)").contains("a key of the type ed25519"), "{}", run.out);
    }

    let role = role(bao, &[]).await;
    let run = check(&(through(bao, bao.address(), &role).await + &signing("receipts")), &[]).await;
    assert_eq!((run.code, run.row("(signature of Vault)")[6]), (4, "failed"), "{}", run.out);
    for line in [
        format!("path \"{transit}/sign/receipts\" {{ capabilities = [\"update\"] }}"),
        format!("path \"{transit}/keys/receipts\" {{ capabilities = [\"read\"] }}"),
    ] {
        assert!(run.told("(signature of Vault)").contains(&line), "{}", run.out);
    }
}

/// Buckets with everything that can be wrong with one, beside one that is well.
async fn broken(bao: &OpenBao, mount: &str, filled: &Filled, other: &str) -> String {
    let s3 = ministack().await;
    let lost = s3.reader_of(other).await;
    let Credential::AwsKeys { access_key_id, .. } = &lost else { panic!("keys") };
    s3.forget(&format!("reader-{other}"), access_key_id).await;
    write_secret(bao, mount, "revoked", &keys(&lost)).await;
    write_secret(bao, mount, "half", &json!({"access_key_id": "AKIA"})).await;
    let place = format!("endpoint = \"{}\"", s3.endpoint());
    let by = |id: &str, native: &str| {
        let written = bucket("aws", native, &place).replace("aws-logs", id);
        written.replace("credential = \"aws\"", &format!("credential = \"{id}\""))
    };
    let no_keys = "access_key_id = \"file:/no/such/id\"\nsecret_access_key = \"file:/no/such/key\"";
    let mut settings = credential("lost", "aws-keys", no_keys) + &by("lost", "it-lost");
    for (id, path, native) in [
        ("well", "aws", filled.aws.as_str()),
        ("revoked", "revoked", other),
        ("nowhere", "nowhere", "it-nowhere"),
        ("forbidden", "gcp", "it-forbidden"),
        ("half", "half", "it-half"),
        ("missing", "aws", "it-no-such-bucket"),
    ] {
        let place = format!("mount = \"{mount}\"\npath = \"logs/{path}\"\nholds = \"aws-keys\"");
        settings += &(credential(id, "vault-kv", &place) + &by(id, native));
    }
    settings
        + &bucket("file", "/no/such/directory", "").replace("credential = \"file\"", "credential = \"none\"")
}

#[tokio::test]
async fn each_mistake_is_named_with_the_policy_or_permission_that_mends_it() {
    let bao = openbao().await;
    let mount = bao.mount("kv", &json!({"version": "2"})).await;
    write_secret(bao, &mount, "aws", &aws_keys()).await;
    let filled = four::fill().await;
    let other = ministack().await.make_bucket().await;
    let settings = broken(bao, &mount, &filled, &other).await;
    let role = role(bao, &paths(&mount, &["aws", "revoked", "nowhere", "half"])).await;
    let run = check(&(through(bao, bao.address(), &role).await + &settings), &[]).await;
    insta::assert_snapshot!(run.snapshot(&[(&mount, "MOUNT"), (&other, "REVOKED")]));
    let hidden = secrets();
    run.hides(&hidden.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(role.tokens(bao).await, Vec::<String>::new(), "its token is given back");
}

#[tokio::test]
async fn a_vault_that_is_sealed_or_away_is_told_once_and_what_needs_no_vault_is_still_tried() {
    let bao = OpenBao::start().await;
    let (_, credentials) = key_values(&bao).await;
    let filled = four::fill().await;
    let role = role(&bao, &[]).await;
    let more = credentials + &buckets(&filled).await;
    let away = format!("http://127.0.0.1:{}", free_port());
    let sealed = through(&bao, bao.address(), &role).await + &more;
    let gone = through(&bao, &away, &role).await + &more;
    bao.seal().await;
    let by_token = signed_in(bao.address(), bao.token()) + &more;
    for (settings, expected) in
        [(sealed, "unseal Vault"), (by_token, "unseal Vault"), (gone, "vault.address")]
    {
        let run = check(&settings, &[]).await;
        assert_eq!(run.code, 4, "{}{}", run.out, run.err);
        assert!(run.told("(sign-in to Vault)").contains(expected), "{}", run.out);
        for bucket in four::BUCKETS {
            assert_eq!(run.row(bucket)[4..], ["not", "tried", "not", "tried", "-"], "{}", run.out);
        }
        assert_eq!(run.row("pay ")[3..5], ["anonymous", "ok"], "{}", run.out);
        assert!(!run.out.contains("\naws-logs:"), "it is told once: {}", run.out);
        run.hides(&[bao.token()]);
    }
}

#[tokio::test]
async fn a_token_that_vault_does_not_know_is_no_sign_in() {
    let bao = openbao().await;
    let run = check(&signed_in(bao.address(), "s.SECRET-unknown"), &[]).await;
    assert_eq!((run.code, run.row("(sign-in to Vault)")[6]), (4, "failed"), "{}{}", run.out, run.err);
    assert!(run.told("(sign-in to Vault)").contains(r#"path "auth/token/lookup-self""#), "{}", run.out);
    run.hides(&["SECRET-unknown"]);
}

#[tokio::test]
async fn what_an_engine_lent_is_given_back() {
    let filled = four::fill().await;
    let session = ministack().await.session(&filled.aws).await;
    let engines = Engines::start(move |_, _| lent_keys(&session, 3600, true)).await;
    let place = format!("endpoint = \"{}\"", ministack().await.endpoint());
    let settings = by_role(&engines.address)
        + &credential("aws", "vault-aws", "role = \"read\"")
        + &bucket("aws", &filled.aws, &place);
    let run = check(&settings, &[]).await;
    assert_eq!(run.code, 0, "{}{}", run.out, run.err);
    let revoked = engines.book().revoked;
    assert_eq!((engines.lent("aws/sts/read"), revoked, engines.out()), (1, 1, 0));
    run.hides(&[TOKEN, "SECRET"]);
}

#[tokio::test]
async fn a_wrapped_secret_id_is_not_spent_unasked() {
    let bao = openbao().await;
    let role = role(bao, &[]).await;
    let wrapping = bao.wrapped(&role.secret_id_path(), &json!({}), 60).await;
    let settings = through(bao, bao.address(), &role).await + "wrapped = true\n";
    let (before, after) = settings.split_once("secret_id = ").expect("the secret id");
    let rest = after.split_once('\n').expect("a line").1;
    let settings = format!("{before}secret_id = \"file:{}\"\n{rest}", file(&wrapping).display());
    let run = check(&settings, &[]).await;
    assert_eq!(run.code, 2, "{}{}", run.out, run.err);
    assert!(run.err.contains("--spend-wrapped"), "{}", run.err);
    let run = check(&settings, &["--spend-wrapped"]).await;
    assert_eq!(run.code, 0, "{}{}", run.out, run.err);
    let run = check(&settings, &["--spend-wrapped"]).await;
    assert_eq!(run.code, 4, "it is spent: {}{}", run.out, run.err);
    run.hides(&[&wrapping]);
}
