//! Values of JSON that a path names, over several lines and in text.

use super::*;

const DOCUMENT: &str = r#"{
  "user": {
    "name": {
      "first": "Ana \"}]\" {[",
      "more": [
        "Sofia",
        {}, [],
        -1.5e3, true, null
      ]
    },
    "id": 7
  },
  "items": [
    { "owner":
        "Ana" },
    { "owner":
        [ "Sofia",
          "Ana" ] },
    { "owner": [ "Ana", { "x":
      "Sofia" } ], "id": 8 }
  ],
  "end": "here"
}
"#;

fn hides_names(text: &str) {
    assert!(!text.contains("Ana") && !text.contains("Sofia"), "{text}");
}

#[test]
fn objects_and_lists_that_a_path_names_do_not_leave_over_lines_and_json_stays_json() {
    for document in [DOCUMENT.to_owned(), DOCUMENT.replace('\n', "\r\n")] {
        let out = streamed(document.as_bytes());
        hides_names(&out);
        let mark = "[redacted:path]";
        let wanted = serde_json::json!({
            "user": { "name": mark, "id": 7 }, "items": [{ "owner": mark }, { "owner": mark }, { "owner": mark, "id": 8 }], "end": "here",
        });
        // A value on a line of its own goes with that line, so that this part is no JSON any more.
        let own_line = document
            .replace("\"owner\":\n        \"Ana\"", "\"owner\": \"Ana\"")
            .replace("\"owner\":\n        [", "\"owner\": [");
        let own_line = own_line
            .replace("\"owner\":\r\n        \"Ana\"", "\"owner\": \"Ana\"")
            .replace("\"owner\":\r\n        [", "\"owner\": [");
        let found: Value = serde_json::from_str(&streamed(own_line.as_bytes())).unwrap();
        assert_eq!(found, wanted);
        let mut across = across::Across::default();
        for line in document.lines() {
            hides_names(&String::from_utf8_lossy(&all().redact_next(line.as_bytes(), &mut across).bytes));
        }
        for size in [1, 7, 50] {
            let mut stream = RedactStream::new(all());
            let mut pieces: Vec<u8> =
                document.as_bytes().chunks(size).flat_map(|piece| stream.push(piece)).collect();
            pieces.extend(stream.finish());
            assert_eq!(String::from_utf8(pieces).unwrap(), out);
        }
    }
}

#[test]
fn a_document_that_breaks_off_hides_nothing_of_what_follows() {
    for begun in [
        "{\"user\":{\"name\":{\"first\":\"Ana\",",
        "{\"user\":{\"name\":[\"Ana\"",
        "{\"name\":{\n\"first\":\"Ana",
        "{\"name\":{\"a\":1,\n\"b\": what",
    ] {
        let text = format!("{begun}\n{{\"n\":1}}\n{{\"n\":2}}\n2026-11-23T10:00:00Z text\n");
        let out = streamed(text.as_bytes());
        hides_names(&out);
        assert!(out.ends_with("\n{\"n\":1}\n{\"n\":2}\n2026-11-23T10:00:00Z text\n"), "{begun}: {out}");
    }
    let list = streamed(b"{\"name\":[\"Ana\",\n{\"n\":1}\n{\"n\":2}\n{\"n\":3}\n");
    assert!(list.ends_with("\n{\"n\":2}\n{\"n\":3}\n") && !list.contains("Ana"), "{list}");
}

#[test]
fn objects_and_lists_that_a_path_names_do_not_leave_in_text() {
    for (record, wanted) in [
        (
            r#"p={"user":{"name":{"first":"Ana"},"id":7}} end"#,
            r#"p={"user":{"name":"[redacted:path]","id":7}} end"#,
        ),
        (r#"p={"name": ["Ana", {"x": "So\"fia"}]} end"#, r#"p={"name": "[redacted:path]"} end"#),
        (r#"p="{\"name\":{\"x\":\"A\\\"na\"}}" end"#, r#"p="{\"name\":\"[redacted:path]\"}" end"#),
        (r#"p={"name":{first: Ana}} end"#, r#"p={"name":"[redacted:path]""#),
    ] {
        assert_eq!(shown(record), wanted);
    }
    let within =
        serde_json::json!({ "p": serde_json::json!({ "name": { "x": "Ana", "y": ["Sofia"] } }).to_string() });
    hides_names(&shown(&within.to_string()));
    let pretty =
        serde_json::to_string_pretty(&serde_json::json!({ "name": { "x": "Ana", "y": ["Sofia"] } })).unwrap();
    hides_names(&shown(&format!("p={} end", Value::from(pretty))));
}

fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        "[a-z\"\\\\\\[\\]{},:é\n ]{0,12}".prop_map(|text| Value::from(format!("SECRET{text}"))),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        let name = "[a-z\"\\\\ ]{0,4}";
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((name, inner), 0..4).prop_map(|members| Value::Object(
                members.into_iter().map(|(name, value)| (name + "SECRET", value)).collect()
            )),
        ]
    })
}

proptest! {
    #[test]
    fn no_value_that_a_path_names_leaves_however_it_is_written(value in values(), before in values(), depth in 0_usize..3) {
        let clean = |value: &Value| serde_json::from_str::<Value>(&value.to_string().replace("SECRET", "open")).unwrap();
        let mut document = serde_json::json!({ "a": clean(&before), "user": { "name": value, "id": 7 }, "z": [1, 2] });
        for _ in 0..depth {
            document = serde_json::json!([{ "d": document }]);
        }
        let pretty = serde_json::to_string_pretty(&document).unwrap();
        let out = streamed(pretty.as_bytes());
        prop_assert!(!out.contains("SECRET"), "{}", out);
        let mut read: Value = serde_json::from_str(&out).unwrap();
        for _ in 0..depth {
            read = read[0]["d"].take();
        }
        prop_assert_eq!(&read["user"]["id"], &Value::from(7));
        prop_assert_eq!(&read["z"], &serde_json::json!([1, 2]));
        let text = format!("p={document} end");
        prop_assert!(!shown(&text).contains("SECRET"));
        let text = format!("p={} end", Value::from(document.to_string()));
        prop_assert!(!shown(&text).contains("SECRET"), "{}", shown(&text));
    }
}
