//! For people on a terminal: files on their way to a library that runs elsewhere.
//!
//! Results go to stdout, everything said about them to stderr. Whatever happens on the way is
//! waited out; a command that was interrupted or killed goes on when it is run again.

mod pieces;
mod progress;
mod put;
mod send;
mod walk;

pub use put::{Put, put};
