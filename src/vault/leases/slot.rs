//! One credential: what is held of it, who waits for it, and how it stands.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use crate::domain::credential::{CredentialName, Validity};
use crate::vault::kinds::{Means, ObtainError, Reference};
use crate::vault::leases::Options;
use crate::vault::leases::held::Held;
use crate::vault::leases::task::Task;

/// One credential.
pub(super) struct Slot {
    shared: Arc<Shared>,
    recipe: Recipe,
    running: Mutex<Option<Running>>,
}

/// What the task is made from, whenever it is started.
#[derive(Clone)]
pub(super) struct Recipe {
    pub(super) name: CredentialName,
    pub(super) reference: Reference,
    pub(super) means: Means,
    pub(super) options: Options,
}

struct Running {
    task: JoinSet<()>,
    stop: CancellationToken,
}

/// What callers and the task both see.
pub(super) struct Shared {
    pub(super) state: watch::Sender<State>,
    pub(super) wanted: Notify,
    /// The provider refused what is held.
    pub(super) refused: Notify,
    tally: Mutex<Tally>,
}

#[derive(Default)]
struct Tally {
    /// How often asking ended in each way.
    counts: BTreeMap<&'static str, u64>,
    /// What went wrong last, until something goes well.
    trouble: Option<&'static str>,
}

pub(super) enum State {
    Empty,
    Held(Arc<Held>),
    Failed { error: ObtainError, until: Instant },
    Closed,
}

/// How a credential stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeaseState {
    /// Nobody asked for it yet.
    Unasked,
    /// It is held, and was renewed or replaced in time.
    Held,
    /// It is held, but the last try to renew or replace it failed.
    Ageing,
    /// It is not held, and the last try failed.
    Failing,
}

impl LeaseState {
    /// A stable word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unasked => "unasked",
            Self::Held => "held",
            Self::Ageing => "ageing",
            Self::Failing => "failing",
        }
    }
}

/// A credential from outside: all but what it is.
#[derive(Debug, Clone)]
pub struct LeaseView {
    /// How it stands.
    pub state: LeaseState,
    /// Since when this one is held.
    pub age: Option<Duration>,
    /// For how long it may still be used.
    pub left: Option<Duration>,
    /// What went wrong last, as a stable word, until something goes well.
    pub trouble: Option<&'static str>,
    /// How often asking for it ended in each way; `ok` is success.
    pub counts: BTreeMap<&'static str, u64>,
}

impl Slot {
    pub(super) fn new(name: CredentialName, reference: Reference, means: Means, options: Options) -> Self {
        let shared = Arc::new(Shared {
            state: watch::Sender::new(State::Empty),
            wanted: Notify::new(),
            refused: Notify::new(),
            tally: Mutex::default(),
        });
        let recipe = Recipe { name, reference, means, options };
        Self { shared, recipe, running: Mutex::new(None) }
    }

    pub(super) const fn reference(&self) -> &Reference {
        &self.recipe.reference
    }

    /// What is held, or what is about to be.
    pub(super) async fn take(&self, wait: Duration) -> Result<Arc<Held>, ObtainError> {
        if let Some(held) = self.shared.usable() {
            return Ok(held);
        }
        self.start();
        timeout(wait, self.shared.next()).await.unwrap_or(Err(ObtainError::Late))
    }

    /// The provider did not take it. One that was replaced already says nothing.
    pub(super) fn refused(&self, validity: &Validity) {
        if self.shared.held().is_some_and(|held| held.validity.is(validity)) {
            self.shared.refused.notify_one();
        }
    }

    /// Ends the task and gives back what it holds.
    pub(super) async fn release(&self, limit: Duration, for_good: bool) {
        let running = lock(&self.running).take();
        if let Some(Running { mut task, stop }) = running {
            stop.cancel();
            // What is under way is let finish, so that a lease on its way is known and can be given back.
            let _ended = timeout(limit, task.join_next()).await;
            task.shutdown().await;
        }
        self.shared.state.send_replace(if for_good { State::Closed } else { State::Empty });
    }

    pub(super) fn view(&self) -> LeaseView {
        let held = self.shared.usable();
        let tally = lock(&self.shared.tally);
        let state = match (&held, tally.trouble) {
            (Some(_), None) => LeaseState::Held,
            (Some(_), Some(_)) => LeaseState::Ageing,
            (None, Some(_)) => LeaseState::Failing,
            (None, None) => LeaseState::Unasked,
        };
        let now = Instant::now();
        LeaseView {
            state,
            age: held.as_ref().map(|held| now.saturating_duration_since(held.since)),
            left: held.as_ref().and_then(|held| Some(held.ends?.saturating_duration_since(now))),
            trouble: tally.trouble,
            counts: tally.counts.clone(),
        }
    }

    fn start(&self) {
        let mut running = lock(&self.running);
        if running.is_none() && !matches!(*self.shared.state.borrow(), State::Closed) {
            let stop = CancellationToken::new();
            let mut task = JoinSet::new();
            task.spawn(Task::new(self.recipe.clone(), Arc::clone(&self.shared), stop.clone()).run());
            *running = Some(Running { task, stop });
        }
    }
}

impl Shared {
    async fn next(&self) -> Result<Arc<Held>, ObtainError> {
        let mut states = self.state.subscribe();
        loop {
            if let Some(answer) = states.borrow_and_update().answer() {
                return answer;
            }
            self.wanted.notify_one();
            // The sender lives as long as this.
            let _changed = states.changed().await;
        }
    }

    pub(super) fn held(&self) -> Option<Arc<Held>> {
        match &*self.state.borrow() {
            State::Held(held) => Some(Arc::clone(held)),
            _ => None,
        }
    }

    pub(super) fn usable(&self) -> Option<Arc<Held>> {
        self.held().filter(|held| held.is_usable())
    }

    pub(super) fn count(&self, word: &'static str, trouble: Option<&'static str>) {
        let mut tally = lock(&self.tally);
        *tally.counts.entry(word).or_default() += 1;
        tally.trouble = trouble;
    }
}

impl State {
    /// What a caller is told; `None` to wait.
    fn answer(&self) -> Option<Result<Arc<Held>, ObtainError>> {
        match self {
            Self::Held(held) if held.is_usable() => Some(Ok(Arc::clone(held))),
            Self::Empty | Self::Held(_) => None,
            Self::Failed { error, until } => (Instant::now() < *until).then(|| Err(error.clone())),
            Self::Closed => Some(Err(ObtainError::Closed)),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
