//! Directories of this machine.
