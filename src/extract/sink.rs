//! Where readers put what they find: bounded, and passed on as it comes, so that what was read
//! before a limit, a time-out or a crash is kept.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::plain;

/// Between two pages (slides, sheets, chapters) of a text. Nowhere else does a text hold it.
pub const PAGE_BREAK: char = '\u{c}';

/// How much text is collected before it is passed on.
const PIECE_BYTES: usize = 32 << 10;

/// Longest title, name or date, in bytes.
const MOST_OF_DETAIL: usize = 1024;

/// Subjects, keywords and properties of one document, and bytes of each.
const MAX_ABOUT: usize = 256;
const MAX_ABOUT_BYTES: usize = 16 << 10;

/// Messages hold archives that hold messages; what is deeper is not looked for.
const MOST_NESTING: usize = 4;

/// What a document says about itself besides its text; what it does not say is absent.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct Details {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Who wrote, drew or plays it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub album: Option<String>,
    /// When it was written, taken or recorded, as far as it says: `2026`, `2026-05`, `2026-05-17`
    /// or `2026-05-17T09:30:00` in its own local time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub date: Option<String>,
    /// Pages, slides, sheets or chapters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pages: Option<u32>,
    /// Pixels, as it is meant to be looked at (after turning).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub width: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub height: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub camera: Option<String>,
    /// Degrees north (WGS 84).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latitude: Option<f64>,
    /// Degrees east (WGS 84).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub longitude: Option<f64>,
    /// How long it plays.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub milliseconds: Option<u64>,
    /// Whether it has scripts that a viewer may run; told of PDF alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scripts: Option<bool>,
}

/// Why a document gives no text, or no more of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unreadable {
    /// A password protects it.
    Encrypted,
    /// What is wrong with it, in words that follow "contents not readable: ".
    Broken(String),
}

impl Unreadable {
    /// What is the matter, in words that follow a colon.
    pub fn why(&self) -> &str {
        match self {
            Self::Encrypted => "a password protects it",
            Self::Broken(why) => why,
        }
    }

    /// As it is told to people.
    pub fn sentence(&self) -> String {
        format!("Contents not readable: {}.", self.why())
    }

    /// The same where some of it was read.
    pub fn note(&self) -> String {
        match self {
            Self::Encrypted => {
                "Contents readable in part only: a password protects the rest.".into()
            }
            Self::Broken(why) => format!("Contents readable in part only: {why}."),
        }
    }
}

/// One piece of what is found in a file.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Found<'a> {
    /// `type/subtype`; comes before anything else.
    MediaType(&'a str),
    /// Comes before the text where it can, and replaces what came before.
    Details(&'a Details),
    /// The text goes on so.
    Text(&'a str),
}

/// What separates the text before from the text to come.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Gap {
    None,
    Space,
    Tab,
    Line,
}

/// Takes what a reader finds. Readers stop soon after [`is_full`](Self::is_full).
///
/// Gaps collapse into the widest of them and are written before the text that follows, so a text
/// neither begins nor ends with one.
pub struct Sink<'a> {
    pass_on: &'a mut dyn FnMut(Found<'_>),
    /// What is found out about the document; passed on by [`tell`](Self::tell) and at the end.
    pub details: Details,
    /// Pages, from 0, that are scans.
    scans: Vec<u32>,
    /// More that it says about itself, such as keywords: text of its own behind the details.
    about: Vec<String>,
    piece: String,
    room: usize,
    gap: Gap,
    /// Page breaks that the text to come begins with.
    breaks: usize,
    is_page_empty: bool,
    is_truncated: bool,
    /// Why, if not for its length, in words that follow a colon.
    why_cut: Option<&'static str>,
    /// How many files around the one that is being read.
    depth: usize,
}

/// What is known of a file once it is read.
pub struct Finished {
    pub details: Details,
    /// The file says more than was passed on.
    pub is_truncated: bool,
    /// Why, if not for its length.
    pub why_cut: Option<&'static str>,
    /// Pages, from 0, of which only a picture tells what they say.
    pub scans: Vec<u32>,
}

