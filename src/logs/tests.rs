//! Decoding: what it gives, whatever the chunks, and where it stops.

use std::io::Write;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use futures::{StreamExt, stream};
use proptest::prelude::*;

use crate::logs::decode::{Coding, DecodeError, Decoder, Limits, PIECE_BYTES};
use crate::logs::decode_stream::{OpenError, open};
use crate::provider::{StoreError, StoreErrorKind, error::StoreOperation};

const MIB: usize = 1024 * 1024;

const ROOMY: Limits = Limits { max_output_bytes: u64::MAX, max_ratio: u64::MAX };

fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

fn zstd(plain: &[u8]) -> Vec<u8> {
    zstd::encode_all(plain, 3).unwrap()
}

/// 256 MiB of zeros in 255 KiB of gzip: members of 16 MiB, since one alone takes long to make.
fn bomb() -> Vec<u8> {
    gzip(&vec![0; 16 * MIB]).repeat(16)
}

/// Feeds the chunks and gives each piece to `take`.
fn decode_chunks<'a>(
    limits: Limits,
    chunks: impl IntoIterator<Item = &'a [u8]>,
    mut take: impl FnMut(&[u8]),
) -> Result<Coding, DecodeError> {
    let mut decoder = Decoder::new(limits);
    for chunk in chunks {
        let mut input = chunk;
        loop {
            let mut piece = Vec::new();
            let outcome = decoder.decode(&mut input, &mut piece);
            assert!(piece.len() <= PIECE_BYTES + 64 * 1024);
            take(&piece);
            if !outcome? {
                break;
            }
            assert!(!piece.is_empty());
        }
        assert!(input.is_empty(), "a decoder that wants more has used up what it had");
    }
    let mut piece = Vec::new();
    decoder.finish(&mut piece)?;
    take(&piece);
    Ok(decoder.coding().unwrap())
}

fn decode(bytes: &[u8], chunk: usize) -> Result<(Coding, Vec<u8>), DecodeError> {
    let mut plain = Vec::new();
    let coding = decode_chunks(ROOMY, bytes.chunks(chunk), |piece| plain.extend_from_slice(piece))?;
    Ok((coding, plain))
}

/// How much comes out before the decoder stops, and why it does.
fn grow(limits: Limits, bytes: &[u8]) -> (usize, Result<Coding, DecodeError>) {
    let mut count = 0;
    let result = decode_chunks(limits, bytes.chunks(16 * 1024), |piece| count += piece.len());
    (count, result)
}

#[test]
fn the_first_bytes_tell_the_coding() {
    let skippable = [&[0x5a, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, 9, 9][..], &zstd(b"a line\n")].concat();
    let check = |bytes: &[u8], coding, plain: &[u8]| {
        for chunk in [1, 2, 3, 1000] {
            assert_eq!(decode(bytes, chunk).unwrap(), (coding, plain.to_vec()), "{bytes:x?}");
        }
    };
    check(b"", Coding::Plain, b"");
    check(b"a line\n", Coding::Plain, b"a line\n");
    check(&gzip(b"a line\n"), Coding::Gzip, b"a line\n");
    check(&gzip(b""), Coding::Gzip, b"");
    check(&zstd(b"a line\n"), Coding::Zstd, b"a line\n");
    check(&skippable, Coding::Zstd, b"a line\n");
    check(&[0x1f, 0x8b], Coding::Plain, &[0x1f, 0x8b]);
    check(&[0x1f, 0x8b, 0x09, 1], Coding::Plain, &[0x1f, 0x8b, 0x09, 1]);
    check(b"PRIVMSG", Coding::Plain, b"PRIVMSG");
    check(b"(\xb5/", Coding::Plain, b"(\xb5/");
}

#[test]
fn members_and_frames_follow_each_other_and_zeros_may_follow_gzip() {
    let two = [gzip(b"one\n"), gzip(b"two\n"), vec![0; 512]].concat();
    assert_eq!(decode(&two, 7).unwrap(), (Coding::Gzip, b"one\ntwo\n".to_vec()));
    let two = [zstd(b"one\n"), zstd(b"two\n")].concat();
    assert_eq!(decode(&two, 7).unwrap(), (Coding::Zstd, b"one\ntwo\n".to_vec()));
}

