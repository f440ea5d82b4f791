//! The stores: limits of every bucket, and the clients of the providers.

use std::path::PathBuf;
use std::time::Duration;

use crate::config::reader::Section;
use crate::provider::{file, guarded, wire};
use crate::service::stores::Options;

/// Connections at rest are kept this long; S3 closes them after about 20 s itself.
const IDLE_CONNECTION: Duration = Duration::from_secs(15);

/// The most that is read from a connection at once, by a caller who takes it as fast as it comes.
const READ_BUFFER_BYTES: usize = 512 * 1024;

/// Delegation keys for Azure links are used for an hour; Azure allows seven days.
const DELEGATION_KEY_LIFE: Duration = Duration::from_hours(1);

/// Entries of one directory that are read at the most; more is refused rather than held in memory.
const MAX_DIRECTORY_ENTRIES: usize = 1_000_000;

/// Reads `[stores]`.
pub fn options(root: &mut Section) -> Option<Options> {
    let mut section = root.section("stores");
    let limits = limits(&mut section);
    let connect_timeout = section.required("connect_timeout");
    let extra_ca = certificates(&mut section, "extra_ca");
    section.close();
    Some(Options {
        wire: wire::Options {
            extra_ca_pem: extra_ca?,
            connect_timeout: connect_timeout?,
            idle_timeout: IDLE_CONNECTION,
            read_buffer_bytes: READ_BUFFER_BYTES,
        },
        delegation_key_life: DELEGATION_KEY_LIFE,
        file: file::Options { max_directory_entries: MAX_DIRECTORY_ENTRIES },
        limits: limits?,
    })
}

fn limits(section: &mut Section) -> Option<guarded::Limits> {
    let concurrent = section.required("concurrent");
    let queue = section.required("queue");
    let queue_wait = section.required("queue_wait");
    let header_timeout = section.required("header_timeout");
    let idle_timeout = section.required("idle_timeout");
    let attempts = section.required("attempts");
    let total_deadline = section.required("total_deadline");
    let backoff_base = section.required("backoff_base");
    let backoff_cap = section.required("backoff_cap");
    let resumes = section.required("resumes");
    let breaker_failures = section.required("breaker_failures");
    let breaker_pause = section.required("breaker_pause");
    Some(guarded::Limits {
        concurrent: concurrent?,
        queue: queue?,
        queue_wait: queue_wait?,
        header_timeout: header_timeout?,
        idle_timeout: idle_timeout?,
        attempts: attempts?,
        total_deadline: total_deadline?,
        backoff_base: backoff_base?,
        backoff_cap: backoff_cap?,
        resumes: resumes?,
        breaker_failures: breaker_failures?,
        breaker_pause: breaker_pause?,
    })
}

/// The certificates in a file that may be absent from the settings.
#[expect(clippy::option_option, reason = "absent and wrong are two answers, and `?` handles the second")]
pub(super) fn certificates(section: &mut Section, key: &str) -> Option<Option<String>> {
    let Some(path) = section.optional::<PathBuf>(key)? else { return Some(None) };
    let text = std::fs::read_to_string(&path).ok().filter(|text| text.contains("BEGIN CERTIFICATE"));
    if text.is_none() {
        section.problem(key, format!("{} has no certificates in PEM", path.display()));
        return None;
    }
    Some(text)
}
