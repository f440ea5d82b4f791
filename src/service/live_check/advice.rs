//! From a failure to what a person does about it. Pure: the words, and the least policy of Vault or permission of a cloud.

use crate::domain::bucket::{Bucket, Provider};
use crate::provider::error::StoreOperation;
use crate::provider::{StoreError, StoreErrorKind};
use crate::service::live_check::{Remedy, Trouble};
use crate::vault::LeaseError;
use crate::vault::kinds::ObtainError;
use crate::vault::server::{PolicyRule, VaultError, VaultErrorKind};
use crate::vault::signer::SignError;

impl Trouble {
    fn new(what: impl Into<String>, remedies: Vec<Remedy>) -> Self {
        Self { what: what.into(), remedies }
    }
}

impl Remedy {
    fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), lines: Vec::new() }
    }

    fn with(text: impl Into<String>, lines: impl IntoIterator<Item = impl ToString>) -> Self {
        Self { text: text.into(), lines: lines.into_iter().map(|line| line.to_string()).collect() }
    }

    /// The rules that a policy of Vault needs.
    fn policy<'a>(rules: impl IntoIterator<Item = &'a PolicyRule>) -> Self {
        Self::with("the least that a policy of the service's token in Vault needs:", rules)
    }
}

/// Why the service is not signed in to Vault.
pub(super) fn on_signing_in(error: &VaultError) -> Trouble {
    let remedy = match error.kind {
        VaultErrorKind::Denied if !error.signing_in => {
            return Trouble::new(
                "the token is not known to Vault, or may not ask about itself",
                vec![
                    Remedy::new("put a valid one where vault.sign_in.token points"),
                    Remedy::policy(&PolicyRule::OF_THE_TOKEN),
                ],
            );
        }
        VaultErrorKind::Denied | VaultErrorKind::NotFound | VaultErrorKind::Refused => Remedy::new(
            "look at [vault.sign_in]: mount and role, whether what it signs in with is still good, and whether the \
             role is bound to another place; Vault's audit log says more",
        ),
        kind => on_vault(kind),
    };
    Trouble::new(error.to_string(), vec![remedy])
}

/// Why no data key could be had.
pub(super) fn on_sealing(error: &VaultError, rules: &[PolicyRule]) -> Trouble {
    let what = match error.kind {
        _ if error.signing_in => return on_signing_in(error),
        VaultErrorKind::Denied => "the policies of the token do not allow it".to_owned(),
        VaultErrorKind::NotFound | VaultErrorKind::Refused => {
            let text = "look at mount and key of [session.transit]: the engine is mounted and has the key";
            let what = "the transit engine or its key is not there, or cannot make data keys";
            return Trouble::new(what, vec![Remedy::new(text), Remedy::policy(rules)]);
        }
        kind => return Trouble::new(error.to_string(), vec![on_vault(kind)]),
    };
    Trouble::new(what, vec![Remedy::policy(rules)])
}

/// Why nothing could be signed.
pub(super) fn on_signing(error: &SignError, rules: &[PolicyRule]) -> Trouble {
    let settings =
        || Remedy::new("look at transit_mount and transit_key of [receipts]: a key of the type ed25519");
    match error {
        SignError::Vault(error) if error.signing_in => on_signing_in(error),
        SignError::Vault(error) => match error.kind {
            VaultErrorKind::Denied => {
                Trouble::new("the policies of the token do not allow it", vec![Remedy::policy(rules)])
            }
            VaultErrorKind::NotFound | VaultErrorKind::Refused => {
                let what = "the transit engine or its key is not there, or does not sign";
                Trouble::new(what, vec![settings(), Remedy::policy(rules)])
            }
            kind => Trouble::new(error.to_string(), vec![on_vault(kind)]),
        },
        SignError::WrongKey | SignError::Forged => Trouble::new(error.to_string(), vec![settings()]),
    }
}

/// What to do when Vault as a whole does not serve.
fn on_vault(kind: VaultErrorKind) -> Remedy {
    Remedy::new(match kind {
        VaultErrorKind::Unreachable => {
            "look at vault.address, vault.ca, and the network from this machine to there"
        }
        VaultErrorKind::Sealed => "unseal Vault: it is sealed, not initialized, or in maintenance",
        VaultErrorKind::Standby => "let vault.address name the active node, or the load balancer before it",
        VaultErrorKind::Throttled => "raise Vault's rate-limit quota for the service, or try again later",
        VaultErrorKind::Setting => "mend what the message names, in [vault] or on this machine",
        VaultErrorKind::Failed => "look into Vault's own log: it failed",
        VaultErrorKind::Unexpected => "look whether vault.address is Vault, and not a proxy's page",
        VaultErrorKind::Denied | VaultErrorKind::NotFound | VaultErrorKind::Refused => {
            "look into Vault's audit log: it says what was refused"
        }
    })
}

/// What a failure is about.
pub(super) struct About<'a> {
    pub(super) bucket: &'a Bucket,
    /// The kind of the bucket's credential.
    pub(super) kind: &'static str,
    /// What Vault has to allow for it.
    pub(super) rule: Option<&'a PolicyRule>,
}

