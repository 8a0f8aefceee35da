//! Collecting matches: the best few of them, all counted, ties in a fixed order.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use tantivy::collector::{Collector, SegmentCollector};
use tantivy::columnar::Column;
use tantivy::{DocAddress, DocId, Score, SegmentOrdinal, SegmentReader};

use crate::library::{FileId, Millis};

use super::fields::{ID, MODIFIED};

/// A match. It is greater than another if it is the better one: by score, then the newer, then
/// the one with the lower id, so that equal searches give equal pages.
#[derive(Clone, Copy, Debug)]
pub struct Match {
    pub score: Score,
    pub modified: Millis,
    pub id: FileId,
    pub address: DocAddress,
}

impl Ord for Match {
    fn cmp(&self, other: &Self) -> Ordering {
        self.score
            .total_cmp(&other.score)
            .then(self.modified.cmp(&other.modified))
            .then(other.id.cmp(&self.id))
    }
}

impl PartialOrd for Match {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Match {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Match {}

/// Keeps the `wanted` best matches and counts all of them, in one pass and without holding more.
pub struct Best {
    pub wanted: usize,
}

pub struct BestOfSegment {
    wanted: usize,
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
        let full = self.best.len() >= self.wanted;
        if full
            && self
                .best
                .peek()
                .is_none_or(|Reverse(worst)| score < worst.score)
        {
            return;
        }
        let Some((ids, times)) = &self.columns else {
            return;
        };
        let Some(id) = ids.first(doc) else { return };
        let candidate = Match {
            score,
            modified: times.first(doc).unwrap_or_default(),
            id,
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
