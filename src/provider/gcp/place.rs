//! Where a bucket's requests go, and keys written into URLs exactly.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use url::Url;

use crate::domain::bucket::Bucket;
use crate::domain::key::ObjectKey;
use crate::provider::error::{StoreError, StoreErrorKind, StoreOperation};

/// Google's own endpoint, for buckets that name no other.
const GOOGLE: &str = "https://storage.googleapis.com";

/// What stays as it is in one segment of a path or one value of a query; all else is `%XX`, `/` too.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A bucket's place in the JSON API.
#[derive(Debug, Clone)]
pub(super) struct Place {
    /// Without a trailing slash.
    pub(super) endpoint: String,
    pub(super) bucket: String,
    /// The project that pays for requests, where the owner of the bucket does not.
    pub(super) payer: Option<String>,
}

impl Place {
    pub(super) fn of(bucket: &Bucket) -> Result<Self, StoreError> {
        let endpoint = bucket.endpoint.as_deref().unwrap_or(GOOGLE).trim_end_matches('/').to_owned();
        let parsed = Url::parse(&endpoint).map_err(|_| wrong("the endpoint is no URL"))?;
        let plain = parsed.query().is_none() && parsed.fragment().is_none() && parsed.username().is_empty();
        if !matches!(parsed.scheme(), "http" | "https") || !parsed.has_host() || !plain {
            return Err(wrong("the endpoint is no plain http or https URL"));
        }
        let name = bucket.native_name.as_str();
        if matches!(name, "." | "..") {
            return Err(wrong("no bucket has this name"));
        }
        Ok(Self { endpoint, bucket: name.to_owned(), payer: bucket.account.clone() })
    }

    /// The URL of the bucket's listing.
    pub(super) fn listing(&self, query: &Query) -> Result<Url, StoreError> {
        self.url(StoreOperation::List, "", query)
    }

    /// The URL of one object. The whole key is one segment, encoded once.
    ///
    /// Google Cloud Storage has no objects named `.` or `..` (object naming requirements), and URLs cannot carry them:
    /// such a request would reach the bucket instead, so it is not made.
    pub(super) fn object(
        &self,
        operation: StoreOperation,
        key: &ObjectKey,
        query: &Query,
    ) -> Result<Url, StoreError> {
        if matches!(key.as_str(), "." | "..") {
            return Err(StoreError::new(operation, StoreErrorKind::Invalid));
        }
        self.url(operation, key.as_str(), query)
    }

    /// The URL that takes a new object of this key, and no second one.
    pub(super) fn upload(&self, operation: StoreOperation, key: &ObjectKey) -> Result<Url, StoreError> {
        let query = Query::default().with("uploadType", "media").with("ifGenerationMatch", "0");
        let place = Self { endpoint: format!("{}/upload", self.endpoint), ..self.clone() };
        place.url(operation, "", &query.with("name", key.as_str()))
    }

    fn url(&self, operation: StoreOperation, key: &str, query: &Query) -> Result<Url, StoreError> {
        let mut text = String::with_capacity(self.endpoint.len() + key.len() + query.0.len() + 96);
        text.push_str(&self.endpoint);
        text.push_str("/storage/v1/b/");
        text.extend(utf8_percent_encode(&self.bucket, SEGMENT));
        text.push_str("/o");
        if !key.is_empty() {
            text.push('/');
            text.extend(utf8_percent_encode(key, SEGMENT));
        }
        let mut before = '?';
        for pair in query.0.split('&').filter(|pair| !pair.is_empty()) {
            text.push(before);
            text.push_str(pair);
            before = '&';
        }
        if let Some(payer) = &self.payer {
            text.push(before);
            text.push_str("userProject=");
            text.extend(utf8_percent_encode(payer, SEGMENT));
        }
        Url::parse(&text).map_err(|cause| StoreError::caused_by(operation, StoreErrorKind::Invalid, cause))
    }
}

/// A query string in the making.
#[derive(Debug, Default)]
pub(super) struct Query(String);

impl Query {
    /// Adds `name=value`, the value encoded.
    pub(super) fn with(mut self, name: &str, value: &str) -> Self {
        if !self.0.is_empty() {
            self.0.push('&');
        }
        self.0.push_str(name);
        self.0.push('=');
        self.0.extend(utf8_percent_encode(value, SEGMENT));
        self
    }
}

fn wrong(text: &'static str) -> StoreError {
    StoreError::caused_by(StoreOperation::Connect, StoreErrorKind::Unexpected, text)
}
