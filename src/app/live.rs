//! `check-config --live`: what the service will reach, tried before it serves.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::app::StartError;
use crate::app::reach::Reach;
use crate::config::{Config, LIVE_CHECK};
use crate::domain::time::{Clock, SystemClock};
use crate::service::live_check::{LiveCheck, Report};

/// Tries what is configured, and gives back whatever was lent for it. `None` when it was told to stop before the end.
pub async fn check(mut config: Config, stop: &CancellationToken) -> Result<Option<Report>, StartError> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let reach = Reach::build(&mut config, &clock)?;
    let check = LiveCheck {
        vault: reach.vault.clone(),
        ring: reach.keys.ring().cloned(),
        signer: reach.receipts.clone().filter(|signer| signer.asks_vault()),
        sources: Arc::clone(&reach.sources),
        stores: Arc::clone(&reach.stores),
        limits: LIVE_CHECK,
    };
    let buckets = config.buckets.into_iter().map(Arc::new).collect();
    let report = stop.run_until_cancelled(check.run(buckets)).await;
    reach.close().await;
    Ok(report)
}
