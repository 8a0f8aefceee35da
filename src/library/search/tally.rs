//! Counting matches by facet while they are collected, out of columns alone.

use std::collections::HashMap;
use std::ops::Range;

use tantivy::columnar::StrColumn;
use tantivy::{DocId, SegmentReader};

use super::facet::{
    Count, Facets, MOST_VALUES, Narrowing, SizeClass, commonest, year_count, year_index, year_of,
};
use super::fields::{AFTER_LABEL, CLASS, LABEL, LABEL_SEPARATOR, PLACE, exact_folder_term};
use crate::library::text::fold;
use crate::library::{FolderPath, Millis};

/// Matches counted, by the values of each facet.
#[derive(Debug, Default)]
pub struct Tally {
    pub total: u64,
    classes: HashMap<String, u64>,
    folders: HashMap<String, u64>,
    /// By the folded tag: how often, and as which it was typed.
    tags: HashMap<String, (u64, String)>,
    years: HashMap<u16, u64>,
    sizes: [u64; SizeClass::ALL.len()],
}

impl Tally {
    pub fn add(&mut self, other: Self) {
        self.total += other.total;
        for (class, count) in other.classes {
            *self.classes.entry(class).or_default() += count;
        }
        for (folder, count) in other.folders {
            *self.folders.entry(folder).or_default() += count;
        }
        for (tag, (count, typed)) in other.tags {
            self.tags.entry(tag).or_insert((0, typed)).0 += count;
        }
        for (year, count) in other.years {
            *self.years.entry(year).or_default() += count;
        }
        for (size, count) in self.sizes.iter_mut().zip(other.sizes) {
            *size += count;
        }
    }

    pub fn facets(self) -> Facets {
        let counts = |values: HashMap<String, u64>| {
            let values = values.into_iter();
            values
                .map(|(value, count)| Count { value, count })
                .collect()
        };
        let tags = self.tags.into_values();
        let tags = tags.map(|(count, value)| Count { value, count }).collect();
        let mut years: Vec<_> = self.years.into_iter().collect();
        years.sort_unstable_by(|a, b| b.cmp(a));
        let years = years.into_iter().map(|(year, count)| Count {
            value: year.to_string(),
            count,
        });
        let sizes = SizeClass::ALL.into_iter().zip(self.sizes);
        let sizes = sizes.filter(|(_, count)| *count > 0);
        Facets {
            types: commonest(counts(self.classes), usize::MAX),
            folders: commonest(counts(self.folders), MOST_VALUES),
            tags: commonest(tags, MOST_VALUES),
            years: years.collect(),
            sizes: sizes
                .map(|(size, count)| Count {
                    value: size.word().to_owned(),
                    count,
                })
                .collect(),
        }
    }
}

/// The same while one segment is read: values are still ordinals.
pub struct TallyOfSegment {
    /// As its exact term, with a slash at its end.
    folder: String,
    total: u64,
    classes: Counted,
    places: Counted,
    labels: Counted,
    years: Vec<u32>,
    sizes: [u32; SizeClass::ALL.len()],
    chosen: Chosen,
}

/// A column of words and how often each was seen.
struct Counted {
    /// Absent in a segment in which no file has any.
    column: Option<StrColumn>,
    counts: Vec<u32>,
}

/// What was chosen, as this segment knows it.
struct Chosen {
    class: Option<Option<u64>>,
    /// All ways in which the tag was typed lie side by side.
    labels: Option<Range<u64>>,
    year: Option<usize>,
    size: Option<usize>,
}

impl TallyOfSegment {
    pub fn of(
        reader: &SegmentReader,
        narrowing: &Narrowing,
        folder: &FolderPath,
    ) -> tantivy::Result<Self> {
        let classes = Counted::of(reader, CLASS)?;
        let labels = Counted::of(reader, LABEL)?;
        let chosen = Chosen {
            class: match narrowing.class {
                Some(class) => Some(classes.ordinal(class.word())?),
                None => None,
            },
            labels: match &narrowing.tag {
                Some(tag) => Some(labels.typed_as(&fold(tag))?),
                None => None,
            },
            year: narrowing
                .year
                .map(|year| usize::from(year.saturating_sub(year_of(0)))),
            size: narrowing.size.map(|size| size as usize),
        };
        let mut folder = exact_folder_term(folder);
        if !folder.ends_with('/') {
            folder.push('/');
        }
        Ok(Self {
            folder,
            total: 0,
            classes,
            places: Counted::of(reader, PLACE)?,
            labels,
            years: vec![0; year_count()],
            sizes: Default::default(),
            chosen,
        })
    }