#[test]
fn only_one_layer_comes_off() {
    let inner = gzip(b"a line\n");
    assert_eq!(decode(&gzip(&inner), 100).unwrap(), (Coding::Gzip, inner.clone()));
    assert_eq!(decode(&zstd(&inner), 100).unwrap(), (Coding::Zstd, inner));
}

#[test]
fn what_ends_early_is_truncated() {
    for whole in [gzip(b"a line that is long enough\n"), zstd(b"a line that is long enough\n")] {
        for length in 4..whole.len() {
            let result = decode(&whole[..length], 5);
            assert!(matches!(result, Err(DecodeError::Truncated)), "{length} bytes: {result:?}");
        }
        let second = [&whole[..], &whole[..whole.len() - 1]].concat();
        assert!(matches!(decode(&second, 5), Err(DecodeError::Truncated)));
    }
}

#[test]
fn what_is_damaged_is_corrupt() {
    let mut wrong_checksum = gzip(b"a line\n");
    let at = wrong_checksum.len() - 6;
    wrong_checksum[at] ^= 1;
    let garbage = [gzip(b"a line\n"), b"more".to_vec()].concat();
    let frame = [zstd(b"a line\n"), b"more".to_vec()].concat();
    for (bytes, expect) in [(wrong_checksum, Coding::Gzip), (garbage, Coding::Gzip), (frame, Coding::Zstd)] {
        let result = decode(&bytes, 1000);
        assert!(matches!(result, Err(DecodeError::Corrupt { coding, .. }) if coding == expect), "{result:?}");
    }
}

#[test]
fn a_bomb_stops_at_the_ratio() {
    let bomb = bomb();
    assert!(bomb.len() < 300 * 1024);
    let limits = Limits { max_ratio: 200, ..ROOMY };
    let (count, result) = grow(limits, &bomb);
    assert!(matches!(result, Err(DecodeError::TooLarge)));
    assert!(count <= 200 * 16 * 1024 + PIECE_BYTES, "{count}");
    let (count, result) = grow(limits, &zstd(&vec![0; 32 * MIB]));
    assert!(matches!(result, Err(DecodeError::TooLarge)));
    assert!(count <= 200 * 16 * 1024 + PIECE_BYTES, "{count}");
}

#[test]
fn a_bomb_stops_at_the_number_of_bytes() {
    let limits = Limits { max_output_bytes: 8 << 20, max_ratio: u64::MAX };
    let members = gzip(&vec![0; MIB]).repeat(10_000);
    for bomb in [bomb(), members, zstd(&vec![0; 32 * MIB])] {
        let (count, result) = grow(limits, &bomb);
        assert!(matches!(result, Err(DecodeError::TooLarge)));
        assert!(count <= 8 * MIB, "{count}");
    }
}

#[test]
fn a_bomb_in_a_bomb_gives_the_inner_one_as_it_is() {
    let inner = bomb();
    let (count, result) = grow(Limits { max_ratio: 200, ..ROOMY }, &gzip(&inner));
    assert_eq!((count, result.unwrap()), (inner.len(), Coding::Gzip));
}

#[test]
fn a_short_file_may_shrink_to_nothing() {
    let limits = Limits { max_ratio: 10, ..ROOMY };
    let (count, result) = grow(limits, &gzip(&vec![0; MIB]));
    assert_eq!((count, result.unwrap()), (MIB, Coding::Gzip));
}

#[test]
fn plain_text_has_no_limit() {
    let limits = Limits { max_output_bytes: 10, max_ratio: 1 };
    assert_eq!(grow(limits, &vec![b'x'; MIB]).0, MIB);
}

