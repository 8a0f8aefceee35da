//! Facets: how many matches there are of each type, below each folder, with each tag, of each
//! year and of each size; and what matches are narrowed down to by choosing among them.
//!
//! Each facet is counted as if nothing were chosen in it, so that another of its values can be
//! chosen at once; everything chosen in the others counts.

use std::sync::LazyLock;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::Serialize;
use utoipa::ToSchema;

use super::class::Class;
use crate::error::{Error, Result};
use crate::library::Millis;

/// Most values that are told of folders and tags: those with the most matches.
pub const MOST_VALUES: usize = 12;

/// Among how many matches each value is found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Facets {
    /// By the classes of types, those with the most matches first; `type` of a search takes them.
    pub types: Vec<Count>,
    /// Folders right below the one that is searched, by their whole paths; `folder` takes them.
    pub folders: Vec<Count>,
    /// `tag` takes them.
    pub tags: Vec<Count>,
    /// Of the time when the file was stored (UTC), newest first; `year` takes them.
    pub years: Vec<Count>,
    /// From small to large; `size` takes them.
    pub sizes: Vec<Count>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Count {
    pub value: String,
    pub count: u64,
}

/// What matches must be besides what the query says: at most one value of each facet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Narrowing {
    pub class: Option<Class>,
    /// Case and accents do not matter.
    pub tag: Option<String>,
    pub year: Option<u16>,
    pub size: Option<SizeClass>,
}

impl Narrowing {
    /// From the values as facets tell them.
    ///
    /// # Errors
    /// [`Kind::Invalid`](crate::error::Kind::Invalid), naming what was wrong and what would be right.
    pub fn parse(
        class: Option<&str>,
        tag: Option<&str>,
        year: Option<&str>,
        size: Option<&str>,
    ) -> Result<Self> {
        let class = class.map(|word| {
            Class::from_word(word).ok_or_else(|| {
                let known = Class::ALL.map(Class::word).join(", ");
                Error::invalid(format!("{word:?} is no type; the types are {known}."))
            })
        });
        let year = year.map(|word| {
            let number = word.parse().ok().filter(|year| YEARS.contains(year));
            number.ok_or_else(|| {
                let (first, last) = (YEARS.start(), YEARS.end());
                Error::invalid(format!(
                    "{word:?} is no year; a year is a number from {first} to {last}."
                ))
            })
        });
        let size = size.map(|word| {
            SizeClass::from_word(word).ok_or_else(|| {
                let known = SizeClass::ALL.map(SizeClass::word).join(", ");
                Error::invalid(format!("{word:?} is no size; the sizes are {known}."))
            })
        });
        Ok(Self {
            class: class.transpose()?,
            tag: tag.map(str::to_owned),
            year: year.transpose()?,
            size: size.transpose()?,
        })
    }

    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Sizes as people think of them, in decimal units.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ToSchema)]
pub enum SizeClass {
    #[schema(rename = "0-100KB")]
    Tiny,
    #[schema(rename = "100KB-1MB")]
    Small,
    #[schema(rename = "1MB-10MB")]
    Medium,
    #[schema(rename = "10MB-100MB")]
    Large,
    #[schema(rename = "100MB-")]
    Huge,
}

impl SizeClass {
    pub const ALL: [Self; 5] = [
        Self::Tiny,
        Self::Small,
        Self::Medium,
        Self::Large,
        Self::Huge,
    ];

    /// The class of so many bytes.
    pub fn of(bytes: u64) -> Self {
        match bytes {
            ..100_000 => Self::Tiny,
            100_000..1_000_000 => Self::Small,
            1_000_000..10_000_000 => Self::Medium,
            10_000_000..100_000_000 => Self::Large,
            _ => Self::Huge,
        }
    }

    /// As addresses and the API write it: from (inclusive) and to (exclusive).
    pub fn word(self) -> &'static str {
        match self {
            Self::Tiny => "0-100KB",
            Self::Small => "100KB-1MB",
            Self::Medium => "1MB-10MB",
            Self::Large => "10MB-100MB",
            Self::Huge => "100MB-",
        }
    }

    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.word() == word)
    }
}

/// Years that are told apart; a time outside counts as the nearest.
const YEARS: std::ops::RangeInclusive<u16> = 1970..=2200;

/// Where the years begin, in UTC.
static BEGINNINGS: LazyLock<Vec<Millis>> = LazyLock::new(|| {
    let beginning = |year: u16| {
        let day = Date::new(i16::try_from(year).ok()?, 1, 1).ok()?;
        let zoned = day.to_zoned(TimeZone::UTC).ok()?;
        Some(zoned.timestamp().as_millisecond())
    };
    YEARS.filter_map(beginning).collect()
});

/// How many years [`year_index`] tells apart.
pub fn year_count() -> usize {
    BEGINNINGS.len()
}

/// The number of a time's year, counted from the first that is told apart.
pub fn year_index(time: Millis) -> usize {
    let after = BEGINNINGS.partition_point(|&begin| begin <= time);
    after.saturating_sub(1)
}

/// The year of a number.
pub fn year_of(index: usize) -> u16 {
    YEARS
        .start()
        .saturating_add(u16::try_from(index).unwrap_or(u16::MAX))
}

/// The commonest first, of equals in the order of the alphabet; at most so many.
pub fn commonest(mut counts: Vec<Count>, most: usize) -> Vec<Count> {
    counts.sort_unstable_by(|a, b| b.count.cmp(&a.count).then_with(|| a.value.cmp(&b.value)));
    counts.truncate(most);
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_time_has_a_year() {
        let year = |time| year_of(year_index(time));
        assert_eq!(year(0), 1970);
        assert_eq!(year(-1), 1970);
        assert_eq!(year(1_767_225_599_999), 2025);
        assert_eq!(year(1_767_225_600_000), 2026);
        assert_eq!(year(i64::MAX), 2200);
        assert_eq!(year_count(), 231);
    }

    #[test]
    fn values_that_are_none_are_named() {
        let sentence = |narrowing: Result<Narrowing>| narrowing.unwrap_err().sentence().to_owned();
        let class = Narrowing::parse(Some("pdfs"), None, None, None);
        assert!(sentence(class).contains("\"pdfs\" is no type; the types are pdf, document,"));
        for bad in ["", "26", "1969", "x", "99999"] {
            let year = Narrowing::parse(None, None, Some(bad), None);
            assert!(sentence(year).contains("is no year"), "{bad}");
        }
        let size = Narrowing::parse(None, None, None, Some("big"));
        assert!(sentence(size).contains("0-100KB, 100KB-1MB"));
        for class in SizeClass::ALL {
            assert_eq!(SizeClass::from_word(class.word()), Some(class));
        }
        let all = Narrowing::parse(Some("pdf"), Some("Paid"), Some("2026"), Some("100MB-"));
        assert!(!all.unwrap().is_empty());
    }
}
