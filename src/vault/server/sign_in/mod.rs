//! How the service proves to Vault who it is: one file for each way that has more to it than a login.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustify::Endpoint;
use vaultrs::api::auth::kubernetes::requests::LoginWithKubernetesRequest;
use vaultrs::api::auth::oidc::requests::JWTLoginRequest;
use zeroize::Zeroize;

use crate::domain::secret::Secret;
use crate::vault::fixed::SecretText;
use crate::vault::server::error::VaultError;
use crate::vault::server::path::VaultPath;
use crate::vault::server::sign_in::approle::Unwrapped;
use crate::vault::server::token::Grant;
use crate::vault::server::transport::Transport;

pub mod approle;
pub mod aws;

pub use approle::{AppRole, SecretId};
pub use aws::AwsIam;

/// How often a token file is read again. Vault Agent writes it anew whenever it signs in.
const TOKEN_FILE_EVERY: Duration = Duration::from_secs(5);

/// How the service proves to Vault who it is.
#[derive(Debug, Clone)]
pub enum SignIn {
    /// A token that is valid as it stands, and not ours to end.
    Token(Secret<String>),
    /// A token in a file that something else keeps fresh, such as the sink of a Vault Agent.
    TokenFile(PathBuf),
    /// A role id and a secret id.
    AppRole(AppRole),
    /// A signed token of an identity provider that Vault knows.
    Jwt(JwtFile),
    /// The service-account token of a Kubernetes pod.
    Kubernetes(JwtFile),
    /// The AWS role that the process runs in.
    AwsIam(AwsIam),
}

/// A sign-in by a token in a file, read anew each time: its issuer replaces it long before it ends.
#[derive(Debug, Clone)]
pub struct JwtFile {
    /// Where the method is mounted, below `auth/`.
    pub mount: VaultPath,
    /// The role in Vault.
    pub role: String,
    /// The file with the token.
    pub file: PathBuf,
}

/// Signs in, as often as it is asked to.
pub(super) struct Signer {
    transport: Arc<Transport>,
    timeout: Duration,
    sign_in: SignIn,
    unwrapped: Option<Unwrapped>,
}

impl Signer {
    pub(super) const fn new(transport: Arc<Transport>, sign_in: SignIn, timeout: Duration) -> Self {
        Self { transport, timeout, sign_in, unwrapped: None }
    }

    /// The method's name, for logs and errors.
    pub(super) const fn method(&self) -> &'static str {
        match &self.sign_in {
            SignIn::Token(_) => "a fixed token",
            SignIn::TokenFile(_) => "a token file",
            SignIn::AppRole(_) => "AppRole",
            SignIn::Jwt(_) => "JWT",
            SignIn::Kubernetes(_) => "Kubernetes",
            SignIn::AwsIam(_) => "AWS IAM",
        }
    }

    pub(super) async fn sign_in(&mut self) -> Result<Grant, VaultError> {
        let door = Door { transport: &self.transport, timeout: self.timeout };
        match &self.sign_in {
            SignIn::Token(token) => Ok(foreign(token.clone(), None)),
            SignIn::TokenFile(path) => Ok(foreign(read_file(path).await?, Some(TOKEN_FILE_EVERY))),
            SignIn::AppRole(role) => role.sign_in(&mut self.unwrapped, &door).await,
            SignIn::Jwt(jwt) => jwt.sign_in(&door).await,
            SignIn::Kubernetes(pod) => pod.sign_in_as_pod(&door).await,
            SignIn::AwsIam(aws) => aws.sign_in(&door).await,
        }
    }
}

impl JwtFile {
    async fn sign_in(&self, door: &Door<'_>) -> Result<Grant, VaultError> {
        let mut login = JWTLoginRequest {
            mount: self.mount.to_string(),
            jwt: read_file(&self.file).await?.expose().clone(),
            role: Some(self.role.clone()),
        };
        let granted = door.log_in(&login).await;
        login.jwt.zeroize();
        granted
    }

    async fn sign_in_as_pod(&self, door: &Door<'_>) -> Result<Grant, VaultError> {
        let mut login = LoginWithKubernetesRequest {
            mount: self.mount.to_string(),
            role: self.role.clone(),
            jwt: read_file(&self.file).await?.expose().clone(),
        };
        let granted = door.log_in(&login).await;
        login.jwt.zeroize();
        granted
    }
}

/// The way to Vault before there is a token.
struct Door<'a> {
    transport: &'a Transport,
    timeout: Duration,
}

impl Door<'_> {
    async fn log_in<E: Endpoint>(&self, endpoint: &E) -> Result<Grant, VaultError> {
        let reply = self.transport.ask(endpoint, None, self.timeout).await?;
        let auth = reply.auth.filter(|auth| !auth.token.expose().is_empty());
        let auth = auth.ok_or_else(VaultError::unexpected)?;
        Ok(Grant {
            secret: auth.token,
            life: Some(auth.duration),
            renewable: auth.renewable,
            look_after: None,
            ours: true,
        })
    }
}

const fn foreign(secret: Secret<String>, look_after: Option<Duration>) -> Grant {
    Grant { secret, life: None, renewable: false, look_after, ours: false }
}

async fn read(text: &SecretText) -> Result<Secret<String>, VaultError> {
    text.read().await.map_err(VaultError::missing)
}

async fn read_file(path: &Path) -> Result<Secret<String>, VaultError> {
    read(&SecretText::File(path.to_owned())).await
}
