//! A file that was found, with the passages that match.

use crate::library::search::{Hit, Snippet};
use crate::web::pages::rows::Link;
use crate::web::pages::show::{Moment, Size, encode, file_url, kind};

pub struct HitRow {
    pub url: String,
    /// Escaped by the search itself, which alone puts `<mark>` in.
    pub name: String,
    pub folder: Link,
    pub kind: String,
    pub size: Size,
    pub stored: Moment,
    pub tags: Vec<Link>,
    pub best: Option<Passage>,
    /// To be unfolded.
    pub others: Vec<Passage>,
}

pub struct Passage {
    /// As the name.
    pub html: String,
    pub page: Option<u32>,
    /// The file, opened there.
    pub url: String,
}

impl HitRow {
    /// `query` is what was found, so that the file's page can mark it.
    pub fn new(hit: Hit, query: &str) -> Self {
        let entry = hit.entry;
        let file = file_url(entry.id);
        let at = |page: Option<u32>| opened_at(&file, query, page);
        let passage = |Snippet { html, page }| Passage {
            html,
            page,
            url: at(page),
        };
        let mut passages = hit.passages.into_iter().map(passage);
        let best = passages.next();
        Self {
            url: at(best.as_ref().and_then(|best| best.page)),
            name: hit.marked_name,
            folder: Link::whole_path(&entry.path.folder()),
            kind: kind(&entry.media_type),
            size: Size(entry.size),
            stored: Moment(entry.modified_ms),
            tags: entry.tags.iter().map(|tag| Link::tag(tag)).collect(),
            others: passages.collect(),
            best,
        }
    }
}

fn opened_at(file: &str, query: &str, page: Option<u32>) -> String {
    let query = Some(query).filter(|query| !query.is_empty());
    let query = query.map(|query| format!("q={}", encode(query)));
    let page = page.map(|page| format!("page={page}"));
    let fields: Vec<String> = query.into_iter().chain(page).collect();
    match fields.is_empty() {
        true => file.to_owned(),
        false => format!("{file}?{}", fields.join("&")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_opens_where_it_was_found() {
        assert_eq!(opened_at("/files/7", "", None), "/files/7");
        assert_eq!(
            opened_at("/files/7", "a \"b\"", Some(12)),
            "/files/7?q=a%20%22b%22&page=12"
        );
        assert_eq!(opened_at("/files/7", "", Some(2)), "/files/7?page=2");
    }
}
