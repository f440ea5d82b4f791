//! Links: V4 signed URLs, made by google-cloud-storage.
//!
//! A service-account key signs here. The ambient credential asks IAM `signBlob` in its own name. Whatever else
//! there is (no proof, a bare token) cannot sign, so there are no links: nothing is looked for elsewhere.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use google_cloud_auth::credentials::service_account;
use google_cloud_auth::signer::Signer;
use google_cloud_storage::builder::storage::SignedUrlBuilder;
use http::Method;
use url::Url;

use crate::domain::credential::Credential;
use crate::domain::key::ObjectKey;
use crate::domain::secret::Secret;
use crate::domain::time::Timestamp;
use crate::provider::error::{StoreError, StoreErrorKind, StoreOperation};
use crate::provider::gcp::place::Place;
use crate::provider::gcp::proof::{no_credential, parse_key};
use crate::provider::{Link, LinkOptions, SignLinks};

/// The longest life of a signed URL (Cloud Storage, "Signed URLs").
const MAX_LINK_TTL: Duration = Duration::from_hours(24 * 7);

/// Makes signed URLs of one bucket.
pub(super) struct LinkMaker {
    signer: Signer,
    place: Place,
}

impl fmt::Debug for LinkMaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LinkMaker").field("place", &self.place).finish_non_exhaustive()
    }
}

impl LinkMaker {
    /// `None` where the credential cannot sign.
    pub(super) fn new(place: &Place, credential: &Credential) -> Result<Option<Self>, StoreError> {
        let signer = match credential {
            Credential::GcpServiceAccountKey(document) => service_account::Builder::new(parse_key(document)?)
                .build_signer()
                .map_err(|_| no_credential("the service-account key cannot sign"))?,
            Credential::Ambient => match google_cloud_auth::credentials::Builder::default().build_signer() {
                Ok(signer) => signer,
                // A kind of credential that reads, but signs nothing.
                Err(_) => return Ok(None),
            },
            _ => return Ok(None),
        };
        Ok(Some(Self { signer, place: place.clone() }))
    }
}

#[async_trait]
impl SignLinks for LinkMaker {
    async fn link(&self, key: &ObjectKey, options: &LinkOptions) -> Result<Link, StoreError> {
        if options.ttl < Duration::from_secs(1) || options.ttl > MAX_LINK_TTL {
            return Err(refuse(StoreErrorKind::Invalid, "a link lives for 1 second to 7 days"));
        }
        if key.as_str().split('/').any(|segment| matches!(segment, "." | "..")) {
            return Err(refuse(
                StoreErrorKind::Unsupported,
                "a signed URL cannot name this key: whoever opens it would resolve the dots",
            ));
        }
        let bucket = format!("projects/_/buckets/{}", self.place.bucket);
        let mut builder = SignedUrlBuilder::for_object(bucket, key.as_str())
            .with_method(Method::GET)
            .with_endpoint(&self.place.endpoint)
            .with_expiration(options.ttl)
            .with_query_param("response-content-disposition", &options.content_disposition)
            .with_query_param("response-content-type", &options.content_type);
        if let Some(payer) = &self.place.payer {
            builder = builder.with_query_param("userProject", payer);
        }
        let signed = builder.sign_with(&self.signer).await.map_err(|cause| unsigned(&cause))?;
        let expires_at = expiry(&signed)
            .ok_or_else(|| refuse(StoreErrorKind::Unexpected, "the signed URL does not say when it ends"))?;
        Ok(Link { url: Secret::new(signed), expires_at })
    }
}

/// When a signed URL ends, as it says itself: the SDK dates it by the machine's clock, which Google judges too.
fn expiry(signed: &str) -> Option<Timestamp> {
    let url = Url::parse(signed).ok()?;
    let value = |name: &str| url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value);
    let date = value("X-Goog-Date")?;
    let date = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", date.as_ref()).ok()?;
    let date = date.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp();
    let life: u64 = value("X-Goog-Expires")?.parse().ok()?;
    Some(Timestamp::from_unix_millis(date.as_millisecond()).plus(Duration::from_secs(life)))
}

/// Why there is no signature. The causes' own text is left out: it can hold what IAM answered.
fn unsigned(cause: &(dyn std::error::Error + 'static)) -> StoreError {
    let signer = std::iter::successors(Some(cause), |cause| cause.source())
        .find_map(|cause| cause.downcast_ref::<google_cloud_auth::signer::SigningError>());
    match signer {
        Some(cause) if cause.is_transport() => {
            refuse(StoreErrorKind::Unavailable, "IAM did not sign the link")
        }
        Some(_) => refuse(StoreErrorKind::NoCredential, "the service-account key cannot sign"),
        None => refuse(StoreErrorKind::Invalid, "google-cloud-storage does not take this link"),
    }
}

fn refuse(kind: StoreErrorKind, why: &'static str) -> StoreError {
    StoreError::caused_by(StoreOperation::Link, kind, why)
}
