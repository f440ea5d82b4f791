//! JSON bodies of API version 1. A contract: a change is a new field or a new version.
//!
//! Bodies that come in refuse unknown members; conversions to and from `domain` are written by hand.

pub mod buckets;
pub mod credentials;
pub mod decisions;
pub mod health;
pub mod links;
pub mod login;
pub mod logs;
pub mod objects;
pub mod problem;
pub mod receipts;
pub mod session;
