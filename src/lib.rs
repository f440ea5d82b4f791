//! Logboom: one login, one permission check and one API over the logs in AWS S3, Google Cloud Storage,
//! Azure Blob Storage and directories.
//!
//! The map, in reading order: [`domain`] has the words, [`provider`] the clouds, [`logs`] what their objects
//! hold, [`vault`] the credentials, [`db`] the state, [`authz`] the permission check, [`authn`] who is asking,
//! [`service`] the use cases, [`api`] the JSON bodies, [`http`] the edge, [`telemetry`] what an operator sees,
//! [`config`] the settings; `app` puts them together, [`demo`] is a laptop's stand-in for the world outside,
//! [`client`] asks a server of ours, and [`cli`] starts it all.

pub mod domain;

pub mod provider;

pub mod logs;

pub mod vault;

pub mod db;

pub mod authz;

pub mod authn;

pub mod service;

pub mod api;

pub mod telemetry;

pub mod http;

pub mod config;

pub mod app;

pub mod demo;

pub mod client;

pub mod cli;
