//! Batteries: one set of sentences per seam, run against every implementation.

pub mod database;
pub mod store;
