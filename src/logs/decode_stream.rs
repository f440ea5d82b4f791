//! Decodes an object while it is read: the one file of decoding that awaits.

use std::fmt;

use bytes::{Buf, Bytes};
use futures::{StreamExt, stream};

use crate::logs::decode::{Coding, DecodeError, Decoder, Limits};
use crate::provider::error::StoreOperation;
use crate::provider::{ByteStream, StoreError, StoreErrorKind};

/// A decoded object: its first piece is known to be good, so a failure before it can still be an answer of its own.
pub struct Decoded {
    /// How it was compressed.
    pub coding: Coding,
    /// The decoded bytes, in pieces of at most [`crate::logs::decode::PIECE_BYTES`]. What cannot be decoded ends it
    /// with [`StoreErrorKind::Unexpected`] and the [`DecodeError`] as its cause.
    pub body: ByteStream,
}

impl fmt::Debug for Decoded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decoded").field("coding", &self.coding).finish_non_exhaustive()
    }
}

/// Why not even the first piece can be had.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The provider failed.
    #[error("cannot read the object to decode")]
    Store(#[from] StoreError),
    /// The bytes cannot be decoded.
    #[error("cannot decode the object")]
    Decode(#[from] DecodeError),
}

impl From<OpenError> for StoreError {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Store(error) => error,
            OpenError::Decode(cause) => {
                Self::caused_by(StoreOperation::Read, StoreErrorKind::Unexpected, cause)
            }
        }
    }
}

/// Opens a body for decoding and decodes its first piece. One chunk and one piece are held at a time.
///
/// # Errors
/// [`OpenError`] when not even the first piece can be had.
pub async fn open(body: ByteStream, limits: Limits) -> Result<Decoded, OpenError> {
    let mut reader =
        Reader { body: Some(body), chunk: Bytes::new(), decoder: Decoder::new(limits), failed: None };
    let first = reader.next().await?;
    let coding = reader.decoder.coding().unwrap_or(Coding::Plain);
    let rest = stream::try_unfold(reader, async |mut reader| {
        Ok::<_, StoreError>(reader.next().await?.map(|piece| (piece, reader)))
    });
    let body = stream::iter(first.map(Ok)).chain(rest).boxed();
    Ok(Decoded { coding, body })
}

struct Reader {
    /// `None` once it has ended.
    body: Option<ByteStream>,
    chunk: Bytes,
    decoder: Decoder,
    failed: Option<DecodeError>,
}

impl Reader {
    async fn next(&mut self) -> Result<Option<Bytes>, OpenError> {
        loop {
            // Decoding never waits by itself: without this a large object would keep its thread.
            tokio::task::coop::consume_budget().await;
            let (mut input, mut piece) = (self.chunk.as_ref(), Vec::new());
            let outcome = match self.failed.take() {
                Some(error) => Err(error),
                None => self.decoder.decode(&mut input, &mut piece),
            };
            let used = self.chunk.len() - input.len();
            self.chunk.advance(used);
            if !piece.is_empty() {
                // What came before the damage is told before the damage is.
                self.failed = outcome.err();
                return Ok(Some(piece.into()));
            }
            outcome?;
            let Some(body) = &mut self.body else { return Ok(None) };
            if let Some(chunk) = body.next().await {
                self.chunk = chunk?;
            } else {
                self.body = None;
                let mut rest = Vec::new();
                self.decoder.finish(&mut rest)?;
                return Ok((!rest.is_empty()).then(|| rest.into()));
            }
        }
    }
}
