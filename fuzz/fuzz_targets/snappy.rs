//! Snappy's framing: alike in any chunking, never more than the limits; what was compressed comes back.
#![no_main]

use std::io::Write;

use libfuzzer_sys::fuzz_target;
use logboom::logs::decode::{Coding, Limits};
use logboom_fuzz::decoding::{self, End};

fuzz_target!(|data: &[u8]| {
    decoding::any_chunking(Coding::Snappy, b"\xff\x06\x00\x00sNaPpY", data);
    if data.is_empty() {
        // The encoder writes no identifier before the first byte.
        return;
    }
    let mut encoder = snap::write::FrameEncoder::new(Vec::new());
    encoder.write_all(data).expect("a buffer takes everything");
    let object = encoder.into_inner().expect("a buffer takes everything");
    let limits = Limits { max_output_bytes: u64::MAX, max_ratio: u64::MAX };
    let outcome = decoding::decode(Some(Coding::Snappy), &decoding::cut(&object), limits);
    assert_eq!(outcome.end, End::Whole);
    assert!(outcome.bytes == data, "other bytes came back");
});
