//! Parameters of OAuth requests: each at most once (RFC 6749, section 3.1), none without a bound.

use std::collections::BTreeMap;

use url::form_urlencoded;

/// The longest value that is taken, in bytes.
const MAX_VALUE_BYTES: usize = 4096;

/// The parameters of one request.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Params(BTreeMap<String, String>);

/// A parameter stands twice, is too long, or there are too many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidParams;

impl Params {
    /// Parses a query string or a form body. Empty values count as absent.
    pub fn parse(text: &[u8]) -> Result<Self, InvalidParams> {
        let mut params = BTreeMap::new();
        for (name, value) in form_urlencoded::parse(text) {
            if value.is_empty() {
                continue;
            }
            let long = value.len() > MAX_VALUE_BYTES || name.len() > MAX_VALUE_BYTES;
            if long || params.len() >= 32 || params.insert(name.into_owned(), value.into_owned()).is_some() {
                return Err(InvalidParams);
            }
        }
        Ok(Self(params))
    }

    /// A parameter's value, or nothing when it is absent or empty.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Whether the parameter has exactly this value.
    #[must_use]
    pub fn is(&self, name: &str, value: &str) -> bool {
        self.find(name) == Some(value)
    }
}
