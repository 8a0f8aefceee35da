//! How far a command is: a bar on a terminal, nothing elsewhere, where each file has its line.

use std::cell::Cell;
use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

thread_local! {
    /// Bytes that this thread's request has sent and nobody has acknowledged.
    static UNDER_WAY: Cell<u64> = const { Cell::new(0) };
}

/// Shared by all that send.
pub struct Progress {
    bar: Option<ProgressBar>,
}

impl Progress {
    /// Of so many bytes.
    pub fn of(bytes: u64) -> Self {
        let style = "{bar:30} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left {wide_msg}";
        let style = ProgressStyle::with_template(style).ok();
        let bar = style.filter(|_| io::stderr().is_terminal()).map(|style| {
            let bar = ProgressBar::new(bytes).with_style(style);
            bar.enable_steady_tick(Duration::from_millis(200));
            bar
        });
        Self { bar }
    }

    /// Does a request; what it counted is taken back if it fails.
    pub fn carrying<T, E>(&self, send: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        UNDER_WAY.set(0);
        let done = send();
        if let Some(bar) = &self.bar {
            match &done {
                Ok(_) => bar.set_message(""),
                Err(_) => bar.dec(UNDER_WAY.get()),
            }
        }
        done
    }

    pub fn sent(&self, bytes: u64) {
        UNDER_WAY.set(UNDER_WAY.get() + bytes);
        if let Some(bar) = &self.bar {
            bar.inc(bytes);
        }
    }

    /// So many bytes need not be sent.
    pub fn is_there_already(&self, bytes: u64) {
        if let Some(bar) = &self.bar {
            bar.dec_length(bytes);
        }
    }

    pub fn waiting(&self, why: &str) {
        if let Some(bar) = &self.bar {
            bar.set_message(format!("waiting; it goes on by itself: {}", escaped(why)));
        }
    }

    /// Tells the person at stderr, above the bar.
    pub fn say(&self, line: &str) {
        self.beside(|| {
            let _ = writeln!(io::stderr(), "{line}");
        });
    }

    /// Prints a result, and at once.
    pub fn print(&self, line: &str) -> io::Result<()> {
        self.beside(|| writeln!(io::stdout(), "{line}").and_then(|()| io::stdout().flush()))
    }

    pub fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    fn beside<T>(&self, print: impl FnOnce() -> T) -> T {
        match &self.bar {
            Some(bar) => bar.suspend(print),
            None => print(),
        }
    }
}

/// A text as one line that no terminal takes for a command: control characters, and those that
/// reverse the direction of what follows, are written as escapes.
pub fn escaped(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\u{200e}'
            | '\u{200f}'
            | '\u{61c}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}' => {
                plain.extend(c.escape_unicode());
            }
            c if c.is_control() => plain.extend(c.escape_default()),
            c => plain.push(c),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_commands_a_terminal() {
        assert_eq!(escaped("a\u{1b}[2J\nü\u{202e}"), "a\\u{1b}[2J\\nü\\u{202e}");
    }
}
