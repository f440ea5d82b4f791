//! Opening a database by its URL: what each kind needs before the first query.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};
use sqlx::any::{AnyConnectOptions, AnyPoolOptions, install_default_drivers};
use sqlx::{AnyConnection, AssertSqlSafe, Executor};
use url::Url;

use crate::db::error::DbError;
use crate::db::{Db, Dialect, STATEMENT_LIMIT};
use crate::domain::secret::Secret;

/// Which database to use and how.
#[derive(Debug, Clone)]
pub struct Options {
    /// `sqlite::memory:`, `sqlite:///absolute/path` or `postgres://…`.
    ///
    /// A Postgres URL that names another machine and no `sslmode` gets `sslmode=verify-full`.
    pub url: Secret<String>,
    /// The most connections at a time; memory always has exactly one.
    pub max_connections: u32,
    /// How long to wait for a connection.
    pub acquire_timeout: Duration,
    /// Whether opening also brings the schema up to date.
    pub migrate_at_start: bool,
}

/// What a URL names.
#[derive(Debug)]
enum Place {
    Memory,
    File(PathBuf),
    Postgres(Box<Url>),
}

/// Letters of a file's path that would end it early in a URL.
const IN_PATH: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'#').add(b'%').add(b'<').add(b'>').add(b'?');

impl Db {
    /// Opens the database, connecting once to see that it is there, and migrates it when the options say so.
    pub async fn open(options: &Options) -> Result<Self, DbError> {
        install_default_drivers();
        let place = Place::parse(options.url.expose())?;
        if let Place::File(path) = &place {
            prepare_file(path).await.map_err(|cause| DbError::File { path: path.clone(), cause })?;
        }
        let dialect = place.dialect();
        let pool = pool_options(&place, options)
            .after_connect(move |connection, _| Box::pin(prepare(connection, dialect)))
            .connect_with(place.connect_options()?);
        let pool = tokio::time::timeout(options.acquire_timeout + STATEMENT_LIMIT, pool)
            .await
            .unwrap_or(Err(sqlx::Error::PoolTimedOut))
            .map_err(|cause| DbError::Connect { cause })?;
        let db = Self { pool, dialect, limit: options.acquire_timeout + STATEMENT_LIMIT };
        if options.migrate_at_start {
            db.migrate().await?;
        }
        Ok(db)
    }
}

impl Place {
    fn parse(url: &str) -> Result<Self, DbError> {
        if url == "sqlite::memory:" {
            return Ok(Self::Memory);
        }
        if let Some(path) = url.strip_prefix("sqlite://") {
            let path = percent_decode_str(path).decode_utf8().map_err(|_| DbError::UnsupportedUrl)?;
            let named = path.starts_with('/') && !path.ends_with('/') && !path.contains(['?', '\0']);
            return if named { Ok(Self::File(PathBuf::from(&*path))) } else { Err(DbError::UnsupportedUrl) };
        }
        // The parser's own error is dropped: it is about a text that may hold a password.
        let mut parsed = Url::parse(url).map_err(|_| DbError::UnsupportedUrl)?;
        if !matches!(parsed.scheme(), "postgres" | "postgresql") {
            return Err(DbError::UnsupportedUrl);
        }
        if !is_local(&parsed) && !parsed.query_pairs().any(|(key, _)| key == "sslmode" || key == "ssl-mode") {
            parsed.query_pairs_mut().append_pair("sslmode", "verify-full");
        }
        Ok(Self::Postgres(Box::new(parsed)))
    }

    const fn dialect(&self) -> Dialect {
        match self {
            Self::Memory | Self::File(_) => Dialect::Sqlite,
            Self::Postgres(_) => Dialect::Postgres,
        }
    }

    fn connect_options(&self) -> Result<AnyConnectOptions, DbError> {
        match self {
            Self::Memory => "sqlite::memory:".parse(),
            Self::File(path) => {
                let path = path.to_str().ok_or(DbError::UnsupportedUrl)?;
                format!("sqlite://{}?mode=rw", utf8_percent_encode(path, IN_PATH)).parse()
            }
            Self::Postgres(url) => url.as_str().parse(),
        }
        .map_err(|_| DbError::UnsupportedUrl)
    }
}

