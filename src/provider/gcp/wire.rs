//! The shared HTTP client: HTTP/1.1, TLS by rustls. It follows no redirect, retries nothing and unpacks nothing.

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use reqwest::redirect::Policy;
use reqwest::{Certificate, Client, Response};
use url::Url;

use crate::provider::error::{StoreError, StoreErrorKind, StoreOperation};
use crate::provider::gcp::Options;

/// The client and its pool of connections.
#[derive(Debug, Clone)]
pub(super) struct Wire {
    client: Client,
}

impl Wire {
    pub(super) fn new(options: &Options) -> Result<Self, StoreError> {
        let mut builder = Client::builder()
            .http1_only()
            .redirect(Policy::none())
            .retry(reqwest::retry::never())
            .no_proxy()
            .referer(false)
            .no_gzip()
            .no_brotli()
            .no_zstd()
            .no_deflate()
            .tcp_nodelay(true)
            .connect_timeout(options.connect_timeout)
            .pool_idle_timeout(options.idle_timeout);
        if let Some(pem) = &options.extra_ca_pem {
            let certificates = Certificate::from_pem_bundle(pem.as_bytes()).map_err(wrong_set_up)?;
            builder = builder.tls_certs_merge(certificates);
        }
        Ok(Self { client: builder.build().map_err(wrong_set_up)? })
    }

    /// Sends a GET and waits for the head of its answer, whatever its status.
    pub(super) async fn get(
        &self,
        operation: StoreOperation,
        url: Url,
        headers: HeaderMap,
    ) -> Result<Response, StoreError> {
        self.client.get(url).headers(headers).send().await.map_err(|cause| broken(operation, cause))
    }
}

/// Reads a body that is small by its nature. One byte more than `limit` is an answer that we cannot read.
pub(super) async fn read_all(
    operation: StoreOperation,
    mut answer: Response,
    limit: usize,
) -> Result<Bytes, StoreError> {
    let mut all = BytesMut::new();
    while let Some(chunk) = answer.chunk().await.map_err(|cause| broken(operation, cause))? {
        if all.len() + chunk.len() > limit {
            return Err(StoreError::caused_by(
                operation,
                StoreErrorKind::Unexpected,
                "the answer is longer than any that Google Cloud Storage gives",
            ));
        }
        all.extend_from_slice(&chunk);
    }
    Ok(all.freeze())
}

/// The connection failed. The URL stays out of the cause, since it holds the key.
pub(super) fn broken(operation: StoreOperation, cause: reqwest::Error) -> StoreError {
    let kind = if cause.is_timeout() { StoreErrorKind::TimedOut } else { StoreErrorKind::Unavailable };
    StoreError::caused_by(operation, kind, cause.without_url())
}

fn wrong_set_up(cause: reqwest::Error) -> StoreError {
    StoreError::caused_by(StoreOperation::Connect, StoreErrorKind::Unexpected, cause.without_url())
}
