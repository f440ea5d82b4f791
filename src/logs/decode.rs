//! Takes the compression off an object: gzip, zstd, bzip2, snappy, zip of one file, or none, told by its first bytes, never by its
//! name.
//!
//! Pure: bytes in, bytes out, in pieces of bounded size. One layer only. Output is counted while it is made, since
//! 255 KiB of gzip can hold 256 MiB. Layers inside layers, and what the bytes mean, are not looked at here.

use std::io;

use crate::logs::decode::bzip2::Bzip2;
use crate::logs::decode::gzip::Gzip;
use crate::logs::decode::snappy::Snappy;
use crate::logs::decode::zip::Zip;
use crate::logs::decode::zstd::Zstd;

mod bzip2;
mod gzip;
mod snappy;
mod zip;
mod zstd;

#[cfg(test)]
mod tests;

/// The most bytes that [`Decoder::decode`] adds at once, or a little more.
pub const PIECE_BYTES: usize = 256 * 1024;

/// The ratio is not judged before so many bytes came out: a short file of one repeated line is no attack.
pub const RATIO_GRACE_BYTES: u64 = 1024 * 1024;

/// Steps without input and output in a row.
const MAX_IDLE_STEPS: u32 = 8;

/// How far one object may grow.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The most decoded bytes of one compressed object.
    pub max_output_bytes: u64,
    /// The most decoded bytes for each byte read, once [`RATIO_GRACE_BYTES`] came out. Deflate itself ends at 1,032.
    pub max_ratio: u64,
}

/// How an object is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coding {
    /// Not at all; [`Limits`] do not apply.
    Plain,
    /// RFC 1952, one or more members.
    Gzip,
    /// RFC 8878, one or more frames.
    Zstd,
    /// bzip2, one or more streams.
    Bzip2,
    /// Snappy's framing format.
    Snappy,
    /// A zip archive of one file.
    Zip,
}

/// Why an object cannot be decoded.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// It grows beyond the limits, or needs more memory than a decoder should have.
    #[error("the object decodes to more than the limit allows")]
    TooLarge,
    /// It is not what its first bytes promise.
    #[error("the object is not valid {coding:?} data")]
    Corrupt {
        /// What it began as.
        coding: Coding,
        /// What the decoder says.
        #[source]
        cause: io::Error,
    },
    /// It is of a kind that cannot be read here.
    #[error("the object {what}")]
    Unsupported {
        /// What is said of it.
        what: &'static str,
    },
    /// It ends in the middle.
    #[error("the object ends in the middle of its compressed data")]
    Truncated,
}

/// Decodes one object from its chunks.
pub struct Decoder {
    limits: Limits,
    engine: Engine,
    /// Whether the room was full, so that more may come without input.
    pending: bool,
    read: u64,
    written: u64,
}

enum Engine {
    /// The first bytes, too few to tell.
    Sniffing(Vec<u8>),
    Plain,
    Gzip(Gzip),
    Zstd(Zstd),
    Bzip2(Bzip2),
    Snappy(Snappy),
    Zip(Zip),
}

impl Decoder {
    /// A decoder that has seen nothing.
    #[must_use]
    pub const fn new(limits: Limits) -> Self {
        Self { limits, engine: Engine::Sniffing(Vec::new()), pending: false, read: 0, written: 0 }
    }

    /// How the object is compressed, as soon as that is known: after four bytes at most.
    #[must_use]
    pub const fn coding(&self) -> Option<Coding> {
        match self.engine {
            Engine::Sniffing(_) => None,
            Engine::Plain => Some(Coding::Plain),
            Engine::Gzip(_) => Some(Coding::Gzip),
            Engine::Zstd(_) => Some(Coding::Zstd),
            Engine::Bzip2(_) => Some(Coding::Bzip2),
            Engine::Snappy(_) => Some(Coding::Snappy),
            Engine::Zip(_) => Some(Coding::Zip),
        }
    }

    /// Reads from the front of `input`, which it shortens, and adds what that decodes to, about [`PIECE_BYTES`] at most. Tells
    /// whether it added anything. Call it with the rest until it did not: then all input is used up and it needs the next chunk.
    ///
    /// # Errors
    /// [`DecodeError`]; what came before the damage was added, and the decoder is of no use afterwards.
    pub fn decode(&mut self, input: &mut &[u8], out: &mut Vec<u8>) -> Result<bool, DecodeError> {
        let before = out.len();
        if !self.sniff(input, out)? {
            return Ok(false);
        }
        if matches!(self.engine, Engine::Plain) {
            let (piece, rest) = input.split_at(input.len().min(PIECE_BYTES));
            out.extend_from_slice(piece);
            *input = rest;
            return Ok(out.len() > before);
        }
        out.reserve(PIECE_BYTES);
        let mut idle = 0;
        while self.pending || !input.is_empty() {
            let was = (input.len(), out.len());
            self.step(input, out)?;
            if self.pending {
                break;
            }
            // Some steps only pass from one part to the next; an engine that goes on so would never end.
            idle = if was == (input.len(), out.len()) { idle + 1 } else { 0 };
            if idle > MAX_IDLE_STEPS {
                let coding = self.coding().unwrap_or(Coding::Plain);
                return Err(corrupt(coding, io::ErrorKind::InvalidData.into()));
            }
        }
        Ok(out.len() > before)
    }

