//! HTTP/1.1 written byte by byte, for what no client library sends.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::harness::app::TestApp;

/// Longer than any time limit of an application under test.
const PATIENCE: Duration = Duration::from_secs(20);

/// One connection.
pub struct Wire {
    stream: TcpStream,
}

impl Wire {
    /// Opens a connection to an application.
    pub async fn to(app: &TestApp) -> Self {
        Self { stream: TcpStream::connect(host(app)).await.expect("a connection") }
    }

    /// Sends bytes as they are. A peer that has hung up already is for the reader to find out.
    pub async fn send(&mut self, bytes: &str) {
        let _hung_up = self.stream.write_all(bytes.as_bytes()).await;
    }

    /// Reads one answer with a `Content-Length`, and leaves the connection open.
    pub async fn answer(&mut self) -> String {
        let mut raw = Vec::new();
        while !is_whole(&raw) {
            let byte =
                tokio::time::timeout(PATIENCE, self.stream.read_u8()).await.expect("an answer in time");
            raw.push(byte.expect("a whole answer"));
        }
        String::from_utf8_lossy(&raw).into_owned()
    }

    /// Reads until the peer hangs up.
    pub async fn rest(&mut self) -> String {
        let mut raw = Vec::new();
        let reading = self.stream.read_to_end(&mut raw);
        let _reset = tokio::time::timeout(PATIENCE, reading).await.expect("the peer hangs up in time");
        String::from_utf8_lossy(&raw).into_owned()
    }
}

/// What stands in `Host` for an application.
pub fn host(app: &TestApp) -> &str {
    app.url.trim_start_matches("http://")
}

fn is_whole(raw: &[u8]) -> bool {
    let text = String::from_utf8_lossy(raw);
    let Some((head, _)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    });
    raw.len() >= head.len() + 4 + length.unwrap_or(0)
}
