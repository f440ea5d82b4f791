//! Doubles of vendors without an emulator, written from their published documents.

pub mod blobs;
pub mod gcs;
pub mod idp;
pub mod tokens;
pub mod vault;
pub mod vault_aws;
