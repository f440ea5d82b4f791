//! A TCP proxy that misbehaves on demand. It works on bytes alone, so that TLS passes through it too.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

mod tests;

/// The buffer towards the client, in bytes: small, so that `pulled` tells how far the client let the server go.
const CLIENT_BUFFER: u32 = 64 * 1024;

/// What the proxy does with what the server sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Forwards everything.
    None,
    /// Lets this many more bytes of the server through, over all connections, then closes each and accepts none.
    CutAfter(u64),
    /// Keeps connections open and forwards nothing more from the server.
    Stall,
    /// Closes each connection, old and new.
    Refuse,
}

/// A proxy on a free port of 127.0.0.1 in front of another port. Ends when dropped, with all its connections.
pub struct FaultProxy {
    port: u16,
    shared: Arc<Shared>,
    _accepting: JoinSet<()>,
}

struct Shared {
    upstream: u16,
    fault: watch::Sender<Fault>,
    pulled: AtomicU64,
    opened: AtomicU64,
    closed: AtomicU64,
}

impl FaultProxy {
    /// Starts a proxy that forwards to a port of 127.0.0.1.
    pub fn to(upstream: u16) -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        // Connections that it accepts inherit the size.
        socket.set_send_buffer_size(CLIENT_BUFFER).expect("a buffer size");
        socket.bind("127.0.0.1:0".parse().expect("an address")).expect("a free port");
        let listener = socket.listen(1024).expect("a listener");
        let port = listener.local_addr().expect("an address").port();
        let shared = Arc::new(Shared {
            upstream,
            fault: watch::Sender::new(Fault::None),
            pulled: AtomicU64::new(0),
            opened: AtomicU64::new(0),
            closed: AtomicU64::new(0),
        });
        let mut accepting = JoinSet::new();
        accepting.spawn(accept(listener, Arc::clone(&shared)));
        Self { port, shared, _accepting: accepting }
    }

    /// The port that clients connect to.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Changes what it does from now on, on open connections too.
    pub fn set(&self, fault: Fault) {
        self.shared.fault.send_replace(fault);
    }

    /// Bytes that it has read from the server, over all connections.
    pub fn pulled(&self) -> u64 {
        self.shared.pulled.load(Ordering::SeqCst)
    }

    /// Connections that clients opened.
    pub fn opened(&self) -> u64 {
        self.shared.opened.load(Ordering::SeqCst)
    }

    /// Connections that ended, whoever ended them.
    pub fn closed(&self) -> u64 {
        self.shared.closed.load(Ordering::SeqCst)
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        while connections.try_join_next().is_some() {}
        shared.opened.fetch_add(1, Ordering::SeqCst);
        let shared = Arc::clone(&shared);
        connections.spawn(async move {
            // Whichever side ends first ends both; how it ended is the client's to find out.
            let _ = forward(client, &shared).await;
            shared.closed.fetch_add(1, Ordering::SeqCst);
        });
    }
}

async fn forward(client: TcpStream, shared: &Shared) -> io::Result<()> {
    if *shared.fault.borrow() == Fault::Refuse {
        return Ok(());
    }
    let server = TcpStream::connect(("127.0.0.1", shared.upstream)).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (mut from_client, to_client) = client.into_split();
    let (from_server, mut to_server) = server.into_split();
    tokio::select! {
        ended = tokio::io::copy(&mut from_client, &mut to_server) => ended.map(drop),
        ended = downstream(from_server, to_client, shared) => ended,
    }
}

async fn downstream(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, shared: &Shared) -> io::Result<()> {
    let mut fault = shared.fault.subscribe();
    let mut buffer = vec![0; 16 * 1024];
    loop {
        if fault.wait_for(|fault| *fault != Fault::Stall).await.is_err() {
            return Ok(());
        }
        let read = tokio::select! {
            read = from.read(&mut buffer) => read?,
            // Look at the fault again: an idle connection must end when told to.
            _ = fault.changed() => {
                if *fault.borrow_and_update() == Fault::Refuse { return Ok(()) }
                continue;
            }
        };
        shared.pulled.fetch_add(u64::try_from(read).expect("fits"), Ordering::SeqCst);
        let allowed = shared.allow(read);
        to.write_all(buffer.get(..allowed).expect("no more than was read")).await?;
        if read == 0 || allowed < read {
            return Ok(());
        }
    }
}

impl Shared {
    /// How many of `wanted` bytes may pass; a budget that runs out turns into refusal.
    fn allow(&self, wanted: usize) -> usize {
        let mut allowed = wanted;
        self.fault.send_if_modified(|fault| match *fault {
            Fault::None | Fault::Stall => false,
            Fault::Refuse => {
                allowed = 0;
                false
            }
            Fault::CutAfter(left) => {
                allowed = wanted.min(usize::try_from(left).unwrap_or(usize::MAX));
                let left = left - u64::try_from(allowed).expect("fits");
                *fault = if left == 0 { Fault::Refuse } else { Fault::CutAfter(left) };
                true
            }
        });
        allowed
    }
}
