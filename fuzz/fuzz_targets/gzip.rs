//! gzip: alike in any chunking, never more than the limits; what was compressed comes back, and a part of it is no whole.
#![no_main]

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use libfuzzer_sys::fuzz_target;
use logboom::logs::decode::Coding;
use logboom_fuzz::decoding;

fuzz_target!(|data: &[u8]| {
    decoding::any_chunking(Coding::Gzip, &[0x1f, 0x8b, 0x08], data);
    let level = data.first().map_or(0, |byte| u32::from(byte % 10));
    let mut encoder = GzEncoder::new(Vec::new(), Compression::new(level));
    encoder.write_all(data).expect("a buffer takes everything");
    let object = encoder.finish().expect("a buffer takes everything");
    decoding::comes_back(Coding::Gzip, data, &object, 3);
});
