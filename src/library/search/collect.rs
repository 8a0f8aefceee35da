//! Collecting matches: the best few of them, all counted, ties in a fixed order.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use tantivy::collector::{Collector, SegmentCollector};
use tantivy::columnar::Column;
use tantivy::{DocAddress, DocId, Score, SegmentOrdinal, SegmentReader};

use super::fields::{ID, MODIFIED};
use super::place::Place;

/// A match; it is greater than another if its place is the better one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Match {
    pub place: Place,
    pub address: DocAddress,
}

/// Keeps the `wanted` best matches behind a place, or of all, and counts all of them, in one pass
/// and without holding more.
pub struct Best {
    pub wanted: usize,
    pub after: Option<Place>,
}

pub struct BestOfSegment {
    wanted: usize,
    after: Option<Place>,
    segment: SegmentOrdinal,
    /// Absent in a segment that holds no files.
    columns: Option<(Column<i64>, Column<i64>)>,
    total: u64,
    /// The worst of the best on top.
    best: BinaryHeap<Reverse<Match>>,
}

impl Collector for Best {
    type Fruit = (u64, Vec<Match>);
    type Child = BestOfSegment;

    fn for_segment(
        &self,
        segment: SegmentOrdinal,
        reader: &SegmentReader,
    ) -> tantivy::Result<BestOfSegment> {
        let columns = reader.fast_fields();
        Ok(BestOfSegment {
            wanted: self.wanted,
            after: self.after,
            segment,
            columns: columns.column_opt(ID)?.zip(columns.column_opt(MODIFIED)?),
            total: 0,
            best: BinaryHeap::new(),
        })
    }

    fn requires_scoring(&self) -> bool {
        true
    }

    fn merge_fruits(&self, segments: Vec<(u64, Vec<Match>)>) -> tantivy::Result<Self::Fruit> {
        let mut total = 0;
        let mut matches = Vec::new();
        for (count, best) in segments {
            total += count;
            matches.extend(best);
        }
        matches.sort_unstable_by(|a, b| b.cmp(a));
        matches.truncate(self.wanted);
        Ok((total, matches))
    }
}

impl SegmentCollector for BestOfSegment {
    type Fruit = (u64, Vec<Match>);

    fn collect(&mut self, doc: DocId, score: Score) {
        self.total += 1;
        // Columns are read only for what can still be among the best.
        if self.after.is_some_and(|after| score > after.score) {
            return;
        }
        let full = self.best.len() >= self.wanted;
        if full
            && self
                .best
                .peek()
                .is_none_or(|Reverse(worst)| score < worst.place.score)
        {
            return;
        }
        let Some((ids, times)) = &self.columns else {
            return;
        };
        let Some(id) = ids.first(doc) else { return };
        let place = Place {
            score,
            modified: times.first(doc).unwrap_or_default(),
            id,
        };
        if self.after.is_some_and(|after| !place.is_behind(&after)) {
            return;
        }
        let candidate = Match {
            place,
            address: DocAddress::new(self.segment, doc),
        };
        if full {
            if self
                .best
                .peek()
                .is_some_and(|Reverse(worst)| candidate > *worst)
            {
                self.best.pop();
                self.best.push(Reverse(candidate));
            }
        } else {
            self.best.push(Reverse(candidate));
        }
    }

    fn harvest(self) -> Self::Fruit {
        (
            self.total,
            self.best.into_iter().map(|Reverse(found)| found).collect(),
        )
    }
}
