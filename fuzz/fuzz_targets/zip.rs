//! Zip of one file: alike in any chunking, never more than the limits; a file that was put into one comes back.
#![no_main]

use std::io::Write;

use flate2::write::DeflateEncoder;
use flate2::{Compression, Crc};
use libfuzzer_sys::fuzz_target;
use logboom::logs::decode::Coding;
use logboom_fuzz::decoding;

fuzz_target!(|data: &[u8]| {
    decoding::any_chunking(Coding::Zip, b"PK\x03\x04", data);
    for (method, streamed) in [(0, false), (8, false), (8, true)] {
        decoding::comes_back(Coding::Zip, data, &archive(data, method, streamed), 4);
    }
});

/// An archive as APPNOTE.TXT 4.3.6 describes it, with as much of its directory as its reader looks at.
fn archive(data: &[u8], method: u16, streamed: bool) -> Vec<u8> {
    let mut crc = Crc::new();
    crc.update(data);
    let mut packed = data.to_vec();
    if method == 8 {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(data).expect("a buffer takes everything");
        packed = encoder.finish().expect("a buffer takes everything");
    }
    let sizes = [crc.sum(), packed.len() as u32, data.len() as u32].map(u32::to_le_bytes).concat();
    let flags: u16 = if streamed { 8 } else { 0 };
    let mut object =
        [b"PK\x03\x04\x14\x00".as_slice(), &flags.to_le_bytes(), &method.to_le_bytes(), &[0; 4]].concat();
    object.extend_from_slice(if streamed { &[0; 12] } else { &sizes });
    object.extend_from_slice(b"\x01\x00\x00\x00a");
    object.extend_from_slice(&packed);
    if streamed {
        object.extend_from_slice(b"PK\x07\x08");
        object.extend_from_slice(&sizes);
    }
    // The directory begins where its reader is sure that no other file follows: what comes behind does not count.
    object.extend_from_slice(b"PK\x01\x02");
    if streamed {
        object.extend_from_slice(&[0; 8])
    }
    object
}
