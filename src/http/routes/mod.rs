//! Handlers, one file for each noun of the API.

pub mod auth;
pub mod buckets;
pub mod credentials;
pub mod decisions;
pub mod follow;
pub mod health;
pub mod histogram;
pub mod links;
pub mod login_options;
pub mod logs;
pub mod objects;
pub mod pages;
pub mod read;
pub mod receipts;
pub mod session;