#[test]
fn a_frame_that_wants_a_large_window_is_too_large() {
    let mut encoder = zstd::Encoder::new(Vec::new(), 3).unwrap();
    encoder.window_log(27).unwrap();
    encoder.write_all(b"a line\n").unwrap();
    let result = decode(&encoder.finish().unwrap(), 1000);
    assert!(matches!(result, Err(DecodeError::TooLarge)), "{result:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn chunks_do_not_matter(
        parts in prop::collection::vec((prop::collection::vec(any::<u8>(), 0..400), 0_usize..400), 1..4),
        chunk in 1_usize..700,
    ) {
        let parts: Vec<Vec<u8>> = parts.iter().map(|(part, times)| part.repeat(*times)).collect();
        let plain = parts.concat();
        for encode in [gzip, zstd] {
            let encoded: Vec<u8> = parts.iter().flat_map(|part| encode(part)).collect();
            prop_assert!(decode(&encoded, chunk).unwrap().1 == plain);
        }
    }

    #[test]
    fn any_bytes_end_in_a_result(mut bytes in prop::collection::vec(any::<u8>(), 0..600), magic in 0..3, chunk in 1_usize..64) {
        let head: &[u8] = match magic { 0 => &[0x1f, 0x8b, 8], 1 => &[0x28, 0xb5, 0x2f, 0xfd], _ => &[] };
        bytes.splice(0..0, head.iter().copied());
        let limits = Limits { max_output_bytes: 1 << 20, max_ratio: 1000 };
        let mut count = 0;
        let result = decode_chunks(limits, bytes.chunks(chunk), |piece| count += piece.len());
        prop_assert!(count <= 1 << 20);
        prop_assert!(!matches!(result, Ok(Coding::Plain)) || count == bytes.len());
    }
}

#[tokio::test]
async fn a_stream_is_decoded_as_it_comes() {
    let plain = b"a line of a log\n".repeat(100_000);
    let chunks: Vec<_> = gzip(&plain).chunks(1000).map(|chunk| Ok(Bytes::copy_from_slice(chunk))).collect();
    let decoded = open(stream::iter(chunks).boxed(), ROOMY).await.unwrap();
    assert_eq!(decoded.coding, Coding::Gzip);
    let pieces: Vec<Bytes> = decoded.body.map(Result::unwrap).collect().await;
    assert!(pieces.iter().all(|piece| piece.len() <= PIECE_BYTES));
    assert!(pieces.concat() == plain);
}

#[tokio::test]
async fn an_object_that_is_damaged_at_once_never_begins() {
    let body = stream::iter([Ok(Bytes::from_static(b"\x1f\x8b\x08but not gzip"))]).boxed();
    let error = open(body, ROOMY).await.unwrap_err();
    assert!(matches!(error, OpenError::Decode(DecodeError::Corrupt { .. })));
}

#[tokio::test]
async fn a_stream_that_breaks_says_so_behind_what_was_decoded() {
    let broken = StoreError::new(StoreOperation::Read, StoreErrorKind::Unavailable);
    let body = stream::iter([Ok(Bytes::from_static(b"a line\n")), Err(broken)]).boxed();
    let mut decoded = open(body, ROOMY).await.unwrap();
    assert_eq!(decoded.body.next().await.unwrap().unwrap(), "a line\n");
    let error = decoded.body.next().await.unwrap().unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Unavailable);
    assert!(decoded.body.next().await.is_none());
}

#[tokio::test]
async fn a_bomb_breaks_the_stream_off() {
    let limits = Limits { max_output_bytes: 4 << 20, max_ratio: u64::MAX };
    let body = stream::iter([Ok(Bytes::from(bomb()))]).boxed();
    let pieces: Vec<_> = open(body, limits).await.unwrap().body.collect().await;
    let (last, good) = pieces.split_last().unwrap();
    assert!(good.iter().map(|piece| piece.as_ref().unwrap().len()).sum::<usize>() <= 4 * MIB);
    let error = last.as_ref().unwrap_err();
    assert_eq!((&error.kind, error.operation), (&StoreErrorKind::Unexpected, StoreOperation::Read));
}
