//! Starts the pinned servers as child processes on free ports of 127.0.0.1, once for the whole test binary.
//!
//! Children die with the test binary: they are started from one thread that lives as long as the process
//! (the kernel's parent-death signal follows the thread that forked), through `setpriv --pdeathsig`.

use std::io::Read;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{LazyLock, Mutex, mpsc};
use std::time::{Duration, Instant};

/// Where `tests/servers/install` put the servers; the install runs here when the test command did not run it.
pub fn home() -> &'static Path {
    static HOME: LazyLock<PathBuf> = LazyLock::new(|| {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/servers/install");
        let output =
            Command::new(script).stderr(Stdio::inherit()).output().expect("tests/servers/install starts");
        assert!(
            output.status.success(),
            "tests/servers/install failed; run it by hand and follow what it says"
        );
        PathBuf::from(String::from_utf8(output.stdout).expect("a path").trim())
    });
    &HOME
}

/// A port that was free a moment ago.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("an address").port()
}

/// A part of a name that nobody else has, in this run or in one beside it.
pub fn unique() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// A running server. Kill it with [`Server::stop`]; otherwise it ends with the test binary.
pub struct Server {
    child: Mutex<Child>,
    name: &'static str,
    log: PathBuf,
}

impl Server {
    /// Starts a program and waits until `ready` says yes.
    ///
    /// # Panics
    /// When it exits early or is not ready within 60 s; the message holds the end of its log.
    pub async fn start(name: &'static str, command: Command, ready: impl AsyncFn() -> bool) -> Self {
        let log = std::env::temp_dir().join(format!("logboom-it-{name}-{}.log", unique()));
        let child = spawn(command, &log);
        let server = Self { child: Mutex::new(child), name, log };
        let deadline = Instant::now() + Duration::from_mins(1);
        while !ready().await {
            let exited = server.child.lock().expect("no poison").try_wait().expect("a child");
            assert!(exited.is_none(), "{name} exited with {exited:?}:\n{}", server.log_tail());
            assert!(Instant::now() < deadline, "{name} is not ready:\n{}", server.log_tail());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        server
    }

    /// Ends the server at once.
    pub fn stop(&self) {
        let mut child = self.child.lock().expect("no poison");
        child.kill().expect("our own child");
        child.wait().expect("our own child");
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.child.lock().expect("no poison").id()
    }

    /// All that it wrote so far.
    pub fn log(&self) -> Vec<u8> {
        std::fs::read(&self.log).expect("its log")
    }

    fn log_tail(&self) -> String {
        let mut text = String::new();
        if let Ok(mut file) = std::fs::File::open(&self.log) {
            let _ = file.read_to_string(&mut text);
        }
        let lines: Vec<_> = text.lines().rev().take(40).collect();
        format!("[{}] {}", self.name, lines.into_iter().rev().collect::<Vec<_>>().join("\n"))
    }
}

/// Whether something answers HTTP (any status) at the URL.
pub async fn answers(url: &str) -> bool {
    reqwest::Client::builder()
        .danger_accept_invalid_certs(true)
        .timeout(Duration::from_secs(2))
        .build()
        .expect("a client")
        .get(url)
        .send()
        .await
        .is_ok()
}

fn spawn(command: Command, log: &Path) -> Child {
    type Job = (Command, PathBuf, mpsc::Sender<Child>);
    static SPAWNER: LazyLock<Mutex<mpsc::Sender<Job>>> = LazyLock::new(|| {
        let (jobs, inbox) = mpsc::channel::<Job>();
        std::thread::spawn(move || {
            for (command, log, answer) in inbox {
                let mut guarded = Command::new("setpriv");
                guarded
                    .args(["--pdeathsig", "KILL", "--"])
                    .arg(command.get_program())
                    .args(command.get_args());
                for (key, value) in command.get_envs() {
                    match value {
                        Some(value) => guarded.env(key, value),
                        None => guarded.env_remove(key),
                    };
                }
                if let Some(dir) = command.get_current_dir() {
                    guarded.current_dir(dir);
                }
                let out = std::fs::File::create(&log).expect("a log file");
                let err = out.try_clone().expect("a log file");
                let child = guarded.stdin(Stdio::null()).stdout(out).stderr(err).spawn();
                answer.send(child.expect("setpriv (util-linux) starts the server")).expect("the test waits");
            }
        });
        Mutex::new(jobs)
    });
    let (answer, child) = mpsc::channel();
    SPAWNER.lock().expect("no poison").send((command, log.to_owned(), answer)).expect("the spawner lives");
    child.recv().expect("the server starts")
}
