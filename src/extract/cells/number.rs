//! Numbers by a pattern of digits, with literals anywhere between them.

use super::general;

/// More decimals than a number has would be noise, and its text without bound.
const MAX_DECIMALS: usize = 15;
/// Larger denominators are not looked for.
const MAX_DENOMINATOR: u32 = 999;
/// What is left of a number that is a fraction already.
const SAME: f64 = 5e-8;
/// Numbers from here on are shown as powers of ten, whatever their pattern.
const TOO_LARGE: f64 = 1e21;
/// Characters of a pattern; spreadsheets allow 255.
const MAX_TOKENS: usize = 256;

#[derive(Clone, Debug, PartialEq)]
enum Token {
    /// A place for a digit: `0` shows all, `#` those that matter, `?` a space for those that do not.
    Digit(char),
    Literal(String),
    Point,
    /// Between numerator and denominator.
    Slash,
    Exponent {
        has_plus: bool,
        digits: usize,
    },
    /// As many digits as matter.
    General,
}

/// How a number is shown; its sign is not a part of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Number {
    tokens: Vec<Token>,
    /// Places before the point, and behind it.
    whole: usize,
    decimals: usize,
    has_point: bool,
    has_thousands: bool,
    percents: i32,
    /// How often it is divided by a thousand.
    scaled: i32,
    has_exponent: bool,
    has_slash: bool,
    /// A denominator that is given.
    denominator: u32,
}

impl Number {
    fn push(&mut self, token: Token) {
        if self.tokens.len() < MAX_TOKENS {
            self.tokens.push(token);
        }
    }

    pub fn digit(&mut self, kind: char) {
        if self.has_exponent || self.tokens.len() >= MAX_TOKENS {
            return;
        }
        if self.has_slash && self.denominator > 0 {
            return self.denominator(kind);
        }
        self.scaled = 0;
        match self.has_point {
            true => self.decimals += 1,
            false => self.whole += 1,
        }
        self.push(Token::Digit(kind));
    }

    pub fn has_digits(&self) -> bool {
        self.whole + self.decimals > 0
    }

    pub fn is_fraction(&self) -> bool {
        self.has_slash
    }

    /// A digit of a denominator that is given.
    pub fn denominator(&mut self, digit: char) {
        let digit = digit.to_digit(10).unwrap_or(0);
        self.denominator = self.denominator.saturating_mul(10).saturating_add(digit);
    }

    /// Commas behind all digits scale; those between them group.
    pub fn comma(&mut self, is_between: bool) {
        self.has_thousands |= is_between;
        self.scaled += 1;
    }

    pub fn point(&mut self) {
        if !self.has_point {
            self.has_point = true;
            self.push(Token::Point);
        }
    }

    pub fn slash(&mut self) {
        if !self.has_slash {
            self.has_slash = true;
            self.push(Token::Slash);
        }
    }

    pub fn percent(&mut self) {
        self.percents = (self.percents + 1).min(4);
        self.literal("%");
    }

    pub fn exponent(&mut self, has_plus: bool, digits: usize) {
        if !self.has_exponent {
            self.has_exponent = true;
            let digits = digits.clamp(1, MAX_DECIMALS);
            self.push(Token::Exponent { has_plus, digits });
        }
    }

    pub fn general(&mut self) {
        self.push(Token::General);
    }

    pub fn literal(&mut self, text: &str) {
        match self.tokens.last_mut() {
            Some(Token::Literal(last)) => last.push_str(text),
            _ => self.push(Token::Literal(text.to_owned())),
        }
    }

    /// A number without its sign, as it is shown.
    pub fn text(&self, size: f64) -> String {
        let mut value = size / 1000f64.powi(self.scaled);
        value *= 100f64.powi(self.percents);
        if self.has_slash {
            return self.fraction(value);
        }
        let mut power = 0;
        if self.has_exponent && value > 0.0 && value.is_finite() {
            power = value.log10().floor() as i32;
            // Several places before the point: powers of a thousand, or of as many places.
            let step = i32::try_from(self.whole.clamp(1, 9)).unwrap_or(1);
            power = power.div_euclid(step) * step;
            value /= 10f64.powi(power);
            // Rounding may take it to the next power.
            let bound = 10f64.powi(step);
            if rounded(value, self.decimals.min(MAX_DECIMALS))
                .parse()
                .is_ok_and(|value: f64| value >= bound)
            {
                power += step;
                value /= bound;
            }
        }
        let digits = match value < TOO_LARGE {
            true => rounded(value, self.decimals.min(MAX_DECIMALS)),
            false => general(value),
        };
        let (whole, decimals) = digits.split_once('.').unwrap_or((&digits, ""));
        let whole = if whole == "0" && self.has_digits() {
            ""
        } else {
            whole
        };
        self.fill(size, whole, decimals.as_bytes(), power)
    }

