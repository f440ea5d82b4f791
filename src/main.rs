//! Parses the command line, calls one function, returns its exit code.

fn main() {}
