//! What a file's page shows of its content: pictures, sound and film in the browser's own way,
//! everything else as the text that was read in it, a part at a time, with what was searched for
//! marked.
//!
//! # What hostile content can and cannot do
//!
//! Nothing of a content becomes markup of the page but what a child makes of a short text, and that is
//! checked: elements without identity, script, or anything that a browser fetches by itself. All that
//! is done here with a content takes its length at most, and that is bounded; formatting, of which
//! nobody knows how long it takes, has a bound of time.
//! What a browser shows by itself (a picture, a document) has an address of its own, whose answer
//! forbids scripts and other sources. No answer can forbid a PDF its own scripts, which its viewer
//! runs: one that has any, or of which that is not known, is shown as a picture of its first page.

mod making;
mod part;
mod table;
mod tail;

use crate::error::{Error, Result};
use crate::library::search::{self, Parsed};
use crate::library::{Entry, Facts, Formattable, FormattedText, Library, PDF};
use crate::store::now_ms;

pub use making::Previews;
pub use part::{Shape, Text};

use super::disposition::is_shown;
use super::state::App;
use super::thumbnail;

/// Larger pictures are not loaded unasked.
const MOST_PICTURE_BYTES: u64 = 16 << 20;
/// Places of a query that are listed.
const MOST_MATCHES: usize = 20;

/// Where a file was opened.
#[derive(Clone, Debug, Default)]
pub struct Opening {
    /// What was searched for.
    pub query: String,
    pub page: Option<u32>,
    /// A passage by its number, or `end`.
    pub part: Option<String>,
}

/// What is shown of a content.
#[derive(Clone, Debug, Default)]
pub struct Preview {
    pub media: Option<Media>,
    pub text: Option<Text>,
    /// A text that is shown as it stands until it is [formatted](Self::format).
    pub unformatted: Option<Formattable>,
}

/// What a browser shows by itself, by its address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Media {
    Picture(String),
    /// In place of a picture that is too large to be loaded unasked, or that browsers do not know.
    Thumbnail(String),
    Sound(String),
    Film(String),
    /// PDF.
    Document(String),
    /// PDF that must not be opened here.
    Closed(Closed),
}

/// What stands in place of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closed {
    /// Of its first page.
    pub picture: Option<String>,
    pub why: &'static str,
    /// Where the whole of it is.
    pub url: String,
}

impl Preview {
    /// # Errors
    /// [`Kind::Invalid`](crate::error::Kind::Invalid) for a part that is none; failures to read.
    pub fn of(
        library: &Library,
        entry: &Entry,
        facts: Option<&Facts>,
        opening: &Opening,
    ) -> Result<Self> {
        let parsed = search::parse(&opening.query, now_ms());
        let matches = match (facts, has_words(&parsed)) {
            (Some(_), true) => library
                .matches(&entry.file_content(), &parsed, MOST_MATCHES)
                .unwrap_or_default(),
            _ => Vec::new(),
        };
        let first = matches.first();
        let page = opening.page.or_else(|| first.and_then(|first| first.page));
        let place = match (&opening.part, page) {
            (Some(part), _) if part == "end" => part::Wanted::End,
            (Some(part), _) => part::Wanted::Passage(number(part)?),
            (None, Some(page)) => part::Wanted::Page(page),
            (None, None) => match first {
                Some(first) => part::Wanted::Passage(first.part),
                None => part::Wanted::Beginning,
            },
        };
        let shown = part::Shown {
            library,
            entry,
            facts,
            parsed: &parsed,
            query: &opening.query,
        };
        let formattable = shown.formattable(place);
        let kept = formattable.as_ref().and_then(|text| known(library, text));
        let text = match (&formattable, &kept) {
            (
                Some(text),
                Some(FormattedText {
                    html: Some(html), ..
                }),
            ) => Some(Text::formatted(html.clone(), text.style())),
            _ => shown.text(place, matches)?,
        };
        Ok(Self {
            media: Media::of(entry, facts, page),
            text,
            unformatted: formattable.filter(|_| kept.is_none()),
        })
    }

    /// Shows a text as it was meant to be seen, if that can be had soon.
    pub async fn format(&mut self, app: &App) {
        let Some(text) = self.unformatted.take() else {
            return;
        };
        let style = text.style().clone();
        if let Some(html) = app.previews().make(app, text).await {
            self.text = Some(Text::formatted(html, &style));
        }
    }
}

/// What formatting came to, if that is kept and can be read now.
fn known(library: &Library, text: &Formattable) -> Option<FormattedText> {
    library.formatted_text(text).unwrap_or_else(|error| {
        tracing::debug!(%error, "answering without kept previews");
        None
    })
}

fn number(part: &str) -> Result<u32> {
    part.parse().map_err(|_| {
        Error::invalid(format!(
            "There is no part {part:?}; parts are numbered from 0, and the last is \"end\"."
        ))
    })
}

impl Media {
    fn of(entry: &Entry, facts: Option<&Facts>, page: Option<u32>) -> Option<Self> {
        let (id, media) = (entry.id, entry.media_type.as_str());
        let own = || format!("/shown/{id}");
        match media.split_once('/')?.0 {
            _ if media == PDF => Some(match why_closed(facts) {
                None => {
                    let page = page.map_or(String::new(), |page| format!("#page={page}"));
                    Self::Document(format!("{}{page}", own()))
                }
                Some(why) => Self::Closed(Closed {
                    picture: thumbnail::address(id, entry.version, media),
                    why,
                    url: format!("/download/{id}"),
                }),
            }),
            "image" if entry.size > MOST_PICTURE_BYTES || is_unknown(media) => {
                thumbnail::address(id, entry.version, media).map(Self::Thumbnail)
            }
            _ if media == "image/svg+xml" => Some(Self::Picture(own())),
            "image" => Some(Self::Picture(format!("/download/{id}"))),
            "audio" => Some(Self::Sound(format!("/download/{id}"))),
            "video" => Some(Self::Film(format!("/download/{id}"))),
            _ => None,
        }
    }
}

/// Why a PDF is not opened in a browser's viewer, which would run its scripts; nothing if it has
/// none.
pub fn why_closed(facts: Option<&Facts>) -> Option<&'static str> {
    match facts.map(|facts| facts.details.scripts) {
        Some(Some(false)) => None,
        Some(Some(true)) => Some("It has scripts in it, so it is not opened here."),
        Some(None) => {
            Some("Whether it has scripts in it could not be read, so it is not opened here.")
        }
        None => Some("It is not read yet, so it is not known whether it has scripts in it."),
    }
}

/// Whether browsers do not know what to do with pictures of this type.
fn is_unknown(media: &str) -> bool {
    media != "image/svg+xml" && !is_shown(media)
}

/// Whether a query has words to mark.
fn has_words(parsed: &Parsed) -> bool {
    parsed.root.is_some()
}
