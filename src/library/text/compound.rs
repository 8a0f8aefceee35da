//! Words of several words, and several words that are one: `phoneNumber`, `e-mail`, `O'Neil`,
//! `1,234.56`, and a word that a hyphen cuts in two at a line's end.

use std::ops::Range;

use super::fold::search_into;
use super::scan::{Run, Runs, Script, is_apostrophe};

/// Longest word that is taken apart; longer ones are encoded data.
const MAX_SPLIT_BYTES: usize = 40;
const MAX_PARTS: usize = 6;
/// Longest word that is spelled out.
const MAX_SPELLED_BYTES: usize = 80;
/// Words that one word can be written as, and groups of digits that one number can.
const MAX_JOINED_WORDS: usize = 3;
const MAX_JOINED_DIGITS: usize = 8;
/// Longest of those, in bytes.
const MAX_JOINED_BYTES: usize = 40;
/// White space at the beginning of a line over which a word goes on.
const MAX_INDENT: usize = 64;
/// Longest letters before `++` or `#`, and behind a dot that begins a word, in bytes.
const MAX_NAME_BYTES: usize = 12;
/// Longest extension, in bytes.
const MAX_EXTENSION_BYTES: usize = 5;

/// Calls `found` with the parts of a word that has inner capitals, or digits beside letters, that
/// look meant: `getHTTPServer2` is `get`, `HTTP`, `Server`, `2`. Single letters are no parts, and
/// several mean that capitals and digits are noise, as in encoded data; beside one, as in `v1` and
/// `1990s`, a number is a part, and before one, as in `iPhone15`, so is the whole without the number.
pub fn parts(word: &str, mut found: impl FnMut(Range<usize>)) {
    if word.len() > MAX_SPLIT_BYTES || !has_borders(word) {
        return;
    }
    let mut ends = [0; MAX_PARTS];
    let (mut count, mut lone, mut from) = (0, 0, 0);
    let mut previous: Option<char> = None;
    let mut chars = word.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let next = chars.peek().map(|&(_, c)| c);
        if previous.is_some_and(|previous| is_border(previous, c, next)) {
            if count == MAX_PARTS - 1 {
                return;
            }
            lone += usize::from(is_lone_letter(&word[from..at]));
            ends[count] = at;
            count += 1;
            from = at;
        }
        previous = Some(c);
    }
    lone += usize::from(is_lone_letter(&word[from..]));
    // `iPhone` is one word, `v1` and `1990s` are a letter and a number.
    let has_number = is_number(&word[from..]) || is_number(&word[..ends[0]]);
    let is_noise = lone > 1 || (lone == 1 && count == 1 && !has_number);
    if count == 0 || is_noise {
        return;
    }
    // A number at the end belongs to all before it: `iPhone15` is an `iPhone`.
    if lone == 1 && count > 1 && is_number(&word[from..]) {
        found(0..from);
    }
    ends[count] = word.len();
    let mut from = 0;
    for &to in &ends[..=count] {
        if !is_lone_letter(&word[from..to]) {
            found(from..to);
        }
        from = to;
    }
}

/// Whether a word can have parts at all; most words have none.
fn has_borders(word: &str) -> bool {
    let is_digit = |byte: &u8| byte.is_ascii_digit();
    let bytes = word.as_bytes();
    let first_is_digit = bytes.first().is_some_and(is_digit);
    let tail = bytes.get(1..).unwrap_or_default();
    !word.is_ascii()
        || tail
            .iter()
            .any(|byte| byte.is_ascii_uppercase() || is_digit(byte) != first_is_digit)
}

fn is_border(before: char, c: char, after: Option<char>) -> bool {
    if before.is_numeric() != c.is_numeric() {
        return before.is_alphanumeric() && c.is_alphanumeric();
    }
    c.is_uppercase() && (!before.is_uppercase() || after.is_some_and(char::is_lowercase))
}

fn is_lone_letter(part: &str) -> bool {
    let mut chars = part.chars();
    chars.next().is_some_and(char::is_alphabetic) && chars.next().is_none()
}

fn is_number(part: &str) -> bool {
    part.chars().all(char::is_numeric)
}

/// What stands between the words of a compound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Joiner {
    Hyphen,
    Apostrophe,
    Underscore,
    /// A dot, a comma or a space that stays on its line, between digits.
    Separator(char),
}

/// Words that are joined by hyphens, apostrophes or underscores, or groups of digits.
pub struct Compound {
    pub words: Vec<Range<usize>>,
    joiners: Vec<Joiner>,
}

