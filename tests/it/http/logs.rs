//! `GET /api/v1/logs`.

use std::io::Write;
use std::path::Path;

use bytes::Bytes;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

use crate::harness::app::{Answer, Caller, Setup, TestApp, directory};
use crate::harness::azurite::Azurite;
use crate::harness::fake_gcs::fake_gcs;
use crate::harness::four::{BUCKETS, HIDDEN};
use crate::harness::ministack::ministack;

pub const DAY: &str = "from=2026-11-23T00:00:00Z&to=2026-11-24T00:00:00Z";

/// Reads whatever lies below `team-a/`.
pub const READER: &str = r#"
@id("readers")
permit (principal in Group::"team-a", action in [Action::"ListObjects", Action::"ReadObject"], resource);
"#;

/// An answer, line by line.
pub struct Search {
    pub records: Vec<Value>,
    pub summary: Value,
}

#[track_caller]
pub fn told(answer: &Answer) -> Search {
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("content-type"), "application/x-ndjson");
    let text = answer.text();
    let mut lines: Vec<Value> =
        text.lines().map(|line| serde_json::from_str(line).expect("JSON on each line")).collect();
    let summary = lines.pop().expect("a summary");
    assert_eq!(summary["type"], "summary", "{summary}");
    assert!(lines.iter().all(|line| line["type"] == "record"));
    Search { records: lines, summary }
}

impl Search {
    pub fn lines(&self) -> Vec<&str> {
        self.records.iter().map(|record| record["line"].as_str().expect("a line")).collect()
    }
}

pub async fn search(caller: &Caller, query: &str) -> Search {
    told(&caller.get(&format!("/api/v1/logs?{DAY}&{query}")).await)
}

/// The application over one directory.
pub async fn over_directory(files: &[(&str, Vec<u8>)], more: &str) -> TestApp {
    let root = directory().join("bucket");
    for (key, bytes) in files {
        put_file(&root, key, bytes);
    }
    over_root(&root, more).await
}

/// The application over a directory that is there.
pub async fn over_root(root: &Path, more: &str) -> TestApp {
    let mut setup = Setup { policies: READER.to_owned(), ..Setup::default() }.file("file-logs", root);
    setup.settings += more;
    setup.start().await
}