    /// Counts a match; answers whether it is among those that were chosen.
    pub fn takes(&mut self, doc: DocId, time: Millis, size: u64) -> bool {
        let class = self.classes.first(doc);
        let (year, size) = (year_index(time), SizeClass::of(size) as usize);
        let Chosen {
            class: chosen_class,
            labels: chosen_labels,
            year: chosen_year,
            size: chosen_size,
        } = &self.chosen;
        let fits = [
            chosen_class.is_none_or(|chosen| chosen.is_some() && chosen == class),
            chosen_labels
                .as_ref()
                .is_none_or(|chosen| self.labels.any(doc, |label| chosen.contains(&label))),
            chosen_year.is_none_or(|chosen| chosen == year),
            chosen_size.is_none_or(|chosen| chosen == size),
        ];
        let misfits = fits.iter().filter(|fits| !**fits).count();
        // What fits but for one facet could be chosen in that one.
        let [in_classes, in_labels, in_years, in_sizes] =
            fits.map(|fits| misfits == 0 || (misfits == 1 && !fits));
        if in_classes {
            self.classes.count(class);
        }
        if in_labels {
            self.labels.count_all(doc);
        }
        if in_years {
            self.years[year] += 1;
        }
        if in_sizes {
            self.sizes[size] += 1;
        }
        if misfits > 0 {
            return false;
        }
        self.total += 1;
        let place = self.places.first(doc);
        self.places.count(place);
        true
    }

    pub fn harvest(self) -> tantivy::Result<Tally> {
        let mut tally = Tally {
            total: self.total,
            ..Tally::default()
        };
        self.classes.each(|class, count| {
            tally.classes.insert(class.to_owned(), count);
        })?;
        self.places.each(|place, count| {
            if let Some(inside) = place.strip_prefix(&self.folder).filter(|p| !p.is_empty()) {
                let next = inside.split('/').next().unwrap_or_default();
                let path = format!("{}{next}", &self.folder[1..]);
                *tally.folders.entry(path).or_default() += count;
            }
        })?;
        let mut commonest: HashMap<String, u64> = HashMap::new();
        self.labels.each(|label, count| {
            let (folded, typed) = label.split_once(LABEL_SEPARATOR).unwrap_or((label, label));
            let known = tally.tags.entry(folded.to_owned());
            let (total, shown) = known.or_insert_with(|| (0, typed.to_owned()));
            *total += count;
            let most = commonest.entry(folded.to_owned()).or_default();
            if count > *most {
                *most = count;
                typed.clone_into(shown);
            }
        })?;
        let years = self.years.into_iter().enumerate();
        for (index, count) in years.filter(|(_, count)| *count > 0) {
            tally.years.insert(year_of(index), u64::from(count));
        }
        tally.sizes = self.sizes.map(u64::from);
        Ok(tally)
    }
}

impl Counted {
    fn of(reader: &SegmentReader, name: &str) -> tantivy::Result<Self> {
        let column = reader.fast_fields().str(name)?;
        let terms = column.as_ref().map_or(0, |column| column.num_terms());
        Ok(Self {
            column,
            counts: vec![0; terms],
        })
    }

    fn first(&self, doc: DocId) -> Option<u64> {
        self.column.as_ref()?.ords().first(doc)
    }

    fn any(&self, doc: DocId, wanted: impl FnMut(u64) -> bool) -> bool {
        let column = self.column.as_ref();
        column.is_some_and(|column| column.term_ords(doc).any(wanted))
    }

    fn count(&mut self, ordinal: Option<u64>) {
        let place = ordinal.and_then(|ordinal| self.counts.get_mut(ordinal as usize));
        if let Some(count) = place {
            *count += 1;
        }
    }

    fn count_all(&mut self, doc: DocId) {
        let Some(column) = &self.column else { return };
        for ordinal in column.term_ords(doc) {
            if let Some(count) = self.counts.get_mut(ordinal as usize) {
                *count += 1;
            }
        }
    }

    fn ordinal(&self, word: &str) -> tantivy::Result<Option<u64>> {
        match &self.column {
            Some(column) => Ok(column.dictionary().term_ord(word)?),
            None => Ok(None),
        }
    }

    /// Ordinals of the labels of one folded tag.
    fn typed_as(&self, folded: &str) -> tantivy::Result<Range<u64>> {
        use std::ops::Bound::{Excluded, Included, Unbounded};
        let Some(column) = &self.column else {
            return Ok(0..0);
        };
        let from = format!("{folded}{LABEL_SEPARATOR}");
        let to = format!("{folded}{AFTER_LABEL}");
        let bounds = column
            .dictionary()
            .term_bounds_to_ord(Included(from), Excluded(to))?;
        let end = |bound| match bound {
            Included(ordinal) | Excluded(ordinal) => ordinal,
            Unbounded => 0,
        };
        Ok(end(bounds.0)..end(bounds.1))
    }

    /// Calls `found` with every word that was seen and how often.
    fn each(&self, mut found: impl FnMut(&str, u64)) -> tantivy::Result<()> {
        let Some(column) = &self.column else {
            return Ok(());
        };
        let seen = (0..).zip(&self.counts).filter(|(_, count)| **count > 0);
        let (ordinals, counts): (Vec<u64>, Vec<u32>) = seen.map(|(at, count)| (at, *count)).unzip();
        let mut counts = counts.into_iter();
        column
            .dictionary()
            .sorted_ords_to_term_cb(&ordinals, |word| {
                let count = counts.next().unwrap_or_default();
                if let Ok(word) = std::str::from_utf8(word) {
                    found(word, u64::from(count));
                }
            })?;
        Ok(())
    }
}
