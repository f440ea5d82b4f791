//! What a site says of its records, and what becomes of the times in them.

use jiff::Timestamp;
use jiff::fmt::strtime;
use proptest::prelude::*;

use super::*;
use crate::domain::record::RecordTime;
use crate::logs::format::Format;

fn at(text: &str) -> RecordTime {
    RecordTime::parse(text).unwrap()
}

fn style(text: &str) -> FormatOptions {
    FormatOptions { time_style: Some(TimeStyle::parse(text).unwrap()), ..FormatOptions::default() }
}

/// The time of the last line, in an object that can hold nothing after `newest`.
fn read(text: &str, options: &FormatOptions, newest: &str) -> String {
    let format = Format::of(text.as_bytes(), options, at(newest));
    let line = text.lines().last().unwrap_or_default();
    format.time(line.as_bytes()).map_or_else(|| "none".to_owned(), |time| time.to_string())
}

#[test]
fn a_time_without_a_year_is_the_last_such_that_can_be() {
    let detected = FormatOptions::default();
    for (line, newest, wanted) in [
        ("Dec 31 23:59:58 host su: x", "2027-01-01T12:00:00Z", "2026-12-31T23:59:58Z"),
        ("<34>Dec 31 23:59:58 host su: x", "2027-01-01T12:00:00Z", "2026-12-31T23:59:58Z"),
        ("Jan  1 00:00:02 host su: x", "2027-01-01T12:00:00Z", "2027-01-01T00:00:02Z"),
        ("Jan  1 12:00:00 host su: x", "2027-01-01T12:00:00Z", "2027-01-01T12:00:00Z"),
        ("Jan  1 12:00:01 host su: x", "2027-01-01T12:00:00Z", "2026-01-01T12:00:01Z"),
        ("Feb 29 06:00:00 host su: x", "2027-03-01T00:00:00Z", "2024-02-29T06:00:00Z"),
        ("Feb 29 06:00:00 host su: x", "2028-02-28T00:00:00Z", "2024-02-29T06:00:00Z"),
        ("Feb 29 06:00:00 host su: x", "2028-03-01T00:00:00Z", "2028-02-29T06:00:00Z"),
        ("Feb 30 06:00:00 host su: x", "2028-03-01T00:00:00Z", "none"),
        (r#"{"time":"Dec 31 23:59:58"}"#, "2027-01-01T12:00:00Z", "2026-12-31T23:59:58Z"),
    ] {
        assert_eq!(read(line, &detected, newest), wanted, "{line} up to {newest}");
    }
    // It is still the old year there, where it is the new one in UTC.
    let west = FormatOptions { offset_seconds: -5 * 3600, ..FormatOptions::default() };
    assert_eq!(read("Dec 31 20:00:00 host x", &west, "2027-01-01T02:00:00Z"), "2027-01-01T01:00:00Z");
}

#[test]
fn the_zone_of_records_holds_where_they_name_none() {
    let east = FormatOptions { offset_seconds: 2 * 3600, ..FormatOptions::default() };
    for (line, wanted) in [
        ("2026-11-23 14:05:06,5 x", "2026-11-23T12:05:06.5Z"),
        ("2026-11-23T14:05:06Z x", "2026-11-23T14:05:06Z"),
        ("2026-11-23T14:05:06-01:00 x", "2026-11-23T15:05:06Z"),
        ("2026-11-23 14:05:06+01 x", "2026-11-23T13:05:06Z"),
        ("h - - [23/Nov/2026:14:05:06] x", "2026-11-23T12:05:06Z"),
        ("h - - [23/Nov/2026:14:05:06 +0000] x", "2026-11-23T14:05:06Z"),
        ("Nov 23 14:05:06 host x", "2026-11-23T12:05:06Z"),
        ("1700000000 x", "2023-11-14T22:13:20Z"),
        (r#"{"time":"2026-11-23 14:05:06"}"#, "2026-11-23T12:05:06Z"),
        (r#"{"time":1700000000}"#, "2023-11-14T22:13:20Z"),
    ] {
        assert_eq!(read(line, &east, "2026-12-01T00:00:00Z"), wanted, "{line}");
    }
}

#[test]
fn times_are_read_as_they_are_described() {
    let hour_east = "2026-11-23T13:05:06Z";
    let plain = "2026-11-23T14:05:06Z";
    for (described, line, wanted) in [
        ("%d/%m/%Y %H:%M:%S", "23/11/2026 14:05:06 x", plain),
        ("%m/%d/%Y %H:%M:%S", "INFO 11/23/2026 14:05:06 x", plain),
        ("%d/%m/%Y %H:%M:%S", "11/23/2026 14:05:06 x", "none"),
        ("[%d.%m.%y %I:%M:%S%.f %p]", "x [23.11.26 02:05:06.25 PM] x", "2026-11-23T14:05:06.25Z"),
        ("%Y%m%d %H%M%S %z", "20261123 140506 +0100 x", hour_east),
        ("%a %b %e %H:%M:%S %Y", "Mon Nov 23 14:05:06 2026 x", plain),
        ("%e.%m. %H:%M", "23.11. 14:05 x", "2026-11-23T14:05:00Z"),
        ("%s", "x 1700000000 x", "2023-11-14T22:13:20Z"),
        ("epoch-s", "170 x", "1970-01-01T00:02:50Z"),
        ("epoch-s", "1700000000.123456789 x", "2023-11-14T22:13:20.123456789Z"),
        ("epoch-ms", "1700000000 x", "1970-01-20T16:13:20Z"),
        ("epoch-us", "1700000000.5 x", "1970-01-01T00:28:20.0000005Z"),
        ("epoch-ns", "1700000000000000000 x", "2023-11-14T22:13:20Z"),
        ("apache", "2026-01-01T00:00:00Z 23/Nov/2026:14:05:06 +0100", hour_east),
        ("syslog", "Nov 23 14:05:06 2026-01-01T00:00:00Z", plain),
        // Lines that are written otherwise are still found out, so that they are not one record.
        ("epoch-s", "2026-11-23T14:05:06Z x", plain),
        ("%d/%m/%Y %H:%M:%S", "2026-11-23T14:05:06Z x", plain),
    ] {
        assert_eq!(read(line, &style(described), "2026-12-01T00:00:00Z"), wanted, "{described}: {line}");
    }
}

#[test]
fn the_time_of_json_stands_where_and_how_a_site_says() {
    let field = |path: &str, described: Option<&str>| FormatOptions {
        time_field: Some(path.into()),
        time_style: described.map(|text| TimeStyle::parse(text).unwrap()),
        ..FormatOptions::default()
    };
    for (path, described, line, wanted) in [
        (
            "event.created",
            None,
            r#"{"time":1,"event":{"created":"2026-11-23T14:05:06Z"}}"#,
            "2026-11-23T14:05:06Z",
        ),
        (
            "event.created",
            None,
            r#"{"event.created":"2026-11-23T14:05:06Z","event":{"created":0}}"#,
            "2026-11-23T14:05:06Z",
        ),
        ("a.1", None, r#"{"a":[0,"2026-11-23T14:05:06Z"]}"#, "2026-11-23T14:05:06Z"),
        ("event.created", None, r#"{"time":"2026-11-23T14:05:06Z"}"#, "none"),
        ("n", Some("epoch-ms"), r#"{"n":1700000000}"#, "1970-01-20T16:13:20Z"),
        ("n", Some("epoch-ms"), r#"{"n":"1700000000"}"#, "1970-01-20T16:13:20Z"),
        ("n", Some("epoch-us"), r#"{"n":1.5}"#, "1970-01-01T00:00:00.0000015Z"),
        ("n", Some("epoch-s"), r#"{"n":253402300799}"#, "none"),
        ("n", Some("%d.%m.%Y %H:%M:%S"), r#"{"n":"23.11.2026 14:05:06"}"#, "2026-11-23T14:05:06Z"),
        ("n", Some("%Y%m%d%H%M%S"), r#"{"n":20261123140506}"#, "2026-11-23T14:05:06Z"),
        ("n", Some("%d.%m.%Y %H:%M:%S"), r#"{"n":1700000000}"#, "none"),
    ] {
        assert_eq!(read(line, &field(path, described), "2026-12-01T00:00:00Z"), wanted, "{path}: {line}");
    }
    // Without a path the usual fields are read as described.
    assert_eq!(read(r#"{"ts":170}"#, &style("epoch-s"), "2026-12-01T00:00:00Z"), "1970-01-01T00:02:50Z");
}

#[test]
fn a_format_that_is_said_is_not_found_out() {
    let named = |name| FormatOptions { name: Some(name), ..FormatOptions::default() };
    let is = |name, head: &str| Format::of(head.as_bytes(), &named(name), at("2026-12-01T00:00:00Z")).name();
    for name in FormatName::ALL {
        let head = "#Fields: date time\n2026-11-23 14:05:06";
        let wanted = if name == FormatName::Json { "json-lines" } else { name.as_str() };
        assert_eq!(is(name, head), wanted);
    }
    assert_eq!(is(FormatName::Json, "{\"Records\":[{\"a\":1}]}"), "json-array");
    assert_eq!(is(FormatName::JsonLines, "{\"Records\":[{\"a\":1}]}"), "json-lines");
    assert_eq!(is(FormatName::Text, "{\"a\":1}"), "text");
    // Its columns are named in the object alone.
    assert_eq!(is(FormatName::W3c, "2026-11-23 14:05:06"), "text");
    // A line in front that is something else does not matter.
    let elb = format!("- started\nhttps 2018-07-02T22:23:00.186641Z app/x {}", "- ".repeat(26));
    assert_eq!(read(&elb, &named(FormatName::Elb), "2026-12-01T00:00:00Z"), "2018-07-02T22:23:00.186641Z");
    let own = "version account-id start end\n3 1 1418530010 1418530070";
    assert_eq!(read(own, &named(FormatName::VpcFlow), "2026-12-01T00:00:00Z"), "2014-12-14T04:06:50Z");
}

#[test]
fn what_describes_no_time_is_refused_with_what_is_expected() {
    for (text, wanted) in [
        ("iso", "expected rfc3339, apache, syslog, epoch, epoch-s,"),
        ("%d/%m/%Y", "has to tell at least month, day, hour and minute"),
        ("%H:%M:%S", "has to tell at least month, day, hour and minute"),
        ("%Y-%m-%d %I:%M", "has to tell at least month, day, hour and minute"),
        ("%d %d", "has to tell at least month, day, hour and minute"),
        ("%Y-%m-%dT%H:%M:%S %Z", "cannot be read"),
        ("%Y-%m-%dT%H:%M:%S %Q", "cannot be read"),
        ("%J", "cannot be read"),
        ("%", "cannot be read"),
    ] {
        let error = TimeStyle::parse(text).unwrap_err().to_string();
        assert!(error.contains(wanted), "{text}: {error}");
    }
}

/// The day before as far as a second, the hour before as far as a nanosecond, and so on.
fn time() -> impl Strategy<Value = i64> {
    1_000_000_000_i64..4_000_000_000
}

proptest! {
    #[test]
    fn a_line_of_the_year_before_the_newest_time_has_its_own_year(newest in time(), before in 0_i64..364 * 86_400) {
        let second = newest - before;
        let written = strtime::format("%b %e %H:%M:%S", Timestamp::from_second(second).unwrap()).unwrap();
        let newest = Timestamp::from_second(newest).unwrap().to_string();
        let wanted = Timestamp::from_second(second).unwrap().to_string();
        prop_assert_eq!(read(&format!("{written} host x"), &FormatOptions::default(), &newest), wanted.clone());
        // A pattern without a year is no different.
        let pattern = style("%d/%m %H:%M:%S");
        let written = strtime::format("%d/%m %H:%M:%S", Timestamp::from_second(second).unwrap()).unwrap();
        prop_assert_eq!(read(&format!("x {written} x"), &pattern, &newest), wanted);
    }

    #[test]
    fn what_a_pattern_writes_it_reads(
        signs in prop::sample::subsequence(vec!["%Y", "%m", "%d", "%H", "%M", "%S"], 6).prop_shuffle(),
        between in prop::sample::select(vec!["-", "/", " ", ".", "_", "|"]), second in time(),
    ) {
        let pattern = signs.join(between);
        let time = Timestamp::from_second(second).unwrap();
        let line = format!("host: {} said x", strtime::format(&pattern, time).unwrap());
        prop_assert_eq!(read(&line, &style(&pattern), "2100-01-01T00:00:00Z"), time.to_string());
    }

    #[test]
    fn no_description_and_no_line_end_the_program(
        described in "(%[-_0]?[A-Za-z.:%]|[ -~é]){0,6}", line in "[-0-9TZ:/. a-zA-Z\\[é]{0,60}", bytes: Vec<u8>,
    ) {
        let Ok(style) = TimeStyle::parse(&described) else { return Ok(()) };
        let options = FormatOptions { time_style: Some(style), offset_seconds: 3600, ..FormatOptions::default() };
        for head in [line.as_bytes(), &bytes] {
            let format = Format::of(head, &options, RecordTime::MAX);
            let _either = (format.time(head), format.begins_record(head));
        }
    }
}
