//! Where a bucket's requests go: the endpoint that the SDK's own rules give, and keys written into URLs exactly.

use aws_sdk_s3::config::endpoint::{DefaultResolver, Params, ResolveEndpoint};
use bytes::Bytes;
use http::header::{HeaderValue, USER_AGENT};
use http::{Request, Uri};
use http_body_util::Full;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::domain::bucket::Bucket;
use crate::provider::aws::Ask;
use crate::provider::error::{StoreError, StoreErrorKind, StoreOperation};

/// Where a bucket lies when its registration names no region.
const DEFAULT_REGION: &str = "us-east-1";

/// How requests name themselves.
const PRODUCT: &str = concat!("logboom/", env!("CARGO_PKG_VERSION"));

/// What S3's signature leaves as it is in a query value; all else is `%XX`.
const VALUE: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The same for a key in a path, where `/` stays too.
const PATH: &AsciiSet = &VALUE.remove(b'/');

/// A bucket's base URL and region.
#[derive(Debug, Clone)]
pub(super) struct Place {
    /// `https://name.s3.region.amazonaws.com` or `http://host/name`, without a trailing slash.
    base: String,
    pub(super) region: String,
}

impl Place {
    /// Asks the SDK's rules where the bucket is.
    pub(super) async fn resolve(bucket: &Bucket) -> Result<Self, StoreError> {
        let region = bucket.region.clone().unwrap_or_else(|| DEFAULT_REGION.to_owned());
        let params = Params::builder()
            .bucket(bucket.native_name.as_str())
            .region(region.clone())
            .set_endpoint(bucket.endpoint.clone())
            // A store of one's own seldom has a host name for each bucket.
            .force_path_style(bucket.endpoint.is_some())
            .build()
            .map_err(wrong_set_up)?;
        let resolver = DefaultResolver::new();
        let found = ResolveEndpoint::resolve_endpoint(&resolver, &params).await.map_err(wrong_set_up)?;
        // Directory buckets and multi-region access points want other signatures than the one that is made here.
        if let Some(scheme) = found.auth_schemes().first() {
            let name = scheme.get("signingName").and_then(|name| name.as_string());
            if scheme.name() != "sigv4" || name != Some("s3") {
                return Err(StoreError::new(StoreOperation::Connect, StoreErrorKind::Unsupported));
            }
        }
        let base = found.url().trim_end_matches('/').to_owned();
        Ok(Self { base, region })
    }

    /// The request that asks for it, not yet signed.
    pub(super) fn request(&self, ask: Ask<'_>) -> Result<Request<Full<Bytes>>, StoreError> {
        let mut request = Request::new(Full::default());
        *request.method_mut() = ask.method;
        *request.uri_mut() = self
            .uri(ask.key, ask.query)
            .map_err(|cause| StoreError::caused_by(ask.operation, StoreErrorKind::Invalid, cause))?;
        *request.headers_mut() = ask.headers;
        // CloudTrail shows it to the bucket's owner.
        request.headers_mut().insert(USER_AGENT, HeaderValue::from_static(PRODUCT));
        Ok(request)
    }

    /// The URL of a key. `..`, `//` and the like stay letters of the key: nothing here resolves or joins paths.
    fn uri(&self, key: &str, query: &str) -> Result<Uri, http::uri::InvalidUri> {
        let mut text = String::with_capacity(self.base.len() + key.len() + query.len() + 2);
        text.push_str(&self.base);
        text.push('/');
        text.extend(utf8_percent_encode(key, PATH));
        if !query.is_empty() {
            text.push('?');
            text.push_str(query);
        }
        Uri::try_from(text)
    }
}

/// Adds `&name=value`, the value encoded.
pub(super) fn push_query(query: &mut String, name: &str, value: &str) {
    if !query.is_empty() {
        query.push('&');
    }
    query.push_str(name);
    query.push('=');
    query.extend(utf8_percent_encode(value, VALUE));
}

fn wrong_set_up(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> StoreError {
    StoreError::caused_by(StoreOperation::Connect, StoreErrorKind::Unexpected, cause)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::bucket::{BucketId, NativeName, Provider};
    use crate::domain::credential::CredentialName;
    use crate::domain::label::LabelOrder;
    use crate::domain::principal::Group;

    fn bucket(native_name: &str, region: Option<&str>, endpoint: Option<&str>) -> Bucket {
        Bucket {
            id: BucketId::parse("logs").unwrap(),
            provider: Provider::Aws,
            native_name: NativeName::parse(native_name).unwrap(),
            region: region.map(str::to_owned),
            account: None,
            endpoint: endpoint.map(str::to_owned),
            owner: Group::parse("owners").unwrap(),
            label: LabelOrder::new(&["internal"]).unwrap().iter().next().unwrap().clone(),
            credential: CredentialName::parse("logs").unwrap(),
            vending: None,
            redacted: false,
        }
    }

    async fn url(native_name: &str, region: Option<&str>, endpoint: Option<&str>) -> String {
        Place::resolve(&bucket(native_name, region, endpoint))
            .await
            .unwrap()
            .uri("a/../b", "")
            .unwrap()
            .to_string()
    }

    #[tokio::test]
    async fn a_bucket_of_aws_has_a_host_name_and_one_elsewhere_a_path() {
        assert_eq!(url("logs", None, None).await, "https://logs.s3.us-east-1.amazonaws.com/a/../b");
        assert_eq!(
            url("logs", Some("cn-north-1"), None).await,
            "https://logs.s3.cn-north-1.amazonaws.com.cn/a/../b"
        );
        // A certificate for *.s3.… does not cover a name with dots.
        assert_eq!(
            url("my.logs", Some("eu-west-1"), None).await,
            "https://s3.eu-west-1.amazonaws.com/my.logs/a/../b"
        );
        assert_eq!(
            url("logs", None, Some("https://store.example:9000")).await,
            "https://store.example:9000/logs/a/../b"
        );
    }

    #[tokio::test]
    async fn a_name_that_no_bucket_can_have_never_reaches_another_path() {
        assert_eq!(
            url("a/../b", None, Some("https://store.example")).await,
            "https://store.example/a%2F..%2Fb/a/../b"
        );
    }

    #[tokio::test]
    async fn a_bucket_that_wants_another_signature_is_not_supported() {
        for name in ["logs--use1-az4--x-s3", "arn:aws:s3::123456789012:accesspoint/logs.mrap"] {
            let error = Place::resolve(&bucket(name, Some("us-east-1"), None)).await.unwrap_err();
            assert_eq!(error.kind, StoreErrorKind::Unsupported, "{name}");
        }
    }

    #[tokio::test]
    async fn an_endpoint_that_is_no_url_is_a_wrong_set_up() {
        let error = Place::resolve(&bucket("logs", None, Some("not a url"))).await.unwrap_err();
        assert_eq!((error.operation, error.kind), (StoreOperation::Connect, StoreErrorKind::Unexpected));
    }
}
