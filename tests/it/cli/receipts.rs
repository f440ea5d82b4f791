//! `logboom verify` and `logboom pull`: the real program against the real service.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::cli::engineer::logboom;
use crate::harness::app::{TestApp, directory};
use crate::http::logs::{gzip, over_root, put_file};

const RANGE: [&str; 4] = ["--from", "2026-11-23T00:00:00Z", "--to", "2026-11-23T06:00:00Z"];

fn text(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn shown(path: &Path) -> &str {
    path.to_str().expect("a path")
}

/// Six hours of lines, in two sequences that lie beside each other in time.
fn line(second: u32, service: &str) -> String {
    format!(
        "2026-11-23T{:02}:{:02}:{:02}Z {service} {second}\n",
        second / 3600,
        second / 60 % 60,
        second % 60
    )
}

async fn app() -> (TestApp, PathBuf, Vec<String>) {
    let root = directory().join("bucket");
    let mut all = Vec::new();
    for hour in 0..6 {
        for (service, shift) in [("app", 0), ("web", 30)] {
            let lines: Vec<String> = (0..60).map(|n| line(hour * 3600 + n * 60 + shift, service)).collect();
            put_file(
                &root,
                &format!("{service}/2026/11/23/{hour:02}/x.log.gz"),
                &gzip(lines.concat().as_bytes()),
            );
            all.extend(lines);
        }
    }
    all.sort();
    let layouts = "\n[buckets.file-logs.logs]\nlayouts = [\"{service}/{yyyy}/{MM}/{dd}/{HH}/*\"]\n";
    (over_root(&root, layouts).await, root, all)
}

#[tokio::test]
async fn a_receipt_holds_until_it_or_its_records_are_others() {
    let (app, root, _) = app().await;
    let folder = directory();
    let (receipt, records, keys) =
        (folder.join("receipt.json"), folder.join("records.ndjson"), folder.join("keys.json"));
    let search =
        [&["search", "app", "file-logs", "--json", "--receipt", shown(&receipt)], &RANGE[..]].concat();
    let (code, out, err) = logboom(&app, &search).await;
    assert_eq!(code, 0, "{err}");
    std::fs::write(&records, &out).expect("a file");
    std::fs::write(&keys, app.anonymous().get("/api/v1/receipt-keys").await.text()).expect("a file");

    let verify = ["verify", shown(&receipt), "--records", shown(&records)];
    let (code, out, err) = logboom(&app, &[&verify[..], &["--objects"]].concat()).await;
    assert_eq!(code, 0, "{err}");
    assert!(out.contains("complete: 360 records") && out.contains("12 objects listed, 12 read"), "{out}");
    assert!(err.contains("12 objects are still those that were read"), "{err}");
    assert!(err.contains("the signature holds, and so do the records"), "{err}");
    let nowhere = ["--server", "http://127.0.0.1:9", "--keys", shown(&keys)];
    assert_eq!(logboom(&app, &[&verify[..], &nowhere].concat()).await.0, 0, "without asking the server");

    let before = text(&records);
    std::fs::write(&records, before.replacen("app 60", "app 61", 1)).expect("a file");
    let (code, _, err) = logboom(&app, &verify).await;
    assert_eq!((code, err.contains("are not those of the receipt")), (2, true), "{err}");
    std::fs::write(&records, before).expect("a file");

    put_file(&root, "app/2026/11/23/03/x.log.gz", b"other");
    let (code, _, err) = logboom(&app, &[&verify[..], &["--objects"]].concat()).await;
    assert_eq!(code, 2);
    assert!(err.contains("app/2026/11/23/03/x.log.gz is another version by now"), "{err}");

    let whole: Value = serde_json::from_str(&text(&receipt)).expect("JSON");
    for part in ["payload", "protected", "signature"] {
        let mut changed = whole.clone();
        let mut value = changed[part].as_str().expect("text").to_owned();
        let at = value.len() / 2;
        let other = if value.as_bytes()[at] == b'A' { "B" } else { "A" };
        value.replace_range(at..=at, other);
        changed[part] = value.into();
        std::fs::write(&receipt, changed.to_string()).expect("a file");
        let (code, out, err) = logboom(&app, &verify).await;
        assert_eq!(
            (code, out.as_str(), err.starts_with("error: the receipt ")),
            (2, "", true),
            "{part}: {err}"
        );
    }
}

#[tokio::test]
async fn a_pull_has_every_record_once_in_order_and_goes_on_where_it_was_interrupted() {
    let (app, _, all) = app().await;
    let into = directory().join("pulled");
    let merged = into.join("all.log");
    let pull =
        [&["pull", "file-logs", "--into", shown(&into), "--merge", shown(&merged)], &RANGE[..]].concat();
    let (code, _, err) = logboom(&app, &pull).await;
    assert_eq!(code, 0, "{err}");
    assert!(err.contains("720 records in 6 parts, complete"), "{err}");
    assert_eq!(text(&merged), all.concat());

    // As an interruption leaves it: one part was being written, one was finished but for its receipt, one is damaged.
    let part = |hour: u8, end: &str| into.join(format!("20261123T{hour:02}0000Z.{end}"));
    let kept = std::fs::metadata(part(0, "ndjson")).and_then(|meta| meta.modified()).expect("a time");
    std::fs::rename(part(2, "ndjson"), part(2, "part")).expect("renamed");
    std::fs::remove_file(part(3, "receipt.json")).expect("removed");
    let damaged = text(&part(4, "ndjson")).replacen("app", "bpp", 1);
    std::fs::write(part(4, "ndjson"), damaged).expect("a file");
    for file in [&merged, &into.join("receipt.json")] {
        std::fs::remove_file(file).expect("removed");
    }
    let (code, _, err) = logboom(&app, &pull).await;
    assert_eq!(code, 0, "{err}");
    assert_eq!(text(&merged), all.concat());
    let again = std::fs::metadata(part(0, "ndjson")).and_then(|meta| meta.modified()).expect("a time");
    assert_eq!(again, kept, "what was whole is not fetched again");

    let receipt = into.join("receipt.json");
    let (code, _, err) = logboom(&app, &["verify", shown(&receipt)]).await;
    assert_eq!(code, 0, "{err}");
    let whole: Value = serde_json::from_str(&text(&receipt)).expect("JSON");
    for drop in 0..6 {
        let mut without = whole.clone();
        without["parts"].as_array_mut().expect("parts").remove(drop);
        std::fs::write(&receipt, without.to_string()).expect("a file");
        let (code, _, err) = logboom(&app, &["verify", shown(&receipt)]).await;
        assert_eq!((code, err.contains("do not fit together")), (2, true), "part {drop}: {err}");
    }
    std::fs::write(&receipt, whole.to_string()).expect("a file");
    std::fs::write(part(1, "ndjson"), "").expect("a file");
    let (code, _, err) = logboom(&app, &["verify", shown(&receipt)]).await;
    assert_eq!((code, err.contains("20261123T010000Z.ndjson are not those")), (2, true), "{err}");
}

#[tokio::test]
async fn a_folder_takes_one_pull_and_what_is_not_complete_is_said() {
    let (app, root, _) = app().await;
    let into = directory().join("pulled");
    let pull = |more: &[&'static str]| -> Vec<String> {
        let all = [&["pull", "file-logs", "--into", shown(&into)], &RANGE[..], more].concat();
        all.into_iter().map(str::to_owned).collect()
    };
    let run = async |more: &[&'static str]| {
        let arguments = pull(more);
        logboom(&app, &arguments.iter().map(String::as_str).collect::<Vec<_>>()).await
    };
    let mut damaged = gzip(line(3600, "app").repeat(50).as_bytes());
    damaged.truncate(damaged.len() - 9);
    put_file(&root, "app/2026/11/23/01/x.log.gz", &damaged);
    let (code, _, err) = run(&[]).await;
    assert_eq!((code, err.contains("NOT complete")), (2, true), "{err}");
    assert!(into.join("receipt.json").exists(), "what came is kept, with its receipt");
    let (code, out, err) = logboom(&app, &["verify", shown(&into.join("receipt.json"))]).await;
    assert_eq!(code, 0, "{err}");
    assert!(
        out.contains("NOT complete: failed") && out.contains("failed: file-logs/app/2026/11/23/01/x.log.gz"),
        "{out}"
    );

    let (code, _, err) = run(&["-q", "web"]).await;
    assert_eq!((code, err.contains("holds another pull")), (2, true), "{err}");
    let (code, _, err) = run(&["--part", "1s"]).await;
    assert_eq!(code, 2, "{err}");
}
