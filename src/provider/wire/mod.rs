//! The HTTP client towards every cloud: HTTP/1.1, as the clouds speak it for objects, and TLS by rustls with aws-lc.
//!
//! It follows no redirect, unpacks nothing, and sends a request again only when the connection closed before anything of
//! it was sent, or, once and for a request that only reads, when a kept connection closed instead of answering: the store
//! may close one at the very moment that it is used again. How long an answer may take is for `guarded` to say.

use std::io;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures::{StreamExt, TryStreamExt};
use http::{Request, Response, Uri};
use http_body_util::{BodyDataStream, BodyExt, Full};
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

use crate::provider::ByteStream;
use crate::provider::error::{StoreError, StoreErrorKind, StoreOperation};
use crate::provider::wire::pace::Paced;

mod kept;
mod pace;

/// Why a request got no answer. It does not name the URL, which holds the key.
pub(in crate::provider) use hyper_util::client::legacy::Error as SendError;

/// How a cloud is reached.
#[derive(Debug, Clone)]
pub struct Options {
    /// Certificates (PEM) that are trusted beside the machine's own, for stores behind a private authority.
    pub extra_ca_pem: Option<String>,
    /// How long a connection may take to open.
    pub connect_timeout: Duration,
    /// How long an unused connection is kept.
    pub idle_timeout: Duration,
    /// The most that is read from a connection at once, in bytes, for a caller who takes it as fast as it comes.
    pub read_buffer_bytes: usize,
}

/// Opens a TCP connection whose reads are paced.
type Connector = BoxCloneSyncService<Uri, TokioIo<Paced>, BoxError>;

/// The client and its pool of connections. Clones share them.
#[derive(Debug, Clone)]
pub(in crate::provider) struct Wire {
    client: Client<HttpsConnector<Connector>, Full<Bytes>>,
}

impl Wire {
    /// Builds the client. Nothing is sent yet.
    pub(in crate::provider) fn new(options: &Options) -> Result<Self, StoreError> {
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
    pub(in crate::provider) async fn send(
        &self,
        operation: StoreOperation,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Incoming>, StoreError> {
        self.exchange(request).await.map_err(|cause| {
            let kind = if timed_out(&cause) { StoreErrorKind::TimedOut } else { StoreErrorKind::Unavailable };
            StoreError::caused_by(operation, kind, cause)
        })
    }

    /// The same for a caller with errors of its own.
    pub(in crate::provider) async fn exchange(
        &self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Incoming>, SendError> {
        let again = request.method().is_safe().then(|| request.clone());
        match (self.client.request(request).await, again) {
            (Err(error), Some(again)) if kept::closed(&error) => self.client.request(again).await,
            (Ok(answer), _) => {
                kept::answered(&answer);
                Ok(answer)
            }
            (error, _) => error,
        }
    }
}

/// Reads a body that is small by its nature. One byte more than `limit` is an answer that we cannot read.
pub(in crate::provider) async fn read_all(
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
                "the answer is longer than any that the store gives",
            ));
        }
        all.extend_from_slice(&chunk);
    }
    Ok(all.freeze())
}

/// The bytes as they come in. Dropping it closes the connection, which stops the store.
pub(in crate::provider) fn stream(body: Incoming) -> ByteStream {
    let broken =
        |cause: hyper::Error| StoreError::caused_by(StoreOperation::Read, StoreErrorKind::Unavailable, cause);
    BodyDataStream::new(body).map_err(broken).boxed()
}

/// Whether waiting for the system is what failed.
pub(in crate::provider) fn timed_out(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        if error.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == io::ErrorKind::TimedOut) {
            return true;
        }
        next = error.source();
    }
    false
}

fn connector(tcp: HttpConnector, most: usize) -> Connector {
    let paced = tcp.map_response(move |stream| Paced::new(stream, most)).map_err(BoxError::from);
    BoxCloneSyncService::new(paced)
}

fn tls_config(options: &Options) -> Result<ClientConfig, StoreError> {
    let mut roots = RootCertStore::empty();
    // A machine without certificates of its own still reaches stores by plain HTTP or under the extra authority.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(pem) = &options.extra_ca_pem {
        let own = roots.len();
        for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
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

fn wrong_set_up(cause: impl Into<BoxError>) -> StoreError {
    StoreError::caused_by(StoreOperation::Connect, StoreErrorKind::Unexpected, cause)
}
