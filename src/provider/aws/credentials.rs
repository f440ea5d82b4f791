//! Keeps the credential that requests are signed with, and renews it before it ends.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_sdk_s3::config::{BehaviorVersion, Region, SharedHttpClient};
use aws_smithy_runtime_api::client::identity::Identity;
use tokio::sync::Mutex;

use crate::domain::credential::Credential;
use crate::domain::time::{Clock, SystemClock, Timestamp};
use crate::provider::error::{StoreError, StoreErrorKind, StoreOperation};

/// How long before its end a credential is renewed.
const RENEW_BEFORE: Duration = Duration::from_mins(1);

/// One credential, fresh whenever it is asked for. Renewals are single: whoever comes meanwhile waits for the same one.
pub(super) struct Keeper {
    source: SharedCredentialsProvider,
    kept: Mutex<Option<Identity>>,
}

impl fmt::Debug for Keeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keeper(…)")
    }
}

impl Keeper {
    /// Takes what the credential says; `None` for anonymous access.
    pub(super) async fn new(
        credential: &Credential,
        region: &str,
        http: &SharedHttpClient,
    ) -> Result<Option<Arc<Self>>, StoreError> {
        let source = match credential {
            Credential::Anonymous => return Ok(None),
            Credential::AwsKeys { access_key_id, secret_access_key, session_token } => {
                SharedCredentialsProvider::new(Credentials::new(
                    access_key_id.clone(),
                    secret_access_key.expose().clone(),
                    session_token.as_ref().map(|token| token.expose().clone()),
                    None,
                    "logboom",
                ))
            }
            Credential::Ambient => ambient(region, http).await?,
            Credential::GcpServiceAccountKey(_)
            | Credential::GcpAccessToken(_)
            | Credential::AzureClientSecret { .. }
            | Credential::AzureAccessToken(_)
            | Credential::AzureAccountKey(_) => {
                return Err(set_up("the credential is another provider's"));
            }
        };
        Ok(Some(Arc::new(Self { source, kept: Mutex::new(None) })))
    }

    /// The credential as another of the SDK's clients takes it.
    pub(super) fn source(&self) -> SharedCredentialsProvider {
        self.source.clone()
    }

    /// The credential as the signer takes it.
    pub(super) async fn identity(&self, operation: StoreOperation) -> Result<Identity, StoreError> {
        let mut kept = self.kept.lock().await;
        if let Some(identity) = kept.as_ref().filter(|identity| lasts(identity)) {
            return Ok(identity.clone());
        }
        let found = self.source.provide_credentials().await;
        let identity = Identity::from(found.map_err(|cause| unresolved(operation, &cause))?);
        *kept = Some(identity.clone());
        Ok(identity)
    }
}

/// The provider judges a credential's end by real time, so this is the machine's clock and never a test's.
fn lasts(identity: &Identity) -> bool {
    identity.expiration().is_none_or(|end| SystemClock.now().plus(RENEW_BEFORE) < Timestamp::from_system(end))
}

async fn ambient(region: &str, http: &SharedHttpClient) -> Result<SharedCredentialsProvider, StoreError> {
    aws_config::defaults(BehaviorVersion::latest())
        .region(Region::new(region.to_owned()))
        .http_client(http.clone())
        .load()
        .await
        .credentials_provider()
        .ok_or_else(|| set_up("the SDK has no credential chain"))
}

/// Says which kind of failure it was; the chain's own text is left out, because a source may quote what it read.
fn unresolved(operation: StoreOperation, cause: &CredentialsError) -> StoreError {
    let (kind, text) = match cause {
        CredentialsError::CredentialsNotLoaded(_) => {
            (StoreErrorKind::NoCredential, "this machine offers no AWS credential")
        }
        CredentialsError::ProviderTimedOut(_) => {
            (StoreErrorKind::TimedOut, "the AWS credential chain did not answer in time")
        }
        CredentialsError::InvalidConfiguration(_) => {
            (StoreErrorKind::NoCredential, "the AWS credential chain is configured wrongly")
        }
        _ => (StoreErrorKind::Unavailable, "the AWS credential chain failed"),
    };
    StoreError::caused_by(operation, kind, text)
}

fn set_up(text: &'static str) -> StoreError {
    StoreError::caused_by(StoreOperation::Connect, StoreErrorKind::NoCredential, text)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use aws_credential_types::provider::future;

    use super::*;

    /// Hands out a new credential each time, and counts.
    #[derive(Debug, Clone)]
    struct Chain {
        lasts: Duration,
        asked: Arc<AtomicU32>,
    }

    impl ProvideCredentials for Chain {
        fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
        where
            Self: 'a,
        {
            future::ProvideCredentials::new(async {
                tokio::task::yield_now().await;
                let id = format!("key-{}", self.asked.fetch_add(1, Ordering::SeqCst));
                let end = std::time::UNIX_EPOCH
                    + Duration::from_secs(SystemClock.now().unix_seconds().unsigned_abs())
                    + self.lasts;
                Ok(Credentials::new(id, "SECRET-key", None, Some(end), "test"))
            })
        }
    }

    /// Asks several times at once and returns how often the chain was asked.
    async fn asked(lasts: Duration) -> u32 {
        let asked = Arc::new(AtomicU32::new(0));
        let source = SharedCredentialsProvider::new(Chain { lasts, asked: Arc::clone(&asked) });
        let keeper = Keeper { source, kept: Mutex::new(None) };
        futures::future::join_all((0..8).map(|_| keeper.identity(StoreOperation::Get))).await;
        assert!(!format!("{keeper:?}").contains("SECRET"));
        asked.load(Ordering::SeqCst)
    }

    #[tokio::test]
    async fn a_credential_is_fetched_once_and_renewed_before_it_ends() {
        assert_eq!(asked(Duration::from_hours(1)).await, 1);
        assert_eq!(asked(Duration::from_secs(30)).await, 8, "one that ends within a minute is not kept");
    }

    #[tokio::test]
    async fn a_chain_that_fails_tells_its_kind_and_nothing_it_read() {
        let told = |cause: CredentialsError| {
            let error = unresolved(StoreOperation::Get, &cause);
            assert!(!format!("{error:?}").contains("SECRET"));
            error.kind
        };
        assert_eq!(told(CredentialsError::not_loaded("SECRET")), StoreErrorKind::NoCredential);
        assert_eq!(told(CredentialsError::invalid_configuration("SECRET")), StoreErrorKind::NoCredential);
        assert_eq!(told(CredentialsError::provider_error("SECRET")), StoreErrorKind::Unavailable);
        assert_eq!(told(CredentialsError::provider_timed_out(Duration::ZERO)), StoreErrorKind::TimedOut);
    }
}
