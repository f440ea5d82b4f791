//! The task of a keeper: the only code that signs in and renews, so that it happens once for everybody.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};
use tracing::{info, warn};

use crate::vault::server::error::{VaultError, VaultErrorKind};
use crate::vault::server::keeper::{Pauses, Shared, State, lock};
use crate::vault::server::path::VaultPath;
use crate::vault::server::request::PlainRequest;
use crate::vault::server::sign_in::Signer;
use crate::vault::server::tally::{Tally, VaultOperation};
use crate::vault::server::token::{Grant, Token, up_to};
use crate::vault::server::transport::Transport;

/// Failures after which the random part of a pause no longer grows.
const GROWTH: u32 = 6;

pub(super) struct Task {
    shared: Arc<Shared>,
    transport: Arc<Transport>,
    signer: Signer,
    timeout: Duration,
    pauses: Pauses,
    tally: Arc<Tally>,
    /// In a row.
    failures: u32,
    resting: Option<(VaultError, Instant)>,
}

impl Task {
    pub(super) const fn new(
        shared: Arc<Shared>,
        transport: Arc<Transport>,
        signer: Signer,
        (timeout, pauses): (Duration, Pauses),
        tally: Arc<Tally>,
    ) -> Self {
        Self { shared, transport, signer, timeout, pauses, tally, failures: 0, resting: None }
    }

    pub(super) async fn run(mut self) {
        let shared = Arc::clone(&self.shared);
        loop {
            let due = self.due();
            let wanted = tokio::select! {
                biased;
                () = shared.closing.cancelled() => return,
                () = shared.wanted.notified() => true,
                () = at(due) => false,
            };
            match shared.usable() {
                Some(token) if due.is_some_and(|due| due <= Instant::now()) => self.refresh(&token).await,
                None if wanted => self.obtain().await,
                _ => {}
            }
        }
    }

    /// When what is held has to be looked after.
    fn due(&self) -> Option<Instant> {
        let refresh = self.shared.usable()?.refresh?;
        Some(self.resting.as_ref().map_or(refresh, |(_, until)| refresh.max(*until)))
    }

    /// Signs in for those who wait, unless it failed a moment ago.
    async fn obtain(&mut self) {
        if let Some((error, until)) = &self.resting
            && *until > Instant::now()
        {
            let (error, until) = (error.clone(), *until);
            self.shared.state.send_replace(State::Failed { error, until });
            return;
        }
        if let Err(error) = self.sign_in(None).await {
            let until = self.rest(&error);
            self.shared.state.send_replace(State::Failed { error, until });
        }
    }

    /// Renews what is held, or replaces it. Whatever fails, it stays in use while it lives.
    async fn refresh(&mut self, token: &Arc<Token>) {
        if token.renewable {
            match self.renew(token).await {
                Ok(true) => return,
                // It lasts only a little longer.
                Ok(false) => {}
                Err(error) if refuses(&error) => {}
                Err(error) => {
                    warn!(%error, "the token of Vault could not be renewed");
                    self.rest(&error);
                    return;
                }
            }
        }
        if let Err(error) = self.sign_in(Some(token)).await {
            self.rest(&error);
        }
    }

    /// Whether it will last.
    async fn renew(&mut self, token: &Arc<Token>) -> Result<bool, VaultError> {
        let asked = Instant::now();
        let request = PlainRequest::<serde_json::Value>::post(&VaultPath::RENEW_SELF);
        let reply = self.transport.ask(&request, Some(&token.secret), self.timeout).await;
        self.tally.count(VaultOperation::Renew, &reply);
        let auth = reply?.auth.ok_or_else(VaultError::unexpected)?;
        let lasts = auth.renewable && !token.is_near_its_last_end(auth.duration);
        self.hold(Arc::new(token.renewed(auth.duration, auth.renewable, asked)), Some(token.generation));
        if lasts {
            self.failures = 0;
            self.resting = None;
            tracing::debug!(seconds = auth.duration.as_secs(), "the token of Vault was renewed");
        }
        Ok(lasts)
    }

    async fn sign_in(&mut self, old: Option<&Arc<Token>>) -> Result<(), VaultError> {
        let method = self.signer.method();
        let asked = Instant::now();
        let grant = self.signer.sign_in().await.map_err(|error| error.while_signing_in(method));
        let is_known = |grant: &Grant| old.filter(|old| old.secret.expose() == grant.secret.expose());
        let same = grant.as_ref().ok().and_then(is_known);
        if same.is_none() {
            self.tally.count(VaultOperation::SignIn, &grant);
        }
        let grant = grant.inspect_err(|error| warn!(%error, "signing in to Vault failed"))?;
        self.failures = 0;
        self.resting = None;
        if let Some(same) = same {
            self.hold(Arc::new(same.again(grant, asked)), Some(same.generation));
            return Ok(());
        }
        let generation = self.shared.generation.fetch_add(1, Ordering::Relaxed) + 1;
        let token = Arc::new(Token::new(grant, generation, asked));
        let seconds = token.ends.map(|end| end.duration_since(asked).as_secs());
        info!(method, seconds, renewable = token.renewable, "signed in to Vault");
        // What is held now may be the old one with the life that a renewal gave it.
        if let Some(replaced) = self.shared.usable() {
            self.retire(replaced);
        }
        self.hold(token, None);
        Ok(())
    }

    /// Makes a token the one in use. One that takes another's place does so only while that is still in use: meanwhile
    /// Vault may have said that it is not known.
    fn hold(&self, token: Arc<Token>, instead_of: Option<u64>) {
        let renewal = instead_of == Some(token.generation);
        self.shared.state.send_if_modified(|state| {
            let still = matches!(state, State::Held(held) if Some(held.generation) == instead_of);
            if !renewal || still {
                *state = State::Held(token);
            }
            !renewal || still
        });
    }

    /// The leases on a replaced token live as long as it does, so it is not ended here.
    fn retire(&self, token: Arc<Token>) {
        let mut retired = lock(&self.shared.retired);
        retired.retain(|token| !token.has_ended());
        retired.push(token);
    }

    /// Counts a failure, and says until when nothing is tried.
    fn rest(&mut self, error: &VaultError) -> Instant {
        let most = if refuses(error) { self.pauses.most_refused } else { self.pauses.most };
        let spread = most.saturating_sub(self.pauses.least);
        let growing = spread / 2_u32.pow(GROWTH.saturating_sub(self.failures));
        self.failures = self.failures.saturating_add(1);
        let pause = self.pauses.least + up_to(growing);
        let until = Instant::now() + error.retry_after.map_or(pause, |wait| wait.max(pause));
        self.resting = Some((error.clone(), until));
        until
    }
}

/// Whether Vault understood and said no: the token, or who we are, is not good.
fn refuses(error: &VaultError) -> bool {
    matches!(error.kind, VaultErrorKind::Denied | VaultErrorKind::Refused | VaultErrorKind::NotFound)
}

async fn at(due: Option<Instant>) {
    match due {
        Some(due) => sleep_until(due).await,
        None => pending().await,
    }
}
