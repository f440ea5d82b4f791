//! Every coding, in every chunking, whole and damaged.

use std::io::Write;

use proptest::prelude::*;

use super::*;

const ROOMY: Limits = Limits { max_output_bytes: u64::MAX, max_ratio: u64::MAX };

/// What a decoder gives before it ends or fails.
fn decoded(bytes: &[u8], chunk: usize) -> (Vec<u8>, Option<Coding>, Result<(), DecodeError>) {
    decoded_from(bytes.chunks(chunk.max(1)))
}

fn decoded_in_two(bytes: &[u8], cut: usize) -> (Vec<u8>, Result<(), DecodeError>) {
    let (first, second) = bytes.split_at(cut.min(bytes.len()));
    let (found, _, outcome) = decoded_from([first, second].into_iter());
    (found, outcome)
}

fn decoded_from<'b>(
    pieces: impl Iterator<Item = &'b [u8]>,
) -> (Vec<u8>, Option<Coding>, Result<(), DecodeError>) {
    let (mut decoder, mut out) = (Decoder::new(ROOMY), Vec::new());
    for mut input in pieces {
        loop {
            match decoder.decode(&mut input, &mut out) {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => return (out, decoder.coding(), Err(error)),
            }
        }
        assert!(input.is_empty(), "a decoder that wants more has used up what it had");
    }
    let outcome = decoder.finish(&mut out);
    (out, decoder.coding(), outcome)
}

