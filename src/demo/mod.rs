//! The demo: an identity provider for loopback alone, and sample logs in the real layouts.
