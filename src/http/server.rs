//! Connections: accepted up to a limit, with time limits on headers, optionally inside TLS, drained at shutdown.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::http::request_line::WholeTargets;

/// Streams of one HTTP/2 connection.
const H2_STREAMS: u32 = 128;

/// Bytes that wait to be sent on one connection. It bounds the memory of a slow reader.
const SEND_BUFFER_BYTES: usize = 64 * 1024;

/// Bytes that the system holds for one connection beyond what is on its way. Without a limit a reader who stands still
/// gets megabytes of the system's memory, and as much is read from the store for nobody.
const UNSENT_BYTES: u32 = 64 * 1024;

/// Limits of connections.
#[derive(Debug, Clone)]
pub struct Limits {
    /// The most connections at once; further ones wait in the system's queue.
    pub connections: usize,
    /// Time for a request's headers, and for the TLS handshake.
    pub header_timeout: Duration,
    /// The most bytes of a request's headers.
    pub header_bytes: usize,
    /// How long running requests may go on after a shutdown has begun.
    pub drain: Duration,
}

/// Serves until the token is cancelled, then drains.
pub async fn serve(
    listener: TcpListener,
    service: Router,
    tls: Option<TlsAcceptor>,
    limits: Limits,
    stop: CancellationToken,
) {
    let places = Arc::new(Semaphore::new(limits.connections));
    let mut connections = JoinSet::new();
    let builder = Arc::new(builder(&limits));
    loop {
        let (stream, peer, place) = tokio::select! {
            () = stop.cancelled() => break,
            next = accept(&listener, &places) => match next {
                Ok(next) => next,
                Err(error) => {
                    // The system has no more descriptors or the peer is gone; neither ends the service.
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            },
        };
        let connection = Connection {
            service: service.clone(),
            builder: Arc::clone(&builder),
            stop: stop.clone(),
            peer,
            handshake: limits.header_timeout,
        };
        let tls = tls.clone();
        connections.spawn(async move {
            let _place: OwnedSemaphorePermit = place;
            connection.run(stream, tls).await;
        });
        while connections.try_join_next().is_some() {}
    }
    drop(listener);
    let drained = async { while connections.join_next().await.is_some() {} };
    let drained = tokio::time::timeout(limits.drain, drained).await.is_ok();
    tracing::info!(drained, left = connections.len(), "the listener is closed");
    connections.shutdown().await;
}

type Accepted = (TcpStream, SocketAddr, OwnedSemaphorePermit);

async fn accept(listener: &TcpListener, places: &Arc<Semaphore>) -> io::Result<Accepted> {
    let place = Arc::clone(places).acquire_owned().await.map_err(io::Error::other)?;
    let (stream, peer) = listener.accept().await?;
    stream.set_nodelay(true)?;
    SockRef::from(&stream).set_tcp_notsent_lowat(UNSENT_BYTES)?;
    Ok((stream, peer, place))
}

fn builder(limits: &Limits) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_timeout)
        .max_buf_size(limits.header_bytes.max(SEND_BUFFER_BYTES))
        .half_close(false);
    let header_list = u32::try_from(limits.header_bytes).unwrap_or(u32::MAX);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(H2_STREAMS)
        .max_header_list_size(header_list)
        .max_send_buf_size(SEND_BUFFER_BYTES)
        .keep_alive_interval(Some(Duration::from_secs(20)))
        .keep_alive_timeout(Duration::from_secs(20));
    builder
}

struct Connection {
    service: Router,
    builder: Arc<Builder<TokioExecutor>>,
    stop: CancellationToken,
    peer: SocketAddr,
    handshake: Duration,
}

impl Connection {
    async fn run(self, stream: TcpStream, tls: Option<TlsAcceptor>) {
        let Some(tls) = tls else { return self.serve(stream).await };
        match tokio::time::timeout(self.handshake, tls.accept(stream)).await {
            Ok(Ok(stream)) => self.serve(stream).await,
            Ok(Err(error)) => tracing::debug!(%error, "a TLS handshake failed"),
            Err(_) => tracing::debug!("a TLS handshake took too long"),
        }
    }

    async fn serve(self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
        let (service, peer) = (self.service, self.peer);
        let answer = service_fn(move |mut request: http::Request<Incoming>| {
            request.extensions_mut().insert(ConnectInfo(peer));
            service.clone().oneshot(request)
        });
        let mut connection =
            pin!(self.builder.serve_connection(TokioIo::new(WholeTargets::new(stream)), answer));
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = self.stop.cancelled() => {
                // Requests under way go on; the connection takes no further ones.
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "a connection broke off");
        }
    }
}
