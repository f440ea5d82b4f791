//! The words of the product: values and rules without I/O, clock, serde or vendor.
//!
//! Everything else in the crate speaks in these types. A value from outside becomes one of
//! them in a single constructor that can fail; from there on nobody checks it again.

pub mod action;
pub mod bucket;
pub mod credential;
pub mod decision;
pub mod jws;
pub mod key;
pub mod label;
pub mod object;
pub mod principal;
pub mod proof;
pub mod record;
pub mod reference;
pub mod scope;
pub mod secret;
pub mod time;
pub mod time_range;
pub mod vending;

#[cfg(test)]
mod tests;
