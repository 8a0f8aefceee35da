//! Uploads from forms: many files and whole folders as one `multipart/form-data` (RFC 7578),
//! streamed to disk one after the other.

#[cfg(any(test, fuzzing))]
pub mod fuzzing;

use std::collections::HashSet;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::task::{Context, Poll};

use axum::Json;
use axum::body::{Body, Bytes};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use futures_util::{Stream, StreamExt};
use mail_parser::MessageParser;
use multer::{Field, Multipart};
use percent_encoding::percent_decode_str;
use serde::Serialize;

use super::pages::folder_url;
use super::patience::body_error;
use super::problem::{self, Failure, prefers_html};
use super::receive::{self, Incoming};
use super::state::App;
use crate::error::{Error, Kind, Result};
use crate::library::{
    FilePath, FolderPath, Happening, MAX_PATH_BYTES, NewFile, Precondition, Receipt, Share,
};

/// Bytes that may come before a part's content begins: what stands before the first boundary, and the
/// part's headers. The multipart reader keeps them all, and looks through them at each piece that comes.
const MOST_AHEAD: usize = 64 << 10;
/// Files of one form that can be refused before the rest of it is, too: each is told of at the end.
const MAX_FAILURES: usize = 100;
/// Characters of a name or a sentence that are told.
const MAX_TOLD: usize = 300;

/// What became of a form's files.
#[derive(Debug, Default, Serialize)]
pub struct Outcome {
    /// One for each file that was stored.
    pub receipts: Vec<Receipt>,
    /// One for each that was not.
    pub failures: Vec<Refused>,
}

/// A file that was not stored.
#[derive(Debug, Serialize)]
pub struct Refused {
    pub path: String,
    /// One sentence: why.
    pub detail: String,
    #[serde(skip)]
    status: StatusCode,
}

/// `POST /upload`: the text field `folder` first, then files; a text field `path` names the
/// file after it, else its file name does, which may hold folders. Answers an [`Outcome`] as
/// JSON, or leads a browser back to the folder.
pub async fn upload(app: App, headers: HeaderMap, body: Body) -> problem::Result {
    let mut form = Form::new(&app, &headers, body)?;
    while form.take_field().await? {}
    if prefers_html(&headers) {
        form.outcome.page(&form.folder)
    } else {
        form.outcome.json()
    }
}

/// Takes the files of a form for a link: into its folder whatever the form says, each beside what
/// is there, and for one use of the link each. Answers the names under which they were sent.
pub async fn dropped(
    app: &App,
    share: &Share,
    folder: FolderPath,
    headers: &HeaderMap,
    body: Body,
) -> Result<Vec<String>, Failure> {
    let form = Form::new(app, headers, body)?;
    let mut form = Form {
        link: Some((share, folder)),
        ..form
    };
    while form.take_field().await? {}
    let Form { outcome, sent, .. } = form;
    match outcome.failures.first() {
        None if sent.is_empty() => Err(no_file()),
        None => Ok(sent),
        Some(first) if sent.is_empty() => Err(Failure::new(first.status, first.sentence())),
        Some(first) => Err(Failure::new(
            first.status,
            format!("{} files arrived. {}", sent.len(), first.sentence()),
        )),
    }
}

/// A form on its way in.
struct Form<'a> {
    app: &'a App,
    /// The link by which it comes, and where that puts its files.
    link: Option<(&'a Share, FolderPath)>,
    /// Names under which files were sent by a link.
    sent: Vec<String>,
    fields: Multipart<'static>,
    allowance: Allowance,
    folder: FolderPath,
    /// What the field before a file called it.
    path: Option<String>,
    /// Where files of this form were stored: one more of that name is kept beside it.
    stored: HashSet<FilePath>,
    outcome: Outcome,
}

impl<'a> Form<'a> {
    fn new(app: &'a App, headers: &HeaderMap, body: Body) -> Result<Self, Failure> {
        let boundary = boundary(headers)?;
        let allowance = Allowance::default();
        Ok(Self {
            app,
            link: None,
            sent: Vec::new(),
            fields: Multipart::new(Paced::new(body, allowance.clone()), boundary),
            allowance,
            folder: FolderPath::default(),
            path: None,
            stored: HashSet::new(),
            outcome: Outcome::default(),
        })
    }

