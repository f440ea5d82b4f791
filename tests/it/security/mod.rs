//! Attacks, each refused.

mod login;
mod route_walk;
mod tokens;
