//! Kinds of credential: from a configured reference to what the provider's client wants, and how long that lasts.
//!
//! A kind knows one engine of Vault, or one exchange of proofs. It keeps nothing: what is held, renewed and given back is
//! the business of `leases`.

use std::time::Duration;

use crate::domain::credential::Credential;
use crate::vault::exchange::{Exchange, ExchangeError};
use crate::vault::server::reply::{Lease, Reply};
use crate::vault::server::{PolicyRule, Vault, VaultError, VaultErrorKind};

pub mod aws;
pub mod azure;
pub mod federation;
pub mod gcp;
pub mod key_value;

pub use aws::AwsEngine;
pub use azure::AzureEngine;
pub use federation::Federation;
pub use gcp::GcpEngine;
pub use key_value::KeyValue;

/// What a configured credential refers to.
#[derive(Debug, Clone)]
pub enum Reference {
    /// A secret in the KV engine, version 2.
    KeyValue(KeyValue),
    /// The AWS engine.
    Aws(AwsEngine),
    /// The GCP engine.
    Gcp(GcpEngine),
    /// The Azure engine.
    Azure(AzureEngine),
    /// A proof of this machine's own identity, exchanged at the cloud; Vault is not asked.
    Federation(Federation),
}

impl Reference {
    /// Whether Vault is asked for it.
    #[must_use]
    pub const fn needs_vault(&self) -> bool {
        !matches!(self, Self::Federation(_))
    }

    /// The kind, as the configuration has it.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::KeyValue(_) => "vault-kv",
            Self::Aws(_) => "vault-aws",
            Self::Gcp(_) => "vault-gcp",
            Self::Azure(_) => "vault-azure",
            Self::Federation(federation) => match federation.target {
                federation::Target::Google(_) => "federated-gcp",
                federation::Target::Entra(_) => "federated-azure",
            },
        }
    }

    /// What Vault's policy has to allow for it; `None` where Vault is not asked.
    #[must_use]
    pub fn rule(&self) -> Option<PolicyRule> {
        match self {
            Self::KeyValue(secret) => Some(secret.rule()),
            Self::Aws(engine) => Some(engine.rule()),
            Self::Gcp(engine) => Some(engine.rule()),
            Self::Azure(engine) => Some(engine.rule()),
            Self::Federation(_) => None,
        }
    }

    /// How long a new one takes until every part of its cloud knows it.
    pub(super) fn settle(&self) -> Duration {
        match self {
            Self::Aws(engine) => engine.settle(),
            _ => Duration::ZERO,
        }
    }

    /// Gets a new one.
    pub(super) async fn fetch(&self, means: &Means) -> Result<Obtained, ObtainError> {
        match self {
            Self::KeyValue(secret) => secret.fetch(means.vault()?).await,
            Self::Aws(engine) => engine.fetch(means.vault()?).await,
            Self::Gcp(engine) => engine.fetch(means.vault()?).await,
            Self::Azure(engine) => engine.fetch(means.vault()?, &means.exchange).await,
            Self::Federation(federation) => federation.fetch(&means.exchange).await,
        }
    }

    /// Makes the credential anew from what a renewed lease still covers; `None` when it is as it was.
    pub(super) async fn redeem(
        &self,
        means: &Means,
        held: &Obtained,
    ) -> Result<Option<Obtained>, ObtainError> {
        match self {
            Self::Azure(engine) => engine.redeem(&means.exchange, held).await.map(Some),
            _ => Ok(None),
        }
    }
}

/// What credentials are got with.
#[derive(Debug, Clone)]
pub struct Means {
    /// Vault, where there is one.
    pub vault: Option<Vault>,
    /// The way to the token endpoints of the clouds.
    pub exchange: Exchange,
}

impl Means {
    pub(super) fn vault(&self) -> Result<&Vault, ObtainError> {
        self.vault.as_ref().ok_or(ObtainError::Unfit("there is no Vault to ask for it"))
    }
}

/// A credential as it arrived.
#[derive(Debug, Clone)]
pub(super) struct Obtained {
    /// What the provider's client wants.
    pub(super) credential: Credential,
    /// How long it lasts from the moment that it was asked for; `None` where that is nobody's word.
    pub(super) life: Option<Duration>,
    /// The lease on it in Vault.
    pub(super) lease: Option<Lease>,
    /// Tells one from the next where the same is read again; never shown.
    pub(super) version: Option<u64>,
    /// The service principal behind a token of Entra.
    pub(super) principal: Option<azure::ServicePrincipal>,
}

impl Obtained {
    /// A credential with the lease that came with it.
    fn leased<T>(credential: Credential, reply: &Reply<T>) -> Self {
        let life = reply.lease.as_ref().map(|lease| lease.duration).filter(|life| !life.is_zero());
        Self { credential, life, lease: reply.lease.clone(), version: None, principal: None }
    }

    /// A credential that ends by itself.
    fn lasting(credential: Credential, life: Duration) -> Self {
        Self { credential, life: Some(life), lease: None, version: None, principal: None }
    }
}

/// Why a credential could not be got. Neither path nor answer is in it.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ObtainError {
    /// Vault did not give it.
    #[error("Vault did not give it")]
    Vault(#[from] VaultError),
    /// What Vault gave is not what the reference says.
    #[error("what was given cannot be used: {0}")]
    Unfit(&'static str),
    /// A cloud did not take the proof.
    #[error("the proof could not be exchanged")]
    Exchange(#[from] ExchangeError),
    /// It took longer than a request may wait; it goes on without it.
    #[error("it did not come in time")]
    Late,
    /// The service stops.
    #[error("the service stops")]
    Closed,
}

impl ObtainError {
    /// A stable word for metrics and readiness.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Vault(error) if error.signing_in => "sign-in-failed",
            Self::Vault(error) => match error.kind {
                VaultErrorKind::Setting => "misconfigured",
                VaultErrorKind::Unreachable => "unreachable",
                VaultErrorKind::Sealed => "sealed",
                VaultErrorKind::Standby => "standby",
                VaultErrorKind::Throttled => "throttled",
                VaultErrorKind::Denied => "denied",
                VaultErrorKind::NotFound => "not-found",
                VaultErrorKind::Refused => "refused",
                VaultErrorKind::Failed | VaultErrorKind::Unexpected => "unexpected-answer",
            },
            Self::Unfit(_) => "unusable",
            Self::Exchange(error) => error.word(),
            Self::Late => "late",
            Self::Closed => "stopping",
        }
    }

    /// How long to wait before the next try, where somebody said so.
    pub(super) const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Vault(error) => error.retry_after,
            Self::Exchange(error) => error.retry_after,
            Self::Unfit(_) | Self::Late | Self::Closed => None,
        }
    }

    /// Whether trying soon again cannot help.
    pub(super) const fn is_refusal(&self) -> bool {
        match self {
            Self::Vault(error) => matches!(
                error.kind,
                VaultErrorKind::Denied | VaultErrorKind::NotFound | VaultErrorKind::Refused
            ),
            Self::Exchange(error) => error.refused,
            Self::Unfit(_) => true,
            Self::Late | Self::Closed => false,
        }
    }

    /// Whether there is nothing where it should be.
    pub(super) const fn is_gone(&self) -> bool {
        matches!(self, Self::Vault(error) if matches!(error.kind, VaultErrorKind::NotFound) && !error.signing_in)
    }
}
