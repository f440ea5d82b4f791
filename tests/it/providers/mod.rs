//! What each provider does in its own way, beside what the battery asks of all.

mod aws;
mod azure;
mod file;
mod gcp;
