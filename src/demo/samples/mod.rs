//! Sample logs in the real layouts and formats of three clouds, written into directories that stand for their buckets.
//!
//! Everything follows from the seed and the time: a run an hour later adds an hour and leaves the rest as it was.
//! Accounts, hosts and addresses are those that RFCs and vendors keep for documentation.

use std::path::Path;

use crate::demo::error::DemoError;
use crate::demo::samples::file::SampleFile;
use crate::demo::samples::moment::{HOUR_SECONDS, Moment};
use crate::domain::time::Timestamp;

mod azure_diagnostics;
mod cloud_logging;
mod cloudtrail;
mod dice;
mod elb;
pub mod file;
mod moment;
mod story;

#[cfg(test)]
mod tests;

/// The directory that stands for an S3 bucket, and its bucket id.
pub const AWS_BUCKET: &str = "payments-aws";
/// The directory that stands for a GCS bucket, and its bucket id.
pub const GCP_BUCKET: &str = "payments-gcp";
/// The directory that stands for an Azure container, and its bucket id.
pub const AZURE_BUCKET: &str = "payments-azure";

const AWS_ACCOUNT: &str = "111122223333";
const AWS_REGION: &str = "eu-central-1";

/// How many full hours before the current one are written.
const HOURS: i64 = 24;

/// What was written, for people to try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Samples {
    /// How many objects there are.
    pub objects: usize,
    /// Their size together.
    pub size_bytes: u64,
    /// When the ledger failed.
    pub incident: Timestamp,
    /// A request id that all three clouds logged while it failed.
    pub request_id: String,
    /// The load balancer's log of that time, in [`AWS_BUCKET`].
    pub elb_key: String,
    /// A CloudTrail file of that time, in [`AWS_BUCKET`]: restricted.
    pub cloudtrail_key: String,
    /// The service's log of that hour, in [`GCP_BUCKET`].
    pub cloud_logging_key: String,
    /// The gateway's log of that hour, in [`AZURE_BUCKET`].
    pub azure_key: String,
}

/// Writes the logs of the last day up to `now` below `root`.
///
/// # Errors
/// [`DemoError::InvalidTime`] when `now` cannot be written as a date, [`DemoError::Write`] when a file cannot.
pub fn write(root: &Path, now: Timestamp, seed: u64) -> Result<Samples, DemoError> {
    write_hours(root, now, seed, HOURS)
}

fn write_hours(root: &Path, now: Timestamp, seed: u64, hours: i64) -> Result<Samples, DemoError> {
    Moment::new(now)?;
    let mut samples = promise(now, seed)?;
    let this_hour = now.unix_seconds().div_euclid(HOUR_SECONDS);
    for hour in this_hour - hours..=this_hour {
        for (bucket, files) in hour_of(seed, hour, now)? {
            let folder = root.join(bucket);
            for file in files {
                file.write(&folder)?;
                samples.objects += 1;
                samples.size_bytes += u64::try_from(file.bytes.len()).unwrap_or(u64::MAX);
            }
        }
    }
    Ok(samples)
}

fn hour_of(seed: u64, hour: i64, now: Timestamp) -> Result<[(&'static str, Vec<SampleFile>); 3], DemoError> {
    let requests = story::requests(seed, hour);
    let mut aws = elb::files(seed, hour, &requests, now)?;
    aws.extend(cloudtrail::files(seed, hour, now)?);
    let gcp = cloud_logging::files(seed, hour, &requests, now)?;
    let azure = azure_diagnostics::files(seed, hour, &requests, now)?;
    Ok([(AWS_BUCKET, aws), (GCP_BUCKET, gcp), (AZURE_BUCKET, azure)])
}

/// Names what a reader should look at: the hour of the latest incident that every cloud has logged whole.
fn promise(now: Timestamp, seed: u64) -> Result<Samples, DemoError> {
    let incident = story::latest_incident(now);
    let hour = incident.unix_seconds().div_euclid(HOUR_SECONDS);
    let requests = story::requests(seed, hour);
    let failed = requests
        .iter()
        .find(|r| r.at >= incident && r.outcome == story::Outcome::LedgerTimeout && r.port % 2 == 0)
        .ok_or(DemoError::InvalidTime)?;
    let [(_, aws), (_, gcp), (_, azure)] = hour_of(seed, hour, now)?;
    // The incident's middle, 14:07, lies in the files that end at 14:10 and 14:15.
    let named = |files: &[SampleFile], room: &str, part: &str| {
        let file = files.iter().find(|file| file.key.contains(room) && file.key.contains(part));
        file.map(|file| file.key.clone()).unwrap_or_default()
    };
    Ok(Samples {
        objects: 0,
        size_bytes: 0,
        incident: failed.at,
        request_id: failed.id.clone(),
        elb_key: named(&aws, "/elasticloadbalancing/", "T1410Z_192.0.2.10_"),
        cloudtrail_key: named(&aws, "/CloudTrail/", "T1415Z_"),
        cloud_logging_key: named(&gcp, "stdout/", ""),
        azure_key: named(&azure, "/LEDGER-GATEWAY/", ""),
    })
}
