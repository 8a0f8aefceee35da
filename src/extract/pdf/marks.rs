//! Marked content (ISO 32000-2, 14.6), one in the other: whether it is seen, and what it says that it
//! stands for.

use std::borrow::Cow;

use super::letters;

#[derive(Default)]
pub struct Marks {
    /// Whether each is seen; the innermost comes last.
    seen: Vec<bool>,
    spoken: Option<Spoken>,
}

/// What stands for whatever is drawn.
struct Spoken {
    /// How many are open with the one that says so.
    depth: usize,
    /// Until the first sign has taken its place.
    text: Option<String>,
}

impl Marks {
    /// `said` is a text string that stands for the content.
    pub fn begin(&mut self, is_seen: bool, said: Option<&[u8]>) {
        self.seen.push(is_seen && self.are_seen());
        if self.spoken.is_none() {
            let depth = self.seen.len();
            self.spoken = said.map(|said| Spoken {
                depth,
                text: letters::text_string(said).map(|text| letters::plain(&text)),
            });
        }
    }

    /// Ends the innermost.
    pub fn end(&mut self) {
        self.close_all_but(self.open().saturating_sub(1));
    }

    /// How many are open.
    pub fn open(&self) -> usize {
        self.seen.len()
    }

    pub fn close_all_but(&mut self, number: usize) {
        self.seen.truncate(number);
        self.spoken.take_if(|spoken| spoken.depth > number);
    }

    /// Whether what is in all of them is seen.
    pub fn are_seen(&self) -> bool {
        self.seen.last().copied().unwrap_or(true)
    }

    /// What is read in the place of a sign.
    pub fn heard<'s>(&mut self, sign: &'s str) -> Cow<'s, str> {
        match &mut self.spoken {
            Some(spoken) => Cow::Owned(spoken.text.take().unwrap_or_default()),
            None => Cow::Borrowed(sign),
        }
    }
}
