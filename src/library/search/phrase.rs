//! Phrases: words at given distances, found by comparing the positions that the index has of them.
//!
//! The index's own phrase query reads every position of every file that has the words, and its
//! reader takes time that grows with the square of how often a file has a word: one file that
//! repeats a word eight million times kept a thread busy for seconds. Here both are bounded.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use tantivy::fieldnorm::FieldNormReader;
use tantivy::postings::{Postings, SegmentPostings};
use tantivy::query::{Bm25Weight, EmptyScorer, EnableScoring, Explanation, Query, Scorer, Weight};
use tantivy::schema::{Field, IndexRecordOption};
use tantivy::{
    DocId, DocSet, Score, SeekDangerResult, SegmentReader, TERMINATED, TantivyError, Term,
};

use super::expand::{MAX_COMPARED, expand_segment};

/// Occurrences of a word in one file whose positions are read.
pub const MAX_OCCURRENCES: u32 = 200_000;
/// Positions that one search reads, in all files together.
const MAX_POSITIONS: u64 = 10_000_000;
/// Words that the unfinished last word of a phrase stands for, in each segment.
const MAX_EXPANSION: usize = 256;

/// The positions that a search can still read; shared by all its phrases.
#[derive(Debug)]
pub struct PositionBudget {
    left: AtomicU64,
    /// Words that can still be looked at for unfinished ones.
    words: AtomicUsize,
    is_exceeded: AtomicBool,
}

impl Default for PositionBudget {
    fn default() -> Self {
        Self {
            left: AtomicU64::new(MAX_POSITIONS),
            words: AtomicUsize::new(MAX_COMPARED),
            is_exceeded: AtomicBool::new(false),
        }
    }
}

impl PositionBudget {
    fn spend(&self, positions: u64) -> bool {
        let spend = |left: u64| left.checked_sub(positions);
        let order = Ordering::Relaxed;
        self.left.fetch_update(order, order, spend).is_ok()
    }

    /// Runs work that takes what it looks at off the words that are left.
    fn with_words<T>(&self, work: impl FnOnce(&Cell<usize>) -> T) -> T {
        let before = self.words.load(Ordering::Relaxed);
        let left = Cell::new(before);
        let outcome = work(&left);
        let spend = |words: usize| Some(words.saturating_sub(before - left.get()));
        let order = Ordering::Relaxed;
        // The closure always answers a number.
        let _ = self.words.fetch_update(order, order, spend);
        outcome
    }

    /// Whether files were found by a phrase that was not compared with their text.
    pub fn is_exceeded(&self) -> bool {
        self.is_exceeded.load(Ordering::Relaxed)
    }
}

/// What holds of a file that has all the words, but too often to compare where they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Uncompared {
    /// It is found, and the budget says so.
    Matches,
    /// It is not.
    Differs,
}

/// Finds files that have these words at these distances.
#[derive(Clone, Debug)]
pub struct Phrase {
    /// Distances from the first word, in words, and the words; at least one.
    words: Vec<(u32, Term)>,
    /// The beginning of a last word.
    prefix: Option<(u32, String)>,
    slop: u32,
    uncompared: Uncompared,
    budget: Arc<PositionBudget>,
}

impl Phrase {
    /// `words` are of one field, and at least one; with a prefix or a second one, it is a phrase.
    pub fn new(words: Vec<(u32, Term)>, budget: &Arc<PositionBudget>) -> Self {
        Self {
            words,
            prefix: None,
            slop: 0,
            uncompared: Uncompared::Matches,
            budget: Arc::clone(budget),
        }
    }

    /// Ends with any word that begins so.
    pub fn with_prefix(self, offset: u32, prefix: String) -> Self {
        Self {
            prefix: Some((offset, prefix)),
            ..self
        }
    }

    /// Words that all of its words together can be away from their places, in either direction.
    pub fn with_slop(self, slop: u32, uncompared: Uncompared) -> Self {
        Self {
            slop,
            uncompared,
            ..self
        }
    }

