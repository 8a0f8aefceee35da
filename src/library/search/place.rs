//! Where a match stands among the others, and how a page goes on behind the last one.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use tantivy::query::{EnableScoring, Query, TermQuery};
use tantivy::schema::IndexRecordOption;
use tantivy::{DocSet, Score, Searcher, TERMINATED, Term};

use crate::error::{Error, Result};
use crate::library::{FileId, Millis};

use super::fields::{Fields, MODIFIED};

/// A place is greater than another if it is the better one: by score, then the newer, then the one
/// with the lower id, so that equal searches give equal pages.
///
/// Written as `<score>:<modified>:<id>`, the score as the bits of an IEEE 754 single in
/// hexadecimal, so that it survives the way to the client and back; opaque to clients.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    pub score: Score,
    pub modified: Millis,
    pub id: FileId,
}

impl Place {
    /// Whether this comes on the pages that follow `last`. Never true of `last` itself, however
    /// its score was rounded.
    pub fn is_behind(&self, last: &Self) -> bool {
        self.id != last.id && self < last
    }

    /// Where the file of this place stands now. Each change of the index moves all scores a
    /// little; the next page has to begin behind the file that ended the last one, not behind
    /// the score it had. Of a file that is no match any more the old place is the best guess.
    pub fn now(
        self,
        searcher: &Searcher,
        fields: &Fields,
        query: &dyn Query,
    ) -> tantivy::Result<Self> {
        let weight = query.weight(EnableScoring::enabled_from_searcher(searcher))?;
        let term = Term::from_field_i64(fields.id, self.id);
        let is_file = TermQuery::new(term, IndexRecordOption::Basic);
        let is_file = is_file.weight(EnableScoring::disabled_from_searcher(searcher))?;
        for segment in searcher.segment_readers() {
            let mut file = is_file.scorer(segment, 1.0)?;
            while file.doc() != TERMINATED && segment.is_deleted(file.doc()) {
                file.advance();
            }
            if file.doc() == TERMINATED {
                continue;
            }
            let mut matching = weight.scorer(segment, 1.0)?;
            if matching.doc() <= file.doc() && matching.seek(file.doc()) == file.doc() {
                let times = segment.fast_fields().i64(MODIFIED)?;
                return Ok(Self {
                    score: matching.score(),
                    modified: times.first(file.doc()).unwrap_or_default(),
                    id: self.id,
                });
            }
        }
        Ok(self)
    }
}

impl Ord for Place {
    fn cmp(&self, other: &Self) -> Ordering {
        self.score
            .total_cmp(&other.score)
            .then(self.modified.cmp(&other.modified))
            .then(other.id.cmp(&self.id))
    }
}

impl PartialOrd for Place {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Place {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Place {}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:x}:{}:{}",
            self.score.to_bits(),
            self.modified,
            self.id
        )
    }
}

impl FromStr for Place {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let parsed = || {
            let (score, rest) = text.split_once(':')?;
            let (modified, id) = rest.split_once(':')?;
            let score = Score::from_bits(u32::from_str_radix(score, 16).ok()?);
            // A score is never more than that, and nothing could follow what is none.
            let score = Some(score).filter(|score| score.is_finite())?;
            Some(Self {
                score,
                modified: modified.parse().ok()?,
                id: id.parse().ok()?,
            })
        };
        parsed().ok_or_else(|| {
            Error::invalid(
                "The cursor is not one that this server gave; begin again without a cursor.",
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_survives_being_written() {
        for score in [0.0, -0.0, 0.1, f32::MIN_POSITIVE, 1e30] {
            let place = Place {
                score,
                modified: -5,
                id: 7,
            };
            assert_eq!(place.to_string().parse::<Place>().unwrap(), place);
        }
        for bad in [
            "",
            "20",
            "0:0",
            "0:0:",
            "g:0:0",
            "0:0:0:0",
            "1ffffffff:0:0",
            "ffc00000:0:0",
        ] {
            assert!(bad.parse::<Place>().is_err(), "{bad}");
        }
    }
}
