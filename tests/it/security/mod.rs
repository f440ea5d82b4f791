//! Attacks, each refused.

mod bearers;
mod login;
mod logins;
mod odd_keys;
mod outages;
mod planted;
mod real_provider;
mod route_walk;
mod sessions;
mod smuggling;
mod targets;
mod tokens;
