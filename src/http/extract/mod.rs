//! From an HTTP request to domain values: bucket and key from the raw path, ranges, conditions, query strings.

pub mod body;
pub mod conditions;
pub mod cursor;
pub mod query;
pub mod range;
pub mod search;
pub mod target;

#[cfg(test)]
mod tests;
