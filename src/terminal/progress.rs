//! How far a command is: a bar on a terminal, nothing elsewhere, where each file has its line.

use std::cell::Cell;
use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

thread_local! {
    /// Bytes that this thread's request has sent and nobody has acknowledged.
    static UNDER_WAY: Cell<u64> = const { Cell::new(0) };
}

/// Shared by all that send.
pub struct Progress {
    bar: Option<ProgressBar>,
    /// Whether a line was written that it waits.
    is_waiting: AtomicBool,
}

impl Progress {
    /// Of so many bytes; of none it only shows that something is going on.
    pub fn of(bytes: u64) -> Self {
        let bar = io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new(bytes).with_style(style(bytes));
            bar.enable_steady_tick(Duration::from_millis(200));
            bar
        });
        Self {
            bar,
            is_waiting: AtomicBool::new(false),
        }
    }

    /// Does a request; what it counted is taken back if it fails.
    pub fn carrying<T, E>(&self, send: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        UNDER_WAY.set(0);
        let done = send();
        match (&done, &self.bar) {
            (Ok(_), _) => self.goes_on(),
            (Err(_), Some(bar)) => bar.dec(UNDER_WAY.get()),
            (Err(_), None) => {}
        }
        done
    }

    /// So many more bytes are to be moved.
    pub fn awaits(&self, bytes: u64) {
        if let Some(bar) = &self.bar {
            bar.inc_length(bytes);
            bar.set_style(style(bytes));
            bar.set_message("");
        }
    }

    pub fn moved(&self, bytes: u64) {
        UNDER_WAY.set(UNDER_WAY.get() + bytes);
        if let Some(bar) = &self.bar {
            bar.inc(bytes);
        }
    }

    /// So many files were found so far.
    pub fn looking(&self, files: usize) {
        if let Some(bar) = &self.bar {
            bar.set_message(format!("{files} files found"));
        }
    }

    /// So many bytes need not be sent.
    pub fn is_there_already(&self, bytes: u64) {
        if let Some(bar) = &self.bar {
            bar.dec_length(bytes);
        }
    }

    /// Shown in the bar; where there is none, a line says so if it is worth one.
    pub fn waiting(&self, why: &str, is_long: bool) {
        match &self.bar {
            Some(bar) => {
                bar.set_message(format!("waiting; it goes on by itself: {}", escaped(why)));
            }
            None if is_long && !self.is_waiting.swap(true, Ordering::Relaxed) => {
                self.say(&format!("Waiting; it goes on by itself: {}", escaped(why)));
            }
            None => {}
        }
    }

    /// Something went well.
    pub fn goes_on(&self) {
        if let Some(bar) = &self.bar {
            bar.set_message("");
        }
        if self.is_waiting.swap(false, Ordering::Relaxed) {
            self.say("It goes on.");
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

    fn beside<T>(&self, print: impl FnOnce() -> T) -> T {
        match &self.bar {
            Some(bar) => bar.suspend(print),
            None => print(),
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn style(bytes: u64) -> ProgressStyle {
    let template = match bytes {
        0 => "{spinner} {wide_msg}",
        _ => "{bar:30} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left {wide_msg}",
    };
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
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
