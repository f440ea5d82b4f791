//! Credentials that are lent: by an engine of Vault, or by a cloud for a proof of this machine's identity.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use url::Url;

use crate::config::reader::Section;
use crate::domain::credential::CredentialName;
use crate::domain::proof::{IssueToken, ProveIdentity};
use crate::provider::aws::identity;
use crate::vault::kinds::aws::{AwsMethod, StsOptions};
use crate::vault::kinds::azure::token_endpoint;
use crate::vault::kinds::federation::{Entra, Federation, Google, Proof, Target};
use crate::vault::kinds::gcp::GcpAccount;
use crate::vault::kinds::key_value::Holds;
use crate::vault::kinds::{AwsEngine, AzureEngine, GcpEngine, KeyValue, Reference};
use crate::vault::leases::Options;
use crate::vault::server::path::InvalidVaultPath;
use crate::vault::server::{Pauses, VaultPath, may_be_called};

#[cfg(test)]
mod tests;

/// The kinds that are lent.
pub const KINDS: [&str; 6] =
    ["vault-kv", "vault-aws", "vault-gcp", "vault-azure", "federated-gcp", "federated-azure"];

/// Entra of the public cloud.
const ENTRA: &str = "https://login.microsoftonline.com";

/// Google's security token service. Source: <https://cloud.google.com/iam/docs/reference/sts/rest>.
const GOOGLE_STS: &str = "https://sts.googleapis.com";

/// Where service accounts are impersonated. Source: <https://cloud.google.com/iam/docs/reference/credentials/rest>.
const GOOGLE_IAM: &str = "https://iamcredentials.googleapis.com";

/// How long Entra may take to learn of a new principal: Vault's own documents speak of minutes.
const PROPAGATION: Duration = Duration::from_mins(2);

/// How long IAM takes to make a new key known. Source:
/// <https://developer.hashicorp.com/vault/docs/secrets/aws#troubleshooting> (eventual consistency: 5 to 10 s).
const SETTLE: Duration = Duration::from_secs(10);

/// One that was replaced is given back after this: longer than any request to a cloud takes to begin.
const GRACE: Duration = Duration::from_secs(30);

/// How long giving back may take when the service stops.
const GIVE_BACK: Duration = Duration::from_secs(5);

/// A lent credential as it is configured. What proves an AWS role gets that from the composition root.
#[derive(Debug, Clone)]
pub enum Lent {
    /// Everything is said.
    Ready(Reference),
    /// By the AWS role of this machine.
    ByAwsRole {
        /// Where the question to STS is to be asked.
        region: Option<String>,
        /// Who takes the proof.
        target: Target,
    },
}

impl Lent {
    /// Whether Vault is asked for it.
    #[must_use]
    pub const fn needs_vault(&self) -> bool {
        match self {
            Self::Ready(reference) => reference.needs_vault(),
            Self::ByAwsRole { .. } => false,
        }
    }

    /// The reference. `signer` and `issuer` make what proves the AWS role of this machine to Google and to Entra.
    pub fn reference(
        self,
        signer: impl FnOnce(identity::Caller) -> Arc<dyn ProveIdentity>,
        issuer: impl FnOnce(Option<String>) -> Arc<dyn IssueToken>,
    ) -> Reference {
        let (region, target) = match self {
            Self::Ready(reference) => return reference,
            Self::ByAwsRole { region, target } => (region, target),
        };
        let proof = match &target {
            Target::Google(google) => {
                let caller =
                    identity::Caller { region, bound: identity::Bound::Google(google.audience.clone()) };
                Proof::AwsSigned(signer(caller))
            }
            Target::Entra(_) => Proof::Issued(issuer(region)),
        };
        Reference::Federation(Federation { proof, target })
    }
}

/// The lent credentials of a site.
pub type LentCredentials = BTreeMap<CredentialName, Lent>;

