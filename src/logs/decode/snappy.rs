//! Snappy's framing format: a stream identifier, then chunks of at most 64 KiB each, with checksums.
//!
//! Source: `framing_format.txt` of the snappy project.

use std::io::{self, Read};

use snap::read::FrameDecoder;

use crate::logs::decode::{Coding, DecodeError, corrupt};

const IDENTIFIER: [u8; 10] = *b"\xff\x06\x00\x00sNaPpY";

/// A chunk's type and its length, little endian.
const HEADER_BYTES: usize = 4;

/// The longest chunk with data: a checksum, and 64 KiB as they grow at the worst (`32 + n + n / 6`, snappy's `MaxCompressedLength`).
const MAX_DATA_BYTES: usize = 4 + 32 + 65_536 + 65_536 / 6;

/// A snappy object under way.
#[derive(Default)]
pub struct Snappy {
    /// The chunk that is under way, with its header.
    chunk: Vec<u8>,
    /// Bytes of a chunk to be passed over.
    padding: usize,
}

impl Snappy {
    /// Whether a chunk has ended and none has begun.
    pub const fn is_between(&self) -> bool {
        self.chunk.is_empty() && self.padding == 0
    }

    /// Takes from the front of `input` until a chunk is whole, and decodes it.
    pub fn step(&mut self, input: &mut &[u8], piece: &mut Vec<u8>) -> Result<(), DecodeError> {
        let passed = self.padding.min(input.len());
        self.padding -= passed;
        *input = input.get(passed..).unwrap_or_default();
        if !self.fill(input, HEADER_BYTES) {
            return Ok(());
        }
        let [kind, low, middle, high] = self.chunk.first_chunk().copied().unwrap_or_default();
        let length = usize::from(low) | usize::from(middle) << 8 | usize::from(high) << 16;
        match kind {
            0x00 | 0x01 | 0xff if length <= MAX_DATA_BYTES => {
                if self.fill(input, HEADER_BYTES + length) {
                    let framed = IDENTIFIER.chain(self.chunk.as_slice());
                    let outcome = FrameDecoder::new(framed).read_to_end(piece);
                    self.chunk.clear();
                    outcome.map_err(|error| corrupt(Coding::Snappy, error))?;
                }
                Ok(())
            }
            // Sections 4.4 and 4.6: chunks that a reader passes over.
            0x80..=0xfe => {
                self.chunk.clear();
                self.padding = length;
                Ok(())
            }
            _ => Err(corrupt(Coding::Snappy, io::ErrorKind::InvalidData.into())),
        }
    }

    /// Takes bytes until there are so many; tells whether there are.
    fn fill(&mut self, input: &mut &[u8], wanted: usize) -> bool {
        let missing = wanted.saturating_sub(self.chunk.len()).min(input.len());
        let (taken, rest) = input.split_at(missing);
        self.chunk.extend_from_slice(taken);
        *input = rest;
        self.chunk.len() >= wanted
    }
}
