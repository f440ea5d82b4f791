//! What holds for every decoder, whatever it is given.

use logboom::logs::decode::{Coding, DecodeError, Decoder, Limits, PIECE_BYTES, RATIO_GRACE_BYTES};

/// Small enough to be met by what a fuzzer makes, large enough for the ratio to count.
pub const LIMITS: Limits = Limits { max_output_bytes: 2 * 1024 * 1024, max_ratio: 64 };

/// How an object ended; equal for equal objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    Whole,
    TooLarge,
    Corrupt,
    Unsupported,
    Truncated,
}

/// What came of an object.
pub struct Outcome {
    pub bytes: Vec<u8>,
    pub end: End,
}

/// A row of numbers that the object itself decides, so that the same input is always cut in the same way.
pub struct Cuts(u64);

impl Cuts {
    pub fn of(data: &[u8]) -> Self {
        // FNV-1a.
        Self(data.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3)
        }))
    }

    /// A length: mostly a few bytes, sometimes thousands, never none.
    pub fn next(&mut self) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let number = self.0 >> 33;
        let most = if number.is_multiple_of(4) { 5000 } else { 9 };
        usize::try_from((number >> 2) % most).unwrap_or(0) + 1
    }
}

/// The object in pieces.
pub fn cut(object: &[u8]) -> Vec<&[u8]> {
    let mut cuts = Cuts::of(object);
    let (mut pieces, mut rest) = (Vec::new(), object);
    while !rest.is_empty() {
        let (piece, behind) = rest.split_at(cuts.next().min(rest.len()));
        pieces.push(piece);
        rest = behind;
    }
    pieces
}

/// Decodes an object from its pieces, and asserts what holds on the way: never more than the limits, no piece that is much too large.
pub fn decode(coding: Option<Coding>, pieces: &[&[u8]], limits: Limits) -> Outcome {
    let mut decoder = Decoder::new(limits);
    let (mut bytes, mut read) = (Vec::new(), 0_u64);
    let mut end = End::Whole;
    'object: for piece in pieces {
        let mut input = *piece;
        read += piece.len() as u64;
        loop {
            let mut out = Vec::new();
            let decoded = decoder.decode(&mut input, &mut out);
            assert!(out.len() <= PIECE_BYTES + 64 * 1024, "a piece of {} bytes", out.len());
            assert_eq!(decoded.as_ref().ok().copied().unwrap_or(!out.is_empty()), !out.is_empty());
            bytes.extend_from_slice(&out);
            match decoded {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => {
                    end = end_of(&error);
                    break 'object;
                }
            }
        }
        assert!(input.is_empty(), "{} bytes of a piece were left", input.len());
    }
    if end == End::Whole {
        let before = bytes.len();
        if let Err(error) = decoder.finish(&mut bytes) {
            end = end_of(&error);
            assert_eq!(bytes.len(), before);
        }
    }
    let written = bytes.len() as u64;
    if let Some(coding) = coding {
        assert!(decoder.coding().is_none_or(|known| known == coding), "{:?}", decoder.coding());
    }
    if decoder.coding().is_some_and(|known| known != Coding::Plain) {
        assert!(written <= limits.max_output_bytes);
        assert!(written <= RATIO_GRACE_BYTES || written / limits.max_ratio <= read, "{written} of {read}");
    }
    Outcome { bytes, end }
}

const fn end_of(error: &DecodeError) -> End {
    match error {
        DecodeError::TooLarge => End::TooLarge,
        DecodeError::Corrupt { .. } => End::Corrupt,
        DecodeError::Unsupported { .. } => End::Unsupported,
        DecodeError::Truncated => End::Truncated,
    }
}

/// An object comes out alike however it was cut.
pub fn any_chunking(coding: Coding, magic: &[u8], data: &[u8]) {
    let mut object = data.to_vec();
    if !object.starts_with(magic) {
        object.splice(..magic.len().min(object.len()), magic.iter().copied());
    }
    let whole = decode(Some(coding), &[&object], LIMITS);
    let cut = decode(Some(coding), &cut(&object), LIMITS);
    alike(&whole, &cut);
}

/// Whether two readings of one object agree.
pub fn alike(one: &Outcome, other: &Outcome) {
    let common = one.bytes.len().min(other.bytes.len());
    assert!(one.bytes[..common] == other.bytes[..common], "the bytes differ");
    // The limits are looked at between pieces, so that a large object can end a little earlier or later.
    if one.end != End::TooLarge && other.end != End::TooLarge {
        assert_eq!(one.end, other.end);
        if one.end == End::Whole {
            assert_eq!(one.bytes.len(), other.bytes.len());
        }
    }
}

/// What a good encoder made comes back, and a part of it is never taken for the whole.
pub fn comes_back(coding: Coding, plain: &[u8], object: &[u8], magic_bytes: usize) {
    let limits = Limits { max_output_bytes: u64::MAX, max_ratio: u64::MAX };
    let outcome = decode(Some(coding), &cut(object), limits);
    assert_eq!(outcome.end, End::Whole);
    assert!(outcome.bytes == plain, "other bytes came back");
    let shorter = Cuts::of(object).next() * 37 % object.len().max(1);
    if shorter >= magic_bytes {
        let outcome = decode(Some(coding), &cut(&object[..shorter]), limits);
        assert_ne!(outcome.end, End::Whole, "{shorter} of {} bytes are taken for all", object.len());
        assert!(plain.starts_with(&outcome.bytes));
    }
}
