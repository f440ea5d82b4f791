//! Keeps the service signed in: one task signs in when somebody needs it, renews the token ahead of its end, replaces one
//! that cannot be renewed, and rests after failures. Callers take what it holds, or wait for what it is about to get.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use crate::vault::server::error::{VaultError, VaultErrorKind};
use crate::vault::server::keeper::task::Task;
use crate::vault::server::path::VaultPath;
use crate::vault::server::request::PlainRequest;
use crate::vault::server::sign_in::Signer;
use crate::vault::server::tally::Tally;
use crate::vault::server::token::Token;
use crate::vault::server::transport::Transport;

mod task;

/// How long it rests after failures. The n-th failure in a row is followed by `least` and a random part ("full jitter")
/// that grows until the whole is `most`.
#[derive(Debug, Clone, Copy)]
pub struct Pauses {
    /// The least time between two sign-ins of which the first failed, and between two that a 403 asked for.
    pub least: Duration,
    /// The longest pause while Vault cannot be reached or does not serve.
    pub most: Duration,
    /// The longest pause while Vault refuses the sign-in itself: trying harder could lock the role.
    pub most_refused: Duration,
}

/// How the sign-in stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Nothing asked for it yet, or the token was lost and nobody asked since.
    NotSignedIn,
    /// Signed in; how long the token lasts, where it has an end.
    SignedIn {
        /// Time until the token is no longer used.
        ends_in: Option<Duration>,
    },
    /// The last try failed.
    Failing {
        /// Why.
        kind: VaultErrorKind,
    },
    /// The client was closed.
    Closed,
}

/// Holds the token.
pub(super) struct Keeper {
    shared: Arc<Shared>,
    transport: Arc<Transport>,
    timeout: Duration,
    pauses: Pauses,
    /// The task before it is started: the first request does that, on the runtime that it runs on.
    asleep: Mutex<Option<Task>>,
    running: Mutex<JoinSet<()>>,
    /// When Vault last confirmed the token; held while it is being asked, so that one asks for all.
    confirmed: tokio::sync::Mutex<Option<(u64, Instant)>>,
}

/// What callers and the task both see.
pub(super) struct Shared {
    state: watch::Sender<State>,
    /// Counts tokens; only the task changes it.
    generation: AtomicU64,
    wanted: Notify,
    closing: CancellationToken,
    /// Tokens that were replaced while they still lived. They end by themselves, with their leases, or when we close.
    retired: Mutex<Vec<Arc<Token>>>,
}

enum State {
    Empty,
    Held(Arc<Token>),
    Failed { error: VaultError, until: Instant },
    Closed,
}

impl Keeper {
    pub(super) fn new(
        transport: Arc<Transport>,
        signer: Signer,
        timeout: Duration,
        pauses: Pauses,
        tally: Arc<Tally>,
    ) -> Self {
        let shared = Arc::new(Shared {
            state: watch::Sender::new(State::Empty),
            generation: AtomicU64::new(0),
            wanted: Notify::new(),
            closing: CancellationToken::new(),
            retired: Mutex::new(Vec::new()),
        });
        let task = Task::new(Arc::clone(&shared), Arc::clone(&transport), signer, (timeout, pauses), tally);
        Self {
            shared,
            transport,
            timeout,
            pauses,
            asleep: Mutex::new(Some(task)),
            running: Mutex::new(JoinSet::new()),
            confirmed: tokio::sync::Mutex::new(None),
        }
    }

    /// The token, after a sign-in where there is none. Everybody who waits, waits for the same one.
    pub(super) async fn token(&self) -> Result<Arc<Token>, VaultError> {
        if let Some(token) = self.shared.usable() {
            return Ok(token);
        }
        self.start();
        let mut states = self.shared.state.subscribe();
        loop {
            if let Some(answer) = states.borrow_and_update().answer() {
                return answer;
            }
            self.shared.wanted.notify_one();
            // The sender lives as long as this.
            let _changed = states.changed().await;
        }
    }

