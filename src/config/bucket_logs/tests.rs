//! What a site may write of a bucket's logs.

use crate::config::tests::{assert_one, problems};

fn with(logs: &str) -> String {
    format!(
        "[credentials.none]\nkind = \"anonymous\"\n[buckets.b]\nprovider = \"file\"\nname = \"/srv\"\nowner = \"o\"\n\
         label = \"internal\"\ncredential = \"none\"\n[buckets.b.logs]\n{logs}\n"
    )
}

#[test]
fn what_is_known_of_records_is_taken() {
    for logs in [
        "",
        "layouts = [\"cloudtrail\"]\ntime_zone = \"-05:30\"\nslack = \"1h\"\nroot = \"a/\"",
        "format = \"elb\"",
        "format = \"json\"\ntime_field = \"event.created\"\ntime_format = \"epoch-ms\"",
        "time_field = \"event.created\"",
        "format = \"text\"\ntime_format = \"[%d/%m/%Y %H:%M:%S%.f]\"\nrecord_time_zone = \"+02:00\"",
    ] {
        assert_eq!(problems(&with(logs)), [""; 0], "{logs}");
    }
}

#[test]
fn what_makes_no_sense_of_records_is_told_with_what_is_expected() {
    for (logs, wanted) in [
        (
            "format = \"xml\"",
            "buckets.b.logs.format: expected one of text, json, json-lines, json-array, elb",
        ),
        ("format = \"text\"\ntime_field = \"t\"", "buckets.b.logs.time_field: has a meaning for JSON alone"),
        ("time_field = \"\"", "buckets.b.logs.time_field: expected a text that is not empty"),
        (
            "format = \"elb\"\ntime_format = \"epoch\"",
            "buckets.b.logs.time_format: has no meaning for this format",
        ),
        ("time_format = \"iso\"", "buckets.b.logs.time_format: expected rfc3339, apache, syslog, epoch"),
        ("time_format = \"%d/%m/%Y\"", "buckets.b.logs.time_format: has to tell at least month, day"),
        (
            "record_time_zone = \"Europe/Berlin\"",
            "buckets.b.logs.record_time_zone: expected UTC or an offset",
        ),
        ("time_zone = \"+2\"", "buckets.b.logs.time_zone: expected UTC or an offset"),
        ("time = \"x\"", "buckets.b.logs.time: is not a setting"),
    ] {
        assert_one(&with(logs), wanted);
    }
}
