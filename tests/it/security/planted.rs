//! Ten thousand secrets in the objects of a redacted bucket, and what leaves of them for somebody who may not see everything: nothing.

use std::io::Write;

use aho_corasick::AhoCorasick;

use crate::harness::app::{Caller, Setup, TestApp, directory};
use crate::http::logs::{DAY, gzip, put_file};

#[path = "../../../src/logs/redact/tests/secrets.rs"]
mod secrets;

use secrets::{FRAMES, KINDS, Numbers, record, secret};

const POLICIES: &str = r#"
@id("readers")
permit (principal in Group::"team-a", action in [Action::"ListObjects", Action::"ReadObject"], resource);
@id("owners")
permit (principal in Group::"owners", action, resource);
"#;

const RULES: &str = r#"
[buckets.file-logs.redaction]
detectors = ["email", "ipv4", "ipv6", "card", "token", "national_id"]
json_paths = ["user.name"]
[buckets.file-logs.redaction.patterns]
ticket = "TKT-[0-9]+"
"#;

/// Frames that are an object of JSON each.
const JSON_FRAMES: [usize; 4] = [1, 2, 4, 6];

/// What is read from the file at once, and what goes out at once, are multiples of this.
const BORDER: usize = 64 * 1024;

#[derive(Default)]
struct Planted {
    needles: Vec<String>,
    keys: Vec<String>,
}

impl Planted {
    /// Records with a secret in each.
    fn records(&mut self, frames: &[usize], count: usize, numbers: &mut Numbers) -> Vec<String> {
        let plant = |number: usize| {
            let (text, needle) = secret(number % KINDS, numbers);
            self.needles.push(needle);
            record(frames[number % frames.len()], &text, numbers)
        };
        (0..count).map(plant).collect()
    }

    /// Lines with a secret around each border.
    fn around_borders(&mut self, numbers: &mut Numbers) -> String {
        let mut object = String::new();
        for (number, place) in (BORDER - 64..=BORDER + 64).step_by(8).enumerate() {
            let (text, needle) = secret(number % KINDS, numbers);
            let line = record(number % FRAMES, &text, numbers);
            let at = number * BORDER + place - line.find(&needle).unwrap_or(0) - 1;
            let front = at.saturating_sub(object.len());
            object.extend([
                "é".repeat(front / 2),
                ".".repeat(front % 2),
                "\n".to_owned(),
                line,
                "\n".to_owned(),
            ]);
            self.needles.push(needle);
        }
        object
    }

    fn put(&mut self, root: &std::path::Path, key: String, bytes: &[u8]) {
        put_file(root, &key, bytes);
        self.keys.push(key);
    }
}

/// Every coding that is read, by the name of its object.
fn codings(plain: &[u8]) -> [(&'static str, Vec<u8>); 5] {
    let mut bzip2 = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    bzip2.write_all(plain).expect("a buffer takes everything");
    let mut snappy = snap::write::FrameEncoder::new(Vec::new());
    snappy.write_all(plain).expect("a buffer takes everything");
    [
        ("plain", plain.to_vec()),
        ("gzip", gzip(plain)),
        ("zstd", zstd::encode_all(plain, 1).expect("a buffer takes everything")),
        ("bzip2", bzip2.finish().expect("a buffer takes everything")),
        ("snappy", snappy.into_inner().expect("a buffer takes everything")),
    ]
}

async fn app() -> (TestApp, Planted) {
    let root = directory().join("bucket");
    let (mut planted, mut numbers) = (Planted::default(), Numbers(15));
    let every: Vec<usize> = (0..FRAMES).collect();
    for shape in ["lines", "json", "document"] {
        for coding in 0..5 {
            let records =
                planted.records(if shape == "lines" { &every } else { &JSON_FRAMES }, 672, &mut numbers);
            let text = match shape {
                "document" => format!("{{\"Records\":[\n{}\n]}}\n", records.join(",\n")),
                _ => records.join("\n") + "\n",
            };
            let (name, bytes) = &codings(text.as_bytes())[coding];
            planted.put(&root, format!("a/{shape}.{name}"), bytes);
        }
    }
    let borders = planted.around_borders(&mut numbers);
    planted.put(&root, "b/borders.log".to_owned(), borders.as_bytes());
    let mut setup = Setup { policies: POLICIES.to_owned(), ..Setup::default() }.file("file-logs", &root);
    setup.settings += RULES;
    (setup.start().await, planted)
}

/// Everything that a search and decoded reads tell.
async fn everything(caller: &Caller, keys: &[String]) -> Vec<String> {
    let mut told = Vec::new();
    for ask in ["", "&q=x&before=2&after=1&fields=msg,payload,user.name"] {
        told.push(caller.get(&format!("/api/v1/logs?{DAY}&bucket=file-logs{ask}")).await.text());
    }
    told.push(caller.get(&format!("/api/v1/logs/histogram?{DAY}&bucket=file-logs&by=msg")).await.text());
    for key in keys {
        told.push(caller.get(&format!("/api/v1/buckets/file-logs/objects/{key}?decode=true")).await.text());
    }
    told
}

#[tokio::test]
async fn of_ten_thousand_planted_secrets_none_leaves_by_a_search_or_a_decoded_read() {
    let (app, planted) = app().await;
    assert!(planted.needles.len() > 10_000, "{} secrets", planted.needles.len());
    let finder = AhoCorasick::new(&planted.needles).expect("the needles can be looked for");
    for (number, text) in everything(&app.caller("ana", &["team-a"]), &planted.keys).await.iter().enumerate()
    {
        assert!(text.contains("[redacted:") || text.contains("\"summary\""), "{number}: {text:.300}");
        let left: Vec<_> =
            finder.find_iter(text).map(|found| &planted.needles[found.pattern().as_usize()]).collect();
        assert!(left.is_empty(), "answer {number}: {left:?}");
    }
    // They are there: whoever sees everything finds all but those that stand in escapes.
    let mut seen = vec![false; planted.needles.len()];
    for text in everything(&app.caller("ida", &["owners"]), &planted.keys).await {
        finder.find_iter(&text).for_each(|found| seen[found.pattern().as_usize()] = true);
    }
    let found = seen.iter().filter(|seen| **seen).count();
    assert!(found > planted.needles.len() / 2, "only {found} of {} are there", planted.needles.len());
}
