//! Credentials that are lent on, narrowed to folders.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// For which folders a credential is wanted, and for how long. Give `prefix` or `prefixes`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CredentialsRequest {
    /// One folder; ends in `/`.
    #[serde(default)]
    pub prefix: Option<String>,
    /// Up to 100 folders, each ending in `/`. One that lies within another is absorbed by it.
    #[serde(default)]
    pub prefixes: Option<Vec<String>>,
    /// How long, in seconds; at most what the site allows. The site's default when absent.
    #[serde(default)]
    #[schema(minimum = 1)]
    pub ttl_seconds: Option<u64>,
    /// In which form. Every form but `json` needs a scope that one credential reaches.
    #[serde(default)]
    pub format: CredentialFormat,
}

/// A form that credentials come in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CredentialFormat {
    /// Everything, for programs.
    #[default]
    Json,
    /// Lines of `export NAME='value'` for a shell, with the names that the cloud's own tools read.
    Env,
    /// AWS: what a `credential_process` of the AWS configuration prints.
    CredentialProcess,
    /// AWS: a section for `~/.aws/credentials`.
    AwsCli,
    /// Google: lines for a shell after which `gcloud storage` works.
    Gcloud,
    /// Azure: lines for a shell after which `az storage` works.
    Az,
}

/// What was given, and which step of the ladder it is.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = Credentials)]
pub struct CredentialsView {
    /// `credential` (one reaches all), `credentials` (several together do), `links` (one for each object), or `proxy` (nothing
    /// can be handed on: list and read through this API).
    pub rung: Rung,
    /// Why it is not the step above.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Where the cloud has the bucket.
    pub bucket: CloudBucket,
    /// When the first of what was given stops working (RFC 3339).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
    /// The credentials.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub credentials: Vec<VendedView>,
    /// The links.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<ObjectLink>,
    /// How many archived objects have no link, because no link opens them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub archived: Option<usize>,
    /// Where to list each folder through this API, relative to its address.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub list: Vec<String>,
}

/// A step of the ladder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Rung {
    /// One credential reaches all.
    Credential,
    /// Several credentials together do.
    Credentials,
    /// A link for each object.
    Links,
    /// List and read through this API.
    Proxy,
}

/// A bucket by its cloud's own words.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct CloudBucket {
    /// `aws`, `gcp` or `azure`.
    pub provider: String,
    /// The S3 or GCS bucket, or the Azure container.
    pub name: String,
    /// Its region, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// The Azure storage account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// Base URL of the service when it is not the cloud's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
}

/// One credential. Whoever holds it can list and read the folders until it expires.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = VendedCredential)]
pub struct VendedView {
    /// The folders that it reaches.
    pub prefixes: Vec<String>,
    /// When it stops working (RFC 3339).
    pub expires_at: String,
    /// Keys of AWS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aws: Option<AwsKeys>,
    /// An access token of Google.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gcp_access_token: Option<String>,
    /// A shared access signature of Azure, without `?`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub azure_sas: Option<String>,
}

impl std::fmt::Debug for VendedView {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("VendedView").field("prefixes", &self.prefixes).finish_non_exhaustive()
    }
}

/// Temporary keys of AWS.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct AwsKeys {
    /// Access key id.
    pub access_key_id: String,
    /// Secret access key.
    pub secret_access_key: String,
    /// Session token.
    pub session_token: String,
}

impl std::fmt::Debug for AwsKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AwsKeys(…)")
    }
}

/// A link to one object.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct ObjectLink {
    /// The exact key.
    pub key: String,
    /// The URL at the cloud.
    pub url: String,
    /// When it stops working (RFC 3339).
    pub expires_at: String,
}

impl std::fmt::Debug for ObjectLink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ObjectLink").field("expires_at", &self.expires_at).finish_non_exhaustive()
    }
}