fn deflated(plain: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

fn crc(plain: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(plain);
    crc.sum()
}

/// One file of an archive: stored or deflated, its sizes in front of it or behind it.
fn zip_file(plain: &[u8], method: u16, descriptor: Option<bool>) -> Vec<u8> {
    let data = if method == 8 { deflated(plain) } else { plain.to_vec() };
    let (flags, sizes) =
        if descriptor.is_some() { (8_u16, [0; 3]) } else { (0, [crc(plain), len(&data), len(plain)]) };
    let mut file = b"PK\x03\x04\x14\x00".to_vec();
    for field in [flags, method, 0, 0] {
        file.extend(field.to_le_bytes());
    }
    for field in sizes {
        file.extend(field.to_le_bytes());
    }
    file.extend([5, 0, 3, 0]);
    file.extend(b"a.log+++");
    file.extend(&data);
    if let Some(signed) = descriptor {
        file.extend(if signed { &b"PK\x07\x08"[..] } else { &[] });
        for field in [crc(plain), len(&data), len(plain)] {
            file.extend(field.to_le_bytes());
        }
    }
    file
}

fn len(bytes: &[u8]) -> u32 {
    bytes.len().try_into().unwrap()
}

/// A directory of one file and the end behind it; only its signature counts here.
fn directory() -> Vec<u8> {
    let mut directory = b"PK\x01\x02".to_vec();
    directory.extend([0; 42 + 5]);
    directory.extend(b"PK\x05\x06");
    directory.extend([0; 18]);
    directory
}

fn encoded(coding: u8, plain: &[u8]) -> (Coding, Vec<u8>) {
    match coding {
        0 => (Coding::Gzip, {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(plain).unwrap();
            encoder.finish().unwrap()
        }),
        1 => (Coding::Zstd, ::zstd::encode_all(plain, 1).unwrap()),
        2 => (Coding::Bzip2, {
            let mut encoder = ::bzip2::write::BzEncoder::new(Vec::new(), ::bzip2::Compression::fast());
            encoder.write_all(plain).unwrap();
            encoder.finish().unwrap()
        }),
        3 => (Coding::Snappy, {
            let mut encoder = snap::write::FrameEncoder::new(Vec::new());
            encoder.write_all(plain).unwrap();
            encoder.into_inner().unwrap()
        }),
        4 => (Coding::Zip, [zip_file(plain, 8, None), directory()].concat()),
        5 => (Coding::Zip, [zip_file(plain, 8, Some(true)), directory()].concat()),
        6 => (Coding::Zip, [zip_file(plain, 8, Some(false)), directory()].concat()),
        _ => (Coding::Zip, [zip_file(plain, 0, None), directory()].concat()),
    }
}

#[test]
fn several_streams_in_one_object_are_all_read() {
    for coding in 0..4 {
        let two = [encoded(coding, b"one\n").1, encoded(coding, b"two\n").1].concat();
        for chunk in [1, 7, 4096] {
            let (plain, _, outcome) = decoded(&two, chunk);
            assert!(outcome.is_ok(), "{coding}: {outcome:?}");
            assert_eq!(plain, b"one\ntwo\n");
        }
    }
}

#[test]
fn an_archive_of_more_or_less_than_one_file_is_refused_with_what_was_read() {
    for descriptor in [None, Some(true), Some(false)] {
        let two =
            [zip_file(b"first\n", 8, descriptor), zip_file(b"second\n", 8, descriptor), directory()].concat();
        let (plain, _, outcome) = decoded(&two, 5);
        assert_eq!(plain, b"first\n");
        assert!(
            matches!(outcome, Err(DecodeError::Unsupported { what }) if what.contains("several")),
            "{outcome:?}"
        );
    }
    let mut empty = b"PK\x05\x06".to_vec();
    empty.extend([0; 18]);
    assert!(matches!(decoded(&empty, 100).2, Err(DecodeError::Unsupported { .. })));
    let mut encrypted = zip_file(b"secret\n", 8, None);
    encrypted[6] |= 1;
    assert!(matches!(decoded(&encrypted, 100).2, Err(DecodeError::Unsupported { .. })));
}

#[test]
fn a_wrong_checksum_is_damage() {
    let mut snappy = encoded(3, &b"line\n".repeat(100)).1;
    snappy[14] ^= 1;
    assert!(matches!(decoded(&snappy, 50).2, Err(DecodeError::Corrupt { coding: Coding::Snappy, .. })));
    let mut zip = encoded(5, b"line\n").1;
    let at = zip.windows(4).position(|window| window == b"PK\x07\x08").unwrap();
    zip[at + 4] ^= 1;
    let (plain, _, outcome) = decoded(&zip, 50);
    assert_eq!(plain, b"line\n");
    assert!(matches!(outcome, Err(DecodeError::Corrupt { coding: Coding::Zip, .. })), "{outcome:?}");
}

#[test]
fn a_zstd_frame_is_not_looked_for_in_the_middle_of_a_header() {
    let block = |kind: u32, length: u32| (length << 3 | kind << 1).to_le_bytes()[..3].to_vec();
    let mut last = block(1, 0x184d + 256 - 11);
    last[0] |= 1;
    // Behind its first four bytes the header and the blocks could be a skippable frame of eight bytes.
    let header = [0x28, 0xb5, 0x2f, 0xfd, 0x50, 0x2a, 0x4d, 0x18];
    let object = [&header[..], &block(0, 1), &[0], &block(0, 10), &[b'a'; 10], &last, b"a"].concat();
    // A header that asks for a dictionary and goes on with what is a whole frame.
    let strange =
        [0x28, 0xb5, 0x2f, 0xfd, 0x61, 10, 0x28, 0xb5, 0x2f, 0xfd, 0x20, 2, 0x11, 0, 0, b'a', b'\n'];
    for cut in 0..18 {
        let (found, outcome) = decoded_in_two(&object, cut);
        assert!(outcome.is_ok() && found.len() == 0x184d + 256, "{cut}: {} {outcome:?}", found.len());
        let (found, outcome) = decoded_in_two(&strange, cut);
        assert!(outcome.is_err() && found.is_empty(), "{cut}: {found:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_was_encoded_comes_back_in_every_chunking(
        coding in 0_u8..8, lines in prop::collection::vec("[a-z ]{0,40}", 0..400), chunk in 1_usize..5000,
    ) {
        let plain = lines.join("\n").repeat(20).into_bytes();
        let (wanted, bytes) = encoded(coding, &plain);
        let (found, told, outcome) = decoded(&bytes, chunk);
        // Nothing at all is written by snappy, whose object is then empty too.
        prop_assert!(outcome.is_ok() && (told == Some(wanted) || bytes.is_empty()), "{:?} {:?}", told, outcome);
        prop_assert!(found == plain);
    }

    #[test]
    fn what_stands_before_a_cut_comes_in_every_chunking_and_the_cut_is_told(
        coding in 0_u8..8, seed in prop::collection::vec(any::<u8>(), 1..3000), part in 0.0..1.0_f64, chunk in 1_usize..5000,
    ) {
        let plain = seed.repeat(40);
        let (_, mut bytes) = encoded(coding, &plain);
        #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, clippy::cast_sign_loss, reason = "any place will do")]
        bytes.truncate(4 + ((bytes.len() - 5) as f64 * part) as usize);
        let (at_once, _, first) = decoded(&bytes, usize::MAX);
        let (in_chunks, _, second) = decoded(&bytes, chunk);
        prop_assert!(plain.starts_with(&at_once), "only what was there comes");
        prop_assert!(at_once == in_chunks, "{} bytes at once, {} in chunks", at_once.len(), in_chunks.len());
        // An archive whose directory is cut has all its data; snappy has no end, so that a cut between its chunks cannot be seen.
        prop_assert!(first.is_err() || at_once == plain || coding == 3);
        prop_assert_eq!(first.is_err(), second.is_err());
    }

    #[test]
    fn no_bytes_end_the_program(coding in 0_u8..8, flips in prop::collection::vec((any::<u16>(), 1_u8..), 1..6), chunk in 1_usize..200) {
        let (_, mut bytes) = encoded(coding, &b"a line of a log\n".repeat(50));
        for (at, flip) in flips {
            let at = usize::from(at) % bytes.len();
            bytes[at] ^= flip;
        }
        let _either = decoded(&bytes, chunk);
    }
}
