//! Use cases, one file for each capability; each takes a permit and knows no HTTP.
