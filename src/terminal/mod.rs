//! For people on a terminal: files on their way to a library that runs elsewhere.
//!
//! Results go to stdout, everything said about them to stderr. Whatever happens on the way is
//! waited out; a command that was interrupted or killed goes on when it is run again.

mod account;
mod crew;
mod fetch;
mod find;
mod folders;
mod get;
mod ls;
mod output;
mod patience;
mod pieces;
mod place;
mod progress;
mod put;
mod send;
mod walk;

pub use find::{Find, find};
pub use get::{Get, get};
pub use ls::{Ls, ls};
pub use put::{Put, put};
