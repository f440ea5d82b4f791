//! The API as its callers see it, on all four providers.

mod buckets;
mod credentials;
mod decisions;
mod endings;
mod health;
mod links;
mod listing;
mod log_allowance;
mod log_endings;
mod log_formats;
mod log_histogram;
mod log_layouts;
mod log_references;
mod log_tail;
mod login_options;
pub mod logs;
mod openapi;
mod reading;
mod receipts;
mod redaction;
mod vending;
mod versions;
