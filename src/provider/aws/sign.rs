//! Signatures (Signature Version 4): on each request, and on links.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use async_trait::async_trait;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SignatureLocation,
    SigningInstructions, SigningParams, SigningSettings, UriPathNormalizationMode,
};
use aws_sigv4::sign::v4;
use aws_smithy_runtime_api::client::identity::Identity;
use bytes::Bytes;
use http::{HeaderMap, Method, Request};
use http_body_util::Full;
use tracing::subscriber::{NoSubscriber, with_default};

use crate::domain::key::ObjectKey;
use crate::domain::secret::Secret;
use crate::domain::time::{Clock, SystemClock, Timestamp};
use crate::provider::aws::Ask;
use crate::provider::aws::credentials::Keeper;
use crate::provider::aws::place::{Place, push_query};
use crate::provider::error::{StoreError, StoreErrorKind, StoreOperation};
use crate::provider::{Link, LinkOptions, SignLinks};

/// The longest life of a presigned URL (S3 user guide, "Sharing objects with presigned URLs").
const MAX_LINK_TTL: Duration = Duration::from_hours(24 * 7);

/// Signs a request in its headers. Every header that it has by now is covered.
pub(super) fn sign(
    operation: StoreOperation,
    request: &mut Request<Full<Bytes>>,
    identity: &Identity,
    region: &str,
) -> Result<(), StoreError> {
    let mut settings = settings();
    settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
    // S3 judges a signature by real time, so this is the machine's clock and never a test's.
    let stamp = Stamp { identity, region, time: SystemClock.now(), settings, body: SignableBody::empty() };
    let instructions = stamp
        .seal(request)
        .map_err(|cause| StoreError::caused_by(operation, StoreErrorKind::Invalid, cause))?;
    instructions.apply_to_request_http1x(request);
    Ok(())
}

/// S3's dialect: the path is signed as it is sent, encoded once and never normalised.
fn settings() -> SigningSettings {
    let mut settings = SigningSettings::default();
    settings.percent_encoding_mode = PercentEncodingMode::Single;
    settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
    settings
}

/// What goes into a signature beside the request.
struct Stamp<'a> {
    identity: &'a Identity,
    region: &'a str,
    time: Timestamp,
    settings: SigningSettings,
    body: SignableBody<'a>,
}

impl Stamp<'_> {
    fn seal(
        self,
        request: &Request<Full<Bytes>>,
    ) -> Result<SigningInstructions, Box<dyn std::error::Error + Send + Sync>> {
        let millis = u64::try_from(self.time.unix_millis())?;
        let params: SigningParams<'_> = v4::SigningParams::builder()
            .identity(self.identity)
            .region(self.region)
            .name("s3")
            .time(UNIX_EPOCH + Duration::from_millis(millis))
            .settings(self.settings)
            .build()?
            .into();
        let headers =
            request.headers().iter().filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
        let uri = request.uri().to_string();
        let signable = SignableRequest::new(request.method().as_str(), uri, headers, self.body)?;
        Ok(aws_sigv4::http_request::sign(signable, &params)?.into_parts().0)
    }
}

/// Makes presigned URLs.
///
/// With the SDK's signer as well: the SDK's own presigning refuses a key of nothing but spaces.
pub(super) struct LinkMaker {
    place: Place,
    keeper: Arc<Keeper>,
}

impl fmt::Debug for LinkMaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LinkMaker").field("place", &self.place).finish_non_exhaustive()
    }
}

impl LinkMaker {
    pub(super) const fn new(place: Place, keeper: Arc<Keeper>) -> Self {
        Self { place, keeper }
    }
}

#[async_trait]
impl SignLinks for LinkMaker {
    async fn link(&self, key: &ObjectKey, options: &LinkOptions) -> Result<Link, StoreError> {
        let operation = StoreOperation::Link;
        let refuse = |cause| StoreError::caused_by(operation, StoreErrorKind::Invalid, cause);
        if options.ttl.as_secs() == 0 || options.ttl > MAX_LINK_TTL {
            return Err(refuse("a link lives for 1 second to 7 days".into()));
        }
        let mut query = String::with_capacity(256);
        push_query(&mut query, "response-content-disposition", &options.content_disposition);
        push_query(&mut query, "response-content-type", &options.content_type);
        let ask = Ask {
            operation,
            method: Method::GET,
            key: key.as_str(),
            query: &query,
            headers: HeaderMap::new(),
        };
        let mut request = self.place.request(ask)?;
        let mut settings = settings();
        settings.signature_location = SignatureLocation::QueryParams;
        settings.expires_in = Some(options.ttl);
        let identity = self.keeper.identity(operation).await?;
        let stamp = Stamp {
            identity: &identity,
            region: &self.place.region,
            time: options.now,
            settings,
            body: SignableBody::UnsignedPayload,
        };
        // The signer's trace of a link would show the session token, which is a query parameter here.
        let signed = with_default(NoSubscriber::default(), || stamp.seal(&request));
        signed.map_err(refuse)?.apply_to_request_http1x(&mut request);
        let asked = options.now.plus(options.ttl);
        // A link dies with the credential that signed it, and says so.
        let expires_at = identity.expiration().map_or(asked, |end| Timestamp::from_system(end).min(asked));
        Ok(Link { url: Secret::new(request.uri().to_string()), expires_at })
    }
}