impl<'a> Sink<'a> {
    /// Passes on at most `limit` bytes of text.
    pub fn new(limit: usize, pass_on: &'a mut dyn FnMut(Found<'_>)) -> Self {
        Self {
            pass_on,
            details: Details::default(),
            scans: Vec::new(),
            about: Vec::new(),
            piece: String::new(),
            room: limit,
            gap: Gap::None,
            breaks: 0,
            is_page_empty: true,
            is_truncated: false,
            why_cut: None,
            depth: 0,
        }
    }

    /// Whether the text had to be cut.
    pub fn is_full(&self) -> bool {
        self.is_truncated
    }

    /// Appends text: lines end in `\n`, and besides `\t` no control character remains.
    pub fn text(&mut self, text: &str) {
        if text.is_empty() || self.is_truncated {
            return;
        }
        self.close_gap();
        match plain::first_suspect(text.as_bytes()) {
            None => self.push(text),
            // Cleaned by itself: a backspace takes back no more than its own text.
            Some(_) => {
                let mut cleaned = String::with_capacity(text.len());
                plain::push_clean(text, &mut cleaned);
                self.push(&cleaned);
            }
        }
    }

    /// Notes that the file says more than was read of it.
    pub fn cut(&mut self) {
        self.is_truncated = true;
    }

    /// The same for another reason than its length, in words that follow a colon. What is inside of a
    /// file may be cut and the rest of it go on.
    pub fn cut_because(&mut self, why: &'static str) {
        if !self.is_truncated {
            self.why_cut.get_or_insert(why);
        }
    }

    /// Separates words.
    pub fn space(&mut self) {
        self.gap = self.gap.max(Gap::Space);
    }

    /// Takes back a gap between words: what comes next goes on with the last word.
    pub fn join(&mut self) {
        if self.gap == Gap::Space {
            self.gap = Gap::None;
        }
    }

    /// Separates the cells of a table's row.
    pub fn cell(&mut self) {
        self.gap = self.gap.max(Gap::Tab);
    }

    /// Separates lines.
    pub fn line(&mut self) {
        self.gap = Gap::Line;
    }

    /// A line of its own.
    pub fn paragraph(&mut self, text: &str) {
        self.line();
        self.text(text.trim());
        self.line();
    }

    /// Ends a page, be it empty; what comes next stands on another one. What is read so far is
    /// passed on.
    pub fn end_page(&mut self) {
        if self.depth > 0 {
            self.line();
            return;
        }
        self.gap = Gap::None;
        self.breaks += 1;
        self.is_page_empty = true;
        self.flush();
    }

    /// Passes on the details known so far, and lets the text begin with those that people search
    /// for: title, who it is by, album and camera, each on a line.
    pub fn tell(&mut self) {
        if self.depth > 0 {
            return;
        }
        self.details.shorten();
        (self.pass_on)(Found::Details(&self.details));
        for line in self.details.lines() {
            self.paragraph(&line);
        }
        for text in std::mem::take(&mut self.about) {
            self.paragraph(&text);
        }
    }

    /// Notes that only a picture tells what a page (from 0) says.
    pub fn scan(&mut self, page: usize) {
        if let Some(page) = u32::try_from(page).ok().filter(|_| self.depth == 0) {
            self.scans.push(page);
        }
    }

    /// Keeps a subject, keywords or a description for [`tell`](Self::tell) to write.
    pub fn about(&mut self, text: &str) {
        let text = text.trim();
        let text = &text[..text.floor_char_boundary(MAX_ABOUT_BYTES)];
        let is_known = self.about.iter().any(|known| known == text);
        if !text.is_empty() && !is_known && self.about.len() < MAX_ABOUT {
            self.about.push(text.to_owned());
        }
    }

    /// Lets `read` add what another file says that this one holds: it has no pages and tells no
    /// details. Too deep inside, nothing is read.
    pub fn inside(&mut self, read: impl FnOnce(&mut Self)) {
        if self.depth == MOST_NESTING {
            return;
        }
        let details = std::mem::take(&mut self.details);
        let about = std::mem::take(&mut self.about);
        self.depth += 1;
        self.line();
        read(self);
        self.line();
        self.depth -= 1;
        self.details = details;
        self.about = about;
    }

    /// Passes on everything that is left.
    pub fn finish(mut self) -> Finished {
        self.flush();
        self.details.shorten();
        (self.pass_on)(Found::Details(&self.details));
        Finished {
            details: self.details,
            is_truncated: self.is_truncated || self.why_cut.is_some(),
            // Where the text is longer than what is kept, nothing else matters.
            why_cut: self.why_cut.filter(|_| !self.is_truncated),
            scans: self.scans,
        }
    }

    fn close_gap(&mut self) {
        for _ in 0..std::mem::take(&mut self.breaks).min(self.room + 1) {
            self.push("\u{c}");
        }
        let gap = std::mem::replace(&mut self.gap, Gap::None);
        match gap {
            _ if std::mem::take(&mut self.is_page_empty) => {}
            Gap::None => {}
            Gap::Space => self.push(" "),
            Gap::Tab => self.push("\t"),
            Gap::Line => self.push("\n"),
        }
    }

    fn push(&mut self, text: &str) {
        let mut fits = text.len().min(self.room);
        while !text.is_char_boundary(fits) {
            fits -= 1;
        }
        self.is_truncated |= fits < text.len();
        self.room = match self.is_truncated {
            true => 0,
            false => self.room - fits,
        };
        if fits >= PIECE_BYTES {
            self.flush();
            (self.pass_on)(Found::Text(&text[..fits]));
            return;
        }
        self.piece.push_str(&text[..fits]);
        if self.piece.len() >= PIECE_BYTES {
            self.flush();
        }
    }

    fn flush(&mut self) {
        if !self.piece.is_empty() {
            (self.pass_on)(Found::Text(&self.piece));
            self.piece.clear();
        }
    }
}