impl About<'_> {
    /// Why the credential could not be had.
    pub(super) fn credential(&self, error: &LeaseError) -> Trouble {
        let name = &self.bucket.credential;
        match error {
            LeaseError::Unknown { .. } => Trouble::new(
                error.to_string(),
                vec![Remedy::new(format!("write [credentials.{name}], or name another one"))],
            ),
            LeaseError::Unreadable { .. } => {
                let text = format!("put it where credentials.{name} refers to, readable for this user");
                Trouble::new(error.to_string(), vec![Remedy::new(text)])
            }
            LeaseError::Unavailable { cause, .. } => self.lent(cause),
        }
    }

    fn lent(&self, cause: &ObtainError) -> Trouble {
        let name = &self.bucket.credential;
        let told = |what: &str| format!("credential `{name}`: {what}");
        match cause {
            ObtainError::Vault(error) if error.signing_in => on_signing_in(error),
            ObtainError::Vault(error) => self.refused_by_vault(error),
            ObtainError::Unfit(what) => {
                let place =
                    self.rule.map_or_else(String::new, |rule| format!("; it is read at {}", rule.path()));
                let text = format!("look at its kind in credentials.{name}, and at what is there{place}");
                Trouble::new(told(what), vec![Remedy::new(text)])
            }
            ObtainError::Exchange(error) => {
                let text = format!(
                    "look at credentials.{name}, and at what the cloud was told of this machine's identity; its own \
                     log of sign-ins says more (docs/admin/vault.md)"
                );
                Trouble::new(told(&error.to_string()), vec![Remedy::new(text)])
            }
            ObtainError::Late => {
                let text =
                    "try again; a new principal of Entra can take minutes until it is known everywhere";
                Trouble::new(told("it did not come in time"), vec![Remedy::new(text)])
            }
            ObtainError::Closed => {
                Trouble::new(told("it was not waited for"), vec![Remedy::new("try again")])
            }
        }
    }

    fn refused_by_vault(&self, error: &VaultError) -> Trouble {
        let name = &self.bucket.credential;
        let told = |what: String| format!("credential `{name}`: {what}");
        let path = self.rule.map_or("its path", |rule| rule.path().as_str());
        match error.kind {
            VaultErrorKind::Denied => Trouble::new(
                told("the policies of the token do not allow it".to_owned()),
                vec![
                    Remedy::policy(self.rule),
                    Remedy::new(format!("or mount and path are not the ones that were meant: {path}")),
                ],
            ),
            VaultErrorKind::NotFound => Trouble::new(
                told(format!("there is nothing at {path}, or no engine is mounted there")),
                vec![
                    Remedy::new(format!(
                        "look at mount and path of credentials.{name}, or write what belongs there"
                    )),
                    Remedy::policy(self.rule),
                ],
            ),
            VaultErrorKind::Refused => Trouble::new(
                told("Vault did not take the request as it stands".to_owned()),
                vec![
                    Remedy::new(format!(
                        "look at credentials.{name} beside the role in Vault, and that {path} is of this kind of engine"
                    )),
                    Remedy::policy(self.rule),
                ],
            ),
            VaultErrorKind::Failed => Trouble::new(
                told(error.to_string()),
                vec![Remedy::new(
                    "look into Vault's own log: most often it is the cloud that refuses Vault's own credential",
                )],
            ),
            kind => Trouble::new(told(error.to_string()), vec![on_vault(kind)]),
        }
    }

    /// Why the bucket could not be listed.
    pub(super) fn listing(&self, error: &StoreError) -> Trouble {
        let (id, provider) = (&self.bucket.id, self.bucket.provider);
        let (native, name) = (&self.bucket.native_name, &self.bucket.credential);
        match &error.kind {
            StoreErrorKind::Denied if provider == Provider::File => {
                Trouble::new(format!("the directory {native} may not be read"), vec![self.permission()])
            }
            StoreErrorKind::Denied => Trouble::new(
                format!(
                    "{provider} refuses credential `{name}`: it lacks the permission, or is no longer good"
                ),
                self.refused_by_cloud(),
            ),
            StoreErrorKind::NoSuchBucket => Trouble::new(
                self.absence(),
                vec![Remedy::new(format!(
                    "look at {}",
                    self.settings(&["name", "region", "account", "endpoint"])
                ))],
            ),
            StoreErrorKind::NoCredential if error.operation == StoreOperation::Connect => Trouble::new(
                format!("credential `{name}` is none that {provider} can use, or this machine offers none"),
                vec![Remedy::new(format!("look at the kind of credentials.{name} ({})", self.kind))],
            ),
            StoreErrorKind::NoCredential => Trouble::new(
                format!("credential `{name}` could be had a moment ago, and then no more"),
                vec![Remedy::new("try again")],
            ),
            StoreErrorKind::Unavailable | StoreErrorKind::TimedOut => self.late_listing(),
            StoreErrorKind::Throttled { .. } | StoreErrorKind::Busy | StoreErrorKind::BreakerOpen { .. } => {
                Trouble::new(format!("{provider} asks to slow down"), vec![Remedy::new("try again later")])
            }
            StoreErrorKind::NoSuchObject
            | StoreErrorKind::NotModified
            | StoreErrorKind::PreconditionFailed
            | StoreErrorKind::RangeNotSatisfiable { .. }
            | StoreErrorKind::Archived { .. }
            | StoreErrorKind::Invalid
            | StoreErrorKind::Unsupported
            | StoreErrorKind::Unexpected => Trouble::new(
                format!("what answers for bucket `{id}` is not what {provider} would say"),
                vec![Remedy::new(format!(
                    "look at {}",
                    self.settings(&["region", "name", "account", "endpoint"])
                ))],
            ),
        }
    }

    /// The provider did not answer.
    pub(super) fn late_listing(&self) -> Trouble {
        let provider = self.bucket.provider;
        if provider == Provider::File {
            let text = format!("look at the file system below {}", self.bucket.native_name);
            return Trouble::new("the directory could not be read", vec![Remedy::new(text)]);
        }
        let settings = self.settings(&["endpoint", "region", "account"]);
        let text =
            format!("look at the network from this machine to there, at {settings}, and at stores.extra_ca");
        Trouble::new(
            format!("{provider} cannot be reached, or did not answer in time"),
            vec![Remedy::new(text)],
        )
    }

    fn absence(&self) -> String {
        let native = &self.bucket.native_name;
        match (self.bucket.provider, &self.bucket.account) {
            (Provider::Azure, Some(account)) => {
                format!("storage account {account} has no container {native}")
            }
            (Provider::File, _) => format!("there is no directory {native}"),
            (provider, _) => format!("{provider} has no bucket {native}"),
        }
    }

    /// Those settings of the bucket that are set, and its name.
    fn settings(&self, keys: &[&str]) -> String {
        let bucket = self.bucket;
        let is_set = |key: &&&str| match **key {
            "region" => bucket.provider == Provider::Aws,
            "account" => bucket.account.is_some(),
            "endpoint" => bucket.endpoint.is_some(),
            _ => true,
        };
        let named: Vec<_> =
            keys.iter().filter(is_set).map(|key| format!("buckets.{}.{key}", bucket.id)).collect();
        named.join(", ")
    }

    fn refused_by_cloud(&self) -> Vec<Remedy> {
        let mut remedies = vec![self.permission()];
        if self.kind == "vault-aws" {
            remedies.push(Remedy::new(
                "and the policy_document of the role in Vault needs the same, where it has one",
            ));
        }
        if self.kind == "vault-kv"
            && let Some(rule) = self.rule
        {
            let text = format!("or it was taken away: write the new one to {}", rule.path());
            remedies.push(Remedy::new(text));
        }
        remedies
    }

    /// The least that the credential needs at the provider.
    fn permission(&self) -> Remedy {
        let (native, name) = (self.bucket.native_name.as_str(), &self.bucket.credential);
        match self.bucket.provider {
            Provider::Aws => {
                let (bucket, objects) = arns(self.bucket);
                let statement = |action: &str, resource: &str| {
                    format!(r#"{{ "Effect": "Allow", "Action": "{action}", "Resource": "{resource}" }}"#)
                };
                let text = format!("the least that the identity behind credential `{name}` needs in AWS:");
                Remedy::with(text, [statement("s3:ListBucket", &bucket), statement("s3:GetObject", &objects)])
            }
            Provider::Gcp => {
                let text =
                    format!("the least that the identity behind credential `{name}` needs in Google Cloud:");
                let mut lines = vec![format!(
                    "roles/storage.objectViewer on gs://{native} (storage.objects.list, storage.objects.get)"
                )];
                lines.extend(
                    self.bucket
                        .account
                        .iter()
                        .map(|project| format!("serviceusage.services.use on project {project}")),
                );
                Remedy::with(text, lines)
            }
            Provider::Azure => {
                let account = self.bucket.account.as_deref().unwrap_or("…");
                let text = format!(
                    "the least that the identity behind credential `{name}` needs in Azure (an account key needs none; compare it with the account's):"
                );
                Remedy::with(
                    text,
                    [format!("Storage Blob Data Reader on container {native} of storage account {account}")],
                )
            }
            Provider::File => {
                let text = "let the user of this process read:";
                Remedy::with(
                    text,
                    [format!(
                        "r-x on {native} and the directories below, r-- on the files, --x on those above"
                    )],
                )
            }
        }
    }
}

/// The bucket's ARN, and that of all of its objects.
fn arns(bucket: &Bucket) -> (String, String) {
    let native = bucket.native_name.as_str();
    if native.starts_with("arn:") {
        // An access point.
        return (native.to_owned(), format!("{native}/object/*"));
    }
    let partition = match bucket.region.as_deref() {
        Some(region) if region.starts_with("cn-") => "aws-cn",
        Some(region) if region.starts_with("us-gov-") => "aws-us-gov",
        _ => "aws",
    };
    let bucket = format!("arn:{partition}:s3:::{native}");
    let objects = format!("{bucket}/*");
    (bucket, objects)
}
