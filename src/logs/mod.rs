//! Reading logs: what the bytes of an object hold.

pub mod allowance;
pub mod decode;
pub mod decode_stream;
pub mod filter;
pub mod format;
pub mod found;
pub mod frame;
pub mod gaps;
pub mod held;
pub mod layout;
pub mod mark;
pub mod merge;
pub mod object;
pub mod plan;
pub mod read;
pub mod redact;
pub mod scan;
pub mod threads;

#[cfg(test)]
mod tests;
