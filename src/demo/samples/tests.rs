//! The samples as a reader of the buckets finds them.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use serde_json::Value;

use super::*;

fn now() -> Timestamp {
    Timestamp::parse("2026-11-23T09:41:12Z").unwrap()
}

/// A directory of its own that goes with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("logboom-samples-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn walk(root: &Path, at: &Path, found: &mut BTreeMap<String, Vec<u8>>) {
    for entry in fs::read_dir(at).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            walk(root, &path, found);
        } else {
            let key = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
            found.insert(key, fs::read(&path).unwrap());
        }
    }
}

fn objects(root: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    walk(root, root, &mut found);
    found
}

fn inflated(bytes: &[u8]) -> String {
    let mut text = String::new();
    flate2::read::GzDecoder::new(bytes).read_to_string(&mut text).unwrap();
    text
}

#[test]
fn a_failed_request_is_found_in_all_three_clouds() {
    let folder = Folder::new("story");
    let samples = write(&folder.0, now(), 7).unwrap();
    let read = |bucket: &str, key: &str| fs::read(folder.0.join(bucket).join(key)).unwrap();
    let elb = inflated(&read(AWS_BUCKET, &samples.elb_key));
    let line = elb.lines().find(|line| line.contains(&samples.request_id)).unwrap();
    assert!(line.contains(" 502 502 "), "{line}");
    for (bucket, key) in [(GCP_BUCKET, &samples.cloud_logging_key), (AZURE_BUCKET, &samples.azure_key)] {
        let text = String::from_utf8(read(bucket, key)).unwrap();
        let line = text.lines().find(|line| line.contains(&samples.request_id)).unwrap();
        let entry: Value = serde_json::from_str(line).unwrap();
        assert!(entry["severity"] == "ERROR" || entry["properties"]["responseCode"] == 504, "{line}");
    }
    assert!(samples.size_bytes < 15 * 1024 * 1024, "{}", samples.size_bytes);
    let trail = inflated(&read(AWS_BUCKET, &samples.cloudtrail_key));
    let trail: Value = serde_json::from_str(&trail).unwrap();
    assert_eq!(trail["Records"][0]["recipientAccountId"], "111122223333");
}

#[test]
fn the_files_are_named_as_the_vendors_name_them() {
    let samples = promise(now(), 7).unwrap();
    assert!(samples.elb_key.starts_with(
        "AWSLogs/111122223333/elasticloadbalancing/eu-central-1/2026/11/22/\
         111122223333_elasticloadbalancing_eu-central-1_app.payments-edge.50dc6c495c0c9188_20261122T1410Z_192.0.2.10_"
    ));
    assert!(samples.cloudtrail_key.starts_with(
        "AWSLogs/111122223333/CloudTrail/eu-central-1/2026/11/22/111122223333_CloudTrail_eu-central-1_20261122T1415Z_"
    ));
    assert_eq!(samples.cloud_logging_key, "stdout/2026/11/22/14:00:00_14:59:59_S0.json");
    assert_eq!(
        samples.azure_key,
        "resourceId=/SUBSCRIPTIONS/00000000-0000-0000-0000-000000000000/RESOURCEGROUPS/PAYMENTS/PROVIDERS/\
         MICROSOFT.APIMANAGEMENT/SERVICE/LEDGER-GATEWAY/y=2026/m=11/d=22/h=14/m=00/PT1H.json"
    );
}

#[test]
fn every_line_of_an_access_log_has_the_documented_fields() {
    let hour = now().unix_seconds() / HOUR_SECONDS - 2;
    let files = elb::files(7, hour, &story::requests(7, hour), now()).unwrap();
    assert_eq!(files.len(), 24);
    for file in files {
        for line in inflated(&file.bytes).lines() {
            let quoted = line.matches('"').count() / 2;
            let fields =
                line.split('"').step_by(2).map(|part| part.split_whitespace().count()).sum::<usize>();
            assert_eq!(fields + quoted, 33, "{line}");
        }
    }
}

#[test]
fn a_second_run_gives_the_same_again() {
    let (first, second) = (Folder::new("first"), Folder::new("second"));
    let samples = write_hours(&first.0, now(), 7, 2).unwrap();
    let before = objects(&first.0);
    assert_eq!(before.len(), samples.objects);
    write_hours(&first.0, now(), 7, 2).unwrap();
    write_hours(&second.0, now(), 7, 2).unwrap();
    assert!(before == objects(&first.0) && before == objects(&second.0));
}

#[test]
fn an_hour_later_what_was_whole_is_unchanged() {
    let folder = Folder::new("later");
    write_hours(&folder.0, now(), 7, 2).unwrap();
    let before = objects(&folder.0);
    write_hours(&folder.0, now().plus(std::time::Duration::from_hours(1)), 7, 3).unwrap();
    let after = objects(&folder.0);
    assert!(after.len() > before.len());
    let changed: Vec<_> = before.iter().filter(|(key, bytes)| after.get(*key) != Some(bytes)).collect();
    assert!(changed.iter().all(|(key, _)| key.contains("h=09/")), "{}", changed.len());
}

#[test]
fn nothing_lies_in_the_future() {
    let hour = now().unix_seconds() / HOUR_SECONDS;
    let files = azure_diagnostics::files(7, hour, &story::requests(7, hour), now()).unwrap();
    for file in files {
        for line in String::from_utf8(file.bytes).unwrap().lines() {
            let entry: Value = serde_json::from_str(line).unwrap();
            assert!(Timestamp::parse(entry["time"].as_str().unwrap()).unwrap() <= now(), "{line}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]
    #[test]
    fn whatever_the_time_the_named_keys_are_written(seconds in 100_000_000_i64..4_000_000_000, seed in any::<u64>()) {
        let now = Timestamp::from_unix_seconds(seconds);
        let samples = promise(now, seed).unwrap();
        let hour = samples.incident.unix_seconds().div_euclid(HOUR_SECONDS);
        prop_assert!(hour >= seconds.div_euclid(HOUR_SECONDS) - HOURS && samples.incident < now);
        for key in [&samples.elb_key, &samples.cloudtrail_key, &samples.cloud_logging_key, &samples.azure_key] {
            prop_assert!(!key.is_empty());
        }
    }
}
