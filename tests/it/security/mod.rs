//! Attacks, each refused.

mod login;
mod tokens;
