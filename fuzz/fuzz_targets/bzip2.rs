//! bzip2: alike in any chunking, never more than the limits; what was compressed comes back, and a part of it is no whole.
#![no_main]

use std::io::Write;

use bzip2::Compression;
use bzip2::write::BzEncoder;
use libfuzzer_sys::fuzz_target;
use logboom::logs::decode::Coding;
use logboom_fuzz::decoding;

fuzz_target!(|data: &[u8]| {
    decoding::any_chunking(Coding::Bzip2, b"BZh1", data);
    let mut encoder = BzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(data).expect("a buffer takes everything");
    let object = encoder.finish().expect("a buffer takes everything");
    decoding::comes_back(Coding::Bzip2, data, &object, 4);
});
