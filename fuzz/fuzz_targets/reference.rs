//! References of records: one that is read is written the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use logboom::domain::reference::Reference;

fuzz_target!(|text: &str| {
    if let Ok(reference) = Reference::parse(text) {
        assert_eq!(reference.to_string(), text);
    }
});
