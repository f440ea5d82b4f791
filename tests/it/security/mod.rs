//! Attacks, each refused.

mod login;