    /// Takes the next field; false after the last one. A form that breaks off after files were
    /// stored ends there: its receipts must reach the client.
    async fn take_field(&mut self) -> Result<bool> {
        self.allowance.set(MOST_AHEAD);
        let next = self.fields.next_field().await;
        self.allowance.set(usize::MAX);
        let mut field = match next {
            Ok(Some(field)) => field,
            Ok(None) => return Ok(false),
            Err(error) => return self.broken(form_error(error)),
        };
        let taken = match self.take(&mut field).await {
            Ok(true) => pass_over(field).await,
            other => other,
        };
        let goes_on = taken.or_else(|error| self.broken(error))?;
        Ok(goes_on && self.outcome.failures.len() < MAX_FAILURES)
    }

    async fn take(&mut self, field: &mut Field<'static>) -> Result<bool> {
        match (FileName::of(field), field.name()) {
            (FileName::Known(name), _) => self.take_file(field, name).await,
            (FileName::Empty, _) => self.take_unnamed(field).await,
            (FileName::Unreadable, _) => {
                self.refuse("a file".into(), unreadable_name());
                Ok(true)
            }
            (FileName::None, Some("folder")) => self.take_folder(field).await,
            (FileName::None, Some("path")) => self.take_path(field).await,
            (FileName::None, None) => Err(nameless()),
            // A field of text that means nothing here, such as the button that was pressed.
            (FileName::None, Some(_)) => Ok(true),
        }
    }

    async fn take_folder(&mut self, field: &mut Field<'static>) -> Result<bool> {
        self.folder = FolderPath::typed(&short_text(field).await?)?;
        Ok(true)
    }

    async fn take_path(&mut self, field: &mut Field<'static>) -> Result<bool> {
        self.path = Some(short_text(field).await?);
        Ok(true)
    }

    /// Stores one file; if it is refused, the next one may still be stored.
    async fn take_file(&mut self, field: &mut Field<'static>, name: String) -> Result<bool> {
        let name = self.path.take().unwrap_or(name);
        let folder = self
            .link
            .as_ref()
            .map_or(&self.folder, |(_, folder)| folder);
        let path = match folder.join(&name) {
            Ok(path) => path,
            Err(error) => {
                self.refuse(name, error);
                return Ok(true);
            }
        };
        self.use_link(&name).await?;
        let chunks = field.map(|chunk| chunk.map_err(form_error));
        let mut incoming = Incoming::new(chunks, self.app.config().max_upload);
        let file = NewFile {
            keep_both: self.link.is_some() || self.stored.contains(&path),
            ..new_file(path.clone())
        };
        match receive::store(self.app, &mut incoming, file).await {
            Ok(_) if self.link.is_some() => self.sent.push(name),
            Ok(receipt) => {
                self.stored.insert(path);
                self.stored.insert(receipt.path.clone());
                self.outcome.receipts.push(receipt);
            }
            // Where a link leads is not for whoever sends by it.
            Err(error) if self.link.is_some() => self.refuse(name, by_a_link(error)),
            Err(error) => self.refuse(path.to_string(), error),
        }
        Ok(!incoming.is_broken())
    }

    /// Takes a use of the link, before anything is stored by it.
    async fn use_link(&self, name: &str) -> Result<()> {
        let Some((share, _)) = &self.link else {
            return Ok(());
        };
        let (share, name) = ((*share).clone(), name.to_owned());
        let address = self.app.visitor().origin.address.to_string();
        let used = self
            .app
            .run(move |library| library.use_share(&share, 1, Happening::Dropped, &address, &name));
        used.await
    }

    /// Browsers send such a part, without content, where no file was chosen.
    async fn take_unnamed(&mut self, field: &mut Field<'static>) -> Result<bool> {
        if let Some(path) = self.path.take() {
            return self.take_file(field, path).await;
        }
        while let Some(chunk) = field.chunk().await.map_err(form_error)? {
            if !chunk.is_empty() {
                self.refuse("a file".into(), unnamed());
                break;
            }
        }
        Ok(true)
    }

    fn refuse(&mut self, path: String, error: Error) {
        let failure = Failure::from(error);
        failure.log();
        self.outcome.failures.push(Refused {
            path: shortened(path),
            detail: shortened(failure.sentence().to_owned()),
            status: failure.status(),
        });
    }

    fn broken(&mut self, error: Error) -> Result<bool> {
        if self.outcome.is_empty() && self.sent.is_empty() {
            return Err(error);
        }
        self.refuse("the rest of the form".into(), error);
        Ok(false)
    }
}

fn shortened(mut text: String) -> String {
    if let Some((end, _)) = text.char_indices().nth(MAX_TOLD) {
        text.truncate(end);
        text.push('…');
    }
    text
}

