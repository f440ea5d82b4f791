//! Use cases, one file for each capability; each takes a permit and knows no HTTP.

pub mod bucket_logs;
pub mod buckets;
pub mod canary;
pub mod find;
pub mod follow;
pub mod histogram;
pub mod links;
pub mod live_check;
pub mod objects;
pub mod page_token;
pub mod receipts;
pub mod search;
pub mod stores;
pub mod vault_state;
pub mod vending;
