//! What the demo prints: what to open, and four lines for `curl` that work as they stand.

use std::path::Path;
use std::time::Duration;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::demo::idp::Person;
use crate::demo::prepare::header_name;
use crate::demo::samples::{AWS_BUCKET, AZURE_BUCKET, GCP_BUCKET, Samples};

/// What stands in a URL's path as it is (RFC 3986, section 3.3), with `/` between the parts.
pub const PATH: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'/')
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b':')
    .remove(b'=');

/// What the demo's policies let an engineer read.
const READABLE: [(&str, &str); 3] = [
    (AWS_BUCKET, "AWSLogs/111122223333/elasticloadbalancing/"),
    (GCP_BUCKET, "stdout/"),
    (AZURE_BUCKET, "resourceId=/SUBSCRIPTIONS/00000000-0000-0000-0000-000000000000/RESOURCEGROUPS/PAYMENTS/"),
];

/// The text for a demo in `dir` at `public_url`.
pub fn text(dir: &Path, public_url: &str, samples: &Samples) -> String {
    let object = |bucket: &str, key: &str| {
        format!("{public_url}/api/v1/buckets/{bucket}/objects/{}?decode=true", utf8_percent_encode(key, PATH))
    };
    let header = |person: Person| dir.join(header_name(person)).display().to_string();
    let (engineer, security) = (header(Person::Engineer), header(Person::SecurityOfficer));
    format!(
        "\
Logboom demo: {count} log objects of the last day, {size} MiB, in {aws}, {gcp} and {azure}.

  open       {public_url}/  and choose who you are
  reference  {public_url}/docs
  terminal   logboom login --server {public_url}

Four lines to try (the tokens hold for 12 hours, or until this process ends):

  # The buckets that an engineer may see.
  curl -H '@{engineer}' '{public_url}/api/v1/buckets'

  # One failed request, as three clouds logged it, in order of time.
  curl -H '@{engineer}' '{search}'

  # The load balancer's log of that time, as one file.
  curl -H '@{engineer}' '{elb}'

  # An audit trail: the security officer reads it, the engineer is refused.
  curl -H '@{security}' '{trail}'
",
        count = samples.objects,
        size = samples.size_bytes.div_ceil(1024 * 1024),
        aws = AWS_BUCKET,
        gcp = GCP_BUCKET,
        azure = AZURE_BUCKET,
        search = search(public_url, samples),
        elb = object(AWS_BUCKET, &samples.elb_key),
        trail = object(AWS_BUCKET, &samples.cloudtrail_key),
    )
}

/// The URL that looks for the failed request wherever the engineer may read, half an hour around it.
fn search(public_url: &str, samples: &Samples) -> String {
    let half = Duration::from_mins(30);
    let (from, to) = (samples.incident.minus(half), samples.incident.plus(half));
    let scopes: String = READABLE
        .map(|(bucket, prefix)| format!("bucket={bucket}/{}&", utf8_percent_encode(prefix, PATH)))
        .concat();
    format!("{public_url}/api/v1/logs?{scopes}from={from}&to={to}&q={}", samples.request_id)
}