    /// Ends the object. Adds what was too short to tell, which is plain.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`] when the compressed data is not at its end.
    pub fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), DecodeError> {
        let whole = match &mut self.engine {
            Engine::Sniffing(head) => {
                out.append(head);
                self.engine = Engine::Plain;
                true
            }
            Engine::Plain => true,
            Engine::Gzip(gzip) => gzip.between,
            Engine::Zstd(zstd) => zstd.between,
            Engine::Bzip2(bzip2) => bzip2.between,
            Engine::Snappy(snappy) => snappy.is_between(),
            Engine::Zip(zip) => zip.is_done(),
        };
        if whole { Ok(()) } else { Err(DecodeError::Truncated) }
    }

    /// Finds out the coding; false while there are too few bytes. A plain object's first bytes are added where they came in an
    /// earlier chunk.
    fn sniff(&mut self, input: &mut &[u8], out: &mut Vec<u8>) -> Result<bool, DecodeError> {
        let Engine::Sniffing(head) = &mut self.engine else { return Ok(true) };
        let untouched = head.is_empty().then_some(*input);
        let coding = loop {
            if let Some(coding) = coding_of(head) {
                break coding;
            }
            let Some((first, rest)) = input.split_first() else { return Ok(false) };
            head.push(*first);
            *input = rest;
        };
        let head = std::mem::take(head);
        self.engine = match coding {
            Coding::Plain => Engine::Plain,
            Coding::Gzip => Engine::Gzip(Gzip::new()),
            Coding::Zstd => Engine::Zstd(Zstd::new()?),
            Coding::Bzip2 => Engine::Bzip2(Bzip2::new()),
            Coding::Snappy => Engine::Snappy(Snappy::default()),
            Coding::Zip => Engine::Zip(Zip::default()),
        };
        match (coding, untouched) {
            (Coding::Plain, Some(whole)) => *input = whole,
            (Coding::Plain, None) => out.extend_from_slice(&head),
            // The beginning of a header decodes to nothing, so one step takes it in.
            _ => self.step(&mut head.as_slice(), out)?,
        }
        Ok(true)
    }

    fn step(&mut self, input: &mut &[u8], out: &mut Vec<u8>) -> Result<(), DecodeError> {
        let (before_in, before_out) = (input.len(), out.len());
        out.reserve(1);
        let outcome = match &mut self.engine {
            Engine::Sniffing(_) | Engine::Plain => return Ok(()),
            Engine::Gzip(gzip) => gzip.step(input, out),
            Engine::Zstd(zstd) => zstd.step(input, out),
            Engine::Bzip2(bzip2) => bzip2.step(input, out),
            Engine::Snappy(snappy) => snappy.step(input, out),
            Engine::Zip(zip) => zip.step(input, out),
        };
        self.read += (before_in - input.len()) as u64;
        self.written += (out.len() - before_out) as u64;
        self.pending = out.len() == out.capacity();
        let swollen =
            self.written > RATIO_GRACE_BYTES && self.written / self.limits.max_ratio.max(1) > self.read;
        if swollen || self.written > self.limits.max_output_bytes {
            out.truncate(before_out);
            return Err(DecodeError::TooLarge);
        }
        outcome
    }
}

impl std::fmt::Debug for Decoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Decoder")
            .field("coding", &self.coding())
            .field("read", &self.read)
            .field("written", &self.written)
            .finish_non_exhaustive()
    }
}

/// What the first bytes say; `None` while they could still become more than one thing.
fn coding_of(head: &[u8]) -> Option<Coding> {
    const MAGICS: [(&[u8], Coding); 5] = [
        (&[0x1f, 0x8b, 0x08], Coding::Gzip),
        (&[0x28, 0xb5, 0x2f, 0xfd], Coding::Zstd),
        (&[0xff, 0x06, 0x00, 0x00], Coding::Snappy),
        (b"PK\x03\x04", Coding::Zip),
        // An archive of no file.
        (b"PK\x05\x06", Coding::Zip),
    ];
    // RFC 8878 section 3.1.2; `pzstd` begins its files with a skippable frame.
    const SKIPPABLE: [u8; 3] = [0x2a, 0x4d, 0x18];
    const BZIP2: [u8; 3] = *b"BZh";
    if let Some((_, coding)) = MAGICS.iter().find(|(magic, _)| *magic == head) {
        return Some(*coding);
    }
    let skippable = match head {
        [first, rest @ ..] => first & 0xf0 == 0x50 && SKIPPABLE.starts_with(rest),
        [] => true,
    };
    let bzip2 = match head {
        [magic @ .., level] if magic == BZIP2 => level.is_ascii_digit() && *level != b'0',
        _ => BZIP2.starts_with(head),
    };
    match head.len() {
        4 if skippable => Some(Coding::Zstd),
        4 if bzip2 => Some(Coding::Bzip2),
        _ if skippable || bzip2 || MAGICS.iter().any(|(magic, _)| magic.starts_with(head)) => None,
        _ => Some(Coding::Plain),
    }
}

const fn corrupt(coding: Coding, cause: io::Error) -> DecodeError {
    DecodeError::Corrupt { coding, cause }
}
