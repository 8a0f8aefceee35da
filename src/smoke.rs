//! The smoke test: proof, from outside and over HTTP alone, that an installation keeps what it
//! acknowledged.
//!
//! [`put`] uploads varied files and prints their receipts; after a redeploy [`verify`] holds the
//! installation to them. [`watch`] keeps a mixed load going meanwhile. Every request is made
//! exactly once: hiding a failure by trying again would defeat the purpose.

mod client;
mod load;
mod put;
mod samples;
mod tally;
mod verify;
mod watch;

use std::io::{self, Write};

use serde::{Deserialize, Serialize};

pub use put::put;
pub use samples::LEAST_LARGEST;
pub use verify::verify;
pub use watch::{Watch, watch};

use crate::library::Receipt;

/// One line of `receipts.jsonl`: what the installation answered, and the word by which the
/// file must be found.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Line {
    #[serde(flatten)]
    receipt: Receipt,
    word: String,
}

/// Tells the person at stderr. What cannot be told there has no other place to go.
fn say(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// `1 file`, `2 files`.
fn count(n: usize, noun: &str) -> String {
    format!("{n} {noun}{}", if n == 1 { "" } else { "s" })
}
