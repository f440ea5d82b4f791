//! Proof of the AWS role that this process runs in: a signed `sts:GetCallerIdentity`, which Vault or Google sends to AWS
//! for us.
//!
//! The name of the one that it is for is signed too, so that nobody who gets hold of it can use it with another one.
//! Sources: <https://developer.hashicorp.com/vault/docs/auth/aws#iam-auth-method> and
//! <https://cloud.google.com/iam/docs/workload-identity-federation-with-other-clouds> (AWS request of the subject token).

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use async_trait::async_trait;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningParams, SigningSettings};
use aws_sigv4::sign::v4;
use aws_smithy_runtime_api::client::identity::Identity;
use tokio::sync::OnceCell;
use tracing::subscriber::{NoSubscriber, with_default};

use crate::domain::credential::Credential;
use crate::domain::proof::{ProofError, ProveIdentity, SignedRequest};
use crate::domain::secret::Secret;
use crate::domain::time::{Clock, SystemClock};
use crate::provider::aws::credentials::Keeper;
use crate::provider::aws::sdk_client;
use crate::provider::error::{StoreError, StoreErrorKind, StoreOperation};
use crate::provider::wire::Options;

/// The header that names the Vault that the proof is for.
const SERVER_ID: &str = "X-Vault-AWS-IAM-Server-ID";
/// The header that names the workload identity provider that it is for.
const TARGET_RESOURCE: &str = "x-goog-cloud-target-resource";
const CONTENT_TYPE: &str = "application/x-www-form-urlencoded; charset=utf-8";
const BODY: &str = "Action=GetCallerIdentity&Version=2011-06-15";

/// For whom a proof is made, and where it is to be checked.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The region of the STS that is to be asked; `None` for the global one.
    pub region: Option<String>,
    /// Whom the proof is for.
    pub bound: Bound,
}

/// Who may use the proof, and nobody else.
#[derive(Debug, Clone)]
pub enum Bound {
    /// The Vault of that name.
    Vault(String),
    /// The workload identity provider of that audience.
    Google(String),
}

/// Signs in the name of the role that the machine offers.
pub struct CallerIdentity {
    options: Options,
    credential: Credential,
    caller: Caller,
    keeper: OnceCell<Arc<Keeper>>,
}

impl fmt::Debug for CallerIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallerIdentity").field("caller", &self.caller).finish_non_exhaustive()
    }
}

impl CallerIdentity {
    /// Takes who signs, and for whom. Nothing is looked for yet.
    #[must_use]
    pub fn new(options: Options, credential: Credential, caller: Caller) -> Self {
        Self { options, credential, caller, keeper: OnceCell::new() }
    }

    /// The global STS is in `us-east-1` (AWS General Reference, "AWS Security Token Service endpoints").
    fn region(&self) -> &str {
        self.caller.region.as_deref().unwrap_or("us-east-1")
    }

    fn host(&self) -> String {
        match self.caller.region.as_deref() {
            None => "sts.amazonaws.com".to_owned(),
            Some(region) if region.starts_with("cn-") => format!("sts.{region}.amazonaws.com.cn"),
            Some(region) => format!("sts.{region}.amazonaws.com"),
        }
    }

    async fn keeper(&self) -> Result<&Arc<Keeper>, StoreError> {
        let made = self.keeper.get_or_try_init(|| async {
            let http = sdk_client(&self.options)?;
            let keeper = Keeper::new(&self.credential, self.region(), &http).await?;
            keeper.ok_or_else(|| {
                let text = "an anonymous caller has no identity";
                StoreError::caused_by(StoreOperation::Connect, StoreErrorKind::NoCredential, text)
            })
        });
        made.await
    }

