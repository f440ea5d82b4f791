//! The permission check: Cedar policies in, permits out.
