//! The demo: its identity provider as a standard client sees it, what its people may do, and the lines that it prints.

mod people;
mod printed_lines;
mod sign_in;
