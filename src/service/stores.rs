//! From a bucket to the store that reads it: credential, client and guard, made once and renewed in place.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;

use crate::domain::bucket::{Bucket, BucketId, Provider};
use crate::domain::credential::{Credential, LeasedCredential};
use crate::domain::key::ObjectKey;
use crate::domain::object::ObjectMeta;
use crate::domain::time::{Clock, Timestamp};
use crate::domain::vending::VendingMeans;
use crate::provider::aws::S3;
use crate::provider::azure::BlobStorage;
use crate::provider::error::StoreOperation;
use crate::provider::gcp::Gcs;
use crate::provider::guarded::{self, BucketGuard};
use crate::provider::vend::{Fit, VendCredentials, VendOptions};
use crate::provider::{
    GetOptions, Link, LinkOptions, ListOptions, Listing, ObjectStore, Opened, SignLinks, Store, StoreError,
    StoreErrorKind, file, wire,
};
use crate::vault::CredentialSource;

/// A client is built anew after this long, so that a rotated secret is taken up without a restart.
const CLIENT_LIFETIME: Duration = Duration::from_mins(5);

/// Settings of all providers.
#[derive(Debug, Clone)]
pub struct Options {
    /// How the clouds are reached.
    pub wire: wire::Options,
    /// How long a delegation key is used for links to Azure.
    pub delegation_key_life: Duration,
    /// Directories.
    pub file: file::Options,
    /// Limits of every bucket.
    pub limits: guarded::Limits,
}

/// The stores of all buckets.
pub struct Stores {
    connector: Connector,
    guarded: Mutex<HashMap<BucketId, (Arc<BucketGuard>, Store)>>,
}

impl fmt::Debug for Stores {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stores").finish_non_exhaustive()
    }
}

/// One client for each cloud, shared by its buckets.
#[derive(Debug, Clone)]
struct Clouds {
    s3: S3,
    gcs: Gcs,
    blobs: Arc<BlobStorage>,
}

#[derive(Debug, Clone)]
struct Connector {
    source: Arc<dyn CredentialSource>,
    clouds: Clouds,
    file: file::Options,
    limits: guarded::Limits,
    clock: Arc<dyn Clock>,
}

impl Stores {
    /// Stores whose credentials come from a source.
    pub fn new(
        source: Arc<dyn CredentialSource>,
        options: Options,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, StoreError> {
        let clouds = Clouds {
            s3: S3::new(&options.wire)?,
            gcs: Gcs::new(&options.wire)?,
            blobs: Arc::new(BlobStorage::new(&options.wire, options.delegation_key_life)?),
        };
        let connector = Connector { source, clouds, file: options.file, limits: options.limits, clock };
        Ok(Self { connector, guarded: Mutex::default() })
    }

    /// The guarded store of a bucket.
    #[must_use]
    pub fn open(&self, bucket: &Arc<Bucket>) -> Store {
        self.guarded(bucket).1
    }

    /// Vends credentials for folders of a bucket, where its registration says by which means.
    pub async fn vend(&self, bucket: &Arc<Bucket>, options: &VendOptions) -> Result<Fit, StoreError> {
        let make = || async { Box::pin(self.vendor(bucket)).await?.vend(options).await };
        self.guard(bucket).vend(make).await
    }

    /// What vends for a bucket, with a credential that is fresh now.
    pub async fn vendor(&self, bucket: &Arc<Bucket>) -> Result<Box<dyn VendCredentials>, StoreError> {
        let operation = StoreOperation::Vend;
        let unsupported = || StoreError::new(operation, StoreErrorKind::Unsupported);
        let vending = bucket.vending.as_ref().ok_or_else(unsupported)?;
        let name = vending.credential.as_ref().unwrap_or(&bucket.credential);
        let leased = self.connector.source.lease(name).await;
        let leased =
            leased.map_err(|cause| StoreError::caused_by(operation, StoreErrorKind::NoCredential, cause))?;
        self.connector.vendor(bucket, &vending.means, &leased.credential).await
    }

    /// Limits, health and counters of a bucket.
    #[must_use]
    pub fn guard(&self, bucket: &Arc<Bucket>) -> Arc<BucketGuard> {
        self.guarded(bucket).0
    }

    fn guarded(&self, bucket: &Arc<Bucket>) -> (Arc<BucketGuard>, Store) {
        let mut stores = self.guarded.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = stores.get(&bucket.id) {
            return known.clone();
        }
        let renewing = Renewing {
            bucket: Arc::clone(bucket),
            connector: self.connector.clone(),
            current: tokio::sync::RwLock::default(),
        };
        let limits = self.connector.limits.clone();
        let guard = BucketGuard::new(limits, Arc::clone(&self.connector.clock));
        let store = guard.wrap(Arc::new(renewing));
        stores.insert(bucket.id.clone(), (Arc::clone(&guard), Arc::clone(&store)));
        (guard, store)
    }
}

/// A store that gets its credential and client when they are first needed, and anew when they end.
#[derive(Debug)]
struct Renewing {
    bucket: Arc<Bucket>,
    connector: Connector,
    current: tokio::sync::RwLock<Option<Client>>,
}

#[derive(Debug, Clone)]
struct Client {
    store: Store,
    leased: Arc<LeasedCredential>,
    good_until: Timestamp,
}

impl Renewing {
    /// The client of now. All requests of one instant share one renewal: the source lends one credential to all who ask,
    /// and the first who has it builds the client. Nobody waits for it behind somebody else's wait.
    async fn client(&self, operation: StoreOperation) -> Result<Client, StoreError> {
        let now = self.connector.clock.now();
        if let Some(client) = fresh(self.current.read().await.as_ref(), now) {
            return Ok(client);
        }
        let leased = self.connector.source.lease(&self.bucket.credential).await;
        let leased =
            leased.map_err(|cause| StoreError::caused_by(operation, StoreErrorKind::NoCredential, cause))?;
        let mut current = self.current.write().await;
        if let Some(client) = fresh(current.as_ref(), now) {
            return Ok(client);
        }
        let client = self.connect(now, leased).await?;
        *current = Some(client.clone());
        Ok(client)
    }

