//! The face for vending: a credential of the cloud that reads and lists some folders, and nothing else.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;

use crate::domain::bucket::NativeName;
use crate::domain::key::{ObjectKey, Prefix};
use crate::domain::scope::Scope;
use crate::domain::secret::Secret;
use crate::domain::time::Timestamp;
use crate::provider::StoreError;

/// What is asked for.
#[derive(Debug, Clone)]
pub struct VendOptions {
    /// The folders that may be read and listed.
    pub scope: Scope,
    /// How long, at the most.
    pub ttl: Duration,
    /// The time from which `ttl` counts.
    pub now: Timestamp,
    /// For whom, as the cloud's own log is to show it.
    pub holder: Holder,
    /// Into how many credentials the scope may be divided; at least 1.
    pub max_credentials: usize,
}

/// Whom a credential is for.
#[derive(Debug, Clone)]
pub struct Holder {
    /// The person's subject at the identity provider.
    pub subject: String,
    /// The identity provider.
    pub issuer: String,
    /// The request of ours that this is part of: 32 hexadecimal digits.
    pub request_id: String,
}

/// One credential.
#[derive(Debug, Clone)]
pub struct Vended {
    /// What it reads and lists.
    pub folders: Vec<Prefix>,
    /// The credential.
    pub secret: VendedSecret,
    /// When it stops working, no later than asked for.
    pub expires_at: Timestamp,
}

/// A credential in its cloud's own form.
#[derive(Clone)]
pub enum VendedSecret {
    /// Temporary keys of AWS.
    AwsKeys {
        /// Access key id (`ASIA…`).
        access_key_id: String,
        /// Secret access key.
        secret_access_key: Secret<String>,
        /// Session token.
        session_token: Secret<String>,
    },
    /// An OAuth 2.0 access token of Google.
    GcpAccessToken(Secret<String>),
    /// A shared access signature of Azure: the query of a URL, without `?`.
    AzureSas(Secret<String>),
}

impl fmt::Debug for VendedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AwsKeys { .. } => "AwsKeys(…)",
            Self::GcpAccessToken(_) => "GcpAccessToken(…)",
            Self::AzureSas(_) => "AzureSas(…)",
        })
    }
}

/// Whether a scope fits into what a cloud can narrow.
#[derive(Debug, Clone)]
pub enum Fit {
    /// As many credentials as the cloud's limits need, at least one; together they reach the scope, and nothing beside it.
    Credentials(Vec<Vended>),
    /// The cloud has no credential that reaches exactly this. Says which limit stands in the way, as a whole sentence
    /// without its point: "An account without hierarchical namespace cannot sign for a folder".
    DoesNotFit(String),
}

/// Something that is tried with a vended credential, to see what it reaches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attempt {
    /// Read an object.
    Read(ObjectKey),
    /// List one key with a prefix; the empty prefix lists the bucket.
    List(Prefix),
    /// Write an object of a few bytes.
    Write(ObjectKey),
    /// List another bucket, by its native name.
    OtherBucket(NativeName),
}

/// What the cloud said to an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// It was let through; an object that is not there counts as well.
    Allowed,
    /// It was refused for lack of permission.
    Refused,
}

/// Makes credentials for one bucket: session policies at AWS, access boundaries at Google, SAS at Azure.
#[async_trait]
pub trait VendCredentials: fmt::Debug + Send + Sync {
    /// Makes credentials that reach the scope and nothing beside it, or says why there are none.
    async fn vend(&self, options: &VendOptions) -> Result<Fit, StoreError>;

    /// Tries something with a credential that was vended here. An answer that tells neither is an error.
    async fn attempt(&self, vended: &Vended, attempt: &Attempt) -> Result<Reach, StoreError>;
}
