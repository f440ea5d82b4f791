//! The service as it runs on Fargate: a process whose task role is all that it holds.

use std::process::Command;

use logboom::domain::credential::Credential;
use serde_json::{Value, json};

use crate::doubles::vault_aws::VaultAws;
use crate::harness::ministack::ministack;
use crate::harness::openbao::name;
use crate::harness::recorder::Recorder;
use crate::harness::servers::{Server, answers, free_port};
use crate::harness::site::Site;
use crate::vault::eventually;

/// What ECS answers a task that asks for the credentials of its role.
/// Source: "Task IAM role", Amazon ECS Developer Guide.
pub(super) async fn ecs(role: &Credential) -> Recorder {
    let Credential::AwsKeys { access_key_id, secret_access_key, session_token: Some(token) } = role else {
        panic!("a role's keys")
    };
    let body = json!({
        "RoleArn": "arn:aws:iam::000000000000:role/logboom", "AccessKeyId": access_key_id,
        "SecretAccessKey": secret_access_key.expose(), "Token": token.expose(),
        "Expiration": "2099-01-01T00:00:00Z",
    })
    .to_string();
    Recorder::http(move |_| {
        let length = body.len();
        let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close";
        format!("{head}\r\ncontent-length: {length}\r\n\r\n{body}").into_bytes()
    })
    .await
}

/// The process, with a place of the task's credentials and Vault in its environment.
fn serve(site: &Site, port: u16, operations: u16, vault: &str, ecs: &Recorder) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_logboom"));
    command.args(["serve", "--config"]).arg(site.config(&format!("http://127.0.0.1:{port}")));
    for held in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"] {
        command.env_remove(held);
    }
    for (key, value) in [
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", format!("http://{}/credentials", ecs.addr())),
        ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
        ("AWS_CONFIG_FILE", "/nonexistent".to_owned()),
        ("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent".to_owned()),
        ("LOGBOOM__HTTP__LISTEN", format!("127.0.0.1:{port}")),
        ("LOGBOOM__HTTP__OPERATIONS_LISTEN", format!("127.0.0.1:{operations}")),
        ("LOGBOOM__VAULT__ADDRESS", vault.to_owned()),
        ("LOGBOOM__VAULT__SIGN_IN__METHOD", "aws-iam".to_owned()),
        ("LOGBOOM__VAULT__SIGN_IN__ROLE", "logboom".to_owned()),
        ("LOGBOOM__VAULT__SIGN_IN__SERVER_ID", "vault.example".to_owned()),
    ] {
        command.env(key, value);
    }
    command
}

#[tokio::test]
async fn a_task_signs_in_by_its_role_alone_and_gives_the_token_back_when_it_is_stopped() {
    let sts = ministack().await;
    let role = name("logboom-task");
    let ecs = ecs(&sts.task_role(&role).await).await;
    let vault = VaultAws::start(sts.endpoint(), "vault.example").await;
    let site = Site::start().await;
    let (port, operations) = (free_port(), free_port());
    let ready = format!("http://127.0.0.1:{operations}/readyz");
    let command = serve(&site, port, operations, &vault.address, &ecs);
    let server = Server::start("logboom", command, async || answers(&ready).await).await;
    eventually(async || (vault.callers().len() == 1).then_some(())).await;
    let caller = vault.callers().concat();
    assert!(caller.contains(&format!("assumed-role/{role}/task")), "{caller}");
    let told: Value = reqwest::get(&ready).await.expect("an answer").json().await.expect("JSON");
    let entry = told["dependencies"].as_array().expect("a list").iter().find(|one| one["kind"] == "vault");
    assert_eq!(entry.expect("Vault")["ok"], true, "{told}");
    let signal = Command::new("kill").args(["-TERM", &server.pid().to_string()]).status();
    assert!(signal.expect("kill").success());
    eventually(async || (vault.given_back() == 1).then_some(())).await;
}
