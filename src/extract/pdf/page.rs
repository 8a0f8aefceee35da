//! From letters at places to words and lines.
//!
//! Letters come in the order they are drawn in, which is nearly always the order of reading. What
//! separates two of them is told from the gap between the end of one and the start of the next,
//! measured along the direction that the text itself runs in, in parts of its size.

use hayro_interpret::kurbo::{Point, Vec2};

use super::letters;

/// A gap of more than this is one between words. Letters of a word are hardly ever spaced further
/// apart, and the narrowest spaces of justified text are wider. Fonts count in thousandths:
/// between two of them, so that rounding decides about no gap.
const WORD_GAP: f64 = 0.1095;
/// Letters that are tracked stand no further apart than this.
const MAX_TRACKING: f64 = 0.32;
/// Gaps between the letters of a tracked word differ by no more than this.
const TRACKING_TOLERANCE: f64 = 0.08;
/// So many letters in a row make a tracked word.
const MIN_TRACKED: usize = 4;
/// So far back an overprinted or kerned letter goes, and no further.
const BACKWARD: f64 = 0.5;
/// A letter that is so much higher or lower stands on another line; exponents do not.
const LINE_GAP: f64 = 0.5;
/// Two directions with a larger sine between them are not those of one line.
const TURN: f64 = 0.05;

/// Where a letter stands.
#[derive(Clone, Copy)]
pub struct Letter {
    pub start: Point,
    /// Where the next letter of its word would start.
    pub end: Point,
    /// The direction of its line, of length one.
    pub along: Vec2,
    /// The size of its font.
    pub em: f64,
}

/// What separates a letter from the one before.
#[derive(Clone, Copy)]
enum Gap {
    None,
    /// With its width.
    Word(f64),
    Line,
    /// It is drawn over the letter before.
    Over,
}

/// The text of a page as far as it was drawn.
#[derive(Default)]
pub struct Page {
    text: String,
    line: Vec<char>,
    /// How wide the gap is that each of its spaces stands for, in parts of the size; infinite for a
    /// space that was drawn, and 0 for all other characters.
    gaps: Vec<f64>,
    /// How far along the line each of its characters starts.
    places: Vec<f64>,
    last: Option<Letter>,
    /// The gap before what comes next, if it is one between words.
    space: Option<f64>,
    /// The line before ended in a hyphen, which is left out if the word goes on.
    hyphen: bool,
}

impl Page {
    pub fn add(&mut self, text: &str, letter: Letter) {
        let finite = letter.start.is_finite() && letter.end.is_finite() && letter.along.is_finite();
        if !finite || letter.em <= 0.0 {
            return;
        }
        let Some(first) = text.chars().next() else {
            // What stands for nothing still takes its place.
            self.last = self.last.map(|last| match self.gap(&letter, ' ', &last) {
                Gap::None => letter,
                _ => last,
            });
            return;
        };
        if let Some(last) = self.last {
            match self.gap(&letter, first, &last) {
                Gap::Line => self.end_line(),
                Gap::Word(gap) => self.space = Some(self.space.unwrap_or(0.0).max(gap)),
                Gap::Over if self.overprint(first) => return,
                Gap::Over | Gap::None => {}
            }
        }
        self.last = Some(letter);
        let place = letter.start.to_vec2().dot(letter.along);
        for character in text.chars() {
            self.push(character, place);
        }
    }

    pub fn into_text(mut self) -> String {
        self.end_line();
        if self.hyphen {
            self.text.push('-');
        }
        self.text
    }

    fn gap(&self, letter: &Letter, first: char, last: &Letter) -> Gap {
        let along = last.along;
        let em = last.em.max(letter.em);
        let is_turned = along.cross(letter.along).abs() > TURN || along.dot(letter.along) < 0.0;
        let across = along.cross(letter.start - last.start);
        if is_turned || across.abs() > LINE_GAP * em {
            return Gap::Line;
        }
        let leftward = letters::runs_leftward(first)
            && self
                .line
                .last()
                .is_none_or(|last| !last.is_alphanumeric() || letters::runs_leftward(*last));
        let forward = (letter.start - last.end).dot(along);
        let backward = (last.start - letter.end).dot(along);
        let gap = match leftward && backward.abs() < forward.abs() {
            true => backward,
            false => forward,
        };
        let em = last.em.min(letter.em);
        if gap > WORD_GAP * em {
            Gap::Word(gap / em)
        } else if gap >= -WORD_GAP * em {
            Gap::None
        } else if (letter.start - last.start).dot(along).abs() < 2.0 * BACKWARD * em {
            Gap::Over
        } else {
            Gap::Line
        }
    }

