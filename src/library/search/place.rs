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
use super::order::Order;

/// A place is greater than another in the same order if it comes first; equal searches give equal
/// pages, because the id decides last.
///
/// Written as `<score>:<modified>:<id>` by relevance, the score as the bits of an IEEE 754 single
/// in hexadecimal, so that it survives the way to the client and back; and as
/// `<order>:<id>:<value>` otherwise. Opaque to clients.
#[derive(Clone, Debug)]
pub struct Place {
    pub order: Order,
    pub key: Key,
    pub id: FileId,
}

/// What an order compares.
#[derive(Clone, Debug)]
pub enum Key {
    Score(Score, Millis),
    /// Milliseconds or bytes.
    Number(i64),
    /// Folded.
    Name(String),
}

impl Place {
    pub fn score(&self) -> Score {
        match self.key {
            Key::Score(score, _) => score,
            Key::Number(_) | Key::Name(_) => 0.0,
        }
    }

    /// Where the file of this place stands now. Each change of the index moves all scores a
    /// little; the next page has to begin behind the file that ended the last one, not behind
    /// the score it had. Of a file that is no match any more the old place is the best guess, and
    /// in the other orders what others do moves nothing.
    pub fn now(
        self,
        searcher: &Searcher,
        fields: &Fields,
        query: &dyn Query,
    ) -> tantivy::Result<Self> {
        if self.order != Order::Relevance {
            return Ok(self);
        }
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
                let modified = times.first(file.doc()).unwrap_or_default();
                return Ok(Self {
                    key: Key::Score(matching.score(), modified),
                    ..self
                });
            }
        }
        Ok(self)
    }
}

impl Ord for Place {
    fn cmp(&self, other: &Self) -> Ordering {
        let by_key = match (&self.key, &other.key) {
            (Key::Score(a, newer), Key::Score(b, older)) => a.total_cmp(b).then(newer.cmp(older)),
            (Key::Number(a), Key::Number(b)) => a.cmp(b),
            (Key::Name(a), Key::Name(b)) => a.cmp(b),
            // Places of different orders are never compared: cursors are checked.
            _ => Ordering::Equal,
        };
        let by_key = match self.order {
            Order::Oldest | Order::Smallest | Order::Name => by_key.reverse(),
            Order::Relevance | Order::Newest | Order::Largest | Order::NameReversed => by_key,
        };
        by_key.then(other.id.cmp(&self.id))
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
        let (order, id) = (self.order.word(), self.id);
        match &self.key {
            Key::Score(score, modified) => write!(f, "{:x}:{modified}:{id}", score.to_bits()),
            Key::Number(value) => write!(f, "{order}:{id}:{value}"),
            Key::Name(value) => write!(f, "{order}:{id}:{value}"),
        }
    }
}

impl FromStr for Place {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let parsed = || {
            let (first, rest) = text.split_once(':')?;
            let (second, third) = rest.split_once(':')?;
            let named = Order::ALL.into_iter().find(|order| order.word() == first);
            let order = named.unwrap_or_default();
            let (key, id) = match order {
                Order::Relevance => {
                    let score = Score::from_bits(u32::from_str_radix(first, 16).ok()?);
                    // A score is never more than that, and nothing could follow what is none.
                    let score = Some(score).filter(|score| score.is_finite())?;
                    (Key::Score(score, second.parse().ok()?), third)
                }
                Order::Name | Order::NameReversed => (Key::Name(third.to_owned()), second),
                _ => (Key::Number(third.parse().ok()?), second),
            };
            let id = id.parse().ok()?;
            Some(Self { order, key, id })
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
        let places = Order::ALL.into_iter().flat_map(|order| {
            let keys = match order {
                Order::Relevance => [0.0, -0.0, 0.1, f32::MIN_POSITIVE, 1e30]
                    .map(|score| Key::Score(score, -5))
                    .to_vec(),
                Order::Name | Order::NameReversed => ["", "a:b: c", "水"]
                    .map(|name| Key::Name(name.into()))
                    .to_vec(),
                _ => [i64::MIN, -1, 0, i64::MAX].map(Key::Number).to_vec(),
            };
            keys.into_iter().map(move |key| Place { order, key, id: 7 })
        });
        for place in places {
            let read: Place = place.to_string().parse().unwrap();
            assert_eq!((read.order, &read), (place.order, &place));
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
            "newest:1:",
            "newest:1:x",
            "name:x:y",
            "relevance:1:1",
        ] {
            assert!(bad.parse::<Place>().is_err(), "{bad}");
        }
    }
}