    fn last_offset(&self) -> u32 {
        let words = self.words.iter().map(|(offset, _)| *offset);
        let prefix = self.prefix.iter().map(|(offset, _)| *offset);
        words.chain(prefix).max().unwrap_or(0)
    }
}

impl Query for Phrase {
    fn weight(&self, scoring: EnableScoring<'_>) -> tantivy::Result<Box<dyn Weight>> {
        let terms: Vec<Term> = self.words.iter().map(|(_, term)| term.clone()).collect();
        let relevance = match scoring {
            EnableScoring::Enabled {
                statistics_provider,
                ..
            } => Some(Bm25Weight::for_terms(statistics_provider, &terms)?),
            EnableScoring::Disabled { .. } => None,
        };
        Ok(Box::new(PhraseWeight {
            phrase: self.clone(),
            relevance,
        }))
    }

    fn query_terms<'a>(&'a self, visitor: &mut dyn FnMut(&'a Term, bool)) {
        for (_, term) in &self.words {
            visitor(term, true);
        }
    }
}

struct PhraseWeight {
    phrase: Phrase,
    /// Absent where nothing is ranked.
    relevance: Option<Bm25Weight>,
}

impl PhraseWeight {
    /// Nothing where a word is in no file of the segment.
    fn phrase_scorer(
        &self,
        reader: &SegmentReader,
        boost: Score,
    ) -> tantivy::Result<Option<PhraseScorer>> {
        let Some((_, first)) = self.phrase.words.first() else {
            return Ok(None);
        };
        let field = first.field();
        let inverted = reader.inverted_index(field)?;
        let option = IndexRecordOption::WithFreqsAndPositions;
        let last = self.phrase.last_offset();
        let mut words = Vec::with_capacity(self.phrase.words.len());
        for (offset, term) in &self.phrase.words {
            let Some(postings) = inverted.read_postings(term, option)? else {
                return Ok(None);
            };
            let shift = last - offset;
            words.push(Word { shift, postings });
        }
        let mut suffixes = None;
        if let Some((offset, prefix)) = &self.phrase.prefix {
            let infos = self
                .phrase
                .budget
                .with_words(|left| expand_segment(reader, field, prefix, MAX_EXPANSION, left))?;
            let postings = infos
                .iter()
                .map(|info| inverted.read_postings_from_terminfo(info, option));
            suffixes = Some(Suffixes {
                shift: last - offset,
                postings: postings.collect::<Result<_, _>>()?,
            });
        }
        let mut by_rarity: Vec<usize> = (0..words.len()).collect();
        by_rarity.sort_by_key(|index| words[*index].postings.size_hint());
        let mut scorer = PhraseScorer {
            words,
            by_rarity,
            suffixes,
            slop: self.phrase.slop,
            uncompared: self.phrase.uncompared,
            budget: Arc::clone(&self.phrase.budget),
            doc: 0,
            count: 0,
            chains: Vec::new(),
            positions: Vec::new(),
            relevance: self.relevance.as_ref().map(|weight| weight.boost_by(boost)),
            lengths: self.lengths(reader, field)?,
        };
        scorer.find_from(0);
        Ok(Some(scorer))
    }

    fn lengths(&self, reader: &SegmentReader, field: Field) -> tantivy::Result<FieldNormReader> {
        match self.relevance {
            Some(_) => reader.get_fieldnorms_reader(field),
            None => Ok(FieldNormReader::constant(reader.max_doc(), 1)),
        }
    }
}

impl Weight for PhraseWeight {
    fn scorer(&self, reader: &SegmentReader, boost: Score) -> tantivy::Result<Box<dyn Scorer>> {
        Ok(match self.phrase_scorer(reader, boost)? {
            Some(scorer) => Box::new(scorer),
            None => Box::new(EmptyScorer),
        })
    }

    fn explain(&self, reader: &SegmentReader, doc: DocId) -> tantivy::Result<Explanation> {
        if let Some(mut scorer) = self.phrase_scorer(reader, 1.0)?
            && scorer.doc() <= doc
            && scorer.seek(doc) == doc
        {
            return Ok(Explanation::new("phrase", scorer.score()));
        }
        Err(TantivyError::InvalidArgument(format!(
            "document {doc} does not have the phrase"
        )))
    }
}