    /// Deals with a letter over the one before: one of them may be the other's accent, and the same
    /// again is a way to make it bold. Answers whether the letter is dealt with.
    fn overprint(&mut self, character: char) -> bool {
        let Some(last) = self.line.last_mut().filter(|_| self.space.is_none()) else {
            return false;
        };
        let is_accent = |c: char| !c.is_ascii() && letters::combining(c).is_some();
        let joined = letters::accented(*last, character).or(letters::accented(character, *last));
        if let Some(joined) = joined {
            *last = joined;
        } else if is_accent(*last) && character.is_alphanumeric() {
            // Hats and bars of formulas, which make no other letter.
            *last = character;
        } else if *last != character && !(is_accent(character) && last.is_alphanumeric()) {
            return false;
        }
        true
    }

    fn push(&mut self, character: char, place: f64) {
        if character.is_whitespace() {
            self.space = Some(f64::INFINITY);
            return;
        }
        if let Some(gap) = self.space.take().filter(|_| !self.line.is_empty()) {
            self.line.push(' ');
            self.gaps.push(gap);
            self.places.push(place);
        }
        self.line.push(character);
        self.gaps.push(0.0);
        self.places.push(place);
    }

    fn end_line(&mut self) {
        self.space = None;
        self.join_tracked();
        self.read_leftward();
        let mut line = self.line.as_slice();
        let Some(first) = line.first() else {
            return;
        };
        if std::mem::take(&mut self.hyphen) {
            if !first.is_lowercase() {
                self.text.push_str("-\n");
            }
        } else if !self.text.is_empty() {
            self.text.push('\n');
        }
        if let [before @ .., letter, '-' | '\u{2010}' | '\u{ad}'] = line
            && letter.is_alphabetic()
        {
            self.hyphen = true;
            line = &line[..=before.len()];
        }
        self.text.extend(line);
        self.line.clear();
        self.gaps.clear();
        self.places.clear();
    }

    /// Takes out the gaps between the letters of words that are tracked: of a line where nearly all
    /// letters stand apart, and of single letters in a row that stand equally far apart.
    fn join_tracked(&mut self) {
        let is_gap = |gap: f64| gap > 0.0 && gap.is_finite();
        if !self.gaps.iter().any(|gap| is_gap(*gap)) {
            return;
        }
        let letters = self.line.iter().filter(|c| c.is_alphabetic()).count();
        let signs = self.line.iter().filter(|c| **c != ' ').count();
        let drawn = self.gaps.iter().filter(|gap| gap.is_infinite()).count();
        let mut gaps: Vec<f64> = self
            .gaps
            .iter()
            .copied()
            .filter(|gap| is_gap(*gap))
            .collect();
        gaps.sort_by(f64::total_cmp);
        let pairs = signs.saturating_sub(1).saturating_sub(drawn);
        let median = gaps[gaps.len() / 2];
        let is_tracked = 4 * gaps.len() >= 3 * pairs
            && signs >= MIN_TRACKED
            && 2 * letters > signs
            && median <= MAX_TRACKING;
        let mut out = vec![true; self.line.len()];
        if is_tracked {
            for (kept, gap) in out.iter_mut().zip(&self.gaps) {
                *kept = !is_gap(*gap) || *gap > median + TRACKING_TOLERANCE;
            }
        } else {
            self.find_tracked_words(&mut out);
        }
        let mut kept = out.iter();
        self.line.retain(|_| kept.next().is_none_or(|kept| *kept));
        let mut kept = out.iter();
        self.places.retain(|_| kept.next().is_none_or(|kept| *kept));
    }

    /// Marks the gaps inside of single letters in a row.
    fn find_tracked_words(&self, kept: &mut [bool]) {
        let is_single = |at: usize| {
            let is_end = |at: Option<&char>| at.is_none_or(|c| *c == ' ');
            self.line[at].is_alphabetic()
                && is_end(at.checked_sub(1).and_then(|before| self.line.get(before)))
                && is_end(self.line.get(at + 1))
        };
        let mut at = 0;
        while at < self.line.len() {
            if !is_single(at) {
                at += 1;
                continue;
            }
            let (start, first) = (at, self.gaps.get(at + 1).copied().unwrap_or(f64::INFINITY));
            let is_alike = |gap: f64| {
                gap > 0.0 && gap <= MAX_TRACKING && (gap - first).abs() <= TRACKING_TOLERANCE
            };
            while at + 2 < self.line.len() && is_alike(self.gaps[at + 1]) && is_single(at + 2) {
                at += 2;
            }
            if (at - start) / 2 + 1 >= MIN_TRACKED {
                (start + 1..at).step_by(2).for_each(|gap| kept[gap] = false);
            }
            at += 1;
        }
    }

