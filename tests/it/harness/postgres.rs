//! A real Postgres on loopback, started once, with a database of its own for each test.

use std::os::unix::fs::{MetadataExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use tokio::sync::OnceCell;

use crate::harness::servers::{Server, free_port};

/// The running server.
pub struct Postgres {
    port: u16,
    server: Server,
}

/// The server that all tests share.
pub async fn postgres() -> &'static Postgres {
    static SHARED: OnceCell<Postgres> = OnceCell::const_new();
    SHARED.get_or_init(Postgres::start).await
}

impl Postgres {
    /// Starts a server of one's own, for tests that stop it.
    pub async fn start() -> Self {
        let port = free_port();
        let data = data_directory(port);
        let bin = programs();
        let made = as_ordinary_user(&bin.join("initdb"), &data)
            .args(["--no-sync", "--auth=trust", "--username=logboom", "--encoding=UTF8", "--locale=C", "-D"])
            .arg(&data)
            .output()
            .expect("initdb starts");
        assert!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
        let mut command = as_ordinary_user(&bin.join("postgres"), &data);
        command.arg("-D").arg(&data).args(["-p", &port.to_string()]);
        for setting in [
            "listen_addresses=127.0.0.1",
            "unix_socket_directories=",
            "fsync=off",
            "max_connections=300",
            "shared_buffers=16MB",
        ] {
            command.args(["-c", setting]);
        }
        let url = format!("postgres://logboom@127.0.0.1:{port}/postgres");
        let server =
            Server::start("postgres", command, async || PgConnection::connect(&url).await.is_ok()).await;
        Self { port, server }
    }

    /// Makes an empty database and answers its URL.
    pub async fn make_database(&self) -> String {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("it_{}", COUNT.fetch_add(1, Ordering::SeqCst));
        self.execute(&format!("CREATE DATABASE {name}")).await;
        format!("postgres://logboom:SECRET-hunter2@127.0.0.1:{}/{name}", self.port)
    }

    /// Runs SQL as the server's owner.
    pub async fn execute(&self, sql: &str) {
        let url = format!("postgres://logboom@127.0.0.1:{}/postgres", self.port);
        let mut connection = PgConnection::connect(&url).await.expect("a connection");
        connection.execute(AssertSqlSafe(sql.to_owned())).await.expect("it runs");
        connection.close().await.expect("it closes");
    }

    /// The port that it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The process behind it.
    pub fn server(&self) -> &Server {
        &self.server
    }
}

/// The folder with the newest installed Postgres.
fn programs() -> PathBuf {
    let installed = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut found: Vec<_> =
        installed.map(|entry| entry.path().join("bin")).filter(|bin| bin.join("initdb").exists()).collect();
    found.sort();
    found.pop().expect("Postgres is missing; install it with: apt-get install postgresql")
}

/// A fresh folder; those that earlier runs left behind are removed.
fn data_directory(port: u16) -> PathBuf {
    let mark = "logboom-it-postgres-";
    for entry in std::fs::read_dir(std::env::temp_dir()).into_iter().flatten().flatten() {
        let name = entry.file_name().into_string().unwrap_or_default();
        let process = name.strip_prefix(mark).and_then(|rest| rest.split_once('-')).map(|(pid, _)| pid);
        if process.is_some_and(|pid| !Path::new("/proc").join(pid).exists()) {
            // Another run may be removing it too.
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
    let data = std::env::temp_dir().join(format!("{mark}{}-{port}", std::process::id()));
    std::fs::create_dir(&data).expect("a fresh folder");
    if let Some((user, group)) = ordinary_user() {
        chown(&data, Some(user), Some(group)).expect("root may give the folder away");
    }
    data
}

/// Postgres refuses to run as root; then it runs as the user that Debian's package makes, or as nobody.
fn ordinary_user() -> Option<(u32, u32)> {
    let me = std::fs::metadata("/proc/self").expect("/proc is there").uid();
    if me != 0 {
        return None;
    }
    let id = |flag: &str, user: &str| {
        let output = Command::new("id").args([flag, user]).output().expect("id starts");
        String::from_utf8(output.stdout).ok()?.trim().parse().ok()
    };
    ["postgres", "nobody"].iter().find_map(|user| Some((id("-u", user)?, id("-g", user)?)))
}

/// A command that runs as an ordinary user, also when the tests run as root.
pub fn as_ordinary_user(program: &Path, folder: &Path) -> Command {
    let mut command = match ordinary_user() {
        None => Command::new(program),
        Some((user, group)) => {
            let mut command = Command::new("setpriv");
            command
                .arg(format!("--reuid={user}"))
                .arg(format!("--regid={group}"))
                .args(["--clear-groups", "--pdeathsig", "KILL", "--"])
                .arg(program);
            command
        }
    };
    command.current_dir(folder).env("LC_ALL", "C");
    command
}
