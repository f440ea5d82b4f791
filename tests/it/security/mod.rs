//! Attacks, each refused.

mod bearers;
mod login;
mod logins;
mod outages;
mod real_provider;
mod route_walk;
mod sessions;
mod targets;
mod tokens;
