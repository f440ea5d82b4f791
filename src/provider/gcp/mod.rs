//! Google Cloud Storage.
