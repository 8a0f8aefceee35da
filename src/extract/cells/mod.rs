//! Numbers as spreadsheets show them: by a format code (ISO/IEC 29500-1, 18.8.31), which the older
//! binary workbooks share.

mod moment;
mod number;

use moment::Part;
use number::Number;

/// For positive and negative numbers, zero, and texts.
const MAX_SECTIONS: usize = 4;

/// How a cell shows its number.
#[derive(Clone, Debug, PartialEq)]
pub enum Shown {
    General,
    /// Parts for numbers of different size, the first that fits counts.
    Sections(Vec<Section>),
}

/// A part of a format.
#[derive(Clone, Debug, PartialEq)]
pub struct Section {
    /// For which numbers it is.
    condition: Condition,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Condition {
    /// What no other part is for.
    Otherwise,
    Positive,
    /// Its part writes the sign itself.
    Negative,
    NotNegative,
    Compared(Comparison, f64),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Comparison {
    Less,
    AtMost,
    Equal,
    Unequal,
    AtLeast,
    More,
}

#[derive(Clone, Debug, PartialEq)]
enum Kind {
    Number(Number),
    Moment(Vec<Part>),
}

/// What a format that is named by number alone looks like (18.8.30).
pub fn built_in(number: u32) -> Shown {
    const LONG_DATE: &str = "yyyy-mm-dd";
    let code = match number {
        1 => "0",
        2 => "0.00",
        3 => "#,##0",
        4 => "#,##0.00",
        5 | 6 => "$#,##0_);($#,##0)",
        7 | 8 => "$#,##0.00_);($#,##0.00)",
        9 => "0%",
        10 => "0.00%",
        11 => "0.00E+00",
        12 => "# ?/?",
        13 => "# ??/??",
        37 | 38 => "#,##0_);(#,##0)",
        39 | 40 => "#,##0.00_);(#,##0.00)",
        41 | 42 => "_(* #,##0_);_(* (#,##0);_(* \"-\"_);_(@_)",
        43 | 44 => "_(* #,##0.00_);_(* (#,##0.00);_(* \"-\"??_);_(@_)",
        14 | 27..=31 | 36 | 50..=58 => LONG_DATE,
        15 => "d-mmm-yy",
        16 => "d-mmm",
        17 => "mmm-yy",
        18 => "h:mm AM/PM",
        19 => "h:mm:ss AM/PM",
        20 | 32 | 34 => "h:mm",
        21 | 33 | 35 => "h:mm:ss",
        22 => "yyyy-mm-dd h:mm",
        45 => "mm:ss",
        46 => "[h]:mm:ss",
        47 => "mm:ss.0",
        48 => "##0.0E+0",
        _ => return Shown::General,
    };
    Shown::from_code(code)
}

impl Shown {
    pub fn from_code(code: &str) -> Self {
        let mut parts = sections(code);
        // The last part may be for texts.
        if parts.len() > 3 || (parts.len() > 1 && parts.last().is_some_and(|part| is_text(part))) {
            parts.truncate(3.min(parts.len() - 1));
        }
        let is_silent = parts.iter().all(|part| part.trim().is_empty());
        let is_general = |part: &str| part.trim().eq_ignore_ascii_case("general");
        if is_silent
            || is_text(parts[0])
            || (parts.len() == 1 && parts.iter().all(|p| is_general(p)))
        {
            return Self::General;
        }
        let parts: Vec<(Option<Condition>, Kind)> = parts.into_iter().map(parse).collect();
        let count = parts.len();
        let any = parts.iter().any(|(condition, _)| condition.is_some());
        let sections = parts
            .into_iter()
            .enumerate()
            .map(|(number, (condition, kind))| Section {
                condition: condition.unwrap_or(match (number, count, any) {
                    (0, 2, false) => Condition::NotNegative,
                    (0, 3, false) => Condition::Positive,
                    (1, 2 | 3, false) | (1, 3, true) => Condition::Negative,
                    _ => Condition::Otherwise,
                }),
                kind,
            });
        Self::Sections(sections.collect())
    }

    /// The number as it is shown. `from_1904` says which day is day 0.
    pub fn text(&self, number: f64, from_1904: bool) -> String {
        let Self::Sections(sections) = self else {
            return general(number);
        };
        let section = sections
            .iter()
            .find(|section| section.condition.holds(number));
        match section {
            Some(Section {
                condition,
                kind: Kind::Number(shown),
            }) => {
                let has_sign = number < 0.0 && !condition.is_only_negative();
                let text = shown.text(number.abs());
                match has_sign {
                    true => format!("-{}", text.trim()),
                    false => text.trim().to_owned(),
                }
            }
            Some(Section {
                kind: Kind::Moment(parts),
                ..
            }) => moment::text(parts, number, from_1904).unwrap_or_else(|| general(number)),
            None => general(number),
        }
    }
}

impl Condition {
    fn holds(self, number: f64) -> bool {
        match self {
            Self::Otherwise => true,
            Self::Positive => number > 0.0,
            Self::Negative => number < 0.0,
            Self::NotNegative => number >= 0.0,
            Self::Compared(comparison, bound) => match comparison {
                Comparison::Less => number < bound,
                Comparison::AtMost => number <= bound,
                Comparison::Equal => number == bound,
                Comparison::Unequal => number != bound,
                Comparison::AtLeast => number >= bound,
                Comparison::More => number > bound,
            },
        }
    }

    fn is_only_negative(self) -> bool {
        match self {
            Self::Negative => true,
            Self::Compared(Comparison::Less, bound) => bound <= 0.0,
            Self::Compared(Comparison::AtMost | Comparison::Equal, bound) => bound < 0.0,
            _ => false,
        }
    }

    /// What stands in brackets, if it compares.
    fn parse(inside: &str) -> Option<Self> {
        const SIGNS: [(&str, Comparison); 6] = [
            ("<=", Comparison::AtMost),
            (">=", Comparison::AtLeast),
            ("<>", Comparison::Unequal),
            ("<", Comparison::Less),
            (">", Comparison::More),
            ("=", Comparison::Equal),
        ];
        SIGNS.into_iter().find_map(|(sign, comparison)| {
            let bound = inside.strip_prefix(sign)?.trim().parse().ok()?;
            Some(Self::Compared(comparison, bound))
        })
    }
}

/// Whether a part shows texts.
fn is_text(section: &str) -> bool {
    let mut quoted = false;
    section.chars().any(|c| {
        quoted ^= c == '"';
        c == '@' && !quoted
    })
}

/// The parts between the semicolons that stand for themselves.
fn sections(code: &str) -> Vec<&str> {
    let (mut quoted, mut escaped) = (false, false);
    code.split(|c: char| {
        if std::mem::take(&mut escaped) {
            return false;
        }
        quoted ^= c == '"';
        escaped = c == '\\' && !quoted;
        c == ';' && !quoted
    })
    .take(MAX_SECTIONS)
    .collect()
}

/// Reads one part.
fn parse(section: &str) -> (Option<Condition>, Kind) {
    let mut number = Number::default();
    let mut parts = Vec::new();
    let mut condition = None;
    let mut is_moment = false;
    let mut chars = section.chars().peekable();
    while let Some(character) = chars.next() {
        let mut literal = String::new();
        match character {
            '"' => literal.extend(chars.by_ref().take_while(|c| *c != '"')),
            '\\' | '!' => literal.extend(chars.next()),
            '_' | '*' => {
                chars.next();
            }
            '[' => {
                let inside: String = chars.by_ref().take_while(|c| *c != ']').collect();
                if let Some(currency) = inside.strip_prefix('$') {
                    literal.push_str(currency.split('-').next().unwrap_or_default());
                } else if let Some(part) = Part::elapsed(&inside) {
                    is_moment = true;
                    parts.push(part);
                } else {
                    condition = condition.or_else(|| Condition::parse(&inside));
                }
            }
            '0' | '#' | '?' if is_moment => {}
            '0' | '#' | '?' => number.digit(character),
            '1'..='9' if !is_moment && number.is_fraction() => number.denominator(character),
            ',' if number.has_digits() => {
                number.comma(matches!(chars.peek(), Some('0' | '#' | '?')))
            }
            '.' if !is_moment => number.point(),
            '.' if matches!(chars.peek(), Some('0')) => {
                let mut length = 0;
                while chars.next_if_eq(&'0').is_some() {
                    length += 1;
                }
                parts.push(Part::Fraction(length));
                continue;
            }
            '/' if !is_moment && number.has_digits() => number.slash(),
            '%' => number.percent(),
            'E' | 'e' if number.has_digits() && matches!(chars.peek(), Some('+' | '-')) => {
                let has_plus = chars.next() == Some('+');
                let mut length = 0;
                while chars.next_if(|c| "0#?".contains(*c)).is_some() {
                    length += 1;
                }
                number.exponent(has_plus, length);
            }
            'G' | 'g' if starts_general(&chars) => {
                chars.by_ref().take(6).for_each(drop);
                number.general();
            }
            'A' | 'a' if matches!(chars.peek(), Some('M' | 'm' | '/')) => {
                while chars.next_if(|c| "MmPp/".contains(*c)).is_some() {}
                parts.push(Part::HalfDay);
            }
            'y' | 'Y' | 'm' | 'M' | 'd' | 'D' | 'h' | 'H' | 's' | 'S' => {
                let letter = character.to_ascii_lowercase();
                let mut length = 1;
                while chars.next_if(|c| c.eq_ignore_ascii_case(&letter)).is_some() {
                    length += 1;
                }
                is_moment = true;
                parts.push(Part::new(letter, length, &parts));
            }
            '@' => {}
            other => literal.push(other),
        }
        if !literal.is_empty() {
            number.literal(&literal);
            parts.push(Part::Literal(literal));
        }
    }
    match is_moment {
        true => (condition, Kind::Moment(parts)),
        false => (condition, Kind::Number(number)),
    }
}

fn starts_general(rest: &std::iter::Peekable<std::str::Chars<'_>>) -> bool {
    let rest: String = rest.clone().take(6).collect();
    rest.eq_ignore_ascii_case("eneral")
}

/// Without a format: as many digits as matter.
fn general(number: f64) -> String {
    let size = number.abs();
    if !number.is_finite() {
        return String::new();
    }
    if size == 0.0 {
        return "0".to_owned();
    }
    if !(1e-4..1e15).contains(&size) {
        return scientific(&format!("{number:E}"), 2);
    }
    // Fifteen digits are exact.
    let whole = size.log10().floor() as i32 + 1;
    let decimals = usize::try_from(15 - whole).unwrap_or(0);
    let text = format!("{number:.decimals$}");
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

/// With a sign and so many digits at least for the power of ten.
fn scientific(text: &str, least: usize) -> String {
    let (digits, power) = text.split_once('E').unwrap_or((text, "0"));
    let (sign, power) = match power.strip_prefix('-') {
        Some(power) => ('-', power),
        None => ('+', power),
    };
    format!("{digits}E{sign}{power:0>least$}")
}

#[cfg(test)]
mod tests {
    use super::{Shown, built_in};

    fn shown(code: &str, number: f64) -> String {
        Shown::from_code(code).text(number, false)
    }

    #[test]
    fn numbers_as_shown() {
        assert_eq!(shown("General", 1234.5), "1234.5");
        assert_eq!(shown("General", -0.1 - 0.2), "-0.3");
        assert_eq!(shown("General", 1.5e-7), "1.5E-07");
        assert_eq!(shown("General", 99_999.0), "99999");
        assert_eq!(shown("General", std::f64::consts::PI), "3.14159265358979");
        assert_eq!(shown("#,##0.00", 1_234_567.891), "1,234,567.89");
        assert_eq!(shown("0.0%", 0.1234), "12.3%");
        assert_eq!(shown("[$€-407] #,##0;[Red]-#,##0", -1234.0), "-1,234");
        assert_eq!(shown("[$€-407] #,##0", -1234.0), "-€ 1,234");
        assert_eq!(shown("0.00E+00", 12345.0), "1.23E+04");
        assert_eq!(shown("0.0E+0", 12345.0), "1.2E+4");
        assert_eq!(shown("0.0,,\" M\"", 12_300_000.0), "12.3 M");
        assert_eq!(shown("0;\"a;b\"", 5.0), "5");
        assert_eq!(shown("0.00", 1.005), "1.01");
        assert_eq!(built_in(9).text(0.5, false), "50%");
        assert_eq!(shown("00000", 1234.0), "01234");
        assert_eq!(shown("000\\-00\\-0000", 12_345_678.0), "012-34-5678");
        assert_eq!(shown("(###) ###-####", 5_551_234_567.0), "(555) 123-4567");
        assert_eq!(shown("0,000", 5.0), "0,005");
        assert_eq!(shown("0.0##", 1.5), "1.5");
        assert_eq!(shown(".00", 0.5), ".50");
        assert_eq!(shown("##0.0E+0", 12345.0), "12.3E+3");
        assert_eq!(shown("0E-0", 0.05), "5E-2");
        assert_eq!(shown("General\" kg\"", 1.5), "1.5 kg");
        assert_eq!(built_in(49).text(42.0, false), "42");
    }

    #[test]
    fn fractions_as_shown() {
        assert_eq!(shown("# ?/?", 1.5), "1 1/2");
        assert_eq!(shown("# ?/?", -0.25), "-1/4");
        assert_eq!(shown("# ?/?", 3.0), "3");
        assert_eq!(shown("# ?/?", 0.99), "1");
        assert_eq!(shown("?/?", 1.5), "3/2");
        assert_eq!(shown("# ??/??", std::f64::consts::PI), "3 1/7");
        assert_eq!(shown("# ?/8", 2.5), "2 4/8");
        assert_eq!(shown("# ??/16\" in\"", 0.5), "8/16 in");
    }

    #[test]
    fn sections_are_for_numbers_of_different_size() {
        let code = "#,##0_);\\(#,##0\\)";
        assert_eq!(shown(code, 1234.0), "1,234");
        assert_eq!(shown(code, -1234.0), "(1,234)");
        let code = "0.00;-0.00;\"none\";@";
        assert_eq!(
            (shown(code, 0.0), shown(code, -1.0)),
            ("none".into(), "-1.00".into())
        );
        assert_eq!(shown("0;-0;;@", 0.0), "");
        let code = "[<1000]0;[<1000000]0.0,\"k\";0.0,,\"M\"";
        assert_eq!(
            (shown(code, 7.0), shown(code, 1500.0)),
            ("7".into(), "1.5k".into())
        );
        assert_eq!(shown(code, 2_500_000.0), "2.5M");
        assert_eq!(shown("[=1]\"yes\";[=0]\"no\";0", 0.0), "no");
        assert_eq!(shown("[Red][<0]0\" loss\";0", -5.0), "5 loss");
        assert_eq!(shown("[>100]0\" many\";0", -5.0), "-5");
        assert_eq!(built_in(44).text(-1234.5, false), "(1,234.50)");
        assert_eq!(built_in(44).text(0.0, false), "-");
        assert_eq!(shown("yyyy-mm-dd;@", 44_000.0), "2020-06-18");
        // What is hidden can be found.
        assert_eq!(shown(";;;", 5.0), "5");
    }

    #[test]
    fn moments_as_shown() {
        assert_eq!(shown("yyyy-mm-dd", 44_000.0), "2020-06-18");
        assert_eq!(
            shown("d mmmm yyyy hh:mm:ss", 44_000.75),
            "18 June 2020 18:00:00"
        );
        assert_eq!(shown("dddd, d-mmm-yy", 44_000.0), "Thursday, 18-Jun-20");
        assert_eq!(shown("h:mm AM/PM", 0.604_166_67), "2:30 PM");
        assert_eq!(shown("[h]:mm", 1.5), "36:00");
        assert_eq!(
            shown("hh:mm:ss.000", 0.25 + 1.009 / 86_400.0),
            "06:00:01.009"
        );
        assert_eq!(built_in(47).text(0.5 + 59.96 / 86_400.0, false), "01:00.0");
        assert_eq!(Shown::from_code("yyyy").text(0.0, true), "1904");
        assert_eq!(shown("yyyy-mm-dd", 1e12), "1000000000000");
    }

    #[test]
    fn any_code_is_read() {
        for code in [
            "",
            ";",
            "\"",
            "\\",
            "[",
            "[$",
            "_",
            "*",
            "0,",
            ".",
            "E+",
            "AM/PM",
            "[hhh",
            "%%%",
            "y;m",
            "0/0",
            "/",
            "?/?/?",
            "0/99999999",
            "[<",
            "[<x]0",
            "0E+",
            "E+0",
            "General General",
            "#/#.0E+0",
        ] {
            shown(code, -1.5);
            shown(code, f64::NAN);
            shown(code, f64::MAX);
        }
    }
}
