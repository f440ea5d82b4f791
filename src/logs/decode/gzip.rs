//! gzip, RFC 1952: one or more members.

use flate2::{Decompress, FlushDecompress, Status};

use crate::logs::decode::{Coding, DecodeError, corrupt};

/// A gzip object under way.
pub struct Gzip {
    inflate: Decompress,
    /// Whether a member has ended and none has begun.
    pub between: bool,
}

impl Gzip {
    /// At its beginning.
    pub fn new() -> Self {
        Self { inflate: Decompress::new_gzip(15), between: false }
    }

    /// Decodes from the front of `input` into what room `piece` has.
    pub fn step(&mut self, input: &mut &[u8], piece: &mut Vec<u8>) -> Result<(), DecodeError> {
        if self.between {
            // Writers that fill up blocks put zeros behind the last member, as gzip(1) knows.
            while let Some((0, rest)) = input.split_first() {
                *input = rest;
            }
            if input.is_empty() {
                return Ok(());
            }
            self.inflate.reset(true);
            self.between = false;
        }
        let before = self.inflate.total_in();
        let status = self.inflate.decompress_vec(input, piece, FlushDecompress::None);
        let status = status.map_err(|error| corrupt(Coding::Gzip, error.into()))?;
        let used = usize::try_from(self.inflate.total_in() - before).unwrap_or(usize::MAX);
        *input = input.get(used..).unwrap_or_default();
        self.between = status == Status::StreamEnd;
        Ok(())
    }
}
