//! The edge: routes, guard, problems, headers.

pub mod pages;
