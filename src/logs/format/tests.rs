//! Timestamps and formats, by the examples of those who write them.

use proptest::prelude::*;

use super::*;

fn time(line: &str) -> String {
    let format = Format::detect(line.as_bytes(), 2026);
    format.time(line.as_bytes()).map_or_else(|| "none".to_owned(), |time| time.to_string())
}

#[test]
fn timestamps_are_found_as_their_writers_document_them() {
    for (line, wanted) in [
        // RFC 3339 section 5.8
        ("1985-04-12T23:20:50.52Z x", "1985-04-12T23:20:50.52Z"),
        ("1996-12-19T16:39:57-08:00 x", "1996-12-20T00:39:57Z"),
        ("1990-12-31T23:59:60Z x", "1990-12-31T23:59:59Z"),
        // Python's logging, with a comma
        ("2026-11-23 14:05:06,789 INFO x", "2026-11-23T14:05:06.789Z"),
        ("[2026-11-23 14:05:06.123456789+01:00] x", "2026-11-23T13:05:06.123456789Z"),
        // httpd.apache.org/docs/2.4/logs.html
        (
            r#"127.0.0.1 - frank [10/Oct/2000:13:55:36 -0700] "GET /apache_pb.gif HTTP/1.0" 200 2326"#,
            "2000-10-10T20:55:36Z",
        ),
        // RFC 3164 section 5.4
        ("<34>Oct 11 22:14:15 mymachine su: failed", "2026-10-11T22:14:15Z"),
        ("Feb  5 17:32:18 10.0.0.99 Use the BFG!", "2026-02-05T17:32:18Z"),
        // RFC 5424 section 6.5
        ("<34>1 2003-10-11T22:14:15.003Z mymachine.example.com su - ID47 - x", "2003-10-11T22:14:15.003Z"),
        // docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-access-logs.html
        (
            "http 2018-07-02T22:23:00.186641Z app/my-loadbalancer/50dc6c495c0c9188 192.168.131.39:2817",
            "2018-07-02T22:23:00.186641Z",
        ),
        ("1700000000 x", "2023-11-14T22:13:20Z"),
        ("1700000000.25 x", "2023-11-14T22:13:20.25Z"),
        ("1700000000123 x", "2023-11-14T22:13:20.123Z"),
        ("1700000000123456 x", "2023-11-14T22:13:20.123456Z"),
        ("1700000000123456789 x", "2023-11-14T22:13:20.123456789Z"),
        (r#"{"ts":1700000000.5,"m":"x"}"#, "2023-11-14T22:13:20.5Z"),
        (r#"{"time":"2026-11-23T00:00:00Z"}"#, "2026-11-23T00:00:00Z"),
        (r#"{"eventVersion":"1.0","eventTime":"2014-03-06T21:22:54Z"}"#, "2014-03-06T21:22:54Z"),
        ("2026-13-45T00:00:00Z x", "none"),
        ("12345 x", "none"),
        ("no time at all", "none"),
    ] {
        assert_eq!(time(line), wanted, "{line}");
    }
}

#[test]
fn the_format_is_told_by_an_objects_beginning() {
    for (head, name) in [
        ("{\"a\":1}\n{\"a\":2}\n", "json-lines"),
        ("{\"Records\":[{\"eventTime\":\"2014-03-06T21:22:54Z\"}]}", "json-array"),
        ("{\n  \"records\": [\n    {\"time\": 1}", "json-array"),
        ("[\n{\"a\":1},\n{\"a\":2}]", "json-array"),
        ("[2026-11-23 14:05:06] x\n", "text"),
        ("", "text"),
        ("plain\n", "text"),
    ] {
        assert_eq!(Format::detect(head.as_bytes(), 2026).name(), name, "{head}");
    }
}

proptest! {
    #[test]
    fn no_bytes_end_the_program(head in prop::collection::vec(any::<u8>(), 0..200), line in "[-0-9TZ:/. a-zA-Z{}\"]{0,80}") {
        for bytes in [&head[..], line.as_bytes()] {
            let format = Format::detect(bytes, 2026);
            let _time = format.time(bytes);
            let _field = format.field(bytes, "a.b");
            let _begins = format.begins_record(bytes);
        }
    }

    #[test]
    fn a_time_that_is_written_is_the_time_that_is_read(nanos in -2_000_000_000_000_000_000_i64..9_000_000_000_000_000_000) {
        let written = RecordTime::from_unix_nanos(nanos).to_string();
        prop_assert_eq!(time(&format!("{written} x")), written);
    }
}
