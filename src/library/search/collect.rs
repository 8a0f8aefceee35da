//! Collecting matches: the best few of them in an order, all of them counted, in one pass and
//! without holding more.
//!
//! Architecture invariant: nothing is counted here that the query has not let through. Whatever
//! bounds what somebody may find (the folder that is searched, who looks) is a clause of the query,
//! and so bounds hits, total and facets alike.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ops::Bound;

use tantivy::collector::{Collector, SegmentCollector};
use tantivy::columnar::{Column, StrColumn};
use tantivy::{DocAddress, DocId, Score, SegmentOrdinal, SegmentReader};

use super::facet::Narrowing;
use super::fields::{ID, MODIFIED, SIZE, SORT_NAME};
use super::order::Order;
use super::place::{Key, Place};
use super::tally::{Tally, TallyOfSegment};
use crate::library::FolderPath;

/// A match; it is greater than another if its place is the better one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Match {
    pub place: Place,
    pub address: DocAddress,
}

/// Keeps the `wanted` best matches behind a place, or of all, and tallies all of them.
pub struct Best<'a> {
    pub order: Order,
    pub wanted: usize,
    /// Of the same order.
    pub after: Option<Place>,
    pub narrowing: &'a Narrowing,
    /// Folders right below this one are counted.
    pub folder: FolderPath,
}

pub struct BestOfSegment {
    order: Order,
    wanted: usize,
    after: Option<Standing>,
    segment: SegmentOrdinal,
    /// Absent in a segment that holds no files.
    columns: Option<Columns>,
    /// The worst of the best on top.
    best: BinaryHeap<Reverse<(Standing, DocId)>>,
    tally: TallyOfSegment,
}

struct Columns {
    ids: Column<i64>,
    times: Column<i64>,
    sizes: Column<u64>,
    names: Option<StrColumn>,
}

/// A place as one segment compares it: numbers, of which the greater come first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Standing {
    first: i64,
    second: i64,
    /// Inverted, because of equals the lower id comes first.
    id: i64,
}

impl Collector for Best<'_> {
    type Fruit = (Tally, Vec<Match>);
    type Child = BestOfSegment;

    fn for_segment(
        &self,
        segment: SegmentOrdinal,
        reader: &SegmentReader,
    ) -> tantivy::Result<BestOfSegment> {
        let columns = Columns::of(reader, self.order)?;
        let after = match (&self.after, &columns) {
            (Some(place), Some(columns)) => Some(Standing::of_place(place, columns)?),
            _ => None,
        };
        Ok(BestOfSegment {
            order: self.order,
            wanted: self.wanted,
            after,
            segment,
            columns,
            best: BinaryHeap::new(),
            tally: TallyOfSegment::of(reader, self.narrowing, &self.folder)?,
        })
    }

    fn requires_scoring(&self) -> bool {
        self.order == Order::Relevance
    }

    fn merge_fruits(
        &self,
        segments: Vec<tantivy::Result<(Tally, Vec<Match>)>>,
    ) -> tantivy::Result<Self::Fruit> {
        let mut tally = Tally::default();
        let mut matches = Vec::new();
        for segment in segments {
            let (counted, best) = segment?;
            tally.add(counted);
            matches.extend(best);
        }
        matches.sort_unstable_by(|a, b| b.cmp(a));
        matches.truncate(self.wanted);
        Ok((tally, matches))
    }
}

impl SegmentCollector for BestOfSegment {
    type Fruit = tantivy::Result<(Tally, Vec<Match>)>;

    fn collect(&mut self, doc: DocId, score: Score) {
        let Some(columns) = &self.columns else {
            return;
        };
        let (time, size) = (
            columns.times.first(doc).unwrap_or_default(),
            columns.sizes.first(doc).unwrap_or_default(),
        );
        if !self.tally.takes(doc, time, size) {
            return;
        }
        let first = match self.order {
            Order::Relevance => ordered(score),
            Order::Newest => time,
            Order::Oldest => !time,
            Order::Largest => bytes(size),
            Order::Smallest => !bytes(size),
            Order::Name => !columns.name_ordinal(doc),
            Order::NameReversed => columns.name_ordinal(doc),
        };
        let full = self.best.len() >= self.wanted;
        let worst = self.best.peek().filter(|_| full);
        // An id is read only for what can still be among the best.
        if full && worst.is_none_or(|Reverse((worst, _))| first < worst.first) {
            return;
        }
        let Some(id) = columns.ids.first(doc) else {
            return;
        };
        let standing = Standing {
            first,
            second: if self.order == Order::Relevance {
                time
            } else {
                0
            },
            id: !id,
        };
        // Never again the last one itself, however its score was rounded.
        let is_behind = |after: Standing| after.id != standing.id && standing < after;
        if !self.after.is_none_or(is_behind) {
            return;
        }
        if full {
            if worst.is_none_or(|Reverse((worst, _))| standing < *worst) {
                return;
            }
            self.best.pop();
        }
        self.best.push(Reverse((standing, doc)));
    }

