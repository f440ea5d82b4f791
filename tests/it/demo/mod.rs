//! The demo: its identity provider as a standard client sees it, what its people may do, and the lines that it prints.

mod command_line;
mod people;
mod printed_lines;
mod sign_in;
