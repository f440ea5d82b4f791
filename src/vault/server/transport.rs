//! HTTP to Vault: rustls, no redirects, no proxy from the environment, a time limit, a largest answer.
//!
//! Requests are built by `rustify`, which `vaultrs` stands on, but sent and read here.

use std::time::Duration;

use http::StatusCode;
use http::header::{HeaderName, HeaderValue};
use reqwest::redirect::Policy;
use rustify::Endpoint;
use tracing::subscriber::{NoSubscriber, with_default};
use url::{Host, Url};
use zeroize::Zeroizing;

use crate::domain::secret::Secret;
use crate::vault::server::Options;
use crate::vault::server::error::VaultError;
use crate::vault::server::reply::{Envelope, Reply};

/// The largest answer in bytes. Vault's own limit for a request is 32 MiB, but a credential has a few KiB.
const MAX_ANSWER_BYTES: usize = 256 * 1024;

/// How long a standby that has not yet heard of a token is left alone before it is asked again.
/// Source: <https://developer.hashicorp.com/vault/docs/enterprise/consistency>, status 412.
const LAGGING: [Duration; 2] = [Duration::from_millis(100), Duration::from_millis(300)];

/// One Vault and the way to it.
pub(super) struct Transport {
    http: reqwest::Client,
    base: String,
    namespace: Option<HeaderValue>,
}

impl Transport {
    pub(super) fn new(options: &Options) -> Result<Self, VaultError> {
        if !may_be_called(&options.address) {
            return Err(VaultError::setting("the address is neither https nor a loopback address"));
        }
        let mut builder = reqwest::Client::builder()
            .redirect(Policy::none())
            .referer(false)
            .no_proxy()
            .connect_timeout(options.connect_timeout);
        if let Some(pem) = &options.ca_pem {
            let roots = reqwest::Certificate::from_pem_bundle(pem.as_bytes())
                .map_err(|_| VaultError::setting("the certificates of its authority cannot be read"))?;
            if roots.is_empty() {
                return Err(VaultError::setting("there is no certificate of its authority"));
            }
            builder = builder.tls_certs_only(roots);
        }
        if let Some(pem) = &options.client_pem {
            let identity = reqwest::Identity::from_pem(pem.expose().as_bytes())
                .map_err(|_| VaultError::setting("the client certificate and its key cannot be read"))?;
            builder = builder.identity(identity);
        }
        let namespace = options.namespace.as_deref().map(HeaderValue::from_str).transpose();
        Ok(Self {
            http: builder.build().map_err(|_| VaultError::setting("its TLS settings cannot be used"))?,
            base: options.address.as_str().trim_end_matches('/').to_owned(),
            namespace: namespace.map_err(|_| VaultError::setting("the namespace is no name of one"))?,
        })
    }

    /// Sends a request with a token, or none, and reads the whole answer within the time given.
    pub(super) async fn ask<E: Endpoint>(
        &self,
        endpoint: &E,
        token: Option<&Secret<String>>,
        limit: Duration,
    ) -> Result<Reply<E::Response>, VaultError> {
        // Its traces would show paths.
        let request = with_default(NoSubscriber::default(), || endpoint.request(&self.base));
        let request = request.map_err(|_| VaultError::unbuilt())?;
        let mut request = reqwest::Request::try_from(request).map_err(|_| VaultError::unbuilt())?;
        *request.timeout_mut() = Some(limit);
        let path = format!("/v1/{}", request.url().path().trim_start_matches('/'));
        request.url_mut().set_path(&path);
        let headers = request.headers_mut();
        // Vault's agent and proxies ask for it against forged requests.
        headers.insert(HeaderName::from_static("x-vault-request"), HeaderValue::from_static("true"));
        if let Some(token) = token {
            let mut value = HeaderValue::from_str(token.expose()).map_err(|_| VaultError::unbuilt())?;
            value.set_sensitive(true);
            headers.insert(HeaderName::from_static("x-vault-token"), value);
        }
        if let Some(namespace) = &self.namespace {
            headers.insert(HeaderName::from_static("x-vault-namespace"), namespace.clone());
        }
        Envelope::parse(&self.exchange(request).await?).map(Reply::from)
    }

    /// Whether Vault serves, for which nobody has to be signed in. A standby hands requests on, so it is well too.
    /// Source: <https://developer.hashicorp.com/vault/api-docs/system/health>; the path is the root namespace's alone.
    pub(super) async fn health(&self, limit: Duration) -> Result<(), VaultError> {
        let request = self.http.get(format!("{}/v1/sys/health", self.base)).timeout(limit);
        let answer = request.send().await.map_err(VaultError::unreachable)?;
        match answer.status().as_u16() {
            200 | 429 | 473 => Ok(()),
            _ => Err(VaultError::refused(answer.status(), answer.headers())),
        }
    }

    async fn send(&self, mut request: reqwest::Request) -> reqwest::Result<reqwest::Response> {
        for pause in LAGGING {
            let again = request.try_clone();
            let response = self.http.execute(request).await?;
            match again {
                Some(again) if response.status() == StatusCode::PRECONDITION_FAILED => request = again,
                _ => return Ok(response),
            }
            tokio::time::sleep(pause).await;
        }
        self.http.execute(request).await
    }

    async fn exchange(&self, request: reqwest::Request) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        let mut response = self.send(request).await.map_err(VaultError::unreachable)?;
        if !response.status().is_success() {
            return Err(VaultError::refused(response.status(), response.headers()));
        }
        let announced = response.content_length().and_then(|length| usize::try_from(length).ok());
        // Room for all of it, so that growing leaves no copies behind.
        let room = announced.unwrap_or(8 * 1024).min(MAX_ANSWER_BYTES);
        let mut body = Zeroizing::new(Vec::with_capacity(room));
        while let Some(chunk) = response.chunk().await.map_err(VaultError::unreachable)? {
            if body.len() + chunk.len() > MAX_ANSWER_BYTES {
                return Err(VaultError::unexpected());
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }
}

/// Whether it is an address that secrets may be sent to: https, or http to this machine, and nothing but scheme, host
/// and port.
#[must_use]
pub fn may_be_called(url: &Url) -> bool {
    let loopback = match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => return false,
    };
    let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
    let nobody = url.username().is_empty() && url.password().is_none();
    bare && nobody && (url.scheme() == "https" || (url.scheme() == "http" && loopback))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vault_is_called_by_https_or_on_this_machine() {
        let may = |text: &str| may_be_called(&text.parse().unwrap());
        for good in
            ["https://vault.example:8200", "http://127.0.0.1:8200", "http://[::1]:1", "http://localhost"]
        {
            assert!(may(good), "{good}");
        }
        for bad in [
            "http://vault.example",
            "http://10.0.0.1",
            "https://me:key@vault.example",
            "ftp://127.0.0.1",
            "http://localhost.evil.example",
            "https://gateway.example/vault",
            "https://vault.example/?x",
        ] {
            assert!(!may(bad), "{bad}");
        }
    }
}
