//! Going on with an object that has grown since it was read.

use crate::logs::decode::{Coding, Decoder};
use crate::logs::format::Format;
use crate::logs::scan::Scanner;

/// More than enough to tell how an object is compressed.
const SNIFFED_BYTES: usize = 16;

impl Scanner {
    /// From which byte on the object is needed, where it can be gone on with: one before what was told, to see whether a line
    /// ends there. `None` where it has to be read from its beginning: what is withheld may begin anywhere before.
    #[must_use]
    pub fn needed_from(&self) -> Option<u64> {
        self.told.checked_sub(1).filter(|from| *from > 0 && self.options.redactor.is_none())
    }

    /// Goes on at a byte in the middle, if the object's beginning says that this can be: it is not compressed, and has lines.
    pub fn resume(&mut self, head: &[u8], from: u64) -> bool {
        let mut decoder = Decoder::new(self.options.decode);
        let sniffed = decoder.decode(&mut head.get(..SNIFFED_BYTES).unwrap_or(head), &mut Vec::new());
        let format = Format::of(head, &self.options.format, self.options.newest);
        if sniffed.is_err() || decoder.coding() != Some(Coding::Plain) || format.is_array() {
            return false;
        }
        (self.decoder, self.format, self.base, self.skipping) = (decoder, Some(format), from, true);
        true
    }
}
