//! The shared HTTP client: HTTP/1.1, TLS by rustls with aws-lc. It follows no redirect,
//! and sends a request again only when the connection closed before anything of it was sent.

use std::io;

use aws_sdk_s3::config::SharedHttpClient;
use aws_smithy_http_client::tls;
use bytes::{Bytes, BytesMut};
use http::{Request, Response, Uri};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tower::util::BoxCloneSyncService;
use tower::{BoxError, ServiceExt};

use crate::provider::aws::Options;
use crate::provider::aws::pace::Paced;
use crate::provider::error::{StoreError, StoreErrorKind, StoreOperation};

/// Opens a TCP connection whose reads are paced.
type Connector = BoxCloneSyncService<Uri, TokioIo<Paced>, BoxError>;

/// The client and its pool of connections.
pub(super) struct Wire {
    client: Client<HttpsConnector<Connector>, Empty<Bytes>>,
}

impl Wire {
    pub(super) fn new(options: &Options) -> Result<Self, StoreError> {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(options.connect_timeout));
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls_config(options)?)
            .https_or_http()
            .enable_http1()
            .wrap_connector(connector(tcp, options.read_buffer_bytes));
        let client = Client::builder(TokioExecutor::new())
            .pool_idle_timeout(options.idle_timeout)
            .pool_timer(TokioTimer::new())
            .http1_max_buf_size(options.read_buffer_bytes)
            .build(connector);
        Ok(Self { client })
    }

    /// Sends a request and waits for the head of its answer, whatever its status.
    pub(super) async fn send(
        &self,
        operation: StoreOperation,
        request: Request<Empty<Bytes>>,
    ) -> Result<Response<Incoming>, StoreError> {
        self.client.request(request).await.map_err(|cause| {
            let kind = if timed_out(&cause) { StoreErrorKind::TimedOut } else { StoreErrorKind::Unavailable };
            StoreError::caused_by(operation, kind, cause)
        })
    }
}

fn connector(tcp: HttpConnector, most: usize) -> Connector {
    let paced = tcp.map_response(move |stream| Paced::new(stream, most)).map_err(BoxError::from);
    BoxCloneSyncService::new(paced)
}

/// Reads a body that is small by its nature. One byte more than `limit` is an answer that we cannot read.
pub(super) async fn read_all(
    operation: StoreOperation,
    mut body: Incoming,
    limit: usize,
) -> Result<Bytes, StoreError> {
    let mut all = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame =
            frame.map_err(|cause| StoreError::caused_by(operation, StoreErrorKind::Unavailable, cause))?;
        let Ok(chunk) = frame.into_data() else { continue };
        if all.len() + chunk.len() > limit {
            return Err(StoreError::caused_by(
                operation,
                StoreErrorKind::Unexpected,
                "the answer is longer than any that S3 gives",
            ));
        }
        all.extend_from_slice(&chunk);
    }
    Ok(all.freeze())
}

/// The SDK's own client with the same trust, for the credential chain's calls.
pub(super) fn sdk_client(options: &Options) -> Result<SharedHttpClient, StoreError> {
    let mut trust = tls::TrustStore::empty().with_native_roots(true);
    if let Some(pem) = &options.extra_ca_pem {
        trust.add_pem_certificate(pem.as_slice());
    }
    let context = tls::TlsContext::builder().with_trust_store(trust).build().map_err(wrong_set_up)?;
    Ok(aws_smithy_http_client::Builder::new()
        .tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::AwsLc))
        .tls_context(context)
        .build_https())
}

fn tls_config(options: &Options) -> Result<ClientConfig, StoreError> {
    let mut roots = RootCertStore::empty();
    // A machine without certificates of its own still reaches stores by plain HTTP or under the extra authority.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(pem) = &options.extra_ca_pem {
        let own = roots.len();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            roots.add(certificate.map_err(wrong_set_up)?).map_err(wrong_set_up)?;
        }
        if roots.len() == own {
            return Err(wrong_set_up("the extra authorities hold no PEM certificate"));
        }
    }
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    Ok(ClientConfig::builder_with_provider(provider.into())
        .with_safe_default_protocol_versions()
        .map_err(wrong_set_up)?
        .with_root_certificates(roots)
        .with_no_client_auth())
}

fn timed_out(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        if error.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == io::ErrorKind::TimedOut) {
            return true;
        }
        next = error.source();
    }
    false
}

fn wrong_set_up(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> StoreError {
    StoreError::caused_by(StoreOperation::Connect, StoreErrorKind::Unexpected, cause)
}