pub fn put_file(root: &Path, key: &str, bytes: &[u8]) {
    let path = root.join(key);
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    std::fs::write(path, bytes).expect("a file");
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

/// As small as gzip can make it.
fn squeezed(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

fn at(second: u32) -> String {
    format!("2026-11-23T{:02}:{:02}:{:02}Z", second / 3600, second / 60 % 60, second % 60)
}

/// What is put into one bucket: for each object whether it is compressed how, and the seconds of its lines.
type Objects = Vec<(u8, Vec<u16>)>;

fn content(
    bucket: usize,
    object: usize,
    (coding, seconds): &(u8, Vec<u16>),
) -> (String, Vec<u8>, Vec<String>) {
    let mut seconds = seconds.clone();
    seconds.sort_unstable();
    let line = |(number, second): (usize, &u16)| {
        let noise = "x".repeat(usize::from(*second) % 90);
        format!(
            "{} b{bucket} o{object} n{number:04} {noise} {}",
            at((*second).into()),
            if number % 3 == 0 { "hit" } else { "miss" }
        )
    };
    let lines: Vec<String> = seconds.iter().enumerate().map(line).collect();
    let text = lines.iter().fold(String::new(), |text, line| text + line + "\n").into_bytes();
    let bytes = match coding {
        0 => text,
        1 => gzip(&text),
        2 => [gzip(&text[..text.len() / 2]), gzip(&text[text.len() / 2..])].concat(),
        _ => zstd::encode_all(&text[..], 1).expect("memory"),
    };
    (format!("team-a/o{object}.log"), bytes, lines)
}

/// The lines of all objects in the order of `sort -m`: by time, then by bucket, object and place.
fn merged(mut objects: Vec<(&str, String, Vec<String>)>) -> Vec<String> {
    objects.sort_by_key(|(bucket, key, _)| ((*bucket).to_owned(), key.clone()));
    let mut all: Vec<String> = objects.into_iter().flat_map(|(_, _, lines)| lines).collect();
    all.sort_by_key(|line| line.get(..20).map(str::to_owned));
    all
}

#[tokio::test]
async fn one_question_to_three_clouds_and_a_directory_is_answered_in_order_of_time() {
    let (s3, gcs, azurite) = (ministack().await, fake_gcs().await, Azurite::shared().await);
    let (aws, gcp, azure) = (s3.make_bucket().await, gcs.make_bucket().await, azurite.container().await);
    let root = directory().join("bucket");
    let app = Setup { policies: READER.to_owned(), ..Setup::default() }
        .aws("aws-logs", &aws, s3.endpoint())
        .gcp("gcp-logs", &gcp, gcs.endpoint())
        .azure("azure-logs", &azure, &azurite.endpoint())
        .file("file-logs", &root)
        .start()
        .await;
    let mut runner = TestRunner::deterministic();
    let strategy = prop::collection::vec(
        prop::collection::vec((0..4_u8, prop::collection::vec(0..3000_u16, 0..800)), 1..4),
        4..5,
    );
    let buckets: Vec<Objects> = strategy.new_tree(&mut runner).expect("a case").current();
    let mut wanted = Vec::new();
    for (at, objects) in buckets.iter().enumerate() {
        for (number, object) in objects.iter().enumerate() {
            let (key, bytes, lines) = content(at, number, object);
            match BUCKETS[at] {
                "aws-logs" => s3.put(&aws, &key, bytes).await,
                "gcp-logs" => gcs.put(&gcp, &key, Bytes::from(bytes)).await,
                "azure-logs" => azurite.put(&azure, &key, bytes).await,
                _ => put_file(&root, &key, &bytes),
            }
            wanted.push((BUCKETS[at], key, lines));
        }
    }
    let ana = app.caller("ana", &["team-a"]);
    answers_everything(&ana, &merged(wanted)).await;
}

/// Asks for everything, for some of it, for a part of the time, the other way round, and page by page.
async fn answers_everything(ana: &Caller, wanted: &[String]) {
    let all = BUCKETS.map(|bucket| format!("bucket={bucket}")).join("&");
    let found = search(ana, &all).await;
    assert_eq!(found.lines(), wanted);
    assert_eq!(found.summary["complete"], true, "{}", found.summary);
    assert_eq!(found.summary["records"], wanted.len());
    let hits: Vec<_> = wanted.iter().filter(|line| line.ends_with("hit")).collect();
    assert_eq!(search(ana, &format!("{all}&q=hit")).await.lines(), hits);
    let back = search(ana, &format!("{all}&q=hit&order=desc")).await;
    assert_eq!(back.lines().into_iter().rev().collect::<Vec<_>>(), hits);
    let some: Vec<_> = wanted
        .iter()
        .filter(|line| {
            ("2026-11-23T00:10:00Z".."2026-11-23T00:20:00Z").contains(&line.get(..20).expect("a time"))
        })
        .collect();
    let part = told(
        &ana.get(&format!("/api/v1/logs?from=2026-11-23T00:10:00Z&to=2026-11-23T00:20:00Z&{all}")).await,
    );
    assert_eq!(part.lines(), some);
    for order in ["asc", "desc"] {
        let mut pages = Vec::new();
        let mut cursor = String::new();
        loop {
            let page = search(ana, &format!("{all}&q=hit&limit=37&order={order}{cursor}")).await;
            pages.extend(
                page.records.iter().map(|record| record["line"].as_str().expect("a line").to_owned()),
            );
            let Some(next) = page.summary["cursor"].as_str() else { break };
            assert_eq!((&page.summary["reason"], page.records.len()), (&json!("limit"), 37));
            cursor = format!("&cursor={next}");
        }
        if order == "desc" {
            pages.reverse();
        }
        assert_eq!(pages.iter().collect::<Vec<_>>(), hits, "{order}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn whatever_lies_in_the_objects_comes_out_merged(
        objects in prop::collection::vec((0..4_u8, prop::collection::vec(0..3000_u16, 0..400)), 1..12),
        needle in prop::sample::select(vec!["", "hit", "miss", "n00", "b0", "not hit", "o1 or o2", "/n0+3 /"]),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let made: Vec<_> = objects.iter().enumerate().map(|(number, object)| content(0, number, object)).collect();
            let files: Vec<_> = made.iter().map(|(key, bytes, _)| (key.as_str(), bytes.clone())).collect();
            let app = over_directory(&files, "[search]\nopen_objects = 12\nobjects_ahead = 2\nconnections = 3\n").await;
            let wanted = merged(made.iter().map(|(key, _, lines)| ("file-logs", key.clone(), lines.clone())).collect());
            let holds = |line: &&String| match needle {
                "not hit" => !line.contains("hit"),
                "o1 or o2" => line.contains("o1") || line.contains("o2"),
                "/n0+3 /" => line.contains("n0003 "),
                needle => line.contains(needle),
            };
            let wanted: Vec<_> = wanted.iter().filter(holds).collect();
            let q: String = url::form_urlencoded::byte_serialize(needle.as_bytes()).collect();
            let found = search(&app.caller("ana", &["team-a"]), &format!("bucket=file-logs&q={q}")).await;
            assert_eq!(found.lines(), wanted);
            assert_eq!(&found.summary["complete"], true, "{}", found.summary);
        });
    }
}

#[tokio::test]
async fn every_record_tells_where_it_stands_so_that_it_can_be_read_again() {
    let text = "2026-11-23T10:00:00.5Z first\r\n2026-11-23T10:00:01+02:00 zwei 日本\n\tat a stack\n\nat its end\n2026-11-23T10:00:02Z last";
    let app = over_directory(&[("a/app.log.gz", gzip(text.as_bytes()))], "").await;
    let ana = app.caller("ana", &["team-a"]);
    let found = search(&ana, "bucket=file-logs/a/&order=desc").await;
    assert_eq!(
        found.lines(),
        [
            "2026-11-23T10:00:02Z last",
            "2026-11-23T10:00:00.5Z first",
            "2026-11-23T10:00:01+02:00 zwei 日本\n\tat a stack\n\nat its end",
        ]
    );
    assert_eq!(found.records[1]["time"], "2026-11-23T10:00:00.5Z");
    assert_eq!(found.records[2]["time"], "2026-11-23T08:00:01Z");
    for record in &found.records {
        let (offset, length) =
            (record["offset"].as_u64().expect("a number"), record["length"].as_u64().expect("a number"));
        let (offset, length) =
            (usize::try_from(offset).expect("small"), usize::try_from(length).expect("small"));
        assert_eq!(text.get(offset..offset + length), record["line"].as_str());
        let reference = record["ref"].as_str().expect("a reference");
        assert!(reference.starts_with("file/file-logs/a/app.log.gz@"), "{reference}");
        assert!(reference.ends_with(&format!("#{offset}+{length}")), "{reference}");
    }
    let stack = search(&ana, "bucket=file-logs&q=%22a+stack%22").await;
    assert_eq!(stack.records.len(), 1, "a line of a stack trace belongs to its record");
    assert_eq!(stack.records[0]["time"], "2026-11-23T08:00:01Z");
}

#[tokio::test]
async fn fields_are_compared_and_told() {
    let lines = [
        json!({"time": "2026-11-23T10:00:00Z", "level": "ERROR", "status": 503, "req": {"path": "/pay", "ms": 12.5}}),
        json!({"time": "2026-11-23T10:00:01Z", "level": "INFO", "status": 200, "req": {"path": "/pay"}}),
        json!({"time": "2026-11-23T10:00:02Z", "level": "error", "status": 500}),
    ];
    let text = lines.iter().fold(String::new(), |text, line| text + &format!("{line}\n"));
    let escaped = r#"{"time":"2026-11-23T10:00:03Z","level":"\u0045RROR","status":5e2}"#;
    let app = over_directory(&[("app.json", (text + escaped).into_bytes())], "").await;
    let ana = app.caller("ana", &["team-a"]);
    for (q, seconds) in [
        ("level=ERROR", vec![0, 3]),
        ("level=ERROR&case=insensitive", vec![0, 2, 3]),
        ("status>=500", vec![0, 2, 3]),
        ("status=500", vec![2, 3]),
        ("req.path~pay+status<300", vec![1]),
        ("req.path=*", vec![0, 1]),
        ("not+level=INFO+and+not+req.path=*", vec![2, 3]),
        ("level!=INFO", vec![0, 2, 3]),
        ("level~/^err/+or+req.ms>12", vec![0, 2]),
    ] {
        let q = q.replace('=', "%3D").replace("&case%3D", "&case=").replace('<', "%3C").replace('>', "%3E");
        let found = search(&ana, &format!("bucket=file-logs&q={q}")).await;
        let times: Vec<_> =
            found.records.iter().map(|record| record["time"].as_str().expect("a time")).collect();
        let wanted: Vec<_> = seconds.iter().map(|second| format!("2026-11-23T10:00:0{second}Z")).collect();
        assert_eq!(times, wanted, "{q}");
    }
    let found = search(&ana, "bucket=file-logs&fields=level,req.ms,nothing&limit=1").await;
    assert_eq!(found.records[0]["fields"], json!({"level": "ERROR", "req.ms": 12.5}));
}

#[tokio::test]
async fn records_around_a_match_are_told_as_such() {
    let text: String = (0..9).fold(String::new(), |text, n| text + &format!("{} line {n}\n", at(n)));
    let app = over_directory(&[("app.log", text.into_bytes())], "").await;
    let found =
        search(&app.caller("ana", &["team-a"]), "bucket=file-logs&q=%22line+4%22&before=2&after=1").await;
    let lines: Vec<_> = found
        .records
        .iter()
        .map(|r| (r["line"].as_str().expect("a line").chars().last(), r["context"] == true))
        .collect();
    assert_eq!(lines, [(Some('2'), true), (Some('3'), true), (Some('4'), false), (Some('5'), true)]);
    assert_eq!(found.summary["records"], 1);
}

#[tokio::test]
async fn whoever_asks_for_what_they_may_not_read_is_told_which_place_and_gets_nothing() {
    let app = crate::harness::four::start().await;
    let ana = app.caller("ana", &["team-a"]);
    for bucket in BUCKETS {
        let found = search(&ana, &format!("bucket={bucket}/team-a/&q=this")).await;
        assert!(!found.records.is_empty(), "{bucket}");
        let refused =
            ana.get(&format!("/api/v1/logs?{DAY}&bucket={bucket}/team-a/&bucket={bucket}/team-b/")).await;
        let problem = refused.problem(403, "forbidden");
        assert!(problem["detail"].as_str().expect("text").contains("team-b/"), "{problem}");
        ana.get(&format!("/api/v1/logs?{DAY}&bucket={bucket}")).await.problem(403, "forbidden");
        let lister = app.caller("lis", &["listers"]);
        lister.get(&format!("/api/v1/logs?{DAY}&bucket={bucket}/team-a/")).await.problem(403, "forbidden");
        let half = ana.get(&format!("/api/v1/logs?{DAY}&bucket={bucket}/team-a")).await;
        half.problem(403, "forbidden");
        for (_, canary) in HIDDEN {
            assert!(!half.text().contains(canary));
        }
    }
    app.caller("eve", &[])
        .get(&format!("/api/v1/logs?{DAY}&bucket=aws-logs"))
        .await
        .problem(404, "not-found");
    ana.get(&format!("/api/v1/logs?{DAY}&bucket=no-such")).await.problem(404, "not-found");
}

#[tokio::test]
async fn objects_that_a_narrower_policy_withholds_are_counted_and_not_named() {
    let line = |text: &str| format!("2026-11-23T10:00:00Z {text}\n").into_bytes();
    let files =
        [("a/app.log", line("mine")), ("a/secret/app.log", line("CANARY")), ("a/z.log", line("CANARY"))];
    let root = directory().join("bucket");
    for (key, bytes) in &files {
        put_file(&root, key, bytes);
    }
    let policies = format!(
        "{READER}\n@id(\"not-secret\")\nforbid (principal, action == Action::\"ReadObject\", resource in Prefix::\"file-logs/a/secret/\");\n\
         @id(\"not-z\")\nforbid (principal, action == Action::\"ReadObject\", resource == Object::\"file-logs/a/z.log\");\n"
    );
    let app = Setup { policies, ..Setup::default() }.file("file-logs", &root).start().await;
    let ana = app.caller("ana", &["team-a"]);
    let answer = ana.get(&format!("/api/v1/logs?{DAY}&bucket=file-logs/a/")).await;
    let found = told(&answer);
    assert_eq!(found.lines(), ["2026-11-23T10:00:00Z mine"]);
    assert_eq!(found.summary["objects"]["skipped"]["withheld"], 2);
    assert_eq!((&found.summary["complete"], &found.summary["reason"]), (&json!(false), &json!("withheld")));
    assert!(!answer.text().contains("CANARY") && !answer.text().contains("secret"), "{}", answer.text());
    let plan = ana.get(&format!("/api/v1/logs/plan?{DAY}&bucket=file-logs/a/")).await.json();
    assert_eq!((&plan["objects"]["listed"], &plan["objects"]["read"]), (&json!(3), &json!(1)));
    assert_eq!(plan["first"].as_array().expect("a list").len(), 1);
}

#[tokio::test]
async fn damage_bombs_and_huge_lines_are_told_and_what_came_before_them_too() {
    let line = |n: u32| format!("{} line {n}\n", at(n));
    let text: String = (0..20_000).map(line).collect();
    let mut corrupt = gzip(text.as_bytes());
    let middle = corrupt.len() / 2;
    corrupt[middle..middle + 64].fill(0);
    let cut = gzip(text.as_bytes())[..middle].to_vec();
    let huge = format!("{}{} {}\n{}", line(1), at(2), "x".repeat(3_000_000), line(3)).into_bytes();
    let bomb = squeezed(&[line(1).into_bytes(), vec![b'0'; 40_000_000]].concat());
    for (name, bytes, word, least, failed) in [
        ("corrupt.log", corrupt, "damaged", 5_000, 1),
        ("cut.log", cut, "ends in the middle", 5_000, 1),
        ("huge.log", huge, "longer than allowed", 3, 0),
        ("bomb.log", bomb, "more than the limit", 1, 1),
    ] {
        let app = over_directory(&[(name, bytes), ("good.log", line(7).into_bytes())], "").await;
        let found = search(&app.caller("ana", &["team-a"]), "bucket=file-logs").await;
        assert!(found.records.len() > least, "{name}: {}", found.records.len());
        assert!(found.records.iter().any(|record| record["key"] == "good.log"), "{name}");
        assert_eq!(found.summary["complete"], false, "{name}: {}", found.summary);
        assert_eq!(found.summary["objects"]["skipped"]["failed"], failed, "{name}: {}", found.summary);
        let warning = found.summary["warnings"][0]["what"].as_str().expect("a warning");
        assert!(warning.contains(word), "{name}: {warning}");
        let longest = found.records.iter().map(|record| record["length"].as_u64().expect("a number")).max();
        assert!(longest <= Some(1_048_576), "{name}: {longest:?}");
    }
}

#[tokio::test]
async fn a_search_that_would_go_too_far_is_refused_before_anything_is_read() {
    let files: Vec<_> = (0..5).map(|n| (format!("a/{n}.log"), b"x\n".to_vec())).collect();
    let files: Vec<_> = files.iter().map(|(key, bytes)| (key.as_str(), bytes.clone())).collect();
    let app = over_directory(&files, "[search]\nmax_objects = 4\n").await;
    let ana = app.caller("ana", &["team-a"]);
    let refused = ana.get(&format!("/api/v1/logs?{DAY}&bucket=file-logs")).await;
    let problem = refused.problem(422, "search-too-large");
    assert!(problem["detail"].as_str().expect("text").contains("more than 4 objects"), "{problem}");
    ana.get(&format!("/api/v1/logs/plan?{DAY}&bucket=file-logs")).await.problem(422, "search-too-large");
    search(&ana, "bucket=file-logs/a/1").await;
}

#[tokio::test]
async fn what_is_wrong_with_a_search_is_said_all_at_once_with_the_column_of_the_filter() {
    let app = over_directory(&[], "").await;
    let ana = app.caller("ana", &["team-a"]);
    let asked = "from=yesterday&q=a+(b&order=up&limit=0&before=101&cursor=x&progress=1";
    let problem = ana.get(&format!("/api/v1/logs?{asked}")).await.problem(400, "invalid-request");
    let errors = problem["errors"].as_array().expect("errors");
    let fields: Vec<_> = errors.iter().map(|error| error["field"].as_str().expect("a name")).collect();
    for field in ["bucket", "from", "to", "q", "order", "limit", "before", "cursor", "progress"] {
        assert!(fields.contains(&field), "{field}: {problem}");
    }
    let filter = errors.iter().find(|error| error["field"] == "q").expect("the filter");
    assert_eq!(filter["message"], "column 3: this ( is not closed");
    for query in ["nonsense=1", "from=x&from=y", "q=%FF"] {
        ana.get(&format!("/api/v1/logs?{query}")).await.problem(400, "invalid-request");
    }
    ana.get("/api/v1/logs?bucket=file-logs&from=2026-11-23T00:00:00Z&to=2026-11-23T00:00:00Z")
        .await
        .problem(400, "invalid-request");
}
