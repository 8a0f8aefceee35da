//! Words within a few slips of another: an automaton with which dictionaries are walked.
//!
//! A slip is a character that is wrong, missing or too many, or two that changed places. The state
//! tells, for each number of slips, which beginnings of the word the text so far may stand for, a
//! bit for each (Wu and Manber, "Fast text searching allowing errors", 1992). So it costs nothing to
//! make, some shifts a character, and it counts them: a walk ends when it has cost enough.

use std::cell::Cell;

use tantivy_fst::Automaton;

const MOST_SLIPS: usize = 2;
/// Characters of a word: a bit for each, and one for its beginning.
pub const MOST_CHARS: usize = 31;

pub struct Slips<'a> {
    word: Vec<char>,
    /// For each ASCII character the places at which the word has it.
    places: [u32; 128],
    slips: usize,
    /// Bytes that may still be looked at.
    left: &'a Cell<u32>,
}

/// What is known of a text after some of its bytes.
#[derive(Clone, Copy, Debug)]
pub struct State {
    /// Bit `i` of row `k`: with at most `k` slips the text is the first `i` characters of the word.
    rows: [u32; MOST_SLIPS + 1],
    /// The rows before the last character, where that is the word's next but one: the two may
    /// turn out to have changed places.
    ahead: [u32; MOST_SLIPS],
    /// The character that is being read, as far as its bytes go, and how many are missing.
    partial: u32,
    missing: u8,
}

const DEAD: State = State {
    rows: [0; MOST_SLIPS + 1],
    ahead: [0; MOST_SLIPS],
    partial: 0,
    missing: 0,
};

impl<'a> Slips<'a> {
    /// Texts that are the word but for `slips`, at most 2. Of a word the first [`MOST_CHARS`]
    /// count. Looking stops when nothing is `left`.
    pub fn new(word: &str, slips: usize, left: &'a Cell<u32>) -> Self {
        let word: Vec<char> = word.chars().take(MOST_CHARS).collect();
        let mut places = [0; 128];
        for (at, &character) in word.iter().enumerate() {
            if let Some(places) = places.get_mut(character as usize) {
                *places |= 1 << at;
            }
        }
        Self {
            word,
            places,
            slips: slips.min(MOST_SLIPS),
            left,
        }
    }

    fn places(&self, character: u32) -> u32 {
        let found = self.places.get(character as usize);
        found.copied().unwrap_or_else(|| {
            let same = |at: &usize| u32::from(self.word[*at]) == character;
            let places = (0..self.word.len()).filter(same);
            places.fold(0, |places, at| places | 1 << at)
        })
    }

    fn step(&self, state: &State, character: u32) -> State {
        let here = self.places(character);
        let all = u32::MAX >> (MOST_CHARS - self.word.len());
        let mut next = DEAD;
        next.rows[0] = (state.rows[0] & here) << 1 & all;
        for slips in 1..=self.slips {
            let (before, fewer) = (state.rows[slips - 1], next.rows[slips - 1]);
            let right = (state.rows[slips] & here) << 1;
            let (too_many, wrong, missing) = (before, before << 1, fewer << 1);
            let swapped = (state.ahead[slips - 1] & here) << 2;
            next.rows[slips] = (right | too_many | wrong | missing | swapped) & all;
            next.ahead[slips - 1] = before & here >> 1;
        }
        next
    }
}

impl Automaton for Slips<'_> {
    type State = State;

    fn start(&self) -> State {
        let mut state = DEAD;
        let all = u32::MAX >> (MOST_CHARS - self.word.len());
        for slips in 0..=self.slips {
            // So many characters may be missing.
            state.rows[slips] = ((2 << slips) - 1) & all;
        }
        state
    }

    fn is_match(&self, state: &State) -> bool {
        state.missing == 0 && state.rows[self.slips] >> self.word.len() & 1 == 1
    }

    fn can_match(&self, state: &State) -> bool {
        state.rows[self.slips] != 0
    }

    fn accept(&self, state: &State, byte: u8) -> State {
        let Some(left) = self.left.get().checked_sub(1) else {
            return DEAD;
        };
        self.left.set(left);
        let (partial, missing) = match (byte, state.missing) {
            (0..0x80, 0) => return self.step(state, byte.into()),
            (0xc0..0xe0, 0) => (byte & 0x1f, 1),
            (0xe0..0xf0, 0) => (byte & 0x0f, 2),
            (0xf0.., 0) => (byte & 0x07, 3),
            (0x80..0xc0, 1) => {
                return self.step(state, state.partial << 6 | u32::from(byte & 0x3f));
            }
            (0x80..0xc0, missing @ 2..) => {
                return State {
                    partial: state.partial << 6 | u32::from(byte & 0x3f),
                    missing: missing - 1,
                    ..*state
                };
            }
            _ => return DEAD,
        };
        State {
            partial: partial.into(),
            missing,
            ..*state
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use tantivy_fst::Automaton;

    use super::Slips;

    fn is_near(word: &str, slips: usize, text: &str) -> bool {
        let left = Cell::new(u32::MAX);
        let slips = Slips::new(word, slips, &left);
        let end = text
            .bytes()
            .fold(slips.start(), |state, byte| slips.accept(&state, byte));
        slips.is_match(&end)
    }

    /// The number of slips, by the table that every book has.
    fn distance(a: &str, b: &str) -> usize {
        let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
        let mut table = vec![vec![0; b.len() + 1]; a.len() + 1];
        for i in 0..=a.len() {
            for j in 0..=b.len() {
                table[i][j] = match (i, j) {
                    (0, _) => j,
                    (_, 0) => i,
                    _ => {
                        let wrong = usize::from(a[i - 1] != b[j - 1]);
                        let by_one = table[i - 1][j].min(table[i][j - 1]) + 1;
                        let mut least = by_one.min(table[i - 1][j - 1] + wrong);
                        if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                            least = least.min(table[i - 2][j - 2] + 1);
                        }
                        least
                    }
                };
            }
        }
        table[a.len()][b.len()]
    }

    #[test]
    fn slips_are_counted() {
        for (text, slips) in [
            ("harbour", 0),
            ("harbor", 1),
            ("harbuor", 1),
            ("arbour", 1),
            ("ahrbour", 1),
            ("harbours", 1),
            ("hárbour", 1),
            ("harbxyr", 2),
            ("habruor", 2),
            ("harbo", 2),
        ] {
            for allowed in 0..=2 {
                let near = is_near("harbour", allowed, text);
                assert_eq!(near, slips <= allowed, "{text}, {allowed}");
            }
        }
        assert!(is_near("größe", 1, "größte") && is_near("größe", 1, "gröẞe"));
        assert!(!is_near("größe", 0, "groesse"));
    }

    #[test]
    fn nothing_is_found_when_it_has_cost_enough() {
        let left = Cell::new(3);
        let slips = Slips::new("quay", 2, &left);
        let mut state = slips.start();
        for byte in *b"quay" {
            state = slips.accept(&state, byte);
        }
        assert!(!slips.can_match(&state) && !slips.is_match(&state));
    }

    proptest::proptest! {
        #[test]
        fn as_the_table_has_it(word in "[abé水]{0,9}", text in "[abé水]{0,9}", slips in 0..=2_usize) {
            proptest::prop_assert_eq!(is_near(&word, slips, &text), distance(&word, &text) <= slips);
        }
    }
}
