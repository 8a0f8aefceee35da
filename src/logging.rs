//! Where log lines go and what they look like: stderr, as text for people and JSON for machines,
//! with no secret in them.

mod mask;

use std::backtrace::{Backtrace, BacktraceStatus};
use std::io::{self, IsTerminal, Write};

use tracing_subscriber::EnvFilter;

use crate::config::{Config, LogFormat};
use crate::error::{Error, Result};

/// Target of the one kind of line that shows a secret on purpose: the link to set up an
/// installation that nobody owns yet.
pub const SHOWS_SECRET: &str = "wharfside::setup";

/// Who is running, which decides how much is said when `LOG` says nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The server: its log is what an operator reads.
    Server,
    /// A command whose output is its result: only warnings are worth a line beside it.
    Command,
}

/// Starts logging for the whole process; call it once.
///
/// # Errors
/// [`Kind::Invalid`](crate::error::Kind::Invalid) if `LOG` is not a filter.
pub fn start(config: &Config, role: Role) -> Result<()> {
    let directives = match role {
        Role::Command if config.log == "info" => "warn",
        _ => &config.log,
    };
    let filter = EnvFilter::try_new(directives).map_err(|error| {
        Error::invalid(format!(
            "LOG is {directives:?}, but must be error, warn, info, debug, or tracing filter \
             directives such as wharfside=debug,info: {error}."
        ))
    })?;
    let terminal = io::stderr().is_terminal();
    let json = match config.log_format {
        LogFormat::Json => true,
        LogFormat::Text => false,
        LogFormat::Auto => !terminal,
    };
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(mask::Masked)
        .with_ansi(terminal);
    let started = if json {
        // The current span carries the request id, so it is on every line of a request.
        builder
            .json()
            .flatten_event(true)
            .with_span_list(false)
            .try_init()
    } else {
        builder.with_target(false).try_init()
    };
    started.map_err(|error| Error::internal("Logging was started twice.").because(error))?;
    std::panic::set_hook(Box::new(|panic| {
        let thread = std::thread::current();
        let mut line = format!(
            "\nthread '{}' {panic}\n",
            thread.name().unwrap_or("unnamed")
        );
        let trace = Backtrace::capture();
        if trace.status() == BacktraceStatus::Captured {
            line.push_str(&format!("{trace}\n"));
        }
        // Nobody is left to tell if stderr is gone.
        let _ = io::stderr().write_all(&mask::mask(line.as_bytes()));
    }));
    Ok(())
}
