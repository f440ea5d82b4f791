//! The proxy itself: a test that leans on a fault must be able to trust it.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::*;

/// A server that answers each connection's first byte with a megabyte, and then waits.
async fn server(tasks: &mut JoinSet<()>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    tasks.spawn(async move {
        let mut connections = JoinSet::new();
        while let Ok((mut client, _)) = listener.accept().await {
            connections.spawn(async move {
                let _ = client.read_u8().await;
                let _ = client.write_all(&vec![7; 1_000_000]).await;
                let _ = client.read_u8().await;
            });
        }
    });
    port
}

async fn ask(proxy: &FaultProxy) -> TcpStream {
    let mut client = TcpStream::connect(("127.0.0.1", proxy.port())).await.expect("a connection");
    client.write_u8(1).await.expect("a question");
    client
}

async fn until_closed(proxy: &FaultProxy, closed: u64) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while proxy.closed() < closed {
        assert!(Instant::now() < deadline, "{} of {closed} connections closed", proxy.closed());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn without_a_fault_everything_passes_and_is_counted() {
    let mut tasks = JoinSet::new();
    let proxy = FaultProxy::to(server(&mut tasks).await);
    let mut answer = vec![0; 1_000_000];
    ask(&proxy).await.read_exact(&mut answer).await.expect("the whole answer");
    assert!(answer.iter().all(|&byte| byte == 7));
    assert_eq!((proxy.pulled(), proxy.opened()), (1_000_000, 1));
    until_closed(&proxy, 1).await;
}

#[tokio::test]
async fn a_cut_lets_exactly_its_bytes_through_and_nobody_in_after() {
    let mut tasks = JoinSet::new();
    let proxy = FaultProxy::to(server(&mut tasks).await);
    proxy.set(Fault::CutAfter(123_456));
    let mut answer = Vec::new();
    let _ = ask(&proxy).await.read_to_end(&mut answer).await;
    assert_eq!(answer.len(), 123_456);
    let mut answer = Vec::new();
    let _ = ask(&proxy).await.read_to_end(&mut answer).await;
    assert_eq!(answer.len(), 0);
}

#[tokio::test]
async fn a_stall_holds_the_answer_until_it_ends() {
    let mut tasks = JoinSet::new();
    let proxy = FaultProxy::to(server(&mut tasks).await);
    proxy.set(Fault::Stall);
    let mut client = ask(&proxy).await;
    let mut answer = vec![0; 1_000_000];
    let held = tokio::time::timeout(Duration::from_millis(200), client.read_exact(&mut answer)).await;
    assert!(held.is_err() && proxy.pulled() == 0, "nothing passes");
    proxy.set(Fault::None);
    client.read_exact(&mut answer).await.expect("the whole answer");
}

#[tokio::test]
async fn refusing_ends_idle_connections_too() {
    let mut tasks = JoinSet::new();
    let proxy = FaultProxy::to(server(&mut tasks).await);
    let mut client = ask(&proxy).await;
    client.read_exact(&mut vec![0; 1_000_000]).await.expect("the whole answer");
    proxy.set(Fault::Refuse);
    assert_eq!(client.read(&mut [0; 1]).await.unwrap_or(0), 0, "the connection ends");
    until_closed(&proxy, 1).await;
}
