//! The composition root: the one place that picks implementations.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use crate::app::reach::Reach;
use crate::authn::Authenticator;
use crate::authz::{Authorizer, PolicyError};
use crate::config::Config;
use crate::db::{Db, DbError};
use crate::domain::time::{Clock, SystemClock};
use crate::http;
use crate::http::operations;
use crate::http::rates::Rates;
use crate::http::readiness::Readiness;
use crate::http::searches::Allowances;
use crate::http::server;
use crate::http::state::{AppState, Parts};
use crate::http::streams::Streams;
use crate::http::tls::{self, TlsError};
use crate::provider::StoreError;
use crate::service::buckets::Buckets;
use crate::service::canary::Canary;
use crate::service::page_token::PageTokens;
use crate::service::receipts::Receipts;
use crate::service::vault_state::VaultState;
use crate::telemetry::metrics::Metrics;
use crate::vault::exchange::ExchangeError;
use crate::vault::seal::{Purpose, SealError, Sealer};
use crate::vault::server::VaultError;

pub mod live;
pub mod reach;

/// Why the service did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address cannot be listened on.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        #[source]
        cause: io::Error,
    },
    /// The state store cannot be used.
    #[error("the state store cannot be used")]
    State(#[from] DbError),
    /// The policies cannot be used.
    #[error("the policies cannot be used")]
    Policies(#[from] PolicyError),
    /// The sealing keys cannot be made.
    #[error("the sealing keys cannot be made")]
    Seal(#[from] SealError),
    /// The authenticator cannot be built.
    #[error("the identity settings cannot be used")]
    Identity(#[from] crate::authn::BuildError),
    /// The clients of the clouds cannot be built.
    #[error("the clients of the clouds cannot be built")]
    Stores(#[from] StoreError),
    /// The client of Vault cannot be built.
    #[error("the settings of Vault cannot be used")]
    Vault(#[from] VaultError),
    /// The client of the clouds' token endpoints cannot be built.
    #[error("the client of the clouds' token endpoints cannot be built")]
    Exchange(#[from] ExchangeError),
    /// The certificates cannot be used.
    #[error("the certificates cannot be used")]
    Tls(#[from] TlsError),
}

/// The service, bound to its addresses and ready to run.
#[derive(Debug)]
pub struct App {
    listener: TcpListener,
    address: SocketAddr,
    operations: Option<TcpListener>,
    operations_address: Option<SocketAddr>,
    tls: Option<TlsAcceptorBox>,
    state: AppState,
    reach: Reach,
    more: Router,
}

/// What can be put in from outside: time for tests, routes for the demo.
#[derive(Debug)]
pub struct Extras {
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Routes beside the service's own, inside the same layers.
    pub routes: Router,
}

impl Default for Extras {
    fn default() -> Self {
        Self { clock: Arc::new(SystemClock), routes: Router::new() }
    }
}

#[derive(Clone)]
struct TlsAcceptorBox(TlsAcceptor);

impl std::fmt::Debug for TlsAcceptorBox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TlsAcceptor(…)")
    }
}

impl App {
    /// Binds, connects the state store and puts the parts together.
    pub async fn build(config: Config) -> Result<Self, StartError> {
        Self::build_with(config, Extras::default()).await
    }

    /// [`App::build`] with parts from outside.
    pub async fn build_with(config: Config, extras: Extras) -> Result<Self, StartError> {
        let listener = bind(config.edge.options.listen).await?;
        Self::build_on(listener, config, extras).await
    }

    /// [`App::build_with`] on a listener that is bound already, so that settings can name its port.
    pub async fn build_on(
        listener: TcpListener,
        mut config: Config,
        extras: Extras,
    ) -> Result<Self, StartError> {
        let listen = config.edge.options.listen;
        let address = listener.local_addr().map_err(|cause| StartError::Listen { address: listen, cause })?;
        let operations = match config.edge.options.operations_listen {
            Some(address) => Some(bind(address).await?),
            None => None,
        };
        let operations_address = operations.as_ref().and_then(|listener| listener.local_addr().ok());
        let tls = config.edge.tls.as_ref().map(tls::acceptor).transpose()?.map(TlsAcceptorBox);
        let reach = Reach::build(&mut config, &extras.clock)?;
        let state = AppState::new(parts(config, reach.clone(), extras.clock).await?);
        let more = extras.routes;
        Ok(Self { listener, address, operations, operations_address, tls, state, reach, more })
    }

    /// Where the service listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where operators find metrics and readiness.
    #[must_use]
    pub const fn operations_address(&self) -> Option<SocketAddr> {
        self.operations_address
    }

    /// Serves until the token is cancelled, then drains.
    pub async fn run(self, stop: CancellationToken) {
        let limits = self.state.options.server.clone();
        let service = http::service(&self.state, self.more);
        let api =
            server::serve(self.listener, service, self.tls.map(|tls| tls.0), limits.clone(), stop.clone());
        let operators = async {
            if let Some(listener) = self.operations {
                let service = operations::service(self.state.clone());
                server::serve(listener, service, None, limits, stop.clone()).await;
            }
        };
        let housekeeping = self.state.authenticator.housekeeping(stop.clone());
        let state = self.state.clone();
        let canary = state.canary.watch(&state.stores, &state.buckets, &*state.clock, &stop);
        tokio::join!(api, operators, housekeeping, self.reach.keep(&stop), canary);
        // After everything that may still have needed them.
        self.reach.close().await;
    }
}

async fn bind(address: SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(address).await.map_err(|cause| StartError::Listen { address, cause })
}

async fn parts(config: Config, reach: Reach, clock: Arc<dyn Clock>) -> Result<Parts, StartError> {
    let db = Db::open(&config.state).await?;
    let authorizer = Authorizer::load(&config.policies)?;
    let authenticator =
        Authenticator::build(config.identity.options, db.clone(), &reach.keys, Arc::clone(&clock))?;
    let page_tokens = PageTokens::new(Sealer::new(reach.keys, Purpose::PageToken));
    let principal = config.edge.principal;
    Ok(Parts {
        authenticator,
        authorizer,
        buckets: Buckets::new(config.buckets),
        stores: reach.stores,
        vault: VaultState::new(reach.vault, reach.leases),
        page_tokens,
        link_limits: config.edge.links,
        search_limits: config.edge.search,
        logs: config.logs,
        receipts: Receipts::new(reach.receipts),
        vend_limits: config.vending,
        canary: Arc::new(Canary::new(config.canary)),
        rates: Rates::new(principal.requests_per_second, principal.burst),
        streams: Streams::new(principal.streams),
        allowances: Allowances::new(principal.searches, Arc::clone(&clock)),
        readiness: Readiness::new(db, Arc::clone(&clock)),
        metrics: Arc::new(Metrics::new()),
        clock,
        options: config.edge.options,
    })
}
