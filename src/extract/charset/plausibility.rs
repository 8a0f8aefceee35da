//! How much a text looks like one, if its bytes stand for these characters: what tells encodings of
//! 8 bits apart that all decode without an error.

/// The characters beyond ASCII, by what stands beside them: letters within words of their own script,
/// and quotation marks, dashes and the like in their places, count for the text; letters in the wrong
/// case and signs within words count against it.
pub fn plausibility(text: &str) -> i64 {
    let mut score = 0;
    let mut open_quotes = 0;
    let mut before = ' ';
    let mut chars = text.chars().peekable();
    while let Some(character) = chars.next() {
        let after = chars.peek().copied().unwrap_or(' ');
        if !character.is_ascii() {
            score += match Quote::of(before, character, after) {
                Some(Quote::Opening) => {
                    open_quotes += 1;
                    0
                }
                // Only pairs prove something: a single one may as well be a letter.
                Some(Quote::Closing) if open_quotes > 0 => {
                    open_quotes -= 1;
                    4
                }
                Some(Quote::Closing) => 0,
                None if character.is_alphabetic() => of_letter(before, character, after),
                None => of_sign(before, character, after),
            };
        }
        before = character;
    }
    score
}

fn of_letter(before: char, letter: char, after: char) -> i64 {
    let script = Script::of(letter);
    let is_kin = |c: char| c.is_alphabetic() && Script::of(c) == script;
    let is_stranger = |c: char| c.is_alphabetic() && Script::of(c) != script;
    if script == Script::Other || is_stranger(before) || is_stranger(after) {
        return match before.is_alphabetic() || after.is_alphabetic() {
            true => -1,
            false => 0,
        };
    }
    // Latin words are of ASCII for the most part; Cyrillic ones have none.
    let is_strange_inside = script == Script::Latin
        && before.is_alphabetic()
        && after.is_alphabetic()
        && !before.is_ascii()
        && !after.is_ascii();
    if is_strange_inside {
        return -2;
    }
    if letter.is_lowercase() {
        let is_in_word =
            is_kin(before) && before.is_lowercase() || is_kin(after) && after.is_lowercase();
        return if is_in_word { 2 } else { 0 };
    }
    match is_kin(before) && before.is_lowercase() {
        true => -2,
        false if is_kin(after) && after.is_lowercase() && !before.is_alphabetic() => 2,
        false => i64::from(is_kin(after)),
    }
}

fn of_sign(before: char, sign: char, after: char) -> i64 {
    let is_inside = before.is_alphabetic() && after.is_alphabetic();
    match sign {
        '’' if is_inside => 2,
        '…' if before.is_alphanumeric() && !after.is_alphabetic() => 1,
        '–' | '—' if before.is_ascii_digit() && after.is_ascii_digit() => 1,
        '–' | '—' if before.is_whitespace() && after.is_whitespace() => 1,
        '€' if before.is_ascii_digit() || after.is_ascii_digit() => 2,
        '°' if before.is_ascii_digit() => 1,
        '·' | '‘' | '–' | '—' | '…' => 0,
        _ if is_inside => -2,
        c if c.is_control() || c == '\u{fffd}' => -2,
        _ => 0,
    }
}

/// A quotation mark at the beginning or the end of what it quotes, in the manner of any language.
enum Quote {
    Opening,
    Closing,
}

impl Quote {
    fn of(before: char, character: char, after: char) -> Option<Self> {
        if !matches!(
            character,
            '‘' | '’' | '‚' | '“' | '”' | '„' | '«' | '»' | '‹' | '›'
        ) {
            return None;
        }
        let is_outside = |c: char| {
            c.is_whitespace()
                || matches!(
                    c,
                    '(' | '['
                        | ')'
                        | ']'
                        | '.'
                        | ','
                        | ';'
                        | ':'
                        | '!'
                        | '?'
                        | '-'
                        | '>'
                        | '<'
                        | '/'
                )
        };
        match (is_outside(before), is_outside(after)) {
            (true, false) => Some(Self::Opening),
            (false, true) => Some(Self::Closing),
            // Before a word with a dot, and behind a sentence.
            (true, true) if before.is_whitespace() && !after.is_whitespace() => Some(Self::Opening),
            (true, true) if after.is_whitespace() && !before.is_whitespace() => Some(Self::Closing),
            _ => None,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Script {
    Latin,
    Cyrillic,
    Other,
}

impl Script {
    fn of(letter: char) -> Self {
        match letter {
            'a'..='z' | 'A'..='Z' | '\u{c0}'..='\u{24f}' => Self::Latin,
            '\u{400}'..='\u{4ff}' => Self::Cyrillic,
            _ => Self::Other,
        }
    }
}