    /// Looks after a token that a request was denied with. `None`: the token is good, so its policies do not allow the
    /// path, or it is too early to sign in again. Otherwise the token to try once more with.
    pub(super) async fn doubt(&self, token: &Arc<Token>) -> Result<Option<Arc<Token>>, VaultError> {
        let mut confirmed = self.confirmed.lock().await;
        if let Some(current) = self.shared.usable()
            && current.generation != token.generation
        {
            return Ok(Some(current));
        }
        let just_now = |at: Instant| at.elapsed() < self.pauses.least;
        let still_good = confirmed.is_some_and(|(of, at)| of == token.generation && just_now(at));
        if still_good || just_now(token.since) {
            return Ok(None);
        }
        let lookup = PlainRequest::<serde_json::Value>::get(&VaultPath::LOOKUP_SELF);
        match self.transport.ask(&lookup, Some(&token.secret), self.timeout).await {
            Ok(_) => {
                *confirmed = Some((token.generation, Instant::now()));
                Ok(None)
            }
            Err(error) if error.kind == VaultErrorKind::Denied => {
                self.shared.forget(token);
                drop(confirmed);
                self.token().await.map(Some)
            }
            Err(error) => Err(error),
        }
    }

    pub(super) fn generation(&self) -> u64 {
        self.shared.generation.load(Ordering::Relaxed)
    }

    pub(super) fn standing(&self) -> Standing {
        match &*self.shared.state.borrow() {
            State::Held(token) if !token.has_ended() => {
                let ends_in = token.ends.map(|end| end.saturating_duration_since(Instant::now()));
                Standing::SignedIn { ends_in }
            }
            State::Empty | State::Held(_) => Standing::NotSignedIn,
            State::Failed { error, .. } => Standing::Failing { kind: error.kind },
            State::Closed => Standing::Closed,
        }
    }

    /// Stops the task, then ends every token that was made for us.
    pub(super) async fn close(&self) {
        self.shared.closing.cancel();
        let mut running = std::mem::take(&mut *lock(&self.running));
        drop(lock(&self.asleep).take());
        // A sign-in under way is let finish, so that its token is known and can be ended.
        let _finished = tokio::time::timeout(self.timeout, running.join_next()).await;
        running.shutdown().await;
        let held = self.shared.held();
        self.shared.state.send_replace(State::Closed);
        let mut tokens = std::mem::take(&mut *lock(&self.shared.retired));
        tokens.extend(held);
        let tokens = tokens.iter().filter(|token| token.ours && !token.has_ended());
        futures::future::join_all(tokens.map(|token| self.revoke(token))).await;
    }

    async fn revoke(&self, token: &Token) {
        // A batch token cannot be revoked; it ends by itself.
        if ["hvb.", "b."].iter().any(|batch| token.secret.expose().starts_with(batch)) {
            return;
        }
        let request = PlainRequest::<serde_json::Value>::post(&VaultPath::REVOKE_SELF);
        if let Err(error) = self.transport.ask(&request, Some(&token.secret), self.timeout).await {
            tracing::warn!(%error, "the token of Vault could not be given back; it ends by itself");
        } else {
            debug!("the token of Vault was given back");
        }
    }

    fn start(&self) {
        if let Some(task) = lock(&self.asleep).take() {
            lock(&self.running).spawn(task.run());
        }
    }
}

impl State {
    /// What a caller is told; `None` to wait.
    fn answer(&self) -> Option<Result<Arc<Token>, VaultError>> {
        match self {
            Self::Held(token) if !token.has_ended() => Some(Ok(Arc::clone(token))),
            Self::Empty | Self::Held(_) => None,
            Self::Failed { error, until } => {
                let wait = until.saturating_duration_since(Instant::now());
                (!wait.is_zero()).then(|| Err(error.clone().after(wait)))
            }
            Self::Closed => Some(Err(VaultError::closed())),
        }
    }
}

impl Shared {
    fn held(&self) -> Option<Arc<Token>> {
        match &*self.state.borrow() {
            State::Held(token) => Some(Arc::clone(token)),
            _ => None,
        }
    }

    fn usable(&self) -> Option<Arc<Token>> {
        self.held().filter(|token| !token.has_ended())
    }

    fn forget(&self, token: &Token) {
        self.state.send_if_modified(|state| {
            let same = matches!(state, State::Held(held) if held.generation == token.generation);
            if same {
                *state = State::Empty;
            }
            same
        });
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
