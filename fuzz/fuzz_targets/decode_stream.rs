//! Decoding while reading: the same as decoding at once; whatever goes wrong is told once, at the end, after all that was good.
#![no_main]

use bytes::Bytes;
use futures::executor::block_on;
use futures::{StreamExt, stream};
use libfuzzer_sys::fuzz_target;
use logboom::logs::decode::Coding;
use logboom::logs::decode_stream::{self, OpenError};
use logboom::provider::error::StoreOperation;
use logboom::provider::{ByteStream, StoreError, StoreErrorKind};
use logboom_fuzz::decoding::{self, End, LIMITS};

fuzz_target!(|data: &[u8]| {
    let Some((how, object)) = data.split_first() else { return };
    let whole = decoding::decode(None, &[object], LIMITS);
    let read = |body| block_on(read(body));
    let pieces: Vec<_> =
        decoding::cut(object).into_iter().map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
    let at = usize::from(*how) % (pieces.len() + 1);

    let (bytes, failed) = read(stream::iter(pieces).boxed());
    let common = bytes.len().min(whole.bytes.len());
    assert!(bytes[..common] == whole.bytes[..common], "the bytes differ");
    if whole.end != End::TooLarge {
        assert_eq!(failed, whole.end != End::Whole);
        assert!(failed || bytes.len() == whole.bytes.len());
    }

    // A store that breaks off: nothing is told that was not there, and the failure is.
    let mut broken: Vec<_> =
        decoding::cut(object).into_iter().map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
    broken.insert(at, Err(StoreError::new(StoreOperation::Read, StoreErrorKind::Unavailable)));
    let (bytes, failed) = read(stream::iter(broken).boxed());
    let common = bytes.len().min(whole.bytes.len());
    assert!(failed, "nobody was told that the store broke off");
    assert!(bytes[..common] == whole.bytes[..common], "the bytes differ");
});

/// All that comes, and whether a failure ended it.
async fn read(body: ByteStream) -> (Vec<u8>, bool) {
    let mut decoded = match decode_stream::open(body, LIMITS).await {
        Ok(decoded) => decoded,
        Err(OpenError::Store(_) | OpenError::Decode(_)) => return (Vec::new(), true),
    };
    let mut bytes = Vec::new();
    while let Some(piece) = decoded.body.next().await {
        match piece {
            Ok(piece) => {
                assert!(!piece.is_empty(), "a piece of nothing");
                bytes.extend_from_slice(&piece);
            }
            Err(_) => {
                assert!(decoded.body.next().await.is_none(), "something came after the failure");
                return (bytes, true);
            }
        }
    }
    assert!(bytes.len() as u64 <= LIMITS.max_output_bytes || decoded.coding == Coding::Plain);
    (bytes, false)
}
