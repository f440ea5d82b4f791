//! Each way of signing in, at a real server.

use logboom::domain::secret::Secret;
use logboom::vault::fixed::SecretText;
use logboom::vault::server::sign_in::{JwtFile, SecretId};
use logboom::vault::server::{Options, SignIn, Standing, Vault, VaultErrorKind};
use serde_json::json;

use crate::doubles::idp::{Idp, Key};
use crate::harness::openbao::{OpenBao, openbao, text};
use crate::harness::recorder::Recorder;
use crate::harness::tls::certificates;
use crate::vault::{Place, Role, eventually, file, options, path, vault};

#[tokio::test]
async fn an_approle_signs_in_with_its_secret_id_from_a_file() {
    let bao = openbao().await;
    let place = Place::make(bao).await;
    let role = Role::make(bao, &place, json!({})).await;
    let secret_id = file(&format!("{}\n", role.secret_id(bao).await));
    let vault = vault(bao.address(), role.by(SecretId::Plain(SecretText::File(secret_id))));
    assert_eq!(vault.standing(), Standing::NotSignedIn);
    assert_eq!(place.read(&vault).await.expect("it reads"), "timber");
    assert!(matches!(vault.standing(), Standing::SignedIn { ends_in: Some(_) }));
    assert_eq!(role.tokens(bao).await.len(), 1);
}

#[tokio::test]
async fn a_wrapped_secret_id_is_unwrapped_once_and_a_second_unwrapping_is_told_as_a_theft() {
    let bao = openbao().await;
    let place = Place::make(bao).await;
    let role = Role::make(bao, &place, json!({})).await;
    let wrapping = bao.wrapped(&role.secret_id_path(), &json!({}), 60).await;
    let delivered = file(&wrapping);
    let by = || role.by(SecretId::Wrapped(SecretText::File(delivered.clone())));

    let first = vault(bao.address(), by());
    assert_eq!(place.read(&first).await.expect("it reads"), "timber");

    let second = vault(bao.address(), by());
    let stolen = place.read(&second).await.expect_err("it was unwrapped already");
    assert_eq!(stolen.kind, VaultErrorKind::Denied);
    assert!(stolen.signing_in);
    assert_eq!(
        stolen.to_string(),
        "cannot sign in to Vault by AppRole: the wrapped secret id cannot be unwrapped: it is too old, or somebody else \
         unwrapped it first; treat it as stolen"
    );
    assert!(!format!("{stolen:?}").contains(&wrapping));

    // The first one remembers what it unwrapped, and signs in again without the file.
    std::fs::remove_file(&delivered).expect("the file");
    for accessor in role.tokens(bao).await {
        bao.put("auth/token/revoke-accessor", &json!({"accessor": accessor})).await;
    }
    assert_eq!(place.read_in_time(&first).await, "timber");
    assert_eq!(first.generation(), 2);
}

#[tokio::test]
async fn a_wrapping_that_the_role_did_not_make_is_refused_and_left_whole() {
    let bao = openbao().await;
    let place = Place::make(bao).await;
    let role = Role::make(bao, &place, json!({})).await;
    let planted = json!({"secret_id": role.secret_id(bao).await});
    let wrapping = bao.wrapped("sys/wrapping/wrap", &planted, 60).await;
    let vault = vault(bao.address(), role.by(SecretId::Wrapped(SecretText::File(file(&wrapping)))));
    let refused = place.read(&vault).await.expect_err("it was made elsewhere");
    assert!(refused.to_string().contains("it was not made by a role of this method"), "{refused}");
    let (status, still) =
        bao.ask_as(&wrapping, reqwest::Method::POST, "sys/wrapping/unwrap", &json!({})).await;
    assert_eq!((status, &still["data"]), (200, &planted));
}

#[tokio::test]
async fn a_new_wrapped_secret_id_takes_the_place_of_one_that_was_spent() {
    let bao = openbao().await;
    let place = Place::make(bao).await;
    let role = Role::make(bao, &place, json!({})).await;
    let delivered = file("s.neverwasawrappingtoken");
    let by = role.by(SecretId::Wrapped(SecretText::File(delivered.clone())));
    let vault = vault(bao.address(), by);
    place.read(&vault).await.expect_err("there is nothing in it");
    std::fs::write(&delivered, bao.wrapped(&role.secret_id_path(), &json!({}), 60).await).expect("a file");
    assert_eq!(place.read_in_time(&vault).await, "timber");
}

