//! Record formats: no head and no record ends the program, and fields come from the record alone.
#![no_main]

use libfuzzer_sys::fuzz_target;
use logboom::domain::record::RecordTime;
use logboom::logs::format::Format;
use logboom::logs::format::options::{FormatName, FormatOptions};

const FIELDS: [&str; 12] = [
    "a",
    "level",
    "a.b",
    "a.0.b",
    "time",
    "srcaddr",
    "name",
    "event_id",
    "msg",
    "@timestamp",
    "cs_uri_stem",
    "",
];

fuzz_target!(|data: &[u8]| {
    // As it is found out, and as a site may have said.
    let names = FormatName::ALL;
    let said = FormatOptions {
        name: names.get(data.len() % names.len()).copied(),
        time_field: Some("a.b".into()),
        offset_seconds: 7200,
        ..FormatOptions::default()
    };
    read(data, &FormatOptions::default());
    read(data, &said);
});

fn read(data: &[u8], options: &FormatOptions) {
    let newest = RecordTime::from_unix_nanos(1_800_000_000_000_000_000);
    let format = Format::of(data, options, newest);
    assert!(!format.name().is_empty());
    let own = FIELDS.map(str::to_owned);
    let lines = data.split(|byte| *byte == b'\n').take(64).chain([data]);
    for line in lines {
        let _any = (format.begins_record(line), format.time(line));
        let fields = format.fields(line, &own);
        for path in &own {
            let field = format.field(line, path);
            // What one way finds the other does too: a record that is shown with a field can be found by it.
            assert_eq!(field.is_some(), fields.contains_key(path), "{path} of {line:?}");
        }
    }
    // Found out again from the same bytes it is the same format.
    assert_eq!(Format::of(data, options, newest), format);
}
