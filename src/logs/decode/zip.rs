//! Zip archives of one file, stored or deflated, read from the front as they come.
//!
//! Source: PKWARE's APPNOTE.TXT 6.3.10, sections 4.3.7 to 4.3.9.

use std::io;

use flate2::{Crc, Decompress, FlushDecompress, Status};

use crate::logs::decode::{Coding, DecodeError, corrupt};

/// A local file header without the name and the extra field behind it.
const HEADER_BYTES: usize = 30;

/// The most bytes of name and extra field: each has a length of two bytes.
const MAX_HEAD_BYTES: usize = HEADER_BYTES + 2 * 65_535;

const LOCAL_FILE: [u8; 4] = *b"PK\x03\x04";
const DESCRIPTOR: [u8; 4] = *b"PK\x07\x08";
const DIRECTORY: [u8; 4] = *b"PK\x01\x02";

/// Signature, checksum and two long sizes, and the signature of what follows: the directory alone is longer than that.
const DESCRIPTOR_BYTES: usize = 28;

const ENCRYPTED: u16 = 1;
/// Sizes and checksum stand behind the data.
const STREAMED: u16 = 1 << 3;

/// A zip object under way.
#[derive(Default)]
pub struct Zip {
    part: Part,
    /// What is under way of a header.
    head: Vec<u8>,
}

#[derive(Default)]
enum Part {
    #[default]
    Header,
    Data(Data),
    /// Behind the data: the descriptor, and the directory that tells whether there is another file.
    Behind {
        checksum: u32,
        told: Option<u32>,
    },
    /// In the directory; nothing more is looked at.
    Done,
}

struct Data {
    engine: Engine,
    checksum: Crc,
    told: Option<u32>,
}

enum Engine {
    /// So many bytes are left.
    Stored(u64),
    Deflated(Decompress),
}

impl Zip {
    /// Whether the directory was reached.
    pub const fn is_done(&self) -> bool {
        matches!(self.part, Part::Done)
    }

    /// Decodes from the front of `input` into what room `piece` has.
    pub fn step(&mut self, input: &mut &[u8], piece: &mut Vec<u8>) -> Result<(), DecodeError> {
        let next = match &mut self.part {
            Part::Header => header(&mut self.head, input)?.map(Part::Data),
            Part::Data(data) => data
                .step(input, piece)?
                .then(|| Part::Behind { checksum: data.checksum.sum(), told: data.told }),
            Part::Behind { checksum, told } => {
                behind(&mut self.head, input, *checksum, *told)?.then_some(Part::Done)
            }
            Part::Done => {
                *input = &[];
                None
            }
        };
        if let Some(part) = next {
            self.head.clear();
            self.part = part;
        }
        Ok(())
    }
}

/// Reads the local file header, as soon as it is whole.
fn header(head: &mut Vec<u8>, input: &mut &[u8]) -> Result<Option<Data>, DecodeError> {
    if !fill(head, input, HEADER_BYTES) {
        // An archive of no file has 22 bytes in all.
        return if head.starts_with(&LOCAL_FILE) || head.len() < 4 {
            Ok(None)
        } else {
            Err(unsupported("is a zip archive without a file"))
        };
    }
    let whole = HEADER_BYTES + usize::from(short(head, 26)) + usize::from(short(head, 28));
    if !head.starts_with(&LOCAL_FILE) || whole > MAX_HEAD_BYTES {
        return Err(unsupported("is a zip archive without a file"));
    }
    if !fill(head, input, whole) {
        return Ok(None);
    }
    let (flags, method) = (short(head, 6), short(head, 8));
    if flags & ENCRYPTED != 0 {
        return Err(unsupported("is an encrypted zip archive"));
    }
    let streamed = flags & STREAMED != 0;
    let size = long(head, 18);
    let engine = match method {
        0 if !streamed && size != u32::MAX => Engine::Stored(size.into()),
        8 => Engine::Deflated(Decompress::new(false)),
        _ => return Err(unsupported("is a zip archive that is neither stored with its size nor deflated")),
    };
    Ok(Some(Data { engine, checksum: Crc::new(), told: (!streamed).then(|| long(head, 14)) }))
}

impl Data {
    /// Tells whether the data is at its end.
    fn step(&mut self, input: &mut &[u8], piece: &mut Vec<u8>) -> Result<bool, DecodeError> {
        let filled = piece.len();
        let (used, done) = match &mut self.engine {
            Engine::Stored(left) => {
                let room = piece.capacity().saturating_sub(filled).min(input.len());
                let used = usize::try_from(*left).unwrap_or(usize::MAX).min(room);
                piece.extend_from_slice(input.get(..used).unwrap_or_default());
                *left -= used as u64;
                (used, *left == 0)
            }
            Engine::Deflated(inflate) => {
                let before = inflate.total_in();
                let status = inflate.decompress_vec(input, piece, FlushDecompress::None);
                let status = status.map_err(|error| corrupt(Coding::Zip, error.into()))?;
                let used = usize::try_from(inflate.total_in() - before).unwrap_or(usize::MAX);
                (used, status == Status::StreamEnd)
            }
        };
        *input = input.get(used..).unwrap_or_default();
        self.checksum.update(piece.get(filled..).unwrap_or_default());
        Ok(done)
    }
}

/// Reads what stands behind the data, and tells whether the directory was reached.
fn behind(
    head: &mut Vec<u8>,
    input: &mut &[u8],
    checksum: u32,
    told: Option<u32>,
) -> Result<bool, DecodeError> {
    if !fill(head, input, if told.is_some() { 4 } else { DESCRIPTOR_BYTES }) {
        return Ok(false);
    }
    // The descriptor may stand without its signature, section 4.3.9.3; its two sizes have four bytes each, or eight.
    let descriptor = head.strip_prefix(&DESCRIPTOR).unwrap_or(head);
    let (told, places) = match told {
        Some(told) => (told, [0, 0]),
        None => (long(descriptor, 0), [12, 20]),
    };
    let next = |magic: [u8; 4]| {
        places.into_iter().any(|place| descriptor.get(place..).is_some_and(|rest| rest.starts_with(&magic)))
    };
    if next(LOCAL_FILE) {
        return Err(unsupported("is a zip archive of several files; the first was read"));
    }
    if told != checksum || !next(DIRECTORY) {
        return Err(corrupt(Coding::Zip, io::ErrorKind::InvalidData.into()));
    }
    Ok(true)
}

/// Takes bytes until there are so many; tells whether there are.
fn fill(head: &mut Vec<u8>, input: &mut &[u8], wanted: usize) -> bool {
    let missing = wanted.saturating_sub(head.len()).min(input.len());
    let (taken, rest) = input.split_at(missing);
    head.extend_from_slice(taken);
    *input = rest;
    head.len() >= wanted
}

fn short(head: &[u8], at: usize) -> u16 {
    head.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |bytes| u16::from_le_bytes(*bytes))
}

fn long(head: &[u8], at: usize) -> u32 {
    head.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |bytes| u32::from_le_bytes(*bytes))
}

const fn unsupported(what: &'static str) -> DecodeError {
    DecodeError::Unsupported { what }
}