/// Reads `[leases]`: how they are held.
pub fn options(root: &mut Section) -> Option<Options> {
    let mut section = root.section("leases");
    let wait = section.required("wait");
    let read_again = section.required("kv_refresh");
    let unread = section.required("kv_unread_max");
    let least = section.required("retry_least");
    let most = section.required("retry_most");
    let most_refused = section.required("retry_most_refused");
    let pauses = (|| Some(Pauses { least: least?, most: most?, most_refused: most_refused? }))();
    let (read_again, unread): (Option<Duration>, Option<Duration>) = (read_again, unread);
    let holds = match (read_again, unread, &pauses) {
        (Some(read_again), Some(unread), _) if unread < read_again => {
            section.problem("kv_unread_max", "expected at least kv_refresh");
            false
        }
        (_, _, Some(pauses)) if pauses.most < pauses.least || pauses.most_refused < pauses.least => {
            section.problem("retry_most", "expected at least retry_least, and retry_most_refused too");
            false
        }
        _ => true,
    };
    section.close();
    holds.then_some(())?;
    let (read_again, unread, pauses) = (read_again?, unread?, pauses?);
    Some(Options { wait: wait?, read_again, unread, grace: GRACE, give_back: GIVE_BACK, pauses })
}

/// Reads one lent credential of a kind in [`KINDS`].
pub fn lent(section: &mut Section, kind: &str) -> Option<Lent> {
    match kind {
        "vault-kv" => key_value(section).map(Reference::KeyValue).map(Lent::Ready),
        "vault-aws" => aws(section).map(Reference::Aws).map(Lent::Ready),
        "vault-gcp" => gcp(section).map(Reference::Gcp).map(Lent::Ready),
        "vault-azure" => azure(section).map(Reference::Azure).map(Lent::Ready),
        "federated-gcp" => {
            let google = google(section);
            federated(section, google.map(Target::Google))
        }
        _ => {
            let entra = entra(section);
            federated(section, entra.map(Target::Entra))
        }
    }
}

fn mount(section: &mut Section, usual: &str) -> Option<VaultPath> {
    let text: Option<String> = section.optional("mount")?;
    let parsed = VaultPath::parse(text.as_deref().unwrap_or(usual));
    parsed.map_err(|error| section.problem("mount", error.to_string())).ok()
}

/// A part of a path that is put together with others.
fn place(section: &mut Section, key: &str) -> Option<String> {
    section.parsed(key, |text| VaultPath::parse(text).map(|path| path.to_string()))
}

fn whole<T>(section: &Section, key: &str, made: Result<T, InvalidVaultPath>) -> Option<T> {
    made.map_err(|error| section.problem(key, error.to_string())).ok()
}

fn key_value(section: &mut Section) -> Option<KeyValue> {
    let mount = mount(section, "secret");
    let path = place(section, "path");
    let holds = section.parsed("holds", |text| match text {
        "aws-keys" => Ok(Holds::AwsKeys),
        "gcp-service-account-key" => Ok(Holds::GcpServiceAccountKey),
        "azure-client-secret" => Ok(Holds::AzureClientSecret),
        "azure-account-key" => Ok(Holds::AzureAccountKey),
        _ => Err("expected aws-keys, gcp-service-account-key, azure-client-secret or azure-account-key"),
    });
    let made = KeyValue::new(&mount?, &path?, holds?);
    whole(section, "path", made)
}

fn aws(section: &mut Section) -> Option<AwsEngine> {
    let mount = mount(section, "aws");
    let role = place(section, "role");
    let method: Option<String> = section.optional("method")?;
    let method = match method.as_deref() {
        None | Some("sts") => sts(section).map(AwsMethod::Sts),
        Some("creds") => {
            let settle: Option<Option<Duration>> = section.optional("settle");
            settle.map(|settle| AwsMethod::User { settle: settle.unwrap_or(SETTLE) })
        }
        Some(_) => {
            section.problem("method", "expected sts or creds");
            None
        }
    };
    let made = AwsEngine::new(&mount?, &role?, method?);
    whole(section, "role", made)
}

fn sts(section: &mut Section) -> Option<StsOptions> {
    let role_arn = section.optional("role_arn");
    let role_session_name = section.optional("session_name");
    let ttl = section.optional("ttl");
    Some(StsOptions::new(role_arn?, role_session_name?, ttl?))
}

