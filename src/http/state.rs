//! What every handler can reach: one `Arc`, cloned for each request.

use std::net::SocketAddr;
use std::ops::Deref;
use std::sync::Arc;

use axum::extract::{ConnectInfo, Request};

use crate::authn::Authenticator;
use crate::authz::Authorizer;
use crate::authz::Context;
use crate::domain::time::Clock;
use crate::http::Options;
use crate::http::client_address;
use crate::http::rates::Rates;
use crate::http::readiness::Readiness;
use crate::http::searches::Allowances;
use crate::http::streams::Streams;
use crate::service::bucket_logs::BucketLogs;
use crate::service::buckets::Buckets;
use crate::service::canary::Canary;
use crate::service::links::LinkLimits;
use crate::service::page_token::PageTokens;
use crate::service::receipts::Receipts;
use crate::service::search::SearchLimits;
use crate::service::stores::Stores;
use crate::service::vault_state::VaultState;
use crate::service::vending::Limits as VendLimits;
use crate::telemetry::metrics::Metrics;

/// The parts that answers are made of.
#[derive(Debug)]
pub struct Parts {
    /// Who is asking.
    pub authenticator: Authenticator,
    /// What they may do.
    pub authorizer: Authorizer,
    /// The registered buckets.
    pub buckets: Buckets,
    /// Their stores.
    pub stores: Arc<Stores>,
    /// How Vault stands.
    pub vault: VaultState,
    /// Seals the cursors of listings.
    pub page_tokens: PageTokens,
    /// Bounds of links.
    pub link_limits: LinkLimits,
    /// Bounds of searches.
    pub search_limits: SearchLimits,
    /// How keys tell their time.
    pub logs: BucketLogs,
    /// Signs receipts.
    pub receipts: Receipts,
    /// Bounds of vending.
    pub vend_limits: VendLimits,
    /// What the canary found of vending.
    pub canary: Arc<Canary>,
    /// Requests per second of each principal.
    pub rates: Rates,
    /// Bodies under way of each principal.
    pub streams: Streams,
    /// Bytes that the searches of each principal may read.
    pub allowances: Allowances,
    /// Findings about dependencies.
    pub readiness: Readiness,
    /// Counters.
    pub metrics: Arc<Metrics>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Settings of the edge.
    pub options: Options,
}

/// Shared state of the edge.
#[derive(Debug, Clone)]
pub struct AppState(Arc<Parts>);

impl AppState {
    /// Wraps the parts.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }

    /// The circumstances of a request that policies can ask about.
    #[must_use]
    pub fn context(&self, request: &Request) -> Context {
        let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip());
        Context {
            ip: peer.map(|peer| client_address::of(peer, request.headers(), &self.options.trusted_proxies)),
            now: self.clock.now(),
        }
    }
}

impl Deref for AppState {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}