impl Details {
    /// Cuts what no document says in earnest.
    fn shorten(&mut self) {
        let Self {
            title,
            author,
            album,
            date,
            camera,
            ..
        } = self;
        for detail in [title, author, album, date, camera].into_iter().flatten() {
            detail.truncate(detail.floor_char_boundary(MOST_OF_DETAIL));
        }
    }

    /// What people search for, in the order it is written in.
    fn lines(&self) -> Vec<String> {
        let said = [&self.title, &self.author, &self.album, &self.camera];
        let mut lines: Vec<String> = Vec::new();
        for line in said.into_iter().flatten() {
            let line = line.split_whitespace().collect::<Vec<_>>().join(" ");
            if !line.is_empty() && !lines.contains(&line) {
                lines.push(line);
            }
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::{Details, Found, PIECE_BYTES, Sink};

    /// The pieces of text, and the details as last passed on.
    fn passed_on(limit: usize, write: impl FnOnce(&mut Sink<'_>)) -> (Vec<String>, Details, bool) {
        let (mut pieces, mut details) = (Vec::new(), Details::default());
        let mut pass_on = |found: Found<'_>| match found {
            Found::Text(text) => pieces.push(text.to_owned()),
            Found::Details(found) => details = found.clone(),
            Found::MediaType(_) => {}
        };
        let mut sink = Sink::new(limit, &mut pass_on);
        write(&mut sink);
        let finished = sink.finish();
        assert_eq!(finished.details, details);
        (pieces, details, finished.is_truncated)
    }

    fn text(write: impl FnOnce(&mut Sink<'_>)) -> String {
        passed_on(1 << 20, write).0.concat()
    }

    #[test]
    fn gaps_collapse_to_the_widest() {
        let found = text(|sink| {
            sink.line();
            sink.text("one");
            sink.space();
            sink.cell();
            sink.text("two");
            sink.cell();
            sink.line();
            sink.space();
            sink.paragraph(" three ");
            sink.paragraph("");
            sink.text("four");
            sink.line();
        });
        assert_eq!(found, "one\ttwo\nthree\nfour");
    }

    #[test]
    fn pages_keep_their_numbers() {
        let found = text(|sink| {
            sink.end_page();
            sink.line();
            sink.text("two\u{c}");
            sink.space();
            sink.end_page();
            sink.end_page();
            sink.text("four\u{8}\u{8}");
            sink.end_page();
            sink.text("\u{8}\u{8}five");
            sink.end_page();
        });
        assert_eq!(found, "\u{c}two\n\u{c}\u{c}fo\u{c}five");
    }

    #[test]
    fn what_is_inside_is_only_text() {
        fn nest(sink: &mut Sink<'_>, depth: usize) {
            sink.details.title = Some(depth.to_string());
            sink.tell();
            sink.text("in");
            sink.end_page();
            sink.inside(|sink| nest(sink, depth + 1));
        }
        let (pieces, details, _) = passed_on(1 << 10, |sink| nest(sink, 0));
        assert_eq!(pieces.concat(), "0\nin\u{c}in\nin\nin\nin");
        assert_eq!(details.title.as_deref(), Some("0"));
    }

    #[test]
    fn pages_are_passed_on_when_they_end_and_long_ones_in_pieces() {
        let (pieces, ..) = passed_on(1 << 20, |sink| {
            sink.text("one");
            sink.end_page();
            sink.text(&"y".repeat(PIECE_BYTES));
            sink.text("z");
        });
        let lengths: Vec<usize> = pieces.iter().map(String::len).collect();
        assert_eq!(lengths, [3, 1, PIECE_BYTES, 1]);
    }

    #[test]
    fn text_is_bounded() {
        let (pieces, _, truncated) = passed_on(6, |sink| {
            sink.text("añb");
            assert!(!sink.is_full());
            sink.text("cñd");
            assert!(sink.is_full());
            sink.text("e");
            sink.end_page();
        });
        assert_eq!((pieces.concat().as_str(), truncated), ("añbc", true));
        let (pieces, _, truncated) = passed_on(3, |sink| sink.text("abc"));
        assert_eq!((pieces.concat().as_str(), truncated), ("abc", false));
        let (pieces, _, truncated) = passed_on(9, |sink| {
            (0..1_000).for_each(|_| sink.end_page());
            sink.text("lost");
        });
        assert_eq!((pieces.concat().len(), truncated), (9, true));
    }

    #[test]
    fn details_come_before_the_text_and_are_found_in_it() {
        let (pieces, details, _) = passed_on(1 << 10, |sink| {
            sink.details.title = Some("Harbour\n  dues".into());
            sink.details.author = Some("Ada".into());
            sink.details.camera = Some("Ada".into());
            sink.tell();
            sink.text("Text");
            sink.details.pages = Some(1);
        });
        assert_eq!(pieces.concat(), "Harbour dues\nAda\nText");
        assert_eq!(details.pages, Some(1));
    }
}