impl Refused {
    fn sentence(&self) -> String {
        format!("{} was not stored. {}", self.path, self.detail)
    }
}

impl Outcome {
    fn is_empty(&self) -> bool {
        self.receipts.is_empty() && self.failures.is_empty()
    }

    /// 200 if anything was stored, else the first failure as a problem that has them all.
    fn json(self) -> problem::Result {
        match (self.receipts.first(), self.failures.first()) {
            (Some(_), _) => Ok(Json(self).into_response()),
            (None, None) => Err(no_file()),
            (None, Some(first)) => {
                Err(Failure::new(first.status, first.sentence()).with_failures(&self.failures))
            }
        }
    }

    fn page(self, folder: &FolderPath) -> problem::Result {
        let Some(first) = self.failures.first() else {
            return match self.receipts.is_empty() {
                true => Err(no_file()),
                false => Ok(back_to(folder)),
            };
        };
        let sentence = match (self.receipts.len(), self.failures.len()) {
            (0, 1) => first.sentence(),
            (stored, failed) => format!(
                "{stored} files were stored, but {failed} were not. The first of these is {}: {}",
                first.path, first.detail
            ),
        };
        Err(Failure::new(first.status, sentence))
    }
}

/// What is told of a refusal to somebody who came by a link: nothing of the folder, or of whose it is.
pub fn by_a_link(error: Error) -> Error {
    let (kind, sentence) = match error.kind() {
        Kind::NoSpace => (
            Kind::NoSpace,
            "There is no room for it behind this link; tell whoever gave it to you.",
        ),
        Kind::Forbidden | Kind::NotFound => (
            Kind::NotFound,
            "The link takes no files any more; ask for another one.",
        ),
        // It names the folder.
        Kind::Conflict => (
            Kind::Conflict,
            "There is no free name for it behind this link; send it under another one.",
        ),
        _ => return error,
    };
    Error::new(kind, sentence).because(error)
}

fn no_file() -> Failure {
    Error::invalid("The form has no file in it; choose at least one.").into()
}

fn unnamed() -> Error {
    Error::invalid("A file in the form has no name; give it one with filename=\"…\".")
}

fn unreadable_name() -> Error {
    Error::invalid(
        "The name of a file in the form is not valid UTF-8; send filename=\"…\" in UTF-8.",
    )
}

/// What follows such a part may have been taken for a piece of it.
fn nameless() -> Error {
    Error::invalid(
        "A part of the form has no name; every part needs a header \
         Content-Disposition: form-data; name=\"…\".",
    )
}

fn back_to(folder: &FolderPath) -> Response {
    Redirect::to(&folder_url(folder)).into_response()
}

fn new_file(path: FilePath) -> NewFile {
    NewFile {
        path,
        precondition: Precondition::None,
        expected: None,
        keep_both: false,
    }
}

fn boundary(headers: &HeaderMap) -> Result<String, Failure> {
    let kind = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    multer::parse_boundary(kind).map_err(|error| match error {
        multer::Error::NoBoundary => {
            Error::invalid("The form's Content-Type names no boundary between its parts.").into()
        }
        _ => Failure::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "Files are uploaded here as multipart/form-data; \
             to send one file as it is, PUT it to /api/v1/files/<path>.",
        ),
    })
}

/// What is left of a part that is not wanted.
async fn pass_over(mut field: Field<'static>) -> Result<bool> {
    while field.chunk().await.map_err(form_error)?.is_some() {}
    Ok(true)
}

async fn short_text(field: &mut Field<'static>) -> Result<String> {
    let mut bytes = Vec::new();
    while let Some(chunk) = field.chunk().await.map_err(form_error)? {
        bytes.extend_from_slice(&chunk);
        // One more than a path may have, so that a folder may end in a slash.
        if bytes.len() > MAX_PATH_BYTES + 1 {
            return Err(Error::invalid(format!(
                "A path in the form is longer than {MAX_PATH_BYTES} bytes, the most that one may have."
            )));
        }
    }
    String::from_utf8(bytes).map_err(|_| Error::invalid("A path in the form is not valid UTF-8."))
}

