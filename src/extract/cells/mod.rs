//! Numbers as spreadsheets show them: by a format code (ISO/IEC 29500-1, 18.8.31), which the older
//! binary workbooks share.

mod moment;

use moment::Part;

/// How a cell shows its number.
#[derive(Clone, Debug, PartialEq)]
pub enum Shown {
    General,
    Number(Digits),
    Moment(Vec<Part>),
}

/// A number between the characters around it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Digits {
    before: String,
    after: String,
    whole: usize,
    decimals: usize,
    thousands: bool,
    percent: bool,
    /// Digits at least of the power of ten; none without one.
    exponent: Option<usize>,
    /// How often it is divided by a thousand.
    scaled: i32,
}

/// What a format that is named by number alone looks like (18.8.30).
pub fn built_in(number: u32) -> Shown {
    const LONG_DATE: &str = "yyyy-mm-dd";
    let code = match number {
        1 => "0",
        2 => "0.00",
        3 | 37 | 38 => "#,##0",
        4 | 39 | 40 => "#,##0.00",
        5 | 6 => "$#,##0",
        7 | 8 => "$#,##0.00",
        9 => "0%",
        10 => "0.00%",
        11 => "0.00E+00",
        41 | 42 => "#,##0",
        43 | 44 => "#,##0.00",
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
        let section = first_section(code);
        let mut digits = Digits::default();
        let mut parts = Vec::new();
        let mut is_moment = false;
        let mut has_digits = false;
        let mut in_decimals = false;
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
                    }
                }
                '0' | '#' | '?' if is_moment => {}
                '0' | '#' | '?' => {
                    has_digits = true;
                    digits.scaled = 0;
                    match in_decimals {
                        true => digits.decimals += 1,
                        false => digits.whole += usize::from(character == '0'),
                    }
                }
                ',' if has_digits => {
                    digits.thousands |= matches!(chars.peek(), Some('0' | '#' | '?'));
                    digits.scaled += 1;
                }
                '.' if !is_moment => in_decimals = true,
                '.' if matches!(chars.peek(), Some('0')) => {
                    let mut length = 0;
                    while chars.next_if_eq(&'0').is_some() {
                        length += 1;
                    }
                    parts.push(Part::Fraction(length));
                    continue;
                }
                '%' => {
                    digits.percent = true;
                    literal.push('%');
                }
                'E' | 'e' if has_digits && matches!(chars.peek(), Some('+' | '-')) => {
                    let power = chars.by_ref().skip(1).take_while(|c| *c == '0');
                    digits.exponent = Some(power.count().clamp(1, 15));
                    break;
                }
                'G' | 'g' if section.eq_ignore_ascii_case("general") => return Self::General,
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
            if literal.is_empty() {
                continue;
            }
            match has_digits {
                true => digits.after.push_str(&literal),
                false => digits.before.push_str(&literal),
            }
            parts.push(Part::Literal(literal));
        }
        if is_moment {
            Self::Moment(parts)
        } else if has_digits {
            // Commas behind all digits scale; those between them only group.
            digits.scaled *= i32::from(!digits.thousands);
            Self::Number(digits)
        } else {
            Self::General
        }
    }

    /// The number as it is shown. `from_1904` says which day is day 0.
    pub fn text(&self, number: f64, from_1904: bool) -> String {
        match self {
            Self::General => general(number),
            Self::Number(digits) => digits.text(number),
            Self::Moment(parts) => {
                moment::text(parts, number, from_1904).unwrap_or_else(|| general(number))
            }
        }
    }
}

/// The part for positive numbers, up to the first semicolon that stands for itself.
fn first_section(code: &str) -> &str {
    let (mut quoted, mut escaped) = (false, false);
    let end = code.find(|c: char| {
        if std::mem::take(&mut escaped) {
            return false;
        }
        quoted ^= c == '"';
        escaped = c == '\\' && !quoted;
        c == ';' && !quoted
    });
    &code[..end.unwrap_or(code.len())]
}

impl Digits {
    fn text(&self, number: f64) -> String {
        let mut value = number.abs() / 1000f64.powi(self.scaled);
        if self.percent {
            value *= 100.0;
        }
        // More decimals than a number has would be noise, and its text without bound.
        let decimals = self.decimals.min(15);
        let digits = match self.exponent {
            Some(power) => scientific(&format!("{value:.decimals$E}"), power),
            None if value >= 1e21 => general(value),
            None => rounded(value, decimals),
        };
        let digits = match self.thousands {
            true => grouped(&digits),
            false => digits,
        };
        let minus = if number < 0.0 { "-" } else { "" };
        format!("{minus}{}{digits}{}", self.before, self.after)
    }
}

/// Half a unit goes away from zero, as people round, also where binary fractions fall short of it.
fn rounded(value: f64, decimals: usize) -> String {
    let nudged = match decimals {
        0..=4 => value * (1.0 + 4.0 * f64::EPSILON),
        _ => value,
    };
    format!("{nudged:.decimals$}")
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

fn grouped(digits: &str) -> String {
    let whole = digits.find('.').unwrap_or(digits.len());
    let mut out = String::with_capacity(digits.len() + whole / 3);
    for (at, digit) in digits.char_indices() {
        if at > 0 && at < whole && (whole - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
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
        assert_eq!(shown("[$€-407] #,##0;[Red]-#,##0", -1234.0), "-€ 1,234");
        assert_eq!(shown("0.00E+00", 12345.0), "1.23E+04");
        assert_eq!(shown("0.0E+0", 12345.0), "1.2E+4");
        assert_eq!(shown("0.0,,\" M\"", 12_300_000.0), "12.3 M");
        assert_eq!(shown("0;\"a;b\"", 5.0), "5");
        assert_eq!(shown("0.00", 1.005), "1.01");
        assert_eq!(built_in(9).text(0.5, false), "50%");
        assert_eq!(built_in(49).text(42.0, false), "42");
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
            "", ";", "\"", "\\", "[", "[$", "_", "*", "0,", ".", "E+", "AM/PM", "[hhh", "%%%",
            "y;m",
        ] {
            shown(code, -1.5);
            shown(code, f64::NAN);
            shown(code, f64::MAX);
        }
    }
}
