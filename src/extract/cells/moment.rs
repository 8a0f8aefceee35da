//! Dates and times, which spreadsheets keep as numbers of days.

use jiff::Span;
use jiff::civil::{Date, date};

/// A day is kept to no finer a fraction than this.
const MOST_DIGITS: usize = 3;

/// A piece of a date's format.
#[derive(Clone, Debug, PartialEq)]
pub enum Part {
    Literal(String),
    Year(usize),
    Month(usize),
    Day(usize),
    Hour(usize),
    Minute(usize),
    Second(usize),
    /// So many digits of a second, behind their point.
    Fraction(usize),
    /// Which half of the day; hours are then counted to twelve.
    HalfDay,
    /// All hours, minutes or seconds, not only those of a day.
    Elapsed(char),
}

impl Part {
    /// `m` behind hours is minutes, else months.
    pub fn new(letter: char, length: usize, before: &[Self]) -> Self {
        let last = before
            .iter()
            .rev()
            .find(|part| !matches!(part, Self::Literal(_)));
        match letter {
            'y' => Self::Year(length),
            'm' if matches!(last, Some(Self::Hour(_) | Self::Elapsed('h'))) => Self::Minute(length),
            'm' => Self::Month(length),
            'd' => Self::Day(length),
            'h' => Self::Hour(length),
            _ => Self::Second(length),
        }
    }

    /// What stands in brackets, if it is a count of time.
    pub fn elapsed(inside: &str) -> Option<Self> {
        let letter = inside.chars().next()?.to_ascii_lowercase();
        let same = inside.chars().all(|c| c.eq_ignore_ascii_case(&letter));
        (same && "hms".contains(letter)).then_some(Self::Elapsed(letter))
    }
}

/// A number of days as the parts say; nothing where there is no such day.
pub fn text(parts: &[Part], days: f64, from_1904: bool) -> Option<String> {
    if !(0.0..=2_958_466.0).contains(&days) {
        return None;
    }
    let digits = parts.iter().find_map(|part| match part {
        Part::Fraction(digits) => Some((*digits).min(MOST_DIGITS)),
        _ => None,
    });
    let digits = digits.unwrap_or(0);
    let unit = 10_i64.pow(digits as u32);
    let ticks = (days * 86_400.0 * unit as f64).round() as i64;
    let (seconds, fraction) = (ticks / unit, ticks % unit);
    let (day, second) = (seconds / 86_400, seconds % 86_400);
    let date = day_of(day, from_1904)?;
    let (hour, minute) = (second / 3_600, second / 60 % 60);
    let halves = parts.contains(&Part::HalfDay);
    let mut out = String::new();
    for (at, part) in parts.iter().enumerate() {
        let minutes = matches!(part, Part::Month(1 | 2)) && is_before_seconds(&parts[at + 1..]);
        let piece = match part {
            Part::Literal(text) => text.clone(),
            Part::Year(1 | 2) => format!("{:02}", date.year() % 100),
            Part::Year(_) => format!("{:04}", date.year()),
            Part::Month(length) if minutes => padded(minute, *length),
            Part::Month(3) => date.strftime("%b").to_string(),
            Part::Month(4) => date.strftime("%B").to_string(),
            Part::Month(length) => padded(date.month().into(), *length),
            Part::Day(3) => date.strftime("%a").to_string(),
            Part::Day(4..) => date.strftime("%A").to_string(),
            Part::Day(length) => padded(date.day().into(), *length),
            Part::Hour(length) if halves => padded((hour + 11) % 12 + 1, *length),
            Part::Hour(length) => padded(hour, *length),
            Part::Minute(length) => padded(minute, *length),
            Part::Second(length) => padded(second % 60, *length),
            Part::Fraction(_) => format!(".{fraction:0digits$}"),
            Part::HalfDay => if hour < 12 { "AM" } else { "PM" }.to_owned(),
            Part::Elapsed('h') => (seconds / 3_600).to_string(),
            Part::Elapsed('m') => (seconds / 60).to_string(),
            Part::Elapsed(_) => seconds.to_string(),
        };
        out.push_str(&piece);
    }
    Some(out)
}

fn is_before_seconds(after: &[Part]) -> bool {
    let next = after.iter().find(|part| !matches!(part, Part::Literal(_)));
    matches!(next, Some(Part::Second(_)))
}

fn padded(number: i64, length: usize) -> String {
    match length {
        1 => number.to_string(),
        _ => format!("{number:02}"),
    }
}

/// Day 60 of the older count is 29 February 1900, which never was.
fn day_of(day: i64, from_1904: bool) -> Option<Date> {
    let first = match from_1904 {
        true => date(1904, 1, 1),
        false if day < 60 => date(1899, 12, 31),
        false => date(1899, 12, 30),
    };
    first.checked_add(Span::new().try_days(day).ok()?).ok()
}
