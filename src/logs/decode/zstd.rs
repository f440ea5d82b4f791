//! Zstandard, RFC 8878: one or more frames.

use std::io;

use zstd::stream::raw::{DParameter, InBuffer, Operation, OutBuffer};

use crate::logs::decode::{Coding, DecodeError, corrupt};

/// The largest window, as a power of two: 8 MiB, which RFC 8878 section 3.1.1.1.2 asks of every decoder.
const MAX_WINDOW_LOG: u32 = 23;

/// The longest header of a frame, RFC 8878 section 3.1.1.1.
const MAX_HEADER_BYTES: u8 = 4 + 14;

/// A zstd object under way.
pub struct Zstd {
    decoder: zstd::stream::raw::Decoder<'static>,
    /// Whether a frame has ended and none has begun.
    pub between: bool,
    /// How much of the frame under way was read, as long as that can be its header.
    headed: u8,
}

impl Zstd {
    /// At its beginning.
    pub fn new() -> Result<Self, DecodeError> {
        let build = || {
            let mut decoder = zstd::stream::raw::Decoder::new()?;
            decoder.set_parameter(DParameter::WindowLogMax(MAX_WINDOW_LOG))?;
            Ok(decoder)
        };
        let decoder = build().map_err(|error| corrupt(Coding::Zstd, error))?;
        Ok(Self { decoder, between: false, headed: 0 })
    }

    /// Decodes from the front of `input` into what room `piece` has.
    pub fn step(&mut self, input: &mut &[u8], piece: &mut Vec<u8>) -> Result<(), DecodeError> {
        if self.between && input.is_empty() {
            return Ok(());
        }
        // The library looks for a frame that it can decode at once where its input begins, even when that is in the middle of a
        // header, and would take what stands there for one. No frame is in a single byte.
        while self.headed < MAX_HEADER_BYTES
            && let Some(mut first) = input.get(..1)
        {
            self.run(&mut first, piece)?;
            if !first.is_empty() {
                return Ok(());
            }
            *input = input.get(1..).unwrap_or_default();
            self.headed = if self.between { 0 } else { self.headed.saturating_add(1) };
            if self.between || input.is_empty() {
                return Ok(());
            }
        }
        self.run(input, piece)
    }

    fn run(&mut self, input: &mut &[u8], piece: &mut Vec<u8>) -> Result<(), DecodeError> {
        let filled = piece.len();
        let mut source = InBuffer::around(input);
        let mut sink = OutBuffer::around_pos(piece, filled);
        let hint = self.decoder.run(&mut source, &mut sink).map_err(zstd_error)?;
        let used = source.pos();
        *input = input.get(used..).unwrap_or_default();
        self.between = hint == 0;
        if self.between {
            self.headed = 0;
        }
        Ok(())
    }
}

fn zstd_error(error: io::Error) -> DecodeError {
    // The crate gives the library's text alone; this one says that the window is above the limit.
    if error.to_string().contains("too much memory") {
        return DecodeError::TooLarge;
    }
    corrupt(Coding::Zstd, error)
}
