//! What a lent credential adds to a request once it is held: `Leases::lease`, by one and by eight at once.
//! `make bench-credential` prints it.

#![expect(clippy::unwrap_used, reason = "a bench that cannot be set up ends")]

use std::collections::BTreeMap;
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::{Json, Router};
use criterion::Criterion;
use logboom::domain::credential::CredentialName;
use logboom::domain::time::SystemClock;
use logboom::vault::CredentialSource;
use logboom::vault::exchange::{self, Exchange};
use logboom::vault::kinds::federation::{Entra, Proof, Target};
use logboom::vault::kinds::{Federation, Means, Reference};
use logboom::vault::leases::{Leases, Options};
use logboom::vault::server::Pauses;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let runtime = Runtime::new().unwrap();
    let (leases, name, _server) = runtime.block_on(held());
    let mut group = criterion.benchmark_group("credential");
    group.bench_function("held", |bencher| {
        bencher.iter(|| black_box(runtime.block_on(leases.lease(&name)).unwrap()));
    });
    let at_once = |iterations: u64| {
        let (leases, name) = (Arc::clone(&leases), name.clone());
        runtime.block_on(async move {
            let begun = Instant::now();
            let mut tasks = JoinSet::new();
            for _ in 0..8 {
                let (leases, name) = (Arc::clone(&leases), name.clone());
                tasks.spawn(async move {
                    for _ in 0..iterations {
                        black_box(leases.lease(&name).await.unwrap());
                    }
                });
            }
            tasks.join_all().await;
            begun.elapsed() / 8
        })
    };
    group.bench_function("held, eight at once", |bencher| bencher.iter_custom(at_once));
    group.finish();
    criterion.final_summary();
}

/// A token of Entra that lasts an hour, in a cache that has it.
async fn held() -> (Arc<Leases>, CredentialName, JoinSet<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let token = json!({"access_token": "x".repeat(2048), "expires_in": 3600});
    let router = Router::new().fallback(move || async { Json(token) });
    let mut server = JoinSet::new();
    server.spawn(async move { axum::serve(listener, router).await.unwrap() });
    let file = std::env::temp_dir().join(format!("logboom-bench-{}", std::process::id()));
    std::fs::write(&file, "jwt").unwrap();
    let token_endpoint = format!("http://{address}/token").parse().unwrap();
    let target = Target::Entra(Entra { client_id: "c".to_owned(), token_endpoint });
    let reference = Reference::Federation(Federation { proof: Proof::File(file), target });
    let second = Duration::from_secs(1);
    let exchange = exchange::Options { connect_timeout: second, timeout: second, extra_ca_pem: None };
    let means = Means { vault: None, exchange: Exchange::new(&exchange).unwrap() };
    let options = Options {
        wait: second,
        read_again: second,
        unread: second,
        grace: second,
        give_back: second,
        pauses: Pauses { least: second, most: second, most_refused: second },
    };
    let name = CredentialName::parse("c").unwrap();
    let references = BTreeMap::from([(name.clone(), reference)]);
    let leases = Arc::new(Leases::new(references, &means, &options, Arc::new(SystemClock)));
    leases.lease(&name).await.unwrap();
    (leases, name, server)
}
