//! What the demo prints: what to open, and three lines for `curl` that work as they stand.

use std::path::Path;

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

Three lines to try (the tokens hold for 12 hours, or until this process ends):

  # The buckets that an engineer may see.
  curl -H '@{engineer}' '{public_url}/api/v1/buckets'

  # The load balancer's log while the ledger failed; look for {request_id}.
  curl -H '@{engineer}' '{elb}'

  # An audit trail: the security officer reads it, the engineer is refused.
  curl -H '@{security}' '{trail}'
",
        count = samples.objects,
        size = samples.size_bytes.div_ceil(1024 * 1024),
        aws = AWS_BUCKET,
        gcp = GCP_BUCKET,
        azure = AZURE_BUCKET,
        request_id = samples.request_id,
        elb = object(AWS_BUCKET, &samples.elb_key),
        trail = object(AWS_BUCKET, &samples.cloudtrail_key),
    )
}
