//! Results as lines on stdout, a page at a time. That nobody reads them any more, as behind
//! `| head`, is an end and no error.

use std::io::{self, ErrorKind, IsTerminal};

use serde::Serialize;

use super::progress::Progress;
use crate::error::{Error, Result};

pub struct Output<'a> {
    progress: &'a Progress,
    lines: Vec<String>,
    pub is_terminal: bool,
}

impl<'a> Output<'a> {
    pub fn new(progress: &'a Progress) -> Self {
        Self {
            progress,
            lines: Vec::new(),
            is_terminal: io::stdout().is_terminal(),
        }
    }

    pub fn line(&mut self, line: String) {
        self.lines.push(line);
    }

    pub fn json(&mut self, record: &impl Serialize) -> Result<()> {
        self.lines
            .push(serde_json::to_string(record).map_err(|error| {
                Error::internal("A result could not be written as JSON.").because(error)
            })?);
        Ok(())
    }

    /// Prints what was collected; false if nobody reads on.
    pub fn print(&mut self) -> Result<bool> {
        if self.lines.is_empty() {
            return Ok(true);
        }
        match self.progress.print(&self.lines.join("\n")) {
            Ok(()) => self.lines.clear(),
            Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(false),
            Err(error) => {
                return Err(Error::internal(format!(
                    "The results could not be written to stdout: {error}."
                )));
            }
        }
        Ok(true)
    }
}
