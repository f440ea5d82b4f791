//! What the state store must do, on SQLite in a file, SQLite in memory, and Postgres.

use std::collections::BTreeSet;
use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use logboom::db::{Db, DbError, Options, SessionRow};
use logboom::domain::secret::Secret;
use logboom::domain::time::Timestamp;
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use crate::harness::postgres::postgres;
use crate::harness::servers::free_port;

mod trouble;

const ISSUER: &str = "https://idp.example/app/";

fn options(url: impl Into<String>) -> Options {
    Options {
        url: Secret::new(url.into()),
        max_connections: 8,
        acquire_timeout: Duration::from_secs(10),
        migrate_at_start: true,
    }
}

fn sqlite_path() -> PathBuf {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::SeqCst);
    let folder = std::env::temp_dir().join(format!("logboom-it-sqlite-{}-{count}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    folder.join("state #1 100%.db")
}

fn sqlite_url(path: &std::path::Path) -> String {
    format!("sqlite://{}", path.to_str().expect("text").replace('%', "%25"))
}

async fn sqlite_file() -> Options {
    options(sqlite_url(&sqlite_path()))
}

async fn sqlite_memory() -> Options {
    options("sqlite::memory:")
}

async fn postgres_database() -> Options {
    options(postgres().await.make_database().await)
}

/// Each sentence becomes a test for each database.
macro_rules! battery {
    ($($sentence:ident)*) => {
        battery!(@on sqlite_file $($sentence)*);
        battery!(@on sqlite_memory $($sentence)*);
        battery!(@on postgres_database $($sentence)*);
    };
    (@on $database:ident $($sentence:ident)*) => {
        mod $database {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn $sentence() {
                let options = super::$database().await;
                let db = super::Db::open(&options).await.expect("it opens");
                super::$sentence(db).await;
            })*
        }
    };
}

/// Sentences about several replicas on one database: memory has no second door.
macro_rules! replicas {
    ($($sentence:ident)*) => {
        mod replicas_on_sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn $sentence() { super::$sentence(super::sqlite_file().await).await; })*
        }
        mod replicas_on_postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn $sentence() { super::$sentence(super::postgres_database().await).await; })*
        }
    };
}

battery! {
    a_session_reads_back_exactly
    a_session_without_an_idp_session_reads_back_without
    odd_text_and_bytes_read_back_exactly
    a_session_is_touched_forwards_only
    a_sealed_part_is_replaced_by_one_of_many
    a_session_is_deleted_once
    a_logout_at_the_idp_ends_its_sessions_alone
    a_person_loses_all_sessions_and_nobody_else_any
    the_oldest_sessions_beyond_a_number_go
    what_time_has_ended_is_deleted
    a_login_is_taken_by_one_of_64
    an_expired_login_is_nobodys
    a_token_counts_once_for_64
    two_sessions_cannot_share_an_id
    a_migrated_database_has_nothing_pending_and_migrates_again
    it_answers_a_ping
}

replicas! {
    eight_replicas_migrate_at_once
    nothing_is_migrated_unless_asked
    a_session_outlives_the_process_that_stored_it
    a_login_is_taken_by_one_replica
}

fn at(millis: i64) -> Timestamp {
    Timestamp::from_unix_millis(millis)
}

fn session(number: u8) -> SessionRow {
    SessionRow {
        id_hash: [number; 32],
        issuer: ISSUER.to_owned(),
        subject: "ana".to_owned(),
        idp_session: Some(format!("sid-{number}")),
        sealed: vec![0, 255, number],
        version: 0,
        created_at: at(1_800_000_000_000 + i64::from(number)),
        last_active_at: at(1_800_000_000_500),
        expires_at: at(1_900_000_000_000),
    }
}

async fn stored(db: &Db, rows: impl IntoIterator<Item = SessionRow>) {
    for row in rows {
        db.insert_session(&row).await.expect("stored");
    }
}

async fn left(db: &Db, numbers: std::ops::Range<u8>) -> Vec<u8> {
    let mut left = Vec::new();
    for number in numbers {
        if db.find_session(&[number; 32]).await.expect("found").is_some() {
            left.push(number);
        }
    }
    left
}

/// Runs 64 calls at the same moment and answers how many said yes.
async fn winners<F: Future<Output = bool> + Send + 'static>(call: impl Fn(usize) -> F) -> usize {
    let start = Arc::new(Barrier::new(64));
    let mut calls = JoinSet::new();
    for number in 0..64 {
        let (start, call) = (Arc::clone(&start), call(number));
        calls.spawn(async move {
            start.wait().await;
            call.await
        });
    }
    calls.join_all().await.into_iter().filter(|won| *won).count()
}

async fn a_session_reads_back_exactly(db: Db) {
    stored(&db, [session(1)]).await;
    assert_eq!(db.find_session(&[1; 32]).await.expect("it works"), Some(session(1)));
    assert_eq!(db.find_session(&[2; 32]).await.expect("it works"), None);
}

