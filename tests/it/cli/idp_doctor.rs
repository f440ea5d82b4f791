//! `logboom idp doctor` against an identity provider with and without the usual mistakes.

use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::doubles::idp::Says;
use crate::harness::site::Site;

/// What a run printed, with the addresses of this run replaced.
struct Run {
    code: i32,
    out: String,
    err: String,
}

impl Run {
    fn snapshot(&self) -> String {
        format!("exit code: {}\n----- stdout -----\n{}----- stderr -----\n{}", self.code, self.out, self.err)
    }
}

async fn doctor(site: &Site, more: &[&str], token: &str) -> Run {
    let config = site.config("https://logs.example");
    let mut command = Command::new(env!("CARGO_BIN_EXE_logboom"));
    command.args(["idp", "doctor", "--config"]).arg(config).args(more);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let token = token.to_owned();
    let output = tokio::task::spawn_blocking(move || {
        let mut child = command.spawn().expect("the program starts");
        // A run that reads no token may be over already.
        let _unread = child.stdin.take().expect("a pipe").write_all(token.as_bytes());
        child.wait_with_output().expect("it ends")
    });
    let output = output.await.expect("it ends");
    let origin = site.idp.issuer.trim_end_matches("/logboom/").to_owned();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text").replace(&origin, "http://IDP");
    Run { code: output.status.code().expect("a code"), out: text(output.stdout), err: text(output.stderr) }
}

/// The double with everything that a provider can offer.
fn complete(says: &mut Says) {
    says.discovery["backchannel_logout_supported"] = json!(true);
    says.discovery["token_endpoint_auth_methods_supported"] = json!(["client_secret_post"]);
    says.discovery["scopes_supported"] = json!(["openid", "profile"]);
    says.discovery["grant_types_supported"] = json!(["authorization_code", "refresh_token"]);
}

#[tokio::test]
async fn a_provider_that_is_well_is_said_to_be_well() {
    let site = Site::start().await;
    site.idp.change(complete);
    let run = doctor(&site, &[], "").await;
    insta::assert_snapshot!(run.snapshot());
}

#[tokio::test]
async fn a_token_is_shown_beside_what_it_is_taken_for_and_never_itself() {
    let site = Site::start().await;
    site.idp.change(complete);
    let change = json!({"groups": ["Log Readers", "Everybody"], "given_name": "Ana Lima", "email_verified": "True",
                        "iat": 4_102_444_000_u64, "exp": 4_102_444_300_u64});
    let token = site.access_token(&change);
    let run = doctor(&site, &["--token", "-"], &format!("{token}\n")).await;
    insta::assert_snapshot!(run.snapshot());
    let signature = token.rsplit_once('.').expect("three parts").1;
    assert!(!run.out.contains(signature) && !run.err.contains(signature));
}

/// The problems of a run as check and message.
fn problems(run: &Run) -> Vec<(String, String)> {
    let report: Value =
        serde_json::from_str(&run.out).unwrap_or_else(|_| panic!("JSON: {}{}", run.out, run.err));
    let provider = &report["providers"][0];
    let of = |value: &Value| value["findings"].as_array().cloned().unwrap_or_default();
    let all = of(provider).into_iter().chain(of(&provider["token"]));
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    all.filter(|finding| finding["level"] == "problem")
        .inspect(|finding| assert!(finding["hint"].is_string(), "a problem says what to do: {finding}"))
        .map(|finding| (text(&finding["check"]), text(&finding["message"])))
        .collect()
}

