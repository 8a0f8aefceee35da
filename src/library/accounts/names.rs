//! Names of accounts that nobody can mistake for another's, by Unicode's UTS 39.

use std::sync::LazyLock;

use icu_properties::CodePointMapData;
use icu_properties::props::GeneralCategory;
use rusqlite::{Connection, OptionalExtension};
use unicode_normalization::UnicodeNormalization;
use unicode_security::{
    GeneralSecurityProfile, RestrictionLevel, RestrictionLevelDetection, skeleton,
};

use crate::error::{Error, Result};
use crate::library::text::fold;
use crate::library::viewer::LINK_OF;

/// Longest name, in bytes of UTF-8.
const MAX_NAME_BYTES: usize = 64;
/// Most accents upon accents; Vietnamese has two on one letter.
const MAX_STACKED: usize = 8;
/// Names that stand for others in the event log, folded.
const RESERVED: [&str; 5] = ["anyone", "nobody", "wharfside", "somebody", "everybody"];
/// What looks like these is refused, and they themselves are not.
const IMITATED: [&str; 1] = ["owner"];

static RESERVED_SKELETONS: LazyLock<Vec<String>> =
    LazyLock::new(|| RESERVED.iter().map(|name| looks(name)).collect());
static LINK_SKELETON: LazyLock<String> = LazyLock::new(|| looks(LINK_OF));

/// A name as it is stored.
///
/// # Errors
/// [`Kind::Invalid`](crate::error::Kind::Invalid) for what cannot be the name of a new account.
pub(super) fn checked(name: &str) -> Result<String> {
    let parts = name.split(' ').filter(|part| !part.is_empty());
    // Browsers show several blanks as one.
    let name: String = parts.collect::<Vec<_>>().join(" ").nfc().collect();
    if name.is_empty() {
        return Err(Error::invalid("An account needs a name."));
    }
    let is_odd = |c: char| c.is_control() || "/\\:,@<>\"".contains(c);
    if name.len() > MAX_NAME_BYTES || name.chars().any(is_odd) || name.starts_with('.') {
        return Err(Error::invalid(format!(
            "{name:?} cannot be the name of an account; use up to {MAX_NAME_BYTES} bytes of letters, \
             digits, blanks, dots and dashes."
        )));
    }
    let is_allowed = |c: &char| c.is_ascii() || GeneralSecurityProfile::identifier_allowed(*c);
    if let Some(c) = name.chars().find(|c| !is_allowed(c)) {
        return Err(Error::invalid(format!(
            "{name:?} has a character that names of accounts cannot have, because it is invisible, out of \
             use or easily taken for another: U+{:04X}. Use ordinary letters.",
            u32::from(c)
        )));
    }
    refuse_marks(&name)?;
    refuse_mixed_scripts(&name)?;
    refuse_reserved(&name)?;
    Ok(name)
}

/// A mark is drawn onto what stands before it, and a second of the same kind onto the first (UTS 39, 5.4).
fn refuse_marks(name: &str) -> Result<()> {
    let is_mark = |c: char| {
        let category = CodePointMapData::<GeneralCategory>::new().get(c);
        matches!(
            category,
            GeneralCategory::NonspacingMark | GeneralCategory::EnclosingMark
        )
    };
    let decomposed: Vec<char> = name.nfd().collect();
    let mut marks = decomposed.windows(2).filter(|pair| is_mark(pair[1]));
    let is_odd = name.chars().next().is_some_and(is_mark)
        || marks.clone().any(|pair| pair[0] == pair[1])
        || marks.by_ref().filter(|pair| is_mark(pair[0])).count() > MAX_STACKED;
    match is_odd {
        false => Ok(()),
        true => Err(Error::invalid(format!(
            "{name:?} has accents on nothing, or one on another; write it with ordinary letters."
        ))),
    }
}

/// One script, or Latin beside Chinese, Japanese or Korean: what UTS 39 calls highly restrictive.
fn refuse_mixed_scripts(name: &str) -> Result<()> {
    let is_letter = |c: &char| !c.is_ascii() || c.is_ascii_alphabetic();
    let letters: String = name.chars().filter(is_letter).collect();
    match letters.check_restriction_level(RestrictionLevel::HighlyRestrictive) {
        true => Ok(()),
        false => Err(Error::invalid(format!(
            "{name:?} mixes letters of several alphabets, which look alike; write it in one."
        ))),
    }
}

