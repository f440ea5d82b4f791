//! What stands on every request: finding a session, checking a token, deciding. `make bench-request` prints it.

#![expect(clippy::unwrap_used, reason = "a bench that cannot be set up ends")]

use std::collections::{BTreeMap, BTreeSet};
use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use axum::Json;
use axum::routing::get;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use criterion::{BatchSize, Criterion};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use logboom::authn::SessionLimits;
use logboom::authn::bearer::{BearerDoor, BearerOptions, Bearers, TokenChecks};
use logboom::authn::claim_path::ClaimPath;
use logboom::authn::claims::{ClaimMapping, Split};
use logboom::authn::discovery::IssuerAddress;
use logboom::authn::fetch::{Fetch, FetchLimits};
use logboom::authn::jwt::SigningAlgorithm;
use logboom::authn::keys::{Issuer, KeyLimits};
use logboom::authn::record::SessionRecord;
use logboom::authn::session::{Activity, Sessions};
use logboom::authz::permit::{ObjectTarget, ReadObject};
use logboom::authz::policies::Source;
use logboom::authz::{Authorizer, Context};
use logboom::db::{self, Db};
use logboom::domain::bucket::{Bucket, BucketId, NativeName, Provider};
use logboom::domain::credential::CredentialName;
use logboom::domain::key::ObjectKey;
use logboom::domain::label::LabelOrder;
use logboom::domain::principal::{Group, Principal, PrincipalId, Proof};
use logboom::domain::secret::Secret;
use logboom::domain::time::{Clock, SystemClock, Timestamp};
use logboom::vault::seal::{Keys, MasterKey, Purpose, Sealer};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    decisions(&mut criterion);
    sessions(&mut criterion);
    tokens(&mut criterion);
    criterion.final_summary();
}

/// A decision on an object, by somebody seen for the first time and by somebody seen before. All policies but one are
/// about other groups.
fn decisions(criterion: &mut Criterion) {
    for count in [10, 100, 1000] {
        let sources: Vec<_> = (0..count).map(policy).collect();
        let authorizer = Authorizer::from_sources(&sources).unwrap();
        let context = Context { ip: None, now: SystemClock.now() };
        let bucket = bucket();
        let decide = |who: &Arc<Principal>| {
            let key = ObjectKey::parse("api/2026/11/23/10.json.gz").unwrap();
            let target = ObjectTarget { bucket: Arc::clone(&bucket), key };
            authorizer.decide::<ReadObject, _>(who, target, &context).is_ok()
        };
        let who = person();
        assert!(decide(&who), "the person may read");
        criterion.bench_function(&format!("decision, {count} policies, remembered"), |bencher| {
            bencher.iter(|| black_box(decide(&who)));
        });
        criterion.bench_function(&format!("decision, {count} policies, new person"), |bencher| {
            bencher.iter_batched(person, |who| black_box(decide(&who)), BatchSize::SmallInput);
        });
    }
}

/// A session that was looked up within two seconds, and one that is read from SQLite in memory and unsealed.
fn sessions(criterion: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    let options = db::Options {
        url: Secret::new("sqlite::memory:".to_owned()),
        max_connections: 1,
        acquire_timeout: Duration::from_secs(5),
        migrate_at_start: true,
    };
    let db = runtime.block_on(Db::open(&options)).unwrap();
    let sealer = Sealer::new(Keys::local(&MasterKey::new([7; 32])).unwrap(), Purpose::Session);
    let limits =
        SessionLimits { idle: Duration::from_hours(1), absolute: Duration::from_hours(8), max_per_person: 5 };
    let sessions = Sessions::new(db, sealer, labels(), limits, Arc::new(SystemClock));
    let record = SessionRecord::new("idp", &person(), "an id token");
    let id = runtime.block_on(sessions.begin(&record, None)).unwrap();
    let hash = runtime.block_on(sessions.find(id.expose(), Activity::Person)).unwrap().unwrap().id_hash;
    criterion.bench_function("session, remembered", |bencher| {
        bencher.iter(|| runtime.block_on(sessions.find(id.expose(), Activity::Person)).unwrap());
    });
    criterion.bench_function("session, from SQLite", |bencher| {
        bencher.iter(|| runtime.block_on(sessions.look_up(&hash)).unwrap());
    });
}

