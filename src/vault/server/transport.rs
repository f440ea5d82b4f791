//! HTTP to Vault: rustls, no redirects, no proxy from the environment, one time-out, a largest answer.

use async_trait::async_trait;
use reqwest::redirect::Policy;
use rustify::errors::ClientError;
use url::{Host, Url};

use crate::vault::server::Options;
use crate::vault::server::error::VaultError;

/// The largest answer in bytes. Vault's own limit for a request is 32 MiB, but a credential has a few KiB.
const MAX_ANSWER_BYTES: usize = 256 * 1024;

/// Sends what `rustify` builds.
pub(super) struct Transport {
    http: reqwest::Client,
    base: String,
}

impl Transport {
    pub(super) fn new(options: &Options) -> Result<Self, VaultError> {
        if !may_call(&options.address) {
            return Err(VaultError::setting("the address is neither https nor a loopback address"));
        }
        let mut builder = reqwest::Client::builder()
            .redirect(Policy::none())
            .referer(false)
            .no_proxy()
            .connect_timeout(options.connect_timeout)
            .timeout(options.timeout);
        if let Some(pem) = &options.ca_pem {
            let roots = reqwest::Certificate::from_pem_bundle(pem.as_bytes())
                .map_err(|_| VaultError::setting("the certificates of its authority cannot be read"))?;
            builder = builder.tls_certs_only(roots);
        }
        let http = builder.build().map_err(|_| VaultError::setting("its TLS settings cannot be used"))?;
        Ok(Self { http, base: options.address.as_str().trim_end_matches('/').to_owned() })
    }

    async fn exchange(&self, request: http::Request<Vec<u8>>) -> Result<http::Response<Vec<u8>>, VaultError> {
        let request = reqwest::Request::try_from(request).map_err(VaultError::unreachable)?;
        let mut response = self.http.execute(request).await.map_err(VaultError::unreachable)?;
        if !response.status().is_success() {
            return Err(VaultError::refused(response.status(), response.headers()));
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(VaultError::unreachable)? {
            if body.len() + chunk.len() > MAX_ANSWER_BYTES {
                return Err(VaultError::unexpected());
            }
            body.extend_from_slice(&chunk);
        }
        Ok(http::Response::new(body))
    }
}

#[async_trait]
impl rustify::client::Client for Transport {
    async fn send(&self, request: http::Request<Vec<u8>>) -> Result<http::Response<Vec<u8>>, ClientError> {
        self.exchange(request).await.map_err(|error| ClientError::GenericError { source: error.into() })
    }

    fn base(&self) -> &str {
        &self.base
    }

    /// Without the log lines and the copied answer of the default.
    async fn execute(&self, request: http::Request<Vec<u8>>) -> Result<http::Response<Vec<u8>>, ClientError> {
        self.send(request).await
    }
}

fn may_call(url: &Url) -> bool {
    let loopback = match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => return false,
    };
    let plain = url.username().is_empty() && url.password().is_none();
    plain && (url.scheme() == "https" || (url.scheme() == "http" && loopback))
}
