//! Reads that fit the pace of whoever takes the bytes: large ones for the fast, small ones for the slow.
//!
//! Each read becomes a chunk that waits until it is taken, a few of them at once. One size serves nobody: small reads
//! cost a fast caller two calls of the system each, large ones keep megabytes for callers that take kilobytes.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf, Take};
use tokio::net::TcpStream;

use crate::provider::wire::kept::Kept;

/// The time in which taken bytes count as the pace: this window's, or those of the one just before.
const WINDOW: Duration = Duration::from_millis(100);

/// What one read may take, as a part of what was taken within the window.
const PART: usize = 4;

/// The least that a read may take. One byte under a power of two, at which hyper would double its buffer.
const LEAST: usize = 32 * 1024 - 1;

/// How much was taken lately, and so how much the next read may take.
#[derive(Debug)]
struct Pace {
    most: usize,
    window: Instant,
    taken: usize,
    before: usize,
    answer: usize,
}

impl Pace {
    fn new(most: usize, now: Instant) -> Self {
        Self { most, window: now, taken: 0, before: 0, answer: 0 }
    }

    /// The bytes that a read may take now.
    fn room(&mut self, now: Instant) -> usize {
        let since = now.duration_since(self.window);
        if since > WINDOW {
            self.before = if since < WINDOW * 2 { self.taken } else { 0 };
            self.taken = 0;
            self.window = now;
        }
        let lately = self.taken.max(self.before) / PART;
        lately.min(self.answer).clamp(LEAST.min(self.most), self.most)
    }

    /// A request goes out: the beginning of its answer is passed on before more is read.
    fn asked(&mut self) {
        self.answer = 0;
    }

    fn took(&mut self, bytes: usize) {
        self.taken = self.taken.saturating_add(bytes);
        self.answer = self.answer.saturating_add(bytes);
    }
}

/// A connection whose reads take at most a quarter of what was taken lately, and no more than the answer had before.
#[derive(Debug)]
pub(super) struct Paced {
    stream: Take<TcpStream>,
    pace: Pace,
}

impl Paced {
    /// Paces a connection; no read takes more than `most` bytes, which are at least one.
    pub(super) fn new(stream: TokioIo<TcpStream>, most: usize) -> TokioIo<Self> {
        let pace = Pace::new(most.max(1), Instant::now());
        TokioIo::new(Self { stream: stream.into_inner().take(0), pace })
    }
}

impl AsyncRead for Paced {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let room = self.pace.room(Instant::now());
        // At its limit the stream would tell an end that is none, so each read sets it anew.
        self.stream.set_limit(room as u64);
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        self.pace.took(buffer.filled().len() - before);
        read
    }
}

impl AsyncWrite for Paced {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.pace.asked();
        Pin::new(self.stream.get_mut()).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.pace.asked();
        Pin::new(self.stream.get_mut()).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.get_ref().is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(self.stream.get_mut()).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(self.stream.get_mut()).poll_shutdown(context)
    }
}

impl Connection for Paced {
    fn connected(&self) -> Connected {
        self.stream.get_ref().connected().extra(Kept::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOST: usize = 512 * 1024;

    /// The sizes of reads by somebody who takes each one in full, `between` apart.
    fn reads(count: usize, between: Duration) -> Vec<usize> {
        let mut now = Instant::now();
        let mut pace = Pace::new(MOST, now);
        let mut sizes = Vec::new();
        for _ in 0..count {
            let room = pace.room(now);
            pace.took(room);
            sizes.push(room);
            now += between;
        }
        sizes
    }

    #[test]
    fn a_fast_taker_gets_the_largest_reads_after_two_mebibytes() {
        let sizes = reads(60, Duration::from_micros(50));
        assert!(sizes.is_sorted());
        let before: usize = sizes.iter().take_while(|size| **size < MOST).sum();
        assert!(before <= 5 * MOST, "{before} bytes in smaller reads");
        assert_eq!(sizes.last(), Some(&MOST));
    }

    #[test]
    fn a_slow_taker_gets_the_smallest_reads() {
        assert!(reads(20, Duration::from_millis(50)).iter().all(|size| *size == LEAST));
    }

    #[test]
    fn a_steady_taker_of_many_keeps_its_pace_from_window_to_window() {
        let sizes = reads(200, Duration::from_millis(10));
        assert!(sizes[100..].iter().all(|size| *size == MOST), "{sizes:?}");
    }

    #[test]
    fn a_fast_taker_who_pauses_starts_small_again() {
        let mut now = Instant::now();
        let mut pace = Pace::new(MOST, now);
        pace.took(100 * MOST);
        assert_eq!(pace.room(now), MOST);
        now += WINDOW * 2;
        assert_eq!(pace.room(now), LEAST);
    }

    #[test]
    fn the_beginning_of_each_answer_comes_in_small_reads_that_double() {
        let now = Instant::now();
        let mut pace = Pace::new(MOST, now);
        pace.took(100 * MOST);
        pace.asked();
        let mut answer = Vec::new();
        for _ in 0..7 {
            let room = pace.room(now);
            pace.took(room);
            answer.push(room);
        }
        assert_eq!(
            answer,
            [1, 1, 2, 4, 8, 16].map(|times| times * LEAST).into_iter().chain([MOST]).collect::<Vec<_>>()
        );
    }

    #[test]
    fn a_limit_below_the_smallest_read_holds() {
        assert_eq!(Pace::new(4096, Instant::now()).room(Instant::now()), 4096);
    }
}
