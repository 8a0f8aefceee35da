//! What stands beside a paragraph although it is written in the middle of one: notes, comments, text
//! boxes, alternative texts. It is read behind the paragraph, so that it cuts no word in two.

use super::MAX_TEXT_BYTES;
use super::sink::Sink;

/// A text whose asides wait for the end of the paragraph around them.
pub struct Asides<'o, 's> {
    out: &'o mut Sink<'s>,
    /// How many asides are open, one in the other.
    open: usize,
    waiting: String,
    /// How many asides were open at the mark of a note, if that was the last character.
    mark: Option<usize>,
}

impl<'o, 's> Asides<'o, 's> {
    pub fn new(out: &'o mut Sink<'s>) -> Self {
        Self {
            out,
            open: 0,
            waiting: String::new(),
            mark: None,
        }
    }

    /// The sink, for details that are no part of the text.
    pub fn sink(&mut self) -> &mut Sink<'s> {
        self.out
    }

    pub fn is_full(&self) -> bool {
        self.out.is_full()
    }

    pub fn begin(&mut self) {
        self.open += 1;
        self.wait("\n");
    }

    pub fn end(&mut self) {
        self.open = self.open.saturating_sub(1);
        self.wait("\n");
    }

    /// A line behind the paragraph.
    pub fn add(&mut self, text: &str) {
        self.begin();
        self.text(text);
        self.end();
    }

    /// The mark of a note: a letter behind it begins another word.
    pub fn mark(&mut self) {
        self.mark = Some(self.open);
    }

    pub fn text(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        if self.mark == Some(self.open) {
            self.mark = None;
            if text.starts_with(char::is_alphanumeric) {
                self.space();
            }
        }
        match self.open {
            0 => self.out.text(text),
            _ => self.wait(text),
        }
    }

    pub fn space(&mut self) {
        match self.open {
            0 => self.out.space(),
            _ if self.waiting.ends_with(char::is_whitespace) => {}
            _ => self.wait(" "),
        }
    }

    /// Takes back a gap between words.
    pub fn join(&mut self) {
        match self.open {
            0 => self.out.join(),
            _ => {
                if self.waiting.ends_with(' ') {
                    self.waiting.pop();
                }
            }
        }
    }

    pub fn cell(&mut self) {
        match self.open {
            0 => self.out.cell(),
            _ => self.wait("\t"),
        }
    }

    pub fn line(&mut self) {
        match self.open {
            0 => self.out.line(),
            _ => self.wait("\n"),
        }
    }

    /// A line end behind which the asides have their place.
    pub fn end_paragraph(&mut self) {
        self.line();
        if self.open == 0 {
            self.flush();
        }
    }

    pub fn end_page(&mut self) {
        self.flush();
        self.out.end_page();
    }

    /// A line of its own, in the text itself.
    pub fn paragraph(&mut self, text: &str) {
        self.out.paragraph(text);
    }

    /// Writes what waits, as at the end of the text.
    pub fn flush(&mut self) {
        if self.waiting.is_empty() {
            return;
        }
        let waiting = std::mem::take(&mut self.waiting);
        for line in waiting.lines() {
            self.out.paragraph(line);
        }
    }

    fn wait(&mut self, text: &str) {
        if self.waiting.len() < MAX_TEXT_BYTES {
            self.waiting.push_str(text);
        }
    }
}