    /// Puts the letters of leftward scripts that were drawn from left to right into the order of
    /// reading.
    fn read_leftward(&mut self) {
        if !self.line.iter().any(|c| letters::runs_leftward(*c)) {
            return;
        }
        let of_run = |c: &char| letters::runs_leftward(*c) || !c.is_alphanumeric();
        let mut start = 0;
        while start < self.line.len() {
            let length = self.line[start..].iter().take_while(|c| of_run(c)).count();
            let end = start + length;
            let first = self.places.get(start);
            let rises = length > 1 && self.places.get(end - 1) > first;
            if rises {
                self.line[start..end].reverse();
            }
            start = end + 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Letter, Page};
    use hayro_interpret::kurbo::{Affine, Point, Vec2};

    /// Sets words in letters half as wide as they are high, at a place and an angle.
    fn set(page: &mut Page, text: &str, x: f64, y: f64, turn: Affine) {
        for (number, character) in text.chars().enumerate() {
            let start = Point::new(x + 5.0 * number as f64, y);
            let end = start + Vec2::new(5.0, 0.0);
            page.add(
                &character.to_string(),
                Letter {
                    start: turn * start,
                    end: turn * end,
                    along: (turn * end - turn * start).normalize(),
                    em: 10.0,
                },
            );
        }
    }

    fn page(lines: &[(&str, f64, f64)], turn: Affine) -> String {
        let mut page = Page::default();
        for (text, x, y) in lines {
            set(&mut page, text, *x, *y, turn);
        }
        page.into_text()
    }

    #[test]
    fn gaps_are_measured_along_the_text() {
        let lines = [
            ("one", 0.0, 50.0),
            ("two", 18.0, 50.0),
            ("x2", 33.5, 54.0),
            ("next", 0.0, 38.0),
        ];
        for degrees in [0.0, 30.0, 90.0, 180.0, 270.0] {
            let turn = Affine::rotate(f64::to_radians(degrees));
            assert_eq!(page(&lines, turn), "one twox2\nnext", "at {degrees}°");
        }
    }

    #[test]
    fn hyphens_at_line_ends_join_words() {
        let lines = [
            ("har-", 0.0, 50.0),
            ("bour", 0.0, 38.0),
            ("North-", 0.0, 26.0),
            ("West-", 0.0, 14.0),
        ];
        assert_eq!(page(&lines, Affine::IDENTITY), "harbour\nNorth-\nWest-");
    }

    /// Search goes on over line ends in scripts without spaces, so that this is one word.
    #[test]
    fn columns_keep_the_order_of_their_characters() {
        let column = [("灯", 50.0, 50.0), ("台", 50.0, 38.0), ("守", 50.0, 26.0)];
        assert_eq!(page(&column, Affine::IDENTITY), "灯\n台\n守");
    }

    #[test]
    fn accents_and_bold_letters_are_one_letter() {
        let mut found = Page::default();
        set(&mut found, "caf´", 0.0, 0.0, Affine::IDENTITY);
        set(&mut found, "e", 15.0, 0.0, Affine::IDENTITY);
        set(&mut found, "n", 20.0, 0.0, Affine::IDENTITY);
        set(&mut found, "n", 20.4, 0.0, Affine::IDENTITY);
        assert_eq!(found.into_text(), "cafén");
    }

    #[test]
    fn leftward_scripts_are_read_leftward() {
        let drawn: String = "שלום עולם".chars().rev().collect();
        assert_eq!(page(&[(&drawn, 0.0, 0.0)], Affine::IDENTITY), "שלום עולם");
    }

    /// Letters that stand this far apart, and words further.
    fn tracked(text: &str, tracking: f64, between_words: f64) -> String {
        let mut page = Page::default();
        let mut x = 0.0;
        for character in text.chars() {
            if character == ' ' {
                x += between_words;
                continue;
            }
            set(&mut page, &character.to_string(), x, 0.0, Affine::IDENTITY);
            x += 5.0 + tracking;
        }
        page.into_text()
    }

    #[test]
    fn tracked_words_are_words() {
        for tracking in [0.5, 1.2, 1.5, 2.0, 3.0] {
            let found = tracked("Harbour Master of Quay", tracking, 3.0);
            assert_eq!(found, "Harbour Master of Quay", "{tracking}");
        }
        // Tracked words in a line that is set as usual.
        let mut page = Page::default();
        set(&mut page, "the harbour of", 0.0, 0.0, Affine::IDENTITY);
        for (number, letter) in ["N", "A", "T", "O"].into_iter().enumerate() {
            set(
                &mut page,
                letter,
                75.0 + 7.0 * number as f64,
                0.0,
                Affine::IDENTITY,
            );
        }
        set(&mut page, "is full", 107.0, 0.0, Affine::IDENTITY);
        assert_eq!(page.into_text(), "the harbour of NATO is full");
        // Columns of digits are not one number.
        assert_eq!(tracked("1234", 2.0, 0.0), "1 2 3 4");
    }

    #[test]
    fn odd_places_are_no_text() {
        let odd = Affine::scale(f64::NAN);
        assert_eq!(page(&[("lost", 0.0, 0.0)], odd), "");
        assert_eq!(
            page(&[("a", 1e30, 1e30), ("b", -1e30, 0.0)], Affine::IDENTITY),
            ""
        );
    }
}
