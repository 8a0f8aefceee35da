//! Text whose layout is markup's: gaps between words collapse, and end up as a space or a line end.

use super::plain;

/// What separates the words before from the words to come.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Gap {
    None,
    Space,
    Line,
}

/// Collects words and gaps into a text of bounded length.
pub struct Flow {
    text: String,
    gap: Gap,
    limit: usize,
}

impl Flow {
    pub fn new(limit: usize) -> Self {
        Self {
            text: String::new(),
            gap: Gap::None,
            limit,
        }
    }

    /// Whether there is already more than will be kept.
    pub fn is_full(&self) -> bool {
        self.text.len() > self.limit
    }

    /// Separates words.
    pub fn space(&mut self) {
        self.gap = self.gap.max(Gap::Space);
    }

    /// Separates lines.
    pub fn line(&mut self) {
        self.gap = Gap::Line;
    }

    /// Appends words; white space of any kind is a gap between words.
    pub fn words(&mut self, text: &str) {
        self.flow(text, Gap::Space);
    }

    /// Appends words; a line end between them stays one.
    pub fn lines(&mut self, text: &str) {
        self.flow(text, Gap::Line);
    }

    /// Appends text with all its white space.
    pub fn verbatim(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        self.close_gap();
        plain::push_clean(text, &mut self.text);
    }

    pub fn into_text(self) -> String {
        self.text
    }

    fn flow(&mut self, mut text: &str, line_end: Gap) {
        while !text.is_empty() {
            let (run, rest) = text.split_at(ordinary_run(text.as_bytes()));
            if !run.is_empty() {
                self.close_gap();
                self.text.push_str(run);
            }
            let mut chars = rest.chars();
            match chars.next() {
                Some('\n' | '\r' | '\u{c}') => self.gap = self.gap.max(line_end),
                Some(' ' | '\t' | '\u{a0}') => self.space(),
                Some('\u{ad}' | '\u{feff}') | None => {}
                Some(control) if control.is_control() => {}
                Some(other) => {
                    self.close_gap();
                    self.text.push(other);
                }
            }
            text = chars.as_str();
        }
    }

    fn close_gap(&mut self) {
        let gap = std::mem::replace(&mut self.gap, Gap::None);
        match gap {
            _ if self.text.is_empty() || self.text.ends_with('\n') => {}
            Gap::None => {}
            Gap::Space => self.text.push(' '),
            Gap::Line => self.text.push('\n'),
        }
    }
}

/// Bytes that are, or are part of, a character to keep as it is.
const ORDINARY: [bool; 256] = {
    let mut ordinary = [true; 256];
    let mut byte = 0;
    while byte < 256 {
        ordinary[byte] = byte > b' ' as usize && !matches!(byte, 0x7f | 0xc2 | 0xef);
        byte += 1;
    }
    ordinary
};

/// How many bytes can be taken as they are: neither controls nor leads of characters that may have
/// to go, and single spaces only between words.
fn ordinary_run(bytes: &[u8]) -> usize {
    let is_ordinary = |at: usize| bytes.get(at).is_some_and(|byte| ORDINARY[*byte as usize]);
    let mut at = 0;
    while is_ordinary(at) || (at > 0 && bytes.get(at) == Some(&b' ') && is_ordinary(at + 1)) {
        at += 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::Flow;

    fn flowing(write: impl FnOnce(&mut Flow)) -> String {
        let mut flow = Flow::new(1 << 10);
        write(&mut flow);
        flow.into_text()
    }

    #[test]
    fn gaps_collapse_to_the_widest() {
        let text = flowing(|flow| {
            flow.words("  one \n two\u{a0}\t three ");
            flow.line();
            flow.space();
            flow.words(" four");
            flow.lines("  five \n\n six  ");
        });
        assert_eq!(text, "one two three\nfour five\nsix");
    }

    #[test]
    fn words_meet_only_where_nothing_separates_them() {
        let text = flowing(|flow| {
            flow.words("bo");
            flow.words("ld");
            flow.space();
            flow.words("so\u{ad}ft\u{feff}«");
        });
        assert_eq!(text, "bold soft«");
    }

    #[test]
    fn verbatim_text_keeps_its_layout() {
        let text = flowing(|flow| {
            flow.words("code");
            flow.line();
            flow.verbatim("if x:\n    y\n");
            flow.line();
            flow.words("end");
        });
        assert_eq!(text, "code\nif x:\n    y\nend");
    }
}
