//! One binary for all integration tests; each folder mirrors what it covers.
#![expect(clippy::expect_used, reason = "a test that cannot go on says why and fails")]
#![expect(clippy::indexing_slicing, reason = "a member that is not there fails the test that reads it")]
#![expect(dead_code, reason = "helpers of the harness wait for their first user")]

mod cli;
mod contract;
mod demo;
#[path = "../doubles/mod.rs"]
mod doubles;
mod harness;
mod http;
mod providers;
mod security;
mod server;
mod tidy;
mod vault;
