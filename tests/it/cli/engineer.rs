//! The verbs of engineers: the real program against the real service.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::harness::app::{TestApp, directory};
use crate::http::logs::{gzip, over_directory, over_root, put_file};

const RANGE: [&str; 4] = ["--from", "2026-11-23T00:00:00Z", "--to", "2026-11-24T00:00:00Z"];

fn command(app: &TestApp, groups: &[&str], arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_logboom"));
    command.args(arguments).env("LOGBOOM_SERVER", &app.url).env("LOGBOOM_TOKEN", app.token("ana", groups));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

async fn output(mut command: Command) -> (i32, String, String) {
    let run = tokio::task::spawn_blocking(move || command.output().expect("the program starts"));
    let Output { status, stdout, stderr } = run.await.expect("it ends");
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    (status.code().expect("a code"), text(stdout), text(stderr))
}

pub async fn logboom(app: &TestApp, arguments: &[&str]) -> (i32, String, String) {
    output(command(app, &["team-a"], arguments)).await
}

fn lines() -> Vec<u8> {
    let line = |second| format!("2026-11-23T14:00:{second:02}Z pump {second}\n").into_bytes();
    (0..60).flat_map(line).collect()
}

#[tokio::test]
async fn a_search_tells_by_its_code_whether_it_found_something() {
    let app = over_directory(&[("a/app.log", lines()), ("b/app.log.gz", gzip(&lines()))], "").await;
    let search = |more: &[&'static str]| [&["search"], more, &RANGE].concat();
    let (code, out, err) = logboom(&app, &search(&["\"pump 7\"", "file-logs"])).await;
    assert_eq!(code, 0, "{err}");
    assert_eq!(out, "2026-11-23T14:00:07Z           2026-11-23T14:00:07Z pump 7\n".repeat(2));
    assert!(err.starts_with("2 records in 2 objects of 2 ("), "{err}");

    let (code, out, _) = logboom(&app, &search(&["\"pump 77\"", "file-logs"])).await;
    assert_eq!((code, out.as_str()), (1, ""));
    let (code, _, err) = logboom(&app, &search(&["(", "file-logs"])).await;
    assert_eq!(code, 2);
    assert!(err.starts_with("error: q: column 2: "), "{err}");
    let (code, _, err) = output(command(&app, &["others"], &search(&["pump", "file-logs"]))).await;
    assert_eq!(code, 2);
    assert!(err.contains("hint: request id: "), "{err}");
}

#[tokio::test]
async fn a_search_that_is_not_complete_says_so_by_its_code_too() {
    let mut damaged = gzip(&lines());
    damaged.truncate(damaged.len() - 9);
    let app = over_directory(&[("a/cut.log.gz", damaged)], "").await;
    let (code, _, err) = logboom(&app, &[&["search", "", "file-logs"], &RANGE[..]].concat()).await;
    assert_eq!(code, 2);
    assert!(err.contains("warning: file-logs/a/cut.log.gz ends in the middle"), "{err}");
    assert!(err.ends_with("NOT COMPLETE: failed\n"), "{err}");
}

#[tokio::test]
async fn programs_get_the_lines_of_the_api_and_records_open_again_by_reference() {
    let app = over_directory(&[("a/app.log", lines())], "").await;
    let (code, out, _) = logboom(
        &app,
        &[&["search", "\"pump 30\"", "file-logs", "--json", "--limit", "1"], &RANGE[..]].concat(),
    )
    .await;
    assert_eq!(code, 0);
    let parsed: Vec<serde_json::Value> =
        out.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!((parsed.len(), &parsed[1]["type"]), (2, &"summary".into()));
    let reference = parsed[0]["ref"].as_str().expect("a reference");
    let (code, out, err) = logboom(&app, &["cat", "-B", "1", "-A", "1", reference]).await;
    assert_eq!(code, 0, "{err}");
    assert_eq!(
        out,
        "2026-11-23T14:00:29Z pump 29\n2026-11-23T14:00:30Z pump 30\n2026-11-23T14:00:31Z pump 31\n"
    );
}

#[tokio::test]
async fn objects_are_listed_printed_and_saved() {
    let stored = gzip(&lines());
    let app = over_directory(&[("a/b/app.log.gz", stored.clone()), ("a/x.log", lines())], "").await;
    assert_eq!(logboom(&app, &["ls", "file-logs/a/"]).await.1, "a/b/\na/x.log\n");
    assert_eq!(logboom(&app, &["ls", "-R", "file-logs"]).await.1, "a/b/app.log.gz\na/x.log\n");
    let long = logboom(&app, &["ls", "-l", "file-logs/a/"]).await.1;
    assert!(long.contains("1.7 KiB") && long.ends_with("a/x.log\n"), "{long}");
    assert_eq!(
        logboom(&app, &["cat", "file-logs/a/b/app.log.gz", "file-logs/a/x.log"]).await.1.into_bytes(),
        lines().repeat(2)
    );
    let (code, _, err) = logboom(&app, &["cat", "file-logs/a/"]).await;
    assert_eq!((code, err.contains("logboom ls shows what lies there")), (2, true), "{err}");
    let (code, out, _) = logboom(&app, &["buckets"]).await;
    assert_eq!(code, 0);
    assert!(out.lines().any(|line| line.starts_with("file-logs  file")), "{out}");

    let folder = directory();
    let (code, _, err) =
        logboom(&app, &["get", "file-logs/a/b/app.log.gz", "-o", folder.to_str().expect("a path")]).await;
    assert_eq!(code, 0, "{err}");
    assert_eq!(std::fs::read(folder.join("app.log.gz")).expect("a file"), stored);
    assert_eq!(std::fs::read_dir(&folder).expect("a folder").count(), 1, "nothing else is left");
}

#[tokio::test]
async fn a_download_goes_on_where_it_ended_unless_the_object_is_another() {
    let root = directory().join("bucket");
    put_file(&root, "a/app.log", &lines());
    let app = over_root(&root, "").await;
    let etag = app.caller("ana", &["team-a"]).get("/api/v1/buckets/file-logs/objects/a/app.log").await;
    let etag = etag.header("etag").to_owned();
    let target = directory().join("app.log");
    let begin = |etag: &str| {
        // Bytes that the object does not have show what is kept.
        std::fs::write(target.with_extension("log.part"), [&b"KEPT"[..], &lines()[4..100]].concat())
            .expect("a file");
        std::fs::write(target.with_extension("log.part.etag"), etag).expect("a file");
    };
    begin(&etag);
    let get = ["get", "file-logs/a/app.log", "-o", target.to_str().expect("a path")];
    assert_eq!(logboom(&app, &get).await.0, 0);
    assert_eq!(std::fs::read(&target).expect("a file"), [&b"KEPT"[..], &lines()[4..]].concat());
    begin("\"another\"");
    assert_eq!(logboom(&app, &get).await.0, 0);
    assert_eq!(std::fs::read(&target).expect("a file"), lines());
}

#[tokio::test]
async fn a_reader_that_goes_away_ends_it_without_a_word() {
    let app = over_directory(&[("a/app.log", lines().repeat(20_000))], "").await;
    let mut child = command(&app, &["team-a"], &["cat", "file-logs/a/app.log"]).spawn().expect("it starts");
    let run = tokio::task::spawn_blocking(move || {
        let mut first = [0; 10];
        child.stdout.take().expect("a pipe").read_exact(&mut first).expect("its beginning");
        let output = child.wait_with_output().expect("it ends");
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    });
    assert_eq!(run.await.expect("it ends"), (Some(0), String::new()));
}

#[tokio::test]
async fn a_token_goes_over_no_network_unprotected() {
    let program = Path::new(env!("CARGO_BIN_EXE_logboom"));
    let run = Command::new(program)
        .args(["buckets", "--server", "http://logs.example"])
        .env("LOGBOOM_TOKEN", "token")
        .output()
        .expect("the program starts");
    assert_eq!(run.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&run.stderr).contains("has to begin with https://"));
    let mut without = Command::new(program);
    without.arg("buckets").env_remove("LOGBOOM_TOKEN").env("XDG_STATE_HOME", directory());
    let without = without.output().expect("it starts");
    assert!(String::from_utf8_lossy(&without.stderr).contains("no access token is given"));
}

#[tokio::test]
async fn tail_tells_what_comes_until_nobody_reads_on() {
    let root = directory().join("bucket");
    put_file(&root, "a/app.log", &lines());
    let app = over_root(&root, "[search]\nfollow_interval = \"20ms\"\nfollow_max_time = \"200ms\"\n").await;
    let mut child =
        command(&app, &["team-a"], &["tail", "new", "file-logs", "--json"]).spawn().expect("it starts");
    let run = tokio::task::spawn_blocking(move || {
        let mut out = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let mut until =
            |kind: &str| out.find_map(|line| line.ok().filter(|line| line.contains(kind))).expect("a line");
        // Answers that end after their time are gone on with, and nothing is lost between them.
        until("\"end\"");
        put_file(&root, "a/more.log", b"2026-11-23T15:00:00Z new\n");
        let record = until("\"record\"");
        drop(out);
        (record, child.wait_with_output().expect("it ends").status.code())
    });
    let (record, code) = run.await.expect("it ends");
    assert!(record.contains("2026-11-23T15:00:00Z new"), "{record}");
    assert_eq!(code, Some(0));
}

#[tokio::test]
async fn tail_says_why_it_ends_when_more_came_than_may_be_read() {
    let root = directory().join("bucket");
    put_file(&root, "a/app.log", &lines());
    let settings = "[limits]\nsearch_bytes = 1000\n[search]\nfollow_interval = \"20ms\"\n";
    let app = over_root(&root, settings).await;
    let mut child =
        command(&app, &["team-a"], &["tail", "new", "file-logs", "--json"]).spawn().expect("it starts");
    let run = tokio::task::spawn_blocking(move || {
        let mut out = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        out.find(|line| line.as_ref().is_ok_and(|line| line.contains("\"heartbeat\"")))
            .expect("a line")
            .expect("text");
        put_file(&root, "a/more.log", &b"2026-11-23T15:00:00Z new\n".repeat(100_000));
        out.for_each(drop);
        child.wait_with_output().expect("it ends")
    });
    let run = run.await.expect("it ends");
    let told = String::from_utf8_lossy(&run.stderr);
    assert!(!run.status.success() && told.contains("have read as many bytes as they may"), "{told}");
}