fn form_error(error: multer::Error) -> Error {
    match error {
        multer::Error::StreamReadFailed(cause) => match cause.downcast::<Error>() {
            Ok(cause) => *cause,
            Err(cause) => {
                Error::new(Kind::Stalled, "The form could not be read to its end.").because(cause)
            }
        },
        multer::Error::IncompleteFieldData { .. } => Error::invalid(
            "The form ends before its closing boundary; the file it ends in was not stored.",
        ),
        // The reader says no more: the form may be cut, or have no such boundary, or no headers.
        multer::Error::IncompleteStream => Error::invalid(
            "The form is incomplete or malformed: every part begins with the boundary, a \
             Content-Disposition header and an empty line, and the last boundary ends in --.",
        ),
        multer::Error::IncompleteHeaders
        | multer::Error::ReadHeaderFailed(_)
        | multer::Error::DecodeHeaderName { .. }
        | multer::Error::DecodeHeaderValue { .. } => {
            Error::invalid("A part of the form has headers that are malformed.").because(error)
        }
        other => Error::invalid(format!("The form is malformed: {other}.")),
    }
}

/// What a part of a form says about the name of its file.
#[derive(Debug, PartialEq, Eq)]
enum FileName {
    /// It is no file.
    None,
    /// It is a file without a name.
    Empty,
    Known(String),
    Unreadable,
}

impl FileName {
    fn of(field: &Field<'_>) -> Self {
        let disposition = field.headers().get(CONTENT_DISPOSITION);
        Self::read(
            field.file_name(),
            disposition.map_or(b"", |value| value.as_bytes()),
        )
    }

    /// The reader knows neither a name that is not UTF-8 nor `filename*` (RFC 8187), which forms
    /// must not use and some clients do: it is the whole truth where the other is for old readers.
    fn read(file_name: Option<&str>, disposition: &[u8]) -> Self {
        let names_a_file = || disposition.windows(8).any(|part| part == b"filename");
        match (extended(disposition), file_name) {
            (Some(name), _) if name.is_empty() => Self::Empty,
            (Some(name), _) => Self::Known(name),
            (None, Some("")) => Self::Empty,
            (None, Some(name)) => Self::Known(match decoded_words(name) {
                Some(decoded) => decoded,
                // Browsers write a quote in a name like this, and nothing else (HTML, 4.10.21.8).
                None => name.replace("%22", "\""),
            }),
            (None, None) if names_a_file() => Self::Unreadable,
            (None, None) => Self::None,
        }
    }
}

/// A name that is written in encoded words (RFC 2047) alone, as some mailers' libraries do.
fn decoded_words(name: &str) -> Option<String> {
    let mut words = name.split_ascii_whitespace();
    let is_encoded = |word: &str| {
        let inner = word
            .strip_prefix("=?")
            .and_then(|word| word.strip_suffix("?="));
        inner.is_some_and(|inner| inner.split('?').count() == 3)
    };
    if name.len() > MAX_PATH_BYTES || !words.clone().any(is_encoded) || !words.all(is_encoded) {
        return None;
    }
    let header = format!("Subject: {name}\r\n\r\n");
    let message = MessageParser::default().parse(header.as_bytes())?;
    let decoded = message.subject()?.to_owned();
    (!decoded.is_empty() && !is_encoded(&decoded)).then_some(decoded)
}

/// The value of `filename*=UTF-8''…`.
fn extended(disposition: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(disposition).ok()?;
    let (_, value) = text.split_once("filename*=")?;
    let value = value.split(';').next()?.trim();
    let (charset, value) = value.split_once('\'')?;
    let (_language, value) = value.split_once('\'')?;
    if !charset.eq_ignore_ascii_case("utf-8") {
        return None;
    }
    let name = percent_decode_str(value).decode_utf8().ok()?;
    Some(name.into_owned())
}

/// A body that hands over one chunk at a time. The multipart reader takes all that is ready
/// before it lets go of any: from a fast client, that would be the whole file.
struct Paced {
    body: axum::body::BodyDataStream,
    pause: bool,
    allowance: Allowance,
}

/// How many bytes may still be handed over. The multipart reader has no bound for what it keeps of
/// them until a part begins, so whoever waits for one sets it.
#[derive(Clone)]
struct Allowance(Arc<AtomicUsize>);

impl Default for Allowance {
    fn default() -> Self {
        Self(Arc::new(usize::MAX.into()))
    }
}

impl Allowance {
    fn set(&self, bytes: usize) {
        self.0.store(bytes, Relaxed);
    }

    fn is_spent(&self) -> bool {
        self.0.load(Relaxed) == 0
    }

    fn spend(&self, bytes: usize) {
        self.set(self.0.load(Relaxed).saturating_sub(bytes));
    }
}