    async fn connect(&self, now: Timestamp, leased: LeasedCredential) -> Result<Client, StoreError> {
        let store = self.connector.open(&self.bucket, &leased).await?;
        let longest = now.plus(CLIENT_LIFETIME);
        let good_until = leased.expires_at.map_or(longest, |end| longest.min(end));
        Ok(Client { store, leased: Arc::new(leased), good_until })
    }

    /// Hands an answer on. A refusal is told to the credential's source, which finds out whether it was withdrawn.
    fn heard<T>(&self, client: &Client, answer: Result<T, StoreError>) -> Result<T, StoreError> {
        if let Err(error) = &answer
            && error.kind == StoreErrorKind::Denied
        {
            self.connector.source.refused(&self.bucket.credential, &client.leased);
        }
        answer
    }
}

fn fresh(client: Option<&Client>, now: Timestamp) -> Option<Client> {
    client.filter(|client| client.leased.validity.holds() && now < client.good_until).cloned()
}

impl Connector {
    async fn open(&self, bucket: &Bucket, leased: &LeasedCredential) -> Result<Store, StoreError> {
        let credential = &leased.credential;
        match bucket.provider {
            Provider::Aws => self.clouds.s3.open(bucket, credential).await,
            Provider::Gcp => self.clouds.gcs.open(bucket, credential),
            Provider::Azure => self.clouds.blobs.open(bucket, credential),
            Provider::File => file::open(bucket, &self.file),
        }
    }
}

impl Connector {
    async fn vendor(
        &self,
        bucket: &Bucket,
        means: &VendingMeans,
        credential: &Credential,
    ) -> Result<Box<dyn VendCredentials>, StoreError> {
        match means {
            VendingMeans::AwsRole(role) => self.clouds.s3.vendor(bucket, role, credential).await,
            VendingMeans::GcpServiceAccount(account) => self.clouds.gcs.vendor(bucket, account, credential),
            VendingMeans::AzureSas { hierarchical } => {
                self.clouds.blobs.vendor(bucket, *hierarchical, credential)
            }
        }
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods, reason = "a wrapper that forgets a method changes what it wraps")]
impl ObjectStore for Renewing {
    async fn list(&self, options: &ListOptions) -> Result<Listing, StoreError> {
        let client = self.client(StoreOperation::List).await?;
        self.heard(&client, client.store.list(options).await)
    }

    async fn head(&self, key: &ObjectKey) -> Result<ObjectMeta, StoreError> {
        let client = self.client(StoreOperation::Head).await?;
        self.heard(&client, client.store.head(key).await)
    }

    async fn get(&self, key: &ObjectKey, options: &GetOptions) -> Result<Opened, StoreError> {
        let client = self.client(StoreOperation::Get).await?;
        self.heard(&client, client.store.get(key, options).await)
    }

    fn links(&self) -> Option<&dyn SignLinks> {
        (self.bucket.provider != Provider::File).then_some(self as &dyn SignLinks)
    }
}

#[async_trait]
impl SignLinks for Renewing {
    async fn link(&self, key: &ObjectKey, options: &LinkOptions) -> Result<Link, StoreError> {
        let client = self.client(StoreOperation::Link).await?;
        let mut options = options.clone();
        if let Some(end) = client.leased.expires_at {
            // A link never outlives what it was signed with.
            options.ttl = options.ttl.min(end.since(self.connector.clock.now()));
        }
        match client.store.links() {
            Some(signer) => self.heard(&client, signer.link(key, &options).await),
            None => Err(StoreError::new(StoreOperation::Link, StoreErrorKind::Unsupported)),
        }
    }
}
