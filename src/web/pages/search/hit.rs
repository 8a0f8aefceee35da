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
        let passage = |snippet: Snippet| Passage {
            url: opened_at(&file, query, &snippet),
            page: snippet.page,
            html: snippet.html,
        };
        let mut passages = hit.passages.into_iter().map(passage);
        let best = passages.next();
        Self {
            url: best
                .as_ref()
                .map_or_else(|| file.clone(), |best| best.url.clone()),
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

/// The file's page, opened at a passage, with the words of the query marked.
fn opened_at(file: &str, query: &str, snippet: &Snippet) -> String {
    let query = Some(query).filter(|query| !query.is_empty());
    let query = query.map(|query| format!("q={}", encode(query)));
    let place = match (snippet.page, snippet.part) {
        (Some(page), _) => Some(format!("page={page}")),
        (None, 0) => None,
        (None, part) => Some(format!("part={part}")),
    };
    let fields: Vec<String> = query.into_iter().chain(place).collect();
    match fields.is_empty() {
        true => file.to_owned(),
        false => format!("{file}?{}#match", fields.join("&")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_opens_where_it_was_found() {
        let at = |page, part| Snippet {
            html: String::new(),
            page,
            part,
        };
        assert_eq!(opened_at("/files/7", "", &at(None, 0)), "/files/7");
        assert_eq!(
            opened_at("/files/7", "a \"b\"", &at(Some(12), 3)),
            "/files/7?q=a%20%22b%22&page=12#match"
        );
        assert_eq!(
            opened_at("/files/7", "a", &at(None, 3)),
            "/files/7?q=a&part=3#match"
        );
    }
}
