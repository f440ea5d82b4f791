//! Settings: defaults, file, environment, all checked at once.
