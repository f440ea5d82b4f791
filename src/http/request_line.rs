//! A `#` in a request target, refused.
//!
//! HTTP's parser of URIs takes what follows a `#` for a fragment and drops it, so that `/objects/a#b` would read
//! the object `a`. A target has no fragment (RFC 9112 section 3.2): clients write `%23`. The byte is replaced, on its
//! way in, by one that no target may hold, and the parser answers 400 by itself.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// DEL: not allowed in a request target.
const REFUSED: u8 = 0x7f;

/// The longest method that is looked for.
const MAX_METHOD: u8 = 16;

/// How HTTP/2 begins; with a blank behind it nothing else can.
const PREFACE: &[u8] = b"PRI";

/// A connection whose request lines are watched.
#[derive(Debug)]
pub struct WholeTargets<S> {
    inner: S,
    place: Place,
}

/// Where in an HTTP/1 message the last byte was. Lines of a body pass through the same states: one that looked like
/// a request line would need an upper-case word, a blank and a `#` at its beginning, which no JSON or form body has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// At the beginning of the connection, after so many bytes of HTTP/2's preface (RFC 9113 section 3.4).
    Preface(u8),
    /// In the first word of a line, after so many upper-case letters.
    Method(u8),
    /// In the second word of a line whose first is a method.
    Target,
    /// Somewhere else in a line.
    Rest,
    /// HTTP/2: frames, which have no lines. They pass as they are.
    Frames,
}

impl<S> WholeTargets<S> {
    /// Watches a connection from its first byte.
    pub const fn new(inner: S) -> Self {
        Self { inner, place: Place::Preface(0) }
    }
}

impl Place {
    /// Where reading goes on after an answer. A body need not end its last line, so that the next request would
    /// seem to stand in the middle of one; a head that has begun stays what it is.
    const fn answered(self) -> Self {
        match self {
            Self::Rest => Self::Method(0),
            going_on => going_on,
        }
    }

    /// Goes one byte on.
    fn step(self, byte: &mut u8) -> Self {
        match (self, *byte) {
            (Self::Preface(3), b' ') | (Self::Frames, _) => Self::Frames,
            (Self::Preface(at), next) if PREFACE.get(usize::from(at)) == Some(&next) => {
                Self::Preface(at.saturating_add(1))
            }
            // The same letters can begin a method: PRI, PROPFIND.
            (Self::Preface(at), _) => Self::Method(at).step(byte),
            (_, b'\n') => Self::Method(0),
            (Self::Method(letters), b'A'..=b'Z') if letters < MAX_METHOD => {
                Self::Method(letters.saturating_add(1))
            }
            (Self::Method(letters), b' ') if letters > 0 => Self::Target,
            (Self::Target, b'#') => {
                *byte = REFUSED;
                Self::Rest
            }
            (Self::Target, b' ' | b'\r') | (Self::Method(_) | Self::Rest, _) => Self::Rest,
            (Self::Target, _) => Self::Target,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for WholeTargets<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.inner).poll_read(context, buffer);
        let mut place = self.place;
        for byte in buffer.filled_mut().iter_mut().skip(before) {
            place = place.step(byte);
        }
        self.place = place;
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for WholeTargets<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.place = self.place.answered();
        Pin::new(&mut self.inner).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.place = self.place.answered();
        Pin::new(&mut self.inner).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the parser sees of these bytes, however they are cut.
    fn seen(text: &[u8]) -> Vec<u8> {
        let mut place = Place::Preface(0);
        let mut bytes = text.to_vec();
        for byte in &mut bytes {
            place = place.step(byte);
        }
        bytes
    }

    #[test]
    fn a_hash_in_a_target_is_replaced_and_one_anywhere_else_stays() {
        assert_eq!(seen(b"GET /a#b HTTP/1.1\r\n"), b"GET /a\x7fb HTTP/1.1\r\n");
        assert_eq!(seen(b"GET /a%23b?c HTTP/1.1\r\nX: a #b\r\n"), b"GET /a%23b?c HTTP/1.1\r\nX: a #b\r\n");
        let second = b"GET / HTTP/1.1\r\nA: b\r\n\r\nHEAD /x# HTTP/1.1\r\n";
        assert!(seen(second).ends_with(b"HEAD /x\x7f HTTP/1.1\r\n"));
        let body = b"POST /x HTTP/1.1\r\n\r\n{\"reason\": \"GET /a#b\"}";
        assert_eq!(seen(body), body);
        let frames = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\nGET /a#b";
        assert_eq!(seen(frames), frames);
        assert_eq!(seen(b"PROPFIND /a#b HTTP/1.1\r\n"), b"PROPFIND /a\x7fb HTTP/1.1\r\n");
    }
}