fn refuse_reserved(name: &str) -> Result<()> {
    let (folded, looks) = (fold(name), looks(name));
    let imitates = |known: &&str| folded != **known && looks == self::looks(known);
    let stands_for_others = RESERVED.contains(&folded.as_str())
        || RESERVED_SKELETONS.contains(&looks)
        || folded.starts_with(LINK_OF)
        || looks.starts_with(&*LINK_SKELETON)
        || IMITATED.iter().any(imitates);
    match stands_for_others {
        false => Ok(()),
        true => Err(Error::invalid(format!(
            "{name:?} is, or looks like, a name that stands for others in the history; choose another name."
        ))),
    }
}

/// What a name looks like, case apart: the same for names that cannot be told from each other.
pub(super) fn looks(name: &str) -> String {
    fold(&skeleton(name).collect::<String>())
}

/// Refuses a new name that looks like an account's.
///
/// # Errors
/// [`Kind::Conflict`](crate::error::Kind::Conflict) naming the account.
pub(super) fn refuse_look_alike(c: &Connection, name: &str) -> Result<()> {
    fill_in(c)?;
    let sql = "SELECT name FROM account WHERE skeleton = ?1 AND sort_name <> ?2 LIMIT 1";
    let other: Option<String> = c
        .prepare_cached(sql)?
        .query_row((looks(name), fold(name)), |row| row.get(0))
        .optional()?;
    match other {
        None => Ok(()),
        Some(other) => Err(Error::conflict(format!(
            "{name:?} looks like the account {other:?}; choose a name that can be told from it."
        ))),
    }
}

/// A release that does not know what names look like has added some without it.
fn fill_in(c: &Connection) -> Result<()> {
    let mut statement = c.prepare_cached("SELECT id, name FROM account WHERE skeleton IS NULL")?;
    let missing = statement.query_map((), |row| Ok((row.get(0)?, row.get(1)?)))?;
    let missing = missing.collect::<rusqlite::Result<Vec<(i64, String)>>>()?;
    let mut fill = c.prepare_cached("UPDATE account SET skeleton = ?2 WHERE id = ?1")?;
    for (id, name) in missing {
        fill.execute((id, looks(&name)))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_names_of_any_script_are_taken() {
        for name in [
            "Ada",
            "ada.lovelace-1815",
            "Ada Lovelace",
            "O'Neill",
            "Łukasz Żółć",
            "Мария",
            "Αλέξης",
            "محمد",
            "田中さん",
            "김철수",
            "Tanaka 田中",
            "owner",
            "Owner",
        ] {
            assert_eq!(checked(name).unwrap(), name);
        }
        assert_eq!(checked("  Ada   Lovelace ").unwrap(), "Ada Lovelace");
    }

    #[test]
    fn names_that_look_like_others_are_refused() {
        for (name, word) in [
            ("\u{200b}", "invisible"),
            ("Ad\u{200d}a", "invisible"),
            ("Ada\u{fe0f}", "invisible"),
            ("Ada\u{a0}L", "invisible"),
            ("\u{3164}", "invisible"),
            ("A\u{202e}da", "invisible"),
            ("𝐀𝐝𝐚", "out of"),
            ("ﬁona", "out of"),
            ("Аda", "alphabets"),
            ("Αda", "alphabets"),
            ("Ad\u{430}", "alphabets"),
            ("anyone", "stands for"),
            ("Any0ne", "stands for"),
            ("wharfslde", "wharfslde"),
            ("0wner", "stands for"),
            ("1ink of Ada", "stands for"),
            ("Link 0f Ada", "stands for"),
        ] {
            match checked(name) {
                Err(error) => assert!(error.sentence().contains(word), "{name:?}: {error}"),
                Ok(_) => assert_eq!(name, word, "{name:?} was taken"),
            }
        }
    }

    #[test]
    fn what_cannot_be_told_apart_looks_the_same() {
        for (one, other) in [
            ("ace", "асе"),
            ("ACE", "асе"),
            ("modern", "modem"),
            ("paul", "pau1"),
            ("ola", "0la"),
            ("scope", "ѕсоре"),
        ] {
            assert_eq!(looks(one), looks(other), "{one:?} and {other:?}");
        }
        for (one, other) in [("ada", "bob"), ("user1", "user2"), ("ann", "anna")] {
            assert_ne!(looks(one), looks(other), "{one:?} and {other:?}");
        }
    }
}