fn gcp(section: &mut Section) -> Option<GcpEngine> {
    let mount = mount(section, "gcp");
    let account = section.parsed("account", |text| match text {
        "roleset" => Ok(GcpAccount::Roleset),
        "static" => Ok(GcpAccount::Static),
        "impersonated" => Ok(GcpAccount::Impersonated),
        _ => Err("expected roleset, static or impersonated"),
    });
    let name = place(section, "name");
    let made = GcpEngine::new(&mount?, account?, &name?);
    whole(section, "name", made)
}

fn azure(section: &mut Section) -> Option<AzureEngine> {
    let mount = mount(section, "azure");
    let role = place(section, "role");
    let endpoint = entra_endpoint(section);
    let propagation: Option<Option<Duration>> = section.optional("propagation");
    let made = AzureEngine::new(&mount?, &role?, endpoint?, propagation?.unwrap_or(PROPAGATION));
    whole(section, "role", made)
}

/// The token endpoint of a directory.
fn entra_endpoint(section: &mut Section) -> Option<Url> {
    let authority = base(section, "authority", ENTRA);
    let tenant_id: Option<String> = section.parsed("tenant_id", |text| {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'.';
        text.bytes().all(allowed).then(|| text.to_owned()).ok_or("expected the id or domain of a directory")
    });
    token_endpoint(&authority?, &tenant_id?).ok()
}

/// A base URL that proofs may be sent to.
fn base(section: &mut Section, key: &str, usual: &str) -> Option<Url> {
    let text: Option<String> = section.optional(key)?;
    let url = Url::parse(text.as_deref().unwrap_or(usual)).ok().filter(may_be_called);
    if url.is_none() {
        section.problem(key, "expected https://HOST, without a path (http on loopback alone)");
    }
    url
}

fn google(section: &mut Section) -> Option<Google> {
    let audience = section.parsed("audience", |text| {
        let known = text.starts_with("//iam.googleapis.com/projects/") && text.contains("/workloadIdentityPools/");
        known.then(|| text.to_owned()).ok_or(
            "expected //iam.googleapis.com/projects/NUMBER/locations/global/workloadIdentityPools/POOL/providers/PROVIDER",
        )
    });
    let service_account: Option<Option<String>> = section.optional("service_account");
    let vends: Option<Option<bool>> = section.optional("vends");
    let sts = base(section, "sts", GOOGLE_STS);
    let iam = base(section, "iam", GOOGLE_IAM);
    let (sts, iam) = (sts?, iam?);
    let impersonation = match service_account? {
        Some(email) => Some(impersonation(section, &iam, &email)?),
        None => None,
    };
    let token_endpoint = sts.join("/v1/token").ok()?;
    Some(Google { audience: audience?, token_endpoint, impersonation, vends: vends?.unwrap_or(false) })
}

fn impersonation(section: &Section, iam: &Url, email: &str) -> Option<Url> {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"-.@".contains(&b);
    if !email.contains('@') || !email.bytes().all(allowed) {
        section.problem("service_account", "expected the e-mail address of a service account");
        return None;
    }
    iam.join(&format!("/v1/projects/-/serviceAccounts/{email}:generateAccessToken")).ok()
}

fn entra(section: &mut Section) -> Option<Entra> {
    let client_id = section.required("client_id");
    let endpoint = entra_endpoint(section);
    Some(Entra { client_id: client_id?, token_endpoint: endpoint? })
}

/// By which proof: a token in a file, or without one the AWS role of this machine.
fn federated(section: &mut Section, target: Option<Target>) -> Option<Lent> {
    let file: Option<Option<PathBuf>> = section.optional("token_file");
    let region: Option<Option<String>> = section.optional("region");
    let (file, region) = (file?, region?);
    if file.is_some() && region.is_some() {
        section.problem(
            "region",
            "is for the AWS role of this machine, and token_file says that there is another proof",
        );
        return None;
    }
    let target = target?;
    Some(match file {
        Some(path) => Lent::Ready(Reference::Federation(Federation { proof: Proof::File(path), target })),
        None => Lent::ByAwsRole { region, target },
    })
}