struct Word {
    /// Added to its positions, so that the words of a phrase have equal ones.
    shift: u32,
    postings: SegmentPostings,
}

struct Suffixes {
    shift: u32,
    postings: Vec<SegmentPostings>,
}

/// A way through the words of a phrase, up to one of them.
#[derive(Clone, Copy)]
struct Chain {
    /// Shifted position of the last word.
    at: u32,
    /// Words that its words are away from their places, together.
    spent: u32,
}

struct PhraseScorer {
    words: Vec<Word>,
    /// Indices of `words`; the one in the fewest files comes first.
    by_rarity: Vec<usize>,
    suffixes: Option<Suffixes>,
    slop: u32,
    uncompared: Uncompared,
    budget: Arc<PositionBudget>,
    doc: DocId,
    /// How often `doc` has the phrase.
    count: u32,
    chains: Vec<Chain>,
    positions: Vec<u32>,
    relevance: Option<Bm25Weight>,
    lengths: FieldNormReader,
}

impl PhraseScorer {
    /// Moves to the first file from `target` on that has the phrase.
    fn find_from(&mut self, mut target: DocId) -> DocId {
        loop {
            self.doc = self.with_all_words(target);
            if self.doc == TERMINATED || self.has_phrase(self.doc) {
                return self.doc;
            }
            target = self.doc + 1;
        }
    }

    /// The first file from `target` on that has all the words.
    fn with_all_words(&mut self, mut target: DocId) -> DocId {
        loop {
            let before = target;
            for index in &self.by_rarity {
                target = reach(&mut self.words[*index].postings, target);
            }
            if target == before {
                return target;
            }
        }
    }

    /// Whether `doc`, at which all words stand, has the phrase.
    fn has_phrase(&mut self, doc: DocId) -> bool {
        match self.compare(doc) {
            Some(count) => {
                self.count = count;
                count > 0
            }
            None if self.uncompared == Uncompared::Differs => false,
            None => {
                self.budget.is_exceeded.store(true, Ordering::Relaxed);
                self.count = 1;
                true
            }
        }
    }

    /// How often `doc` has the phrase; nothing if that takes more than is to be spent on it.
    fn compare(&mut self, doc: DocId) -> Option<u32> {
        let frequencies = self.words.iter().map(|word| word.postings.term_freq());
        let most = frequencies.clone().max().unwrap_or(0);
        if most > MAX_OCCURRENCES || !self.budget.spend(frequencies.map(u64::from).sum()) {
            return None;
        }
        let (slop, words) = (self.slop, &mut self.words);
        for (index, word) in words.iter_mut().enumerate() {
            let (postings, shift) = (&mut word.postings, word.shift);
            postings.positions_with_offset(shift, &mut self.positions);
            match index {
                0 => begin(&mut self.chains, &self.positions),
                _ => go_on(&mut self.chains, &self.positions, slop),
            }
            if self.chains.is_empty() {
                return Some(0);
            }
        }
        if let Some(suffixes) = &mut self.suffixes {
            self.positions.clear();
            for postings in &mut suffixes.postings {
                if reach(postings, doc) != doc {
                    continue;
                }
                let frequency = postings.term_freq();
                if frequency > MAX_OCCURRENCES || !self.budget.spend(frequency.into()) {
                    return None;
                }
                postings.append_positions_with_offset(suffixes.shift, &mut self.positions);
            }
            self.positions.sort_unstable();
            go_on(&mut self.chains, &self.positions, slop);
        }
        // Two ways that end at one word are one occurrence.
        self.chains.dedup_by_key(|chain| chain.at);
        Some(u32::try_from(self.chains.len()).unwrap_or(u32::MAX))
    }
}

/// The first file from `target` on that is in the list.
fn reach(postings: &mut SegmentPostings, target: DocId) -> DocId {
    match postings.doc() {
        doc if doc < target => postings.seek(target),
        doc => doc,
    }
}

fn begin(chains: &mut Vec<Chain>, positions: &[u32]) {
    chains.clear();
    chains.extend(positions.iter().map(|&at| Chain { at, spent: 0 }));
}

