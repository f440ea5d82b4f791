//! Objects that are gone on with in the middle.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use proptest::prelude::*;

use super::*;
use crate::logs::decode::Limits;
use crate::logs::filter::{Filter, FilterLimits, Matcher};
use crate::logs::redact::{RedactionRules, Redactor};

const LIMITS: FilterLimits = FilterLimits { text_bytes: 100, terms: 4, depth: 4, regex_bytes: 1024 };

fn options(told: u64, query: &str) -> ScanOptions {
    let filter = Filter::parse(query, &LIMITS).unwrap();
    ScanOptions {
        matcher: Arc::new(Matcher::new(&filter, false, &LIMITS).unwrap()),
        format: Arc::default(),
        newest: RecordTime::MAX,
        from: RecordTime::MIN,
        to: RecordTime::MAX,
        fallback: RecordTime::MIN,
        disorder_nanos: 0,
        unordered: false,
        at: None,
        told: Some(Arc::new(AtomicU64::new(told))),
        open_end: true,
        context: (0, 0),
        record_bytes: 1000,
        held_bytes: 1000,
        limit: None,
        redactor: None,
        decode: Limits { max_output_bytes: u64::MAX, max_ratio: u64::MAX },
        write: Arc::new(|record: &Record<'_>, out: &mut Vec<u8>| {
            out.extend_from_slice(format!("{} ", record.position.offset).as_bytes());
            out.extend_from_slice(record.line);
            out.push(b'\n');
        }),
    }
}

/// What is told of an object, in which way, and up to where it is told then.
fn scan(object: &[u8], options: ScanOptions) -> (String, bool, u64) {
    let told = Arc::clone(options.told.as_ref().unwrap());
    let mut scanner = Scanner::new(Arc::new(options));
    let from = scanner.needed_from().filter(|from| usize::try_from(*from).unwrap() < object.len());
    let from = from.filter(|from| scanner.resume(object, *from));
    let mut found = Found::default();
    let rest = &object[usize::try_from(from.unwrap_or(0)).unwrap()..];
    for chunk in rest.chunks(7) {
        scanner.feed(chunk, &mut found).unwrap();
    }
    scanner.finish(&mut found).unwrap();
    (String::from_utf8(found.bytes).unwrap(), from.is_some(), told.load(Ordering::Relaxed))
}

#[test]
fn what_was_written_behind_a_record_is_told_where_the_record_was_told_already() {
    let grown =
        b"2026-11-23T10:00:00Z panic\n  at main.rs\n2026-11-23T10:00:01Z next\n2026-11-23T10:00:02Z no end";
    assert_eq!(
        scan(grown, options(27, "")),
        ("27   at main.rs\n40 2026-11-23T10:00:01Z next\n".to_owned(), true, 66)
    );
}

#[test]
fn documents_compressed_and_redacted_objects_are_read_from_their_beginning() {
    let document = br#"{"records":[{"a":1},{"a":2}]}"#;
    assert_eq!(scan(document, options(19, "")), ("20 {\"a\":2}\n".to_owned(), false, 27));
    // Up to where its elements are told, not its brackets: the next one stands in their place.
    let grown = br#"{"records":[{"a":1},{"a":2},{"a":3}]}"#;
    assert_eq!(scan(grown, options(27, "")), ("28 {\"a\":3}\n".to_owned(), false, 35));
    let packed = zstd::encode_all(&b"one\ntwo\nthree\n"[..], 3).unwrap();
    assert_eq!(scan(&packed, options(8, "")), ("8 three\n".to_owned(), false, 14));
    let rules = RedactionRules {
        detectors: vec![crate::logs::redact::detect::Detector::Token],
        ..RedactionRules::default()
    };
    let redactor = Some(Arc::new(Redactor::new(&rules).unwrap()));
    let key = b"-----BEGIN PRIVATE KEY-----\nMIIabc\nMIIdef\n-----END PRIVATE KEY-----\nend\n";
    let (told, resumed, _) = scan(key, ScanOptions { redactor, ..options(35, "") });
    assert!(!resumed && !told.contains("MII") && told.ends_with(" end\n"), "{told}");
}

#[test]
fn what_does_not_match_is_not_read_again() {
    assert_eq!(scan(b"one\ntwo\nthree\nfo", options(4, "nothing")), (String::new(), true, 14));
}

proptest! {
    #[test]
    fn lines_that_begin_behind_what_was_told_are_told_and_no_others(
        lines in prop::collection::vec("[a-z]{0,12}\r?", 0..20), told in 0_u64..150, end in "[a-z]{0,3}",
    ) {
        let whole = lines.iter().fold(String::new(), |text, line| text + line + "\n");
        let object = format!("{whole}{end}");
        let (mut offset, mut wanted) = (0_usize, Vec::new());
        for line in &lines {
            if offset as u64 >= told {
                wanted.push(format!("{offset} {}\n", line.trim_end_matches('\r')));
            }
            offset += line.len() + 1;
        }
        let (found, _, reached) = scan(object.as_bytes(), options(told, ""));
        prop_assert_eq!(found, wanted.concat());
        if told <= whole.len() as u64 {
            prop_assert_eq!(reached, whole.len() as u64);
        } else {
            // A line that is passed over is done, as far as it is there.
            prop_assert!(reached >= told && reached <= told.max(object.len() as u64));
        }
    }
}