#[tokio::test]
async fn a_jwt_is_read_anew_for_each_sign_in() {
    let bao = openbao().await;
    let place = Place::make(bao).await;
    let key = Key::new("one");
    let idp = Idp::start(&key).await;
    let mount = bao.mount_sign_in("jwt").await;
    let keys = idp.issuer.replace("/logboom/", "/keys");
    bao.put(&format!("auth/{mount}/config"), &json!({"jwks_url": keys, "bound_issuer": idp.issuer})).await;
    let settings = json!({
        "role_type": "jwt", "user_claim": "sub", "bound_audiences": ["vault"], "bound_subject": "logboom",
        "token_policies": [place.policy], "token_ttl": "1h",
    });
    bao.put(&format!("auth/{mount}/role/logboom"), &settings).await;
    let jwt = |until: i64| {
        let now = jiff::Timestamp::now().as_second();
        let claims = json!({
            "iss": idp.issuer, "sub": "logboom", "aud": "vault", "iat": now - 600, "nbf": now - 600,
            "exp": now + until,
        });
        key.sign(&json!({"alg": "ES256", "kid": "one"}), &claims)
    };

    let delivered = file(&jwt(-500));
    let by = JwtFile { mount: path(&mount), role: "logboom".to_owned(), file: delivered.clone() };
    let vault = vault(bao.address(), SignIn::Jwt(by));
    let old = place.read(&vault).await.expect_err("it has ended");
    assert!(old.signing_in && old.kind == VaultErrorKind::Refused, "{old:?}");
    std::fs::write(&delivered, jwt(300)).expect("a file");
    assert_eq!(place.read_in_time(&vault).await, "timber");
}

#[tokio::test]
async fn a_pod_signs_in_with_its_service_account() {
    let bao = openbao().await;
    let place = Place::make(bao).await;
    let review = json!({
        "apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview",
        "status": {"authenticated": true, "audiences": ["vault"], "user": {
            "username": "system:serviceaccount:logs:logboom", "uid": "4be2b5b8",
            "groups": ["system:serviceaccounts", "system:serviceaccounts:logs", "system:authenticated"],
        }},
    })
    .to_string();
    let cluster = Recorder::https(move |_| {
        let length = review.len();
        let head = "HTTP/1.1 201 Created\r\ncontent-type: application/json\r\nconnection: close";
        format!("{head}\r\ncontent-length: {length}\r\n\r\n{review}").into_bytes()
    })
    .await;
    let mount = bao.mount_sign_in("kubernetes").await;
    let settings = json!({
        "kubernetes_host": format!("https://{}", cluster.addr()), "disable_local_ca_jwt": true,
        "kubernetes_ca_cert": String::from_utf8(certificates().ca_pem()).expect("PEM"),
        "token_reviewer_jwt": "SECRET-reviewer",
    });
    bao.put(&format!("auth/{mount}/config"), &settings).await;
    let settings = json!({
        "bound_service_account_names": ["logboom"], "bound_service_account_namespaces": ["logs"],
        "audience": "vault", "token_policies": [place.policy], "token_ttl": "1h",
    });
    bao.put(&format!("auth/{mount}/role/logboom"), &settings).await;
    let now = jiff::Timestamp::now().as_second();
    let claims = json!({
        "iss": "https://kubernetes.default.svc", "sub": "system:serviceaccount:logs:logboom", "aud": ["vault"],
        "iat": now, "nbf": now, "exp": now + 600,
        "kubernetes.io": {"namespace": "logs", "serviceaccount": {"name": "logboom", "uid": "4be2b5b8"}},
    });
    let jwt = Key::new("pod").sign(&json!({"alg": "ES256", "kid": "pod"}), &claims);
    let by = JwtFile { mount: path(&mount), role: "logboom".to_owned(), file: file(&jwt) };
    let vault = vault(bao.address(), SignIn::Kubernetes(by));
    assert_eq!(place.read(&vault).await.expect("it reads"), "timber");
    assert_eq!(cluster.targets(), ["/apis/authentication.k8s.io/v1/tokenreviews"]);
}

#[tokio::test]
async fn a_token_file_that_changes_is_followed_and_its_token_is_left_alone() {
    let bao = openbao().await;
    let place = Place::make(bao).await;
    let make = async || {
        let body = json!({"policies": [place.policy], "ttl": "1h", "no_parent": true});
        text(&bao.put("auth/token/create", &body).await["auth"]["client_token"])
    };
    let (old, new) = (make().await, make().await);
    let sink = file(&old);
    let vault = vault(bao.address(), SignIn::TokenFile(sink.clone()));
    assert_eq!(place.read(&vault).await.expect("it reads"), "timber");

    std::fs::write(&sink, &new).expect("a file");
    bao.put("auth/token/revoke", &json!({"token": old})).await;
    assert_eq!(place.read_in_time(&vault).await, "timber");
    assert_eq!(vault.generation(), 2);

    vault.close().await;
    assert_eq!(vault.standing(), Standing::Closed);
    place.read(&vault).await.expect_err("it is closed");
    let (status, _) =
        bao.ask_as(&new, reqwest::Method::GET, "auth/token/lookup-self", &serde_json::Value::Null).await;
    assert_eq!(status, 200, "the agent's token is not ours to end");
}

