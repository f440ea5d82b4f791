//! Vending: the limits of a site, and the means of each bucket.

use std::time::Duration;

use crate::config::buckets::base_url;
use crate::config::reader::Section;
use crate::domain::bucket::Provider;
use crate::domain::credential::CredentialName;
use crate::domain::key::Prefix;
use crate::domain::vending::{AwsRole, GcpServiceAccount, RoleArn, Vending, VendingMeans};
use crate::service::canary::CanaryOptions;
use crate::service::vending::Limits;

/// The longest that any cloud lets a narrowed credential live without more: an hour at Google and for chained roles.
const LONGEST: Duration = Duration::from_hours(1);

/// Reads `[vending]`.
pub fn limits(root: &mut Section) -> Option<(Limits, CanaryOptions)> {
    let mut section = root.section("vending");
    let default_ttl = section.required("default_ttl");
    let max_ttl = section.required("max_ttl");
    let max_credentials = section.required("max_credentials");
    let max_links = section.required("max_links");
    let every = section.optional("canary_every");
    let folder = section.parsed("canary_folder", |text| {
        let folder = Prefix::parse(text).map_err(|error| error.to_string())?;
        let usable = !folder.is_root() && folder.is_folder();
        usable.then_some(folder).ok_or_else(|| "expected a folder such as logboom-canary/".to_owned())
    });
    let (default_ttl, max_ttl): (Option<Duration>, Option<Duration>) = (default_ttl, max_ttl);
    if let (Some(default), Some(most)) = (default_ttl, max_ttl)
        && (most > LONGEST || default > most || default.as_secs() == 0)
    {
        section.problem("max_ttl", "expected at most 1h, and at least default_ttl, which is at least 1s");
    }
    let (max_credentials, max_links): (Option<usize>, Option<usize>) = (max_credentials, max_links);
    if max_credentials == Some(0) {
        section.problem("max_credentials", "expected at least 1");
    }
    section.close();
    let limits = Limits {
        default_ttl: default_ttl?,
        max_ttl: max_ttl?,
        max_credentials: max_credentials?,
        max_links: max_links?,
    };
    Some((limits, CanaryOptions { every: every?, folder: folder? }))
}

/// Reads the means of one bucket; `known` tells whether a credential of the name is configured.
pub fn means(
    section: &mut Section,
    provider: Option<Provider>,
    known: impl Fn(&CredentialName) -> bool,
) -> Option<Vending> {
    let credential = match section.optional::<String>("credential")? {
        None => None,
        Some(text) => match CredentialName::parse(&text) {
            Ok(name) if known(&name) => Some(name),
            _ => {
                section.problem("credential", "is not the name of one under [credentials]");
                return None;
            }
        },
    };
    let means = match provider? {
        Provider::Aws => aws(section),
        Provider::Gcp => gcp(section),
        Provider::Azure => Some(VendingMeans::AzureSas { hierarchical: section.required("hierarchical")? }),
        Provider::File => {
            section.problem("", "a directory has no credential that could be vended");
            section.pass_over_rest();
            None
        }
    };
    Some(Vending { credential, means: means? })
}

fn aws(section: &mut Section) -> Option<VendingMeans> {
    let arn = section.parsed("role_arn", RoleArn::parse);
    let external_id = section.optional("external_id");
    let kms_key = section.optional::<String>("kms_key_arn");
    if let Some(Some(key)) = &kms_key
        && !(key.starts_with("arn:") && key.contains(":kms:") && !key.contains(['*', '?', '$']))
    {
        section.problem("kms_key_arn", "expected arn:aws:kms:<region>:<account>:key/<id>");
    }
    let sts_endpoint = base_url(section, "sts_endpoint");
    Some(VendingMeans::AwsRole(AwsRole {
        arn: arn?,
        external_id: external_id?,
        kms_key: kms_key?,
        sts_endpoint: sts_endpoint?,
    }))
}

fn gcp(section: &mut Section) -> Option<VendingMeans> {
    let email = section.parsed("service_account", |text| {
        let plain = |text: &str| {
            text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'.'))
        };
        let parts = text.split_once('@').filter(|(name, domain)| {
            !name.is_empty() && plain(name) && domain.ends_with(".gserviceaccount.com") && plain(domain)
        });
        parts.map(|_| text.to_owned()).ok_or("expected <name>@<project>.iam.gserviceaccount.com")
    });
    let iam_endpoint = base_url(section, "iam_endpoint");
    let sts_endpoint = base_url(section, "sts_endpoint");
    Some(VendingMeans::GcpServiceAccount(GcpServiceAccount {
        email: email?,
        iam_endpoint: iam_endpoint?,
        sts_endpoint: sts_endpoint?,
    }))
}
