//! Filters: a filter reads as it is written, an error points into the text, and what is passed over would not have matched.
#![no_main]

use libfuzzer_sys::fuzz_target;
use logboom::domain::record::RecordTime;
use logboom::logs::filter::{Filter, FilterLimits, Matcher};
use logboom::logs::format::Format;
use logboom::logs::format::options::FormatOptions;

const LIMITS: FilterLimits = FilterLimits { text_bytes: 4096, terms: 64, depth: 16, regex_bytes: 1 << 18 };
/// What is printed has all its parentheses and quotes.
const WIDE: FilterLimits = FilterLimits { text_bytes: 1 << 20, terms: 64, depth: 64, regex_bytes: 1 << 18 };

fuzz_target!(|data: &[u8]| {
    let (text, block) = data.split_at(data.iter().position(|byte| *byte == b'\n').unwrap_or(data.len()));
    let block = block.get(1..).unwrap_or_default();
    let Ok(text) = std::str::from_utf8(text) else { return };
    let filter = match Filter::parse(text, &LIMITS) {
        Ok(filter) => filter,
        Err(error) => {
            let last = text.chars().count() + 1;
            assert!((1..=last).contains(&error.column), "column {} of {last}", error.column);
            assert!(!error.message.is_empty());
            return;
        }
    };
    let printed = filter.to_string();
    let again = Filter::parse(&printed, &WIDE);
    assert_eq!(again.as_ref(), Ok(&filter), "{printed}");

    let newest = RecordTime::from_unix_nanos(1_800_000_000_000_000_000);
    let format = Format::of(block, &FormatOptions::default(), newest);
    for fold in [false, true] {
        let Ok(matcher) = Matcher::new(&filter, fold, &LIMITS) else { continue };
        let mut start = 0;
        for line in block.split(|byte| *byte == b'\n') {
            let end = start + line.len();
            if matcher.matches(line, &format) {
                let candidate = matcher.candidate(block, start);
                assert!(candidate.is_some_and(|at| (start..=end).contains(&at)), "{line:?} is passed over");
            }
            let places = matcher.highlights(line);
            assert!(places.iter().all(|place| place.start < place.end && place.end <= line.len()));
            assert!(places.is_sorted_by(|one, next| one.end <= next.start));
            start = end + 1;
        }
    }
});