/// An access token that was seen before, and one that was not.
fn tokens(criterion: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    let key = SigningKey::generate();
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let issuer = format!("http://{}", listener.local_addr().unwrap());
    let discovery = json!({"issuer": issuer, "jwks_uri": format!("{issuer}/jwks")});
    let keys = json!({"keys": [key.jwk]});
    let router = axum::Router::new()
        .route("/.well-known/openid-configuration", get(move || async move { Json(discovery) }))
        .route("/jwks", get(move || async move { Json(keys) }));
    let _server = runtime.spawn(async move { axum::serve(listener, router).await });
    let bearers = Bearers::new(vec![door(&issuer)], Arc::new(SystemClock), 10_000);
    let mut number = 0;
    let mut fresh = || {
        number += 1;
        key.sign(&issuer, number)
    };
    let token = fresh();
    let check = |token: &str| runtime.block_on(bearers.authenticate(token)).unwrap();
    check(&token);
    criterion.bench_function("token, remembered", |bencher| bencher.iter(|| check(&token)));
    criterion.bench_function("token, ES256, new", |bencher| {
        bencher.iter_batched(&mut fresh, |token| check(&token), BatchSize::SmallInput);
    });
}

fn door(issuer: &str) -> BearerDoor {
    let limits =
        FetchLimits { timeout: Duration::from_secs(5), max_bytes: 65_536, allow_loopback_http: true };
    let address =
        IssuerAddress { issuer: issuer.to_owned(), endpoint_hosts: Vec::new(), allow_loopback_http: true };
    let keys = KeyLimits { max_age: Duration::from_mins(15), refetch_interval: Duration::from_secs(10) };
    let fetch = Fetch::new(limits).unwrap();
    BearerDoor {
        issuer: Arc::new(Issuer::new(address, keys, fetch, Arc::new(SystemClock))),
        options: BearerOptions {
            audiences: vec!["api".to_owned()],
            clients: None,
            require_at_jwt: true,
            max_lifetime: Duration::from_hours(1),
        },
        checks: TokenChecks {
            algorithms: vec![SigningAlgorithm::parse("ES256").unwrap()],
            leeway: Duration::from_secs(10),
        },
        mapping: Arc::new(mapping()),
    }
}

fn mapping() -> ClaimMapping {
    ClaimMapping {
        subject: ClaimPath::parse("sub").unwrap(),
        name: Vec::new(),
        groups: vec![ClaimPath::parse("groups").unwrap()],
        groups_split: Split::Whole,
        groups_member: None,
        groups_required: false,
        group_names: BTreeMap::from([("team-0".to_owned(), group(0))]),
        clearance: None,
        clearance_names: BTreeMap::new(),
        lowest: labels().find("public").unwrap().clone(),
    }
}

struct SigningKey {
    encoding: EncodingKey,
    jwk: Value,
}

impl SigningKey {
    fn generate() -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let encoding = EncodingKey::from_ec_der(pair.to_pkcs8v1().unwrap().as_ref());
        let (x, y) = pair.public_key().as_ref().get(1..).unwrap().split_at(32);
        let jwk =
            json!({"kty": "EC", "crv": "P-256", "kid": "1", "x": BASE64.encode(x), "y": BASE64.encode(y)});
        Self { encoding, jwk }
    }

    fn sign(&self, issuer: &str, number: u32) -> String {
        let now = SystemClock.now().unix_seconds();
        let header = Header {
            typ: Some("at+jwt".to_owned()),
            kid: Some("1".to_owned()),
            ..Header::new(Algorithm::ES256)
        };
        let claims = json!({
            "iss": issuer, "sub": "ana", "aud": "api", "client_id": "bench", "jti": number.to_string(),
            "iat": now, "exp": now + 600, "groups": ["team-0"],
        });
        jsonwebtoken::encode(&header, &claims, &self.encoding).unwrap()
    }
}

fn policy(number: usize) -> Source {
    let text = format!(
        "@id(\"team-{number}-reads\") permit (principal in Group::\"team-{number}\", \
         action in [Action::\"ListObjects\", Action::\"ReadObject\"], resource in Bucket::\"logs\");"
    );
    Source { name: format!("{number}.cedar"), text }
}

fn group(number: usize) -> Group {
    Group::parse(&format!("team-{number}")).unwrap()
}

fn labels() -> LabelOrder {
    LabelOrder::new(&["public", "internal"]).unwrap()
}

fn bucket() -> Arc<Bucket> {
    Arc::new(Bucket {
        id: BucketId::parse("logs").unwrap(),
        provider: Provider::Aws,
        native_name: NativeName::parse("logs").unwrap(),
        region: None,
        account: None,
        endpoint: None,
        owner: group(1),
        label: labels().find("internal").unwrap().clone(),
        credential: CredentialName::parse("c").unwrap(),
        vending: None,
        redacted: false,
    })
}

fn person() -> Arc<Principal> {
    Arc::new(Principal {
        id: PrincipalId { issuer: "https://idp.example".to_owned(), subject: "ana".to_owned() },
        name: "Ana".to_owned(),
        groups: BTreeSet::from([group(0)]),
        groups_complete: true,
        clearance: labels().find("internal").unwrap().clone(),
        proof: Proof::Session,
        expires_at: Timestamp::from_unix_seconds(2_000_000_000),
    })
}
