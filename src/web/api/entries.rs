//! `/api/v1/entries`: what the catalog knows about files, by folder and by id.

use axum::Json;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::pictured::Pictured;
use crate::error::{Error, Result};
use crate::library::{
    self, Entry, Facts, FileId, FilePath, FolderPath, Library, Listing, Sort, Sorting, Version,
};
use crate::web::input::{self, Path, Query};
use crate::web::known_facts::known_facts;
use crate::web::problem::{self, Problem};
use crate::web::state::App;

const DEFAULT_LIMIT: usize = 100;
const MAX_LIMIT: usize = 1000;

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Folder {
    /// Such as `reports/2026`; the root when it is absent.
    folder: Option<String>,
    sort: Option<Sort>,
    /// The other end first: from Z to A, the oldest, the smallest.
    #[serde(default)]
    reverse: bool,
    /// `next` of the page before.
    cursor: Option<String>,
    /// Folders and files on a page, from 1 to 1000; 100 when it is absent.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct WhichVersions {
    /// Only those before this number.
    before: Option<u64>,
    /// Versions in the answer, from 1 to 1000, which is also how many there are when it is absent.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
}

/// A page of a folder: its subfolders by name, and once they are all listed, its files.
#[derive(Serialize, ToSchema)]
#[schema(as = Listing)]
pub struct Listed {
    #[schema(value_type = String)]
    folder: FolderPath,
    folders: Vec<library::Folder>,
    files: Vec<Pictured>,
    /// Pass back to get the next page; absent on the last one.
    next: Option<String>,
}

impl From<Listing> for Listed {
    fn from(listing: Listing) -> Self {
        Self {
            folder: listing.folder,
            folders: listing.folders,
            files: listing.files.into_iter().map(Pictured::from).collect(),
            next: listing.next,
        }
    }
}

/// An entry, and whether a search finds it as it is now.
#[derive(Serialize, ToSchema)]
pub struct EntryState {
    #[serde(flatten)]
    entry: Pictured,
    /// Whether the search index has applied the file's last change.
    searchable: bool,
    /// What is known of its content; null until it was read.
    facts: Option<Facts>,
}

/// One change of a file; exactly one of the fields is given, so that a change happens
/// entirely or not at all.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// Renames or moves the file.
    path: Option<String>,
    /// Replaces its tags.
    tags: Option<Vec<String>>,
    /// Moves it to the trash, or back.
    trashed: Option<bool>,
    /// Makes the content of an older version current again, as a new version.
    version: Option<u32>,
}

/// Lists a folder
#[utoipa::path(
    get,
    path = "/api/v1/entries",
    operation_id = "listFolder",
    tag = "entries",
    params(Folder),
    responses(
        (status = 200, body = Listed),
        (status = 404, body = Problem, content_type = "application/problem+json", description = "There is no such folder"),
    )
)]
pub async fn list(app: App, Query(query): Query<Folder>) -> problem::Result<Json<Listed>> {
    let folder = FolderPath::parse(query.folder.as_deref().unwrap_or_default())?;
    let limit = page_size(query.limit, DEFAULT_LIMIT, MAX_LIMIT)?;
    let sorting = Sorting {
        by: query.sort.unwrap_or_default(),
        reversed: query.reverse,
    };
    let listing =
        app.look(move |library| library.list(&folder, sorting, query.cursor.as_deref(), limit));
    Ok(Json(listing.await?.into()))
}

/// Shows a file, trashed or not
#[utoipa::path(
    get,
    path = "/api/v1/entries/{id}",
    operation_id = "getEntry",
    tag = "entries",
    params(("id" = i64, Path)),
    responses(
        (status = 200, body = EntryState),
        (status = 404, body = Problem, content_type = "application/problem+json", description = "There is no such file"),
    )
)]
pub async fn get(app: App, Path(id): Path<FileId>) -> problem::Result<Json<EntryState>> {
    let entry = app.look(move |library| Ok(EntryState::of(library, library.entry(id)?)));
    Ok(Json(entry.await?))
}

/// Changes a file
#[utoipa::path(
    patch,
    path = "/api/v1/entries/{id}",
    operation_id = "changeEntry",
    tag = "entries",
    params(("id" = i64, Path)),
    request_body = Change,
    responses(
        (status = 200, body = EntryState, description = "The file after the change"),
        (status = 404, body = Problem, content_type = "application/problem+json", description = "There is no such file, or no such version of it"),
        (status = 409, body = Problem, content_type = "application/problem+json", description = "The path is taken, or the file is in the trash, or is not"),
        (status = 408, body = Problem, content_type = "application/problem+json", description = "The body stopped arriving"),
        (status = 413, body = Problem, content_type = "application/problem+json", description = "The body is larger than any change"),
        (status = 415, body = Problem, content_type = "application/problem+json", description = "The body is no JSON"),
        (status = 507, body = Problem, content_type = "application/problem+json", description = "The disk is full"),
    )
)]
pub async fn patch(
    app: App,
    Path(id): Path<FileId>,
    input::Json(change): input::Json<Change>,
) -> problem::Result<Json<EntryState>> {
    let change = OneChange::try_from(change)?;
    let entry = app.run(move |library| Ok(EntryState::of(library, change.apply(library, id)?)));
    Ok(Json(entry.await?))
}

