//! The program at a person's terminal: no token in its environment, and a state folder of its own.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Output, Stdio};

use url::Url;

/// A command against a server, by somebody whose logins are below a folder.
pub fn command(server: &str, home: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_logboom"));
    command.args(arguments).env("LOGBOOM_SERVER", server).env("XDG_STATE_HOME", home);
    command.env_remove("LOGBOOM_TOKEN").env_remove("LOGBOOM_TOKEN_FILE");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs it: code, standard output and standard error.
pub async fn output(mut command: Command) -> (i32, String, String) {
    let run = tokio::task::spawn_blocking(move || command.output().expect("the program starts"));
    let Output { status, stdout, stderr } = run.await.expect("it ends");
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    (status.code().expect("a code"), text(stdout), text(stderr))
}

/// A program that runs, with what it says to the person. It ends with the value.
pub struct Running {
    child: Child,
    says: Option<BufReader<ChildStderr>>,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ended = self.child.kill();
    }
}

impl Running {
    /// Starts it.
    pub fn start(mut command: Command) -> Self {
        let mut child = command.spawn().expect("it starts");
        let says = child.stderr.take().map(BufReader::new);
        Self { child, says }
    }

    /// The next line that begins so, without the spaces around it.
    pub async fn line(&mut self, begin: &'static str) -> String {
        let mut says = self.says.take().expect("a pipe");
        let read = tokio::task::spawn_blocking(move || {
            let mut seen = String::new();
            loop {
                let mut line = String::new();
                assert_ne!(says.read_line(&mut line).expect("text"), 0, "it ended: {seen}");
                if line.starts_with(begin) {
                    return (says, line.trim().to_owned());
                }
                seen += &line;
            }
        });
        let (says, line) = read.await.expect("a line");
        self.says = Some(says);
        line
    }

    /// The same, as an address.
    pub async fn address(&mut self, begin: &'static str) -> Url {
        self.line(begin).await.parse().expect("a URL")
    }

    /// Its code, and what else it said.
    pub async fn end(mut self) -> (i32, String) {
        let ended = tokio::task::spawn_blocking(move || {
            let mut rest = String::new();
            self.says.take().expect("a pipe").read_to_string(&mut rest).expect("text");
            (self.child.wait().expect("it ends").code().expect("a code"), rest)
        });
        ended.await.expect("it ends")
    }
}

/// What a browser is shown at an address.
pub async fn visit(page: &Url) -> (u16, String) {
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    let answer = client.get(page.clone()).send().await.expect("an answer");
    (answer.status().as_u16(), answer.text().await.expect("a page"))
}
