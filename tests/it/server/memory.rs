//! The memory of the process, which holds every credential, is nobody else's.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use serde_json::json;

use crate::harness::postgres::as_ordinary_user;
use crate::harness::servers::{Server, answers, free_port};
use crate::harness::site::{LOG, Site};

#[tokio::test]
async fn a_process_that_serves_is_not_dumped_nor_read_by_its_own_user() {
    let site = Site::start().await;
    let port = free_port();
    let url = format!("http://127.0.0.1:{port}");
    let program = Path::new(env!("CARGO_BIN_EXE_logboom"));
    let mut command = as_ordinary_user(program, Path::new("/"));
    command.args(["serve", "--config"]).arg(site.config(&url));
    command.env("LOGBOOM__HTTP__LISTEN", format!("127.0.0.1:{port}"));
    command.env("LOGBOOM__STATE__URL", "sqlite::memory:");
    let health = format!("{url}/healthz");
    let server = Server::start("logboom", command, async || answers(&health).await).await;
    let entry =
        |file: &str| std::fs::metadata(format!("/proc/{}/{file}", server.pid())).expect("an entry").uid();
    // proc(5): the entries of a process that may not be dumped belong to root.
    assert_eq!((entry("environ"), entry("mem")), (0, 0));
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.pid())).expect("a status");
    let runs_as_root = status.lines().any(|line| line.starts_with("Uid:\t0\t"));
    assert!(!runs_as_root, "as root it would have shown nothing: {status}");
    // The provider of directories goes through /proc for itself.
    let token = site.access_token(&json!({}));
    let object = format!("{url}/api/v1/buckets/pay/objects/team-a/app.log");
    let read = reqwest::Client::new().get(object).bearer_auth(token).send().await.expect("an answer");
    assert_eq!(read.text().await.expect("a body"), LOG);
    server.stop();
}
