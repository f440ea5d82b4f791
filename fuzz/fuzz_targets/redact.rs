//! Redaction: JSON stays JSON, what has nothing to hide stays as it is, objects come out alike in any chunking, and a secret that is
//! written down anywhere does not leave.
#![no_main]

use std::sync::{Arc, LazyLock};

use libfuzzer_sys::fuzz_target;
use logboom::logs::redact::detect::Detector;
use logboom::logs::redact::stream::RedactStream;
use logboom::logs::redact::{RedactionRules, Redactor};
use logboom_fuzz::{decoding, planted};
use serde_json::Value;

static REDACTOR: LazyLock<Arc<Redactor>> = LazyLock::new(|| {
    let rules = RedactionRules {
        detectors: Detector::ALL.to_vec(),
        patterns: vec![("ticket".to_owned(), "TKT-[0-9]+".to_owned())],
        json_paths: vec!["user.name".to_owned(), "items.owner".to_owned()],
    };
    Arc::new(Redactor::new(&rules).expect("the rules are good"))
});

fuzz_target!(|data: &[u8]| {
    let redacted = REDACTOR.redact(data);
    if redacted.counts.is_empty() {
        // Where a name may stand twice JSON is written anew, so that only what was looked at is there.
        let text = String::from_utf8_lossy(data);
        assert!(redacted.bytes == text.as_bytes() || same_json(&redacted.bytes, text.as_bytes()));
    }
    if is_json(data) {
        assert!(is_json(&redacted.bytes), "{}", String::from_utf8_lossy(&redacted.bytes));
    }
    any_chunking(data);
    let Some((which, around)) = data.split_first() else { return };
    let Ok(around) = std::str::from_utf8(around) else { return };
    let at = decoding::Cuts::of(data).next() % (around.len() + 1);
    // A secret that the input holds already can be part of a longer word, which is none.
    if planted::SECRETS.iter().any(|secret| around.contains(secret)) {
        return;
    }
    let (before, after) = around.split_at(around.floor_char_boundary(at));
    for (secret, record) in planted::records(*which, before, after) {
        let shown = REDACTOR.redact(&record).bytes.into_owned();
        let shown = String::from_utf8_lossy(&shown);
        assert!(!shown.contains(&secret), "{secret} leaves {}", String::from_utf8_lossy(&record));
        let mut stream = RedactStream::new(Arc::clone(&REDACTOR));
        let mut out = stream.push(&record);
        out.extend(stream.finish());
        assert!(!String::from_utf8_lossy(&out).contains(&secret), "{secret} leaves the object");
    }
});

fn json(text: &[u8]) -> Option<Value> {
    serde_json::from_slice(text).ok()
}

fn same_json(one: &[u8], other: &[u8]) -> bool {
    json(one).is_some_and(|one| Some(one) == json(other))
}

fn is_json(text: &[u8]) -> bool {
    json(text).is_some_and(|value| value.is_object() || value.is_array() || value.is_string())
}

fn any_chunking(object: &[u8]) {
    let read = |pieces: &[&[u8]]| {
        let mut stream = RedactStream::new(Arc::clone(&REDACTOR));
        let mut out: Vec<u8> = pieces.iter().flat_map(|piece| stream.push(piece)).collect();
        out.extend(stream.finish());
        out
    };
    assert_eq!(read(&[object]), read(&decoding::cut(object)));
}
