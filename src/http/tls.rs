//! TLS in the process: certificate, key, and optionally the authorities of client certificates.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio_rustls::TlsAcceptor;

/// The files of the listener's certificates.
#[derive(Debug, Clone)]
pub struct Files {
    /// Certificate chain, PEM.
    pub certificate: PathBuf,
    /// Private key, PEM.
    pub key: PathBuf,
    /// Authorities whose client certificates are required (mutual TLS), PEM.
    pub client_ca: Option<PathBuf>,
}

/// Why the certificates cannot be used. It names files, never their content.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read as PEM of the kind expected.
    #[error("{path}: {what}")]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: &'static str,
    },
    /// Certificate and key do not fit, or the authorities are not usable.
    #[error("certificate, key and authorities do not make a TLS server")]
    Unusable(#[source] rustls::Error),
    /// The authorities of client certificates cannot be used.
    #[error("the authorities of client certificates cannot be used")]
    Clients(#[source] rustls::server::VerifierBuilderError),
}

/// Builds the acceptor: TLS 1.2 and 1.3, HTTP/2 and HTTP/1.1.
pub fn acceptor(tls: &Files) -> Result<TlsAcceptor, TlsError> {
    let chain = certificates(&tls.certificate)?;
    let key = PrivateKeyDer::from_pem_file(&tls.key)
        .map_err(|_| TlsError::File { path: tls.key.clone(), what: "is not a private key in PEM" })?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Unusable)?;
    let builder = match &tls.client_ca {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let mut roots = RootCertStore::empty();
            for certificate in certificates(path)? {
                roots.add(certificate).map_err(TlsError::Unusable)?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
            builder.with_client_cert_verifier(verifier.map_err(TlsError::Clients)?)
        }
    };
    let mut config = builder.with_single_cert(chain, key).map_err(TlsError::Unusable)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let error = || TlsError::File { path: path.to_owned(), what: "has no certificates in PEM" };
    let all = CertificateDer::pem_file_iter(path).map_err(|_| error())?;
    let all: Vec<_> = all.collect::<Result<_, _>>().map_err(|_| error())?;
    if all.is_empty() { Err(error()) } else { Ok(all) }
}
