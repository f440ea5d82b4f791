//! How a container and its keys become URLs, and which keys cannot.
//!
//! A key goes on the wire byte by byte or not at all. `url` resolves dot segments and drops them, Azure turns `\` into `/`
//! and warns of segments that end in a dot; such a key would reach another blob than the one that was decided on, so it has
//! no URL. Azure's own rules: <https://learn.microsoft.com/rest/api/storageservices/naming-and-referencing-containers--blobs--and-metadata>.

use std::fmt;

use azure_core::http::Url;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::domain::bucket::{Bucket, NativeName};
use crate::domain::key::ObjectKey;
use crate::provider::error::StoreOperation;
use crate::provider::{StoreError, StoreErrorKind};

/// Everything but RFC 3986's unreserved characters, in a query's value.
const VALUE: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The same in a path, where `/` stays.
const PATH: &AsciiSet = &VALUE.remove(b'/');

/// The most characters that a blob's name can have.
const MAX_NAME_CHARS: usize = 1024;

/// A container's base URL, without a trailing slash.
#[derive(Clone)]
pub(super) struct Address {
    service: String,
    account: String,
    container: String,
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.service, self.container)
    }
}

impl Address {
    /// Where the bucket's container is.
    pub(super) fn of(bucket: &Bucket) -> Result<Self, StoreError> {
        let invalid = |why: &str| {
            StoreError::caused_by(StoreOperation::Connect, StoreErrorKind::Invalid, why.to_owned())
        };
        let container = bucket.native_name.as_str();
        if !is_container(container) {
            return Err(invalid("a container's name is 3 to 63 of a-z, 0-9 and -, or $root, $logs, $web"));
        }
        let account = bucket.account.as_deref().filter(|account| is_account(account));
        let account =
            account.ok_or_else(|| invalid("an Azure bucket names its account: 3 to 24 of a-z and 0-9"))?;
        let endpoint = match &bucket.endpoint {
            Some(endpoint) if endpoint.ends_with('/') => return Err(invalid("the endpoint ends in a slash")),
            Some(endpoint) => endpoint.clone(),
            None => format!("https://{account}.blob.core.windows.net"),
        };
        let service = Url::parse(&endpoint).ok().filter(is_plain);
        let service = service.ok_or_else(|| invalid("the endpoint is no plain http or https URL"))?;
        // As `url` writes it, so that what is added below can be compared byte by byte.
        let service = service.as_str().trim_end_matches('/').to_owned();
        Ok(Self { service, account: account.to_owned(), container: container.to_owned() })
    }

    /// The service's own URL.
    pub(super) fn service(&self) -> &str {
        &self.service
    }

    /// The storage account's name, as signatures name it.
    pub(super) fn account(&self) -> &str {
        &self.account
    }

    /// The container's name.
    pub(super) fn container(&self) -> &str {
        &self.container
    }

    /// The URL of a blob; `None` when no URL names exactly this key.
    pub(super) fn blob(&self, key: &ObjectKey) -> Option<Url> {
        let name = key.as_str();
        if !is_exact(name) {
            return None;
        }
        let text = format!("{}/{}/{}", self.service, self.container, utf8_percent_encode(name, PATH));
        // What `url` made of it must still be what was written: nothing resolved, dropped or encoded anew.
        Url::parse(&text).ok().filter(|url| url.as_str() == text)
    }

    /// Another container of the account.
    pub(super) fn sibling(&self, name: &NativeName) -> Result<Self, StoreError> {
        let container = name.as_str();
        if !is_container(container) {
            return Err(StoreError::new(StoreOperation::Vend, StoreErrorKind::Invalid));
        }
        Ok(Self { container: container.to_owned(), ..self.clone() })
    }

    /// The URL of a listing with these parameters.
    pub(super) fn listing(&self, parameters: &[(&str, &str)]) -> Option<Url> {
        let mut text = format!("{}/{}?restype=container&comp=list", self.service, self.container);
        for (name, value) in parameters {
            text.extend(["&", name, "="]);
            text.extend(utf8_percent_encode(value, VALUE));
        }
        Url::parse(&text).ok().filter(|url| url.as_str() == text)
    }
}

/// Whether a URL can name exactly this key.
pub(super) fn is_exact(name: &str) -> bool {
    name.chars().count() <= MAX_NAME_CHARS
        && !name.contains(|c: char| c == '\\' || c.is_control())
        && !name.split('/').any(|segment| segment.ends_with('.'))
}

/// Whether the key has an empty segment, which an account with hierarchical namespace folds away.
pub(super) fn has_empty_segment(key: &ObjectKey) -> bool {
    key.as_str().split('/').any(str::is_empty)
}

fn is_plain(url: &Url) -> bool {
    matches!(url.scheme(), "https" | "http")
        && url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none()
}

fn is_container(name: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    matches!(name, "$root" | "$logs" | "$web")
        || ((3..=63).contains(&name.len()) && name.bytes().all(allowed) && !name.starts_with('-'))
}

fn is_account(name: &str) -> bool {
    (3..=24).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
}
