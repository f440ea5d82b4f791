//! Redaction of a whole object that is read decoded: line by line, so that nothing that goes over the end of a piece leaves.

use std::sync::Arc;

use bytes::Bytes;
use futures::{StreamExt, stream};

use crate::logs::redact::across::Across;
use crate::logs::redact::{BINARY, Redactor, marker};
use crate::logs::threads::Threads;
use crate::provider::error::StoreOperation;
use crate::provider::{ByteStream, StoreError, StoreErrorKind};

/// The longest line that is looked at; in place of a longer one a marker stands.
const MAX_LINE_BYTES: usize = 8 * 1024 * 1024;

/// From so much on it is not looked at where answers are waited for.
const LARGE_BYTES: usize = 16 * 1024;

/// What the marker of such a line says.
pub const TOO_LONG: &str = "line-too-long";

/// What an object begins with that is compressed once more, or is a text that is not of bytes: gzip, compress, zstd, bzip2,
/// xz, LZ4, zip, Parquet, UTF-16.
const OPAQUE: [&[u8]; 10] = [
    b"\x1f\x8b",
    b"\x1f\x9d",
    b"\x28\xb5\x2f\xfd",
    b"BZh",
    b"\xfd7zXZ",
    b"\x04\x22\x4d\x18",
    b"PK\x03\x04",
    b"PAR1",
    b"\xff\xfe",
    b"\xfe\xff",
];

/// A decoded body as it may be seen. A body that breaks off gives what was whole before.
pub fn of(redactor: Arc<Redactor>, body: ByteStream, threads: Arc<Threads>) -> ByteStream {
    let state = Some((RedactStream::new(redactor), body));
    let pieces = stream::unfold(state, move |state| {
        let threads = Arc::clone(&threads);
        async move {
            let (mut redact, mut body) = state?;
            loop {
                // Looking at a piece never waits by itself: without this a large object would keep its thread.
                tokio::task::coop::consume_budget().await;
                let piece = match body.next().await.transpose() {
                    Ok(piece) => piece,
                    Err(error) => return Some((Err(error), None)),
                };
                let last = piece.is_none();
                let (back, out) = match redact.take(piece, &threads).await {
                    Ok(taken) => taken,
                    Err(error) => return Some((Err(error), None)),
                };
                redact = back;
                match (out.is_empty(), last) {
                    (true, false) => {}
                    (true, true) => return None,
                    (false, false) => return Some((Ok(Bytes::from(out)), Some((redact, body)))),
                    (false, true) => return Some((Ok(Bytes::from(out)), None)),
                }
            }
        }
    });
    pieces.boxed()
}

/// An object on its way out.
#[derive(Debug)]
pub struct RedactStream {
    redactor: Arc<Redactor>,
    line: Vec<u8>,
    /// Whether the rest of a line is passed over, because it is too long.
    skipping: bool,
    inside: Inside,
    across: Across,
}

/// What the next line belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Inside {
    /// It is the first.
    Beginning,
    Text,
    /// What is no text: none of it leaves.
    Binary,
}

impl RedactStream {
    /// At an object's beginning.
    #[must_use]
    pub fn new(redactor: Arc<Redactor>) -> Self {
        let (inside, across) = (Inside::Beginning, Across::default());
        Self { redactor, line: Vec::new(), skipping: false, inside, across }
    }

    /// Takes the next piece, or the end, on the threads for computing when that is much to look at.
    async fn take(mut self, piece: Option<Bytes>, threads: &Threads) -> Result<(Self, Vec<u8>), StoreError> {
        let bytes = self.line.len().saturating_add(piece.as_ref().map_or(0, Bytes::len));
        let work = move || {
            let out = match piece {
                Some(piece) => self.push(&piece),
                None => self.finish(),
            };
            (self, out)
        };
        if bytes < LARGE_BYTES {
            return Ok(work());
        }
        let stopped = |gone| StoreError::caused_by(StoreOperation::Read, StoreErrorKind::Unavailable, gone);
        threads.run(work).await.map_err(stopped)
    }

    /// Takes a piece, and gives what may leave so far.
    pub fn push(&mut self, piece: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(piece.len());
        let mut rest = piece;
        while let Some(at) = memchr::memchr(b'\n', rest) {
            let (line, behind) = rest.split_at(at.saturating_add(1).min(rest.len()));
            self.add(line);
            self.end_line(&mut out);
            rest = behind;
        }
        self.add(rest);
        out
    }

    /// Gives the last line, which has no end.
    pub fn finish(&mut self) -> Vec<u8> {
        let mut out = Vec::new();
        self.end_line(&mut out);
        out
    }

    fn add(&mut self, part: &[u8]) {
        if self.line.len().saturating_add(part.len()) > MAX_LINE_BYTES {
            self.skipping = true;
            self.line.clear();
        }
        if !self.skipping && self.inside != Inside::Binary {
            self.line.extend_from_slice(part);
        }
    }

    fn end_line(&mut self, out: &mut Vec<u8>) {
        let line = std::mem::take(&mut self.line);
        let begins_as = |magic: &&[u8]| line.starts_with(magic);
        match self.inside {
            Inside::Binary => return,
            Inside::Beginning if OPAQUE.iter().any(begins_as) => return self.end_at_binary(out),
            Inside::Beginning | Inside::Text => self.inside = Inside::Text,
        }
        if memchr::memchr(0, &line).is_some() {
            return self.end_at_binary(out);
        }
        if std::mem::take(&mut self.skipping) {
            out.extend_from_slice(marker(TOO_LONG).as_bytes());
            out.push(b'\n');
            return;
        }
        let text = line.strip_suffix(b"\n").unwrap_or(&line);
        let shown = self.redactor.redact_next(text, &mut self.across);
        // Lines inside of what goes on leave nothing behind.
        if self.across.hid() {
            return;
        }
        out.extend_from_slice(&shown.bytes);
        if text.len() < line.len() {
            out.push(b'\n');
        }
    }

    fn end_at_binary(&mut self, out: &mut Vec<u8>) {
        self.inside = Inside::Binary;
        out.extend_from_slice(marker(BINARY).as_bytes());
        out.push(b'\n');
    }
}