    /// What is asked of STS: its URL, the body, and the headers of ours that are signed.
    fn question<'a>(&'a self, host: &'a str) -> (String, &'static str, Vec<(&'a str, &'a str)>) {
        match &self.caller.bound {
            Bound::Vault(name) => {
                let headers = vec![("Content-Type", CONTENT_TYPE), (SERVER_ID, name.as_str())];
                (format!("https://{host}/"), BODY, headers)
            }
            // Google sends no body.
            Bound::Google(audience) => {
                let headers = vec![("host", host), (TARGET_RESOURCE, audience.as_str())];
                (format!("https://{host}?{BODY}"), "", headers)
            }
        }
    }

    fn sign(&self, identity: &Identity) -> Result<SignedRequest, Box<dyn std::error::Error + Send + Sync>> {
        let host = self.host();
        let (url, body, ours) = self.question(&host);
        // AWS judges a signature by real time, so this is the machine's clock and never a test's.
        let millis = u64::try_from(SystemClock.now().unix_millis())?;
        let params: SigningParams<'_> = v4::SigningParams::builder()
            .identity(identity)
            .region(self.region())
            .name("sts")
            .time(UNIX_EPOCH + Duration::from_millis(millis))
            .settings(SigningSettings::default())
            .build()?
            .into();
        let named = ours.iter().any(|(name, _)| *name == "host");
        let signed = ours.iter().copied().chain((!named).then_some(("Host", host.as_str())));
        let request =
            SignableRequest::new("POST", url.as_str(), signed, SignableBody::Bytes(body.as_bytes()))?;
        // The signer's trace would show the session token.
        let made = with_default(NoSubscriber::default(), || aws_sigv4::http_request::sign(request, &params))?;
        let (instructions, _) = made.into_parts();
        let owned = |(name, value): (&str, &str)| (name.to_owned(), Secret::new(value.to_owned()));
        let headers = ours.iter().copied().chain(instructions.headers()).map(owned).collect();
        Ok(SignedRequest { method: "POST", url, headers, body })
    }
}

#[async_trait]
impl ProveIdentity for CallerIdentity {
    async fn prove(&self) -> Result<SignedRequest, ProofError> {
        let told = |error: StoreError| {
            let cause =
                std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string);
            ProofError(cause)
        };
        let keeper = self.keeper().await.map_err(told)?;
        let identity = keeper.identity(StoreOperation::Connect).await.map_err(told)?;
        self.sign(&identity).map_err(|_| ProofError("the request to STS cannot be signed".to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn proof(region: Option<&str>) -> SignedRequest {
        proof_for(region, Bound::Vault("vault.example".to_owned())).await
    }

    async fn proof_for(region: Option<&str>, bound: Bound) -> SignedRequest {
        let options = Options {
            extra_ca_pem: None,
            connect_timeout: Duration::from_secs(1),
            idle_timeout: Duration::from_secs(1),
            read_buffer_bytes: 8192,
        };
        let credential = Credential::AwsKeys {
            access_key_id: "ASIAEXAMPLE".to_owned(),
            secret_access_key: Secret::new("SECRET-key".to_owned()),
            session_token: Some(Secret::new("SECRET-session".to_owned())),
        };
        let caller = Caller { region: region.map(str::to_owned), bound };
        let identity = CallerIdentity::new(options, credential, caller);
        identity.prove().await.unwrap()
    }

    fn header<'a>(proof: &'a SignedRequest, name: &str) -> &'a str {
        let found = proof.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.unwrap_or_else(|| panic!("{name}")).1.expose()
    }

    #[tokio::test]
    async fn the_proof_is_bound_to_one_vault() {
        let proof = proof(Some("eu-central-1")).await;
        assert_eq!(proof.url, "https://sts.eu-central-1.amazonaws.com/");
        assert_eq!(header(&proof, SERVER_ID), "vault.example");
        let authorization = header(&proof, "authorization");
        assert!(authorization.contains("/eu-central-1/sts/aws4_request"), "{authorization}");
        for signed in
            ["content-type", "host", "x-amz-date", "x-amz-security-token", "x-vault-aws-iam-server-id"]
        {
            let names = authorization.split("SignedHeaders=").nth(1).unwrap().split(',').next().unwrap();
            assert!(names.split(';').any(|name| name == signed), "{signed}: {names}");
        }
        assert!(!format!("{proof:?}").contains("SECRET"));
    }

    #[tokio::test]
    async fn without_a_region_the_global_sts_is_named() {
        let proof = proof(None).await;
        assert_eq!(proof.url, "https://sts.amazonaws.com/");
        assert!(header(&proof, "authorization").contains("/us-east-1/sts/aws4_request"));
    }

    #[tokio::test]
    async fn a_proof_for_google_is_bound_to_one_workload_identity_provider_and_has_no_body() {
        let audience = "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/a";
        let proof = proof_for(Some("eu-central-1"), Bound::Google(audience.to_owned())).await;
        let url = "https://sts.eu-central-1.amazonaws.com?Action=GetCallerIdentity&Version=2011-06-15";
        assert_eq!((proof.url.as_str(), proof.method, proof.body), (url, "POST", ""));
        assert_eq!(header(&proof, TARGET_RESOURCE), audience);
        assert_eq!(header(&proof, "host"), "sts.eu-central-1.amazonaws.com");
        let authorization = header(&proof, "authorization");
        let names = authorization.split("SignedHeaders=").nth(1).unwrap().split(',').next().unwrap();
        assert_eq!(names, "host;x-amz-date;x-amz-security-token;x-goog-cloud-target-resource");
    }
}