/// Whether the URL names this machine: loopback, or a Unix socket.
fn is_local(url: &Url) -> bool {
    let by_query = url.query_pairs().filter(|(key, _)| key == "host" || key == "hostaddr").last();
    let host =
        by_query.map_or_else(|| url.host_str().unwrap_or_default().to_owned(), |(_, v)| v.into_owned());
    matches!(&*host, "" | "localhost" | "127.0.0.1" | "[::1]" | "::1")
        || host.starts_with('/')
        || host.to_ascii_lowercase().starts_with("%2f")
}

fn pool_options(place: &Place, options: &Options) -> AnyPoolOptions {
    let pool = AnyPoolOptions::new().acquire_timeout(options.acquire_timeout);
    match place {
        // A second connection would see a second, empty database; the end of the only one would be its end.
        Place::Memory => pool.max_connections(1).min_connections(1).idle_timeout(None).max_lifetime(None),
        Place::File(_) | Place::Postgres(_) => pool.max_connections(options.max_connections.max(1)),
    }
}

/// Makes the file, readable by its owner alone. SQLite gives the files beside it the same mode.
async fn prepare_file(path: &Path) -> io::Result<()> {
    let mut open = tokio::fs::OpenOptions::new();
    let file = open.read(true).write(true).create(true).truncate(false).mode(0o600).open(path).await?;
    let metadata = file.metadata().await?;
    if !metadata.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file"));
    }
    if metadata.permissions().mode() & 0o077 != 0 {
        file.set_permissions(std::fs::Permissions::from_mode(0o600)).await?;
    }
    Ok(())
}

/// What each new connection is told first.
async fn prepare(connection: &mut AnyConnection, dialect: Dialect) -> Result<(), sqlx::Error> {
    let limit = STATEMENT_LIMIT.as_millis();
    let settings = match dialect {
        // A crash of the process loses nothing with `NORMAL` in WAL mode; only a power cut may lose the last commits.
        Dialect::Sqlite => format!(
            "PRAGMA busy_timeout = {}; PRAGMA foreign_keys = ON; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL",
            limit - 500
        ),
        Dialect::Postgres => {
            format!("SET statement_timeout = {limit}; SET idle_in_transaction_session_timeout = {limit}")
        }
    };
    connection.execute(AssertSqlSafe(settings)).await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_of_another_kind_is_refused_without_repeating_it() {
        for bad in [
            "",
            "sqlite:",
            "sqlite://",
            "sqlite://relative.db",
            "sqlite:///folder/",
            "sqlite:///a?mode=ro",
            "mysql://u:hunter2@h/db",
            "postgres//u:hunter2@h",
            "u:hunter2@h",
        ] {
            let error = Place::parse(bad).unwrap_err();
            assert!(matches!(error, DbError::UnsupportedUrl), "{bad}");
            assert!(!format!("{error} {error:?}").contains("hunter2"));
        }
    }

    #[test]
    fn postgres_on_another_machine_is_reached_by_verified_tls_unless_the_url_says_otherwise() {
        let query = |url: &str| match Place::parse(url).unwrap() {
            Place::Postgres(url) => url.query().unwrap_or_default().to_owned(),
            other => panic!("{other:?}"),
        };
        assert_eq!(query("postgres://u@db.example/x"), "sslmode=verify-full");
        assert_eq!(query("postgres://u@db.example/x?sslmode=require"), "sslmode=require");
        assert_eq!(query("postgres://u@localhost/x?host=db.example"), "host=db.example&sslmode=verify-full");
        for local in ["postgres://u@127.0.0.1/x", "postgres://u@[::1]/x", "postgres://u@%2Frun%2Fpg/x"] {
            assert_eq!(query(local), "", "{local}");
        }
    }
}
