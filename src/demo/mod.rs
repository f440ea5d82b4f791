//! The demo: an identity provider for loopback alone, and sample logs in the real layouts.
//!
//! Nothing here is of use in production, and none of it runs unless `logboom demo` was asked for:
//! [`idp::DemoIdp`] logs anybody in who presses a button, so it exists on loopback addresses only.

mod banner;
pub mod error;
pub mod idp;
pub mod prepare;
pub mod samples;