    fn harvest(self) -> Self::Fruit {
        let mut matches = Vec::with_capacity(self.best.len());
        if let Some(columns) = &self.columns {
            for Reverse((standing, doc)) in self.best {
                matches.push(Match {
                    place: standing.place(self.order, columns)?,
                    address: DocAddress::new(self.segment, doc),
                });
            }
        }
        Ok((self.tally.harvest()?, matches))
    }
}

impl Columns {
    fn of(reader: &SegmentReader, order: Order) -> tantivy::Result<Option<Self>> {
        let columns = reader.fast_fields();
        let (Some(ids), Some(times), Some(sizes)) = (
            columns.column_opt(ID)?,
            columns.column_opt(MODIFIED)?,
            columns.column_opt(SIZE)?,
        ) else {
            return Ok(None);
        };
        let names = match order.is_by_name() {
            true => columns.str(SORT_NAME)?,
            false => None,
        };
        Ok(Some(Self {
            ids,
            times,
            sizes,
            names,
        }))
    }

    /// Ordinals of names are in the order of names, within one segment.
    fn name_ordinal(&self, doc: DocId) -> i64 {
        let names = self.names.as_ref();
        let ordinal = names.and_then(|names| names.term_ords(doc).next());
        ordinal.map_or(0, bytes)
    }
}

impl Standing {
    fn of_place(place: &Place, columns: &Columns) -> tantivy::Result<Self> {
        let by_number = |first, second| Self {
            first,
            second,
            id: !place.id,
        };
        Ok(match (&place.key, place.order) {
            (Key::Score(score, modified), _) => by_number(ordered(*score), *modified),
            (Key::Number(number), Order::Oldest | Order::Smallest) => by_number(!number, 0),
            (Key::Number(number), _) => by_number(*number, 0),
            (Key::Name(name), order) => Self::of_name(name, place.id, order, columns)?,
        })
    }

    /// A name that no file of the segment has stands right before the first that is greater.
    fn of_name(name: &str, id: i64, order: Order, columns: &Columns) -> tantivy::Result<Self> {
        let reversed = order == Order::NameReversed;
        let Some(names) = &columns.names else {
            return Ok(Self {
                first: 0,
                second: 0,
                id: !id,
            });
        };
        let dictionary = names.dictionary();
        let turned = |ordinal: i64| if reversed { ordinal } else { !ordinal };
        if let Some(ordinal) = dictionary.term_ord(name)? {
            return Ok(Self {
                first: turned(bytes(ordinal)),
                second: 0,
                id: !id,
            });
        }
        let (from, _) = dictionary.term_bounds_to_ord(Bound::Included(name), Bound::Unbounded)?;
        let next = match from {
            Bound::Included(next) | Bound::Excluded(next) => bytes(next),
            Bound::Unbounded => 0,
        };
        let edge = if reversed { i64::MIN } else { i64::MAX };
        Ok(Self {
            first: turned(next),
            second: edge,
            id: edge,
        })
    }

    fn place(self, order: Order, columns: &Columns) -> tantivy::Result<Place> {
        let key = match order {
            Order::Relevance => Key::Score(score_of(self.first), self.second),
            Order::Newest | Order::Largest => Key::Number(self.first),
            Order::Oldest | Order::Smallest => Key::Number(!self.first),
            Order::Name => Key::Name(name_of(!self.first, columns)?),
            Order::NameReversed => Key::Name(name_of(self.first, columns)?),
        };
        Ok(Place {
            order,
            key,
            id: !self.id,
        })
    }
}

fn name_of(ordinal: i64, columns: &Columns) -> tantivy::Result<String> {
    let mut name = String::new();
    if let Some(names) = &columns.names {
        names.ord_to_str(ordinal.unsigned_abs(), &mut name)?;
    }
    Ok(name)
}

/// A number of bytes or an ordinal, of which none comes near the limit.
fn bytes(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A score as a number in the same order, as [`f32::total_cmp`] has it.
fn ordered(score: Score) -> i64 {
    let bits = score.to_bits().cast_signed();
    i64::from(bits ^ (((bits >> 31).cast_unsigned() >> 1).cast_signed()))
}

fn score_of(ordered: i64) -> Score {
    let turned = i32::try_from(ordered).unwrap_or_default();
    let bits = turned ^ (((turned >> 31).cast_unsigned() >> 1).cast_signed());
    Score::from_bits(bits.cast_unsigned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_keep_their_order_as_numbers() {
        let scores = [-1e30, -0.5, -0.0, 0.0, f32::MIN_POSITIVE, 0.1, 7.25, 1e30];
        let numbers = scores.map(ordered);
        assert!(numbers.is_sorted());
        for (score, number) in scores.into_iter().zip(numbers) {
            assert_eq!(score_of(number).to_bits(), score.to_bits());
        }
    }
}
