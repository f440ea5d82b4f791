//! The one who gets, renews, replaces and gives back a credential.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use crate::vault::kinds::{ObtainError, Obtained};
use crate::vault::leases::held::Held;
use crate::vault::leases::slot::{Recipe, Shared, State};
use crate::vault::server::reply::LeaseId;
use crate::vault::server::{Pauses, Vault, VaultErrorKind, VaultPath, up_to};

/// The task of one credential.
pub(super) struct Task {
    recipe: Recipe,
    shared: Arc<Shared>,
    stop: CancellationToken,
    /// Leases that were replaced, and when they are given back.
    retired: Vec<(Instant, LeaseId)>,
    /// Failures in a row.
    failures: u32,
    /// No try before this.
    rest_until: Instant,
    /// When a refusal was last looked into.
    looked: Option<Instant>,
}

/// What to do next.
enum Cue {
    Fetch,
    Refresh,
    Refused,
    GiveBack,
    Stop,
}

impl Task {
    pub(super) fn new(recipe: Recipe, shared: Arc<Shared>, stop: CancellationToken) -> Self {
        let rest_until = Instant::now();
        Self { recipe, shared, stop, retired: Vec::new(), failures: 0, rest_until, looked: None }
    }

    pub(super) async fn run(mut self) {
        loop {
            match self.cue().await {
                Cue::Fetch => self.fetch(None).await,
                Cue::Refresh => self.refresh().await,
                Cue::Refused => self.look_into_refusal().await,
                Cue::GiveBack => self.give_back_retired(Instant::now()).await,
                Cue::Stop => break,
            }
        }
        if let Some(held) = self.shared.held() {
            held.validity.end();
            self.retire(&held);
        }
        self.give_back_retired(Instant::now() + self.recipe.options.grace).await;
    }

