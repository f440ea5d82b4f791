//! Ten thousand secrets of every promised form, in every surrounding: none leaves, whole or in pieces.

use super::secrets::{FRAMES, KINDS, Numbers, escaped, record, secret};
use super::*;

#[test]
fn of_ten_thousand_planted_secrets_none_leaves() {
    let mut numbers = Numbers(15);
    let mut left = Vec::new();
    for number in 0..FRAMES * KINDS * 40 {
        let (text, needle) = secret(number % KINDS, &mut numbers);
        let record = record(number / KINDS % FRAMES, &text, &mut numbers);
        let out = shown(&record);
        if out.contains(&needle) || out.contains(&escaped(&needle)) {
            left.push(format!("{needle} in {record}"));
        }
    }
    assert!(left.is_empty(), "{} left:\n{}", left.len(), left.join("\n"));
}

#[test]
fn no_secret_leaves_at_any_place_around_the_end_of_a_piece() {
    const PIECE: usize = 512;
    let mut numbers = Numbers(64);
    for kind in 0..KINDS {
        for place in PIECE - 64..=PIECE + 64 {
            let (text, needle) = secret(kind, &mut numbers);
            let record = record(place % FRAMES, &text, &mut numbers);
            let front = place.saturating_sub(record.find(&needle).unwrap_or(0) + 1);
            let object = format!("{}{}\n{record}\nend\n", "é".repeat(front / 2), ".".repeat(front % 2));
            let mut stream = RedactStream::new(all());
            let mut out: Vec<u8> =
                object.as_bytes().chunks(PIECE).flat_map(|piece| stream.push(piece)).collect();
            out.extend(stream.finish());
            let out = String::from_utf8(out).unwrap();
            assert!(!out.contains(&needle) && out.ends_with("\nend\n"), "{needle} in {out}");
            assert_eq!(out, streamed(object.as_bytes()));
        }
    }
}
