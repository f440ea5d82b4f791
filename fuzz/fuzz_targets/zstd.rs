//! zstd: alike in any chunking, never more than the limits; what was compressed comes back, and a part of it is no whole.
#![no_main]

use libfuzzer_sys::fuzz_target;
use logboom::logs::decode::Coding;
use logboom_fuzz::decoding;

fuzz_target!(|data: &[u8]| {
    decoding::any_chunking(Coding::Zstd, &[0x28, 0xb5, 0x2f, 0xfd], data);
    let level = data.first().map_or(1, |byte| i32::from(byte % 5));
    let object = zstd::encode_all(data, level).expect("a buffer takes everything");
    decoding::comes_back(Coding::Zstd, data, &object, 4);
});