    async fn cue(&self) -> Cue {
        let give_back = async {
            match self.retired.iter().map(|(at, _)| *at).min() {
                Some(at) => sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        let work = async {
            let Some(held) = self.shared.usable() else {
                sleep_until(self.rest_until).await;
                self.shared.wanted.notified().await;
                return Cue::Fetch;
            };
            let refresh = held.refresh.max(self.rest_until);
            let end = held.ends.unwrap_or(refresh);
            tokio::select! {
                () = sleep_until(refresh.min(end)) => Cue::Refresh,
                () = self.shared.refused.notified() => Cue::Refused,
            }
        };
        tokio::select! {
            biased;
            () = self.stop.cancelled() => Cue::Stop,
            cue = work => cue,
            () = give_back => Cue::GiveBack,
        }
    }

    /// Keeps the credential going: renews its lease, or gets another.
    async fn refresh(&mut self) {
        // It ended while it could not be renewed: from here on a request has to ask for it.
        let Some(held) = self.shared.usable() else { return self.lose() };
        let Some(vault) = self.recipe.means.vault.clone() else { return self.fetch(Some(held)).await };
        let Some((id, life)) = held.renewable(vault.generation()) else {
            return self.fetch(Some(held)).await;
        };
        let asked = Instant::now();
        match vault.renew_lease(id, life).await {
            Ok(reply) => match reply.lease {
                Some(lease) if !held.is_near_its_last_end(lease.duration) => {
                    let lease = crate::vault::server::reply::Lease {
                        id: Some(id.clone()),
                        duration: lease.duration,
                        renewable: lease.renewable,
                    };
                    self.renewed(&held, lease, asked).await;
                }
                _ => self.fetch(Some(held)).await,
            },
            Err(error) if is_final(error.kind) => self.fetch(Some(held)).await,
            Err(error) => self.failed(&error.into(), Some(&held)),
        }
    }

    async fn renewed(&mut self, held: &Held, lease: crate::vault::server::reply::Lease, asked: Instant) {
        let obtained = Obtained { life: Some(lease.duration), lease: Some(lease), ..held.obtained.clone() };
        match self.recipe.reference.redeem(&self.recipe.means, &obtained).await {
            // The same credential lasts longer.
            Ok(None) => {
                let again = held.again(obtained, asked, &self.recipe.options);
                self.done("renewed", again);
            }
            Ok(Some(other)) => {
                let again = Held::new(other, asked, held.generation, &self.recipe.options);
                held.validity.end();
                self.done("renewed", again);
            }
            Err(error) => self.failed(&error, Some(held)),
        }
    }

    /// Gets a credential, beside one that is still good or without any.
    async fn fetch(&mut self, held: Option<Arc<Held>>) {
        let asked = Instant::now();
        let generation = self.generation();
        match self.recipe.reference.fetch(&self.recipe.means).await {
            Ok(obtained) => self.fetched(obtained, asked, generation, held).await,
            // Somebody deleted the secret: what was read of it counts no more. A lease counts until it ends.
            Err(error) if error.is_gone() && held.as_ref().is_some_and(|held| held.is_read()) => {
                if let Some(held) = held {
                    held.validity.end();
                }
                self.failed(&error, None);
            }
            Err(error) => self.failed(&error, held.as_deref()),
        }
    }

    async fn fetched(
        &mut self,
        obtained: Obtained,
        asked: Instant,
        generation: u64,
        held: Option<Arc<Held>>,
    ) {
        let options = &self.recipe.options;
        let same = |held: &Held| held.is_read() && held.obtained.version == obtained.version;
        if let Some(held) = held.as_deref().filter(|held| same(held)) {
            let again = held.again(obtained, asked, options);
            return self.done("unchanged", again);
        }
        // The first sign-in may have happened on the way.
        let generation = if generation == 0 { self.generation() } else { generation };
        let fresh = Held::new(obtained, asked, generation, options);
        // Whoever is told to stop meanwhile still has to give it back, so it is only shortened, not left.
        let settle = self.recipe.reference.settle();
        let _stopped = self.stop.run_until_cancelled(tokio::time::sleep(settle)).await;
        self.done("ok", fresh);
        if let Some(held) = held {
            held.validity.end();
            self.retire(&held);
        }
    }

    fn done(&mut self, word: &'static str, held: Held) {
        let again = self.failures > 0;
        self.failures = 0;
        self.rest_until = Instant::now();
        self.shared.count(word, None);
        self.shared.state.send_replace(State::Held(Arc::new(held)));
        let credential = &self.recipe.name;
        if again {
            info!(%credential, "a credential can be had again");
        } else {
            debug!(%credential, outcome = word, "a credential was looked after");
        }
    }

    /// Rests, longer after each failure in a row. What is held stays until its end.
    fn failed(&mut self, error: &ObtainError, held: Option<&Held>) {
        self.shared.count(error.word(), Some(error.word()));
        let pauses = &self.recipe.options.pauses;
        let most = if error.is_refusal() { pauses.most_refused } else { pauses.most };
        let doubled = pauses.least.saturating_mul(1 << self.failures.min(16)).min(most);
        let own = pauses.least + up_to(doubled.saturating_sub(pauses.least));
        // Everybody was told the same moment: jitter spreads them behind it, never before it.
        let wait = error.retry_after().map_or(own, |wanted| wanted + up_to(pauses.least / 4));
        // A credential of seconds is worth more tries than one of hours.
        let wait = match held.and_then(|held| held.ends) {
            Some(end) if error.retry_after().is_none() => {
                wait.min((end.saturating_duration_since(Instant::now()) / 4).max(Duration::from_millis(100)))
            }
            _ => wait,
        };
        self.rest_until = Instant::now() + wait;
        let credential = &self.recipe.name;
        let (problem, held_on) = (error.word(), held.is_some());
        if self.failures == 0 || !held_on {
            warn!(%credential, problem, held = held_on, %error, cause = cause(error), "a credential cannot be had");
        }
        self.failures = self.failures.saturating_add(1);
        if held.is_none() {
            let until = self.rest_until;
            self.shared.state.send_replace(State::Failed { error: error.clone(), until });
        }
    }

    /// What is held ended: whoever asks next makes us try.
    fn lose(&mut self) {
        if let Some(held) = self.shared.held() {
            held.validity.end();
            self.retire(&held);
        }
        self.shared.state.send_replace(State::Empty);
    }

    /// The provider did not take the credential. Was it withdrawn, or may it just not do what was asked?
    async fn look_into_refusal(&mut self) {
        let Some(held) = self.shared.usable() else { return };
        let Pauses { least, most_refused, .. } = self.recipe.options.pauses;
        if self.looked.is_some_and(|at| at.elapsed() < least) {
            return;
        }
        self.looked = Some(Instant::now());
        let gone = match (held.lease_id(), &self.recipe.means.vault) {
            (Some(id), Some(vault)) => is_gone(vault, id).await,
            // A version that did not change changes nothing; another token is worth a try now and then.
            _ => held.is_read() || held.since.elapsed() >= most_refused,
        };
        if gone {
            let credential = &self.recipe.name;
            info!(%credential, "the provider refused a credential; it is looked for anew");
            self.fetch(Some(held)).await;
        }
    }

    fn retire(&mut self, held: &Held) {
        if let Some(id) = held.lease_id() {
            self.retired.push((Instant::now() + self.recipe.options.grace, id.clone()));
        }
    }

    async fn give_back_retired(&mut self, due: Instant) {
        let Some(vault) = self.recipe.means.vault.clone() else { return };
        let retired = std::mem::take(&mut self.retired);
        let (now, later): (Vec<_>, Vec<_>) = retired.into_iter().partition(|(at, _)| *at <= due);
        self.retired = later;
        for (_, id) in now {
            let credential = &self.recipe.name;
            match vault.revoke_lease(&id).await {
                Ok(()) => debug!(%credential, "a lease was given back"),
                Err(error) => debug!(%credential, %error, "a lease was not given back; it ends by itself"),
            }
        }
    }

    fn generation(&self) -> u64 {
        self.recipe.means.vault.as_ref().map_or(0, Vault::generation)
    }
}

/// Asks Vault whether it still knows a lease. Source:
/// <https://developer.hashicorp.com/vault/api-docs/system/leases#read-lease>; one that ended answers 400.
async fn is_gone(vault: &Vault, id: &LeaseId) -> bool {
    let Ok(path) = VaultPath::parse("sys/leases/lookup") else { return false };
    let body = serde_json::json!({ "lease_id": id.expose() });
    let looked = vault.write::<_, serde_json::Value>(&path, &body).await;
    looked.is_err_and(|error| matches!(error.kind, VaultErrorKind::Refused | VaultErrorKind::NotFound))
}

/// Whether asking for more time on this lease cannot work later either.
const fn is_final(kind: VaultErrorKind) -> bool {
    matches!(kind, VaultErrorKind::Refused | VaultErrorKind::NotFound | VaultErrorKind::Denied)
}

fn cause(error: &ObtainError) -> String {
    std::error::Error::source(error).map_or_else(String::new, ToString::to_string)
}