async fn a_session_without_an_idp_session_reads_back_without(db: Db) {
    let row = SessionRow { idp_session: None, ..session(1) };
    stored(&db, [row.clone()]).await;
    assert_eq!(db.find_session(&[1; 32]).await.expect("it works"), Some(row));
    assert_eq!(db.delete_sessions_of_idp_session(ISSUER, "").await.expect("it works"), 0);
}

async fn odd_text_and_bytes_read_back_exactly(db: Db) {
    let row = SessionRow {
        issuer: "https://idp.example/日本'; DROP TABLE sessions; --".to_owned(),
        subject: "$1 ? \\ \" %_ \u{1F980}".to_owned(),
        idp_session: Some(String::new()),
        sealed: (0..=255).cycle().take(70_000).collect(),
        version: i64::MAX - 1,
        created_at: at(-1),
        last_active_at: at(i64::MIN),
        expires_at: at(i64::MAX),
        ..session(1)
    };
    stored(&db, [row.clone()]).await;
    assert_eq!(db.find_session(&[1; 32]).await.expect("it works"), Some(row));
    stored(&db, [SessionRow { sealed: Vec::new(), ..session(2) }]).await;
    assert_eq!(
        db.find_session(&[2; 32]).await.expect("it works").expect("it works").sealed,
        Vec::<u8>::new()
    );
}

async fn a_session_is_touched_forwards_only(db: Db) {
    stored(&db, [session(1)]).await;
    for (touched, seen) in [(1_800_000_001_000, 1_800_000_001_000), (5, 1_800_000_001_000)] {
        db.touch_session(&[1; 32], at(touched)).await.expect("it works");
        assert_eq!(
            db.find_session(&[1; 32]).await.expect("it works").expect("it works").last_active_at,
            at(seen)
        );
    }
    db.touch_session(&[9; 32], at(5)).await.expect("a session that is gone is no error");
}

async fn a_sealed_part_is_replaced_by_one_of_many(db: Db) {
    stored(&db, [session(1)]).await;
    let winners = winners(|number| {
        let db = db.clone();
        async move {
            db.replace_sealed(&[1; 32], 0, &[u8::try_from(number).expect("it works")])
                .await
                .expect("it works")
        }
    })
    .await;
    assert_eq!(winners, 1);
    let row = db.find_session(&[1; 32]).await.expect("it works").expect("it works");
    assert_eq!((row.version, row.sealed.len()), (1, 1));
    assert!(!db.replace_sealed(&[1; 32], 0, b"late").await.expect("it works"));
    assert!(db.replace_sealed(&[1; 32], 1, b"next").await.expect("it works"));
    assert!(!db.replace_sealed(&[7; 32], 0, b"nobody").await.expect("it works"));
}

async fn a_session_is_deleted_once(db: Db) {
    stored(&db, [session(1), session(2)]).await;
    assert!(db.delete_session(&[1; 32]).await.expect("it works"));
    assert!(!db.delete_session(&[1; 32]).await.expect("it works"));
    assert_eq!(left(&db, 1..3).await, [2]);
}

async fn a_logout_at_the_idp_ends_its_sessions_alone(db: Db) {
    let same = Some("sid-1".to_owned());
    stored(&db, [session(1), SessionRow { idp_session: same.clone(), ..session(2) }, session(3)]).await;
    stored(&db, [SessionRow { issuer: "https://other.example".to_owned(), idp_session: same, ..session(4) }])
        .await;
    assert_eq!(db.delete_sessions_of_idp_session(ISSUER, "sid-1").await.expect("it works"), 2);
    assert_eq!(left(&db, 1..5).await, [3, 4]);
}

async fn a_person_loses_all_sessions_and_nobody_else_any(db: Db) {
    stored(&db, [session(1), session(2), SessionRow { subject: "bob".to_owned(), ..session(3) }]).await;
    assert_eq!(db.delete_sessions_of_person(ISSUER, "ana").await.expect("it works"), 2);
    assert_eq!(db.delete_sessions_of_person("https://idp.example/app", "bob").await.expect("it works"), 0);
    assert_eq!(left(&db, 1..4).await, [3]);
}

async fn the_oldest_sessions_beyond_a_number_go(db: Db) {
    stored(&db, (1..6).map(session)).await;
    stored(&db, [SessionRow { subject: "bob".to_owned(), created_at: at(0), ..session(9) }]).await;
    assert_eq!(db.trim_sessions_of_person(ISSUER, "ana", 9).await.expect("it works"), 0);
    assert_eq!(db.trim_sessions_of_person(ISSUER, "ana", 2).await.expect("it works"), 3);
    assert_eq!(left(&db, 1..10).await, [4, 5, 9]);
    assert_eq!(db.trim_sessions_of_person(ISSUER, "ana", 0).await.expect("it works"), 2);
}

