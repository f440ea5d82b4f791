//! Credentials and buckets.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use url::Url;

use crate::config::bucket_logs;
use crate::config::leases::{self, Lent, LentCredentials};
use crate::config::reader::Section;
use crate::config::redaction;
use crate::config::secret_ref::{Environment, optional_secret_text, secret_text};
use crate::config::vending;
use crate::domain::bucket::{Bucket, BucketId, NativeName, Provider};
use crate::domain::credential::CredentialName;
use crate::domain::label::LabelOrder;
use crate::domain::principal::Group;
use crate::service::bucket_logs::{BucketLogs, LogsOf};
use crate::service::stores::Options as StoreOptions;
use crate::vault;
use crate::vault::fixed::CredentialRecipe;

/// The kinds of credentials, as an error lists them.
const KINDS: &str = "expected anonymous, ambient, aws-keys, gcp-service-account-key, gcp-access-token, \
    azure-client-secret, azure-access-token, azure-account-key, vault-kv, vault-aws, vault-gcp, vault-azure, \
    federated-gcp or federated-azure";

/// The configured credentials.
#[derive(Debug, Default)]
pub struct Credentials {
    /// Those that could be read.
    pub recipes: BTreeMap<CredentialName, CredentialRecipe>,
    /// Those of them that are lent.
    pub lent: LentCredentials,
    /// All names, so that a bucket is not blamed for a credential that is wrong itself.
    names: BTreeSet<CredentialName>,
}

/// Reads `[credentials.*]`.
pub fn credentials(root: &mut Section, environment: &Environment) -> Credentials {
    let mut credentials = Credentials::default();
    for (name, mut section) in root.sections("credentials") {
        let name = CredentialName::parse(&name).map_err(|error| section.problem("", error.to_string()));
        let made = credential(&mut section, environment);
        section.close();
        let Ok(name) = name else { continue };
        credentials.names.insert(name.clone());
        match made {
            Some(Made::Recipe(recipe)) => drop(credentials.recipes.insert(name, recipe)),
            Some(Made::Lent(lent)) => drop(credentials.lent.insert(name, lent)),
            None => {}
        }
    }
    credentials
}

impl Credentials {
    /// Reports every one that Vault is to lend, where there is no Vault.
    pub fn without_vault(&self, root: &Section) {
        for (name, _) in self.lent.iter().filter(|(_, lent)| lent.needs_vault()) {
            let path = format!("credentials.{name}.kind");
            root.problem(&path, "is lent by Vault, and there is no vault.address");
        }
    }

    /// Reports a wait for a lease that a request to the store could not outlive.
    pub fn fit_into(&self, root: &Section, leases: &vault::leases::Options, stores: &StoreOptions) {
        if !self.lent.is_empty() && leases.wait >= stores.limits.header_timeout {
            root.problem("leases.wait", "expected less than stores.header_timeout");
        }
    }
}

enum Made {
    Recipe(CredentialRecipe),
    Lent(Lent),
}

fn credential(section: &mut Section, environment: &Environment) -> Option<Made> {
    let kind: String = section.required("kind")?;
    if leases::KINDS.contains(&kind.as_str()) {
        return leases::lent(section, &kind).map(Made::Lent);
    }
    recipe(section, &kind, environment).map(Made::Recipe)
}

fn recipe(section: &mut Section, kind: &str, environment: &Environment) -> Option<CredentialRecipe> {
    Some(match kind {
        "anonymous" => CredentialRecipe::Anonymous,
        "ambient" => CredentialRecipe::Ambient,
        "aws-keys" => {
            let access_key_id = secret_text(section, "access_key_id", environment);
            let secret_access_key = secret_text(section, "secret_access_key", environment);
            let session_token = optional_secret_text(section, "session_token", environment)?;
            CredentialRecipe::AwsKeys {
                access_key_id: access_key_id?,
                secret_access_key: secret_access_key?,
                session_token,
            }
        }
        "gcp-service-account-key" => {
            CredentialRecipe::GcpServiceAccountKey(secret_text(section, "key", environment)?)
        }
        "gcp-access-token" => CredentialRecipe::GcpAccessToken(secret_text(section, "token", environment)?),
        "azure-client-secret" => {
            let tenant_id = section.required("tenant_id");
            let client_id = section.required("client_id");
            let client_secret = secret_text(section, "client_secret", environment);
            let authority = section.optional("authority")?;
            CredentialRecipe::AzureClientSecret {
                tenant_id: tenant_id?,
                client_id: client_id?,
                client_secret: client_secret?,
                authority,
            }
        }
        "azure-access-token" => {
            CredentialRecipe::AzureAccessToken(secret_text(section, "token", environment)?)
        }
        "azure-account-key" => CredentialRecipe::AzureAccountKey(secret_text(section, "key", environment)?),
        _ => {
            section.problem("kind", KINDS);
            section.pass_over_rest();
            return None;
        }
    })
}

