//! The lines that the demo prints, tried as they stand.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::harness::app::directory;
use crate::harness::servers::{Server, answers, free_port};

/// Does what a printed `curl` line does: the header from its file, and the URL.
async fn curl(line: &str) -> String {
    let quoted: Vec<&str> = line.split('\'').collect();
    let ["  curl -H ", header, " ", url, ""] = quoted[..] else { panic!("{line}") };
    let header = std::fs::read_to_string(header.strip_prefix('@').expect("a file")).expect("the file");
    let (name, value) = header.trim_end().split_once(": ").expect("a header");
    let answer = reqwest::Client::new().get(url).header(name, value).send().await.expect("an answer");
    assert_eq!(answer.status(), 200, "{line}");
    answer.text().await.expect("a text")
}

#[tokio::test]
async fn each_printed_line_answers_and_one_request_is_found_in_three_clouds() {
    let port = free_port();
    let mut command = Command::new(Path::new(env!("CARGO_BIN_EXE_logboom")));
    command.args(["demo", "--port", &port.to_string(), "--directory"]).arg(directory().join("demo"));
    let health = format!("http://127.0.0.1:{port}/healthz");
    let server = Server::start("demo", command, async || answers(&health).await).await;
    let printed = String::from_utf8(server.log()).expect("text");
    let lines: Vec<&str> = printed.lines().filter(|line| line.starts_with("  curl ")).collect();
    assert_eq!(lines.len(), 4, "{printed}");
    let mut texts = Vec::new();
    for line in lines {
        texts.push(curl(line).await);
    }
    let found: Vec<Value> = texts[1].lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let buckets: Vec<_> = found.iter().filter_map(|line| line["bucket"].as_str()).collect();
    assert_eq!(buckets, ["payments-gcp", "payments-azure", "payments-aws"], "{}", texts[1]);
    assert_eq!(found.last().expect("a summary")["complete"], true, "{}", texts[1]);
    server.stop();
}
