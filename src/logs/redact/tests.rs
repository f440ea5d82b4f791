//! What is found, what stays, and that no seeded secret leaves.

use std::sync::{Arc, LazyLock};

use proptest::prelude::*;

use serde_json::Value;

mod clean;
mod over_lines;
mod planted;
mod secrets;

use secrets::escaped;

use super::stream::RedactStream;
use super::*;
use crate::logs::threads::Threads;

fn all() -> Arc<Redactor> {
    static ALL: LazyLock<Arc<Redactor>> = LazyLock::new(|| Arc::new(make()));
    Arc::clone(&ALL)
}

fn make() -> Redactor {
    let rules = RedactionRules {
        detectors: Detector::ALL.to_vec(),
        patterns: vec![
            ("ticket".to_owned(), "TKT-[0-9]+".to_owned()),
            ("user".to_owned(), "user=([a-z]+)".to_owned()),
        ],
        json_paths: vec!["user.name".to_owned(), "items.owner".to_owned()],
    };
    Redactor::new(&rules).unwrap()
}

fn shown(record: &str) -> String {
    String::from_utf8(all().redact(record.as_bytes()).bytes.into_owned()).unwrap()
}

#[test]
fn what_is_sensitive_is_found_in_text() {
    for (record, wanted) in [
        ("mail from ana.b+c@example.co.uk, ok", "mail from [redacted:email], ok"),
        ("GET /?to=ana%40example.com", "GET /?to=[redacted:email]"),
        ("from 192.0.2.17:443", "from [redacted:ipv4]:443"),
        ("from [2001:db8::17]:443 and fe80::1%eth0", "from [[redacted:ipv6]]:443 and [redacted:ipv6]%eth0"),
        ("card 4111 1111 1111 1111 and 5500-0000-0000-0004", "card [redacted:card] and [redacted:card]"),
        ("ssn 078-05-1120", "ssn [redacted:national_id]"),
        ("key AKIAIOSFODNN7EXAMPLE used", "key [redacted:token] used"),
        (
            "aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            "aws_secret_access_key = [redacted:token]",
        ),
        ("Authorization: Bearer abcdef.123456-xyz", "Authorization: Bearer [redacted:token]"),
        ("postgres://app:hunter2@db/x", "postgres://app:[redacted:token]@db/x"),
        ("login password='hunter 2' done", "login password='[redacted:token]' done"),
        (r#"{"password":"say \"it's me\"","#, r#"{"password":"[redacted:token]","#),
        (r#"{\\\"password\\\":\\\"hunter2\\\"}"#, r#"{\\\"password\\\":\\\"[redacted:token]\\\"}"#),
        ("login pwd=hunter2&x=1", "login pwd=[redacted:token]&x=1"),
        ("see TKT-123 of user=ana.", "see [redacted:ticket] of user=[redacted:user]."),
        (
            "msg=\"{\\u0022to\\u0022: \\u0022ana\\u0040example.com\\u0022}\"",
            "msg=\"{\"to\": \"[redacted:email]\"}\"",
        ),
    ] {
        assert_eq!(shown(record), wanted);
    }
    let key = "x -----BEGIN RSA PRIVATE KEY-----\nMIIE\nabc\n-----END RSA PRIVATE KEY----- y";
    assert_eq!(shown(key), "x [redacted:token] y");
}

#[test]
fn what_only_looks_like_it_stays() {
    for record in [
        "2026-11-23T14:05:06.789Z took 12:30:45",
        "order 4111 1111 1111 1112 of 1700000000123",
        "ssn 000-12-3456 and 666-12-3456",
        "version 1.2.3 and 1.2.3.400",
        "git 3e02f1a4c9b8d7e6f5a4b3c2d1e0f9a8b7c6d5e4",
        "std::io::Error at a::b",
        "the password was wrong",
    ] {
        assert_eq!(all().redact(record.as_bytes()).counts.total(), 0, "{record}: {}", shown(record));
    }
}

#[test]
fn records_of_json_are_read_as_what_they_say_and_stay_json() {
    for (record, wanted) in [
        (r#"{"a":"ana\u0040example.com","n":1.50}"#, r#"{"a":"[redacted:email]","n":1.50}"#),
        (r#"{"pan":4111111111111111,"n":17}"#, r#"{"pan":"[redacted:card]","n":17}"#),
        (
            r#"{"userPassword":"x","api_key":17,"tokens":["a",{"x":1}],"has_token":true}"#,
            r#"{"userPassword":"[redacted:token]","api_key":"[redacted:token]","tokens":["[redacted:token]",{"x":"[redacted:token]"}],"has_token":true}"#,
        ),
        (
            r#"{"user":{"name":"Ana","id":7},"items":[{"owner":{"x":1}},{"owner":null}]}"#,
            r#"{"user":{"name":"[redacted:path]","id":7},"items":[{"owner":"[redacted:path]"},{"owner":null}]}"#,
        ),
        (r#"{"ana@example.com":"1"}"#, r#"{"[redacted:email]":"1"}"#),
        (r#"{"deep":[[{"x":"say \"192.0.2.1\""}]]}"#, r#"{"deep":[[{"x":"say \"[redacted:ipv4]\""}]]}"#),
    ] {
        let redacted = shown(record);
        let (found, wanted): (Value, Value) =
            (serde_json::from_str(&redacted).unwrap(), serde_json::from_str(wanted).unwrap());
        assert_eq!(found, wanted);
    }
    // The first of two members with one name is read by nobody, but stands there.
    assert!(!shown(r#"{"a":"ana@example.com","a":"x"}"#).contains("ana@"));
    assert!(!shown(r#"{"user":{"name":"Ana"},"user":1}"#).contains("Ana"));
    let untouched = br#"{ "a" : 1.50, "b":"\u00e9" }"#;
    assert_eq!(all().redact(untouched), Redacted::untouched(untouched));
}

#[test]
fn a_secret_in_a_name_below_the_name_of_a_secret_does_not_leave() {
    let record = r#"{"token": {"na | hvs.CAESIJ8k9l0m1n2o3p4q5r6s | me": "x", "id": 7}}"#;
    assert_eq!(
        shown(record),
        r#"{"token":{"na | [redacted:token] | me":"[redacted:token]","id":"[redacted:token]"}}"#
    );
}

#[test]
fn what_is_redacted_counts_for_the_rule_that_did_it() {
    let record = r#"{"user":{"name":"Ana"},"a":"x@example.com, y@example.com","items":[{"owner":1},{"owner":2}],"pwd":"x","t":"TKT-1"}"#;
    let counts = all().redact(record.as_bytes()).counts;
    let wanted = [("email", 2), ("items.owner", 2), ("ticket", 1), ("token", 1), ("user.name", 1)];
    assert_eq!((counts.iter().collect::<Vec<_>>(), counts.total()), (wanted.to_vec(), 7));
    let text = all().redact(br#"said {"user":{"name":"Ana" of x@example.com"#).counts;
    assert_eq!(text.iter().collect::<Vec<_>>(), [("email", 1), ("user.name", 1)]);
    assert_eq!(all().redact(b"a\0").counts.iter().collect::<Vec<_>>(), [("binary", 1)]);
}

#[test]
fn much_to_look_at_is_looked_at_on_the_threads_for_computing() {
    let threads = Arc::new(Threads::new(1));
    let read = |object: Vec<u8>| {
        let piece = futures::stream::iter([Ok(bytes::Bytes::from(object))]);
        let body = stream::of(all(), futures::StreamExt::boxed(piece), Arc::clone(&threads));
        let pieces: Vec<_> = futures::executor::block_on(futures::StreamExt::collect(body));
        pieces.into_iter().flat_map(Result::unwrap).collect::<Vec<u8>>()
    };
    assert_eq!(read(b"to ana@example.com\n".to_vec()), b"to [redacted:email]\n");
    // The threads begin with the first work.
    assert!(format!("{threads:?}").contains("uninit"), "{threads:?}");
    let large = [&b"to ana@example.com ".repeat(2000)[..], b"\n"].concat();
    assert_eq!(read(large), [&b"to [redacted:email] ".repeat(2000)[..], b"\n"].concat());
    assert!(!format!("{threads:?}").contains("uninit"), "{threads:?}");
}

#[test]
fn a_private_key_on_lines_of_its_own_leaves_no_line() {
    let text = b"a\n-----BEGIN EC PRIVATE KEY-----\nMHcCAQEE\nIIrYSSNQ\n-----END EC PRIVATE KEY-----\nb\n";
    let mut stream = RedactStream::new(all());
    let out = [stream.push(text), stream.finish()].concat();
    assert_eq!(String::from_utf8(out).unwrap(), "a\n[redacted:token]\nb\n");
}

#[test]
fn a_line_that_is_too_long_to_be_looked_at_does_not_leave() {
    let mut stream = RedactStream::new(all());
    let mut out = stream.push(b"first\n");
    for _ in 0..9 {
        out.extend(stream.push(&b"ana@example.com ".repeat(65_536)));
    }
    out.extend(stream.push(b"\nlast"));
    out.extend(stream.finish());
    assert_eq!(String::from_utf8(out).unwrap(), "first\n[redacted:line-too-long]\nlast");
}

#[test]
fn what_is_compressed_once_more_does_not_leave_whole() {
    let inner =
        zstd::encode_all(&b"mail ana@example.com, and again ana@example.com".repeat(20)[..], 1).unwrap();
    let shown = all().redact(&inner).bytes.into_owned();
    assert!(String::from_utf8(shown.clone()).is_ok() && zstd::decode_all(&shown[..]).is_err());
}

#[test]
fn an_expression_that_is_none_is_refused() {
    let rules = |pattern: &str| RedactionRules {
        patterns: vec![("own".to_owned(), pattern.to_owned())],
        ..RedactionRules::default()
    };
    assert!(Redactor::new(&rules("(")).is_err());
    assert!(Redactor::new(&rules("(?:a{1000}){1000}")).is_err());
}

fn streamed(object: &[u8]) -> String {
    let mut stream = RedactStream::new(all());
    String::from_utf8_lossy(&[stream.push(object), stream.finish()].concat()).into_owned()
}

#[test]
fn a_path_is_found_in_a_record_within_a_document_and_over_several_lines() {
    for object in [
        r#"{"Records":[{"user":{"name":"Ana","id":7}}]}"#,
        r#"[{"user":{"name":"Ana","id":7}}]"#,
        "{\n  \"user\": {\n    \"name\": \"Ana\",\n    \"id\": 7\n  }\n}\n",
        r#"2026-11-23T10:00:00Z INFO {"user":{"name":"Ana","id":7}}"#,
        r#"{"user":{"name":"Ana","id":7}"#,
    ] {
        assert!(!streamed(object.as_bytes()).contains("Ana"), "{object}: {}", streamed(object.as_bytes()));
    }
}

#[test]
fn what_cannot_be_looked_at_does_not_leave() {
    let utf16: Vec<u8> = "mail ana@example.com\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let shown = streamed(&utf16).replace('\0', "");
    assert!(!shown.contains("ana@example.com"), "{shown}");
    let inner = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03abcdef\nrest of it";
    assert!(!streamed(inner).contains("rest of it"), "{}", streamed(inner));
    let xz = b"\xfd7zXZ\x00\x00\x04abcdef\nrest of it";
    assert!(!streamed(xz).contains("rest of it"), "{}", streamed(xz));
}

const SECRETS: [&str; 9] = [
    "ana.b@example.com",
    "192.0.2.171",
    "2001:db8:17::42",
    "4111111111111111",
    "078-05-1120",
    "AKIAIOSFODNN7EXAMPLE",
    "ghp_abcdefghijklmnopqrstuvwxyz0123456789",
    "eyJhbGciOiJI.eyJzdWIiOiIx.c2lnbmF0dXJl",
    "TKT-4711",
];

fn frame(kind: u8, before: &str, secret: &str, after: &str) -> String {
    match kind {
        0 => format!("{before} {secret} {after}\n"),
        1 => {
            serde_json::json!({ "a": before, "b": [format!("{after} {secret} {before}")] }).to_string() + "\n"
        }
        2 => format!("{before} \"{secret}\", {after}\r\n"),
        _ => {
            let escaped = escaped(secret);
            format!("{{\"x\":{{\"y\":\"{escaped}\"}}}}\n")
        }
    }
}

#[test]
fn what_an_expression_takes_out_of_the_text_of_json_leaves_json() {
    for (record, pattern) in [
        ("{\"text\":\" \\u000b@\u{a1}.\u{a1}\"}", "none"),
        (r#"{"user":"mallory","n":1}"#, r#""user":"[^"]*""#),
    ] {
        let rules = RedactionRules {
            detectors: Detector::ALL.to_vec(),
            patterns: vec![("user".to_owned(), pattern.to_owned())],
            json_paths: Vec::new(),
        };
        let redacted = Redactor::new(&rules).unwrap().redact(record.as_bytes()).bytes.into_owned();
        assert!(serde_json::from_slice::<Value>(&redacted).is_ok(), "{}", String::from_utf8_lossy(&redacted));
        assert!(!String::from_utf8_lossy(&redacted).contains("mallory"));
    }
}

proptest! {
    #[test]
    fn no_seeded_secret_leaves_in_any_chunking(
        records in prop::collection::vec((0_u8..4, "[a-zé漢 ]{0,20}", 0_usize..SECRETS.len(), "[a-zé漢 ]{0,20}"), 1..20),
        chunk in 1_usize..200,
    ) {
        let text: String = records.iter().map(|(kind, before, at, after)| frame(*kind, before, SECRETS[*at], after)).collect();
        let mut stream = RedactStream::new(all());
        let mut out: Vec<u8> = text.as_bytes().chunks(chunk).flat_map(|piece| stream.push(piece)).collect();
        out.extend(stream.finish());
        let out = String::from_utf8(out).unwrap();
        for secret in SECRETS {
            prop_assert!(!out.contains(secret), "{} in {}", secret, out);
            let escaped = escaped(secret);
            prop_assert!(!out.contains(&escaped), "{} in {}", secret, out);
        }
        prop_assert_eq!(out.matches("[redacted:").count(), records.len());
        prop_assert_eq!(out.lines().count(), records.len());
    }

    #[test]
    fn no_bytes_end_the_program_and_json_stays_json(record in prop::collection::vec(any::<u8>(), 0..80), text in ".{0,60}") {
        let _either = all().redact(&record);
        let json = serde_json::json!({ "text": text }).to_string();
        let redacted = all().redact(json.as_bytes());
        prop_assert!(serde_json::from_slice::<Value>(&redacted.bytes).is_ok());
    }
}
