//! Connections that answered before and were kept: whether one of them closed instead of answering again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http::{Extensions, Response};

use crate::provider::wire::SendError;

/// Whether a connection answered before. Stands with the connection and with each of its answers.
#[derive(Debug, Clone, Default)]
pub(super) struct Kept(Arc<AtomicBool>);

/// Notes that the connection answered.
pub(super) fn answered<B>(answer: &Response<B>) {
    if let Some(Kept(before)) = answer.extensions().get() {
        before.store(true, Ordering::Relaxed);
    }
}

/// Whether the request failed because a connection that answered before closed without an answer.
pub(super) fn closed(error: &SendError) -> bool {
    let mut extras = Extensions::new();
    if let Some(connected) = error.connect_info() {
        connected.get_extras(&mut extras);
    }
    let before = extras.get().is_some_and(|Kept(before)| before.load(Ordering::Relaxed));
    let cause = std::error::Error::source(error).and_then(|cause| cause.downcast_ref::<hyper::Error>());
    before && cause.is_some_and(|cause| cause.is_incomplete_message() || is_reset(cause))
}

fn is_reset(error: &hyper::Error) -> bool {
    use std::io::ErrorKind::{BrokenPipe, ConnectionReset};
    let cause = std::error::Error::source(error).and_then(|cause| cause.downcast_ref::<std::io::Error>());
    cause.is_some_and(|cause| matches!(cause.kind(), ConnectionReset | BrokenPipe))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;
    use std::time::Duration;

    use bytes::Bytes;
    use http::{Method, Request};
    use http_body_util::Full;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;
    use tokio::task::JoinSet;

    use super::*;
    use crate::provider::error::StoreOperation;
    use crate::provider::wire::{Options, Wire, read_all};

    /// A server whose connections answer so many requests each, and close when they have read one more.
    async fn server(answers: usize) -> (String, Arc<AtomicUsize>, JoinSet<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}/", listener.local_addr().expect("an address"));
        let asked = Arc::new(AtomicUsize::new(0));
        let seen = Arc::clone(&asked);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                for number in 0..=answers {
                    let mut head = [0; 4096];
                    if stream.read(&mut head).await.is_ok_and(|read| read > 0) {
                        seen.fetch_add(1, Ordering::Relaxed);
                    }
                    if number < answers {
                        drop(stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await);
                    }
                }
            }
        });
        (url, asked, tasks)
    }

    async fn send(wire: &Wire, method: Method, url: &str) -> bool {
        let request = Request::builder().method(method).uri(url).body(Full::new(Bytes::new()));
        let answer = wire.send(StoreOperation::Get, request.expect("a request")).await;
        let Ok(answer) = answer else { return false };
        read_all(StoreOperation::Get, answer.into_body(), 10).await.is_ok()
    }

    fn wire() -> Wire {
        let second = Duration::from_secs(1);
        let options = Options {
            extra_ca_pem: None,
            connect_timeout: second,
            idle_timeout: second * 60,
            read_buffer_bytes: 64 * 1024,
        };
        Wire::new(&options).expect("a client")
    }

    #[tokio::test]
    async fn a_read_is_asked_again_when_a_kept_connection_closes_instead_of_answering() {
        let (url, asked, _server) = server(1).await;
        let wire = wire();
        assert!(send(&wire, Method::GET, &url).await);
        assert!(send(&wire, Method::GET, &url).await, "the second went over a connection that closed");
        assert_eq!(asked.load(Ordering::Relaxed), 3);
    }

    #[tokio::test]
    async fn a_write_is_never_asked_again() {
        let (url, asked, _server) = server(1).await;
        let wire = wire();
        assert!(send(&wire, Method::GET, &url).await);
        assert!(!send(&wire, Method::POST, &url).await);
        assert_eq!(asked.load(Ordering::Relaxed), 2);
    }

    #[tokio::test]
    async fn a_new_connection_that_closes_is_no_reason_to_ask_again() {
        let (url, asked, _server) = server(0).await;
        assert!(!send(&wire(), Method::GET, &url).await);
        assert_eq!(asked.load(Ordering::Relaxed), 1);
    }
}
