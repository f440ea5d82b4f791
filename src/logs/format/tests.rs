//! Timestamps and formats, by the examples of those who write them.

use proptest::prelude::*;

use super::*;

fn at(text: &str) -> RecordTime {
    RecordTime::parse(text).unwrap()
}

/// The format as it is found out in an object of the end of 2026.
fn detected(head: &[u8]) -> Format {
    Format::of(head, &FormatOptions::default(), at("2026-12-31T23:59:59Z"))
}

fn time(line: &str) -> String {
    let format = detected(line.as_bytes());
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
        ("connection reset while reading\n", "text"),
    ] {
        assert_eq!(detected(head.as_bytes()).name(), name, "{head}");
    }
}

/// The line's format, time, and some fields, as its vendor documents it.
#[track_caller]
fn reads(text: &str, name: &str, wanted: &str, fields: &[(&str, &str)]) {
    let format = detected(text.as_bytes());
    let line = text.lines().last().unwrap().as_bytes();
    assert_eq!(format.name(), name, "{text}");
    assert_eq!(format.time(line).map(|time| time.to_string()).as_deref(), Some(wanted), "{text}");
    for (field, value) in fields {
        assert_eq!(format.field(line, field).as_deref(), Some(*value), "{field} of {text}");
    }
}

#[test]
fn access_and_flow_logs_of_the_clouds_have_fields_under_their_vendors_names() {
    // docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-access-logs.html, "Example HTTPS entry"
    reads(
        r#"https 2018-07-02T22:23:00.186641Z app/my-loadbalancer/50dc6c495c0c9188 192.168.131.39:2817 10.0.0.1:80 0.086 0.048 0.037 200 200 0 57 "GET https://www.example.com:443/ HTTP/1.1" "curl/7.46.0" ECDHE-RSA-AES128-GCM-SHA256 TLSv1.2 arn:aws:elasticloadbalancing:us-east-2:123456789012:targetgroup/my-targets/73e2d6bc24d8a067 "Root=1-58337281-1d84f3d73c47ec4e58577259" "www.example.com" "arn:aws:acm:us-east-2:123456789012:certificate/12345678-1234-1234-1234-123456789012" 1 2018-07-02T22:22:48.364000Z "authenticate,forward" "-" "-" "10.0.0.1:80" "200" "-" "-" TID_123456"#,
        "elb",
        "2018-07-02T22:23:00.186641Z",
        &[
            ("elb_status_code", "200"),
            ("request", "GET https://www.example.com:443/ HTTP/1.1"),
            ("user_agent", "curl/7.46.0"),
            ("domain_name", "www.example.com"),
            ("conn_trace_id", "TID_123456"),
        ],
    );
    // docs.aws.amazon.com/elasticloadbalancing/latest/classic/access-log-collection.html, "Example HTTP entry"
    reads(
        r#"2015-05-13T23:39:43.945958Z my-loadbalancer 192.168.131.39:2817 10.0.0.1:80 0.000073 0.001048 0.000057 200 200 0 29 "GET http://www.example.com:80/ HTTP/1.1" "curl/7.38.0" - -"#,
        "elb-classic",
        "2015-05-13T23:39:43.945958Z",
        &[("backend_status_code", "200"), ("client", "192.168.131.39:2817")],
    );
    // docs.aws.amazon.com/AmazonS3/latest/userguide/LogFormat.html
    reads(
        r#"79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be amzn-s3-demo-bucket1 [06/Feb/2019:00:00:38 +0000] 192.0.2.3 79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be 3E57427F3EXAMPLE REST.GET.VERSIONING - "GET /amzn-s3-demo-bucket1?versioning HTTP/1.1" 200 - 113 - 7 - "-" "S3Console/0.4" - s9lzHYrFp76ZVxRcpX9+5cjAnEH2ROuNkd2BHfIa6UkFVdtjf5mKR3/eTPFvsiP/XV/VLi31234= SigV4 ECDHE-RSA-AES128-GCM-SHA256 AuthHeader amzn-s3-demo-bucket1.s3.us-west-1.amazonaws.com TLSV1.2 arn:aws:s3:us-west-1:123456789012:accesspoint/example-AP Yes"#,
        "s3-access",
        "2019-02-06T00:00:38Z",
        &[("operation", "REST.GET.VERSIONING"), ("http_status", "200"), ("tls_version", "TLSV1.2")],
    );
    // docs.aws.amazon.com/vpc/latest/userguide/flow-logs-records-examples.html
    reads(
        "2 123456789010 eni-1235b8ca123456789 172.31.9.69 172.31.9.12 49761 3389 6 20 4249 1418530010 1418530070 REJECT OK",
        "vpc-flow",
        "2014-12-14T04:06:50Z",
        &[("action", "REJECT"), ("dstport", "3389"), ("log-status", "OK")],
    );
    reads(
        "version account-id interface-id srcaddr dstaddr start end action tcp-flags\n3 123456789010 eni-1 10.0.0.1 10.0.0.2 1418530010 1418530070 ACCEPT 19",
        "vpc-flow",
        "2014-12-14T04:06:50Z",
        &[("tcp_flags", "19"), ("srcaddr", "10.0.0.1")],
    );
    // docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/standard-logs-reference.html
    reads(
        "#Version: 1.0\n#Fields: date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem sc-status cs(Referer) cs(User-Agent)\n2019-12-04\t21:02:31\tLAX1\t392\t192.0.2.100\tGET\td111111abcdef8.cloudfront.net\t/index.html\t200\t-\tMozilla/5.0%20(Windows)",
        "w3c",
        "2019-12-04T21:02:31Z",
        &[("sc_status", "200"), ("cs_user_agent", "Mozilla/5.0%20(Windows)"), ("c-ip", "192.0.2.100")],
    );
}

#[test]
fn security_events_have_the_fields_of_their_header_and_their_extension() {
    let cef = r"Sep 19 08:26:10 host CEF:0|Security|threat\|manager|1.0|100|worm successfully stopped|10|src=10.0.0.1 dst=2.1.2.2 msg=two words and a\=b spt=1232";
    reads(
        cef,
        "text",
        "2026-09-19T08:26:10Z",
        &[
            ("device_product", "threat|manager"),
            ("severity", "10"),
            ("msg", "two words and a=b"),
            ("spt", "1232"),
        ],
    );
    let leef = "Jan 18 11:07:53 192.168.1.1 LEEF:1.0|QRadar|QRM|1.0|NEW_PORT_DISCOVERD|src=172.5.6.67\tdst=172.50.123.1\tusrName=joe black";
    reads(
        leef,
        "text",
        "2026-01-18T11:07:53Z",
        &[("event_id", "NEW_PORT_DISCOVERD"), ("usrName", "joe black"), ("dst", "172.50.123.1")],
    );
    let two = "Jan 18 11:07:53 h LEEF:2.0|Vendor|Product|Version|EventID|xa6|src=1\u{a6}x"
        .replace("\u{a6}x", "^dst=2");
    reads(&two.replace("xa6", "^"), "text", "2026-01-18T11:07:53Z", &[("src", "1"), ("dst", "2")]);
}

proptest! {
    #[test]
    fn no_bytes_end_the_program(head in prop::collection::vec(any::<u8>(), 0..200), line in "[-0-9TZ:/. a-zA-Z{}\"]{0,80}") {
        for bytes in [&head[..], line.as_bytes()] {
            let format = detected(bytes);
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
