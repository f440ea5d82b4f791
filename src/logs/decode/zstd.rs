//! Zstandard, RFC 8878: one or more frames.

use std::io;

use zstd::stream::raw::{DParameter, InBuffer, Operation, OutBuffer};

use crate::logs::decode::{Coding, DecodeError, corrupt};

/// The largest window, as a power of two: 8 MiB, which RFC 8878 section 3.1.1.1.2 asks of every decoder.
const MAX_WINDOW_LOG: u32 = 23;

/// A zstd object under way.
pub struct Zstd {
    decoder: zstd::stream::raw::Decoder<'static>,
    /// Whether a frame has ended and none has begun.
    pub between: bool,
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
        Ok(Self { decoder, between: false })
    }

    /// Decodes from the front of `input` into what room `piece` has.
    pub fn step(&mut self, input: &mut &[u8], piece: &mut Vec<u8>) -> Result<(), DecodeError> {
        if self.between && input.is_empty() {
            return Ok(());
        }
        let filled = piece.len();
        let mut source = InBuffer::around(input);
        let mut sink = OutBuffer::around_pos(piece, filled);
        let hint = self.decoder.run(&mut source, &mut sink).map_err(zstd_error)?;
        let used = source.pos();
        *input = input.get(used..).unwrap_or_default();
        self.between = hint == 0;
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
