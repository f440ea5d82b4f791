//! bzip2: one or more streams.

use std::io;

use bzip2::{Decompress, Status};

use crate::logs::decode::{Coding, DecodeError, corrupt};

/// A bzip2 object under way.
pub struct Bzip2 {
    decoder: Decompress,
    /// Whether a stream has ended and none has begun.
    pub between: bool,
}

impl Bzip2 {
    /// At its beginning.
    pub fn new() -> Self {
        Self { decoder: Decompress::new(false), between: false }
    }

    /// Decodes from the front of `input` into what room `piece` has.
    pub fn step(&mut self, input: &mut &[u8], piece: &mut Vec<u8>) -> Result<(), DecodeError> {
        if self.between {
            if input.is_empty() {
                return Ok(());
            }
            *self = Self::new();
        }
        let (before, filled) = (self.decoder.total_in(), piece.len());
        let status = self.decoder.decompress_vec(input, piece);
        let status = status.map_err(|error| corrupt(Coding::Bzip2, error.into()))?;
        let used = usize::try_from(self.decoder.total_in() - before).unwrap_or(usize::MAX);
        *input = input.get(used..).unwrap_or_default();
        self.between = status == Status::StreamEnd;
        if status == Status::MemNeeded && used == 0 && piece.len() == filled {
            return Err(corrupt(Coding::Bzip2, io::ErrorKind::InvalidData.into()));
        }
        Ok(())
    }
}
