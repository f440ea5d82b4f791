//! The threads for computing: decoding and matching happen there, so that they delay no answer, and all searches together use
//! no more than is meant for them.

use std::sync::OnceLock;

use tokio::runtime::{Builder, Runtime};

/// Some threads of their own, which begin with the first work.
#[derive(Debug)]
pub struct Threads {
    count: usize,
    /// `None` when the machine has no thread to give.
    runtime: OnceLock<Option<Runtime>>,
}

/// The threads are gone, because the service stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the threads for computing are gone")]
pub struct Gone;

impl Threads {
    /// So many of them, at least one.
    #[must_use]
    pub const fn new(count: usize) -> Self {
        Self { count, runtime: OnceLock::new() }
    }

    /// Does some work there. It is done even if nobody waits for it any more.
    ///
    /// # Errors
    /// [`Gone`] when the service stops.
    pub async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Gone> {
        let start = || {
            let threads = self.count.max(1);
            Builder::new_multi_thread().worker_threads(threads).thread_name("logboom-compute").build().ok()
        };
        let runtime = self.runtime.get_or_init(start).as_ref().ok_or(Gone)?;
        runtime.spawn(async move { work() }).await.map_err(|_| Gone)
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        // A runtime that is dropped inside another one has to end by itself.
        if let Some(runtime) = self.runtime.take().flatten() {
            runtime.shutdown_background();
        }
    }
}