#[tokio::test]
async fn each_mistake_in_the_set_up_of_a_provider_is_named() {
    type Change = fn(&mut Says, &str);
    let cases: [(Change, &str, &str); 10] = [
        (|says, issuer| says.discovery["issuer"] = json!(issuer.trim_end_matches('/')), "issuer", "too many"),
        (|says, issuer| says.discovery["issuer"] = json!(format!("{issuer}/")), "issuer", "is missing"),
        (
            |says, _| says.discovery["issuer"] = json!("https://other.example/"),
            "issuer",
            "https://other.example/",
        ),
        (
            |says, issuer| {
                let tenants = issuer.replace("/logboom/", "/Oauth/Openid");
                says.discovery["authorization_endpoint"] = json!(tenants);
            },
            "issuer",
            "CyberArk Identity tenant",
        ),
        (
            |says, _| says.discovery["code_challenge_methods_supported"] = json!(["plain"]),
            "pkce",
            "without S256",
        ),
        (
            |says, _| says.discovery["response_types_supported"] = json!(["token"]),
            "flow",
            "authorization code",
        ),
        (|says, _| says.jwks = json!({"keys": []}), "keys", "no usable signing key"),
        (
            |says, _| says.discovery["token_endpoint"] = json!("https://evil.example/t"),
            "endpoints",
            "evil.example",
        ),
        (
            |says, _| says.discovery["token_endpoint_auth_methods_supported"] = json!(["private_key_jwt"]),
            "client",
            "client_secret_post",
        ),
        (|says, _| says.away = true, "discovery", "503"),
    ];
    for (change, check, part) in cases {
        let site = Site::start().await;
        site.idp.change(|says| change(says, &site.idp.issuer));
        let run = doctor(&site, &["--json"], "").await;
        let found = problems(&run);
        assert_eq!(run.code, 4, "{}{}", run.out, run.err);
        assert!(found.iter().any(|(name, text)| name == check && text.contains(part)), "{check}: {found:?}");
    }
}

#[tokio::test]
async fn what_the_command_line_can_do_at_a_provider_is_told() {
    let site = Site::start_with("[identity.command_line]\nclient_id = \"cli\"\n").await;
    site.idp.change(complete);
    let run = doctor(&site, &[], "").await;
    assert_eq!(run.code, 0, "{}", run.err);
    for part in
        ["logs in with a browser, but not with --device", "scope `offline_access`", "command_line.scopes"]
    {
        assert!(run.out.contains(part), "{part}: {}", run.out);
    }
    let device = site.idp.issuer.replace("/logboom/", "/device");
    site.idp.change(|says| says.discovery["device_authorization_endpoint"] = json!(device));
    assert!(doctor(&site, &[], "").await.out.contains("logs in with a browser or on another device"));
}

#[tokio::test]
async fn each_usual_mistake_in_a_token_is_named() {
    let site = Site::start().await;
    site.idp.change(complete);
    let at = json!({"alg": "ES256", "kid": "k1", "typ": "at+jwt"});
    let signed = |change: &Value| site.signed(&at, change);
    for (token, check, part) in [
        ("opaque-reference-token".to_owned(), "token", "opaque"),
        ("a.b.c.d.e".to_owned(), "token", "encrypted"),
        (signed(&json!({"aud": "other-api"})), "audience", "it is for other-api, not for api"),
        (signed(&json!({"groups": "absent"})), "groups", "no groups claim"),
        (signed(&json!({"groups": ["Everybody"]})), "groups", "none of the groups"),
        (signed(&json!({"groups": "absent", "hasgroups": true})), "groups", "did not fit"),
        (signed(&json!({"groups": 5})), "claims", "groups"),
        (signed(&json!({"exp": 1})), "token", "expired"),
    ] {
        let run = doctor(&site, &["--json", "--token", "-", "--idp", "main"], &token).await;
        let found = problems(&run);
        assert!(found.iter().any(|(name, text)| name == check && text.contains(part)), "{check}: {found:?}");
        assert_eq!(run.code, 4, "{}", run.err);
    }
    let run = doctor(&site, &["--json", "--token", "-"], &site.id_token(&site.id_claims("n"))).await;
    assert_eq!((run.code, problems(&run)), (0, Vec::new()), "{}", run.out);
    let run = doctor(&site, &["--idp", "nobody"], "").await;
    assert_eq!((run.code, run.err.contains("configured are main")), (2, true), "{}", run.err);
}
