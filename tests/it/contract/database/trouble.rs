//! Databases that are not there, not ours or not writable: an error in bounded time, and no password in it.

use std::os::unix::fs::PermissionsExt;

use sqlx::{Connection, Executor, SqliteConnection};

use super::*;

/// The whole chain, as an operator's log prints it, and what `Debug` shows.
fn told(error: &DbError) -> String {
    let mut text = format!("{error:?} {error}");
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

fn hasty(url: impl Into<String>) -> Options {
    Options { acquire_timeout: Duration::from_secs(1), ..options(url) }
}

#[tokio::test]
async fn a_database_that_cannot_be_reached_is_an_error_in_bounded_time() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("it works");
    for port in [free_port(), silent.local_addr().expect("it works").port()] {
        let began = Instant::now();
        let url = format!("postgres://ana:SECRET-hunter2@127.0.0.1:{port}/db");
        let error = Db::open(&hasty(url)).await.expect_err("it is refused");
        assert!(matches!(error, DbError::Connect { .. }), "{error:?}");
        assert!(began.elapsed() < Duration::from_secs(10));
        assert!(!told(&error).contains("SECRET"), "{}", told(&error));
    }
}

#[tokio::test]
async fn a_wrong_database_name_is_told_without_the_password() {
    let url = postgres().await.make_database().await.replace("/it_", "/nobody_made_");
    let error = Db::open(&hasty(url)).await.expect_err("it is refused");
    assert!(told(&error).contains("does not exist") && !told(&error).contains("SECRET"), "{}", told(&error));
}

#[tokio::test]
async fn an_open_database_does_not_show_its_url() {
    let options = postgres_database().await;
    let db = Db::open(&options).await.expect("it works");
    assert!(!format!("{options:?} {db:?}").contains("SECRET"));
}

#[tokio::test]
async fn a_database_that_stops_is_an_error_in_bounded_time() {
    let server = crate::harness::postgres::Postgres::start().await;
    let db = Db::open(&hasty(server.make_database().await)).await.expect("it works");
    db.ping().await.expect("it works");
    server.server().stop();
    let began = Instant::now();
    assert!(db.ping().await.is_err());
    assert!(db.find_session(&[1; 32]).await.is_err());
    assert!(began.elapsed() < Duration::from_secs(15));
}

#[tokio::test]
async fn a_read_only_postgres_reads_and_refuses_to_write() {
    let url = postgres().await.make_database().await;
    Db::open(&options(url.clone())).await.expect("it works").close().await;
    let name = url.rsplit_once('/').expect("it works").1;
    postgres().await.execute(&format!("ALTER DATABASE {name} SET default_transaction_read_only = on")).await;
    let db = Db::open(&Options { migrate_at_start: false, ..options(url) }).await.expect("it works");
    assert_eq!(db.find_session(&[1; 32]).await.expect("it works"), None);
    assert_eq!(db.pending_migrations().await.expect("it works"), Vec::<i64>::new());
    let error = db.insert_session(&session(1)).await.expect_err("it is refused");
    assert!(told(&error).contains("read-only"), "{}", told(&error));
}

#[tokio::test]
async fn a_locked_sqlite_file_reads_and_refuses_to_write_in_bounded_time() {
    let path = sqlite_path();
    let db = Db::open(&options(sqlite_url(&path))).await.expect("it works");
    let mut other = SqliteConnection::connect(&sqlite_url(&path)).await.expect("it works");
    other.execute("BEGIN IMMEDIATE").await.expect("it works");
    let began = Instant::now();
    assert_eq!(db.find_session(&[1; 32]).await.expect("it works"), None);
    let error = db.insert_session(&session(1)).await.expect_err("it is refused");
    assert!(told(&error).contains("locked"), "{}", told(&error));
    assert!(began.elapsed() < Duration::from_secs(14));
}

#[tokio::test]
async fn a_sqlite_file_is_its_owners_alone() {
    let path = sqlite_path();
    std::fs::write(&path, b"").expect("it works");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).expect("it works");
    for path in [path, sqlite_path()] {
        let db = Db::open(&options(sqlite_url(&path))).await.expect("it works");
        stored(&db, [session(1)]).await;
        let files: BTreeSet<_> = std::fs::read_dir(path.parent().expect("it works"))
            .expect("it works")
            .map(|entry| entry.expect("it works").path())
            .collect();
        assert!(files.contains(&path), "{files:?}");
        for file in files {
            let mode = std::fs::metadata(&file).expect("it works").permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{}", file.display());
        }
    }
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused() {
    let path = sqlite_path();
    std::fs::write(&path, "this is a letter to a friend, not a database\n".repeat(100)).expect("it works");
    assert!(Db::open(&options(sqlite_url(&path))).await.is_err());
    let folder = path.parent().expect("it works");
    let error = Db::open(&options(sqlite_url(folder))).await.expect_err("it is refused");
    assert!(matches!(error, DbError::File { .. }), "{error:?}");
    let error =
        Db::open(&options(sqlite_url(&folder.join("missing/state.db")))).await.expect_err("it is refused");
    assert!(matches!(error, DbError::File { .. }), "{error:?}");
}