/// Reads `[buckets.*]`. A native bucket has one registration, so that no second label or owner can be given to its bytes.
pub fn buckets(
    root: &mut Section,
    labels: &LabelOrder,
    credentials: &Credentials,
) -> (Vec<Bucket>, BucketLogs) {
    let (mut all, mut all_logs) = (Vec::new(), BucketLogs::default());
    let mut natives = BTreeSet::new();
    for (id, mut section) in root.sections("buckets") {
        let id = BucketId::parse(&id).map_err(|error| section.problem("", error.to_string()));
        let (layouts, format) = section.optional_section("logs").map(bucket_logs::logs).unwrap_or_default();
        let redactor = section.optional_section("redaction").map(redaction::redactor);
        let bucket = bucket(&mut section, labels, credentials);
        if let (Ok(id), Some(bucket)) = (id, bucket) {
            let native = (
                bucket.provider,
                bucket.endpoint.clone(),
                bucket.account.clone(),
                bucket.native_name.clone(),
            );
            if natives.insert(native) {
                let redacted = redactor.is_some();
                all_logs.add(
                    id.clone(),
                    LogsOf { layouts, format: Arc::new(format), redactor: redactor.flatten() },
                );
                all.push(Bucket { id, redacted, ..bucket });
            } else {
                section.problem("name", "is registered under another id already");
            }
        }
        section.close();
    }
    (all, all_logs)
}

fn bucket(section: &mut Section, labels: &LabelOrder, credentials: &Credentials) -> Option<Bucket> {
    let provider = section.parsed("provider", |text| {
        let named = Provider::ALL.into_iter().find(|provider| provider.as_str() == text);
        named.ok_or("expected aws, gcp, azure or file")
    });
    let native_name = section.parsed("name", NativeName::parse);
    let region = section.optional("region");
    let account = section.optional("account");
    let endpoint = base_url(section, "endpoint");
    let owner = section.parsed("owner", Group::parse);
    let label = section.parsed("label", |text| {
        let names: Vec<_> = labels.iter().map(ToString::to_string).collect();
        labels
            .find(text)
            .cloned()
            .ok_or_else(|| format!("expected one of labels.order: {}", names.join(", ")))
    });
    let credential = section.parsed("credential", CredentialName::parse);
    if let Some(credential) = &credential
        && !credentials.names.contains(credential)
    {
        section.problem("credential", "is not the name of one under [credentials]");
    }
    let vending = section.optional_section("vending").map(|mut inner| {
        let known = |name: &CredentialName| credentials.names.contains(name);
        let vending = vending::means(&mut inner, provider, known);
        if vending.is_none() && provider.is_none() {
            inner.pass_over_rest();
        }
        inner.close();
        vending
    });
    let bucket = Bucket {
        id: BucketId::parse("unnamed").ok()?,
        provider: provider?,
        native_name: native_name?,
        region: region?,
        account: account?,
        endpoint: endpoint?,
        owner: owner?,
        label: label?,
        credential: credential?,
        vending: match vending {
            None => None,
            Some(vending) => Some(vending?),
        },
        redacted: false,
    };
    fits(section, &bucket).then_some(bucket)
}

/// What one provider asks of a bucket and the others do not.
fn fits(section: &Section, bucket: &Bucket) -> bool {
    match bucket.provider {
        Provider::File if !bucket.native_name.as_str().starts_with('/') => {
            section.problem("name", "expected an absolute directory for provider file");
            false
        }
        Provider::Azure if bucket.account.is_none() => {
            section.problem("account", "is missing; expected the storage account");
            false
        }
        _ => true,
    }
}

/// Reads the base URL of a service, without a trailing slash.
pub fn base_url(section: &mut Section, key: &str) -> Option<Option<String>> {
    let Some(text) = section.optional::<String>(key)? else { return Some(None) };
    let url = Url::parse(&text).ok().filter(|url| {
        let plain = url.username().is_empty() && url.password().is_none() && url.query().is_none();
        matches!(url.scheme(), "http" | "https") && url.has_host() && plain && url.fragment().is_none()
    });
    if url.is_none() || text.ends_with('/') {
        section.problem(key, "expected a URL such as https://store.example:9000, without a trailing slash");
        return None;
    }
    Some(Some(text))
}
