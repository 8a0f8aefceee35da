//! `smoke put`: uploads varied files and prints one receipt per line.

use std::io::{self, Write};

use jiff::Timestamp;

use super::client::Client;
use super::samples::{Samples, unique_word};
use super::{Line, count, say};
use crate::error::{Error, Result};
use crate::remote::Address;

/// Uploads `files` files of at most `largest` bytes into a folder of this run and prints their
/// receipts on stdout; false if any was refused.
///
/// # Errors
/// If the installation does not answer, or stdout cannot be written.
pub fn put(place: &Address, files: u32, seed: Option<u64>, largest: Option<usize>) -> Result<bool> {
    let client = Client::new(place)?;
    let boot = client.boot()?;
    let seed = seed.unwrap_or_else(|| Timestamp::now().as_millisecond() as u64);
    let mut samples = Samples::new(seed, largest);
    let folder = run_folder();
    let mut out = io::stdout().lock();
    let mut refused = 0;
    for _ in 0..files {
        let sample = samples.next_varied();
        match client.upload(&format!("{folder}/{}", sample.path), &sample.bytes) {
            Ok(receipt) => print(
                &mut out,
                &Line {
                    receipt,
                    word: sample.word,
                },
            )?,
            Err(error) => {
                refused += 1;
                say(error.sentence());
            }
        }
    }
    let stored = count(files as usize - refused, "file");
    say(&format!(
        "{stored} stored in {folder} by boot {boot}, {refused} refused."
    ));
    Ok(refused == 0)
}

/// A folder that no other run uses, and that sorts by time.
pub fn run_folder() -> String {
    let time = Timestamp::now().strftime("%Y%m%d-%H%M%S");
    format!("smoke/{time}-{}", &unique_word()[..4])
}

/// Prints at once: a receipt that stays in a buffer proves nothing if this process dies.
fn print(out: &mut impl Write, line: &Line) -> Result<()> {
    let text = serde_json::to_string(line).map_err(|error| {
        Error::internal("A receipt could not be written as JSON.").because(error)
    })?;
    writeln!(out, "{text}")
        .and_then(|()| out.flush())
        .map_err(|error| {
            Error::internal(format!(
                "The receipts could not be written to stdout: {error}."
            ))
        })
}
