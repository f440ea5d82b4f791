//! The demo: its identity provider as a standard client sees it, and what its people may do.

mod people;
mod sign_in;