    /// Puts digits into their places.
    fn fill(&self, size: f64, whole: &str, decimals: &[u8], power: i32) -> String {
        let mut out = String::with_capacity(self.tokens.len() + whole.len());
        let significant = decimals
            .iter()
            .rposition(|digit| *digit != b'0')
            .map_or(0, |at| at + 1);
        let (mut place, mut decimal) = (0, 0);
        for token in &self.tokens {
            match token {
                Token::Literal(text) => out.push_str(text),
                Token::General => out.push_str(&general(size)),
                Token::Slash => out.push('/'),
                Token::Point => {
                    if self.whole == 0 {
                        self.push_digits(whole, whole.len(), &mut out);
                    }
                    out.push('.');
                }
                Token::Digit(kind) if place < self.whole => {
                    let places = self.whole - place;
                    if place == 0 && whole.len() > places {
                        self.push_digits(&whole[..whole.len() - places], whole.len(), &mut out);
                    }
                    place += 1;
                    let digit = whole
                        .len()
                        .checked_sub(places)
                        .and_then(|at| whole.as_bytes().get(at));
                    match (digit, kind) {
                        (Some(digit), _) => out.push(char::from(*digit)),
                        (None, '0') => out.push('0'),
                        (None, '?') => out.push(' '),
                        (None, _) => continue,
                    }
                    if self.is_grouped(places) && (digit.is_some() || *kind == '0') {
                        out.push(',');
                    }
                }
                Token::Digit(kind) => {
                    let digit = decimals.get(decimal).copied().unwrap_or(b'0');
                    decimal += 1;
                    if *kind == '0' || decimal <= significant {
                        out.push(char::from(digit));
                    }
                }
                Token::Exponent { has_plus, digits } => {
                    out.push('E');
                    match (power < 0, has_plus) {
                        (true, _) => out.push('-'),
                        (false, true) => out.push('+'),
                        (false, false) => {}
                    }
                    out.push_str(&format!("{:0digits$}", power.unsigned_abs()));
                }
            }
        }
        out
    }

    /// Digits before those that have places; `length` is how many digits there are with those.
    fn push_digits(&self, digits: &str, length: usize, out: &mut String) {
        for (at, digit) in digits.chars().enumerate() {
            out.push(digit);
            if self.is_grouped(length - at) {
                out.push(',');
            }
        }
    }

    /// Whether a comma stands behind the digit that has so many places from itself to the point.
    fn is_grouped(&self, places: usize) -> bool {
        self.has_thousands && places > 1 && (places - 1).is_multiple_of(3)
    }

    /// As a whole number and a fraction, or as a fraction alone.
    fn fraction(&self, value: f64) -> String {
        let slash = self
            .tokens
            .iter()
            .position(|token| *token == Token::Slash)
            .unwrap_or(0);
        let places = |tokens: &[Token]| {
            tokens
                .iter()
                .filter(|token| matches!(token, Token::Digit(_)))
                .count()
        };
        let (before, behind) = self.tokens.split_at(slash);
        let last_gap = before
            .iter()
            .rposition(|token| matches!(token, Token::Literal(_)));
        let whole_end = last_gap.filter(|gap| places(&before[..*gap]) > 0);
        let digits = u32::try_from(places(behind).clamp(1, 3)).unwrap_or(1);
        let most = (10u32.pow(digits) - 1).min(MAX_DENOMINATOR);
        if value >= TOO_LARGE || !value.is_finite() {
            return general(value);
        }
        let mut whole = if whole_end.is_some() {
            value.floor()
        } else {
            0.0
        };
        let (mut numerator, denominator) = match self.denominator {
            0 => nearest(value - whole, most),
            given => (((value - whole) * f64::from(given)).round(), given),
        };
        if whole_end.is_some() && numerator >= f64::from(denominator) {
            whole += 1.0;
            numerator = 0.0;
        }
        let mut out = String::new();
        let literals = |tokens: &[Token], out: &mut String| {
            for token in tokens {
                if let Token::Literal(text) = token {
                    out.push_str(text);
                }
            }
        };
        let has_fraction = numerator > 0.0 || whole_end.is_none();
        if let Some(end) = whole_end {
            let first = before
                .iter()
                .position(|token| matches!(token, Token::Digit(_)))
                .unwrap_or(0);
            literals(&before[..first], &mut out);
            if whole > 0.0 || !has_fraction {
                out.push_str(&format!("{whole:.0}"));
            }
            if whole > 0.0 && has_fraction {
                literals(&before[end..], &mut out);
            }
        } else {
            literals(before, &mut out);
        }
        if has_fraction {
            out.push_str(&format!("{numerator:.0}/{denominator}"));
        }
        literals(behind, &mut out);
        out
    }
}

/// The last fraction of those that a number's continued fraction gives whose denominator is at most
/// `most`, as spreadsheets choose.
fn nearest(value: f64, most: u32) -> (f64, u32) {
    let most = f64::from(most);
    let (mut before, mut last) = ((0.0, 1.0), (1.0, 0.0));
    let mut rest = value;
    while last.1 < most {
        let whole = rest.floor();
        let next = (whole * last.0 + before.0, whole * last.1 + before.1);
        if next.1 > most {
            break;
        }
        (before, last) = (last, next);
        if rest - whole < SAME {
            break;
        }
        rest = 1.0 / (rest - whole);
    }
    (last.0, last.1 as u32)
}

/// Half a unit goes away from zero, as people round, also where binary fractions fall short of it.
fn rounded(value: f64, decimals: usize) -> String {
    let nudged = match decimals {
        0..=4 => value * (1.0 + 4.0 * f64::EPSILON),
        _ => value,
    };
    format!("{nudged:.decimals$}")
}