impl Paced {
    fn new(body: Body, allowance: Allowance) -> Self {
        Self {
            body: body.into_data_stream(),
            pause: false,
            allowance,
        }
    }
}

fn nothing_begins() -> Error {
    Error::invalid(format!(
        "In {MOST_AHEAD} bytes of the form no part begins: its boundary is not the one that \
         Content-Type names, or a part has too many headers."
    ))
}

impl Stream for Paced {
    type Item = Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if std::mem::take(&mut self.pause) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.pause = true;
        if self.allowance.is_spent() {
            return Poll::Ready(Some(Err(nothing_begins())));
        }
        let polled = self.body.poll_next_unpin(cx);
        if let Poll::Ready(Some(Ok(chunk))) = &polled {
            self.allowance.spend(chunk.len());
        }
        polled.map(|chunk| chunk.map(|chunk| chunk.map_err(body_error)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(status: StatusCode) -> Refused {
        Refused {
            path: "a".into(),
            detail: "Why.".into(),
            status,
        }
    }

    #[test]
    fn no_file_is_taken_for_a_field_of_text() {
        let named = |name: &str| FileName::Known(name.to_owned());
        let read = |disposition: &[u8]| FileName::read(None, disposition);
        assert_eq!(FileName::read(Some("a%22b.txt"), b""), named("a\"b.txt"));
        assert_eq!(FileName::read(Some(""), b""), FileName::Empty);
        assert_eq!(read(b"form-data; name=\"folder\""), FileName::None);
        assert_eq!(
            read(b"form-data; name=\"f\"; filename*=utf-8''na%C3%AFve.txt; x=y"),
            named("na\u{ef}ve.txt")
        );
        let both = b"form-data; name=f; filename=\"=?utf-8?B?w5w=?=\"; filename*=utf-8''%C3%9Cbersicht.txt";
        assert_eq!(
            FileName::read(Some("=?utf-8?B?w5w=?="), both),
            named("\u{dc}bersicht.txt")
        );
        for (written, meant) in [
            ("=?utf-8?B?w5xiZXJzaWNodC50eHQ=?=", "\u{dc}bersicht.txt"),
            ("=?utf-8?Q?=C3=9Cber_1/2.txt?=", "\u{dc}ber 1/2.txt"),
            ("=?iso-8859-1?Q?caf=E9.txt?=", "caf\u{e9}.txt"),
            ("=?utf-8?B?w5xi?= =?utf-8?B?ZXI=?=", "\u{dc}ber"),
            ("=?what?.txt", "=?what?.txt"),
            ("a =?utf-8?B?w5w=?=", "a =?utf-8?B?w5w=?="),
        ] {
            assert_eq!(
                FileName::read(Some(written), b""),
                named(meant),
                "{written}"
            );
        }
        for unreadable in [
            &b"form-data; name=\"f\"; filename=\"caf\xe9.txt\""[..],
            b"form-data; name=\"f\"; filename*=iso-8859-1''caf%E9.txt",
            b"form-data; name=\"f\"; filename*=utf-8''caf%E9.txt",
        ] {
            assert_eq!(read(unreadable), FileName::Unreadable);
        }
    }

    #[test]
    fn nothing_chosen_is_said_so() {
        let failure = Outcome::default().json().unwrap_err();
        assert_eq!(failure.status(), StatusCode::BAD_REQUEST);
        assert!(Outcome::default().page(&FolderPath::default()).is_err());
    }

    #[test]
    fn the_status_is_that_of_the_first_failure_if_nothing_was_stored() {
        let outcome = || Outcome {
            receipts: Vec::new(),
            failures: vec![
                refused(StatusCode::INSUFFICIENT_STORAGE),
                refused(StatusCode::CONFLICT),
            ],
        };
        assert_eq!(
            outcome().json().unwrap_err().status(),
            StatusCode::INSUFFICIENT_STORAGE
        );
        let failure = outcome().page(&FolderPath::default()).unwrap_err();
        assert_eq!(failure.status(), StatusCode::INSUFFICIENT_STORAGE);
        assert!(failure.sentence().contains("2 were not"));
    }

    #[test]
    fn browsers_return_to_the_folder() {
        let folder = FolderPath::parse("año/a&b").unwrap();
        assert_eq!(
            back_to(&folder).headers()["location"],
            "/browse/a%C3%B1o/a%26b"
        );
        assert_eq!(back_to(&FolderPath::default()).headers()["location"], "/");
    }

    #[tokio::test]
    async fn a_fast_body_is_never_taken_whole() {
        let mut polls = Vec::new();
        let chunks = futures_util::stream::iter(
            (0..3).map(|_| Ok::<_, std::io::Error>(Bytes::from_static(b"x"))),
        );
        let mut paced = Paced::new(Body::from_stream(chunks), Allowance::default());
        std::future::poll_fn(|cx| {
            for _ in 0..4 {
                polls.push(Pin::new(&mut paced).poll_next(cx).is_ready());
            }
            Poll::Ready(())
        })
        .await;
        assert_eq!(polls, [true, false, true, false]);
    }

    async fn refused_for(body: Body) -> Error {
        let mut headers = HeaderMap::new();
        headers.insert(
            CONTENT_TYPE,
            "multipart/form-data; boundary=x".parse().unwrap(),
        );
        let app = App::new(
            crate::config::Config::from_vars([("ACCESS".to_owned(), "local".to_owned())]).unwrap(),
        );
        let mut form = Form::new(&app, &headers, body).unwrap();
        loop {
            match form.take_field().await {
                Ok(true) => {}
                Ok(false) => panic!("it was taken"),
                Err(error) => return error,
            }
        }
    }

    #[tokio::test]
    async fn nothing_is_kept_without_end_before_a_part_begins() {
        for beginning in ["", "--x", "--x\r\nContent-Disposition: form-data; name=\""] {
            let taken = Arc::new(AtomicUsize::new(0));
            let counted = taken.clone();
            let pieces = std::iter::once(beginning.to_owned())
                .chain(std::iter::repeat(" ".repeat(1000)))
                .inspect(move |piece| {
                    counted.fetch_add(piece.len(), Relaxed);
                })
                .map(Ok::<_, Error>);
            let error = refused_for(Body::from_stream(futures_util::stream::iter(pieces))).await;
            assert_eq!(error.kind(), Kind::Invalid, "{beginning:?}: {error}");
            assert!(taken.load(Relaxed) <= MOST_AHEAD + 2000, "{beginning:?}");
        }
    }

    #[tokio::test]
    async fn a_part_that_is_not_wanted_may_be_of_any_length() {
        const PART: &str = "--x\r\nContent-Disposition: form-data; name=";
        let pieces = std::iter::once(format!("{PART}\"button\"\r\n\r\n"))
            .chain(std::iter::repeat_n("-".repeat(1000), 2 * MOST_AHEAD / 1000))
            .chain([format!("\r\n{PART}\"folder\"\r\n\r\n..\r\n--x--")])
            .map(Ok::<_, Error>);
        let error = refused_for(Body::from_stream(futures_util::stream::iter(pieces))).await;
        assert!(error.sentence().contains("\"..\""), "{error}");
    }

    #[tokio::test]
    async fn malformed_forms_are_refused_with_a_sentence() {
        const FOLDER: &str = "--x\r\nContent-Disposition: form-data; name=\"folder\"\r\n\r\n";
        for (body, word) in [
            ("".to_owned(), "incomplete or malformed"),
            ("no boundary at all".to_owned(), "incomplete or malformed"),
            ("--x\r\n".to_owned(), "incomplete or malformed"),
            (
                "--x\r\n\r\nheadless\r\n--x--\r\n".to_owned(),
                "Content-Disposition",
            ),
            (
                format!("--x\r\n\r\nheadless\r\n{FOLDER}a\r\n--x--\r\n"),
                "no name",
            ),
            (format!("{FOLDER}reports"), "closing boundary"),
            (
                "--x\r\nbroken header\r\n\r\nreports\r\n--x--\r\n".to_owned(),
                "headers",
            ),
            (format!("{FOLDER}../etc\r\n--x--\r\n"), ".."),
        ] {
            let error = refused_for(body.clone().into()).await;
            assert_eq!(error.kind(), Kind::Invalid, "{body:?}: {error}");
            assert!(error.sentence().contains(word), "{body:?}: {error}");
        }
        let app = App::new(
            crate::config::Config::from_vars([("ACCESS".to_owned(), "local".to_owned())]).unwrap(),
        );
        let failure = Form::new(&app, &HeaderMap::new(), Body::empty())
            .err()
            .unwrap();
        assert_eq!(failure.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, "multipart/form-data".parse().unwrap());
        let failure = Form::new(&app, &headers, Body::empty()).err().unwrap();
        assert_eq!(failure.status(), StatusCode::BAD_REQUEST);
    }
}
