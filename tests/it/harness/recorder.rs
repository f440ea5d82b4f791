//! A server that records each request's head as the bytes that came, and answers what the test tells it to.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::harness::tls::certificates;

type Answer = dyn Fn(&str) -> Vec<u8> + Send + Sync;

/// A recording server on a free port of 127.0.0.1; it ends when dropped. One request for each connection.
pub struct Recorder {
    addr: SocketAddr,
    heads: Arc<Mutex<Vec<String>>>,
    _tasks: JoinSet<()>,
}

impl Recorder {
    /// Answers over plain HTTP. `answer` gets a request (head and body) and gives the whole answer.
    pub async fn http(answer: impl Fn(&str) -> Vec<u8> + Send + Sync + 'static) -> Self {
        Self::start(None, Arc::new(answer)).await
    }

    /// Answers over HTTPS, with a certificate of the test's own authority.
    pub async fn https(answer: impl Fn(&str) -> Vec<u8> + Send + Sync + 'static) -> Self {
        let made = certificates();
        let cert = CertificateDer::from_pem_file(&made.cert).expect("a certificate");
        let key = PrivateKeyDer::from_pem_file(&made.key).expect("a key");
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("TLS 1.2 and 1.3")
            .with_no_client_auth()
            .with_single_cert(vec![cert], key)
            .expect("a server's configuration");
        Self::start(Some(TlsAcceptor::from(Arc::new(config))), Arc::new(answer)).await
    }

    async fn start(tls: Option<TlsAcceptor>, answer: Arc<Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let addr = listener.local_addr().expect("an address");
        let heads = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&heads);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut open = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (tls, answer, seen) = (tls.clone(), Arc::clone(&answer), Arc::clone(&seen));
                open.spawn(async move {
                    match tls {
                        None => serve(stream, &*answer, &seen).await,
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                serve(stream, &*answer, &seen).await;
                            }
                        }
                    }
                });
            }
        });
        Self { addr, heads, _tasks: tasks }
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The requests so far: heads with their bodies.
    pub fn requests(&self) -> Vec<String> {
        self.heads.lock().expect("no poison").clone()
    }

    /// The request targets so far, exactly as they stood in the request lines.
    pub fn targets(&self) -> Vec<String> {
        let target = |head: &String| head.split(' ').nth(1).expect("a request line").to_owned();
        self.requests().iter().map(target).collect()
    }
}

async fn serve<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, answer: &Answer, seen: &Mutex<Vec<String>>) {
    let mut raw = Vec::new();
    let mut piece = [0; 4096];
    while !is_whole(&raw) {
        match stream.read(&mut piece).await {
            Ok(count) if count > 0 => raw.extend(piece.iter().take(count)),
            _ => return,
        }
    }
    let request = String::from_utf8(raw).expect("a request in UTF-8");
    seen.lock().expect("no poison").push(request.clone());
    let _ = stream.write_all(&answer(&request)).await;
    let _ = stream.shutdown().await;
}

fn is_whole(raw: &[u8]) -> bool {
    let text = String::from_utf8_lossy(raw);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    });
    body.len() >= length.unwrap_or(0)
}
