//! AppRole: a role id, which is a name, and a secret id, which may come wrapped.
//!
//! A wrapped secret id is a token that gives the secret id out once. Whoever unwraps it second learns that somebody was
//! first, so a failure to unwrap is told as a possible theft.
//! Source: <https://developer.hashicorp.com/vault/docs/concepts/response-wrapping>.

use rustify::enums::RequestMethod;
use serde::Deserialize;
use serde_json::json;
use tracing::error;
use vaultrs::api::auth::approle::requests::LoginWithApproleRequest;
use zeroize::Zeroize;

use crate::domain::secret::Secret;
use crate::vault::fixed::SecretText;
use crate::vault::server::error::{VaultError, VaultErrorKind};
use crate::vault::server::path::VaultPath;
use crate::vault::server::reply;
use crate::vault::server::request::PlainRequest;
use crate::vault::server::sign_in::{Door, read};
use crate::vault::server::token::Grant;

/// A role and where its secret id is.
#[derive(Debug, Clone)]
pub struct AppRole {
    /// Where the method is mounted, below `auth/`.
    pub mount: VaultPath,
    /// The role id.
    pub role_id: String,
    /// The secret id.
    pub secret_id: SecretId,
}

/// A secret id, as it is delivered.
#[derive(Debug, Clone)]
pub enum SecretId {
    /// As it is; read anew for each sign-in.
    Plain(SecretText),
    /// A wrapping token. It is spent by the first sign-in, and what it held is kept in memory for the later ones,
    /// until another one is delivered.
    Wrapped(SecretText),
}

/// What a wrapping token held.
pub(super) struct Unwrapped {
    wrapping: Secret<String>,
    secret_id: Secret<String>,
}

impl AppRole {
    pub(super) async fn sign_in(
        &self,
        unwrapped: &mut Option<Unwrapped>,
        door: &Door<'_>,
    ) -> Result<Grant, VaultError> {
        let secret_id = match &self.secret_id {
            SecretId::Plain(text) => read(text).await?,
            SecretId::Wrapped(text) => self.unwrapped(text, unwrapped, door).await?,
        };
        let mut login = LoginWithApproleRequest {
            mount: self.mount.to_string(),
            role_id: self.role_id.clone(),
            secret_id: secret_id.expose().clone(),
        };
        let granted = door.log_in(&login).await;
        login.secret_id.zeroize();
        granted
    }

    async fn unwrapped(
        &self,
        text: &SecretText,
        unwrapped: &mut Option<Unwrapped>,
        door: &Door<'_>,
    ) -> Result<Secret<String>, VaultError> {
        let delivered = read(text).await;
        // Who delivered it may well have taken the spent token away.
        let is_known = |known: &&Unwrapped| {
            delivered.as_ref().map_or(true, |new| new.expose() == known.wrapping.expose())
        };
        if let Some(known) = unwrapped.as_ref().filter(is_known) {
            return Ok(known.secret_id.clone());
        }
        let wrapping = delivered?;
        let secret_id = unwrap(&self.mount, &wrapping, door).await?;
        *unwrapped = Some(Unwrapped { wrapping, secret_id: secret_id.clone() });
        Ok(secret_id)
    }
}

#[derive(Deserialize)]
struct Wrapping {
    creation_path: String,
}

#[derive(Deserialize)]
struct SecretIdAnswer {
    #[serde(deserialize_with = "reply::secret")]
    secret_id: Secret<String>,
}

async fn unwrap(
    mount: &VaultPath,
    wrapping: &Secret<String>,
    door: &Door<'_>,
) -> Result<Secret<String>, VaultError> {
    // A thief could unwrap it and put a wrapping of his own in its place: that one was made elsewhere.
    let body = json!({ "token": wrapping.expose() });
    let lookup = PlainRequest::<Wrapping>::new(RequestMethod::POST, &VaultPath::LOOKUP_WRAPPING);
    let known = door.transport.ask(&lookup.with_body(&body)?, None, door.timeout).await;
    let origin = known.map_err(spent)?.into_data()?.creation_path;
    if !is_origin(&origin, mount) {
        return Err(spent_because("it was not made by a role of this method"));
    }
    let request = PlainRequest::<SecretIdAnswer>::post(&VaultPath::UNWRAP);
    let answer = door.transport.ask(&request, Some(wrapping), door.timeout).await.map_err(spent)?;
    Ok(answer.into_data()?.secret_id)
}

fn is_origin(path: &str, mount: &VaultPath) -> bool {
    let role = path.strip_prefix("auth/").and_then(|rest| rest.strip_prefix(mount.as_str()));
    let role = role.and_then(|rest| rest.strip_prefix("/role/")?.strip_suffix("/secret-id"));
    role.is_some_and(|role| !role.is_empty() && !role.contains('/'))
}

/// Vault answers 400 or 403 for a wrapping token that it does not know.
fn spent(error: VaultError) -> VaultError {
    if matches!(error.kind, VaultErrorKind::Denied | VaultErrorKind::Refused | VaultErrorKind::NotFound) {
        spent_because("it is too old, or somebody else unwrapped it first")
    } else {
        error
    }
}

fn spent_because(reason: &str) -> VaultError {
    error!(
        reason,
        "the wrapped secret id cannot be unwrapped. Treat it as stolen: destroy it by its accessor, and look in Vault's \
         audit log for who unwrapped it"
    );
    let what = format!("the wrapped secret id cannot be unwrapped: {reason}; treat it as stolen");
    VaultError::new(VaultErrorKind::Denied, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrapping_counts_only_when_a_role_of_the_method_made_it() {
        let mount = VaultPath::parse("approle").unwrap();
        assert!(is_origin("auth/approle/role/logboom/secret-id", &mount));
        for bad in [
            "sys/wrapping/wrap",
            "auth/approle/role//secret-id",
            "auth/approle/role/a/b/secret-id",
            "auth/approle2/role/logboom/secret-id",
            "secret/auth/approle/role/logboom/secret-id",
            "auth/approle/role/logboom/secret-id/x",
        ] {
            assert!(!is_origin(bad, &mount), "{bad}");
        }
    }
}