impl Compound {
    /// The compound that begins with the run `first`, if it is more than that.
    pub fn from_run(text: &str, first: &Run) -> Option<Self> {
        if !may_join(text.as_bytes(), first.end) {
            return None;
        }
        let mut next = Some(joined(text, first.end)?);
        let mut compound = Self {
            words: Vec::with_capacity(2),
            joiners: Vec::with_capacity(1),
        };
        compound.words.push(first.start..first.end);
        while compound.words.len() <= MAX_JOINED_DIGITS
            && let Some((joiner, word)) = next.take()
        {
            let is_number = |joiner: &Joiner| matches!(joiner, Joiner::Separator(_));
            let is_other = |first: &Joiner| is_number(first) != is_number(&joiner);
            // The apostrophe of "the harbour's" joins nothing.
            let is_possessive =
                joiner == Joiner::Apostrophe && text[word.clone()].eq_ignore_ascii_case("s");
            if is_possessive || compound.joiners.first().is_some_and(is_other) {
                break;
            }
            next = joined(text, word.end);
            compound.words.push(word);
            compound.joiners.push(joiner);
        }
        (compound.words.len() > 1).then_some(compound)
    }

    pub fn range(&self) -> Range<usize> {
        let ends = self.words.first().zip(self.words.last());
        ends.map_or(0..0, |(first, last)| first.start..last.end)
    }

    /// The other ways to write it as one word, folded: `email` for `e-mail`; for a number its whole
    /// part, and the whole with a dot before its decimals.
    pub fn as_one(&self, text: &str) -> Vec<String> {
        match self.joiners.first() {
            Some(Joiner::Separator(_)) => self.as_number(text),
            _ => self.as_word(text).into_iter().collect(),
        }
    }

    fn folded(&self, text: &str) -> Vec<String> {
        let words = self.words.iter();
        words
            .map(|word| {
                let mut folded = String::new();
                search_into(&text[word.clone()], &mut folded);
                folded
            })
            .collect()
    }

    fn as_word(&self, text: &str) -> Option<String> {
        let joined = self.folded(text).concat();
        let digits = joined.bytes().filter(u8::is_ascii_digit).count();
        let most = match 2 * digits >= joined.len() {
            true => MAX_JOINED_DIGITS,
            false => MAX_JOINED_WORDS,
        };
        let is_short = joined.len() <= MAX_JOINED_BYTES && self.words.len() <= most;
        (is_short && !joined.is_empty()).then_some(joined)
    }

    /// A number has groups of three digits behind the first, of which only the last may be
    /// something else: its decimals, behind another separator.
    fn as_number(&self, text: &str) -> Vec<String> {
        let groups = self.folded(text);
        let are_digits = |group: &String| group.bytes().all(|byte| byte.is_ascii_digit());
        let (Some(first), Some(last), Some(separator)) =
            (groups.first(), groups.last(), self.joiners.first())
        else {
            return Vec::new();
        };
        if !groups.iter().all(are_digits) {
            return Vec::new();
        }
        let whole = self
            .joiners
            .iter()
            .take_while(|joiner| *joiner == separator);
        let whole = whole.count() + 1;
        let are_threes = |groups: &[String]| groups.iter().all(|group| group.len() == 3);
        let is_grouped = first.len() <= 3 && are_threes(&groups[1..whole]);
        let is_decimal = |joiner: &Joiner| matches!(joiner, Joiner::Separator('.' | ','));
        let has_decimals = whole + 1 == groups.len() && self.joiners.last().is_some_and(is_decimal);
        match () {
            () if is_grouped && whole == groups.len() => vec![groups.concat()],
            () if is_grouped && has_decimals => {
                let integer = groups[..whole].concat();
                vec![format!("{integer}.{last}"), integer]
            }
            // "1234.56", of which the whole part stands there as it is.
            () if groups.len() == 2 && is_decimal(separator) => vec![format!("{first}.{last}")],
            () => Vec::new(),
        }
    }

    /// Whether the first is a version such as `v1`, and the digits of that.
    pub fn version(&self, text: &str) -> Option<Range<usize>> {
        let first = self.words.first()?;
        let word = &text[first.clone()];
        let digits = word.find(char::is_numeric).filter(|&at| at > 0)?;
        let is_version = matches!(self.joiners.first(), Some(Joiner::Separator('.')))
            && is_number(&word[digits..]);
        is_version.then_some(first.start + digits..first.end)
    }
}

/// Most words end at something that joins nothing.
fn may_join(bytes: &[u8], at: usize) -> bool {
    matches!(
        bytes.get(at),
        Some(b'\'' | b'`' | b'-' | b'_' | b'.' | b',' | 0x80..)
    )
}