/// Takes each chain to the position that is nearest to where its next word belongs. Both lists are
/// in order, and stay so.
fn go_on(chains: &mut Vec<Chain>, positions: &[u32], slop: u32) {
    let mut nearest = 0;
    chains.retain_mut(|chain| {
        let away = |index: usize| positions.get(index).map(|at| at.abs_diff(chain.at));
        while away(nearest + 1).is_some_and(|next| Some(next) <= away(nearest)) {
            nearest += 1;
        }
        let Some(&at) = positions.get(nearest) else {
            return false;
        };
        chain.spent += at.abs_diff(chain.at);
        chain.at = at;
        chain.spent <= slop
    });
}

impl DocSet for PhraseScorer {
    fn advance(&mut self) -> DocId {
        match self.doc {
            TERMINATED => TERMINATED,
            doc => self.find_from(doc + 1),
        }
    }

    fn seek(&mut self, target: DocId) -> DocId {
        match self.doc {
            doc if doc >= target => doc,
            _ => self.find_from(target),
        }
    }

    fn seek_danger(&mut self, target: DocId) -> SeekDangerResult {
        if self.doc == target && target != TERMINATED {
            return SeekDangerResult::Found;
        }
        let doc = self.with_all_words(target);
        if doc > target || doc == TERMINATED {
            return SeekDangerResult::SeekLowerBound(doc);
        }
        if self.has_phrase(target) {
            self.doc = target;
            return SeekDangerResult::Found;
        }
        SeekDangerResult::SeekLowerBound(target + 1)
    }

    fn doc(&self) -> DocId {
        self.doc
    }

    /// One in ten files that have two words has the phrase.
    fn size_hint(&self) -> u32 {
        let rarest = self.by_rarity.first();
        let files = rarest.map_or(0, |index| self.words[*index].postings.size_hint());
        files / (10 * self.words.len() as u32)
    }

    /// Positions are read for each file that has the words.
    fn cost(&self) -> u64 {
        let words = self.words.len() as u64;
        u64::from(self.size_hint()) * 100 * words * words
    }
}

impl Scorer for PhraseScorer {
    fn score(&mut self) -> Score {
        let length = self.lengths.fieldnorm_id(self.doc);
        match &self.relevance {
            Some(relevance) => relevance.score(length, self.count),
            None => 1.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where the chains end that begin at each of the first positions.
    fn chained(lists: &[&[u32]], slop: u32) -> Vec<u32> {
        let mut chains = Vec::new();
        begin(&mut chains, lists[0]);
        for positions in &lists[1..] {
            go_on(&mut chains, positions, slop);
        }
        chains.dedup_by_key(|chain| chain.at);
        chains.iter().map(|chain| chain.at).collect()
    }

    #[test]
    fn without_slop_all_positions_are_equal() {
        assert_eq!(chained(&[&[1, 5, 9], &[2, 5, 8, 9]], 0), [5, 9]);
        assert_eq!(chained(&[&[1, 2], &[3]], 0), [0; 0]);
        assert_eq!(chained(&[&[1, 2], &[]], 0), [0; 0]);
        assert_eq!(chained(&[&[1, 2, 3], &[2, 3], &[3, 4]], 0), [3]);
    }

    #[test]
    fn slop_is_spent_once_on_all_words() {
        assert_eq!(chained(&[&[10], &[12], &[14]], 4), [14]);
        assert_eq!(chained(&[&[10], &[12], &[14]], 3), [0; 0]);
        assert_eq!(chained(&[&[10], &[8]], 2), [8]);
        // Both first words reach the same second one.
        assert_eq!(chained(&[&[10, 11], &[12]], 6), [12]);
        assert_eq!(chained(&[&[10, 30], &[9, 31, 32]], 2), [9, 31]);
    }

    #[test]
    fn a_budget_is_spent_once() {
        let budget = PositionBudget::default();
        assert!(budget.spend(MAX_POSITIONS - 1));
        assert!(!budget.spend(2));
        assert!(budget.spend(1));
        assert!(!budget.spend(1));
    }
}
