//! Application Load Balancer access logs.
//!
//! Layout and fields: docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-access-logs.html.
//! Each node of the balancer writes one gzip file every five minutes.

use std::time::Duration;

use crate::demo::error::DemoError;
use crate::demo::samples::dice::Dice;
use crate::demo::samples::file::{SampleFile, gzip};
use crate::demo::samples::moment::{HOUR_SECONDS, Moment};
use crate::demo::samples::story::{Outcome, Request};
use crate::demo::samples::{AWS_ACCOUNT, AWS_REGION};
use crate::domain::time::Timestamp;

/// How much time one file covers.
const FILE_SECONDS: i64 = 300;
const BALANCER_ID: &str = "50dc6c495c0c9188";
/// The addresses of the balancer's nodes.
const NODES: [&str; 2] = ["192.0.2.10", "192.0.2.11"];

/// The files of one hour that are complete by `now`.
pub fn files(
    seed: u64,
    hour: i64,
    requests: &[Request],
    now: Timestamp,
) -> Result<Vec<SampleFile>, DemoError> {
    let mut files = Vec::new();
    for part in 0..HOUR_SECONDS / FILE_SECONDS {
        let start = hour * HOUR_SECONDS + part * FILE_SECONDS;
        let end = Moment::new(Timestamp::from_unix_seconds(start + FILE_SECONDS))?;
        if end.at() > now {
            break;
        }
        for (number, node) in (0_u32..).zip(NODES) {
            let lines = lines(requests, start, number)?;
            if !lines.is_empty() {
                files.push(SampleFile { key: key(seed, start, end, node), bytes: gzip(lines.as_bytes()) });
            }
        }
    }
    Ok(files)
}

fn key(seed: u64, start: i64, end: Moment, node: &str) -> String {
    let random = Dice::new(seed, node, start).text(8, b"abcdefghijklmnopqrstuvwxyz0123456789");
    format!(
        "AWSLogs/{AWS_ACCOUNT}/elasticloadbalancing/{AWS_REGION}/{}/\
         {AWS_ACCOUNT}_elasticloadbalancing_{AWS_REGION}_app.payments-edge.{BALANCER_ID}_{}_{node}_{random}.log.gz",
        end.write("%Y/%m/%d"),
        end.write("%Y%m%dT%H%MZ"),
    )
}

fn lines(requests: &[Request], start: i64, node: u32) -> Result<String, DemoError> {
    let mut lines = String::new();
    for request in requests {
        let from_start = request.at.unix_seconds() - start;
        if (0..FILE_SECONDS).contains(&from_start) && request.port % 2 == node {
            lines.push_str(&line(request)?);
            lines.push('\n');
        }
    }
    Ok(lines)
}

fn line(request: &Request) -> Result<String, DemoError> {
    let (came, ended) = (Moment::new(request.at)?, Moment::new(request.ended())?);
    let took = Duration::from_millis(u64::from(request.millis)).as_secs_f64();
    let target = format!("192.0.2.{}:8443", 20 + request.port % 3);
    let status = request.status();
    let (sent, received) = if request.outcome == Outcome::LedgerTimeout { (278, 612) } else { (941, 587) };
    Ok(format!(
        "https {ended} app/payments-edge/{BALANCER_ID} {client}:{port} {target} 0.001 {took:.3} 0.000 {status} {status} \
         {received} {sent} \"{method} https://pay.example.com:443{path} HTTP/1.1\" \"payments-sdk/4.2\" \
         ECDHE-RSA-AES128-GCM-SHA256 TLSv1.2 \
         arn:aws:elasticloadbalancing:{AWS_REGION}:{AWS_ACCOUNT}:targetgroup/checkout/73e2d6bc24d8a067 \
         \"Root={id}\" \"pay.example.com\" \
         \"arn:aws:acm:{AWS_REGION}:{AWS_ACCOUNT}:certificate/12345678-1234-1234-1234-123456789012\" 1 {came} \
         \"forward\" \"-\" \"-\" \"{target}\" \"{status}\" \"-\" \"-\" TID_{trace} \"-\" \"-\" \"-\"",
        ended = ended.precise("517"),
        client = request.client,
        port = request.port,
        method = request.method(),
        path = request.path(),
        id = request.id,
        came = came.precise("000"),
        trace = request.id.chars().rev().take(16).collect::<String>(),
    ))
}
