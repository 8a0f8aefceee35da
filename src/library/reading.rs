//! What a content says, a part at a time, as a preview shows it: a page where a document has
//! pages, a passage where it has none.

use std::io::{Read, Seek, SeekFrom};

use super::Library;
use super::entry::FileContent;
use super::facts::Facts;
use super::search::{self, Parsed, Snippet, Snippets};
use crate::error::{Error, Result};
use crate::extract::PAGE_BREAK;
use crate::store::Digest;

/// Passages of a page that are shown: far more than a page holds, and no more than is marked at once.
const MAX_PAGE_PASSAGES: u32 = 16;

/// A part of an extracted text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    pub text: String,
    pub place: Place,
    /// Pages or passages that there are.
    pub of: u32,
}

/// Where in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// From 1.
    Page(u32),
    /// From 0.
    Passage(u32),
}

impl Library {
    /// A part of the text of a content; the nearest one if there is none at that place. Nothing if
    /// no text of it is kept.
    pub fn part(&self, content: &FileContent, facts: &Facts, place: Place) -> Result<Option<Part>> {
        let texts = self.texts()?;
        let Some(kept) = texts.of(self, content)? else {
            return Ok(None);
        };
        let Some(passages) = kept.passages()?.filter(|found| !found.is_empty()) else {
            return Ok(None);
        };
        let load = |number| -> Result<String> { Ok(kept.passage(number)?.unwrap_or_default()) };
        if !passages.has_pages() {
            let number = match place {
                Place::Passage(number) => number.min(facts.passages.saturating_sub(1)),
                Place::Page(_) => 0,
            };
            return Ok(Some(Part {
                text: load(number)?,
                place: Place::Passage(number),
                of: facts.passages,
            }));
        }
        let last = passages.len() as u32 - 1;
        let begun = passages.page(last, "").unwrap_or(1);
        let of = match facts.details.pages {
            // Of a text with page breaks its reader knew how many pages there are, and ended each.
            // The text alone would not tell of empty ones at its end.
            Some(pages) if !facts.truncated => pages.max(begun),
            _ => passages.page(last, &load(last)?).unwrap_or(1),
        };
        let page = match place {
            Place::Page(page) => page.clamp(1, of),
            Place::Passage(number) => passages.page(number.min(last), "").unwrap_or(1),
        };
        let (range, begins) = passages.of_page(page);
        let mut text = String::new();
        let end = range.end.min(range.start.saturating_add(MAX_PAGE_PASSAGES));
        for number in range.start..end {
            text.push_str(&load(number)?);
        }
        let mut pages = text.split(PAGE_BREAK);
        let text = pages.nth((page - begins) as usize).unwrap_or_default();
        Ok(Some(Part {
            text: text.to_owned(),
            place: Place::Page(page),
            of,
        }))
    }

    /// The places of one file at which a query matches, at most `count`, in their order. None if
    /// the index does not have the file yet.
    pub fn matches(
        &self,
        content: &FileContent,
        parsed: &Parsed,
        count: usize,
    ) -> Result<Vec<Snippet>> {
        let texts = self.texts()?;
        let Some(text) = texts.of(self, content)? else {
            return Ok(Vec::new());
        };
        let Some(passages) = text.passages()? else {
            return Ok(Vec::new());
        };
        let mut found = self.store.index.read(|searcher| {
            let Some(address) = search::address_of(searcher, &self.fields, content.file)? else {
                return Ok(Vec::new());
            };
            let load = |number| Ok(text.passage(number).unwrap_or_default());
            Snippets::new(searcher, &self.fields, parsed).of(address, &passages, count, load)
        })?;
        // Without a match there is the beginning of the text, which is none.
        found.retain(|snippet| snippet.html.contains("<mark>"));
        found.sort_by_key(|snippet| (snippet.page, snippet.part));
        Ok(found)
    }

    /// At most `most` bytes of a content, from its beginning or up to its end.
    pub fn piece(&self, digest: &Digest, size: u64, most: u64, is_end: bool) -> Result<Vec<u8>> {
        let mut file = self.open_named(digest, size)?;
        let failed = |error| Error::damaged("A stored content cannot be read.").because(error);
        if is_end {
            let from = size.saturating_sub(most);
            file.seek(SeekFrom::Start(from)).map_err(failed)?;
        }
        let mut bytes = Vec::with_capacity(most.min(size) as usize);
        file.take(most).read_to_end(&mut bytes).map_err(failed)?;
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::super::facts::{FactsBatch, Read};
    use super::super::tests::Bench;
    use super::*;
    use crate::extract::{Details, Extraction};

    /// What is marked and sent at once has a bound, however long a page is.
    #[test]
    fn an_endless_page_is_given_up_to_a_bound() {
        let bench = Bench::new();
        let content = bench.put("a.pdf", "x").file_content();
        let text = format!("one\u{c}{}", "two ".repeat(1 << 20));
        let read = Read {
            recognised: None,
            extraction: Extraction::default(),
            is_whole: true,
        };
        let mut facts = FactsBatch::new().unwrap();
        facts.put(&content, 1, &read, &text, 0).unwrap();
        bench.library.store().kv.write(facts.into()).unwrap();
        let facts = bench.library.facts(&content).unwrap().unwrap();
        let part = bench.library.part(&content, &facts, Place::Page(2));
        let part = part.unwrap().unwrap();
        assert_eq!((part.place, part.of), (Place::Page(2), 2));
        assert!(
            (100_000..140_000).contains(&part.text.len()),
            "{}",
            part.text.len()
        );
    }

    #[test]
    fn there_are_as_many_pages_as_the_document_has() {
        let bench = Bench::new();
        let content = bench.put("a.pdf", "x").file_content();
        let text = format!("one\u{c}{}\u{c}three", "two ".repeat(10_000));
        let part = |pages, truncated, place| {
            let details = Details {
                pages,
                ..Details::default()
            };
            let extraction = Extraction {
                truncated,
                details,
                ..Extraction::default()
            };
            let read = Read {
                recognised: None,
                extraction,
                is_whole: true,
            };
            let mut facts = FactsBatch::new().unwrap();
            facts.put(&content, 1, &read, &text, 0).unwrap();
            bench.library.store().kv.write(facts.into()).unwrap();
            let facts = bench.library.facts(&content).unwrap().unwrap();
            let part = bench.library.part(&content, &facts, place);
            let part = part.unwrap().unwrap();
            (part.text, part.place, part.of)
        };
        let three = "three".to_owned();
        let page = |number| Place::Page(number);
        // The last one is empty, which the text does not tell.
        assert_eq!(part(Some(4), false, page(4)), (String::new(), page(4), 4));
        assert_eq!(part(Some(4), false, page(3)), (three.clone(), page(3), 4));
        assert_eq!(part(Some(4), false, page(9)).1, page(4));
        // Where the text was cut, the document's other pages are not there to be shown.
        assert_eq!(part(Some(400), true, page(9)), (three.clone(), page(3), 3));
        assert_eq!(part(None, false, page(9)), (three, page(3), 3));
        assert_eq!(part(Some(1), false, page(2)).2, 2);
    }
}
