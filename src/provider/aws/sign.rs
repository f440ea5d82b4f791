//! Signatures: on each request, and on links.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::{
    BehaviorVersion, Config, Region, RequestChecksumCalculation, ResponseChecksumValidation, SharedHttpClient,
};
use aws_sdk_s3::presigning::PresigningConfig;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningParams, SigningSettings,
    UriPathNormalizationMode,
};
use aws_sigv4::sign::v4;
use aws_smithy_runtime_api::client::identity::Identity;
use bytes::Bytes;
use http::Request;
use http_body_util::Empty;

use crate::domain::bucket::Bucket;
use crate::domain::key::ObjectKey;
use crate::domain::secret::Secret;
use crate::domain::time::{Clock, SystemClock, Timestamp};
use crate::provider::aws::credentials::Keeper;
use crate::provider::aws::place::Place;
use crate::provider::error::{StoreError, StoreErrorKind, StoreOperation};
use crate::provider::{Link, LinkOptions, SignLinks};

/// The longest life of a presigned URL (S3 user guide, "Sharing objects with presigned URLs").
const MAX_LINK_TTL: Duration = Duration::from_hours(24 * 7);

/// Signs a request in its headers (Signature Version 4). Every header that it has by now is covered.
pub(super) fn sign(
    operation: StoreOperation,
    request: &mut Request<Empty<Bytes>>,
    identity: &Identity,
    region: &str,
) -> Result<(), StoreError> {
    let refuse = |cause| StoreError::caused_by(operation, StoreErrorKind::Invalid, cause);
    let headers =
        request.headers().iter().filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
    let uri = request.uri().to_string();
    let signable = SignableRequest::new(request.method().as_str(), uri, headers, SignableBody::empty())
        .map_err(|cause| refuse(Box::<dyn std::error::Error + Send + Sync>::from(cause)))?;
    // S3 judges a signature by real time, so this is the machine's clock and never a test's.
    let params: SigningParams<'_> = v4::SigningParams::builder()
        .identity(identity)
        .region(region)
        .name("s3")
        .time(system_time(SystemClock.now()))
        .settings(settings())
        .build()
        .map_err(|cause| refuse(cause.into()))?
        .into();
    let signed = aws_sigv4::http_request::sign(signable, &params).map_err(|cause| refuse(cause.into()))?;
    let (instructions, _) = signed.into_parts();
    instructions.apply_to_request_http1x(request);
    Ok(())
}

/// S3's dialect: the path is signed as it is sent, encoded once and never normalised.
fn settings() -> SigningSettings {
    let mut settings = SigningSettings::default();
    settings.percent_encoding_mode = PercentEncodingMode::Single;
    settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
    settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
    settings
}

/// Makes presigned URLs with the SDK.
pub(super) struct LinkMaker {
    client: Client,
    bucket: String,
    keeper: Arc<Keeper>,
}

impl fmt::Debug for LinkMaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LinkMaker").field("bucket", &self.bucket).finish_non_exhaustive()
    }
}

impl LinkMaker {
    pub(super) fn new(bucket: &Bucket, place: &Place, keeper: Arc<Keeper>, http: &SharedHttpClient) -> Self {
        let mut config = Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(place.region.clone()))
            .force_path_style(place.endpoint.is_some())
            .credentials_provider(SharedCredentialsProvider::from(
                Arc::clone(&keeper) as Arc<dyn aws_credential_types::provider::ProvideCredentials>
            ))
            .http_client(http.clone())
            // A link carries no checksum header that its holder would have to send.
            .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
            .response_checksum_validation(ResponseChecksumValidation::WhenRequired);
        config.set_endpoint_url(place.endpoint.clone());
        Self {
            client: Client::from_conf(config.build()),
            bucket: bucket.native_name.as_str().to_owned(),
            keeper,
        }
    }
}

#[async_trait]
impl SignLinks for LinkMaker {
    async fn link(&self, key: &ObjectKey, options: &LinkOptions) -> Result<Link, StoreError> {
        if options.ttl.is_zero() || options.ttl > MAX_LINK_TTL {
            return Err(refuse("a link lives for 1 second to 7 days"));
        }
        let asked = options.now.plus(options.ttl);
        // A link dies with the credential that signed it, and says so.
        let expires_at = self.keeper.expires_at().await?.map_or(asked, |end| end.min(asked));
        let presigning = PresigningConfig::builder()
            .start_time(system_time(options.now))
            .expires_in(options.ttl)
            .build()
            .map_err(refuse)?;
        let signed = self
            .client
            .get_object()
            .bucket(&self.bucket)
            .key(key.as_str())
            .response_content_disposition(&options.content_disposition)
            .response_content_type(&options.content_type)
            .presigned(presigning)
            .await
            // The SDK's error can hold the request, and with it the URL.
            .map_err(|_| refuse("the SDK could not sign the link"))?;
        Ok(Link { url: Secret::new(signed.uri().to_owned()), expires_at })
    }
}

fn system_time(time: Timestamp) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(u64::try_from(time.unix_millis()).unwrap_or(0))
}

fn refuse(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> StoreError {
    StoreError::caused_by(StoreOperation::Link, StoreErrorKind::Invalid, cause)
}
