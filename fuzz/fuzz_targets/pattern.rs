//! Timestamps as a site describes them: the first line is the description, the others are records.
#![no_main]

use libfuzzer_sys::fuzz_target;
use logboom::domain::record::RecordTime;
use logboom::logs::format::Format;
use logboom::logs::format::options::{FormatName, FormatOptions};
use logboom::logs::format::time::TimeStyle;

fuzz_target!(|data: &[u8]| {
    let end = data.iter().position(|byte| *byte == b'\n').unwrap_or(data.len());
    let (description, records) = data.split_at(end);
    let Ok(description) = std::str::from_utf8(description) else { return };
    let Ok(style) = TimeStyle::parse(description) else { return };
    let newest = RecordTime::from_unix_nanos(1_800_000_000_000_000_000);
    for name in [FormatName::Text, FormatName::JsonLines] {
        let options =
            FormatOptions { name: Some(name), time_style: Some(style.clone()), ..FormatOptions::default() };
        let format = Format::of(records, &options, newest);
        let lines = || records.split(|byte| *byte == b'\n').take(64);
        let tells = |line: &[u8]| format.time(line).is_some();
        // A line that begins a record is one that tells its time, unless none does.
        if lines().any(tells) && name == FormatName::Text {
            assert!(lines().all(|line| !format.begins_record(line) || tells(line)), "{description}");
        }
    }
});
