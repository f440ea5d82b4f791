//! One file for each verb.

pub mod check_config;
pub mod demo;
pub mod idp;
pub mod layouts;
pub mod live_report;
pub mod migrate;
pub mod openapi;
pub mod serve;