#[tokio::test]
async fn a_token_file_is_read_again_without_being_asked_for() {
    let bao = openbao().await;
    let place = Place::make(bao).await;
    let body = json!({"policies": [place.policy], "ttl": "1h"});
    let token = async || text(&bao.put("auth/token/create", &body).await["auth"]["client_token"]);
    let sink = file(&token().await);
    let vault = vault(bao.address(), SignIn::TokenFile(sink.clone()));
    place.read(&vault).await.expect("it reads");
    std::fs::write(&sink, token().await).expect("a file");
    eventually(async || (vault.generation() == 2).then_some(())).await;
}

#[tokio::test]
async fn a_namespace_is_signed_in_to_and_read_from() {
    let bao = OpenBao::start().await;
    bao.put("sys/namespaces/rivers", &json!({})).await;
    bao.put_in("rivers", "sys/auth/approle", &json!({"type": "approle"})).await;
    bao.put_in("rivers", "sys/mounts/kv", &json!({"type": "kv", "options": {"version": "1"}})).await;
    bao.put_in("rivers", "kv/known", &json!({"word": "alder"})).await;
    let rule = "path \"kv/known\" { capabilities = [\"read\"] }";
    bao.put_in("rivers", "sys/policies/acl/reader", &json!({"policy": rule})).await;
    bao.put_in("rivers", "auth/approle/role/logboom", &json!({"token_policies": ["reader"]})).await;
    let fixed = json!({"role_id": "rivers-logboom"});
    bao.put_in("rivers", "auth/approle/role/logboom/role-id", &fixed).await;
    let delivered = bao.wrapped_in("rivers", "auth/approle/role/logboom/secret-id", &json!({}), 60).await;
    let known = Role { mount: "approle".to_owned(), role_id: "rivers-logboom".to_owned() };
    let by = known.by(SecretId::Wrapped(SecretText::Value(Secret::new(delivered))));
    let place = Place { path: path("kv/known"), policy: String::new() };

    let inside = Options { namespace: Some("rivers".to_owned()), ..options(bao.address(), by) };
    let inside = Vault::new(inside).expect("a client");
    assert_eq!(place.read(&inside).await.expect("it reads"), "alder");
    inside.close().await;

    let made = bao.put_in("rivers", "auth/approle/role/logboom/secret-id", &json!({})).await;
    let secret_id = Secret::new(text(&made["data"]["secret_id"]));
    let outside = vault(bao.address(), known.by(SecretId::Plain(SecretText::Value(secret_id))));
    assert!(place.read(&outside).await.expect_err("no such method there").signing_in);
}

#[tokio::test]
async fn vault_is_believed_by_its_own_authority_alone_and_gets_our_certificate() {
    let bao = OpenBao::start_with_mutual_tls().await;
    let place = Place::make(&bao).await;
    let role = Role::make(&bao, &place, json!({})).await;
    let by = role.sign_in(&bao).await;
    let ca_pem = String::from_utf8(certificates().ca_pem()).expect("PEM");
    let client_pem = std::fs::read_to_string(&certificates().client).expect("PEM");
    let with = |ca_pem: Option<&String>, client_pem: Option<&String>| {
        let options = Options {
            ca_pem: ca_pem.cloned(),
            client_pem: client_pem.cloned().map(Secret::new),
            ..options(bao.address(), by.clone())
        };
        Vault::new(options).expect("a client")
    };
    let known = with(Some(&ca_pem), Some(&client_pem));
    assert_eq!(place.read(&known).await.expect("it reads"), "timber");
    known.close().await;
    assert!(role.tokens(&bao).await.is_empty());

    for stranger in [with(None, Some(&client_pem)), with(Some(&ca_pem), None)] {
        let error = place.read(&stranger).await.expect_err("one of the two does not know the other");
        assert_eq!(error.kind, VaultErrorKind::Unreachable, "{error}");
    }
    assert!(role.tokens(&bao).await.is_empty(), "nothing was sent to a server that is not known");
}