async fn what_time_has_ended_is_deleted(db: Db) {
    let now = 1_850_000_000_000;
    let busy = SessionRow { last_active_at: at(now - 10), ..session(1) };
    let idle = SessionRow { last_active_at: at(now - 1_001), ..session(2) };
    let ended = SessionRow { expires_at: at(now), ..SessionRow { id_hash: [3; 32], ..busy.clone() } };
    stored(&db, [busy, idle, ended]).await;
    for (number, expires) in [(1, now), (2, now + 1)] {
        db.insert_login_flow(&[number; 32], b"flow", at(expires)).await.expect("it works");
        assert!(db.remember_token_once(ISSUER, &number.to_string(), at(expires)).await.expect("it works"));
    }
    assert_eq!(db.delete_expired(at(now), at(now - 1_000)).await.expect("it works"), 4);
    assert_eq!(left(&db, 1..4).await, [1]);
    assert_eq!(db.take_login_flow(&[2; 32], at(now)).await.expect("it works").as_deref(), Some(&b"flow"[..]));
    assert!(!db.remember_token_once(ISSUER, "2", at(now + 1)).await.expect("it works"));
    assert_eq!(db.delete_expired(at(now), at(now - 1_000)).await.expect("it works"), 0);
}

async fn a_login_is_taken_by_one_of_64(db: Db) {
    for round in 0..8 {
        db.insert_login_flow(&[round; 32], b"flow", at(100)).await.expect("it works");
        let winners = winners(|_| {
            let db = db.clone();
            async move { db.take_login_flow(&[round; 32], at(50)).await.expect("it works").is_some() }
        })
        .await;
        assert_eq!(winners, 1);
    }
}

async fn an_expired_login_is_nobodys(db: Db) {
    db.insert_login_flow(&[1; 32], b"flow", at(100)).await.expect("it works");
    assert_eq!(db.take_login_flow(&[1; 32], at(100)).await.expect("it works"), None);
    assert_eq!(
        db.take_login_flow(&[1; 32], at(50)).await.expect("it works"),
        None,
        "the first look ended it"
    );
    assert_eq!(db.take_login_flow(&[2; 32], at(50)).await.expect("it works"), None);
}

async fn a_token_counts_once_for_64(db: Db) {
    let winners = winners(|_| {
        let db = db.clone();
        async move { db.remember_token_once(ISSUER, "jti", at(100)).await.expect("it works") }
    })
    .await;
    assert_eq!(winners, 1);
    assert!(db.remember_token_once("https://other.example", "jti", at(100)).await.expect("it works"));
}

async fn two_sessions_cannot_share_an_id(db: Db) {
    stored(&db, [session(1)]).await;
    let mallory = SessionRow { subject: "mallory".to_owned(), ..session(1) };
    assert!(db.insert_session(&mallory).await.is_err());
    assert_eq!(db.find_session(&[1; 32]).await.expect("it works"), Some(session(1)));
}

async fn a_migrated_database_has_nothing_pending_and_migrates_again(db: Db) {
    stored(&db, [session(1)]).await;
    assert_eq!(db.pending_migrations().await.expect("it works"), Vec::<i64>::new());
    db.migrate().await.expect("it works");
    assert_eq!(left(&db, 1..2).await, [1]);
}

async fn it_answers_a_ping(db: Db) {
    db.ping().await.expect("it works");
}

async fn eight_replicas_migrate_at_once(options: Options) {
    let mut replicas = JoinSet::new();
    for _ in 0..8 {
        let options = options.clone();
        replicas.spawn(async move { Db::open(&options).await.map(drop) });
    }
    for opened in replicas.join_all().await {
        opened.expect("each replica starts");
    }
    let db = Db::open(&options).await.expect("it works");
    assert_eq!(db.pending_migrations().await.expect("it works"), Vec::<i64>::new());
}

async fn nothing_is_migrated_unless_asked(options: Options) {
    let asked_not = Options { migrate_at_start: false, ..options };
    let db = Db::open(&asked_not).await.expect("it works");
    assert_eq!(db.pending_migrations().await.expect("it works"), [1]);
    assert!(db.find_session(&[1; 32]).await.is_err());
    db.ping().await.expect("it is there all the same");
    db.migrate().await.expect("it works");
    assert_eq!(db.find_session(&[1; 32]).await.expect("it works"), None);
}

async fn a_session_outlives_the_process_that_stored_it(options: Options) {
    let first = Db::open(&options).await.expect("it works");
    stored(&first, [session(1)]).await;
    first.close().await;
    let second = Db::open(&options).await.expect("it works");
    assert_eq!(second.find_session(&[1; 32]).await.expect("it works"), Some(session(1)));
}

async fn a_login_is_taken_by_one_replica(options: Options) {
    let replicas = [Db::open(&options).await.expect("it works"), Db::open(&options).await.expect("it works")];
    replicas.first().expect("one").insert_login_flow(&[1; 32], b"flow", at(100)).await.expect("it works");
    let winners = winners(|number| {
        let db = replicas.get(number % 2).expect("two").clone();
        async move { db.take_login_flow(&[1; 32], at(50)).await.expect("it works").is_some() }
    })
    .await;
    assert_eq!(winners, 1);
}