/// The joiner at `at`, and the word behind it.
fn joined(text: &str, at: usize) -> Option<(Joiner, Range<usize>)> {
    let c = text[at..].chars().next()?;
    let next = at + c.len_utf8();
    let is_digit = |c: Option<char>| c.is_some_and(char::is_numeric);
    let in_number =
        is_digit(text[..at].chars().next_back()) && is_digit(text[next..].chars().next());
    let joiner = match c {
        '-' | '\u{2010}' | '\u{2011}' => Joiner::Hyphen,
        '_' => Joiner::Underscore,
        '.' | ',' | '\u{A0}' | '\u{2009}' | '\u{202F}' if in_number => Joiner::Separator(c),
        c if is_apostrophe(c) && in_number => Joiner::Separator('\''),
        c if is_apostrophe(c) => Joiner::Apostrophe,
        _ => return None,
    };
    Some((joiner, word_at(text, next)?))
}

/// The word that begins exactly there.
fn word_at(text: &str, at: usize) -> Option<Range<usize>> {
    let first = text[at..].chars().next()?;
    if !first.is_alphanumeric() {
        return None;
    }
    let run = Runs::from(text, at).next()?;
    (run.start == at && run.script == Script::Spaced).then_some(run.start..run.end)
}

/// The rest of a word that a hyphen cuts in two at the end of a line: `tele-⏎phone`.
pub fn over_line_end(text: &str, first: &Run) -> Option<Range<usize>> {
    let rest = text.get(first.end..)?;
    let behind = rest.strip_prefix(['-', '\u{2010}'])?;
    let mut line_ends = 0;
    for (offset, c) in behind.char_indices().take(MAX_INDENT) {
        match c {
            '\n' => line_ends += 1,
            ' ' | '\t' | '\r' => {}
            c if line_ends == 1 && c.is_lowercase() => {
                let ends_in_letter = text[..first.end].ends_with(char::is_alphabetic);
                let at = text.len() - behind.len() + offset;
                return word_at(text, at).filter(|_| ends_in_letter);
            }
            _ => return None,
        }
    }
    None
}

/// The byte range of a name with the sign that belongs to it: `C++`, `F#`, `.NET`. A dot within a
/// word begins an extension, such as that of `notes.txt`.
pub fn with_sign(text: &str, run: &Run) -> Option<Range<usize>> {
    let (before, behind) = (&text.as_bytes()[..run.start], &text.as_bytes()[run.end..]);
    let has_sign = matches!(behind.first(), Some(b'+' | b'#')) || before.last() == Some(&b'.');
    if !has_sign || !run.ascii {
        return None;
    }
    let name = &text[run.start..run.end];
    let is_letter = |byte: u8| byte.is_ascii_alphabetic();
    if name.len() > MAX_NAME_BYTES || !name.bytes().all(is_letter) {
        return None;
    }
    let goes_on = |at: usize| behind.get(at).is_some_and(u8::is_ascii_alphanumeric);
    match (before, behind) {
        (_, [b'+', b'+', ..]) if behind.get(2) != Some(&b'+') => Some(run.start..run.end + 2),
        (_, [b'#', ..]) if !goes_on(1) => Some(run.start..run.end + 1),
        ([before @ .., b'.'], _) => {
            let is_extension = match before.last() {
                Some(b'.') => false,
                Some(byte) if byte.is_ascii_alphanumeric() || !byte.is_ascii() => {
                    let ends = !matches!(behind.first(), Some(b'.' | b'(' | b'_' | b'='));
                    name.len() <= MAX_EXTENSION_BYTES && ends
                }
                _ => true,
            };
            is_extension.then_some(run.start - 1..run.end)
        }
        _ => None,
    }
}

/// The word with the letters that German and Nordic languages write for `ä`, `ö`, `ü`, `å` and `ø`
/// where those cannot be typed; nothing if it has none of them. Other accents only fall away.
pub fn spelled_out(word: &str) -> Option<String> {
    const SPELLED: [(char, &str); 5] = [
        ('ä', "ae"),
        ('ö', "oe"),
        ('ü', "ue"),
        ('å', "aa"),
        ('ø', "oe"),
    ];
    let may_have = |c| {
        matches!(
            c,
            'ä' | 'ö' | 'ü' | 'å' | 'ø' | 'Ä' | 'Ö' | 'Ü' | 'Å' | 'Ø' | '\u{308}' | '\u{30A}'
        )
    };
    if word.len() > MAX_SPELLED_BYTES || !word.contains(may_have) {
        return None;
    }
    let mut lower = String::new();
    super::fold::lower_into(word, &mut lower);
    let spelling = |c: char| SPELLED.iter().find(|(letter, _)| *letter == c);
    if !lower.chars().any(|c| spelling(c).is_some()) {
        return None;
    }
    let mut spelled = String::with_capacity(lower.len() + 4);
    for c in lower.chars() {
        match spelling(c) {
            Some((_, letters)) => spelled.push_str(letters),
            None => spelled.push(c),
        }
    }
    let mut folded = String::with_capacity(spelled.len());
    search_into(&spelled, &mut folded);
    Some(folded)
}
