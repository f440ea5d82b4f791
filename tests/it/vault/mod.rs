//! Vault, as Logboom uses it: signing in, staying signed in, and what happens when it fails.

use std::path::PathBuf;
use std::time::Duration;

use logboom::domain::secret::Secret;
use logboom::vault::fixed::SecretText;
use logboom::vault::server::sign_in::{AppRole, SecretId};
use logboom::vault::server::{Options, Pauses, SignIn, Vault, VaultError, VaultPath};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::harness::openbao::{OpenBao, name, text};

mod aws_iam;
mod failures;
mod keeping;
mod leaks;
mod lent;
mod sealing;
mod secrets;
mod service;
mod sign_in;
mod task_role;

/// What a test reads to see that it is signed in.
#[derive(Deserialize)]
struct Known {
    word: String,
}

/// Settings with short times.
fn options(address: &str, sign_in: SignIn) -> Options {
    Options {
        address: address.parse().expect("a URL"),
        namespace: None,
        ca_pem: None,
        client_pem: None,
        connect_timeout: Duration::from_secs(1),
        timeout: Duration::from_secs(5),
        sign_in,
        pauses: Pauses {
            least: Duration::from_millis(300),
            most: Duration::from_millis(600),
            most_refused: Duration::from_millis(600),
        },
    }
}

fn vault(address: &str, sign_in: SignIn) -> Vault {
    Vault::new(options(address, sign_in)).expect("a client")
}

fn path(text: &str) -> VaultPath {
    VaultPath::parse(text).expect("a path")
}

pub fn file(content: &str) -> PathBuf {
    let file = std::env::temp_dir().join(name("logboom-it-secret"));
    std::fs::write(&file, content).expect("a file");
    file
}

/// A secret in an engine of its own, and the policy that reads it.
struct Place {
    path: VaultPath,
    policy: String,
}

impl Place {
    async fn make(bao: &OpenBao) -> Self {
        let mount = bao.mount("kv", &json!({"version": "1"})).await;
        bao.put(&format!("{mount}/known"), &json!({"word": "timber"})).await;
        let policy = bao.policy(&format!("{mount}/known"), &["read"]).await;
        Self { path: path(&format!("{mount}/known")), policy }
    }

    async fn read(&self, vault: &Vault) -> Result<String, VaultError> {
        Ok(vault.read::<Known>(&self.path).await?.into_data()?.word)
    }

    /// Reads until it works: for what comes back by itself.
    async fn read_in_time(&self, vault: &Vault) -> String {
        eventually(async || self.read(vault).await.ok()).await
    }
}

/// An AppRole in a mount of its own that may read a place.
struct Role {
    mount: String,
    role_id: String,
}

impl Role {
    async fn make(bao: &OpenBao, place: &Place, more: Value) -> Self {
        let mount = bao.mount_sign_in("approle").await;
        let mut settings = json!({"token_policies": [place.policy], "token_ttl": "1h"});
        for (key, value) in more.as_object().into_iter().flatten() {
            settings[key] = value.clone();
        }
        let role = format!("auth/{mount}/role/logboom");
        bao.put(&role, &settings).await;
        let role_id = text(&bao.get(&format!("{role}/role-id")).await["data"]["role_id"]);
        Self { mount, role_id }
    }

    fn secret_id_path(&self) -> String {
        format!("auth/{}/role/logboom/secret-id", self.mount)
    }

    async fn secret_id(&self, bao: &OpenBao) -> String {
        text(&bao.put(&self.secret_id_path(), &json!({})).await["data"]["secret_id"])
    }

    fn by(&self, secret_id: SecretId) -> SignIn {
        SignIn::AppRole(AppRole { mount: path(&self.mount), role_id: self.role_id.clone(), secret_id })
    }

    async fn sign_in(&self, bao: &OpenBao) -> SignIn {
        let secret_id = Secret::new(self.secret_id(bao).await);
        self.by(SecretId::Plain(SecretText::Value(secret_id)))
    }

    /// The accessors of the tokens that were made through this role and still live, as the server counts them.
    async fn tokens(&self, bao: &OpenBao) -> Vec<String> {
        let made_by = json!(format!("auth/{}/login", self.mount));
        let mut found = Vec::new();
        for accessor in bao.list("auth/token/accessors").await {
            // One that ended meanwhile is not found any more.
            let body = json!({"accessor": accessor});
            let ask = bao.ask_as(bao.token(), reqwest::Method::POST, "auth/token/lookup-accessor", &body);
            if ask.await.1["data"]["path"] == made_by {
                found.push(accessor);
            }
        }
        found
    }
}

/// Asks again until there is an answer, for at most half a minute.
pub async fn eventually<T>(ask: impl AsyncFn() -> Option<T>) -> T {
    let asking = async {
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), asking).await.expect("it happens in time")
}
