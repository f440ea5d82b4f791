//! Scanning an object: the same records in any chunking, each where it says that it stands, none longer than the limit.
#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use logboom::domain::record::RecordTime;
use logboom::logs::filter::{Filter, FilterLimits, Matcher};
use logboom::logs::found::{Found, Record, ScanOptions, ScanStats};
use logboom::logs::scan::Scanner;
use logboom_fuzz::decoding::{LIMITS, cut};

const FILTERS: [&str; 8] =
    ["", "error", "not error", "level=warn", "a.b>3", "/e.*r/", "error or x=*", "\"{\""];
const RECORD_BYTES: usize = 4096;

fuzz_target!(|data: &[u8]| {
    let Some(([how, more], object)) = data.split_first_chunk() else { return };
    let options = Arc::new(options(*how, *more));
    let whole = scan(&options, &[object]);
    let pieces = scan(&options, &cut(object));
    // A record that is too long is cut where the block ends, and damage can be met a piece earlier.
    if whole.stats.oversize == 0 && pieces.stats.oversize == 0 && whole.good && pieces.good {
        assert_eq!(whole.told, pieces.told);
        assert_eq!(whole.stats, pieces.stats);
    }
});

struct Scanned {
    told: Vec<(u64, Vec<u8>, RecordTime)>,
    stats: ScanStats,
    good: bool,
}

fn scan(options: &Arc<ScanOptions>, pieces: &[&[u8]]) -> Scanned {
    let mut scanner = Scanner::new(Arc::clone(options));
    let mut found = Found::default();
    let mut outcome = Ok(());
    for piece in pieces {
        outcome = scanner.feed(piece, &mut found);
        if outcome.is_err() {
            break;
        }
    }
    let good = outcome.and_then(|()| scanner.finish(&mut found)).is_ok();
    let text = |start: usize, end: usize| found.bytes[start..end].to_vec();
    let told: Vec<_> =
        found.records.iter().map(|told| (told.offset, text(told.start, told.end), told.time)).collect();
    for (offset, line, _) in &told {
        assert!(offset + line.len() as u64 <= scanner.stats().decoded);
    }
    Scanned { told, stats: scanner.stats(), good }
}

fn options(how: u8, more: u8) -> ScanOptions {
    let limits = FilterLimits { text_bytes: 4096, terms: 64, depth: 16, regex_bytes: 1 << 20 };
    let filter = Filter::parse(FILTERS[usize::from(how % 8)], &limits).expect("it is a filter");
    let matcher = Matcher::new(&filter, how & 8 != 0, &limits).expect("it is a small filter");
    ScanOptions {
        matcher: Arc::new(matcher),
        format: Arc::default(),
        newest: RecordTime::from_unix_nanos(1_800_000_000_000_000_000),
        from: RecordTime::MIN,
        to: RecordTime::MAX,
        fallback: RecordTime::from_unix_nanos(0),
        disorder_nanos: 0,
        unordered: how & 16 != 0,
        at: (how & 32 != 0).then(|| u64::from(more)),
        told: None,
        open_end: how & 64 != 0,
        context: if how & 128 != 0 { (usize::from(more % 3), usize::from(more % 5)) } else { (0, 0) },
        record_bytes: RECORD_BYTES,
        held_bytes: 1 << 20,
        limit: None,
        redactor: None,
        decode: LIMITS,
        write: Arc::new(|record: &Record<'_>, out: &mut Vec<u8>| out.extend_from_slice(record.line)),
    }
}