/// Lists a file's versions, newest first
#[utoipa::path(
    get,
    path = "/api/v1/entries/{id}/versions",
    operation_id = "listVersions",
    tag = "entries",
    params(("id" = i64, Path), WhichVersions),
    responses(
        (status = 200, body = Vec<Version>),
        (status = 404, body = Problem, content_type = "application/problem+json", description = "There is no such file"),
    )
)]
pub async fn versions(
    app: App,
    Path(id): Path<FileId>,
    Query(which): Query<WhichVersions>,
) -> problem::Result<Json<Vec<Version>>> {
    let limit = page_size(which.limit, MAX_LIMIT, MAX_LIMIT)?;
    let versions = app.look(move |library| library.versions(id, which.before, limit));
    Ok(Json(versions.await?))
}

impl EntryState {
    fn of(library: &Library, entry: Entry) -> Self {
        Self {
            searchable: library.searchable_through() >= entry.sequence,
            facts: known_facts(library, &entry.file_content()),
            entry: entry.into(),
        }
    }
}

#[derive(Debug)]
enum OneChange {
    Move(FilePath),
    Tag(Vec<String>),
    Trash,
    Restore,
    RestoreVersion(u32),
}

impl TryFrom<Change> for OneChange {
    type Error = Error;

    fn try_from(change: Change) -> Result<Self> {
        match (change.path, change.tags, change.trashed, change.version) {
            (Some(path), None, None, None) => Ok(Self::Move(FilePath::parse(&path)?)),
            (None, Some(tags), None, None) => Ok(Self::Tag(tags)),
            (None, None, Some(true), None) => Ok(Self::Trash),
            (None, None, Some(false), None) => Ok(Self::Restore),
            (None, None, None, Some(version)) => Ok(Self::RestoreVersion(version)),
            _ => Err(Error::invalid(
                "A change names exactly one of \"path\", \"tags\", \"trashed\" and \"version\"; send one PATCH for each.",
            )),
        }
    }
}

impl OneChange {
    fn apply(self, library: &Library, id: FileId) -> Result<Entry> {
        match self {
            Self::Move(path) => library.rename(id, &path),
            Self::Tag(tags) => library.set_tags(id, &tags),
            Self::Trash => library.trash(id),
            Self::Restore => library.restore(id),
            Self::RestoreVersion(number) => {
                library.restore_version(id, number)?;
                library.entry(id)
            }
        }
    }
}

/// The size of a page as it was asked for.
///
/// # Errors
/// [`Kind::Invalid`](crate::error::Kind::Invalid) if it is 0 or more than `most`.
pub fn page_size(asked: Option<usize>, default: usize, most: usize) -> Result<usize> {
    match asked {
        None => Ok(default),
        Some(limit) if (1..=most).contains(&limit) => Ok(limit),
        Some(limit) => Err(Error::invalid(format!(
            "limit is {limit}, but must be from 1 to {most}."
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(json: &str) -> Result<OneChange> {
        OneChange::try_from(serde_json::from_str::<Change>(json).unwrap())
    }

    #[test]
    fn a_change_is_exactly_one() {
        assert!(matches!(
            change(r#"{"path":"a/b"}"#),
            Ok(OneChange::Move(_))
        ));
        assert!(matches!(change(r#"{"tags":[]}"#), Ok(OneChange::Tag(_))));
        assert!(matches!(
            change(r#"{"trashed":true}"#),
            Ok(OneChange::Trash)
        ));
        assert!(matches!(
            change(r#"{"trashed":false}"#),
            Ok(OneChange::Restore)
        ));
        assert!(matches!(
            change(r#"{"version":2}"#),
            Ok(OneChange::RestoreVersion(2))
        ));
        assert!(change("{}").unwrap_err().sentence().contains("exactly one"));
        assert!(change(r#"{"path":"a","tags":[]}"#).is_err());
        assert!(change(r#"{"path":"../a"}"#).is_err());
        assert!(serde_json::from_str::<Change>(r#"{"name":"a"}"#).is_err());
    }

    #[test]
    fn pages_have_a_size_within_reason() {
        assert_eq!(page_size(None, 100, 1000).unwrap(), 100);
        assert_eq!(page_size(Some(1000), 100, 1000).unwrap(), 1000);
        assert!(page_size(Some(0), 100, 1000).is_err());
        assert!(page_size(Some(1001), 100, 1000).is_err());
    }
}
