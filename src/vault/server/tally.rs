//! Counts what was asked of Vault, and how it ended.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use crate::vault::server::error::{VaultError, VaultErrorKind};

/// What was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum VaultOperation {
    /// A sign-in.
    SignIn,
    /// More time for the token.
    Renew,
    /// Anything in the service's own name.
    Call,
}

impl VaultOperation {
    /// A stable word for metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SignIn => "sign_in",
            Self::Renew => "renew",
            Self::Call => "call",
        }
    }
}

/// How often each operation ended in each way; `None` is success.
pub type Counts = BTreeMap<(VaultOperation, Option<VaultErrorKind>), u64>;

/// The counters of one client.
#[derive(Debug, Default)]
pub(super) struct Tally(Mutex<Counts>);

impl Tally {
    /// Counts how something ended.
    pub(super) fn count<T>(&self, operation: VaultOperation, ended: &Result<T, VaultError>) {
        let outcome = ended.as_ref().err().map(|error| error.kind);
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.entry((operation, outcome)).or_default() += 1;
    }

    pub(super) fn counts(&self) -> Counts {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
