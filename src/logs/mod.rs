//! Reading logs: what the bytes of an object hold.

pub mod decode;
pub mod decode_stream;
pub mod merge;

#[cfg(test)]
mod tests;
