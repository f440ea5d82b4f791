//! Takes the compression off an object: gzip, zstd or none, told by its first bytes, never by its name.
//!
//! Pure: bytes in, bytes out, in pieces of bounded size. One layer only. Output is counted while it is made, since
//! 255 KiB of gzip can hold 256 MiB. Layers inside layers, and what the bytes mean, are not looked at here.

use std::io;

use flate2::{Decompress, FlushDecompress, Status};
use zstd::stream::raw::{DParameter, InBuffer, Operation, OutBuffer};

/// The most bytes that [`Decoder::decode`] gives at once.
pub const PIECE_BYTES: usize = 256 * 1024;

/// The ratio is not judged before so many bytes came out: a short file of one repeated line is no attack.
pub const RATIO_GRACE_BYTES: u64 = 1024 * 1024;

/// The largest zstd window, as a power of two: 8 MiB, which RFC 8878 section 3.1.1.1.2 asks of every decoder.
const MAX_WINDOW_LOG: u32 = 23;

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
    /// It ends in the middle.
    #[error("the object ends in the middle of its compressed data")]
    Truncated,
}

/// Decodes one object from its chunks.
pub struct Decoder {
    limits: Limits,
    engine: Engine,
    piece: Vec<u8>,
    /// Whether the last piece was full, so that more may come without input.
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
}

impl Decoder {
    /// A decoder that has seen nothing.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        let engine = Engine::Sniffing(Vec::new());
        Self { limits, engine, piece: Vec::new(), pending: false, read: 0, written: 0 }
    }

    /// How the object is compressed, as soon as that is known: after four bytes at most.
    #[must_use]
    pub const fn coding(&self) -> Option<Coding> {
        match self.engine {
            Engine::Sniffing(_) => None,
            Engine::Plain => Some(Coding::Plain),
            Engine::Gzip(_) => Some(Coding::Gzip),
            Engine::Zstd(_) => Some(Coding::Zstd),
        }
    }

    /// Reads from the front of `input`, which it shortens, and gives the next piece of at most [`PIECE_BYTES`].
    /// Call it with the rest until it gives `None`: then all input is used up and it needs the next chunk.
    ///
    /// # Errors
    /// [`DecodeError`]; the decoder is of no use afterwards.
    pub fn decode<'d, 'i: 'd>(&'d mut self, input: &mut &'i [u8]) -> Result<Option<&'d [u8]>, DecodeError> {
        self.piece.clear();
        if !self.sniff(input)? {
            return Ok(None);
        }
        if matches!(self.engine, Engine::Plain) {
            if self.piece.is_empty() {
                let (piece, rest) = input.split_at(input.len().min(PIECE_BYTES));
                *input = rest;
                return Ok((!piece.is_empty()).then_some(piece));
            }
            return Ok(Some(&self.piece));
        }
        while self.pending || !input.is_empty() {
            self.step(input)?;
            if self.pending {
                break;
            }
        }
        Ok((!self.piece.is_empty()).then_some(&*self.piece))
    }

    /// Ends the object. Gives what was too short to tell, which is plain.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`] when the compressed data is not at its end.
    pub fn finish(&mut self) -> Result<Option<&[u8]>, DecodeError> {
        self.piece.clear();
        let whole = match &mut self.engine {
            Engine::Sniffing(head) => {
                self.piece = std::mem::take(head);
                self.engine = Engine::Plain;
                true
            }
            Engine::Plain => true,
            Engine::Gzip(gzip) => gzip.between,
            Engine::Zstd(zstd) => zstd.between,
        };
        if !whole {
            return Err(DecodeError::Truncated);
        }
        Ok((!self.piece.is_empty()).then_some(&*self.piece))
    }

    /// Finds out the coding; false while there are too few bytes. A plain object's first bytes become a piece
    /// where they came in an earlier chunk.
    fn sniff(&mut self, input: &mut &[u8]) -> Result<bool, DecodeError> {
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
        match coding {
            Coding::Plain => {
                self.engine = Engine::Plain;
                match untouched {
                    Some(whole) => *input = whole,
                    None => self.piece = head,
                }
                return Ok(true);
            }
            Coding::Gzip => self.engine = Engine::Gzip(Gzip::new()),
            Coding::Zstd => self.engine = Engine::Zstd(Zstd::new()?),
        }
        self.piece = Vec::with_capacity(PIECE_BYTES);
        // The beginning of a header decodes to nothing, so one step takes it in.
        self.step(&mut head.as_slice())?;
        Ok(true)
    }

    fn step(&mut self, input: &mut &[u8]) -> Result<(), DecodeError> {
        let (before_in, before_out) = (input.len(), self.piece.len());
        match &mut self.engine {
            Engine::Sniffing(_) | Engine::Plain => return Ok(()),
            Engine::Gzip(gzip) => gzip.step(input, &mut self.piece)?,
            Engine::Zstd(zstd) => zstd.step(input, &mut self.piece)?,
        }
        self.read += (before_in - input.len()) as u64;
        self.written += (self.piece.len() - before_out) as u64;
        self.pending = self.piece.len() == self.piece.capacity();
        let swollen =
            self.written > RATIO_GRACE_BYTES && self.written / self.limits.max_ratio.max(1) > self.read;
        if swollen || self.written > self.limits.max_output_bytes {
            return Err(DecodeError::TooLarge);
        }
        Ok(())
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
    const GZIP: [u8; 3] = [0x1f, 0x8b, 0x08];
    const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
    // RFC 8878 section 3.1.2; `pzstd` begins its files with a skippable frame.
    const SKIPPABLE: [u8; 3] = [0x2a, 0x4d, 0x18];
    let skippable = match head {
        [first, rest @ ..] => first & 0xf0 == 0x50 && SKIPPABLE.starts_with(rest),
        [] => true,
    };
    if head == GZIP {
        Some(Coding::Gzip)
    } else if head == ZSTD || (skippable && head.len() == ZSTD.len()) {
        Some(Coding::Zstd)
    } else if GZIP.starts_with(head) || ZSTD.starts_with(head) || skippable {
        None
    } else {
        Some(Coding::Plain)
    }
}

struct Gzip {
    inflate: Decompress,
    /// Whether a member has ended and none has begun.
    between: bool,
}

impl Gzip {
    fn new() -> Self {
        Self { inflate: Decompress::new_gzip(15), between: false }
    }

    fn step(&mut self, input: &mut &[u8], piece: &mut Vec<u8>) -> Result<(), DecodeError> {
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

struct Zstd {
    decoder: zstd::stream::raw::Decoder<'static>,
    /// Whether a frame has ended and none has begun.
    between: bool,
}

impl Zstd {
    fn new() -> Result<Self, DecodeError> {
        let build = || {
            let mut decoder = zstd::stream::raw::Decoder::new()?;
            decoder.set_parameter(DParameter::WindowLogMax(MAX_WINDOW_LOG))?;
            Ok(decoder)
        };
        let decoder = build().map_err(|error| corrupt(Coding::Zstd, error))?;
        Ok(Self { decoder, between: false })
    }

    fn step(&mut self, input: &mut &[u8], piece: &mut Vec<u8>) -> Result<(), DecodeError> {
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

const fn corrupt(coding: Coding, cause: io::Error) -> DecodeError {
    DecodeError::Corrupt { coding, cause }
}
