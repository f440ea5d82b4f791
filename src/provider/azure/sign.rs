//! Links: a user-delegation SAS that reads one blob over HTTPS. No account key, no container SAS, ever.
//!
//! The delegation key that signs comes from Azure for our own identity, at most for seven days, and is kept until it is too
//! short for the next link.

use std::sync::Arc;
use std::time::Duration;

use azure_core::credentials::TokenCredential;
use azure_core::http::{ClientOptions, Url};
use azure_core::time::OffsetDateTime;
use azure_storage_blob::models::KeyInfo;
use azure_storage_blob::{BlobServiceClient, BlobServiceClientOptions};
use azure_storage_common::models::UserDelegationKey;
use azure_storage_sas::{SasBuilder, SasProtocol};
use tokio::sync::Mutex;

use crate::domain::key::ObjectKey;
use crate::domain::secret::Secret;
use crate::domain::time::Timestamp;
use crate::provider::azure::address::Address;
use crate::provider::azure::{API_VERSION, error};
use crate::provider::error::StoreOperation;
use crate::provider::{Link, LinkOptions, StoreError, StoreErrorKind};

/// The longest that Azure lets a delegation key live.
const MAX_KEY_LIFE: Duration = Duration::from_hours(7 * 24);

/// How far links begin in the past, for clocks that run behind ours.
pub(super) const SKEW: Duration = Duration::from_mins(5);

/// Makes links into one container.
pub(super) struct Links {
    account: String,
    container: String,
    service: BlobServiceClient,
    key_life: Duration,
    key: Mutex<Option<HeldKey>>,
}

struct HeldKey {
    key: Arc<UserDelegationKey>,
    from: Timestamp,
    until: Timestamp,
}

impl Links {
    pub(super) fn new(
        address: &Address,
        token: Arc<dyn TokenCredential>,
        client: &ClientOptions,
        key_life: Duration,
    ) -> Result<Self, StoreError> {
        let unusable = || {
            let why = "a credential goes to an https endpoint only";
            StoreError::caused_by(StoreOperation::Connect, StoreErrorKind::Invalid, why)
        };
        let url = Url::parse(address.service()).map_err(|_| unusable())?;
        let client =
            BlobServiceClientOptions { client_options: client.clone(), version: API_VERSION.to_owned() };
        let service = BlobServiceClient::new(url, Some(token), Some(client)).map_err(|_| unusable())?;
        Ok(Self {
            account: address.account().to_owned(),
            container: address.container().to_owned(),
            service,
            key_life: key_life.min(MAX_KEY_LIFE),
            key: Mutex::new(None),
        })
    }

    /// The account that signatures name.
    pub(super) fn account(&self) -> &str {
        &self.account
    }

    /// The container that signatures name.
    pub(super) fn container(&self) -> &str {
        &self.container
    }

    /// Signs the right to read exactly this blob.
    pub(super) async fn sign(
        &self,
        key: &ObjectKey,
        url: &Url,
        options: &LinkOptions,
    ) -> Result<Link, StoreError> {
        let expires_at = Timestamp::from_unix_seconds(options.now.plus(options.ttl).unix_seconds());
        if options.ttl > MAX_KEY_LIFE || expires_at <= options.now {
            return Err(StoreError::new(StoreOperation::Link, StoreErrorKind::Invalid));
        }
        let (delegation, from) = self.delegation_key(StoreOperation::Link, options.now, expires_at).await?;
        let builder =
            SasBuilder::new(&self.account, &delegation, sdk_time(StoreOperation::Link, expires_at)?)
                .map_err(|cause| error::failed(StoreOperation::Link, &cause))?;
        let sas = builder
            .start(sdk_time(StoreOperation::Link, from.max(options.now.minus(SKEW)))?)
            .protocol(SasProtocol::Https)
            .blob(&self.container, key.as_str())
            .read()
            .content_disposition(&options.content_disposition)
            .content_type(&options.content_type)
            .build();
        Ok(Link { url: Secret::new(format!("{url}?{sas}")), expires_at })
    }

    /// A key that is good from before `now` until `until` at least. Callers that come together wait for one request.
    pub(super) async fn delegation_key(
        &self,
        operation: StoreOperation,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<(Arc<UserDelegationKey>, Timestamp), StoreError> {
        let mut held = self.key.lock().await;
        if let Some(held) = held.as_ref().filter(|held| held.from <= now && until <= held.until) {
            return Ok((Arc::clone(&held.key), held.from));
        }
        let from = now.minus(SKEW);
        let end = until.max(now.plus(self.key_life)).min(now.plus(MAX_KEY_LIFE));
        let fresh = self.request_key(operation, from, end).await?;
        let read = |time: Option<OffsetDateTime>, asked: Timestamp| {
            time.map_or(asked, |time| Timestamp::from_unix_seconds(time.unix_timestamp()))
        };
        let fresh = HeldKey {
            from: read(fresh.signed_start, from),
            until: read(fresh.signed_expiry, end),
            key: Arc::new(fresh),
        };
        if fresh.until < until {
            return Err(error::unexpected(operation, "a delegation key that ends before the signature"));
        }
        let answer = (Arc::clone(&fresh.key), fresh.from);
        *held = Some(fresh);
        Ok(answer)
    }

    async fn request_key(
        &self,
        operation: StoreOperation,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<UserDelegationKey, StoreError> {
        let failed = |cause| error::failed(operation, &cause);
        let (start, expiry) = (sdk_time(operation, from)?, sdk_time(operation, until)?);
        let info = KeyInfo { start: Some(start), expiry: Some(expiry), ..KeyInfo::default() };
        let body = info.try_into().map_err(failed)?;
        let answer = self.service.get_user_delegation_key(body, None).await.map_err(failed)?;
        answer.into_model().map_err(failed)
    }
}

/// A time as the SDK takes it.
pub(super) fn sdk_time(operation: StoreOperation, time: Timestamp) -> Result<OffsetDateTime, StoreError> {
    OffsetDateTime::from_unix_timestamp(time.unix_seconds())
        .map_err(|_| StoreError::new(operation, StoreErrorKind::Invalid))
}
