//! The command line as a person and a script meet it.

pub mod engineer;
mod idp_doctor;
mod layouts;
mod login;
mod manual;
mod program;
mod receipts;
