//! Requests signed with the key of the storage account, for sites that have nothing better.
//! Source: <https://learn.microsoft.com/rest/api/storageservices/authorize-with-shared-key>.

use std::fmt::Write;
use std::sync::Arc;

use async_trait::async_trait;
use azure_core::credentials::Secret as SdkSecret;
use azure_core::error::ErrorKind;
use azure_core::hmac::hmac_sha256;
use azure_core::http::headers::{AUTHORIZATION, Headers};
use azure_core::http::policies::{Policy, PolicyResult};
use azure_core::http::{Context, Method, Request, Url};
use azure_core::time::{OffsetDateTime, to_rfc7231};

use crate::domain::secret::Secret;
use crate::domain::time::{Clock, SystemClock};

/// The headers whose values are signed, in this order. None of our requests has a body.
const SIGNED: [&str; 11] = [
    "content-encoding",
    "content-language",
    "content-length",
    "content-md5",
    "content-type",
    "date",
    "if-modified-since",
    "if-match",
    "if-none-match",
    "if-unmodified-since",
    "range",
];

/// Signs each request on its way out.
#[derive(Debug)]
pub(super) struct SharedKey {
    account: String,
    key: Secret<String>,
}

impl SharedKey {
    pub(super) fn new(account: &str, key: &Secret<String>) -> Self {
        Self { account: account.to_owned(), key: key.clone() }
    }

    fn signature(&self, method: Method, url: &Url, headers: &Headers) -> azure_core::Result<String> {
        let text = self.text(method, url, headers);
        hmac_sha256(&text, &SdkSecret::new(self.key.expose().clone()))
    }

    /// What is signed.
    fn text(&self, method: Method, url: &Url, headers: &Headers) -> String {
        let mut named: Vec<(&str, &str)> =
            headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        named.sort_unstable();
        let value = |wanted: &str| named.iter().find(|(name, _)| *name == wanted).map_or("", |found| found.1);
        let mut text = method.as_ref().to_owned();
        for name in SIGNED {
            text.extend(["\n", value(name)]);
        }
        text.push('\n');
        for (name, value) in named.iter().filter(|(name, _)| name.starts_with("x-ms-")) {
            text.extend([name, ":", value.trim(), "\n"]);
        }
        text.extend(["/", &self.account, url.path()]);
        let mut query: Vec<_> =
            url.query_pairs().map(|(name, value)| (name.to_ascii_lowercase(), value)).collect();
        query.sort();
        for (name, value) in query {
            let _memory = write!(text, "\n{name}:{value}");
        }
        text
    }
}

#[async_trait]
impl Policy for SharedKey {
    async fn send(&self, ctx: &Context, request: &mut Request, next: &[Arc<dyn Policy>]) -> PolicyResult {
        let Some((first, rest)) = next.split_first() else {
            return Err(azure_core::Error::with_message(ErrorKind::Other, "there is no transport"));
        };
        if request.url().scheme() != "https" {
            let why = "a credential goes to an https endpoint only";
            return Err(azure_core::Error::with_message(ErrorKind::Other, why));
        }
        // Azure judges a signature by real time, so this is the machine's clock and never a test's.
        let now = OffsetDateTime::from_unix_timestamp(SystemClock.now().unix_seconds())
            .unwrap_or(OffsetDateTime::UNIX_EPOCH);
        request.insert_header("x-ms-date", to_rfc7231(&now));
        let signature = self.signature(request.method(), request.url(), request.headers())?;
        request.insert_header(AUTHORIZATION, format!("SharedKey {}:{signature}", self.account));
        first.send(ctx, request, rest).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_signed_is_written_as_azure_documents_it() {
        let mut headers = Headers::new();
        headers.insert("x-ms-version", "2015-02-21");
        headers.insert("x-ms-date", "Fri, 26 Jun 2015 23:39:12 GMT");
        headers.insert("accept", "*/*");
        let url =
            "https://myaccount.blob.core.windows.net/mycontainer?restype=container&comp=metadata&timeout=20";
        let key = SharedKey::new("myaccount", &Secret::new("c2VjcmV0".to_owned()));
        let text = key.text(Method::Get, &url.parse().unwrap(), &headers);
        assert_eq!(
            text,
            "GET\n\n\n\n\n\n\n\n\n\n\n\nx-ms-date:Fri, 26 Jun 2015 23:39:12 GMT\nx-ms-version:2015-02-21\n\
             /myaccount/mycontainer\ncomp:metadata\nrestype:container\ntimeout:20"
        );
        assert!(!format!("{key:?}").contains("c2VjcmV0"));
    }
}
