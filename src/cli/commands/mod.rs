//! One file for each verb.

pub mod buckets;
pub mod cat;
pub mod check_config;
pub mod completions;
pub mod demo;
pub mod get;
pub mod idp;
pub mod layouts;
pub mod link;
pub mod live_report;
pub mod login;
pub mod logout;
pub mod ls;
pub mod man;
pub mod migrate;
pub mod openapi;
pub mod pull;
pub mod search;
pub mod serve;
pub mod tail;
pub mod verify;
