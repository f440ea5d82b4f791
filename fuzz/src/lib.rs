//! What several fuzz targets need.

pub mod decoding;
pub mod planted;
